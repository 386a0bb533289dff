"""Layer and RMS normalization: over the trailing axes, each one op with a rule of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import float16, float32
from ..engine.graph import array_of
from ..engine.primitives import Operand, primitive
from ..engine.recording import require_number
from ..errors import DtypeError, ShapeError
from ..precision import is_in_range, toward_one
from ..sample_rules.families import Core
from ..sample_rules.rule import value_of

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["layer_norm", "rms_norm"]


def _mean(x: Any, count: int) -> Any:
    """The mean over the last `count` axes, which stay with size 1."""
    return x.sum(axis=_last(count), keepdims=True) / math.prod(x.shape[-count:])


def _last(count: int) -> Any:
    return tuple(range(-count, 0)) if count > 1 else -1


def _by_its_rms(x: Any, count: int, eps: float) -> tuple[Any, Any]:
    """x / sqrt(mean(x²) + eps) over the last `count` axes, and what that is x times of."""
    with np.errstate(over="ignore", under="ignore"):
        square = _mean(x * x, count) + eps
    if is_in_range(square, 1):
        root = np.sqrt(square)
        return x / root, 1 / root
    factor = toward_one(array_of(x), _last(count), at_least=math.sqrt(eps))
    x = x * factor
    root = np.sqrt(_mean(x * x, count) + eps * factor * factor)
    return x / root, factor / root


def _cores(node: Any) -> tuple[list[int], int]:
    """Every array's last `count` axes are normalised, scaled or shifted."""
    count = value_of(node, "count")
    return [count] * 3, count


def _scaled(normal: Any, weight: Any, bias: Any) -> Any:
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias


def _layer_norm_rule(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, count: int, eps: float, *, needs: Sequence[Any]
) -> tuple[Any, ...]:
    """The gradients with respect to x, weight and bias.

    With n = (x - m) / s, where m and s are the mean and the deviation of x, n moves neither along 1 nor
    along n itself: of the gradient h with respect to n, only the part perpendicular to both reaches x, divided by s.
    """
    by_x = by_weight = None
    if needs[0] is not None or needs[1] is not None:
        normal, scale = _by_its_rms(x - _mean(x, count), count, eps)
        if needs[1] is not None:
            by_weight = g * normal
        if needs[0] is not None:
            h = g if weight is None else g * weight
            along = _mean(h * normal, count)
            by_x = (h - _mean(h, count) - normal * along) * scale
    return by_x, by_weight, None if needs[2] is None else g, None, None


@primitive(
    joint=_layer_norm_rule,
    single=True,
    fresh=True,
    saves=("x weight", "x", ""),
    cases=lambda draw: [
        (draw(2, 4), draw(4), draw(4), 1, 1e-5),
        (draw(3, 2, 2), draw(2, 2), draw(2, 2), 2, 0.1),
        (draw(2, 4), None, None, 1, 1e-5),
        (draw(3), draw(3), None, 1, 1e-5),
        (draw(2, 1), draw(1), draw(1), 1, 0.1),
        (draw(0, 3), draw(3), draw(3), 1, 1e-5),
    ],
    samples=Core(_cores),
)
def _layer_norm(x: Operand, weight: Operand, bias: Operand, count: int, eps: float) -> Any:
    normal, _ = _by_its_rms(x - _mean(x, count), count, eps)
    return _scaled(normal, weight, bias)


def _rms_norm_rule(
    g: Any, out: Any, x: Any, weight: Any, count: int, eps: float, *, needs: Sequence[Any]
) -> tuple[Any, ...]:
    """As for layer_norm, but nothing is centred: only the part along n = x / rms(x) is lost."""
    normal, scale = _by_its_rms(x, count, eps)
    by_x = None
    if needs[0] is not None:
        h = g if weight is None else g * weight
        by_x = (h - normal * _mean(h * normal, count)) * scale
    return by_x, None if needs[1] is None else g * normal, None, None


@primitive(
    joint=_rms_norm_rule,
    single=True,
    fresh=True,
    saves=("x weight", "x"),
    cases=lambda draw: [
        (draw(2, 4), draw(4), 1, 1e-5),
        (draw(3, 2, 2), draw(2, 2), 2, 0.1),
        (draw(3), None, 1, 1e-5),
        (draw(0, 3), draw(3), 1, 1e-5),
    ],
    samples=Core(_cores),
)
def _rms_norm(x: Operand, weight: Operand, count: int, eps: float) -> Any:
    return _scaled(_by_its_rms(x, count, eps)[0], weight, None)


def layer_norm(
    input: Operand,
    normalized_shape: int | Sequence[int],
    weight: Operand = None,
    bias: Operand = None,
    eps: float = 1e-5,
) -> Tensor:
    """Shift and scale each sample's trailing axes to mean 0 and variance 1, then apply weight and bias.

    Args:
        input: floating tensor of shape (*, *normalized_shape).
        normalized_shape: the sizes of the trailing axes to normalise over.
        weight: tensor of that shape to multiply by, or None.
        bias: tensor of that shape to add, or None.
        eps: added to the variance (the biased one) under the root.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if the trailing axes of `input`, or `weight` or `bias`, have another shape.
        DtypeError: if `input` is not floating.

    Source: Ba, Kiros and Hinton, "Layer Normalization" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.layer_norm(tg.tensor([[1.0, 3.0], [10.0, 30.0]]), 2, eps=0.0)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    require_number("layer_norm", "eps", eps)
    shape = _check("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _layer_norm(input, weight, bias, len(shape), eps)


def rms_norm(
    input: Operand, normalized_shape: int | Sequence[int], weight: Operand = None, eps: float | None = None
) -> Tensor:
    """Divide each sample's trailing axes by their root mean square, then multiply by the weight.

    Args:
        input: floating tensor of shape (*, *normalized_shape).
        normalized_shape: the sizes of the trailing axes to normalise over.
        weight: tensor of that shape to multiply by, or None.
        eps: added to the mean square under the root; None for the machine epsilon of the dtype that is
            computed in, which is float32 for float16.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if the trailing axes of `input`, or `weight`, have another shape.
        DtypeError: if `input` is not floating.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.rms_norm(tg.tensor([[1.0, 7.0]]), 2, eps=0.0)
    tensor([[0.2, 1.4]])
    """
    require_number("rms_norm", "eps", eps)
    shape = _check("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = float(np.finfo(float32 if input.dtype == float16 else input.dtype).eps)
    return _rms_norm(input, weight, len(shape), eps)


def _check(op: str, x: Any, normalized_shape: Any, **scales: Any) -> tuple[int, ...]:
    """The shape to normalise over, checked against everything that must have it."""
    shape = tuple(normalized_shape) if isinstance(normalized_shape, Sequence) else (int(normalized_shape),)
    if not shape:
        raise ShapeError(f"{op}: normalized_shape=() names no axis to normalise over")
    if x.dtype.kind != "f":
        raise DtypeError(f"{op}: input has dtype {x.dtype}, it must be floating-point: use .float()")
    have = tuple(x.shape[-len(shape) :])
    if have != shape:
        wrong = [axis for axis in range(-1, -len(shape) - 1, -1) if have[axis:][:1] != shape[axis:][:1]]
        axis = next((a for a in wrong if -a <= len(x.shape)), wrong[0])
        got = f"axis {axis} is {x.shape[axis]}" if -axis <= len(x.shape) else f"there is no axis {axis}"
        wanted = ", ".join(map(str, shape))
        raise ShapeError(f"{op} expects (*, {wanted}), got {tuple(x.shape)}: {got}. Set normalized_shape={have}?")
    if math.prod(shape) == 0:
        raise ShapeError(f"{op}: normalized_shape={shape} has no element, so there is no mean")
    for name, value in scales.items():
        if value is not None and tuple(value.shape) != shape:
            raise ShapeError(f"{op}: {name} has shape {tuple(value.shape)}, it needs normalized_shape={shape}")
    return shape
