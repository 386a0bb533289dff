"""Dropout: setting elements, or whole channels, to zero at random in training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..engine.callsite import warn
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError
from ..ops.arithmetic import mul
from ..ops.generator import Generator, draw
from ..tensors.tensor import Tensor
from .checks import axes_in_words, probability
from .module.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]

_SATURATED = 1.0507009873554805 * 1.6732632423543772  # minus this is what SELU gives of large negative numbers


# The functions


def dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Set each element to 0 with probability `p`, and divide the others by 1 - p, so that the mean stays the same.

    Args:
        input: floating tensor of any shape.
        p: the probability that an element is dropped.
        training: if False, the result is the input.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        DtypeError: if `input` is not floating.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.dropout(tg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    return _silenced("dropout", input, input.shape, p, training, generator)


def dropout1d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Set each channel, a row of elements, to 0 with probability `p`, and divide the others by 1 - p.

    Args:
        input: floating tensor of shape (N, C, L) or (C, L).
        p: the probability that a channel of a sample is dropped.
        training: if False, the result is the input.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if `input` has a different number of axes.
        ValueError: if `p` is not between 0 and 1.
        DtypeError: if `input` is not floating.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015).

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.functional.dropout1d(tg.ones(50, 3, 4), p=0.5)
    >>> bool((out == out[:, :, :1]).all())
    True
    """
    return _silenced("dropout1d", input, _channels("dropout1d", input, 1), p, training, generator)


def dropout2d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout1d` for images, of shape (N, C, H, W); arguments and errors are the same.

    As in PyTorch, three axes are read as (N, C, L), not as a single image, with a warning.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.dropout2d(tg.ones(2, 3, 4, 4), training=False).shape
    (2, 3, 4, 4)
    """
    return _silenced("dropout2d", input, _channels("dropout2d", input, 2), p, training, generator)


def dropout3d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout1d` for volumes, of shape (N, C, D, H, W) or (C, D, H, W); arguments and errors are the same.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.dropout3d(tg.ones(2, 3, 4, 4, 4), training=False).shape
    (2, 3, 4, 4, 4)
    """
    return _silenced("dropout3d", input, _channels("dropout3d", input, 3), p, training, generator)


def alpha_dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Set each element to SELU's saturation value with probability `p`; then restore mean 0 and variance 1.

    Args:
        input: floating tensor of any shape, of mean 0 and variance 1, as SELU gives.
        p: the probability that an element is dropped.
        training: if False, the result is the input.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        DtypeError: if `input` is not floating.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.alpha_dropout(tg.ones(2), p=0.5)
    tensor([1., 1.])
    """
    return _saturated("alpha_dropout", input, input.shape, p, training, generator)


def feature_alpha_dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`alpha_dropout` of whole channels of each sample, of an input of shape (N, C, *).

    Arguments and errors are those of `alpha_dropout`; fewer than two axes are a ShapeError.

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.functional.feature_alpha_dropout(tg.ones(50, 3, 4), p=0.5, training=True)
    >>> bool((out == out[:, :, :1]).all())
    True
    """
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise ShapeError(f"feature_alpha_dropout expects (N, C, *), got {shape}: there is no axis 1 for the channels")
    each = (*shape[:2], *[1] * (len(shape) - 2))
    return _saturated("feature_alpha_dropout", input, each, p, training, generator)


def _channels(op: str, x: Any, ndim: int) -> tuple[int, ...]:
    """The shape of what there is one of for each channel: of a batch, or of a single sample."""
    shape = tuple(x.shape)
    if ndim == 2 and len(shape) == 3:
        warn(
            f"dropout2d of an input of shape {shape}: it is read as (N, C, L). Use Dropout1d; or, if it is a single "
            "image, x.unsqueeze(0)"
        )
        return (*shape[:2], 1)
    if len(shape) not in (ndim + 1, ndim + 2):
        places = ", ".join({1: "L", 2: "HW", 3: "DHW"}[ndim])
        forms = f"(N, C, {places})" + ("" if ndim == 2 else f" or (C, {places})")
        other = f"Dropout{len(shape) - 2}d" if 3 <= len(shape) <= 5 else "Dropout, which knows no channels"
        raise ShapeError(f"{op} expects {forms}, got {shape}: it has {axes_in_words(len(shape))}. Use {other}")
    return (*shape[:-ndim], *[1] * ndim)


def _check(op: str, x: Any, p: float) -> float:
    p = probability(op, p)
    if x.dtype.kind != "f":
        raise DtypeError(f"{op}: input has dtype {x.dtype}, it must be floating-point: use .float()")
    return p


def _silenced(op: str, x: Any, shape: tuple[int, ...], p: float, training: bool, generator: Generator | None) -> Tensor:
    """x times 0 or 1 / (1 - p), with one random number for each element of this shape, which broadcasts."""
    p = _check(op, x, p)
    if not training or p == 0:
        return x  # type: ignore[no-any-return]
    kept = draw(generator, "random", shape, np.float32) >= p
    scale = np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=x.dtype)
    return mul(x, make_tensor(np.asarray(scale), None))


def _saturated(
    op: str, x: Any, shape: tuple[int, ...], p: float, training: bool, generator: Generator | None
) -> Tensor:
    """x, or what SELU saturates at, scaled and shifted to the mean and variance that x has."""
    p = _check(op, x, p)
    if not training or p == 0:
        return x  # type: ignore[no-any-return]
    if p == 1:
        return mul(x, 0.0)
    scale = 1 / math.sqrt((1 - p) * (1 + p * _SATURATED**2))
    kept = draw(generator, "random", shape, np.float32) >= p
    factor = np.multiply(kept, scale, dtype=x.dtype)
    shift = np.where(kept, x.dtype.type(scale * _SATURATED * p), x.dtype.type(scale * _SATURATED * (p - 1)))
    return mul(x, make_tensor(np.asarray(factor), None)) + make_tensor(np.asarray(shift), None)


# The modules


class _Dropout(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p: float = probability(type(self).__name__, p)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x, with dropout in training mode."""
        return type(self)._function(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, set each element to 0 with probability p and divide the others by 1 - p; else do nothing.

    The random numbers come from the default generator, which `manual_seed` sets.

    Args:
        p: the probability that an element is dropped.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.

    Raises:
        ValueError: if p is not between 0 and 1.

    Shape: any, unchanged; the dtype is floating.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Dropout(0.5).eval()(tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(dropout)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels of each sample: neighbours in a channel are correlated, so they are dropped together.

    Arguments are those of `Dropout`.

    Raises:
        ShapeError: when called, in training or not, with an input that has a different number of axes.

    Shape: (N, C, L) or (C, L), unchanged; the dtype is floating.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015).

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.Dropout1d()(tg.ones(50, 3, 4))
    >>> bool((out == out[:, :, :1]).all())
    True
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """`Dropout1d` for images. As in PyTorch, three axes are read as (N, C, L), with a warning.

    Shape: (N, C, H, W), unchanged; the dtype is floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Dropout2d()(tg.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """`Dropout1d` for volumes.

    Shape: (N, C, D, H, W) or (C, D, H, W), unchanged; the dtype is floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Dropout3d()(tg.ones(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """In training, set each element to SELU's saturation value with probability p; mean and variance stay 0 and 1.

    Args:
        p: the probability that an element is dropped.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.

    Raises:
        ValueError: if p is not between 0 and 1.

    Shape: any, unchanged; the dtype is floating.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.AlphaDropout(0.5).eval()(tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of each sample. Arguments are those of `AlphaDropout`.

    Shape: (N, C, *), unchanged; the dtype is floating.

    >>> import tinygrad_edu as tg
    >>> out = tg.nn.FeatureAlphaDropout()(tg.ones(50, 3, 4))
    >>> bool((out == out[:, :, :1]).all())
    True
    """

    _function: ClassVar[Callable[..., Tensor]] = staticmethod(feature_alpha_dropout)
