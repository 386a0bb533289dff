"""Linear layers: Linear, Bilinear and Identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import DType
from ..engine.primitives import Operand
from ..errors import ShapeError
from ..ops.einsum import einsum
from ..ops.linear import linear
from ..tensors.tensor import Tensor
from . import init
from .checks import count
from .layer import Layer
from .module.module import Module
from .parameter import Parameter
from .widening import watched

__all__ = ["Bilinear", "Identity", "Linear"]


class Linear(Layer):
    """x @ weight.T + bias, along the last axis.

    Weight and bias start uniform between plus and minus 1/sqrt(in_features), as PyTorch's do.

    Args:
        in_features: size of the last axis of the input.
        out_features: size of the last axis of the output.
        bias: whether to add a bias.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Attributes:
        weight: Parameter of shape (out_features, in_features).
        bias: Parameter of shape (out_features,), or None.

    Shape: (*, in_features) to (*, out_features).

    Raises:
        ShapeError: when called with an input whose last axis is not `in_features`.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Linear(3, 2)(tg.zeros(5, 3)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: DType = None
    ) -> None:
        super().__init__()
        self.in_features: int = count("Linear", "in_features", in_features)
        self.out_features: int = count("Linear", "out_features", out_features)
        out = (self.out_features,)
        self._make_parameters(device, dtype, weight=(*out, self.in_features), bias=out if bias else None)

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """x @ weight.T + bias."""
        try:
            out = linear(x, self.weight, self.bias)
        except ShapeError as error:
            shape = np.shape(x)
            if shape and shape[-1] == self.in_features:
                raise
            raise ShapeError(
                f"Linear expects (*, {self.in_features}), got {shape}: {_way_out(shape, self.in_features)}"
            ) from error
        return watched(self, self.weight, out, x)

    def extra_repr(self) -> str:
        """The sizes, and whether there is a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def _way_out(shape: tuple[int, ...], wanted: int) -> str:
    """What is wrong with an input of this shape, and what to do about it."""
    if not shape:
        return "it has no axis"
    for start in range(len(shape) - 1):
        if math.prod(shape[start:]) == wanted:
            layer = "nn.Flatten()" if start == 1 else f"nn.Flatten({start})"
            return (
                f"axes {start} to {len(shape) - 1} have {wanted} numbers together. Use x.flatten({start}), or {layer}"
            )
    if len(shape) == 2 and shape[0] == wanted:
        return f"axis 0 is {wanted}. Samples are rows: use x.T?"
    return f"axis -1 is {shape[-1]}. Set in_features={shape[-1]}?"


def bilinear(input1: Operand, input2: Operand, weight: Operand, bias: Operand = None) -> Tensor:
    """input1 @ weight[k] @ input2 + bias[k], for each output feature k.

    Args:
        input1: tensor of shape (*, in1_features).
        input2: tensor of shape (*, in2_features).
        weight: tensor of shape (out_features, in1_features, in2_features).
        bias: tensor of shape (out_features,), or None.

    Returns:
        Tensor of shape (*, out_features).

    Raises:
        ShapeError: if the sizes do not fit.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.bilinear(tg.ones(1, 2), tg.ones(1, 3), tg.ones(1, 2, 3))
    tensor([[6.]])
    """
    wanted = weight.shape[1:]
    have = (*input1.shape[-1:], *input2.shape[-1:])
    if len(weight.shape) != 3 or have != wanted or input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            f"bilinear: inputs of shapes {input1.shape} and {input2.shape} do not fit a weight of shape "
            f"{weight.shape}: it takes (*, weight.shape[1]) and (*, weight.shape[2]), with the same axes in front"
        )
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


class Bilinear(Layer):
    """x1 @ weight[k] @ x2 + bias[k], for each output feature k.

    Args:
        in1_features: size of the last axis of the first input.
        in2_features: size of the last axis of the second input.
        out_features: size of the last axis of the output.
        bias: whether to add a bias.
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the parameters; default, the default dtype.

    Shape: (*, in1_features) and (*, in2_features) to (*, out_features).

    Raises:
        ShapeError: when called with inputs whose last axes have other sizes.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Bilinear(3, 4, 2)(tg.zeros(5, 3), tg.zeros(5, 4)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.in1_features: int = count("Bilinear", "in1_features", in1_features, least=1)
        self.in2_features: int = count("Bilinear", "in2_features", in2_features, least=1)
        self.out_features: int = count("Bilinear", "out_features", out_features)
        out, ins = (self.out_features,), (self.in1_features, self.in2_features)
        self._make_parameters(device, dtype, weight=(*out, *ins), bias=out if bias else None)

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """One number for each output feature."""
        return watched(self, self.weight, bilinear(x1, x2, self.weight, self.bias), x1, x2)

    def extra_repr(self) -> str:
        """The sizes, and whether there is a bias."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """The input itself; any arguments given to it are ignored.

    Shape: any.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Identity()(tg.tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """x."""
        return x
