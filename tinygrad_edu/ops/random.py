"""Random tensors, from an explicit generator or the default one. The same seed gives the same numbers.

float32 is drawn natively, not rounded from float64: initial weights cost half as much that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import Array, DType, float32, float64, int64
from ..engine.graph import array_of
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError
from .creation import dtype_for, made, size_of
from .generator import Generator, draw

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "bernoulli",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def uniform_array(shape: tuple[int, ...], dtype: np.dtype[Any], generator: Generator | None) -> Array:
    """Numbers from [0, 1)."""
    return _drawn(generator, "random", "random numbers from [0, 1)", shape, dtype)


def normal_array(shape: tuple[int, ...], dtype: np.dtype[Any], generator: Generator | None) -> Array:
    """Numbers from the standard normal distribution."""
    return _drawn(generator, "standard_normal", "normally distributed numbers", shape, dtype)


def _drawn(generator: Generator | None, name: str, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if dtype.kind != "f":
        raise DtypeError(f"{what} have a floating dtype, not {dtype}")
    numbers = draw(generator, name, shape, dtype=dtype if dtype in (float32, float64) else float32)
    return np.asarray(numbers).astype(dtype, copy=False)


def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers uniformly distributed in [0, 1).

    Args:
        shape: the sizes, ``rand(2, 3)`` or ``rand((2, 3))``.
        size: the same, as a keyword.
        generator: where the numbers come from; None for the default generator.
        dtype: a floating dtype; default, the default one.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        A new tensor.

    >>> import tinygrad_edu as tg
    >>> tg.rand(2, 3).shape
    (2, 3)
    """
    wanted = dtype_for("rand", dtype, device)
    return made(uniform_array(size_of("rand", shape, size), wanted, generator), requires_grad, "rand")


def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers from the standard normal distribution; the arguments are those of `rand`.

    A floating tensor of that shape.

    >>> import tinygrad_edu as tg
    >>> tg.randn(2, 3, requires_grad=True).requires_grad
    True
    """
    wanted = dtype_for("randn", dtype, device)
    return made(normal_array(size_of("randn", shape, size), wanted, generator), requires_grad, "randn")


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Integers uniformly distributed from `low` up to but not including `high`.

    Args:
        low: the smallest; ``randint(high, size)`` starts at 0.
        high: one above the largest.
        size: the shape, a tuple.
        generator: where the numbers come from; None for the default generator.
        dtype: default int64.
        requires_grad: whether a gradient with respect to it is wanted (for a floating `dtype`).
        device: ``"cpu"``.

    Returns:
        A new tensor.

    Raises:
        ValueError: if there is no integer from `low` to `high`.

    >>> import tinygrad_edu as tg
    >>> x = tg.randint(10, (5,))
    >>> bool(((x >= 0) & (x < 10)).all()), tg.randint(2, 4, (2, 2)).shape
    (True, (2, 2))
    """
    if size is None:
        if isinstance(high, tuple | list):
            low, high, size = 0, low, high
        else:
            raise TypeError("randint: pass the shape, randint(high, size) or randint(low, high, size)")
    elif high is None:
        low, high = 0, low
    if low >= high:
        raise ValueError(f"randint: there is no integer from {low} up to but not including {high}")
    wanted = dtype_for("randint", dtype, device, int64)
    numbers = draw(generator, "integers", low, high, size_of("randint", (size,), None))
    return made(np.asarray(numbers).astype(wanted, copy=False), requires_grad, "randint")


def randperm(n: int, *, generator: Generator | None = None, dtype: DType = None, device: Any = None) -> Tensor:
    """The integers from 0 to n - 1 in random order.

    Args:
        n: how many.
        generator: where the random numbers come from; default, the default generator.
        dtype: default, int64.
        device: ``"cpu"``.

    Returns:
        Tensor of shape (n,).

    Raises:
        ShapeError: if `n` is negative.

    >>> import tinygrad_edu as tg
    >>> sorted(tg.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if n < 0:
        raise ShapeError(f"randperm: n={n} must not be negative")
    wanted = dtype_for("randperm", dtype, device, int64)
    return make_tensor(draw(generator, "permutation", n).astype(wanted, copy=False), None)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers from normal distributions.

    Args:
        mean: number, or tensor of means.
        std: number, or tensor of standard deviations, none of them negative.
        size: the shape, if both are numbers.
        generator: where the numbers come from; None for the default generator.
        dtype: default, that of the tensors, or the default dtype.
        requires_grad: whether a gradient with respect to it is wanted.
        device: ``"cpu"``.

    Returns:
        A new tensor, of the shape that mean and std broadcast to; a constant (no gradient goes to `mean` and
        `std`: for that, write ``mean + std * tg.randn(shape)``).

    Raises:
        ValueError: if a standard deviation is negative.

    >>> import tinygrad_edu as tg
    >>> tg.normal(0.0, 1.0, size=(2, 3)).shape, tg.normal(tg.zeros(4), 1.0).shape
    ((2, 3), (4,))
    """
    centre, spread = array_of(mean), array_of(std)
    if np.any(np.asarray(spread) < 0):
        raise ValueError("normal: std must not be negative")
    shape = (
        np.broadcast_shapes(np.shape(centre), np.shape(spread)) if size is None else size_of("normal", (size,), None)
    )
    given = [a.dtype for a in (centre, spread) if hasattr(a, "dtype") and a.dtype.kind == "f"]
    wanted = dtype_for("normal", dtype, device, np.result_type(*given) if given else None)
    numbers = normal_array(shape, wanted, generator) * spread + centre
    return made(np.asarray(numbers).astype(wanted, copy=False), requires_grad, "normal")


def bernoulli(input: Operand, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Random ones and zeros: each is one with the probability in `input`.

    Args:
        input: tensor of probabilities; its dtype is that of the result.
        p: one probability for all places instead.
        generator: where the numbers come from; None for the default generator.

    Returns:
        A constant of the shape of `input`.

    Raises:
        ValueError: if a probability is not from [0, 1].

    >>> import tinygrad_edu as tg
    >>> tg.bernoulli(tg.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chances = array_of(input)
    return make_tensor(bernoulli_array(chances.shape, chances.dtype, chances if p is None else p, generator), None)


def bernoulli_array(shape: tuple[int, ...], dtype: np.dtype[Any], p: Any, generator: Generator | None) -> Array:
    """Ones with probability `p`, else zeros."""
    if not np.all((np.asarray(p) >= 0) & (np.asarray(p) <= 1)):
        raise ValueError("bernoulli: probabilities must be from 0 to 1")
    return np.asarray(draw(generator, "random", shape) < p).astype(dtype)


def multinomial(
    input: Operand, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with probabilities proportional to the weights of a row.

    Args:
        input: weights of shape (n,) or (rows, n), none negative; they need not sum to 1.
        num_samples: how many to draw from each row.
        replacement: whether an index may be drawn again.
        generator: where the numbers come from; None for the default generator.

    Returns:
        int64 Tensor of shape (num_samples,) or (rows, num_samples).

    Raises:
        ValueError: if a weight is negative, infinite or NaN, a row has none that is positive, or fewer
            than are to be drawn without replacement.
        ShapeError: if `input` has neither one axis nor two.

    >>> import tinygrad_edu as tg
    >>> tg.multinomial(tg.tensor([0.0, 3.0, 0.0]), 1)
    tensor([1])
    """
    weights = array_of(input)
    if weights.ndim not in (1, 2):
        raise ShapeError(f"multinomial: weights have shape (n,) or (rows, n), got {weights.shape}")
    if num_samples <= 0:
        raise ValueError(f"multinomial: num_samples={num_samples} must be positive")
    rows = np.atleast_2d(weights).astype(np.float64)
    if not np.all(np.isfinite(rows) & (rows >= 0)):
        raise ValueError("multinomial: a weight is negative, infinite or NaN")
    positive = (rows > 0).sum(1)
    if np.any(positive == 0):
        raise ValueError(f"multinomial: row {int(np.argmin(positive))} has no positive weight")
    if not replacement and np.any(positive < num_samples):
        row = int(np.argmin(positive))
        raise ValueError(
            f"multinomial: cannot draw num_samples={num_samples} different indices from row {row}, which has "
            f"{positive[row]} positive weights. Pass replacement=True"
        )
    if replacement or num_samples == 1:
        ends = np.cumsum(rows, 1)
        aims = draw(generator, "random", (len(rows), num_samples)) * ends[:, -1:]
        drawn = np.stack([np.searchsorted(e, a, side="right") for e, a in zip(ends, aims, strict=True)])
        # Rounding must not reach past the last index of positive weight.
        last = rows.shape[1] - 1 - np.argmax(rows[:, ::-1] > 0, axis=1)
        drawn = np.minimum(drawn, last[:, None])
    else:  # a race of exponential waiting times: the first to arrive are drawn in turn, without replacement
        with np.errstate(divide="ignore"):
            waits = draw(generator, "standard_exponential", rows.shape) / rows
        drawn = np.argsort(waits, axis=1)[:, :num_samples]
    result = drawn.astype(np.int64)
    return make_tensor(result[0] if weights.ndim == 1 else result, None)


def rand_like(
    x: Operand, *, generator: Generator | None = None, dtype: DType = None, requires_grad: bool = False
) -> Tensor:
    """`rand` in the shape and dtype of `x`. DtypeError for integers.

    >>> import tinygrad_edu as tg
    >>> tg.rand_like(tg.zeros(2, 3)).shape
    (2, 3)
    """
    return rand(x.shape, generator=generator, dtype=dtype or x.dtype, requires_grad=requires_grad)


def randn_like(
    x: Operand, *, generator: Generator | None = None, dtype: DType = None, requires_grad: bool = False
) -> Tensor:
    """`randn` in the shape and dtype of `x`. DtypeError for integers.

    >>> import tinygrad_edu as tg
    >>> tg.randn_like(tg.zeros(2, 3)).shape
    (2, 3)
    """
    return randn(x.shape, generator=generator, dtype=dtype or x.dtype, requires_grad=requires_grad)


def randint_like(
    x: Operand, low: int, high: int | None = None, *, generator: Generator | None = None, dtype: DType = None
) -> Tensor:
    """`randint` in the shape and dtype of `x`.

    >>> import tinygrad_edu as tg
    >>> tg.randint_like(tg.zeros(2), 1, 2)
    tensor([1., 1.])
    """
    return randint(low, high, x.shape, generator=generator, dtype=dtype or x.dtype)
