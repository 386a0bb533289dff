"""Modules that see at their first call how large their input is, make their parameters, and become the plain ones."""

from __future__ import annotations

from typing import Any, ClassVar

from ..dtypes import DType
from ..errors import ShapeError
from ..tensors.tensor import Tensor
from .batch_norm import BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d
from .instance_norm import InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .layer import Layer
from .linear import Linear
from .running_statistics import ChannelNorm
from .uninitialized import Uninitialized, UninitializedBuffer, UninitializedParameter

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear", "UninitializedBuffer", "UninitializedParameter",
]  # fmt: skip


class Lazy(Layer):
    """What lazy modules have in common. One stands before its plain class among the bases, and says three things:

    `_size` is the attribute that is not known yet, `_seen(x)` finds it in an input, and `_of_size(n)` is the plain
    module of that size, whose starting values are taken over.
    """

    _size: ClassVar[str]
    _plain: ClassVar[type[Layer]]

    def _seen(self, x: Tensor) -> int:
        """The size that an input has, which is checked."""
        raise NotImplementedError

    def _of_size(self, size: int) -> Layer:
        """The plain module."""
        raise NotImplementedError

    def _wait(self) -> None:
        """Take back parameters and buffers, which the plain class has made for the size 0."""
        for name, tensor in (*self._members("parameter"), *self._members("buffer")):
            if tensor.dtype.kind == "f":
                kind = UninitializedParameter if self._kinds[name] == "parameter" else UninitializedBuffer
                setattr(self, name, kind(tensor.requires_grad, None, tensor.dtype))

    def has_uninitialized_params(self) -> bool:
        """Whether there is a parameter or buffer without a shape.

        >>> import tinygrad_edu as tg
        >>> tg.nn.LazyLinear(3).has_uninitialized_params()
        True
        """
        return any(isinstance(tensor, Uninitialized) for tensor in (*self.parameters(), *self.buffers()))

    def initialize_parameters(self, x: Tensor) -> None:
        """Make parameters and buffers for an input like x; those that a state_dict has brought stay.

        >>> import tinygrad_edu as tg
        >>> layer = tg.nn.LazyLinear(3)
        >>> layer.initialize_parameters(tg.zeros(5, 2))
        >>> layer.weight.shape
        (3, 2)
        """
        size = self._seen(x)
        made = self._of_size(size)
        for name, tensor in (*self._members("parameter"), *self._members("buffer")):
            if isinstance(tensor, Uninitialized):
                numbers = getattr(made, name).array
                tensor.materialize(numbers.shape)
                tensor.array[...] = numbers
        setattr(self, self._size, size)

    def reset_parameters(self) -> None:
        """Draw the parameters anew, if there are any yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """What the plain module computes, which this one becomes."""
        self.initialize_parameters(x)
        self.__class__ = self._plain  # type: ignore[assignment]
        out: Tensor = self.forward(x)
        return out


class LazyLinear(Lazy, Linear):
    """A `Linear` that reads `in_features` off its first input.

    Args:
        out_features: size of the last axis of the output.
        bias: whether to add a bias.
        device: accepted for the sake of programs that name it; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (*, any) to (*, out_features). Call the model once before the optimizer is made, and parameters are counted.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyLinear(2)
    >>> layer(tg.zeros(5, 3)).shape, layer
    ((5, 2), Linear(in_features=3, out_features=2, bias=True))
    """

    _size: ClassVar[str] = "in_features"
    _plain: ClassVar[type[Layer]] = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: DType = None) -> None:
        super().__init__(0, out_features, bias, device, dtype)
        self._wait()

    def _seen(self, x: Tensor) -> int:
        if not isinstance(self.weight, Uninitialized):
            return self.weight.shape[1]
        if not x.shape:
            raise ShapeError("LazyLinear expects (*, in_features), got (): it has no axis")
        return x.shape[-1]

    def _of_size(self, size: int) -> Layer:
        return Linear(size, self.out_features, self.bias is not None, dtype=self.weight.dtype)


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

    As in PyTorch, it has weight, bias and running statistics unless told otherwise, which that class has not.

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
