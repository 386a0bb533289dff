"""Windows that slide over the last axes of an array: what convolution, pooling and patches have in common.

A window has `kernel` places along each of these axes, `dilation` apart; the next window begins `stride` further on.
An array is seen as windows, in its own memory, or window by window as one slice for each place of the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product as each_of
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import ShapeError, describe

Sizes = tuple[int, ...]


class Windows(NamedTuple):
    """Where the windows lie. Each field has an entry for each axis that they slide along.

    Attributes:
        kernel: how many places a window has.
        stride: how far apart windows are.
        padding: how many places are added before and after the array.
        dilation: how far apart the places of a window are.
    """

    kernel: Sizes
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes

    @property
    def axes(self) -> int:
        """How many axes the windows slide along."""
        return len(self.kernel)

    @property
    def spans(self) -> Sizes:
        """How long a window is, from its first place to its last."""
        return tuple([(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)])

    @property
    def is_padded(self) -> bool:
        """Whether there is any padding."""
        return any(before or after for before, after in self.padding)

    @property
    def are_places(self) -> bool:
        """Whether the windows are the places of the array themselves, one by one."""
        return not self.is_padded and self.size == 1 and math.prod(self.stride) == 1

    def padded_sizes(self, sizes: Sequence[int]) -> Sizes:
        """The sizes with the padding."""
        return tuple([b + n + a for n, (b, a) in zip(sizes, self.padding, strict=True)])

    def counts(self, sizes: Sequence[int]) -> Sizes:
        """How many windows there are along each axis of an array of these sizes; below 1 where none fits."""
        rows = zip(sizes, self.padding, self.spans, self.stride, strict=True)
        return tuple([(n + before + after - span) // step + 1 for n, (before, after), span, step in rows])

    def places(self, counts: Sequence[int]) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
        """Each place of the kernel, and where the padded array has the numbers that all windows have there."""
        for place in each_of(*[range(k) for k in self.kernel]):
            rows = zip(place, self.dilation, self.stride, counts, strict=True)
            yield place, tuple([slice(p * d, p * d + (n - 1) * s + 1, s) for p, d, s, n in rows])

    def padded(self, x: Any, value: float = 0) -> Any:
        """`x` with the padding around its last axes; `x` itself where there is none."""
        if not self.is_padded:
            return x
        front, sizes = x.shape[: x.ndim - self.axes], x.shape[x.ndim - self.axes :]
        whole: Any = np.full((*front, *self.padded_sizes(sizes)), value, x.dtype)
        self.cropped(whole)[...] = x
        return whole

    def cropped(self, whole: Any) -> Any:
        """What lies within the padding: a view."""
        sizes = whole.shape[len(whole.shape) - self.axes :]
        return whole[(..., *[slice(b, n - a) for n, (b, a) in zip(sizes, self.padding, strict=True)])]

    def view(self, whole: Any) -> Any:
        """The windows of a padded array, (…, *counts, *kernel): a view that is not to be written to."""
        axes = self.axes
        front, sizes = whole.shape[: whole.ndim - axes], whole.shape[whole.ndim - axes :]
        counts = self._replace(padding=((0, 0),) * axes).counts(sizes)
        steps = whole.strides[whole.ndim - axes :]
        apart = [n * s for n, s in zip(steps, self.stride, strict=True)]
        within = [n * d for n, d in zip(steps, self.dilation, strict=True)]
        strides = (*whole.strides[: whole.ndim - axes], *apart, *within)
        return as_strided(whole, (*front, *counts, *self.kernel), strides, writeable=False)

    def check(self, op: str, sizes: Sequence[int]) -> None:
        """Raise unless a window fits into an array whose last axes have these sizes."""
        for i, (n, count) in enumerate(zip(sizes, self.counts(sizes), strict=True)):
            if count < 1:
                axis, span, (before, after) = i - self.axes, self.spans[i], self.padding[i]
                padding = f" and padding {before} + {after}" if before or after else ""
                dilation = f" (kernel {self.kernel[i]}, dilation {self.dilation[i]})" if self.dilation[i] > 1 else ""
                raise ShapeError(
                    f"{op}: axis {axis} has size {n}{padding}, and a window of {span}{dilation} does not fit into it. "
                    "Use a smaller kernel, more padding, or a larger input"
                )

    @property
    def size(self) -> int:
        """How many places the kernel has in all."""
        return math.prod(self.kernel)


def each(op: str, name: str, value: Any, axes: int, least: int = 1) -> Sizes:
    """An option that is given as one integer, or as one for each axis.

    Raises:
        TypeError: if it is not an integer, or a sequence of something else.
        ValueError: if there are not as many as axes, or one is below `least`.
    """
    several = isinstance(value, Sequence) and not isinstance(value, str)
    values = list(value) if several else [value] * axes
    try:
        numbers = [int(v.__index__()) for v in values]
    except (AttributeError, TypeError):
        raise TypeError(f"{op}: {name} must be an integer, or {axes} of them, got {describe(value)}") from None
    if len(numbers) == 1:
        numbers = numbers * axes
    if len(numbers) != axes:
        raise ValueError(
            f"{op}: {name}={value} has {len(numbers)} numbers, it needs one, or one for each of {axes} axes"
        )
    wrong = [n for n in numbers if n < least]
    if wrong:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value}")
    return tuple(numbers)
