"""The position of a loader: what to save so that another one continues from the same place.

A position is a few numbers. The order of an epoch follows from its base seed and from what the generators were at its
start; so it is drawn again, as far as it had been drawn, and batches already returned are skipped unread.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..ops.generator import AnyGenerator, Generator, default_generator
from .sampler import is_count

VERSION = 1
MOMENT: dict[str, type] = {"generators": list, "stateful": list}
EPOCH: dict[str, type] = {"base_seed": int, "batches": int, "drawn": int, "ended": bool, "start": Mapping}


class Place(NamedTuple):
    """A place in an epoch.

    Attributes:
        base_seed: what all random numbers of the epoch follow from.
        start: the states of the loader's sources when the base seed had been drawn.
        batches: how many have been handed out.
        drawn: how often a sampler was asked for the numbers of the next one, which workers are ahead with.
        ended: whether a stream, read by the main thread, has given all its samples.
    """

    base_seed: int
    start: Mapping[str, Any]
    batches: int = 0
    drawn: int = 0
    ended: bool = False


class Sources:
    """What a loader's epochs follow from, and what changes from one to the next.

    Args:
        generator: the loader's own.
        order: its sampler or batch sampler, which may have others inside; None for a stream.
        dataset: what it reads.

    Attributes:
        generators: all generators but the default one, which is shared.
        stateful: the samplers, or the stream, that have `state_dict` and `load_state_dict`.
    """

    def __init__(self, generator: AnyGenerator | None, order: Any, dataset: Any) -> None:
        samplers = list(chain(order))
        generators = [generator, *(getattr(sampler, "generator", None) for sampler in samplers)]
        distinct = {id(g): g for g in generators if isinstance(g, Generator | np.random.Generator)}
        self.generators: list[AnyGenerator] = [g for g in distinct.values() if g is not default_generator]
        keepers = [dataset] if order is None else samplers
        self.stateful: list[Any] = [
            keeper for keeper in keepers if hasattr(keeper, "state_dict") and hasattr(keeper, "load_state_dict")
        ]

    def moment(self) -> dict[str, Any]:
        """The states of all of them, now."""
        return {
            "generators": [_state(generator) for generator in self.generators],
            "stateful": [copy.deepcopy(keeper.state_dict()) for keeper in self.stateful],
        }

    def check(self, moment: Mapping[str, Any]) -> None:
        """Raise ValueError unless the generators can take up these states. They stay as they are."""
        for name, here in (("generators", self.generators), ("stateful", self.stateful)):
            if len(moment[name]) != len(here):
                what = "generators of its own" if name == "generators" else "samplers or datasets with a state_dict"
                raise ValueError(
                    f"it was saved with {len(moment[name])} {what}, this loader has {len(here)}: make both the same"
                )
        for generator, state in zip(self.generators, moment["generators"]):
            try:
                _set_state(copy.deepcopy(generator), state)
            except Exception as error:
                raise ValueError(f"the state of a generator in it is damaged, or of another kind: {error}") from error

    def set_generators(self, moment: Mapping[str, Any]) -> None:
        """Set the generators to these states."""
        for generator, state in zip(self.generators, moment["generators"]):
            _set_state(generator, state)

    def load_stateful(self, states: Iterable[Any]) -> None:
        """Give each sampler, or the stream, its state: all of them, or none if one refuses."""
        before = [copy.deepcopy(keeper.state_dict()) for keeper in self.stateful]
        try:
            for keeper, state in zip(self.stateful, states):
                keeper.load_state_dict(copy.deepcopy(state))
        except Exception:
            for keeper, state in zip(self.stateful, before):
                keeper.load_state_dict(state)
            raise

    @contextmanager
    def as_at(self, moment: Mapping[str, Any]) -> Iterator[None]:
        """Inside the block the generators are as they were at that moment; afterwards as they were before."""
        before = self.moment()
        self.set_generators(moment)
        try:
            yield
        finally:
            self.set_generators(before)


def check_state(state: Any, own: Mapping[str, Any], batches: int | None) -> None:
    """Raise ValueError unless it is what `state_dict` of a loader with the same options returned.

    Args:
        state: what was given.
        own: what must be equal, with its values in this loader.
        batches: how many there are in an epoch of it, if that is known.
    """
    if not isinstance(state, Mapping) or state.get("loader") != VERSION:
        raise ValueError("it is not what state_dict() of a DataLoader returned")
    _check_parts(state, {"now": Mapping})
    _check_parts(state["now"], MOMENT)
    if not isinstance(state.get("make"), Mapping) or state["make"].keys() != own.keys():
        raise ValueError("it is damaged: 'make' is not what a DataLoader saves")
    for name, here in own.items():
        if state["make"][name] != here:
            raise ValueError(f"{name} is {state['make'][name]!r} in it, and {here!r} in this loader")
    if state.get("epoch", state) is None:
        return
    _check_parts(state, {"epoch": Mapping})
    epoch = state["epoch"]
    _check_parts(epoch, EPOCH)
    _check_parts(epoch["start"], MOMENT)
    done, drawn = epoch["batches"], epoch["drawn"]
    if not 0 <= done <= drawn or (batches is not None and drawn > batches + 1):
        raise ValueError(f"it is damaged: {done} batches handed out, {drawn} drawn, of {batches}")
    if not 0 <= epoch["base_seed"] < 2**63:
        raise ValueError(f"it is damaged: base_seed {epoch['base_seed']}")


def _check_parts(parts: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        value = parts.get(name)
        if not (is_count(value) if kind is int else isinstance(value, kind)):
            raise ValueError(f"it is damaged: {name!r} is missing, or not a {kind.__name__}")


def chain(order: Any) -> Iterator[Any]:
    """A sampler, the one that it draws from, and so on."""
    seen: list[Any] = []
    while order is not None and not any(order is other for other in seen):
        seen.append(order)
        yield order
        order = getattr(order, "sampler", None)


def length(sized: Any) -> int | None:
    """How long it is, if that is known."""
    try:
        return len(sized)
    except (TypeError, NotImplementedError):
        return None


def _state(generator: AnyGenerator) -> Any:
    return generator.get_state() if isinstance(generator, Generator) else copy.deepcopy(generator.bit_generator.state)


def _set_state(generator: AnyGenerator, state: Any) -> None:
    if isinstance(generator, Generator):
        generator.set_state(state)
    else:
        generator.bit_generator.state = copy.deepcopy(state)
