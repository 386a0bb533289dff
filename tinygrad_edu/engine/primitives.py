"""Primitives: the functions whose derivative is a rule of their own, and the registry of them.

`@primitive` turns a NumPy function into an op. The op takes tensors, arrays and numbers alike. Given no
tensor it is just the NumPy function, which is why the rules, written with these same ops, run at NumPy
speed in a plain backward pass and record themselves in a differentiable one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

from ..precision import in_float32
from .op import Cases, Primitive, Rule
from .recording import recorder
from .views import read_only_if_shared

if TYPE_CHECKING:
    from .typing import SampleRule, Tensor

__all__ = [
    "NUMPY_FUNCTIONS",
    "PRIMITIVES",
    "Operand",
    "Primitive",
    "implements",
    "primitive",
]

Operand: TypeAlias = Any
"""What an op computes with: a Tensor, an array, a number, or a nested list of numbers."""

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


PRIMITIVES: dict[str, Primitive] = {}
"""The registry: every op by its name, those that only other ops use among them."""

NUMPY_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What a NumPy function does when it is called on a Tensor."""


def implements(*functions: Callable[..., Any]) -> Callable[[F], F]:
    """Make the decorated function what NumPy's `functions` do on Tensors."""

    def register(handler: F) -> F:
        for function in functions:
            NUMPY_FUNCTIONS[function] = handler
        return handler

    return register


def _refuse_to_replace(name: str, functions: tuple[Callable[..., Any], ...], forward: Callable[..., Any]) -> None:
    """Raise if the library has an op of this name or for these functions; a user's own may be defined again."""
    old = PRIMITIVES.get(name)
    if old is not None and _is_of_the_library(old.forward) and not _same_place(old.forward, forward):
        raise ValueError(
            f"there is an op {name!r} already, in {old.forward.__module__}: give this one another name, "
            f"as in @primitive(name='my_{name}', …)"
        )
    for function in functions:
        handler = NUMPY_FUNCTIONS.get(function)
        if handler is not None and _is_of_the_library(handler) and not _same_place(handler, forward):
            raise ValueError(
                f"numpy={function.__name__}: what NumPy's function does on a Tensor is defined already, in "
                f"{handler.__module__}. Leave numpy= out, and call the op by its own name"
            )


def _as_it_is(function: F) -> F:
    return function


def _is_of_the_library(function: Callable[..., Any]) -> bool:
    return _module_of(function).split(".")[0] == __name__.split(".")[0]


def _module_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__module__", None) or ""  # one made by eval() may have none


def _without_views(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function, whose result cannot be written to where it is a view of an argument after all."""

    @wraps(forward)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        if isinstance(result, tuple):
            return tuple([read_only_if_shared(part, args) for part in result])
        return read_only_if_shared(result, args)

    return call


def _same_place(old: Callable[..., Any], new: Callable[..., Any]) -> bool:
    """Whether it is the same definition, executed again when its module is reloaded."""
    return (_module_of(old), old.__name__) == (_module_of(new), getattr(new, "__name__", ""))


def primitive(
    *,
    vjps: Sequence[Rule | None] = (),
    joint: Rule | None = None,
    saves: Sequence[str] | None = None,
    fresh: bool = False,
    name: str | None = None,
    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    domain: tuple[float, float] = (-2.0, 2.0),
    cases: Cases | None = None,
    symmetric: bool = False,
    single: bool = False,
    samples: SampleRule | None = None,
    view: bool = False,
) -> Callable[[Callable[P, Any]], Callable[P, Tensor]]:
    """Make the decorated NumPy function a differentiable op.

    Args:
        vjps: for each argument its rule, called as ``rule(g, out, *args)`` with the gradient `g` of the
            result, the result and the arguments; it returns the gradient of that argument. None for an
            argument without a derivative, which is a constant then. Those after the last rule are options: a tensor
            with a gradient in their place is a GraphError. Write rules with operators and ops of this library, and
            the op can be differentiated any number of times. Broadcasting is undone for you.
        joint: one rule for all arguments instead, called with ``needs=`` as well (a sequence that is None
            where no gradient is wanted); it returns a gradient, or None, per argument.
        saves: for each argument what its rule reads by value, as names of parameters separated by
            blanks, and ``out`` for the result. What no rule reads is not kept in memory: the rule
            finds in its place an object with just `shape` and `dtype`. Default: everything is kept.
        fresh: promise that each rule returns `g` itself or a new array, never a view, an argument or the
            result, so that what it returns may be kept without a copy.
        name: the op's name in messages, default the function's.
        numpy: the NumPy functions that are this op when they are called on a Tensor. A ufunc that comes
            first is called in the function's place: the two must be the same.
        domain: interval from which the generic tests draw the arguments.
        cases: argument lists for the generic tests, made with the function that they pass in.
        symmetric: declare that the first argument is a symmetric matrix, that one triangle of it is read, and
            that its gradient is symmetric: the tests then move both halves together.
        single: compute float16 in float32, in the function and its rules, and round once at the end.
        samples: how the samples of a batch stay apart in it: the rule of its family, such as
            ``tg.sample_rules.elementwise``. Without one, per-sample gradients are slower, not wrong.
        view: declare that the result may be a view of the first argument, and that there are other arguments: a change
            of either is then seen in the other. Without it, a view cannot be written to.

    Returns:
        A decorator. The op it makes returns a Tensor if any argument is one, else an array.

    Raises:
        ValueError: from the decorator, if the library has an op of that name, or one for a function of `numpy`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> @tg.primitive(vjps=(lambda g, out, x: g * 3 * x**2,), saves=("x",))
    ... def cube(x):
    ...     return x * x * x
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    def decorate(forward: Callable[P, Any]) -> Callable[P, Tensor]:
        functions = numpy if isinstance(numpy, tuple) else (numpy,)
        called = name or getattr(forward, "__name__", "op").strip("_")
        _refuse_to_replace(called, functions, forward)
        raised = in_float32 if single else _as_it_is
        known = view or _is_of_the_library(forward)  # of the library's own ops, tests know which may give views
        op = Primitive(
            raised(forward if known else _without_views(forward)),
            name=called,
            vjps=[rule and raised(rule) for rule in vjps],
            joint=joint and raised(joint),
            saves=saves,
            fresh=fresh,
            numpy=functions,
            domain=domain,
            cases=cases,
            symmetric=symmetric,
            samples=samples,
            view=view,
        )
        call = recorder(op)
        call.__name__ = call.__qualname__ = getattr(forward, "__name__", op.name)
        call.__doc__ = forward.__doc__
        call.__module__ = _module_of(forward)
        call.__wrapped__ = forward  # type: ignore[attr-defined]
        call.primitive = op  # type: ignore[attr-defined]
        PRIMITIVES[op.name] = op
        for function in functions:
            NUMPY_FUNCTIONS[function] = call
        return cast("Callable[P, Tensor]", call)

    return decorate
