"""A function as a module, and in PyTorch's call form: one entry defines both.

An entry names the function and, as fields of a dataclass, the options that follow its input::

    @module_of(ops.leaky_relu)
    class LeakyReLU(OpModule):
        negative_slope: float = 0.01
        inplace: bool = False

    leaky_relu: Final = function_of(LeakyReLU)

The fields become the arguments of the module's constructor, its attributes, its text, and the arguments of the
function. `inplace` is accepted where PyTorch has it; the result is still a new tensor. An op without it has PyTorch's
call form already, and needs no `function_of`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, dataclass_transform

from ..engine.primitives import Operand
from ..tensors.tensor import Tensor
from .module.module import Module

K = TypeVar("K", bound="type[OpModule]")
P = ParamSpec("P")


class OpModule(Module):
    """A function without parameters; its options are public attributes."""

    _function: ClassVar[Any]
    _options: ClassVar[list[str]]  # in the order in which the function takes them

    def __post_init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """The function of x."""
        out: Tensor = self._function(x, **self._arguments()) if self._options else self._function(x)
        return out

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._options}

    def extra_repr(self) -> str:
        """The options."""
        shown = [*self._options, *(["inplace"] if getattr(self, "inplace", False) else [])]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)


@dataclass_transform(eq_default=False)
def module_of(function: Callable[..., Tensor]) -> Callable[[K], K]:
    """A decorator: the constructor's arguments are the options of an `OpModule`, and `function` is what it computes.

    A module with fields has its constructor made of them; where an argument is not a plain attribute, it defines its
    own.
    """

    def finish(kind: K) -> K:
        dataclass(repr=False, eq=False)(kind)
        kind._function = staticmethod(function)
        kind._options = [name for name in inspect.signature(kind).parameters if name != "inplace"]
        return kind

    return finish


def function_of(kind: Callable[P, OpModule]) -> Callable[Concatenate[Operand, P], Tensor]:
    """The function of a module in PyTorch's call form: the options, `inplace` as the last, follow the input."""
    module: Any = kind
    op, last = module._function, len(module._options)

    def function(input: Operand, *options: Any, **named: Any) -> Tensor:
        if len(options) > last:  # the last one is `inplace`, unless there are too many
            try:
                signature.bind(input, *options, **named)
            except TypeError as error:
                raise TypeError(f"{op.__name__}(): {error}") from None
            options = options[:last]
        named.pop("inplace", None)
        out: Tensor = op(input, *options, **named)
        return out

    first = inspect.Parameter("input", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Operand")
    more = inspect.signature(kind).parameters.values()
    signature = inspect.Signature([first, *more], return_annotation="Tensor")
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = op.__name__
    function.__module__, function.__doc__ = module.__module__, op.__doc__
    return function  # type: ignore[return-value]  # P is what stands in its signature
