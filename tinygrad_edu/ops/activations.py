"""Activation functions, each stable for inputs of any size. Integers become the default dtype.

Each is one op with one rule, not a composition, so that only what the rule reads is kept in memory. At a kink the
derivative is PyTorch's: that of the left side unless the docstring says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.graph import TensorBase
from ..engine.primitives import Operand
from ..precision import by_float64
from .kinds import pointwise
from .special import approximate_erfc, erfc

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = [
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanhshrink", "threshold",
]  # fmt: skip

_ROOT_2_BY_PI = math.sqrt(2 / math.pi)
_ROOT_HALF = math.sqrt(0.5)
_FAR = 40.0  # beyond it the normal density is 0, tanh is -1 or 1, and a square might overflow
# With these two, mean 0 and variance 1 are a fixed point (Klambauer et al., "Self-Normalizing Neural
# Networks", 2017).
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717


def _cases(*more: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """Test cases of a function of one array and of the arguments `more`."""
    return lambda draw: [(draw(3, 4), *more), (draw(), *more), (draw(0, 2), *more)]


@pointwise(vjps=(lambda g, out, x: g * (out > 0),), saves=("out",))
def relu(x: Operand) -> Operand:
    """max(x, 0); the derivative at 0 is 0. The dtype is kept.

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.relu(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return np.maximum(x, 0)


@pointwise(vjps=(lambda g, out, x: g * ((out > 0) & (out < 6)),), saves=("out",), domain=(-2.0, 8.0))
def relu6(x: Operand) -> Operand:
    """min(max(x, 0), 6); the derivative at 0 and at 6 is 0. The dtype is kept.

    Source: Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.relu6(tg.tensor([-1.0, 2.0, 7.0]))
    tensor([0., 2., 6.])
    """
    return np.minimum(np.maximum(x, 0), 6)


@pointwise(
    vjps=(lambda g, out, x, min_val, max_val: g * ((out > min_val) & (out < max_val)),),
    saves=("out",),
    cases=_cases(-1.0, 1.0),
)
def hardtanh(x: Operand, min_val: float = -1.0, max_val: float = 1.0) -> Operand:
    """x limited to the interval from `min_val` to `max_val`; the derivative at both ends is 0.

    >>> import tinygrad_edu as tg
    >>> tg.hardtanh(tg.tensor([-2.0, 0.5]))
    tensor([-1. ,  0.5])
    """
    return np.minimum(np.maximum(x, min_val), max_val)


@pointwise(
    vjps=(lambda g, out, x, negative_slope: np.where(x > 0, g, negative_slope * g),),
    saves=("x",),
    single=True,
    cases=_cases(0.1),
)
def _leaky_relu(x: Operand, negative_slope: float) -> Operand:
    return np.where(np.greater(x, 0), x, np.multiply(x, negative_slope))


def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Tensor:
    """x where it is positive, else `negative_slope` times x.

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).

    >>> import tinygrad_edu as tg
    >>> tg.leaky_relu(tg.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1,  2. ])
    """
    return _leaky_relu(x, negative_slope)


def _elu_rule(g: Any, out: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    return np.where(x > 0, g * scale, g * (scale * alpha * rate * np.exp(rate * np.minimum(x, 0))))


@pointwise(vjps=(_elu_rule,), saves=("x",), single=True, cases=_cases(1.3, 1.1, 0.7))
def _elu(x: Operand, alpha: float, scale: float, rate: float) -> Operand:
    """scale * x above 0, scale * alpha * (exp(rate * x) - 1) below."""
    return scale * np.where(np.greater(x, 0), x, alpha * by_float64(np.expm1, rate * np.minimum(x, 0)))


def elu(x: Operand, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha (exp(x) - 1).

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.elu(tg.tensor([-1000.0, 2.0]))
    tensor([-1.,  2.])
    """
    return _elu(x, alpha, 1.0, 1.0)


def selu(x: Operand) -> Tensor:
    """1.0507 elu(x, 1.6733), which keeps mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.selu(tg.tensor([1.0])).round(decimals=4)
    tensor([1.0507])
    """
    return _elu(x, _SELU_ALPHA, _SELU_SCALE, 1.0)


def celu(x: Operand, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha (exp(x / alpha) - 1): an ELU with a continuous derivative.

    Source: Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.celu(tg.tensor([-1000.0, 2.0]), alpha=2.0)
    tensor([-2.,  2.])
    """
    return _elu(x, alpha, 1.0, 1.0 / alpha)


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) on an array: only exp of numbers below 0 is taken, so nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


@pointwise(vjps=(lambda g, out, x: g * (out * (1 - out)),), saves=("out",), single=True)
def sigmoid(x: Operand) -> Operand:
    """1 / (1 + exp(-x)).

    >>> import tinygrad_edu as tg
    >>> tg.sigmoid(tg.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0. , 0.5, 1. ])
    """
    return _sigmoid(x)


@pointwise(vjps=(lambda g, out, x: g * sigmoid(-x),), saves=("x",), single=True)
def logsigmoid(x: Operand) -> Operand:
    """log(sigmoid(x)), to full precision for x of either sign.

    >>> import tinygrad_edu as tg
    >>> tg.logsigmoid(tg.tensor([-1000.0, 1000.0]))
    tensor([-1000.,     0.])
    """
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _softplus_rule(g: Any, out: Any, x: Any, beta: float, threshold: float) -> Any:
    scaled = beta * x
    return np.where(scaled > threshold, g, g * sigmoid(scaled))


@pointwise(vjps=(_softplus_rule,), saves=("x",), single=True, cases=_cases(1.5, 20.0))
def _softplus(x: Operand, beta: float, threshold: float) -> Operand:
    scaled = np.multiply(x, beta)
    smooth = (np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))) / beta
    return np.where(scaled > threshold, x, smooth)


def softplus(x: Operand, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, a smooth relu; x itself where beta x is above `threshold`.

    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing" (2001).

    >>> import tinygrad_edu as tg
    >>> tg.softplus(tg.tensor([-100.0, 0.0, 100.0])).round(decimals=4)
    tensor([  0.    ,   0.6931, 100.    ])
    """
    return _softplus(x, beta, threshold)


def _gelu_rule(g: Any, out: Any, x: Any) -> Any:
    """Phi(x) + x phi(x), with the normal distribution function Phi and its density phi."""
    near = np.clip(x, -_FAR, _FAR)
    density = np.exp(-0.5 * near * near) * (_ROOT_HALF / math.sqrt(math.pi))
    return g * (_share_below(x) + x * density)


def _share_below(x: Any) -> Any:
    """Phi(x); of arrays by the approximation in their own dtype, which takes half of the time of the op `erfc`."""
    z = -_ROOT_HALF * x
    return 0.5 * (erfc(z) if isinstance(z, TensorBase) else approximate_erfc(z))


@pointwise(vjps=(_gelu_rule,), saves=("x",), single=True)
def _gelu(x: Operand) -> Operand:
    return x * _share_below(x)


def _gelu_tanh_rule(g: Any, out: Any, x: Any) -> Any:
    x = np.clip(x, -_FAR, _FAR)
    square = x * x
    t = np.tanh(_ROOT_2_BY_PI * x * (1 + 0.044715 * square))
    slope = _ROOT_2_BY_PI * (1 + 3 * 0.044715 * square)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


@pointwise(vjps=(_gelu_tanh_rule,), saves=("x",), single=True)
def _gelu_tanh(x: Operand) -> Operand:
    near = np.clip(x, -_FAR, _FAR)
    return 0.5 * x * (1 + np.tanh(_ROOT_2_BY_PI * near * (1 + 0.044715 * (near * near))))


def gelu(x: Operand, approximate: str = "none") -> Tensor:
    """x times the probability that a standard normal variable is below x.

    Args:
        x: tensor of any shape.
        approximate: "none" for the exact function, "tanh" for the faster approximation of the same paper.

    Raises:
        ValueError: if `approximate` is neither.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.gelu(tg.tensor([-1.0, 0.0, 100.0])).round(decimals=4)
    tensor([ -0.1587,   0.    , 100.    ])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate={approximate!r} is unknown: use 'none' or 'tanh'")
    return _gelu(x) if approximate == "none" else _gelu_tanh(x)


def _silu_rule(g: Any, out: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@pointwise(vjps=(_silu_rule,), saves=("x",), single=True)
def silu(x: Operand) -> Operand:
    """x sigmoid(x), also called swish.

    Source: Elfwing et al., "Sigmoid-Weighted Linear Units for Neural Network Function Approximation" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.silu(tg.tensor([0.0, 1000.0]))
    tensor([   0., 1000.])
    """
    return np.multiply(x, _sigmoid(x))


def _mish_rule(g: Any, out: Any, x: Any) -> Any:
    t = np.tanh(_softplus(x, 1.0, 20.0))
    return g * (t + x * (1 - t * t) * sigmoid(x))


@pointwise(vjps=(_mish_rule,), saves=("x",), single=True)
def mish(x: Operand) -> Operand:
    """x tanh(softplus(x)).

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.mish(tg.tensor([0.0, 1000.0]))
    tensor([   0., 1000.])
    """
    return np.multiply(x, np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))))


@pointwise(vjps=(lambda g, out, x: g * ((out > 0) & (out < 1)) / 6,), saves=("out",), single=True, domain=(-5.0, 5.0))
def hardsigmoid(x: Operand) -> Operand:
    """x / 6 + 1/2, limited to the interval from 0 to 1; the derivative at both ends is 0.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.hardsigmoid(tg.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """
    return np.minimum(np.maximum(np.divide(np.add(x, 3), 6), 0), 1)


def _hardswish_rule(g: Any, out: Any, x: Any) -> Any:
    return np.where(x <= -3, 0, np.where(x < 3, g * (x / 3 + 0.5), g))


@pointwise(vjps=(_hardswish_rule,), saves=("x",), single=True, domain=(-5.0, 5.0))
def hardswish(x: Operand) -> Operand:
    """x hardsigmoid(x); the derivative is 0 at -3 and 1 at 3.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.hardswish(tg.tensor([-4.0, 3.0]))
    tensor([-0.,  3.])
    """
    return np.multiply(x, np.minimum(np.maximum(np.add(x, 3), 0), 6) / 6)


@pointwise(vjps=(lambda g, out, x: g / (1 + np.abs(x)) ** 2,), saves=("x",), single=True)
def softsign(x: Operand) -> Operand:
    """x / (1 + |x|).

    >>> import tinygrad_edu as tg
    >>> tg.softsign(tg.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """
    return np.divide(x, 1 + np.abs(x))


@pointwise(vjps=(lambda g, out, x: g * np.tanh(x) ** 2,), saves=("x",), single=True)
def tanhshrink(x: Operand) -> Operand:
    """x - tanh(x).

    >>> import tinygrad_edu as tg
    >>> tg.tanhshrink(tg.tensor([0.0]))
    tensor([0.])
    """
    return np.subtract(x, np.tanh(x))


@pointwise(
    vjps=(lambda g, out, x, threshold, value: np.where(x <= threshold, 0, g),), saves=("x",), cases=_cases(0.5, 0.2)
)
def threshold(x: Operand, threshold: float, value: float) -> Operand:
    """x where it is above the threshold, else `value`; NaN stays NaN.

    >>> import tinygrad_edu as tg
    >>> tg.threshold(tg.tensor([1.0, 2.0]), 1.5, 0.0)
    tensor([0., 2.])
    """
    return np.where(np.less_equal(x, threshold), value, x)


@pointwise(vjps=(lambda g, out, x, lambd: g * (np.abs(x) > lambd),), saves=("x",), cases=_cases(0.5))
def hardshrink(x: Operand, lambd: float = 0.5) -> Operand:
    """x where |x| is above `lambd`, else 0. The dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.hardshrink(tg.tensor([-1.0, 0.2]))
    tensor([-1.,  0.])
    """
    return np.where(np.abs(x) <= lambd, 0, x)


@pointwise(vjps=(lambda g, out, x, lambd: g * (np.abs(x) > lambd),), saves=("x",), cases=_cases(0.5))
def softshrink(x: Operand, lambd: float = 0.5) -> Operand:
    """x moved towards 0 by `lambd`, and 0 where it would cross.

    >>> import tinygrad_edu as tg
    >>> tg.softshrink(tg.tensor([-1.0, 0.2]))
    tensor([-0.5,  0. ])
    """
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)
