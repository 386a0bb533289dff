"""Batch normalization: channels of mean 0 and variance 1 over a batch, and running statistics for evaluation."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...dtypes import DType, float16, float32
from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.versions import mark_changed
from ...errors import ShapeError
from ...ops.channels import normalize_batch
from ...tensors.tensor import Tensor
from .running_statistics import ChannelNorm, by_statistics, check_statistics, move

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


def batch_norm(
    input: Operand,
    running_mean: Operand,
    running_var: Operand,
    weight: Operand = None,
    bias: Operand = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Shift and scale each channel to mean 0 and variance 1 over the batch, then apply weight and bias.

    Args:
        input: floating tensor of shape (N, C, *).
        running_mean: the mean of each channel so far, of shape (C,), or None.
        running_var: the variance of each channel so far, of shape (C,), or None.
        weight: tensor of shape (C,) to multiply by, or None.
        bias: tensor of shape (C,) to add, or None.
        training: whether mean and variance are those of this batch; the running ones then move towards them, in place.
            If not, the running ones are used.
        momentum: how far they move, from 0 to 1.
        eps: added to the (biased) variance under the square root. The running variance is unbiased.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if an argument does not have the shape (C,), or if there is only one number per channel in training.
        DtypeError: if `input` is not floating.
        ValueError: if one of the running statistics is missing, or both are in evaluation.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015).

    >>> import tinygrad_edu as tg
    >>> mean, var = tg.zeros(2), tg.ones(2)
    >>> x = tg.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> tg.nn.functional.batch_norm(x, mean, var, training=True, eps=0.0)
    tensor([[-1., -1.],
            [ 1.,  1.]])
    >>> mean
    tensor([0.2, 2. ])
    """
    check_statistics("batch_norm", input, running_mean, running_var, weight, bias, momentum, eps, required=not training)
    if not training:
        return by_statistics(input, running_mean, running_var, weight, bias, eps)
    number = math.prod(input.shape) // max(input.shape[1], 1)
    if number == 1:
        raise ShapeError(
            f"batch_norm needs more than one number for each channel in training, got shape {tuple(input.shape)}: the "
            "variance of a single one is 0. Leave out a last batch of one sample (drop_last=True), or call eval() first"
        )
    wide = input.astype(float32) if input.dtype == float16 else input
    out, mean, variance = normalize_batch(wide, weight, bias, eps)
    if running_mean is not None and number:
        move(running_mean, running_var, array_of(mean), array_of(variance), number, momentum)
    return out.astype(float16) if wide is not input and (weight is None or weight.dtype == float16) else out


class BatchNorm(ChannelNorm):
    """The base class of the layers for all numbers of axes."""

    _kind: ClassVar[str] = "BatchNorm"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised; in training, this updates the running statistics."""
        self._check_axes(x)
        if x.shape[1] != self.num_features:
            raise ShapeError(self._misfit(x, 1))
        tracked = self.num_batches_tracked if self.training and self.track_running_stats else None
        batches = 0 if tracked is None else int(tracked.array) + 1
        momentum = self.momentum
        if momentum is None:  # then all batches count alike
            momentum = 1 / batches if batches else 0.0
        out = self._normalized(batch_norm, x, momentum)
        if tracked is not None:
            tracked.array[...] = batches
            mark_changed(tracked.array)
        return out


class BatchNorm1d(BatchNorm):
    """Shift and scale each channel to mean 0 and variance 1 over the batch, then apply weight and bias.

    In evaluation mode, running statistics collected in training replace those of the batch. In training, each sample's
    output depends on the whole batch, so `backward(per_sample=True)` raises `SampleCouplingError`, whether the input
    was computed from parameters or is data.

    Args:
        num_features: the number of channels, C.
        eps: added to the variance under the square root.
        momentum: how far the running statistics move towards those of a batch; None to weight all batches equally.
        affine: whether to have a weight, starting at 1, and a bias, starting at 0.
        track_running_stats: whether to keep running statistics; without them, evaluation computes as training does.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters and of the running statistics; default, the default dtype.
        bias: whether to have a bias beside the weight.

    Attributes:
        running_mean: buffer of shape (C,), or None.
        running_var: buffer of shape (C,), or None: of unbiased variances.
        num_batches_tracked: buffer, the number of batches seen in training; or None.

    Shape: (N, C) or (N, C, L), unchanged.

    Raises:
        ShapeError: when called with an input of another shape, or in training with only one number per channel.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015).

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.BatchNorm1d(2, eps=0.0)
    >>> layer(tg.tensor([[1.0, 10.0], [3.0, 30.0]])).detach()
    tensor([[-1., -1.],
            [ 1.,  1.]])
    >>> layer.running_mean, layer.eval()(tg.zeros(1, 2)).shape
    (tensor([0.2, 2. ]), (1, 2))
    """

    _forms: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(BatchNorm):
    """`BatchNorm1d` for images: each channel has mean 0 and variance 1 over the batch and all pixels.

    Arguments, attributes and errors are those of `BatchNorm1d`.

    Shape: (N, C, H, W), unchanged.

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.BatchNorm2d(3)(tg.rand(5, 3, 4, 4))
    >>> bool((out.mean((0, 2, 3)).abs() < 1e-5).all())
    True
    """

    _forms: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}


class BatchNorm3d(BatchNorm):
    """`BatchNorm1d` for volumes: each channel has mean 0 and variance 1 over the batch and all positions.

    Arguments, attributes and errors are those of `BatchNorm1d`.

    Shape: (N, C, D, H, W), unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.BatchNorm3d(2)(tg.rand(5, 2, 3, 4, 4)).shape
    (5, 2, 3, 4, 4)
    """

    _forms: ClassVar[dict[int, str]] = {5: "(N, C, D, H, W)"}
