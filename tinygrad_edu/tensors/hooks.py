"""Hooks: what is called with a tensor's gradient, in a backward pass or after it was added to a leaf's `.grad`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..autograd.retained import keep
from ..engine.graph import Leaf, Node, TensorBase
from ..engine.recording import make_tensor
from ..errors import ShapeError

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class RemovableHandle:
    """What registering a hook returns: `remove()` removes the hook again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def add_hook(source: Node | Leaf, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook` with the gradient of what is computed at `source`, in every backward pass."""

    def run(link: Any, g: Any) -> Any:
        recorded = isinstance(g, TensorBase)
        own = g.clone() if recorded else make_tensor(g.copy(), None)  # others may hold g, too
        result: Any = hook(own)
        if result is None:
            result = own  # which the hook may have changed in place
        elif not isinstance(result, TensorBase):
            raise TypeError(f"a hook must return a Tensor or None, not {type(result).__name__}")
        if result.dtype != link.dtype:
            result = result.astype(link.dtype)
        if result.shape != link.shape:
            raise ShapeError(f"a hook returned a gradient of shape {result.shape} for a tensor of shape {link.shape}")
        return result if recorded else result.array

    hooks = source.hooks if source.hooks is not None else []
    hooks.insert(len(hooks) - (keep in hooks), run)  # what is retained is what the hooks returned
    source.hooks = hooks
    return RemovableHandle(hooks, run)


def add_after(leaf: Leaf, tensor: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Call `hook` with `tensor` whenever a backward pass has added to the gradient of its leaf."""
    reference = weakref.ref(tensor)  # the leaf must not keep its tensor alive

    def run() -> None:
        alive = reference()
        if alive is not None:
            hook(alive)

    leaf.after = leaf.after if leaf.after is not None else []
    leaf.after.append(run)
    return RemovableHandle(leaf.after, run)
