"""The parameters of a layer written by hand, and where on the object their gradients are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..dtypes import Array
from .subject import Input, is_floating

_STEP = re.compile(r"""\.?([A-Za-z_]\w*)|\[(-?\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_PARTNERS = {
    **dict.fromkeys(("params", "parameters"), ("grads", "gradients")),
    **dict.fromkeys(("data", "value", "array"), ("grad", "gradient")),
}
_OF_THE_INPUT = ("dinputs", "dinput", "dx", "dX", "grad_inputs", "grad_input", "grad_x")
_NOT_OPENED = {*sys.stdlib_module_names, "numpy"}


@dataclass(frozen=True)
class Path:
    """A way from an object to something in it.

    Attributes:
        steps: pairs of the kind of step, "." or "[", and the name of an attribute, a key, or an index.

    >>> str(Path.parse('layers[0].params["W"]'))
    "layers[0].params['W']"
    """

    steps: tuple[tuple[str, Any], ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """A path as written after the object.

        Raises:
            ValueError: if it is not a path.
        """
        steps: list[tuple[str, Any]] = []
        at = 0
        while at < len(text):
            match = _STEP.match(text, at)
            if match is None:
                raise ValueError(f"gradcheck_layer: {text!r} is not a path: write W, layers[0].W or params['W']")
            name, index, *keys = match.groups()
            key = next((k for k in keys if k is not None), None)
            steps.append((".", name) if name else ("[", key if index is None else int(index)))
            at = match.end()
        return cls(tuple(steps))

    def __str__(self) -> str:
        return "".join([f".{key}" if kind == "." else f"[{key!r}]" for kind, key in self.steps]).removeprefix(".")

    def get(self, owner: Any) -> Any:
        """What is there.

        Raises:
            LookupError: if nothing is.
        """
        for kind, key in self.steps:
            try:
                owner = getattr(owner, key) if kind == "." else owner[key]
            except (AttributeError, LookupError, TypeError) as error:
                raise LookupError(str(self)) from error
        return owner

    def get_number(self, owner: Any) -> Any:
        """The array, or the number, that is there; None if there is none."""
        try:
            found = self.get(owner)
        except LookupError:
            return None
        numeric = isinstance(found, float | int | np.number) or (
            isinstance(found, np.ndarray) and found.dtype.kind in "fiu"
        )
        return found if numeric and not isinstance(found, bool) else None

    def set(self, owner: Any, value: Any) -> None:
        """Put something there."""
        kind, key = self.steps[-1]
        holder = Path(self.steps[:-1]).get(owner)
        if kind == ".":
            setattr(holder, key, value)
        else:
            holder[key] = value

    def partners(self) -> Iterator[Path]:
        """Where the gradient may be, by the names that are usual."""
        *rest, (kind, key) = self.steps
        for name in _partners(key):
            yield Path((*rest, (kind, name)))
        if kind == "[" and rest:
            *first, (where, container) = rest
            for name in _partners(container):
                for inner in (key, *_partners(key)):
                    yield Path((*first, (where, name), (kind, inner)))


def _partners(name: Any) -> tuple[str, ...]:
    if not isinstance(name, str):
        return ()
    return (f"d{name}", f"grad_{name}", f"{name}_grad", *_PARTNERS.get(name, ()))


@dataclass(frozen=True)
class Pair:
    """A parameter, and its gradient.

    Attributes:
        parameter, gradient: where they are.
        held: what the object has there.
    """

    parameter: Path
    gradient: Path
    held: Any

    @property
    def value(self) -> Array:
        """The parameter as an array."""
        return np.asarray(self.held)

    def __str__(self) -> str:
        return f"{self.parameter} in {self.gradient}"


def candidates(layer: Any, *, near: bool = False) -> dict[Path, Any]:
    """All floating arrays and numbers in an object and in what it holds.

    Args:
        layer: the object.
        near: to open only what has a `backward`, and containers.
    """
    return {
        path: value
        for path, value in _everything(layer, near=near)
        if is_floating(value) or isinstance(value, float | np.floating)
    }


def layers_in(layer: Any) -> dict[Path, Any]:
    """An object, and all in it, in attributes, lists and dicts, that have a `backward`; with the ways to them."""
    return {path: value for path, value in _everything(layer) if _is_layer(value)}


def with_zero_grad(layer: Any) -> list[Any]:
    """The object itself if it has a `zero_grad`; else the objects in it that have one."""
    if callable(getattr(layer, "zero_grad", None)):
        return [layer]
    return [part for part in layers_in(layer).values() if callable(getattr(part, "zero_grad", None))]


def _everything(layer: Any, *, near: bool = False) -> Iterator[tuple[Path, Any]]:
    """What there is in an object and in the containers and objects that it holds, each of these once."""
    stack: list[tuple[tuple[tuple[str, Any], ...], Any]] = [((), layer)]
    seen: set[int] = set()
    while stack:
        steps, value = stack.pop()
        held = _parts(value, near)
        if held is not None and id(value) in seen:
            continue
        yield Path(steps), value
        if held is not None:
            seen.add(id(value))
            stack.extend([((*steps, step), part) for step, part in reversed(held)])


def _parts(value: Any, near: bool) -> list[tuple[tuple[str, Any], Any]] | None:
    """What a container or an object of the user's has, with the steps that lead there; None for anything else."""
    if isinstance(value, Mapping):
        return [(("[", key), part) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [(("[", i), part) for i, part in enumerate(value)]
    closed = isinstance(value, type | FunctionType) or type(value).__module__.split(".")[0] in _NOT_OPENED
    if not _is_layer(value) and (near or closed):
        return None
    return [((".", name), part) for name, part in attributes(value).items()]


def _is_layer(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "backward", None))


def attributes(value: Any) -> dict[str, Any]:
    """The instance attributes of an object, those in `__slots__` included."""
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)]
    return {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}


def _slots(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    return [name for name in ([names] if isinstance(names, str) else names) if not name.startswith("__")]


def pairs_by_name(layer: Any, kept: Sequence[Path], after: Any) -> tuple[list[Pair], list[Path]]:
    """The parameters that have a gradient beside them, and those that have none.

    Args:
        layer: the object.
        kept: the floating arrays and numbers in it that a forward leaves alone: no caches of it.
        after: a copy of the object after a backward.

    Raises:
        ValueError: if there are arrays, but no gradient beside any of them.
    """
    pairs: dict[int | Path, Pair] = {}
    alone: dict[int | Path, Path] = {}
    usual = candidates(layer, near=True)
    beside = {partner for path in candidates(after) for partner in path.partners()}
    for path in kept:
        held = path.get(layer)
        key = id(held) if is_floating(held) else path  # one array may be held in several places
        gradient = next((p for p in path.partners() if p.get_number(after) is not None), None)
        if gradient is not None:
            pairs.setdefault(key, Pair(path, gradient, held))
        elif path in usual and is_floating(held) and path not in beside:
            alone.setdefault(key, path)
    unpaired = [path for key, path in alone.items() if key not in pairs]
    if unpaired and not pairs:
        raise ValueError(
            f"gradcheck_layer: after a backward of {type(layer).__name__} there is no gradient beside any of its "
            f"arrays, such as d{unpaired[0].steps[-1][1]}. It has {listed(after)}: say which is which, "
            f"grads={{{str(unpaired[0])!r}: ...}}, or grads={{}} if it has no parameters"
        )
    return list(pairs.values()), unpaired


def gradients_left(given: Sequence[Input], after: Any, named: Mapping[str, str]) -> dict[int, Path]:
    """Where on the object a backward has left the gradients of inputs, by their places.

    Args:
        given: the inputs.
        after: a copy of the object after a backward.
        named: where those are that a user has named; else they are looked for by the names that are usual.

    Raises:
        ValueError: if one that is named is not there.
    """
    found: dict[int, Path] = {}
    for place, one in enumerate(given):
        if one.name in named:
            found[place] = _there(named[one.name], after)
        if not one.checked or named:
            continue
        names = [*_partners(one.name), *(() if found else _OF_THE_INPUT)]
        paths = [Path(((".", name),)) for name in names]
        shaped = [path for path in paths if np.shape(path.get_number(after)) == one.value.shape]
        held = [path for path in shaped if is_floating(path.get_number(after)) and path not in found.values()]
        if held:
            found[place] = held[0]
    return found


def pairs_given(layer: Any, grads: Mapping[str, str], after: Any) -> list[Pair]:
    """The pairs that a user has named.

    Args:
        layer: the object.
        grads: for each parameter its gradient, both as paths.
        after: a copy of the object after a backward.

    Raises:
        ValueError: if one is not there.
    """
    pairs = []
    for name, where in grads.items():
        parameter = Path.parse(name)
        held = parameter.get_number(layer)
        if not (is_floating(held) or isinstance(held, float | np.floating)):
            raise ValueError(f"gradcheck_layer: there is no floating {name!r} to be checked. It has {listed(layer)}")
        pairs.append(Pair(parameter, _there(where, after), held))
    return pairs


def _there(where: str, after: Any) -> Path:
    """A path to a gradient."""
    path = Path.parse(where)
    if path.get_number(after) is None:
        raise ValueError(f"gradcheck_layer: after a backward there is no {where!r}. It has {listed(after)}")
    return path


def listed(layer: Any) -> str:
    """The floating arrays and numbers of an object, with their shapes, and its other attributes."""
    arrays = {str(path): np.shape(value) for path, value in candidates(layer).items()}
    others = [name for name in attributes(layer) if not any(re.match(rf"{name}\b", text) for text in arrays)]
    return ", ".join([*[f"{name} {shape}" for name, shape in arrays.items()], *others]) or "no attributes"


def narrow_arrays(layer: Any) -> Iterator[Array]:
    """All arrays of less than float64 in an object, and in whatever it holds."""
    stack, seen = [layer], set()
    while stack:
        value = stack.pop()
        if id(value) in seen or isinstance(value, type | ModuleType | FunctionType):
            continue
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and value.dtype.itemsize < 8:
                yield value
        elif isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            stack.extend(value)
        else:
            stack.extend(attributes(value).values())
