"""Instance normalization: channels of mean 0 and variance 1, each sample by itself."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...dtypes import DType
from ...engine.callsite import warn
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.channels import moments, normalize_groups
from ...tensors.tensor import Tensor
from .running_statistics import ChannelNorm, by_statistics, check_statistics, move

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


def instance_norm(
    input: Operand,
    running_mean: Operand = None,
    running_var: Operand = None,
    weight: Operand = None,
    bias: Operand = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Shift and scale each channel of each sample to mean 0 and variance 1, then apply weight and bias.

    Args:
        input: floating tensor of shape (N, C, *), with one axis or more after the channels.
        running_mean: the mean of each channel so far, of shape (C,), or None.
        running_var: the variance of each channel so far, of shape (C,), or None.
        weight: tensor of shape (C,) to multiply by, or None.
        bias: tensor of shape (C,) to add, or None.
        use_input_stats: whether mean and variance are those of the input; the running ones then move towards their
            means over the samples, in place. If not, the running ones are used.
        momentum: how far they move, from 0 to 1.
        eps: added to the (biased) variance under the square root. The running variance is unbiased.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if an argument does not have the shape (C,), or if there is only one number per sample and channel.
        DtypeError: if `input` is not floating.
        ValueError: if one of the running statistics is missing, or both are and they are needed.

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.instance_norm(tg.tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    check_statistics(
        "instance_norm", input, running_mean, running_var, weight, bias, momentum, eps, required=not use_input_stats
    )
    if not use_input_stats:
        return by_statistics(input, running_mean, running_var, weight, bias, eps)
    number = math.prod(input.shape[2:])
    if number == 1:
        raise ShapeError(
            f"instance_norm needs more than one number for each sample and channel, got shape {tuple(input.shape)}: "
            "the variance of a single one is 0. Use LayerNorm, or BatchNorm"
        )
    out = normalize_groups(input, weight, bias, input.shape[1], eps)
    if running_mean is not None and math.prod(input.shape):
        mean, variance = moments(array_of(input), across=False)
        move(running_mean, running_var, mean.mean(0), variance.mean(0), number, momentum)
    return out


class InstanceNorm(ChannelNorm):
    """The base class of the layers for all numbers of axes."""

    _kind: ClassVar[str] = "InstanceNorm"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised; in training, this updates the running statistics, if there are any."""
        self._check_axes(x)
        axis = self._channel_axis(x)
        if x.shape[axis] != self.num_features:
            text = self._misfit(x, axis)
            if self.affine or self.track_running_stats:
                raise ShapeError(text)
            warn(text + " Without affine and track_running_stats, num_features has no effect")
        momentum = 0.0 if self.momentum is None else self.momentum
        if axis == 1:
            return self._normalized(instance_norm, x, momentum)
        return self._normalized(instance_norm, x.unsqueeze(0), momentum).squeeze(0)

    def _channel_axis(self, x: Tensor) -> int:
        return 0 if len(x.shape) == min(self._forms) else 1


class InstanceNorm1d(InstanceNorm):
    """Shift and scale each channel of each sample to mean 0 and variance 1, then apply weight and bias.

    Unlike BatchNorm it computes each sample by itself, and has neither weight nor running statistics by default.

    Args:
        num_features: the number of channels, C.
        eps: added to the variance under the square root.
        momentum: how far the running statistics move towards their means over a batch.
        affine: whether to have a weight, starting at 1, and a bias, starting at 0.
        track_running_stats: whether to keep running statistics, which evaluation then uses.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters and of the running statistics; default, the default dtype.
        bias: whether to have a bias beside the weight.

    Shape: (N, C, L) or (C, L), unchanged.

    Raises:
        ShapeError: when called with an input of another shape, or with only one number per sample and channel.

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.InstanceNorm1d(2, eps=0.0)(tg.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    _forms: ClassVar[dict[int, str]] = {3: "(N, C, L)", 2: "(C, L)"}


class InstanceNorm2d(InstanceNorm):
    """`InstanceNorm1d` for images. Arguments and errors are those of `InstanceNorm1d`.

    Shape: (N, C, H, W) or (C, H, W), unchanged.

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.InstanceNorm2d(3)(tg.rand(5, 3, 4, 4))
    >>> bool((out.mean((2, 3)).abs() < 1e-5).all())
    True
    """

    _forms: ClassVar[dict[int, str]] = {4: "(N, C, H, W)", 3: "(C, H, W)"}


class InstanceNorm3d(InstanceNorm):
    """`InstanceNorm1d` for volumes. Arguments and errors are those of `InstanceNorm1d`.

    Shape: (N, C, D, H, W) or (C, D, H, W), unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.InstanceNorm3d(2)(tg.rand(5, 2, 3, 4, 4)).shape
    (5, 2, 3, 4, 4)
    """

    _forms: ClassVar[dict[int, str]] = {5: "(N, C, D, H, W)", 4: "(C, D, H, W)"}
