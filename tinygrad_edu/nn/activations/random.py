"""Random activations: RReLU, and gumbel_softmax, which chooses."""

from __future__ import annotations

import numpy as np

from ...engine.graph import array_of
from ...engine.primitives import Operand
from ...engine.recording import make_tensor
from ...errors import DtypeError
from ...ops.activations import leaky_relu
from ...ops.arguments import one_axis
from ...ops.arithmetic import mul
from ...ops.generator import Generator, draw
from ...ops.softmax import softmax
from ...tensors.tensor import Tensor
from ..module.module import Module

__all__ = ["RReLU"]


def rrelu(
    input: Operand,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """x where it is positive, else a times x; a is drawn for each element in training, else it is the midpoint.

    Args:
        input: floating tensor of any shape.
        lower: the smallest slope.
        upper: the largest slope.
        training: whether slopes are drawn uniformly between the two.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ValueError: if `lower` is not finite, or above `upper`.
        DtypeError: if `input` is not floating.

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.rrelu(tg.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5,  2. ])
    """
    if not -np.inf < lower <= upper < np.inf:
        raise ValueError(f"rrelu: lower must not be above upper, and both finite: got lower={lower}, upper={upper}")
    if input.dtype.kind != "f":
        raise DtypeError(f"rrelu: input has dtype {input.dtype}, it must be floating-point: use .float()")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slopes = draw(generator, "uniform", lower, upper, input.shape)
    factors = np.where(array_of(input) > 0, 1.0, slopes).astype(input.dtype)
    return mul(input, make_tensor(np.asarray(factors), None))


class RReLU(Module):
    """x where it is positive, else a times x; a is drawn for each element in training, else it is the midpoint.

    Args:
        lower: the smallest slope.
        upper: the largest slope.
        inplace: accepted for compatibility with PyTorch; the result is always a new tensor.

    Raises:
        ValueError: when called, if `lower` is not finite, or above `upper`.

    Shape: any, unchanged; the dtype is floating.

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.RReLU(0.25, 0.75).eval()(tg.tensor([-1.0, 2.0]))
    tensor([-0.5,  2. ])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x, with negative elements scaled down."""
        return rrelu(x, self.lower, self.upper, self.training)

    def extra_repr(self) -> str:
        """The slopes."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


def gumbel_softmax(
    logits: Operand,
    tau: float = 1.0,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    axis: int | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """A class drawn with the probabilities softmax(logits), softened so that it has a gradient.

    Args:
        logits: floating tensor of any shape but (): logarithms of probabilities, up to a constant.
        tau: temperature: towards 0 the result is nearly one-hot, and its gradients vary more.
        hard: whether the result is one-hot; its gradient is still that of the soft one.
        eps: accepted for compatibility with PyTorch, without effect.
        dim: the axis along which the result sums to 1.
        axis: the same as `dim`.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `logits`.

    Raises:
        ValueError: if `tau` is not positive.
        DtypeError: if `logits` are not floating.
        ShapeError: if there is no such axis.

    Source: Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.gumbel_softmax(tg.tensor([[0.0, 1000.0], [1000.0, 0.0]]), hard=True)
    tensor([[0., 1.],
            [1., 0.]])
    """
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be positive, got {tau}")
    if logits.dtype.kind != "f":
        raise DtypeError(f"gumbel_softmax: logits has dtype {logits.dtype}, it must be floating-point: use .float()")
    place = one_axis("gumbel_softmax", logits, dim if axis is None else axis)
    noise = draw(generator, "gumbel", size=logits.shape).astype(logits.dtype)
    soft = softmax((logits + make_tensor(noise, None)) / tau, place)
    if not hard:
        return soft
    found = array_of(soft)
    one_hot = np.zeros_like(found)
    np.put_along_axis(one_hot, found.argmax(place, keepdims=True), 1, axis=place)
    return soft + make_tensor(one_hot - found, None)
