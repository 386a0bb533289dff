"""Backpropagation: running a backward pass, where gradients enter it, and where they are kept."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.backprop import backpropagate
from ..engine.graph import After, Leaf, Link, TensorBase, Watch, array_of
from ..engine.observing import mode
from ..engine.recording import lift, make_tensor
from ..engine.versions import mark_changed
from ..errors import DtypeError, GraphError, ShapeError, refuse_mask
from .modes import Recording
from .tallies import Tally, hooks_ran, nothing, see, tally_of, unknown

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["backward", "grad"]


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add to the `.grad` of every leaf the derivative of the sum of all elements of `tensors`.

    Args:
        tensors: a tensor, or several, of any shape.
        grad_tensors: for each tensor the gradient to start from, of its shape (or one that broadcasts to
            it); None for ones, which gives the derivative of the sum.
        retain_graph: keep the graph for another backward pass; default, the value of `create_graph`.
        create_graph: record the backward pass itself, so that gradients can be differentiated again.

    Raises:
        GraphError: if a tensor does not depend on any tensor that requires a gradient, the graph was
            freed by an earlier pass, or a saved tensor was overwritten. No gradient has changed then.
        ShapeError: if a gradient does not have the shape of its tensor.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> tg.autograd.backward([x * x, 10 * x])
    >>> x.grad
    tensor([12., 14., 16.])
    """
    outputs, seeds = _pairs(tensors, grad_tensors)
    roots = [(_source(t, "backward()"), seed(t, g, create_graph)) for t, g in zip(outputs, seeds, strict=True)]
    retain = create_graph if retain_graph is None else retain_graph
    plain = grad_tensors is None or all(g is None for g in seeds)
    run(roots, retain, create_graph, tally_of(roots) if plain else unknown())


def run(
    roots: Sequence[tuple[Link, Any]],
    retain: bool,
    create_graph: bool,
    tally: Tally,
    finish: Callable[[], None] | None = None,
    watch: Mapping[Link, Watch] | None = None,
    after: Mapping[Link, After] | None = None,
) -> None:
    """Walk from `roots` and add what comes out to the leaves, and `tally` to what they know of it.

    `finish` is called when the gradients are known, before that; `watch` and `after` are as for `backpropagate`.
    """
    before = mode.recording
    mode.recording = create_graph
    try:
        lifted = lift if create_graph else None
        leaves, _ = backpropagate(roots, retain_graph=retain, lift=lifted, watch=watch, after=after)
        if finish is not None:
            finish()
        for leaf, g in leaves.items():
            leaf.tally = tally if leaf.grad is None and leaf.hooks is None else tally.added_to(leaf)
            accumulate(leaf, g)
            if leaf.kept is not None:
                see(leaf)
        if leaves:
            tally.stamp(leaves)
    finally:
        mode.recording = before
    for leaf in leaves:
        if leaf.after is not None:
            known = leaf.tally
            for hook in tuple(leaf.after):
                hook()
            hooks_ran(leaf, known)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradient of the sum of all elements of `outputs` with respect to each of `inputs`; no `.grad` changes.

    Args:
        outputs: a tensor, or several.
        inputs: a tensor, or several: leaves, or results inside the graph.
        grad_outputs: for each output the gradient to start from; None for ones.
        retain_graph: keep the graph for another pass; default, the value of `create_graph`.
        create_graph: record the pass, so that the results can be differentiated again.
        only_inputs: accepted, as PyTorch does, and always true: no other tensor's gradient changes.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error.

    Returns:
        A tuple of one Tensor per input, of its shape and dtype.

    Raises:
        GraphError: for an input that does not require a gradient, or (unless `allow_unused`) is not used.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> (dy,) = tg.autograd.grad(x**3, x, create_graph=True)
    >>> dy, tg.autograd.grad(dy, x)
    (tensor(27., grad_fn=mul), (tensor(18.),))
    """
    results, seeds = _pairs(outputs, grad_outputs)
    sources = [_source(t, "autograd.grad()") for t in ([inputs] if isinstance(inputs, TensorBase) else inputs)]
    roots = [(_source(t, "autograd.grad()"), seed(t, g, create_graph)) for t, g in zip(results, seeds, strict=True)]
    retain = create_graph if retain_graph is None else retain_graph

    def all_used(reached: Container[Link | None]) -> None:
        for i, source in enumerate(sources):
            if source not in reached:
                raise GraphError(
                    f"autograd.grad(): the outputs do not depend on input {i} (of shape {source.shape}). "
                    "Pass allow_unused=True to get None for it"
                )

    check = None if allow_unused else all_used
    with Recording(create_graph):
        _, found = backpropagate(
            roots, retain_graph=retain, lift=lift if create_graph else None, wanted=sources, check=check
        )
        held = {id(g.array) for _, g in roots if isinstance(g, TensorBase)}
        gradients = [_as_tensor(found.get(s), s, held) for s in sources]
    if check is not None:
        check([s for s, g in zip(sources, gradients, strict=True) if g is not None])
    return tuple(gradients)


def clear(tensors: Iterable[Tensor], set_to_none: bool = True) -> None:
    """Forget the gradients of leaves, and all that is kept with them; or, if not `set_to_none`, make them zeros."""
    for tensor in tensors:
        leaf = tensor.source
        if type(leaf) is not Leaf:
            continue
        if set_to_none or leaf.grad is None:
            leaf.grad = leaf.kept = leaf.seen = leaf.tally = None
            continue
        gradient = leaf.grad
        if gradient.source is not None:  # it is part of a graph
            gradient = make_tensor(np.zeros_like(gradient.array), None)
        else:
            gradient.array.fill(0)
            mark_changed(gradient.array)
        leaf.grad, leaf.kept, leaf.seen, leaf.tally = gradient, None, None, nothing()
        leaf.tally.stamp([leaf])


def accumulate(leaf: Leaf, g: Any) -> None:
    """Add the gradient of one walk to what the leaf has."""
    if isinstance(g, TensorBase):
        leaf.grad = g.astype(leaf.dtype) if leaf.grad is None else leaf.grad + g  # type: ignore[attr-defined]
    elif leaf.grad is None:
        if g.dtype is not leaf.dtype or not isinstance(g, np.ndarray):
            g = np.asarray(g, dtype=leaf.dtype)
        leaf.grad = make_tensor(g, None)
    elif leaf.grad.source is not None:  # made with create_graph: part of a graph, so never changed in place
        leaf.grad = leaf.grad + make_tensor(g, None)
    else:
        leaf.grad.array += g
        mark_changed(leaf.grad.array)


def seed(tensor: Tensor, gradient: Any, create_graph: bool) -> Any:
    """The gradient that enters at `tensor`: the given one, checked, or ones."""
    array = tensor.array
    g: Any
    if gradient is None:
        g = np.ones(array.shape, array.dtype) if array.shape else np.array(1, array.dtype)  # in half the time
        return make_tensor(g, None) if create_graph else g
    if isinstance(gradient, TensorBase) and create_graph:
        g = gradient.astype(array.dtype)  # type: ignore[attr-defined]
    else:
        refuse_mask(gradient, "backward(): the gradient")
        g = np.asarray(array_of(gradient))
        if g.dtype.kind not in "fiub":
            raise DtypeError(f"backward(): gradient has dtype {g.dtype}, the tensor {array.dtype}")
        g = make_tensor(g.astype(array.dtype, copy=False), None) if create_graph else g.astype(array.dtype, copy=False)
    if g.shape != array.shape:
        try:
            g = np.broadcast_to(g, array.shape)
        except ValueError:
            raise ShapeError(
                f"backward(): gradient has shape {g.shape}, the tensor {array.shape}: "
                "it needs one number for each element of the tensor"
            ) from None
    return g


def _pairs(tensors: Any, gradients: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(tensors, TensorBase):
        return [tensors], [gradients]
    tensors = list(tensors)
    gradients = [None] * len(tensors) if gradients is None else list(gradients)
    if len(tensors) != len(gradients):
        raise ValueError(f"{len(tensors)} tensors but {len(gradients)} gradients: pass one for each, or None")
    return tensors, gradients


def _source(tensor: Any, caller: str) -> Link:
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"{caller} needs a Tensor, got {type(tensor).__name__}")
    if tensor.source is None:
        raise GraphError(
            f"{caller}: a tensor of shape {tensor.array.shape} does not require a gradient and was not computed "
            "from one that does. Pass requires_grad=True where its inputs are made, and look for no_grad() or "
            "detach() in between"
        )
    return tensor.source


def _as_tensor(g: Any, source: Link, held: set[int]) -> Tensor | None:
    """The gradient as a Tensor in memory of its own; `held` are the arrays that others hold, by their ids."""
    if g is None:
        return None
    if not isinstance(g, TensorBase):
        return make_tensor(np.array(g, dtype=source.dtype), None)
    tensor: Any = g.astype(source.dtype)  # type: ignore[attr-defined]
    if id(tensor.array) in held or tensor.array.base is not None:
        tensor = tensor.clone()
    held.add(id(tensor.array))
    return tensor  # type: ignore[no-any-return]
