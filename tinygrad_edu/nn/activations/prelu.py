"""PReLU, whose slope below 0 is learnt."""

from __future__ import annotations

from typing import Any

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops.piecewise import where
from ...tensors.tensor import Tensor
from ..checks import count
from ..init import constant_
from ..layer import Layer
from ..parameter import Parameter
from ..widening import watched

__all__ = ["PReLU"]


def prelu(input: Operand, weight: Operand) -> Tensor:
    """input where it is positive, else input times a learnt weight.

    Args:
        input: floating tensor of shape (N, C, …), or any shape for a single weight.
        weight: tensor of shape (1,), or (C,) for one weight per channel.

    Raises:
        ShapeError: if there are not as many weights as channels.

    Source: He et al., "Delving Deep into Rectifiers" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.prelu(tg.tensor([-4.0, 4.0]), tg.tensor([0.25]))
    tensor([-1.,  4.])
    """
    shape = input.shape
    if weight.shape != (1,):
        if len(shape) < 2 or weight.shape != shape[1:2]:
            raise ShapeError(
                f"prelu: weight has shape {weight.shape}, input {shape}: it needs one weight, "
                "or one for each channel (axis 1)"
            )
        weight = weight.reshape((-1,) + (1,) * (len(shape) - 2))
    return where(input > 0, input, weight * input)


class PReLU(Layer):
    """x where it is positive, else x times a learnt weight.

    Args:
        num_parameters: 1, or the number of channels (axis 1) for one weight each.
        init: the weights' starting value.
        device: accepted for the sake of programs that name it; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Shape: (N, C, *), or any for a single weight; unchanged.

    Raises:
        ShapeError: when called with an input that has not as many channels as there are weights.

    Source: He et al., "Delving Deep into Rectifiers" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.PReLU()(tg.tensor([-1.0, 2.0])).detach()
    tensor([-0.25,  2.  ])
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: DType = None) -> None:
        super().__init__()
        self.num_parameters: int = count("PReLU", "num_parameters", num_parameters, least=1)
        self.init = init
        self._make_parameters(device, dtype, weight=(self.num_parameters,))

    def reset_parameters(self) -> None:
        """Set the weights to their starting value."""
        constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return watched(self, self.weight, prelu(x, self.weight), x)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"
