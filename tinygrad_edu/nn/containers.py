"""Containers: modules in a row, and modules and parameters in lists and dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar, overload

from ..errors import foreign, type_name
from ..tensors.tensor import Tensor
from .module.module import Module
from .module.text import tree_text
from .module.tree import Kind
from .parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

T = TypeVar("T", bound=Module | Parameter)


class _Numbered(Module, Generic[T]):
    """Parts under the names "0", "1", …: what Sequential, ModuleList and ParameterList share."""

    _kind: Kind = "module"

    def _names(self) -> list[str]:
        return [name for name, kind in self._kinds.items() if kind == self._kind]

    def _parts(self) -> list[T]:
        return [part for _, part in self._members(self._kind)]

    def _rebuild(self, parts: Iterable[T]) -> None:
        """Hold these parts instead: those that have a name keep it, the others are numbered."""
        names = {id(part): name for name, part in self._members(self._kind) if not name.isdigit()}
        for name in self._names():
            delattr(self, name)
        for index, part in enumerate(parts):
            self._add(names.get(id(part), str(index)), part)

    def _add(self, name: str, part: Any) -> None:
        if not isinstance(part, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {_no_module(part)}")
        self.register_module(name, part)

    def _name(self, index: int) -> str:
        names = self._names()
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__}: index {index} is out of range, there are {len(names)} parts")
        return names[index]

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[T]:
        return iter(self._parts())

    def __contains__(self, part: object) -> bool:
        return any(own is part for own in self._parts())

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> T | Self:
        if isinstance(index, slice):
            chosen = self._names()[index]
            named = any(not name.isdigit() for name in chosen)
            part = type(self).__new__(type(self))
            Module.__init__(part)
            for i, name in enumerate(chosen):
                part._add(name if named else str(i), self.__dict__[name])
            return part
        return self.__dict__[self._name(index.__index__())]  # type: ignore[no-any-return]

    def __setitem__(self, index: int, part: T) -> None:
        self._add(self._name(index.__index__()), part)

    def __delitem__(self, index: int | slice) -> None:
        parts = self._parts()
        if not isinstance(index, slice):
            self._name(index)
        del parts[index]
        self._rebuild(parts)

    def append(self, part: T) -> Self:
        """Add a part at the end."""
        self._add(str(len(self)), part)
        return self

    def extend(self, parts: Iterable[T]) -> Self:
        """Add several parts at the end."""
        for part in list(parts):
            self.append(part)
        return self

    def insert(self, index: int, part: T) -> Self:
        """Add a part before the one at `index`."""
        parts = self._parts()
        parts.insert(index, part)
        self._rebuild(parts)
        return self

    def pop(self, index: int = -1) -> T:
        """Remove the part at `index`, and return it."""
        part = self[index]
        del self[index]
        return part

    def __iadd__(self, parts: Iterable[T]) -> Self:
        return self.extend(parts)


class Sequential(_Numbered[Module]):
    """Modules in sequence: each gets the output of the one before.

    Args:
        args: the modules, which get the names ``"0"``, ``"1"``, …; or one ordered dictionary with names.

    Raises:
        TypeError: if one of them is not a module.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> net(tg.zeros(3, 4)).shape, net[0], len(net[1:])
    ((3, 2), Linear(in_features=4, out_features=8, bias=True), 2)
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self._add(name, module)
        else:
            for index, part in enumerate(args):
                self._add(str(index), part)

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(index)

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def forward(self, x: Any) -> Any:
        """The output of the last module; `x` itself if there are none."""
        for module in self._parts():
            x = module(x)
        return x


class ModuleList(_Numbered[Module]):
    """A list of modules, registered so that their parameters are found.

    Args:
        modules: the modules.

    Raises:
        TypeError: if one of them is not a module.

    >>> from tinygrad_edu import nn
    >>> nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs: list[tuple[int, int, str]] = []  # first, last, text
        for index, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], index, text)
            else:
                runs.append((index, index, text))
        children = [
            (f"({first})", text) if first == last else (f"({first}-{last})", f"{last - first + 1} x {text}")
            for first, last, text in runs
        ]
        return tree_text(type(self).__name__, "", children)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """A list of modules computes nothing by itself."""
        raise NotImplementedError("ModuleList cannot be called: loop over its modules, or use Sequential")


class _OfParameters(Module):
    """What ParameterList and ParameterDict share."""

    _kind: Kind = "parameter"

    def _add(self, name: str, part: Any) -> None:
        if not isinstance(part, Tensor):
            raise TypeError(f"{type(self).__name__} holds parameters, got {type(part).__name__} {part!r:.60}")
        self.register_parameter(name, part if isinstance(part, Parameter) else Parameter(part))

    def __repr__(self) -> str:
        children = [(f"({name})", f"Parameter of shape {p.shape}, {p.dtype}") for name, p in self._members("parameter")]
        return tree_text(type(self).__name__, "", children)


class ParameterList(_OfParameters, _Numbered[Parameter]):
    """A list of registered parameters; a plain tensor in it becomes a Parameter.

    Args:
        values: the parameters.

    Raises:
        TypeError: for anything but a tensor.

    >>> import tinygrad_edu as tg
    >>> len(list(tg.nn.ParameterList([tg.zeros(2), tg.ones(3)]).parameters()))
    2
    """

    def __init__(self, values: Iterable[Parameter | Tensor] | None = None) -> None:
        super().__init__()
        for value in values or ():
            self._add(str(len(self)), value)


class _Named(Module, Generic[T]):
    """Parts under names of the user's: what ModuleDict and ParameterDict share."""

    def _add(self, name: str, part: Any) -> None:
        raise NotImplementedError

    def update(self, parts: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add the parts of a dictionary or a list of pairs, replacing those with the same names."""
        for name, part in parts.items() if isinstance(parts, Mapping) else parts:
            self._add(name, part)

    def _known(self, name: str) -> str:
        if name not in self._kinds:
            raise KeyError(f"{type(self).__name__} has no {name!r}, it has {list(self._kinds)}")
        return name

    def __getitem__(self, name: str) -> T:
        return self.__dict__[self._known(name)]  # type: ignore[no-any-return]

    def __setitem__(self, name: str, part: T) -> None:
        self._add(name, part)

    def __delitem__(self, name: str) -> None:
        delattr(self, self._known(name))

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._kinds))

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def keys(self) -> Iterable[str]:
        """The names."""
        return list(self._kinds)

    def values(self) -> Iterable[T]:
        """The parts."""
        return [self.__dict__[name] for name in self._kinds]

    def items(self) -> Iterable[tuple[str, T]]:
        """The names with the parts."""
        return [(name, self.__dict__[name]) for name in self._kinds]

    def get(self, name: str, default: Any = None) -> Any:
        """The part with that name, or `default`."""
        return self.__dict__[name] if name in self._kinds else default

    def pop(self, name: str) -> T:
        """Remove the part with that name, and return it."""
        part = self[name]
        del self[name]
        return part

    def clear(self) -> None:
        """Remove all parts."""
        for name in list(self._kinds):
            delattr(self, name)


class ModuleDict(_Named[Module]):
    """A dictionary of modules, registered so that their parameters are found.

    Args:
        modules: a mapping of names to modules, or pairs of both.

    Raises:
        TypeError: if one of them is not a module.
        KeyError: if a name is empty, has a dot in it, or is that of a method.

    >>> from tinygrad_edu import nn
    >>> nn.ModuleDict({"a": nn.Tanh(), "b": nn.ReLU()})["b"]
    ReLU()
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def _add(self, name: str, part: Any) -> None:
        if not isinstance(part, Module):
            raise TypeError(f"ModuleDict holds modules, got for {name!r} {_no_module(part)}")
        self.register_module(name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """A dictionary of modules computes nothing by itself."""
        raise NotImplementedError("ModuleDict cannot be called: call one of its modules, module_dict[name](x)")


class ParameterDict(_OfParameters, _Named[Parameter]):
    """A dictionary of registered parameters; a plain tensor in it becomes a Parameter.

    Args:
        parameters: a mapping of names to parameters, or pairs of both.

    Raises:
        TypeError: for anything but a tensor.
        KeyError: if a name is empty, has a dot in it, or is that of a method.

    >>> import tinygrad_edu as tg
    >>> [name for name, _ in tg.nn.ParameterDict({"shift": tg.zeros(2)}).named_parameters()]
    ['shift']
    """

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)


def _no_module(part: Any) -> str:
    """What was given in the place of a module, and what to give."""
    if isinstance(part, type) and issubclass(part, Module):
        return f"the class {part.__name__}: make a module of it, {part.__name__}(…)"
    if isinstance(part, list | tuple) and part:
        return "a list of them: pass them one by one, Sequential(*modules)"
    if callable(part) and not foreign(part):
        name = getattr(part, "__name__", type(part).__name__)
        return f"the function {name}: use the module of that name, or call it in the forward() of a Module of your own"
    return foreign(part) or f"{type_name(part)} {part!r:.60}"
