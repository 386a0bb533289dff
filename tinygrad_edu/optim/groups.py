"""Parameter groups: which parameters an optimizer changes, with which options; both are checked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ..dtypes import require_float
from ..engine.graph import TensorBase
from ..errors import foreign, type_name
from ..nn.uninitialized import Uninitialized
from ..tensors.tensor import Tensor
from .options import require_between, require_order

Group: TypeAlias = dict[str, Any]
"""Parameters under "params", and the options that are theirs."""

Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Group]
"""Tensors, (name, tensor) pairs, or parameter groups: dicts with "params" and options of their own."""

# Keys that a group may have besides "params" and the options: labels, and what schedules note down, PyTorch's included.
_NOTES = {"initial_lr", "name", "param_names", "max_lr", "min_lr", "max_momentum", "base_momentum"}


class ParameterGroups:
    """What an optimizer is given: parameters, in groups with options of their own."""

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        name = type(self).__name__
        self._check(defaults, name)
        given: Any = params
        if isinstance(given, TensorBase):
            raise TypeError(f"{name}: params is one tensor, not an iterable of tensors: pass [tensor]")
        if hasattr(given, "parameters") or isinstance(given, dict) or not isinstance(given, Iterable):
            hint = "its .parameters()" if hasattr(given, "parameters") else "a list of tensors or of groups"
            hint = "what it returns: call it, with ()" if callable(given) and hint[0] == "a" else hint
            raise TypeError(f"{name}: params is a {type(given).__name__}: pass {hint}")
        require_order(name, given)
        given = list(given)
        if not given:
            raise ValueError(
                f"{name}: params is empty, there is nothing to optimize. "
                "Has the model parameters, and was its generator used up by an earlier loop?"
            )
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise ValueError if an option has a wrong value; a subclass adds its own."""

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters with options of their own.

        Args:
            param_group: "params" (a tensor, tensors, or (name, tensor) pairs) and any of the options.

        Raises:
            ValueError: for no parameters, one that is computed or there already, an unknown or wrong option.
            DtypeError: for a parameter that is not floating-point.
            TypeError: for something that is no tensor.

        >>> import tinygrad_edu as tg
        >>> w, b = tg.tensor([1.0], requires_grad=True), tg.tensor([0.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.1)
        >>> optimizer.add_param_group({"params": b, "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        name = f"{type(self).__name__}, group {len(self.param_groups)}"
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: a parameter group is a dict with 'params', got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError(f"{name}: the group has no 'params', only {', '.join(param_group)}")
        params = param_group["params"]
        require_order(name, params)
        entries: list[Any] = [params] if isinstance(params, TensorBase) else list(params)
        if not entries:
            raise ValueError(f"{name}: 'params' is empty, there is nothing to optimize")
        named = [entry for entry in entries if isinstance(entry, tuple)]
        if named and len(named) != len(entries):
            raise ValueError(f"{name}: {len(named)} of {len(entries)} parameters have a name: give all or none one")
        group = {**self.defaults, **param_group}
        group["params"] = [entry[1] for entry in entries] if named else entries
        if named:
            group["param_names"] = [entry[0] for entry in entries]
        self._check_params(name, group)
        self._check(group, name)
        self.param_groups.append(group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"  group {index}: {len(group['params'])} parameters")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _check(self, options: Mapping[str, Any], name: str) -> None:
        """Check the names and values of the options of the group called `name`."""
        unknown = options.keys() - self.defaults.keys() - _NOTES - {"params"}
        if unknown:
            raise ValueError(
                f"{name}: unknown option {sorted(unknown)[0]!r} of a group: it may have {', '.join(self.defaults)}"
            )
        for key in ("lr", "weight_decay"):
            if key in options:
                require_between(name, options, key)
        self.check_options(options)

    def _check_params(self, name: str, group: Group) -> None:
        known = {id(p): "another group" for p in self._parameters()}
        for index, p in enumerate(group["params"]):
            label = repr(group["param_names"][index]) if "param_names" in group else str(index)
            if not isinstance(p, TensorBase):
                hint = ", not a Tensor: pass a dict for every group" if isinstance(p, dict) else ", not a Tensor"
                raise TypeError(f"{name}: parameter {label} is {foreign(p) or f'a {type_name(p)}{hint}'}")
            if id(p) in known:
                raise ValueError(
                    f"{name}: parameter {label}{_shape(p)} is also in {known[id(p)]}: it would be changed twice in a "
                    "step"
                )
            known[id(p)] = "this group, a second time"
            if isinstance(p, Uninitialized):  # its numbers come with the first call of its module
                continue
            require_float(p.array.dtype, f"{name}: parameter {label}")
            if not p.is_leaf:  # type: ignore[attr-defined]
                raise ValueError(
                    f"{name}: parameter {label}, of shape {p.array.shape}, was computed from others, "
                    "and changing it would not change those: pass what it was made of, or .detach() it"
                )
            if not p.array.flags.writeable:
                raise ValueError(f"{name}: the memory of parameter {label} is read-only: pass a copy, tg.tensor(...)")


def _shape(p: TensorBase) -> str:
    return "" if isinstance(p, Uninitialized) else f", of shape {p.array.shape},"
