"""NumPy's own functions on Tensors: `np.exp(t)`, `array * t`, `np.concatenate([t, u])`.

What a NumPy function does here is in the table `NUMPY_FUNCTIONS`, which the ops fill in. A function
that is not there is an error that says what to do, never an object array.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from ..engine import versions
from ..engine.graph import TensorBase, array_of
from ..engine.observing import mode
from ..engine.primitives import NUMPY_FUNCTIONS
from ..errors import DtypeError, GraphError

# The reductions of ufuncs that have a name of their own; left to itself a ufunc reduces the first axis.
_REDUCTIONS: dict[np.ufunc, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `ufunc` does if one of its inputs is a Tensor (NumPy's `__array_ufunc__`)."""
    out = kwargs.pop("out", None)
    if out is not None:
        return _into(ufunc, method, inputs, out[0], kwargs)
    if method == "reduce" and ufunc in _REDUCTIONS:
        return call_function(_REDUCTIONS[ufunc], inputs, {"axis": 0, **kwargs})
    handler = NUMPY_FUNCTIONS.get(ufunc)
    if method != "__call__":
        name = f"{ufunc.__name__}.{method}"
        raise DtypeError(f"np.{name} of a Tensor is not supported. {_way_out(name)}")
    if handler is None:
        raise DtypeError(f"np.{ufunc.__name__} of a Tensor is not supported. {_way_out(ufunc.__name__)}")
    if kwargs:
        names = ", ".join(f"{name}=" for name in kwargs)
        raise DtypeError(f"np.{ufunc.__name__} of a Tensor does not take {names}. {_way_out(ufunc.__name__)}")
    return handler(*inputs)


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a NumPy function does if one of its arguments is a Tensor (`__array_function__`)."""
    name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
    handler = NUMPY_FUNCTIONS.get(function)
    if handler is None:
        raise DtypeError(f"np.{name} of a Tensor is not supported. {_way_out(name)}")
    try:
        return handler(*args, **kwargs)
    except TypeError as error:
        if "argument" in str(error) and not isinstance(error, DtypeError):
            reason = re.sub(r"^_\w+\(\) ", "", str(error))  # the handler's own name tells the user nothing
            raise DtypeError(f"np.{name} of a Tensor: {reason}. {_way_out(name)}") from error
        raise


def _into(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], out: Any, kwargs: dict[str, Any]) -> Any:
    """`ufunc` with `out=`, as in `array -= tensor`: plain arithmetic, so nothing may want a gradient."""
    tracked = [t for t in (*inputs, out) if isinstance(t, TensorBase) and t.source is not None]
    if tracked and mode.recording:
        raise GraphError(
            f"np.{ufunc.__name__}(…, out=…) would overwrite an array where a gradient is wanted. "
            "Use the result instead of out=, or do it inside no_grad()"
        )
    arrays = [array_of(t) for t in inputs]
    target = array_of(out)
    getattr(ufunc, method)(*arrays, out=target, **kwargs)
    versions.mark_changed(target)
    return out


# What to write for functions of NumPy whose names mean something else here, or take no tensors.
_OTHERWISE = {
    "apply_along_axis": "Use the functions of tg, which take dim=",
    "linspace": "Use start + (stop - start) * tg.linspace(0, 1, n), through which gradients pass",
    "logspace": "Use 10 ** (start + (stop - start) * tg.linspace(0, 1, n)), through which gradients pass",
    "piecewise": "Use tg.where(condition, x, y)",
    "select": "Use tg.where(condition, x, y), one inside the other",
}


def _way_out(name: str) -> str:
    if name in _OTHERWISE:
        return f"{_OTHERWISE[name]}, or call it on t.detach().numpy(), which gives no gradient"
    library: Any = sys.modules[__name__.partition(".")[0]]
    for part in name.split("."):
        library = getattr(library, part, None)
    own = f"Use tg.{name}, or call" if library is not None else "Call"
    return f"{own} it on t.detach().numpy(), which gives no gradient"
