"""Seeds and generators: where random numbers come from. The same seed gives the same numbers."""

from __future__ import annotations

import copy
import threading
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..engine.observing import computed, watched
from ..errors import describe
from .casting import check_device

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


class Generator:
    """A source of random numbers with its own state.

    Args:
        device: ``"cpu"``.

    Attributes:
        numpy: the NumPy generator that it uses.

    >>> import tinygrad_edu as tg
    >>> g = tg.Generator().manual_seed(0)
    >>> a = tg.rand(2, generator=g)
    >>> b = tg.rand(2, generator=g.manual_seed(0))
    >>> (a == b).all()
    tensor(True)
    """

    def __init__(self, device: Any = None) -> None:
        check_device(device, "Generator")
        self.device = "cpu"
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Restart from `seed`, any integer; returns the generator itself.

        Raises:
            TypeError: if it is not an integer.

        >>> import tinygrad_edu as tg
        >>> tg.Generator().manual_seed(5).initial_seed()
        5
        """
        try:
            self._seed = seed.__index__()
        except AttributeError:
            raise TypeError(f"manual_seed({seed!r}): a seed is an integer, got {type(seed).__name__}") from None
        self.numpy: np.random.Generator = np.random.default_rng(self._seed % 2**64)
        return self

    def seed(self) -> int:
        """Restart from an unpredictable seed, and return it.

        >>> import tinygrad_edu as tg
        >>> g = tg.Generator()
        >>> g.seed() == g.initial_seed()
        True
        """
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that it last started from.

        >>> import tinygrad_edu as tg
        >>> tg.Generator().initial_seed()
        0
        """
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """The state, to be given to `set_state` later.

        >>> import tinygrad_edu as tg
        >>> sorted(tg.Generator().get_state())
        ['seed', 'state']
        """
        return {"seed": self._seed, "state": copy.deepcopy(dict(self.numpy.bit_generator.state))}

    def set_state(self, state: dict[str, Any]) -> Generator:
        """Continue from a state that `get_state` returned; returns the generator itself.

        Raises:
            ValueError: if it is not a generator's state; the generator is then unchanged.

        >>> import tinygrad_edu as tg
        >>> g = tg.Generator()
        >>> state = g.get_state()
        >>> a = tg.rand(2, generator=g)
        >>> tg.equal(a, tg.rand(2, generator=g.set_state(state)))
        True
        """
        try:
            seed = state["seed"].__index__()
            numpy = copy.deepcopy(self.numpy)
            numpy.bit_generator.state = copy.deepcopy(state["state"])  # which changes a part before it complains
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"set_state: needs what get_state() of a Generator returned ({error!r})") from error
        self.numpy.bit_generator.state = numpy.bit_generator.state
        self._seed = seed
        return self


AnyGenerator: TypeAlias = Generator | np.random.Generator

default_generator: Generator = Generator()
default_generator.seed()


Recipe: TypeAlias = tuple[int, ...]
"""A generator that is not made yet, as it may never be asked: a seed, and integers >= 0 that tell it from others."""


class _StandIn(threading.local):
    """The replacement of the default generator in a thread: a generator, or a recipe until the first draw.

    Code that sets it restores the former value, by an assignment in a `finally`, as Ctrl-C may come at any call.
    What other threads draw, and what is drawn from a generator that is named, stays as it is.
    """

    generator: Generator | Recipe | None = None


stand_in: _StandIn = _StandIn()


def _default() -> Generator:
    """The default generator, or its replacement in this thread."""
    current = stand_in.generator
    if current is None:
        return default_generator
    if isinstance(current, tuple):
        seed, *key = current
        made = np.random.SeedSequence(seed, spawn_key=tuple(key)).generate_state(1, np.uint64)[0]
        current = stand_in.generator = Generator().manual_seed(int(made))
    return current


def manual_seed(seed: int) -> Generator:
    """Restart the default generator from `seed`, and return it.

    >>> import tinygrad_edu as tg
    >>> _ = tg.manual_seed(7)
    >>> a = tg.randn(3)
    >>> _ = tg.manual_seed(7)
    >>> (a == tg.randn(3)).all()
    tensor(True)
    """
    return _default().manual_seed(seed)


def seed() -> int:
    """Restart the default generator from an unpredictable seed, and return it.

    >>> import tinygrad_edu as tg
    >>> seed = tg.seed()
    >>> seed == tg.initial_seed()
    True
    """
    return _default().seed()


def initial_seed() -> int:
    """The seed that the default generator last started from.

    >>> import tinygrad_edu as tg
    >>> _ = tg.manual_seed(3)
    >>> tg.initial_seed()
    3
    """
    return _default().initial_seed()


def get_rng_state() -> dict[str, Any]:
    """The state of the default generator, to be given to `set_rng_state` later.

    >>> import tinygrad_edu as tg
    >>> state = tg.get_rng_state()
    >>> a = tg.rand(3)
    >>> tg.set_rng_state(state)
    >>> tg.equal(a, tg.rand(3))
    True
    """
    return _default().get_state()


def set_rng_state(state: dict[str, Any]) -> None:
    """Let the default generator continue from a state that `get_rng_state` returned.

    Raises:
        ValueError: if it is not a generator's state.

    >>> import tinygrad_edu as tg
    >>> state = tg.manual_seed(0).get_state()
    >>> a = tg.randn(3)
    >>> tg.set_rng_state(state)
    >>> tg.equal(a, tg.randn(3))
    True
    """
    _default().set_state(state)


def draw(generator: AnyGenerator | None, name: str, *args: Any, **options: Any) -> Any:
    """Random numbers, by the method `name` of NumPy's generators: all that the library draws is drawn here."""
    method = getattr(numpys(generator), name)
    if watched:
        return computed("random", name, partial(method, **options), args)
    return method(*args, **options)


def numpys(generator: AnyGenerator | None) -> np.random.Generator:
    """NumPy's generator inside `generator`, or inside the default one; TypeError for anything else."""
    if generator is None or generator is default_generator:
        return _default().numpy
    if isinstance(generator, Generator):
        return generator.numpy
    given: object = generator
    if isinstance(given, np.random.Generator):
        return given
    seed = given if isinstance(given, int) else 0
    raise TypeError(
        f"generator: got {describe(given)}, it must be a Generator: write generator=tg.Generator().manual_seed({seed})"
    )
