"""tinygrad_edu: deep learning on NumPy, where a batch gradient is a sum over samples that you can open.

The names here are PyTorch's and mean what PyTorch's mean: tensors and the functions on them, `nn`, `optim`,
`data`, `linalg`, `autograd` and `func`. Each file of `ops` lists in `__all__` what it adds to this namespace.
"""

import typing as _typing

from . import absent as _absent
from . import autograd as autograd
from . import data as data
from . import errors as errors
from . import func as func
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import sample_rules as sample_rules
from ._version import __version__ as __version__
from .autograd.anomaly import *
from .autograd.function import *
from .autograd.modes import *
from .dtypes import *
from .engine.primitives import PRIMITIVES as PRIMITIVES
from .engine.primitives import primitive as primitive
from .errors import *
from .func import *
from .io import *
from .linalg.decompositions import pinverse as pinverse
from .linalg.determinants import det as det
from .linalg.determinants import logdet as logdet
from .linalg.determinants import slogdet as slogdet
from .linalg.products import matrix_power as matrix_power
from .linalg.solving import inverse as inverse
from .linalg.symmetric import cholesky as cholesky
from .nn.summary import ModelSummary as ModelSummary
from .nn.summary import summary as summary
from .ops.activations import *
from .ops.arithmetic import *
from .ops.broadcasting import *
from .ops.casting import *
from .ops.channels import *
from .ops.comparison import *
from .ops.creation import *
from .ops.cumulative import *
from .ops.diagonal import *
from .ops.einsum import *
from .ops.extrema import *
from .ops.gather import *
from .ops.generator import *
from .ops.indexing import *
from .ops.joining import *
from .ops.linear import *
from .ops.logical import *
from .ops.losses import *
from .ops.matmul import *
from .ops.normalization import *
from .ops.norms import *
from .ops.picking import *
from .ops.piecewise import *
from .ops.random import *
from .ops.rearranging import *
from .ops.reductions import *
from .ops.rounding import *
from .ops.searching import *
from .ops.selecting import *
from .ops.shape import *
from .ops.softmax import *
from .ops.sorting import *
from .ops.special import *
from .ops.splitting import *
from .ops.statistics import *
from .ops.transcendental import *
from .ops.transpose import *
from .tensors import numpy_warnings as _numpy_warnings
from .tensors.creation import *
from .tensors.tensor import Tensor as Tensor

_PARTS = (
    *("autograd", "bench", "data", "errors", "func", "linalg", "nn", "optim", "sample_rules", "samples", "testing"),
    "viz",
)

if _typing.TYPE_CHECKING:  # most programs do without: imported when they are first asked for
    from . import bench as bench
    from . import samples as samples
    from . import testing as testing
    from . import viz as viz

_numpy_warnings.install()
_absent.explain_names(errors.__name__)
_absent.explain_names(__name__, *_PARTS)
