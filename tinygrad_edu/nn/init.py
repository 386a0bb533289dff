"""Initialization: functions that fill a tensor, in place and outside of any graph, and return it."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from ..engine.versions import mark_changed
from ..errors import DtypeError, ShapeError
from ..ops.generator import AnyGenerator, Generator, draw
from ..tensors.tensor import Tensor

T = TypeVar("T", bound=Tensor)


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with random numbers, uniform from `a` to `b`.

    Raises:
        DtypeError: if the tensor is not floating; it may have any shape.
        ValueError: if `a` is greater than `b`.

    >>> import tinygrad_edu as tg
    >>> bool((tg.nn.init.uniform_(tg.zeros(100), 2.0, 3.0) >= 2).all())
    True
    """
    if not a <= b:
        raise ValueError(f"uniform_: a={a} must not be greater than b={b}")
    return _fill(tensor, draw(generator, "uniform", a, b, tensor.shape))


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with normally distributed numbers.

    Raises:
        DtypeError: if the tensor is not floating; it may have any shape.
        ValueError: if `std` is negative.

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.normal_(tg.zeros(2), mean=3.0, std=0.0)
    tensor([3., 3.])
    """
    if not std >= 0:
        raise ValueError(f"normal_: std must be 0 or more, got {std}")
    return _fill(tensor, draw(generator, "normal", mean, std, tensor.shape))


def trunc_normal_(
    tensor: T,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> T:
    """Fill with normally distributed numbers, drawn anew until they lie between `a` and `b`.

    Args:
        tensor: floating tensor of any shape.
        mean: the mean of the distribution before truncation.
        std: its standard deviation.
        a: the smallest value.
        b: the largest value.
        generator: where the random numbers come from; default, the default generator.

    Raises:
        DtypeError: if the tensor is not floating.
        ValueError: if `std` is not positive, or `a` not less than `b`.

    >>> import tinygrad_edu as tg
    >>> bool((tg.nn.init.trunc_normal_(tg.zeros(100)).abs() <= 2).all())
    True
    """
    if not (std > 0 and a < b):
        raise ValueError(f"trunc_normal_: std={std} must be greater than 0, and a={a} less than b={b}")
    low, high = (a - mean) / std, (b - mean) / std
    draws = _truncated(generator, low, high, math.prod(tensor.shape))
    return _fill(tensor, np.clip(mean + std * draws, a, b).reshape(tensor.shape))


def constant_(tensor: T, val: float) -> T:
    """Fill with `val`. A Tensor of any shape and a floating dtype, else a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.constant_(tg.zeros(2), 0.5)
    tensor([0.5, 0.5])
    """
    return _fill(tensor, val)


def ones_(tensor: T) -> T:
    """Fill with 1. A Tensor of any shape and a floating dtype, else a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.ones_(tg.zeros(2))
    tensor([1., 1.])
    """
    return _fill(tensor, 1)


def zeros_(tensor: T) -> T:
    """Fill with 0. A Tensor of any shape and a floating dtype, else a DtypeError.

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.zeros_(tg.ones(2))
    tensor([0., 0.])
    """
    return _fill(tensor, 0)


def eye_(tensor: T) -> T:
    """Fill a matrix with the identity: 1 on the diagonal, 0 elsewhere.

    Raises:
        ShapeError: if the tensor is not a matrix.
        DtypeError: if it is not floating.

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.eye_(tg.ones(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if len(tensor.shape) != 2:
        raise ShapeError(f"eye_ fills a matrix, got a tensor of shape {tensor.shape}")
    return _fill(tensor, np.eye(*tensor.shape))


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill uniformly with standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Args:
        tensor: floating tensor of two axes or more, (fan_out, fan_in, …).
        gain: see `calculate_gain`.
        generator: where the random numbers come from; default, the default generator.

    Raises:
        ShapeError: if the tensor has fewer than two axes.
        DtypeError: if it is not floating.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).

    >>> import tinygrad_edu as tg
    >>> bool((tg.nn.init.xavier_uniform_(tg.zeros(2, 4)).abs() <= 1).all())  # the bound is sqrt(6 / (2 + 4))
    True
    """
    bound = math.sqrt(3) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill normally with standard deviation gain * sqrt(2 / (fan_in + fan_out)); see `xavier_uniform_`.

    The arguments and errors are the same.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.xavier_normal_(tg.zeros(2, 4)).shape
    (2, 4)
    """
    return normal_(tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), generator)


def kaiming_uniform_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Fill uniformly with standard deviation gain / sqrt(fan).

    Args:
        tensor: tensor of two axes or more, (fan_out, fan_in, …).
        a: the negative slope of the leaky_relu that follows.
        mode: "fan_in" preserves the scale of activations in the forward pass, "fan_out" that of gradients in the
            backward pass.
        nonlinearity: the function that follows; see `calculate_gain`.
        generator: where the random numbers come from; default, the default generator.

    Raises:
        ShapeError: if the tensor has fewer than two axes.
        DtypeError: if it is not floating.
        ValueError: for an unknown mode or nonlinearity.

    Source: He et al., "Delving Deep into Rectifiers" (2015).

    >>> import tinygrad_edu as tg
    >>> bool((tg.nn.init.kaiming_uniform_(tg.zeros(2, 6)).abs() <= 1).all())  # the bound is sqrt(2) * sqrt(3 / 6)
    True
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Fill normally with standard deviation gain / sqrt(fan); the arguments are those of `kaiming_uniform_`.

    Source: He et al., "Delving Deep into Rectifiers" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.kaiming_normal_(tg.zeros(2, 4), mode="fan_out", nonlinearity="relu").shape
    (2, 4)
    """
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Fill with a random matrix whose rows (or columns, if they are fewer) are orthogonal and of length `gain`.

    Axes after the first are treated as one.

    Args:
        tensor: floating tensor of two axes or more.
        gain: the length of the rows (or columns).
        generator: where the random numbers come from; default, the default generator.

    Raises:
        ShapeError: if the tensor has fewer than two axes.
        DtypeError: if it is not floating.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning" (2013).

    >>> import tinygrad_edu as tg
    >>> q = tg.nn.init.orthogonal_(tg.zeros(2, 5, dtype=tg.float64)).numpy()
    >>> ((q @ q.T).round(9) + 0.0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if len(tensor.shape) < 2:
        raise ShapeError(f"orthogonal_ needs a tensor of two axes or more, got shape {tensor.shape}")
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    if not rows * columns:
        return tensor
    flat = draw(generator, "normal", size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(flat)
    q = q * np.where(np.diagonal(r) < 0, -1, 1)  # makes the distribution uniform
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def dirac_(tensor: T, groups: int = 1) -> T:
    """Fill the weight of a convolution so that it passes on its input: 1 in the middle of channel i for channel i.

    Args:
        tensor: floating tensor of three to five axes, (out_channels, in_channels / groups, …).
        groups: the number of groups of the convolution.

    Raises:
        ShapeError: if the tensor has a different number of axes, or its first one is not a multiple of `groups`.
        DtypeError: if it is not floating.

    Source: Zagoruyko and Komodakis, "DiracNets" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.init.dirac_(tg.zeros(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if len(tensor.shape) not in (3, 4, 5):
        raise ShapeError(f"dirac_ fills the weight of a convolution, of three to five axes; got shape {tensor.shape}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ShapeError(f"dirac_: axis 0 of shape {tensor.shape} is not a multiple of groups={groups}")
    each = tensor.shape[0] // groups
    same = np.arange(min(each, tensor.shape[1]))
    values = np.zeros(tensor.shape)
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for first in range(0, tensor.shape[0], max(each, 1)):
        place: Any = (first + same, same, *middle)
        values[place] = 1
    return _fill(tensor, values)


def sparse_(tensor: T, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> T:
    """Fill a matrix normally, with a fraction of zeros at random in each column.

    Args:
        tensor: floating tensor of two axes.
        sparsity: the fraction of zeros in each column, rounded up.
        std: the standard deviation of the rest.
        generator: where the random numbers come from; default, the default generator.

    Raises:
        ShapeError: if the tensor is not a matrix.
        DtypeError: if it is not floating.
        ValueError: if `sparsity` is not between 0 and 1.

    Source: Martens, "Deep learning via Hessian-free optimization" (2010).

    >>> import tinygrad_edu as tg
    >>> (tg.nn.init.sparse_(tg.zeros(10, 3), 0.25) == 0).sum(0)
    tensor([3, 3, 3])
    """
    if len(tensor.shape) != 2:
        raise ShapeError(f"sparse_ fills a matrix, got a tensor of shape {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity={sparsity} is not a fraction: it must be between 0 and 1")
    values = draw(generator, "normal", 0.0, std, size=tensor.shape)
    order = draw(generator, "random", tensor.shape).argsort(0)
    values[order < math.ceil(sparsity * tensor.shape[0])] = 0
    return _fill(tensor, values)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The scale of weights that makes up for how much a nonlinearity shrinks its input.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu" or "selu" (or "conv1d" and so on).
        param: the negative slope of leaky_relu, default 0.01.

    Raises:
        ValueError: for another name.

    >>> from tinygrad_edu.nn import init
    >>> init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    linear = ["linear", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))]
    gains = {**dict.fromkeys(linear, 1.0), "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}: use 'linear', 'sigmoid', 'tanh', 'relu', "
            "'leaky_relu' or 'selu'"
        )
    return gains[nonlinearity]


def _fill(tensor: T, values: Any) -> T:
    given: object = tensor
    if not isinstance(given, Tensor):
        hint = ": pass its .weight, or its .bias" if hasattr(given, "weight") else ""
        raise TypeError(f"init functions fill a Tensor in place, got {type(given).__name__}{hint}")
    if tensor.dtype.kind != "f":
        raise DtypeError(f"init functions fill floating-point tensors, got dtype {tensor.dtype}")
    tensor.array[...] = values
    mark_changed(tensor.array)
    return tensor


def _fans(op: str, tensor: Tensor) -> tuple[int, int]:
    """How many numbers go into, and come out of, each unit of a layer with this weight."""
    if len(tensor.shape) < 2:
        raise ShapeError(
            f"{op} needs a tensor of two axes or more, (fan_out, fan_in, …), got shape {tensor.shape}. "
            "For a bias use zeros_ or uniform_"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _xavier_std(op: str, tensor: Tensor, gain: float) -> float:
    fan = sum(_fans(op, tensor))
    return gain * math.sqrt(2 / fan) if fan else 0.0


def _kaiming_std(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{op}: unknown mode {mode!r}: use 'fan_in' or 'fan_out'")
    fan = _fans(op, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def _truncated(generator: AnyGenerator | None, low: float, high: float, count: int) -> Any:
    """`count` standard normal numbers between `low` and `high`, by rejection."""
    mass = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    peak = min(max(low, 0.0), high)  # where the density on the interval is greatest
    if mass < 0.25:  # a short interval, or one far out: what lies 9 deviations behind the peak never comes
        low, high = max(low, peak - 9.0), min(high, peak + 9.0)
    out = np.empty(count)
    done = 0
    while done < count:
        if mass >= 0.25:
            draws = draw(generator, "normal", size=count - done)
            draws = draws[(draws >= low) & (draws <= high)]
        else:
            draws = draw(generator, "uniform", low, high, size=count - done)
            draws = draws[draw(generator, "random", count - done) < np.exp((peak * peak - draws * draws) / 2)]
        out[done : done + draws.size] = draws
        done += draws.size
    return out
