"""One run of a function that is differentiated: what goes in, what comes out, and what may be wrong with either."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..autograd import running as autograd
from ..autograd.modes import enable_grad, is_grad_enabled
from ..engine.graph import Leaf, Link, TensorBase, count_uses
from ..engine.primitives import Operand, primitive
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError, describe
from ..sample_rules.families import elementwise
from ..tensors.creation import as_tensor
from ..tensors.tensor import Tensor
from ..trees import flatten, map_tree

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


class Run:
    """One run of a function, with the tensors that went in and those that came out.

    Attributes:
        outer: whether calls were recorded where the transform was called.
        inputs: the tensors that the function is differentiated with respect to.
        result: what it returned.
        outputs: the tensors in that, once `read` has looked.
        rebuild: makes of a list like `outputs` what is structured like them.
        create_graph: whether something beside the inputs may want a derivative of what comes out.
    """

    outer: bool
    inputs: list[Tensor]
    result: Any
    outputs: list[Tensor]
    rebuild: Callable[[list[Any]], Any]
    create_graph: bool

    def __init__(self, name: str, f: Callable[..., Any], args: Sequence[Any], places: Sequence[int]) -> None:
        self.inputs = []
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
                self.inputs.append(tensor)
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
        sources = [t.source for t in self.outputs if t.source is not None]
        self.create_graph = self.outer and self._reaches_out(sources)
        return self.outputs

    def _reaches_out(self, sources: list[Link]) -> bool:
        own = {t.source for t in self.inputs}
        return any(isinstance(link, Leaf) and link not in own for link in count_uses(sources))

    def is_recorded(self, seeds: Sequence[Any]) -> bool:
        """Whether what is computed of `seeds` may be differentiated again."""
        wanted = self.create_graph or any(isinstance(seed, TensorBase) and seed.source is not None for seed in seeds)
        return is_grad_enabled() and wanted

    def pull(self, seeds: Sequence[Any]) -> list[Tensor]:
        """The gradient of each input, for the gradients `seeds` of the outputs."""
        create = self.is_recorded(seeds)
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


def require_function(name: str, f: Any, argnums: Any = 0) -> None:
    """Raise TypeError for what PyTorch's functions of these names take: a value, or the point beside the function."""
    if not callable(f):
        way_out = ""
        if isinstance(f, TensorBase):
            way_out = (
                ". For the gradient of a computed tensor use tg.autograd.grad(loss, w), or loss.backward() and w.grad"
            )
        raise TypeError(f"{name}(): the first argument must be a function, got {describe(f)}{way_out}")
    if isinstance(argnums, TensorBase):
        raise TypeError(f"tg.{name}(f) gives a function of the point: write tg.{name}(f)(x), not tg.{name}(f, x)")


def in_order(name: str, what: str, given: Any) -> tuple[Any, ...]:
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


def start(
    name: str, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums
) -> tuple[Run, Callable[[list[Any]], Any]]:
    """Run `f`; with the run comes the function that builds the caller's tree of one value per input."""
    places = _places(name, argnums, args)
    run = Run(name, (lambda *a: f(*a, **kwargs)) if kwargs else f, args, places)
    tree = args[places[0]] if isinstance(argnums, int) else tuple(args[place] for place in places)
    return run, flatten(tree)[1]


def fitting(name: str, what: str, tree: Tree, tensors: Sequence[Tensor]) -> list[Tensor]:
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
