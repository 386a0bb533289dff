"""The activations that are made of pieces, ReLU and its kin, as modules.

`inplace` is accepted where PyTorch has it; the result is always a new tensor.
"""

from __future__ import annotations

from typing import Any

from ...dtypes import DType
from ...ops import activations as a
from ...ops.casting import check_device
from ...tensors.tensor import Tensor
from .. import functional as F
from ..checks import count
from ..init import constant_, new_parameter
from ..module.module import Module
from ..parameter import Parameter
from ..widening import watched
from .smooth import _Activation

__all__ = [
    "CELU",
    "ELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "Softshrink",
    "Threshold",
]


class ReLU(_Activation):
    """max(x, 0).

    Shape: any; the dtype is kept.

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.relu(x)


class ReLU6(_Activation):
    """min(max(x, 0), 6).

    Shape: any; the dtype is kept.

    Source: Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ReLU6()(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.relu6(x)


class LeakyReLU(_Activation):
    """x where it is positive, else `negative_slope` times x.

    Shape: any; integers become the default dtype.

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).

    >>> import tinygrad_edu as tg
    >>> tg.nn.LeakyReLU(0.1)(tg.tensor([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    negative_slope: float

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.leaky_relu(x, self.negative_slope)


class PReLU(Module):
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
        check_device(device, "PReLU")
        self.num_parameters: int = count("PReLU", "num_parameters", num_parameters, least=1)
        self.init = init
        self.weight = new_parameter((self.num_parameters,), dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to their starting value."""
        constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return watched(self, self.weight, F.prelu(x, self.weight), x)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"


class ELU(_Activation):
    """x where it is positive, else alpha (exp(x) - 1).

    Shape: any; integers become the default dtype.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.ELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """

    alpha: float

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.elu(x, self.alpha)


class SELU(_Activation):
    """1.0507 elu(x, 1.6733), which keeps mean 0 and variance 1 from layer to layer.

    Shape: any; integers become the default dtype.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.SELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-1.1113,  2.1014])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.selu(x)


class CELU(_Activation):
    """x where it is positive, else alpha (exp(x / alpha) - 1).

    Shape: any; integers become the default dtype.

    Source: Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.CELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """

    alpha: float

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.celu(x, self.alpha)


class Hardtanh(_Activation):
    """x, held between `min_val` and `max_val`.

    Shape: any, unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardtanh()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  1.])
    """

    min_val: float
    max_val: float

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(_Activation):
    """x / 6 + 1/2, held between 0 and 1.

    Shape: any; integers become the default dtype.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardsigmoid()(tg.tensor([-1.5, 5.0]))
    tensor([0.25, 1.  ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.hardsigmoid(x)


class Hardswish(_Activation):
    """x hardsigmoid(x).

    Shape: any; integers become the default dtype.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardswish()(tg.tensor([-1.5, 5.0]))
    tensor([-0.375,  5.   ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.hardswish(x)


class Threshold(_Activation):
    """x where it is above the threshold, else `value`.

    Shape: any, unchanged.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Threshold(1.5, 0.0)(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    threshold: float
    value: float

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.threshold(x, self.threshold, self.value)


class Hardshrink(_Activation):
    """x where |x| is above `lambd`, else 0.

    Shape: any; the dtype is kept.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Hardshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """

    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.hardshrink(x, self.lambd)


class Softshrink(_Activation):
    """x moved towards 0 by `lambd`, and 0 where it would cross.

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softshrink()(tg.tensor([-1.0, 2.0]))
    tensor([-0.5,  1.5])
    """

    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.softshrink(x, self.lambd)
