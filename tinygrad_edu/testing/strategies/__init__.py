"""Strategies of hypothesis for tests of gradients: tensors, shapes, indices, models, all of which shrink readably."""

from __future__ import annotations

from ... import absent as _absent

try:
    import hypothesis as hypothesis
except ImportError as _error:
    _said = _absent.not_installed("tinygrad_edu.testing.strategies", ["hypothesis"], "testing")
    raise ImportError(_said, name="hypothesis") from _error

from .calls import Batch as Batch
from .calls import ConvArgs as ConvArgs
from .calls import batches as batches
from .calls import conv_args as conv_args
from .calls import matmul_pairs as matmul_pairs
from .calls import tensor_groups as tensor_groups
from .indices import indices_for as indices_for
from .models import Model as Model
from .models import modules as modules
from .sizes import broadcastable_shapes as broadcastable_shapes
from .sizes import reduction_axes as reduction_axes
from .sizes import shapes as shapes
from .sizes import simplest as simplest
from .values import tensors as tensors

_absent.explain_names(__name__)
