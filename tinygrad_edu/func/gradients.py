"""Gradients of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .running import Argnums, require_function, start


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Args:
        f: function that returns a tensor. If that is not a scalar, the sum of its elements is used, as
            everywhere in this library: the gradient of losses is that of their sum.
        argnums: the position of the argument to differentiate with respect to, or several. Such an argument is a
            tensor, array or float, or nested dicts, lists and tuples of them.
        has_aux: `f` returns a pair (tensor, anything), and the second is passed on.

    Returns:
        A function of the arguments of `f`. It returns the gradient, like the argument in structure, shapes
        and dtypes (a tuple of them, for several `argnums`), or the pair (gradient, anything). An argument that
        `f` ignores has a gradient of zeros.

    Raises:
        DtypeError: (when called) for an argument of integers.
        TypeError: (when called) if `f` does not return one tensor.

    >>> import tinygrad_edu as tg
    >>> cube = lambda x: x**3
    >>> tg.grad(cube)(2.0), tg.grad(tg.grad(cube))(2.0)
    (tensor(12.), tensor(12.))
    >>> tg.grad(lambda p, x: p["w"] * x + p["b"])({"w": 2.0, "b": 1.0}, tg.tensor([3.0, 4.0]))
    {'w': tensor(7.), 'b': tensor(2.)}
    """
    require_function("grad", f, argnums)
    both = _value_and_grad("grad", f, argnums, has_aux)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return derivative


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes `f` and its gradient at once.

    Args:
        f: as for `grad`.
        argnums: as for `grad`.
        has_aux: as for `grad`.

    Returns:
        A function of the arguments of `f` that returns the pair (value, gradient), or ((value, anything),
        gradient).

    >>> import tinygrad_edu as tg
    >>> tg.value_and_grad(lambda x: x**3)(2.0)
    (tensor(8.), tensor(12.))
    """
    require_function("value_and_grad", f, argnums)
    return _value_and_grad("value_and_grad", f, argnums, has_aux)


def _value_and_grad(name: str, f: Callable[..., Any], argnums: Argnums, has_aux: bool) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        run, build = start(name, f, args, kwargs, argnums)
        result, aux = run.result, None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{name}(): with has_aux=True the function must return a pair (tensor, anything)")
            result, aux = result
        if isinstance(result, dict | list | tuple):
            raise TypeError(
                f"{name}(): the function must return one tensor, it returned a {type(result).__name__}. "
                "Return their sum, pass has_aux=True for a pair (tensor, anything), or use tg.jacobian"
            )
        run.read(name, result)
        gradient = build(run.pull([None]))
        value = run.outside(result)
        return ((value, run.outside(aux)), gradient) if has_aux else (value, gradient)

    return both
