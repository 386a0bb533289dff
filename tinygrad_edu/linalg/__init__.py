"""Linear algebra, under the names of `torch.linalg`."""

from __future__ import annotations

from .. import absent as _absent
from ..errors import LinAlgError
from ..ops.matmul import matmul
from .decompositions import QRResult, SVDResult, pinv, qr, svd, svdvals
from .determinants import SlogdetResult, det, slogdet
from .norms import matrix_norm, norm, vector_norm
from .products import matrix_power, multi_dot
from .solving import inv, solve
from .symmetric import EighResult, cholesky, eigh, eigvalsh

__all__ = [
    "EighResult",
    "LinAlgError",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]

_absent.explain_names(__name__)
