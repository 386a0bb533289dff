"""Flatten, Unflatten and pad: axes merged and split, and numbers put around."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.primitives import Operand
from ..errors import ShapeError
from ..ops import shape as s
from ..ops.rearranging import pad as numpy_pad
from ..tensors.tensor import Tensor
from .module.module import Module
from .op_module import OpModule, module_of

__all__ = ["Flatten", "Unflatten"]


@module_of(s.flatten)
class Flatten(OpModule):
    """Merge the axes from `start_dim` to `end_dim` into one; by default all but the first, the sample axis.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Flatten()(tg.zeros(5, 8, 8)).shape
    (5, 64)
    """

    start_dim: int = 1
    end_dim: int = -1


class Unflatten(Module):
    """Split axis `dim` into axes of the sizes `unflattened_size`, one of which may be -1.

    Raises:
        ShapeError: when called with an input whose axis does not have the product of these sizes.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Unflatten(1, (8, 8))(tg.zeros(5, 64)).shape
    (5, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size: tuple[int, ...] = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """x with the axis split."""
        return s.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def pad(input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pad a tensor, in PyTorch's call form: pairs from the last axis backwards.

    Args:
        input: tensor of any shape.
        pad: how many elements to add: (last axis before, after, axis before that before, after, …). Negative numbers
            crop: after an axis was reflected or replicated, but before it is made circular or constants are put around.
        mode: "constant", "reflect", "replicate" or "circular".
        value: the number to pad with, for "constant"; default 0.

    Returns:
        Tensor, longer along each padded axis.

    Raises:
        ShapeError: if there are more pairs than axes, or not pairs at all; or if an axis is shorter than what is to be
            reflected, or repeated in a circle, or cropped; or, unless the mode is "constant", if there are not one or
            two axes in front of those that are named.
        ValueError: for an unknown mode, or a value where it is not used.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pad(tg.tensor([[1.0, 2.0]]), (1, 0, 0, 1))
    tensor([[0., 1., 2.],
            [0., 0., 0.]])
    """
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in names:
        raise ValueError(f"pad: unknown mode {mode!r}: use {', '.join(map(repr, names))}")
    if mode != "constant" and value:
        raise ValueError(f"pad: value={value} is for mode='constant', not for {mode!r}")
    depth = len(input.shape)
    if len(pad) % 2 or len(pad) > 2 * depth:
        raise ShapeError(
            f"pad: {tuple(pad)} has {len(pad)} numbers; a tensor of shape {input.shape} takes pairs "
            f"(before, after), at most {depth}, beginning with the last axis"
        )
    _check_axes(tuple(input.shape), pad, mode)
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (depth - len(pairs)) + pairs
    for axis, (n, (before, after)) in enumerate(zip(input.shape, widths, strict=True)):
        most = {"reflect": n - 1, "circular": n + min(before, 0) + min(after, 0)}.get(mode)
        if most is not None and max(before, after) > max(most, 0):
            raise ShapeError(
                f"pad: axis {axis} of shape {input.shape} is too short for {max(before, after)} more of mode "
                f"{mode!r}: it has {most}"
            )
    return numpy_pad(input, widths, names[mode], 0.0 if value is None else value)


def _check_axes(shape: tuple[int, ...], pad: Sequence[int], mode: str) -> None:
    """Raise where an axis is to be cropped by more than it has, or where the mode needs other axes in front."""
    named = len(pad) // 2
    if mode != "constant" and named and not (named <= 3 and len(shape) - named in (1, 2)):
        raise ShapeError(
            f"pad: mode {mode!r} pads the last one to three axes of (N, C, *) or (C, *), and needs a pair for each of "
            f"them; {tuple(pad)} has {named} for shape {shape}. Add pairs (0, 0), or an axis: x[None]"
        )
    for i, n in enumerate(reversed(shape[len(shape) - named :])):
        before, after = pad[2 * i : 2 * i + 2]
        left = n + before + after if mode in ("reflect", "replicate") else n + min(before, 0) + min(after, 0)
        if left < 0:
            raise ShapeError(f"pad: axis {-1 - i} of shape {shape} cannot be cropped by {(before, after)}: it has {n}")
