"""Where float32 becomes another dtype: in the outputs, or along the path of the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.modes import no_grad
from ..autograd.running import seed
from ..dtypes import Array
from ..engine.backprop import backpropagate
from ..engine.graph import Link, Node, count_uses
from .diagnosis.tape import tape_of
from .subject import Subject, gradients_of, numbers, tracked

_float32 = np.dtype(np.float32)


def output_drift(subject: Subject, arrays: Sequence[Any], results: Sequence[Any]) -> list[str]:
    """What is wrong with the dtypes of the outputs, or inside, and the op where another dtype came in.

    Args:
        subject: what was computed.
        arrays: its inputs; the floating ones are float32.
        results: the outputs.
    """
    wrong = [(k, out.dtype) for k, out in enumerate(results) if out.dtype != _float32]
    if wrong:
        k, dtype = wrong[0]
        where = _first(subject, arrays, lambda found: found == dtype)
        name = "the output" if len(results) == 1 else f"output {k}"
        return [f"{name} is {dtype} for float32 inputs{where and ': the first ' + where}"]
    where = _first(subject, arrays, lambda found: found.itemsize < _float32.itemsize)
    return [f"inside it is narrower than float32: {where}"] if where else []


def _first(subject: Subject, arrays: Sequence[Any], sought: Callable[[np.dtype[Any]], bool]) -> str:
    """The first op whose result has a dtype that is sought, and the line that called it."""
    for call in tape_of(subject, arrays).calls:
        dtype = call.node.dtype
        if dtype.kind == "f" and sought(dtype):
            return f"{dtype} comes from {call.name!r} at {call.where}"
    return ""


def gradient_drift(
    results: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Array]
) -> tuple[list[Array | None], dict[int, str]]:
    """The gradients, and for each leaf to which another dtype than its own came, how that was.

    A gradient is kept in the dtype of its tensor, so what a rule widens can be seen on the way only.
    """
    found = gradients_of(results, leaves, cotangents, retain_graph=True)
    pairs = [(out, c) for out, c in zip(results, cotangents, strict=True) if tracked(out)]
    came: dict[Link, Any] = {}

    def note(link: Link, g: Any, _: Any) -> None:
        came.setdefault(link, getattr(g, "dtype", link.dtype))

    links = list(count_uses([out.source for out, _ in pairs]))
    roots = [(out.source, seed(out, c, create_graph=False)) for out, c in pairs]
    with no_grad():
        backpropagate(roots, retain_graph=True, watch=dict.fromkeys(links, note))
    drifted = {i: leaf.source for i, leaf in enumerate(leaves) if came.get(leaf.source, leaf.dtype) != leaf.dtype}
    culprit = _culprit(links, came)
    text = f"; a rule of {culprit!r} gave it" if culprit else ""
    return [None if g is None else numbers(g) for g in found], {
        i: f"comes as {came[source]} for {source.dtype} numbers{text}" for i, source in drifted.items()
    }


def _culprit(links: Sequence[Link], came: dict[Link, Any]) -> str:
    """The op that got a gradient in its own dtype and passed on one in a dtype other than its argument's."""
    for link in links:
        if isinstance(link, Node) and came.get(link, link.dtype) == link.dtype:
            for source in link.inputs:
                if source is not None and came.get(source, source.dtype) != source.dtype:
                    return str(link.op.name)
    return ""
