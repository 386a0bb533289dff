"""Uninitialized parameters and buffers: what lazy modules have before their first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np

from ..dtypes import Array, DType, get_default_dtype
from ..engine.callsite import warn
from ..engine.graph import Leaf, Link, TensorBase
from ..engine.recording import make_tensor
from ..errors import ShapeError
from ..ops.casting import as_dtype, check_device
from ..tensors.tensor import Tensor
from .parameter import Parameter

__all__ = ["UninitializedBuffer", "UninitializedParameter"]

_PLACE: Any = TensorBase.__dict__["array"]  # where a tensor has its array: here an empty one, which says the dtype


class Uninitialized(Tensor):
    """A tensor without numbers yet: reading them, or its shape, is an error that says how to get them.

    When `materialize` gives it a shape, this same object becomes a plain tensor.
    """

    __slots__ = ()
    source: Link | None
    _becomes: ClassVar[type[Tensor]] = Tensor

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: DType = None) -> None:
        check_device(device, type(self).__name__)
        wanted = get_default_dtype() if dtype is None else as_dtype(dtype, type(self).__name__)
        _PLACE.__set__(self, np.zeros(0, wanted))
        self.source = None
        self.requires_grad = requires_grad

    @property
    def array(self) -> NoReturn:
        """There is none yet."""
        raise self._too_early()

    def _too_early(self) -> ShapeError:
        return ShapeError(
            f"{type(self).__name__}: it has no shape and no numbers before the first call of its module. Call the "
            "model once with a batch before this"
        )

    @property
    def data(self) -> Tensor:
        """An empty tensor, as in PyTorch, with a warning: what is written to it is lost."""
        warn(
            f"{type(self).__name__}: .data is empty before the module was called, and what is written to it is lost: "
            "call the model once with a batch first"
        )
        return make_tensor(np.zeros(0, self.dtype), None)

    @data.setter
    def data(self, value: Tensor | Array) -> NoReturn:
        raise self._too_early()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype it will have."""
        return _PLACE.__get__(self).dtype  # type: ignore[no-any-return]

    @property
    def requires_grad(self) -> bool:
        """Whether it will require a gradient."""
        return self.source is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.source = Leaf((0,), self.dtype) if wanted else None

    def convert(self, dtype: np.dtype[Any]) -> None:
        """Set the dtype that it will have."""
        _PLACE.__set__(self, np.zeros(0, dtype))
        self.requires_grad = self.requires_grad  # a leaf of that dtype

    def materialize(self, shape: tuple[int, ...]) -> None:
        """Become a plain tensor of this shape, of zeros."""
        wanted, numbers = self.requires_grad, np.zeros(shape, self.dtype)
        plain: Any = self
        plain.__class__ = self._becomes
        plain.array, plain.source = numbers, None
        plain.requires_grad = wanted

    def way_back(self) -> Callable[[], None]:
        """A function that makes this tensor, which has numbers by then, wait for them again."""
        kind, wanted, dtype = type(self), self.requires_grad, self.dtype

        def wait() -> None:
            tensor: Any = self
            tensor.__class__ = kind
            _PLACE.__set__(tensor, np.zeros(0, dtype))
            tensor.requires_grad = wanted

        return wait

    def detach(self) -> Tensor:
        """Itself: there is no graph to detach it from."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        return twin

    def __reduce__(self) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedBuffer(Uninitialized):
    """A buffer of a lazy module, before the first call.

    Args:
        requires_grad: whether it will require a gradient.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: the dtype it will have; default, the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.LazyBatchNorm1d().running_mean
    <UninitializedBuffer>
    """

    __slots__ = ()


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter of a lazy module, before the first call: it will be a `Parameter`, this same object.

    Args:
        requires_grad: whether it will require a gradient.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: the dtype it will have; default, the default dtype.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.LazyLinear(2)
    >>> layer.weight
    <UninitializedParameter>
    >>> layer(tg.zeros(4, 3)).shape, layer.weight.shape
    ((4, 2), (2, 3))
    """

    __slots__ = ()
    _becomes: ClassVar[type[Tensor]] = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: DType = None) -> None:
        super().__init__(requires_grad, device, dtype)
