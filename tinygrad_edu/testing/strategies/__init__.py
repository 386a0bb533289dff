"""Strategies of hypothesis for tests of gradients: tensors, shapes, indices, models, all of which shrink readably."""

from __future__ import annotations

try:
    import hypothesis as hypothesis
except ImportError as _error:
    raise ImportError(
        "tinygrad_edu.testing.strategies needs hypothesis, which this Python does not have: "
        'pip install "tinygrad-edu[testing]"',
        name="hypothesis",
    ) from _error

from .calls import Batch, ConvArgs, batches, conv_args, matmul_pairs, tensor_groups
from .indices import indices_for
from .models import Model, modules
from .sizes import broadcastable_shapes, reduction_axes, shapes, simplest
from .values import tensors

__all__ = [
    "Batch",
    "ConvArgs",
    "Model",
    "batches",
    "broadcastable_shapes",
    "conv_args",
    "indices_for",
    "matmul_pairs",
    "modules",
    "reduction_axes",
    "shapes",
    "simplest",
    "tensor_groups",
    "tensors",
]
