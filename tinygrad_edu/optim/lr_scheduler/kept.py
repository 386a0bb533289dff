"""What a schedule's functions keep: a plain function nothing, an object that is called like one its attributes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from ...errors import type_name


def kept_by(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """A copy of what an object that is called like a function keeps in its attributes; None for a plain function."""
    if function is None or not isinstance(type(function).__call__, FunctionType) or not hasattr(function, "__dict__"):
        return None
    return {key: copy.deepcopy(value) for key, value in vars(function).items() if not key.startswith("_")}


def check_kept(owner: str, functions: Sequence[Any], states: Any) -> None:
    """Raise ValueError unless `states` are such as `kept_by` gives for these functions."""
    if not isinstance(states, list) or len(states) != len(functions):
        raise ValueError(f"{owner}.load_state_dict(): needed is what {len(functions)} functions keep, not {states!r}")
    for function, state in zip(functions, states):
        if (kept_by(function) is None) != (state is None):
            was = "a plain function" if state is None else f"an object with {', '.join(state) or 'no attributes'}"
            raise ValueError(
                f"{owner}.load_state_dict(): the state is of {was}, this schedule has a {type_name(function)}"
            )


def take_kept(function: Any, state: Mapping[str, Any] | None) -> None:
    """Give an object that is called like a function what it kept."""
    for key, value in copy.deepcopy(dict(state or {})).items():
        setattr(function, key, value)
