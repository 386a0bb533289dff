"""The gradients of computed tensors, which are kept after `retain_grad()`."""

from __future__ import annotations

from typing import Any

from ..engine.graph import Link, Node, TensorBase
from ..engine.recording import make_tensor


def keep(link: Any, g: Any) -> Any:
    """The hook that keeps the gradient of its node, and leaves it as it is."""
    total: Any = g.clone() if isinstance(g, TensorBase) else make_tensor(g.copy(), None)  # type: ignore[attr-defined]
    held = getattr(link, "grad", None)
    link.grad = total if held is None else held + total
    return g


def retain(node: Node) -> None:
    """Keep the gradient of this node's result."""
    if not retains(node):
        node.hooks = node.hooks if node.hooks is not None else []
        node.hooks.append(keep)


def retains(source: Link | None) -> bool:
    """Whether it is a node whose gradient is kept."""
    return isinstance(source, Node) and keep in (source.hooks or ())


def follow(old: Link | None, new: Link | None) -> None:
    """A tensor that came from `old` comes from `new`, as it was changed in place: what it keeps goes with it.

    Hooks stay behind: they asked for the gradient with respect to the numbers that there were.
    """
    if isinstance(old, Node) and isinstance(new, Node) and old is not new and retains(old):
        assert old.hooks is not None
        old.hooks.remove(keep)
        retain(new)
        new.grad, old.grad = getattr(old, "grad", None), None
