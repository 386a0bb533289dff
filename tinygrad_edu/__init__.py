"""tinygrad_edu: deep learning on NumPy, where a batch gradient is a sum over samples that you can open.

The names here are PyTorch's and mean what PyTorch's mean: tensors and the functions on them, `nn`, `optim`,
`data`, `linalg` and `autograd`. Each file of `ops` lists in `__all__` what it adds to this namespace.
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import absent as _absent
from . import autograd as autograd
from . import data as data
from . import linalg as linalg
from . import nn as nn
from . import numpy_warnings as _numpy_warnings
from . import optim as optim
from . import sample_rules as sample_rules
from ._version import __version__ as __version__
from .anomaly import *
from .construct import *
from .dtypes import *
from .errors import *
from .function import *
from .grad_mode import *
from .ops.activations import *
from .ops.cast import *
from .ops.choice import *
from .ops.compare import *
from .ops.counting import *
from .ops.create import *
from .ops.decompositions import pinverse as pinverse
from .ops.diagonal import *
from .ops.einsum import *
from .ops.elementary import *
from .ops.elementwise import *
from .ops.expand import *
from .ops.extremes import *
from .ops.fused import *
from .ops.gather import *
from .ops.generator import *
from .ops.index import *
from .ops.join import *
from .ops.linalg import det as det
from .ops.linalg import inverse as inverse
from .ops.linalg import logdet as logdet
from .ops.linalg import matrix_power as matrix_power
from .ops.linalg import slogdet as slogdet
from .ops.mask import *
from .ops.matmul import *
from .ops.normalize import *
from .ops.order import *
from .ops.random import *
from .ops.rearrange import *
from .ops.reduce import *
from .ops.rounding import *
from .ops.scans import *
from .ops.shape import *
from .ops.slices import *
from .ops.softmax import *
from .ops.split import *
from .ops.statistics import *
from .ops.symmetric import cholesky as cholesky
from .ops.transpose import *
from .ops.truth import *
from .primitives import PRIMITIVES as PRIMITIVES
from .primitives import primitive as primitive
from .tensor import Tensor as Tensor
from .transforms import *

if TYPE_CHECKING:
    from . import bench as bench
    from . import samples as samples

_numpy_warnings.install()


def __getattr__(name: str) -> Any:
    """Parts that most programs do without are imported when they are first asked for."""
    if name in ("bench", "samples"):
        return importlib.import_module(f".{name}", __name__)
    raise _absent.unknown(f"module {__name__!r}", name, lambda: globals())
