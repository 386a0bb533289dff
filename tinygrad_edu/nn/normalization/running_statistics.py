"""Running statistics of channels: their use in functions, and the layers that keep them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ...dtypes import DType, float16, float32, int64
from ...engine.graph import array_of
from ...engine.recording import require_number
from ...engine.versions import mark_changed
from ...errors import ShapeError
from ...ops.channels import check_channels, standardize
from ...ops.creation import zeros
from ...tensors.tensor import Tensor
from .. import init
from ..checks import axes_in_words, count
from ..layer import Layer
from ..parameter import Parameter
from ..widening import watched


def check_statistics(
    op: str, x: Any, mean: Any, var: Any, weight: Any, bias: Any, momentum: Any, eps: Any, required: bool
) -> None:
    """Raise unless these fit x and each other; `required` says whether mean and variance must be given."""
    require_number(op, "eps", eps)
    require_number(op, "momentum", momentum)
    check_channels(op, x, running_mean=mean, running_var=var, weight=weight, bias=bias)
    if (mean is None) is not (var is None):
        raise ValueError(f"{op}: running_mean and running_var belong together: pass both, or None for both")
    if required and mean is None:
        raise ValueError(f"{op}: running_mean and running_var are needed where those of the input are not to be taken")


def by_statistics(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Tensor:
    """x, normalised by a given mean and variance of each channel, times weight, plus bias."""
    require_number("batch_norm", "running_mean", mean)
    require_number("batch_norm", "running_var", var)
    mean, var = array_of(mean), array_of(var)
    if var.dtype == float16:
        var = var.astype(float32)
    return standardize(x, weight, bias, mean, (1 / np.sqrt(var + eps)).astype(array_of(mean).dtype))


def move(running_mean: Any, running_var: Any, mean: Any, variance: Any, number: int, momentum: float) -> None:
    """Move the running statistics towards those of an input, in which each mean is over `number` elements."""
    unbiased = variance * (number / (number - 1))
    for running, found in ((running_mean, mean), (running_var, unbiased)):
        array = array_of(running)
        array[...] = array * (1 - momentum) + found * momentum
        mark_changed(array)


class ChannelNorm(Layer):
    """What these layers share: weight and bias of each channel, and running statistics."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _kind: ClassVar[str]  # the name without the number of axes
    _forms: ClassVar[dict[int, str]]  # what inputs are like, by how many axes they have

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: DType,
        bias: bool,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features: int = count(name, "num_features", num_features)
        if not eps >= 0:
            raise ValueError(f"{name}: eps must be 0 or more, got {eps}")
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (self.num_features,)
        kept: list[tuple[str, tuple[int, ...], DType]] = [("running_mean", shape, dtype), ("running_var", shape, dtype)]
        for buffer, size, kind in [*kept, ("num_batches_tracked", (), int64)]:
            self.register_buffer(buffer, zeros(size, dtype=kind) if track_running_stats else None)
        self._make_parameters(device, dtype, weight=shape if affine else None, bias=shape if affine and bias else None)

    def reset_running_stats(self) -> None:
        """Reset the running statistics: mean 0, variance 1, no batches."""
        for start, running in ((0, self.running_mean), (1, self.running_var), (0, self.num_batches_tracked)):
            if running is not None:
                running.array[...] = start
                mark_changed(running.array)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0, and reset the running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _statistics(self) -> tuple[Tensor | None, Tensor | None]:
        """The running statistics, where they are to be moved or to be taken."""
        kept = self.track_running_stats or not self.training
        return (self.running_mean, self.running_var) if kept else (None, None)

    def _takes_input_statistics(self) -> bool:
        return self.training or self.running_mean is None or self.running_var is None

    def _normalized(self, function: Callable[..., Tensor], x: Tensor, momentum: float) -> Tensor:
        """What the function gives; its errors name the module."""
        own = self._takes_input_statistics()
        try:
            out = function(x, *self._statistics(), self.weight, self.bias, own, momentum, self.eps)
        except ShapeError as error:
            raise ShapeError(str(error).replace(function.__name__, type(self).__name__, 1)) from error
        return watched(self, self.weight, out, x)

    def _check_axes(self, x: Tensor) -> None:
        """Raise unless x has as many axes as the layer takes."""
        shape = tuple(x.shape)
        if len(shape) in self._forms:
            return
        ways = [f"{self._kind}{max(len(shape) - 2, 1)}d"] if 2 <= len(shape) <= 5 else []
        if len(shape) + 1 in self._forms:
            ways.append("x.unsqueeze(0) if that is a single sample")
        raise ShapeError(
            f"{type(self).__name__} expects {' or '.join(self._forms.values())}, got {shape}: it has "
            + axes_in_words(len(shape))
            + (f". Use {', or '.join(ways)}" if ways else "")
        )

    def _channel_axis(self, x: Tensor) -> int:
        """Which axis of x are the channels."""
        return 1

    def _misfit(self, x: Tensor, axis: int) -> str:
        """What is wrong with the number of channels, and what to do."""
        shape, wanted = tuple(x.shape), self.num_features
        hint = f"Set num_features={shape[axis]}?"
        if shape[-1] == wanted:
            hint = f"Channels are axis {axis}: use x.movedim(-1, {axis})?"
        form = self._forms[len(shape)].replace("C", str(wanted))
        return f"{type(self).__name__} expects {form}, got {shape}: axis {axis} is {shape[axis]}. {hint}"

    def extra_repr(self) -> str:
        """The number of channels, and the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )
