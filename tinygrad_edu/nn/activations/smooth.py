"""The smooth activations as modules, and the softmax family. Each is the function of that name in `tinygrad_edu`.

`inplace` is accepted where PyTorch has it; the result is always a new tensor.
"""

from __future__ import annotations

from typing import Any

from ...ops import activations as a
from ...ops.softmax import log_softmax, softmax, softmin
from ...ops.transcendental import tanh
from ...tensors.tensor import Tensor
from .. import functional as F
from ..module.module import Module

__all__ = [
    "GELU",
    "GLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class _Activation(Module):
    """A function without parameters; its options are its public attributes."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.__dict__.update(options)
        self._options = list(options)

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self._options if name != "inplace" or self.inplace
        )


class SiLU(_Activation):
    """x sigmoid(x), also called swish.

    Shape: any; integers become the default dtype.

    Source: Elfwing et al., "Sigmoid-Weighted Linear Units for Neural Network Function Approximation" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.SiLU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.2689,  1.7616])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.silu(x)


class Mish(_Activation):
    """x tanh(softplus(x)).

    Shape: any; integers become the default dtype.

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Mish()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.3034,  1.944 ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.mish(x)


class GELU(_Activation):
    """x times the probability that a standard normal variable is below x; `approximate` is "none" or "tanh".

    Shape: any; integers become the default dtype.

    Raises:
        ValueError: when called, if `approximate` is neither.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.GELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.1587,  1.9545])
    """

    approximate: str

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.gelu(x, self.approximate)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Sigmoid()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.2689, 0.8808])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.sigmoid(x)


class LogSigmoid(_Activation):
    """log(sigmoid(x)).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.LogSigmoid()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-1.3133, -0.1269])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.logsigmoid(x)


class Tanh(_Activation):
    """The hyperbolic tangent.

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Tanh()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.7616,  0.964 ])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return tanh(x)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above `threshold`.

    Shape: any; integers become the default dtype.

    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing" (2001).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softplus()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.3133, 2.1269])
    """

    beta: float
    threshold: float

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.softplus(x, self.beta, self.threshold)


class Softsign(_Activation):
    """x / (1 + |x|).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softsign()(tg.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.softsign(x)


class Tanhshrink(_Activation):
    """x - tanh(x).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Tanhshrink()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.2384,  1.036 ])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function, element by element."""
        return a.tanhshrink(x)


class Softmax(_Activation):
    """exp(x) divided by its sum along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softmax(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.0474, 0.9526])
    """

    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """The function, along `dim`."""
        return softmax(x, self.dim)


class LogSoftmax(_Activation):
    """The logarithm of softmax along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.LogSoftmax(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-3.0486, -0.0486])
    """

    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """The function, along `dim`."""
        return log_softmax(x, self.dim)


class Softmin(_Activation):
    """softmax of -x along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softmin(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.9526, 0.0474])
    """

    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """The function, along `dim`."""
        return softmin(x, self.dim)


class GLU(_Activation):
    """The first half of the axis `dim` times the sigmoid of the second half.

    Shape: any; the axis `dim` becomes half as long.

    Raises:
        ShapeError: when called with an input in which that size is odd.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.GLU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.8808])
    """

    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        """x, gated by itself."""
        return F.glu(x, self.dim)
