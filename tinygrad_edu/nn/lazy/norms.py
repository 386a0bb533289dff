"""Lazy normalization: LazyBatchNorm1d to LazyInstanceNorm3d."""

from __future__ import annotations

from typing import Any, ClassVar

from ...dtypes import DType
from ...tensors.tensor import Tensor
from ..layer import Layer
from ..normalization.batch_norm import BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..normalization.instance_norm import InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from ..normalization.running_statistics import ChannelNorm
from ..uninitialized import Uninitialized
from .base import Lazy

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _LazyNorm(Lazy, ChannelNorm):
    _size: ClassVar[str] = "num_features"

    def _seen(self, x: Tensor) -> int:
        for tensor in (self.weight, self.running_mean):
            if tensor is not None and not isinstance(tensor, Uninitialized):
                return tensor.shape[0]
        self._check_axes(x)
        return x.shape[self._channel_axis(x)]

    def _of_size(self, size: int) -> Layer:
        kept = next((t for t in (self.weight, self.running_mean) if t is not None), None)
        dtype = None if kept is None else kept.dtype
        options = (self.eps, self.momentum, self.affine, self.track_running_stats)
        made: Layer = self._plain(size, *options, dtype=dtype, bias=self.bias is not None)  # type: ignore[call-arg]
        return made


class _LazyBatchNorm(_LazyNorm, BatchNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self._wait()


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """A `BatchNorm1d` that reads `num_features` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyBatchNorm1d()
    >>> layer(tg.rand(5, 3)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3), (3,), 'BatchNorm1d')
    """

    _plain: ClassVar[type[Layer]] = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """A `BatchNorm2d` that reads `num_features` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyBatchNorm2d()
    >>> layer(tg.rand(5, 3, 2, 2)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3, 2, 2), (3,), 'BatchNorm2d')
    """

    _plain: ClassVar[type[Layer]] = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """A `BatchNorm3d` that reads `num_features` off its first input. The other arguments are those of that class.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyBatchNorm3d()
    >>> layer(tg.rand(5, 3, 2, 2, 2)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3, 2, 2, 2), (3,), 'BatchNorm3d')
    """

    _plain: ClassVar[type[Layer]] = BatchNorm3d


class _LazyInstanceNorm(_LazyNorm, InstanceNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self._wait()


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An `InstanceNorm1d` that reads `num_features` off its first input. The other arguments are those of that class.

    As in PyTorch, and unlike that class, it has weight, bias and running statistics by default.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyInstanceNorm1d()
    >>> layer(tg.rand(5, 3, 4)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3, 4), (3,), 'InstanceNorm1d')
    """

    _plain: ClassVar[type[Layer]] = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An `InstanceNorm2d` that reads `num_features` off its first input; see `LazyInstanceNorm1d`.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyInstanceNorm2d()
    >>> layer(tg.rand(5, 3, 2, 2)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3, 2, 2), (3,), 'InstanceNorm2d')
    """

    _plain: ClassVar[type[Layer]] = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An `InstanceNorm3d` that reads `num_features` off its first input; see `LazyInstanceNorm1d`.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyInstanceNorm3d()
    >>> layer(tg.rand(5, 3, 2, 2, 2)).shape, layer.weight.shape, type(layer).__name__
    ((5, 3, 2, 2, 2), (3,), 'InstanceNorm3d')
    """

    _plain: ClassVar[type[Layer]] = InstanceNorm3d
