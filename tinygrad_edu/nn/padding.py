"""Padding: zeros, a constant, or the array's own elements around the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..tensors.tensor import Tensor
from .module.module import Module
from .shape import pad

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Widths = int | Sequence[int]


class _Pad(Module):
    """What all have: how many numbers are put before and after each axis, the last axis first."""

    _mode: ClassVar[str]
    _axes: ClassVar[int]

    def __init__(self, padding: Widths) -> None:
        super().__init__()
        self.padding: tuple[int, ...] = (padding,) * (2 * self._axes) if isinstance(padding, int) else tuple(padding)

    def forward(self, x: Tensor) -> Tensor:
        """x, padded."""
        return pad(x, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The widths."""
        return str(self.padding)


class _ConstantPad(_Pad):
    """As `_Pad`, with the number."""

    def __init__(self, padding: Widths, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        """x, padded."""
        return pad(x, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pad the last axis with a constant; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right). Negative numbers crop.
        value: the number to pad with.

    Shape: (*, L) to (*, L').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ConstantPad1d((1, 0), 9.0)(tg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[9., 1., 2., 3.]])
    """

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """Pad the last two axes with a constant; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom). Negative
            numbers crop.
        value: the number to pad with.

    Shape: (*, H, W) to (*, H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ConstantPad2d(1, 9.0)(tg.zeros(8, 3, 5, 5)).shape
    (8, 3, 7, 7)
    """

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """Pad the last three axes with a constant; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom, front,
            back). Negative numbers crop.
        value: the number to pad with.

    Shape: (*, D, H, W) to (*, D', H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ConstantPad3d(1, 9.0)(tg.zeros(8, 3, 5, 5, 5)).shape
    (8, 3, 7, 7, 7)
    """

    _axes = 3


class ZeroPad1d(ConstantPad1d):
    """Pad the last axis with zeros; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right). Negative numbers crop.

    Shape: (*, L) to (*, L').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ZeroPad1d((1, 0))(tg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 1., 2., 3.]])
    """

    def __init__(self, padding: Widths) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return str(self.padding)


class ZeroPad2d(ConstantPad2d):
    """Pad the last two axes with zeros; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom). Negative
            numbers crop.

    Shape: (*, H, W) to (*, H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ZeroPad2d(1)(tg.zeros(8, 3, 5, 5)).shape
    (8, 3, 7, 7)
    """

    def __init__(self, padding: Widths) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return str(self.padding)


class ZeroPad3d(ConstantPad3d):
    """Pad the last three axes with zeros; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom, front,
            back). Negative numbers crop.

    Shape: (*, D, H, W) to (*, D', H', W').

    >>> import tinygrad_edu as tg
    >>> tg.nn.ZeroPad3d(1)(tg.zeros(8, 3, 5, 5, 5)).shape
    (8, 3, 7, 7, 7)
    """

    def __init__(self, padding: Widths) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return str(self.padding)


class ReflectionPad1d(_Pad):
    """Pad the last axis with its own elements, mirrored at the ends; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right). Negative numbers crop.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is not longer than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReflectionPad1d((2, 0))(tg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3.]])
    """

    _mode = "reflect"
    _axes = 1


class ReflectionPad2d(_Pad):
    """Pad the last two axes with their own elements, mirrored at the ends; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom). Negative
            numbers crop.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is not longer than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReflectionPad2d(1)(tg.zeros(8, 3, 5, 5)).shape
    (8, 3, 7, 7)
    """

    _mode = "reflect"
    _axes = 2


class ReflectionPad3d(_Pad):
    """Pad the last three axes with their own elements, mirrored at the ends; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom, front,
            back). Negative numbers crop.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is not longer than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReflectionPad3d(1)(tg.zeros(8, 3, 5, 5, 5)).shape
    (8, 3, 7, 7, 7)
    """

    _mode = "reflect"
    _axes = 3


class ReplicationPad1d(_Pad):
    """Pad the last axis by repeating the element at each end; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right). Negative numbers crop.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is empty.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReplicationPad1d((2, 0))(tg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3.]])
    """

    _mode = "replicate"
    _axes = 1


class ReplicationPad2d(_Pad):
    """Pad the last two axes by repeating the element at each end; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom). Negative
            numbers crop.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is empty.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReplicationPad2d(1)(tg.zeros(8, 3, 5, 5)).shape
    (8, 3, 7, 7)
    """

    _mode = "replicate"
    _axes = 2


class ReplicationPad3d(_Pad):
    """Pad the last three axes by repeating the element at each end; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom, front,
            back). Negative numbers crop.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is empty.

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReplicationPad3d(1)(tg.zeros(8, 3, 5, 5, 5)).shape
    (8, 3, 7, 7, 7)
    """

    _mode = "replicate"
    _axes = 3


class CircularPad1d(_Pad):
    """Pad the last axis with elements from its other end; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right). Negative numbers crop.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is shorter than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.CircularPad1d((2, 0))(tg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3.]])
    """

    _mode = "circular"
    _axes = 1


class CircularPad2d(_Pad):
    """Pad the last two axes with elements from their other ends; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom). Negative
            numbers crop.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is shorter than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.CircularPad2d(1)(tg.zeros(8, 3, 5, 5)).shape
    (8, 3, 7, 7)
    """

    _mode = "circular"
    _axes = 2


class CircularPad3d(_Pad):
    """Pad the last three axes with elements from their other ends; see `functional.pad`.

    Args:
        padding: how many elements to add at each end of an axis: one number, or (left, right, top, bottom, front,
            back). Negative numbers crop.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    Raises:
        ShapeError: when called with an input that has the wrong number of axes, or an axis that is shorter than its
            padding.

    >>> import tinygrad_edu as tg
    >>> tg.nn.CircularPad3d(1)(tg.zeros(8, 3, 5, 5, 5)).shape
    (8, 3, 7, 7, 7)
    """

    _mode = "circular"
    _axes = 3
