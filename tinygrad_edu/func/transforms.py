"""Derivatives of functions: functions go in, and functions (or derivatives) come out.

A function here takes tensors, arrays and numbers, or nested dicts, lists and tuples of them, and returns
a tensor, or several. None of these transforms changes the `.grad` of anything, and all work under
`no_grad()`, whose block then just gets constants. They nest: the gradient of a gradient is
``grad(lambda x: grad(f)(x).sum())``. Where the function reads other tensors that require a gradient, or a
tensor of an outer transform, the results can be differentiated with respect to those as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..autograd import running as autograd
from ..autograd.modes import enable_grad, is_grad_enabled
from ..engine.graph import Leaf, Link, count_uses
from ..engine.primitives import Operand, primitive
from ..engine.recording import TensorBase, make_tensor
from ..errors import DtypeError, ShapeError, describe
from ..sample_rules.families import elementwise
from ..tensors.creation import as_tensor
from ..tensors.tensor import Tensor
from ..trees import flatten, map_tree

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Tree: TypeAlias = Any
"""A tensor, or nested dicts, lists and tuples of tensors."""

Argnums: TypeAlias = int | Sequence[int]


@primitive(
    vjps=(lambda g, out, x: g,),
    saves=("",),
    cases=lambda draw: [(draw(2, 3),), (draw(),), (draw(0),)],
    samples=elementwise,
)
def _entrance(x: Operand) -> Operand:
    """`x` itself, as a new tensor: the point at which a transform differentiates."""
    return x


class _Run:
    """One run of a function, with the tensors that went in and those that came out."""

    def __init__(self, name: str, f: Callable[..., Any], args: Sequence[Any], places: Sequence[int]) -> None:
        if not callable(f):
            raise _no_function(name, f)
        inputs: list[Tensor] = []
        self.outer = is_grad_enabled()

        def enter(index: int) -> Callable[[Any], Tensor]:
            def make(value: Any) -> Tensor:
                tensor = as_tensor(value)
                if tensor.dtype.kind != "f":
                    raise DtypeError(
                        f"{name}(): argument {index} has dtype {tensor.dtype}: only floating-point numbers "
                        "have a derivative. Write 3.0 for 3, or call .float()"
                    )
                if tensor.source is None or not self.outer:
                    tensor = make_tensor(tensor.array, Leaf(tensor.shape, tensor.dtype))
                else:
                    tensor = _entrance(tensor)
                inputs.append(tensor)
                return tensor

            return make

        with enable_grad():
            entered = list(args)
            for place in places:
                entered[place] = map_tree(enter(place), args[place])
            try:
                self.result = f(*entered)
            except TypeError as error:
                if clash := _does_not_take(f, entered):
                    raise TypeError(f"{name}(): the function {clash}{_HOW_TO_CALL.get(name, '')}") from error
                raise
        self.inputs = inputs

    def read(self, name: str, result: Any) -> list[Tensor]:
        """The tensors in `result`, which the function returned."""
        if result is None:
            raise TypeError(f"{name}(): the function returned None: does it end without a return?")
        self.outputs, self.rebuild = flatten(result)
        for output in self.outputs:
            if not isinstance(output, TensorBase):
                raise TypeError(
                    f"{name}(): the function must return tensors, it returned {type(output).__name__}. "
                    "Does it call .item(), .numpy() or float() on the way?"
                )
            if output.array.dtype.kind != "f":
                raise DtypeError(f"{name}(): the function returned dtype {output.array.dtype}, which has no derivative")
        # Whether something other than the inputs may want a derivative of what comes out.
        sources = [t.source for t in self.outputs if t.source is not None]
        self.create_graph = self.outer and self._reaches_out(sources)
        return self.outputs

    def _reaches_out(self, sources: list[Link]) -> bool:
        own = {t.source for t in self.inputs}
        return any(isinstance(link, Leaf) and link not in own for link in count_uses(sources))

    def pull(self, seeds: Sequence[Any], create_graph: bool | None = None) -> list[Tensor]:
        """The gradient of each input, for the gradients `seeds` of the outputs."""
        create = self.create_graph if create_graph is None else create_graph
        pairs = [(out, seed) for out, seed in zip(self.outputs, seeds, strict=True) if out.source is not None]
        found: Sequence[Tensor | None] = [None] * len(self.inputs)
        if pairs and self.inputs:
            outputs, gradients = zip(*pairs, strict=True)
            found = autograd.grad(
                outputs, self.inputs, gradients, retain_graph=True, create_graph=create, allow_unused=True
            )
        return [
            make_tensor(np.zeros_like(t.array), None) if g is None else g
            for g, t in zip(found, self.inputs, strict=True)
        ]

    def outside(self, value: Any) -> Any:
        """`value` as the caller gets it: a constant, unless there is more to differentiate with respect to."""
        if self.create_graph:
            return value
        return map_tree(lambda t: t.detach() if isinstance(t, Tensor) else t, value)


_HOW_TO_CALL = {
    "vjp": ". All that follows the function is its arguments, and the vector comes later: value, pull = tg.vjp(f, x); "
    "pull(v)",
    "jvp": ". The first tuple has its arguments, the second a direction for each: tg.jvp(f, (x,), (v,))",
    "hvp": ". The first tuple has its arguments, the second a vector for each: tg.hvp(f, (x,), (v,))",
}


def _does_not_take(f: Callable[..., Any], args: Sequence[Any]) -> str:
    """What is wrong with the number of arguments, if that is why the call of `f` failed."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # a function that is not written in Python
        return ""
    try:
        signature.bind(*args)
    except TypeError as error:
        return f"was called with {len(args)} argument{'s' * (len(args) != 1)}: {error}"
    return ""


def _require_function(name: str, f: Any, argnums: Any = 0) -> None:
    """Raise TypeError for what PyTorch's functions of these names take: a value, or the point beside the function."""
    if not callable(f):
        raise _no_function(name, f)
    if isinstance(argnums, TensorBase):
        raise TypeError(f"tg.{name}(f) gives a function of the point: write tg.{name}(f)(x), not tg.{name}(f, x)")


def _no_function(name: str, f: Any) -> TypeError:
    way_out = ""
    if isinstance(f, TensorBase):
        way_out = (
            ". The gradient of a tensor that is computed: tg.autograd.grad(loss, w), or loss.backward() and w.grad"
        )
    return TypeError(f"{name}(): the first argument must be a function, got {describe(f)}{way_out}")


def _several(name: str, what: str, given: Any) -> tuple[Any, ...]:
    """The arguments of the function, which come in a list or tuple: a tensor alone would be taken apart by rows."""
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"{name}(): {what} is {describe(given)}, it must be a tuple with one entry for each argument of the "
            f"function: {name}(f, (x,), (v,))"
        )
    return tuple(given)


def _places(name: str, argnums: Argnums, args: Sequence[Any]) -> list[int]:
    places = [argnums] if isinstance(argnums, int) else list(argnums)
    for place in places:
        if not -len(args) <= place < len(args):
            raise ValueError(f"{name}(): argnums={argnums}, but the function was called with {len(args)} arguments")
    return [place % len(args) for place in places]


def _run(
    name: str, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums
) -> tuple[_Run, Callable[[list[Any]], Any]]:
    """Run `f`; with the run comes the function that builds the caller's tree of one value per input."""
    places = _places(name, argnums, args)
    run = _Run(name, (lambda *a: f(*a, **kwargs)) if kwargs else f, args, places)
    tree = args[places[0]] if isinstance(argnums, int) else tuple(args[place] for place in places)
    return run, flatten(tree)[1]


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Args:
        f: function that returns a tensor. One that is not a scalar stands for the sum of its elements, as
            everywhere in this library: the derivative of losses is that of their sum.
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
    _require_function("grad", f, argnums)
    both = _value_and_grad("grad", f, argnums, has_aux)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return derivative


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes `f` and its gradient in one go.

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
    _require_function("value_and_grad", f, argnums)
    return _value_and_grad("value_and_grad", f, argnums, has_aux)


def _value_and_grad(name: str, f: Callable[..., Any], argnums: Argnums, has_aux: bool) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        run, build = _run(name, f, args, kwargs, argnums)
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


def vjp(f: Callable[..., Any], *primals: Tree) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """The value of `f`, and the function that pulls gradients of the value back to the arguments.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        *primals: all of its arguments.

    Returns:
        The pair (value, pull). ``pull(gradient)`` takes a gradient like the value in structure and shapes,
        and returns a tuple with the gradient of each argument. It may be called any number of times.

    Raises:
        DtypeError: for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> value, pull = tg.vjp(lambda x, y: x * y, tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    >>> pull(tg.tensor([1.0, 10.0]))
    (tensor([ 3., 40.]), tensor([ 1., 20.]))
    """
    run, build = _run("vjp", f, primals, {}, range(len(primals)))
    outputs = run.read("vjp", run.result)

    def pull(gradient: Tree) -> tuple[Any, ...]:
        seeds = _like("vjp", "gradient", gradient, outputs)
        create = is_grad_enabled() and (run.create_graph or any(seed.source is not None for seed in seeds))
        return tuple(build(run.pull(seeds, create)))

    return run.outside(run.result), pull


def jvp(f: Callable[..., Any], primals: Sequence[Tree], tangents: Sequence[Tree]) -> tuple[Any, Any]:
    """The value of `f`, and how it changes when the arguments move along `tangents`.

    This is the product of the Jacobian with a vector, where a backward pass gives that of a vector with the
    Jacobian. The backward pass is linear in the gradient that enters it, so a second backward pass, through
    the first and by that gradient, transposes it: about three times the price of a gradient.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        primals: the arguments of `f`.
        tangents: for each argument the direction, like it in structure and shapes.

    Returns:
        The pair (value, tangent), alike in structure, shapes and dtypes.

    Raises:
        DtypeError: for an argument of integers.
        ShapeError: if a tangent is not like its argument.

    >>> import tinygrad_edu as tg
    >>> tg.jvp(lambda x: x * x, (tg.tensor([1.0, 2.0]),), (tg.tensor([1.0, 0.5]),))
    (tensor([1., 4.]), tensor([2., 2.]))
    """
    _require_function("jvp", f)
    primals, tangents = _several("jvp", "primals", primals), _several("jvp", "tangents", tangents)
    run, _ = _run("jvp", f, primals, {}, range(len(primals)))
    outputs = run.read("jvp", run.result)
    directions = _like("jvp", "tangents", tangents, run.inputs)
    create = is_grad_enabled() and (run.create_graph or any(t.source is not None for t in directions))
    entering = [make_tensor(np.zeros_like(t.array), Leaf(t.shape, t.dtype)) for t in outputs]
    with enable_grad():
        gradients = run.pull(entering, create_graph=True)
    pairs = [(g, t) for g, t in zip(gradients, directions, strict=True) if g.source is not None]
    found: Sequence[Tensor | None] = [None] * len(entering)
    if pairs:
        ends, along = zip(*pairs, strict=True)
        found = autograd.grad(ends, entering, along, create_graph=create, allow_unused=True)
    moved = [t.detach() if g is None else g for g, t in zip(found, entering, strict=True)]
    return run.outside(run.result), run.rebuild(moved)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Jacobian of `f`: the derivative of every output with respect to every input.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        argnums: the position of the argument to differentiate with respect to, or several, as for `grad`.

    Returns:
        A function of the arguments of `f`. For an output of shape (…out) and an argument of shape (…in) it
        returns a tensor of shape (…out, …in): in nested structures, the argument's structure inside the
        output's. It makes one backward pass for each element of the output.

    Raises:
        DtypeError: (when called) for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> tg.jacobian(lambda x: x * x)(tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _require_function("jacobian", f, argnums)
    return _jacobian("jacobian", f, argnums)


def _jacobian(name: str, f: Callable[..., Any], argnums: Argnums) -> Callable[..., Any]:
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run, build = _run(name, f, args, kwargs, argnums)
        outputs = run.read(name, run.result)
        blocks = []
        for place, output in enumerate(outputs):
            rows = []
            for index in np.ndindex(*output.shape):
                one = np.zeros_like(output.array)
                one[index] = 1
                seeds = [one if i == place else np.zeros_like(t.array) for i, t in enumerate(outputs)]
                rows.append(run.pull(seeds))
            blocks.append(build([_block(output, t, [row[i] for row in rows]) for i, t in enumerate(run.inputs)]))
        return run.rebuild(blocks)

    return derivative


def _block(output: Tensor, point: Tensor, rows: list[Tensor]) -> Any:
    """The gradients of all elements of `output`, as one tensor of its shape and then that of `point`."""
    shape = output.shape + point.shape
    return np.stack(rows).reshape(shape) if rows else make_tensor(np.zeros(shape, point.dtype), None)


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of `f`: its second derivatives.

    Args:
        f: function that returns a tensor.
        argnums: the position of the argument to differentiate with respect to, or several, as for `grad`.

    Returns:
        A function of the arguments of `f`. For an output of shape (…out) and an argument of shape (…in) it
        returns a tensor of shape (…out, …in, …in); in nested structures, and for several `argnums`,
        the argument's structure inside itself.

    Raises:
        DtypeError: (when called) for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> tg.hessian(lambda x: (x**3).sum())(tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _require_function("hessian", f, argnums)
    return _jacobian("hessian", _jacobian("hessian", f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Tree], vectors: Sequence[Tree]) -> tuple[Any, Any]:
    """The value of `f`, and the product of its Hessian with a vector, without the Hessian.

    Args:
        f: function that returns a tensor; one that is not a scalar stands for the sum of its elements.
        primals: the arguments of `f`.
        vectors: for each argument a vector, like it in structure and shapes.

    Returns:
        The pair (value, product); the product is a tuple like the primals. Computed as the gradient of
        gradient · vector (Pearlmutter 1994), at about twice the price of a gradient.

    Raises:
        DtypeError: for an argument of integers.
        ShapeError: if a vector is not like its argument.

    >>> import tinygrad_edu as tg
    >>> tg.hvp(lambda x: x**3, (tg.tensor([1.0, 2.0]),), (tg.tensor([1.0, 10.0]),))
    (tensor([1., 8.]), (tensor([  6., 120.]),))
    """
    _require_function("hvp", f)
    primals, vectors = _several("hvp", "primals", primals), _several("hvp", "vectors", vectors)
    values = []

    def gradients(*args: Any) -> Any:
        value, gradient = _value_and_grad("hvp", f, range(len(args)), False)(*args)
        values.append(value)
        return gradient

    run, build = _run("hvp", gradients, primals, {}, range(len(primals)))
    outputs = run.read("hvp", run.result)
    seeds = _like("hvp", "vectors", vectors, outputs)
    create = is_grad_enabled() and (run.create_graph or any(seed.source is not None for seed in seeds))
    return run.outside(values[0]), tuple(build(run.pull(seeds, create)))


def _like(name: str, what: str, tree: Tree, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The leaves of `tree` as tensors, after a check that they fit `tensors` one by one."""
    leaves = flatten(tree)[0]
    if len(leaves) != len(tensors):
        raise ShapeError(f"{name}(): {what} has {len(leaves)} tensors where {len(tensors)} are needed, one for each")
    fitted = []
    for index, (leaf, tensor) in enumerate(zip(leaves, tensors, strict=True)):
        given = as_tensor(leaf)
        if given.shape != tensor.shape:
            raise ShapeError(f"{name}(): {what} {index} has shape {given.shape}, it must have {tensor.shape}")
        fitted.append(given if given.dtype == tensor.dtype else as_tensor(given, tensor.dtype))
    return fitted
