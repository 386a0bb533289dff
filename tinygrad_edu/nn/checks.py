"""Checks of the arguments of modules."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import describe, require_own, type_name
from ..tensors.tensor import Tensor


def count(module: str, name: str, value: Any, least: int = 0) -> int:
    """`value` as a Python integer, if it is an integer and at least `least`."""
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{module}: {name} is a number of things, so an integer; got {value!r}") from None
    if number < least:
        raise ValueError(f"{module}: {name} must be at least {least}, got {number}")
    return int(number)


def probability(name: str, p: Any, argument: str = "p") -> float:
    """`p` as a float, if it is between 0 and 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: {argument}={p} is not a probability: it must be between 0 and 1")
    return float(p)


def axes_in_words(number: int) -> str:
    """A number of axes, in words."""
    return "1 axis" if number == 1 else f"{number} axes"


def first_place(wrong: Any) -> tuple[int, ...]:
    """The index of the first True in an array of booleans that has one."""
    return tuple(int(i) for i in np.argwhere(wrong)[0])


def several(name: str, tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The tensor, or the tensors, as a list."""
    if not isinstance(tensors, tuple):  # which elsewhere is what an LSTM returns
        require_own(name, tensors)
    if hasattr(tensors, "parameters"):
        raise TypeError(f"{name}: got a {type(tensors).__name__} in the place of tensors: pass its .parameters()")
    many = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    require_own(name, *many)
    for i, tensor in enumerate(many):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: number {i} is a {type_name(tensor)}, not a tensor: wrap it in tg.tensor(…)")
    return many


def refuse_data(kind: type, args: tuple[Any, ...]) -> None:
    """Raise TypeError if the class `kind` is called with the data that belongs in a call of the module."""
    data = [value for value in args if isinstance(value, Tensor | np.ndarray)]
    if not data:
        return
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    own = kind.__module__.startswith(f"{__package__}.")
    for place, value in enumerate(args):
        if isinstance(value, Tensor | np.ndarray) and not _takes(parameters, place, own):
            needed = ", ".join(p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD)
            inputs = "x" if len(data) == 1 else "input, target"
            raise TypeError(
                f"{kind.__name__}({', '.join(map(describe, args))}): make the module first, and call it with the data "
                f"then: {kind.__name__}({needed})({inputs})"
            )


def _takes(parameters: list[inspect.Parameter], place: int, own: bool) -> bool:
    """Whether a tensor may be the argument at this place; of classes that are not ours, only their number is known."""
    if place >= len(parameters) or parameters[place].kind is inspect.Parameter.KEYWORD_ONLY:
        return bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
    parameter = parameters[place]
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return False
    return not own or any(word in str(parameter.annotation) for word in ("Tensor", "Parameter", "Any", "Module"))
