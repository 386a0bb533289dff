"""A module's numbers as a dictionary, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ...engine.graph import array_of
from ...engine.versions import mark_changed
from ...errors import StateError, refuse_mask, type_name
from ...tensors.tensor import Tensor
from ..uninitialized import Uninitialized
from .tree import ModuleTree


class IncompatibleKeys(NamedTuple):
    """The differences that `load_state_dict` found."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def state_dict(module: ModuleTree[Any], prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
    """The parameters and persistent buffers of `module` by their paths."""
    return OrderedDict(
        (name, value if keep_vars else value.detach()) for name, value in _persistent(module, prefix).items()
    )


def load_state_dict(
    module: ModuleTree[Any], state: Mapping[str, Any], strict: bool = True, caller: str = "load_state_dict()"
) -> IncompatibleKeys:
    """Copy the numbers of `state` into `module`: all of them, or (after an error, which names `caller`) none."""
    if not isinstance(state, Mapping):
        raise _no_mapping(state)
    own = _persistent(module, "")
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    arrays: dict[str, Any] = {}
    misfits = []
    for name, target in own.items():
        if name in state:
            value = state[name]
            if isinstance(value, Uninitialized):
                if not isinstance(target, Uninitialized):
                    misfits.append(
                        f"{name}: not initialized in the state_dict, from a lazy module before its first call"
                    )
                continue
            refuse_mask(value, f"{caller}: {name}")
            arrays[name] = array = np.asarray(array_of(value))
            if not isinstance(target, Uninitialized) and array.shape != target.shape:
                misfits.append(f"{name}: shape {array.shape} in the state_dict, {target.shape} in the module")
            elif not np.can_cast(array.dtype, target.dtype, "same_kind"):
                misfits.append(f"{name}: dtype {array.dtype} in the state_dict, {target.dtype} in the module")
    problems = [
        *([f"missing keys: {_listed(missing)}"] if strict and missing else []),
        *([f"unexpected keys: {_listed(unexpected)}"] if strict and unexpected else []),
        *misfits,
    ]
    if problems:
        hint = "" if misfits else "\nPass strict=False to load the keys that fit" if arrays else _inside(state, own)
        raise StateError(
            f"{caller} into {type(module).__name__}: the state_dict does not fit, and nothing was loaded.\n  "
            + "\n  ".join(problems)
            + hint
        )
    # Copies come first: `state` may hold views of the very arrays that are written to, and a cast that overflows warns,
    # which may be an error.
    for name, array in [(name, array.astype(own[name].dtype)) for name, array in arrays.items()]:
        target = own[name]
        if isinstance(target, Uninitialized):
            target.materialize(array.shape)
        np.copyto(target.array, array)
        mark_changed(target.array)
    return IncompatibleKeys(missing, unexpected)


def _no_mapping(given: Any) -> TypeError:
    hint = (
        ": load the file first, with tg.load(path); or load_safetensors(path)"
        if isinstance(given, str | PathLike)
        else ""
    )
    hint = ": pass its state_dict()" if hasattr(given, "state_dict") else hint
    return TypeError(f"load_state_dict() needs a mapping of names to tensors, got {type_name(given)}{hint}")


def _persistent(module: ModuleTree[Any], prefix: str) -> dict[str, Tensor]:
    """What a state_dict holds, by path: a tensor that is used in several places under each of its names."""
    found: dict[str, Tensor] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        start = prefix + (f"{path}." if path else "")
        for name, value in part._members("parameter"):
            found[start + name] = value
        for name, value in part._members("buffer"):
            if name not in part._transient:
                found[start + name] = value
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _inside(state: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Advice if the state_dict is one of several things in a dict, as in what a program has saved."""
    for name, part in state.items():
        if isinstance(part, Mapping) and own.keys() & part.keys():
            return f"\nThe entry {name!r} has such keys: pass that instead"
    return ""
