"""ReLU and other piecewise activations."""

from __future__ import annotations

from typing import Any, Final

from ...dtypes import DType
from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops import activations as ops
from ...ops.piecewise import where
from ...tensors.tensor import Tensor
from ..checks import count
from ..init import constant_
from ..layer import Layer
from ..op_module import OpModule, function_of, module_of
from ..parameter import Parameter
from ..widening import watched

__all__ = [
    "CELU", "ELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU", "ReLU", "ReLU6",
    "SELU", "Softshrink", "Threshold",
]  # fmt: skip


@module_of(ops.relu)
class ReLU(OpModule):
    """max(x, 0).

    Shape: any; the dtype is kept.

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    inplace: bool = False


relu: Final = function_of(ReLU)


@module_of(ops.relu6)
class ReLU6(OpModule):
    """min(max(x, 0), 6).

    Shape: any; the dtype is kept.

    Source: Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReLU6()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    inplace: bool = False


relu6: Final = function_of(ReLU6)


@module_of(ops.leaky_relu)
class LeakyReLU(OpModule):
    """x where it is positive, else `negative_slope` times x.

    Shape: any; integers become the default dtype.

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).

    >>> import tinygrad_edu as tg
    >>> tg.nn.LeakyReLU(0.1)(tg.tensor([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    negative_slope: float = 0.01
    inplace: bool = False


leaky_relu: Final = function_of(LeakyReLU)


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
        device: accepted for compatibility; there is only ``"cpu"``.
        dtype: that of the weight; default, the default dtype.

    Shape: (N, C, *), or any for a single weight; unchanged.

    Raises:
        ShapeError: when called with an input whose number of channels differs from that of the weights.

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
        """The activation of each element."""
        return watched(self, self.weight, prelu(x, self.weight), x)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"


@module_of(ops.elu)
class ELU(OpModule):
    """x where it is positive, else alpha (exp(x) - 1).

    Shape: any; integers become the default dtype.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """

    alpha: float = 1.0
    inplace: bool = False


elu: Final = function_of(ELU)


@module_of(ops.selu)
class SELU(OpModule):
    """1.0507 elu(x, 1.6733), which keeps mean 0 and variance 1 from layer to layer.

    Shape: any; integers become the default dtype.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.SELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-1.1113,  2.1014])
    """

    inplace: bool = False


selu: Final = function_of(SELU)


@module_of(ops.celu)
class CELU(OpModule):
    """x where it is positive, else alpha (exp(x / alpha) - 1).

    Shape: any; integers become the default dtype.

    Source: Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.CELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """

    alpha: float = 1.0
    inplace: bool = False


celu: Final = function_of(CELU)


@module_of(ops.hardtanh)
class Hardtanh(OpModule):
    """x, clamped between `min_val` and `max_val`.

    Shape: any, unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardtanh()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  1.])
    """

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


hardtanh: Final = function_of(Hardtanh)


@module_of(ops.hardsigmoid)
class Hardsigmoid(OpModule):
    """x / 6 + 1/2, clamped between 0 and 1.

    Shape: any; integers become the default dtype.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardsigmoid()(tg.tensor([-1.5, 5.0]))
    tensor([0.25, 1.  ])
    """

    inplace: bool = False


hardsigmoid: Final = function_of(Hardsigmoid)


@module_of(ops.hardswish)
class Hardswish(OpModule):
    """x hardsigmoid(x).

    Shape: any; integers become the default dtype.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardswish()(tg.tensor([-1.5, 5.0]))
    tensor([-0.375,  5.   ])
    """

    inplace: bool = False


hardswish: Final = function_of(Hardswish)


@module_of(ops.threshold)
class Threshold(OpModule):
    """x where it is above the threshold, else `value`.

    Shape: any, unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Threshold(1.5, 0.0)(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    threshold: float
    value: float
    inplace: bool = False


threshold: Final = function_of(Threshold)


@module_of(ops.hardshrink)
class Hardshrink(OpModule):
    """x where |x| is above `lambd`, else 0.

    Shape: any; the dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """

    lambd: float = 0.5


@module_of(ops.softshrink)
class Softshrink(OpModule):
    """x moved towards 0 by `lambd`, and 0 where it would cross.

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-0.5,  1.5])
    """

    lambd: float = 0.5
