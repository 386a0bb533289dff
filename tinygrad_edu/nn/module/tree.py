"""What a module is made of: parameters, buffers and modules, registered by assigning them to attributes.

They are in the module's own `__dict__`, where reading them costs the same as any attribute; `_kinds` says which names
are registered, and as what.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from ...absent import instead
from ...engine.callsite import warn
from ...engine.graph import Leaf
from ...errors import foreign
from ...tensors.tensor import Tensor
from ..parameter import Parameter

Kind: TypeAlias = Literal["parameter", "buffer", "module"]
M = TypeVar("M", bound="ModuleTree[Any]")

if TYPE_CHECKING:
    from typing import Generic as _Of
else:

    class _Of:
        """In the place of `Generic`, which a user's class would then no longer be able to name first."""

        def __class_getitem__(cls, _):
            return cls


class ModuleTree(_Of[M]):
    """The registration of parts, and the walks over them; modules have the type M, `Module`."""

    _kinds: dict[str, Kind]  # the registered names in order, and what each of them is
    _transient: set[str]  # the buffers that a state_dict leaves out

    def __init__(self) -> None:
        self.__dict__["_kinds"] = {}
        self.__dict__["_transient"] = set()

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = self.__dict__.get("_kinds")
        kind: Kind | None = (
            "parameter" if isinstance(value, Parameter) else "module" if isinstance(value, ModuleTree) else None
        )
        if kinds is None:
            if kind is not None:
                raise AttributeError(
                    f"{type(self).__name__}.__init__ assigns the {kind} {name!r} before super().__init__() was called: "
                    "make super().__init__() its first line"
                )
        elif kind is not None and not isinstance(getattr(type(self), name, None), property):
            kinds[name] = kind
            self._transient.discard(name)
        elif kind is None and name in kinds:
            _require_assignable(self, name, kinds[name], value)
        elif kind is None and (hasattr(value, "parameters") or hasattr(value, "requires_grad")) and foreign(value):
            raise TypeError(f"{type(self).__name__}.{name} is {foreign(value)}")
        elif kind is None and sys._getframe(1).f_code.co_name == "__init__":
            _warn_of_lost(f"{type(self).__name__}.{name}", value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self.__dict__.get("_kinds", {}).pop(name, None)
        self.__dict__.get("_transient", set()).discard(name)

    def __getattr__(self, name: str) -> Any:
        """Say what is missing: Python comes here only when there is no such attribute."""
        who = type(self).__name__
        if "_kinds" not in self.__dict__ and not name.startswith("__"):
            text = f"{who} has no attribute {name!r} yet: its __init__ must call super().__init__() first"
        else:
            text = f"{who} has no attribute {name!r}"
            text += instead(name)
        raise AttributeError(text, name=name, obj=self)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the name for a parameter that may come later.

        Raises:
            TypeError: if it is not a Parameter.
            KeyError: if the name is taken, empty or has a dot in it.
        """
        self._register(name, "parameter", param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not learnt, such as a mask.

        Args:
            name: the attribute it becomes.
            tensor: its value, or None.
            persistent: whether it is part of the `state_dict`.

        Raises:
            TypeError: if it is not a Tensor.
            KeyError: if the name is taken, empty or has a dot in it.

        >>> import tinygrad_edu as tg
        >>> m = tg.nn.Module()
        >>> m.register_buffer("scale", tg.tensor([2.0]))
        >>> m.scale, list(m.state_dict())
        (tensor([2.]), ['scale'])
        """
        self._register(name, "buffer", tensor)
        if not persistent:
            self._transient.add(name)

    def register_module(self, name: str, module: M | None) -> None:
        """Add a module under `name`; the same as `add_module`.

        Raises:
            TypeError: if it is not a Module.
            KeyError: if the name is taken, empty or has a dot in it.
        """
        self._register(name, "module", module)

    def add_module(self, name: str, module: M | None) -> None:
        """Add a module under `name`; the same as `register_module`."""
        self.register_module(name, module)

    def _register(self, name: str, kind: Kind, value: Any) -> None:
        kinds = self._kinds
        cls, wanted = _KINDS[kind]
        if value is not None and not isinstance(value, cls):
            hint = ": wrap a tensor in nn.Parameter(…)" if kind == "parameter" else ""
            raise TypeError(f"register_{kind}({name!r}) needs {wanted}, got {type(value).__name__}{hint}")
        if not isinstance(name, str):
            raise TypeError(f"the name of a {kind} is a string, got {name!r}")
        if not name or "." in name:
            raise KeyError(f"{name!r} cannot be the name of a {kind}: a name is not empty and has no dot in it")
        if kinds.get(name) != kind and hasattr(self, name):
            raise KeyError(
                f"{type(self).__name__} already has an attribute {name!r}: choose another name for the {kind}"
            )
        kinds[name] = kind
        self._transient.discard(name)
        self.__dict__[name] = value

    # Walks

    def _members(self, kind: Kind) -> list[tuple[str, Any]]:
        values = self.__dict__
        return [(name, values[name]) for name, k in self._kinds.items() if k == kind and values[name] is not None]

    def _named(self, kind: Kind, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        here = cast("M", self)
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, here)]
        for path, module in modules:
            for name, value in module._members(kind):
                if remove_duplicate:
                    if id(value) in seen:
                        continue
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_modules(
        self, memo: set[M] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, M]]:
        """This module and all modules inside it, each with its path, parents before their children.

        Args:
            memo: modules to leave out; each module found is added to it.
            prefix: what to put in front of every path.
            remove_duplicate: include a module that is used in several places only once.

        >>> from tinygrad_edu import nn
        >>> [path for path, _ in nn.Sequential(nn.Sequential(nn.Tanh()), nn.Tanh()).named_modules()]
        ['', '0', '0.0', '1']
        """
        here = cast("M", self)
        memo = set() if memo is None else memo
        if here in memo:
            return
        if remove_duplicate:
            memo.add(here)
        yield prefix, here
        for name, module in self._members("module"):
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[M]:
        """This module and all modules inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, M]]:
        """The modules directly inside, each once, with their names."""
        seen: set[int] = set()
        for name, module in self._members("module"):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[M]:
        """The modules directly inside, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths.

        Args:
            prefix: what to put in front of every path.
            recurse: include those of the modules inside.
            remove_duplicate: include a parameter that is used in several places only once.

        >>> from tinygrad_edu import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).named_parameters()]
        ['0.weight', '0.bias', '1.weight', '1.bias']
        """
        return self._named("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths; the arguments are those of `named_parameters`."""
        return self._named("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> M:
        """The module at the path `target`, such as ``"encoder.0"``; this one for ``""``.

        Raises:
            AttributeError: if there is none; the message lists the names where the path ends.
        """
        module: Any = self
        walked: list[str] = []
        for name in target.split(".") if target else ():
            if module._kinds.get(name) != "module" or module.__dict__[name] is None:
                known = ", ".join(repr(n) for n, _ in module._members("module")) or "no modules"
                where = f" at {'.'.join(walked)!r}" if walked else ""
                raise AttributeError(
                    f"get_submodule({target!r}): {type(module).__name__}{where} has no module {name!r}, it has {known}"
                )
            walked.append(name)
            module = module.__dict__[name]
        return cast("M", module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path `target`, such as ``"encoder.0.weight"``.

        Raises:
            AttributeError: if there is none; the message lists the names where the path ends.
        """
        return cast("Parameter", self._get("parameter", target))

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the path `target`.

        Raises:
            AttributeError: if there is none; the message lists the names where the path ends.
        """
        return cast("Tensor", self._get("buffer", target))

    def _get(self, kind: Kind, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        members = dict(module._members(kind))
        if name not in members:
            where = f" at {path!r}" if path else ""
            known = ", ".join(map(repr, members)) or "none"
            raise AttributeError(
                f"get_{kind}({target!r}): {type(module).__name__}{where} has no {kind} {name!r}, it has {known}"
            )
        return members[name]


_KINDS: dict[Kind, tuple[type, str]] = {
    "parameter": (Parameter, "a Parameter or None"),
    "buffer": (Tensor, "a Tensor or None"),
    "module": (ModuleTree, "a Module or None"),
}


def _warn_of_lost(what: str, value: Any) -> None:
    """Warn of parts of a model that parameters() does not find, so that no optimizer will train them."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if any(isinstance(part, ModuleTree) for part in parts):
        holder = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
        warn(f"{what} is a {type(value).__name__} of modules, whose parameters are not found: use {holder}")
    elif any(isinstance(part, Parameter) for part in parts):
        holder = "nn.ParameterDict" if isinstance(value, dict) else "nn.ParameterList"
        warn(f"{what} is a {type(value).__name__} of parameters, which are not found: use {holder}")
    elif isinstance(value, Tensor) and isinstance(value.source, Leaf):
        warn(f"{what} requires a gradient, but is not a parameter of the module: wrap it in nn.Parameter(…)")


def _require_assignable(module: ModuleTree[Any], name: str, kind: Kind, value: Any) -> None:
    """Raise if a plain `value` may not take the place of what is registered as `name`."""
    if value is None or (kind == "buffer" and isinstance(value, Tensor)):
        return
    hint = ": wrap it in nn.Parameter(…), or change the numbers with .data = …" if kind == "parameter" else ""
    given = foreign(value) or f"{'a plain' if isinstance(value, Tensor) else 'a'} {type(value).__name__}"
    text = (
        f"{type(module).__name__}.{name} is a {kind}, and cannot be set to {given}; it takes {_KINDS[kind][1]}{hint}. "
        f"To make {name!r} a plain attribute, first `del module.{name}`"
    )
    raise TypeError(text)
