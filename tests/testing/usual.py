"""Right functions of the library, and the arguments that strategies give them where nobody names a domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing.strategies import matmul_pairs, tensor_groups, tensors

__all__ = ["PROPERTIES"]

UNARY: dict[str, Callable[..., Any]] = {
    **{name: getattr(tg, name) for name in ("sin", "cos", "tanh", "exp", "expm1", "sigmoid", "erf", "atan", "asinh")},
    **{name: getattr(tg, name) for name in ("square", "sinh", "abs", "reciprocal", "tan")},
    **{name: getattr(F, name) for name in ("relu", "gelu", "silu", "softplus", "elu", "logsigmoid", "mish")},
    "x³": lambda x: x**3,
    "x / (1 + x²)": lambda x: x / (1 + x * x),
    "sum of squares": lambda x: (x * x).sum(),
    "softmax": lambda x: tg.softmax(x.reshape(-1), 0),
    "log softmax": lambda x: F.log_softmax(x.reshape(-1), 0),
    "logsumexp": lambda x: tg.logsumexp(x.reshape(-1), 0),
    "length": lambda x: tg.sqrt((x * x).sum() + 1),
    "layer norm": lambda x: F.layer_norm(x.reshape(1, -1), x.array.size),
    "cumsum": lambda x: tg.cumsum(x.reshape(-1), 0),
    "mean of tanh": lambda x: tg.tanh(x).mean(),
}
BINARY: dict[str, Callable[..., Any]] = {
    "x y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "tanh(x) + y": lambda x, y: tg.tanh(x) + y,
}
PRODUCTS: dict[str, Callable[..., Any]] = {"x @ y": lambda x, y: x @ y, "tanh(x @ y)": lambda x, y: tg.tanh(x @ y)}
PROPERTIES: dict[str, tuple[Callable[..., Any], Any]] = {
    **{name: (f, tensors()) for name, f in UNARY.items()},
    **{name: (f, tensor_groups(2)) for name, f in BINARY.items()},
    **{name: (f, matmul_pairs()) for name, f in PRODUCTS.items()},
}
"""By name a function and a strategy of its arguments."""
