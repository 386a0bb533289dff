"""Exceptions, and the functions that phrase them.

Every message names the op or module, the argument, both shapes, the axis at fault, and the way out.
Each class also derives from the built-in exception that a NumPy or PyTorch user would catch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "AnomalyError",
    "DtypeError",
    "FileFormatError",
    "GraphError",
    "LinAlgError",
    "SampleCountWarning",
    "SampleCouplingError",
    "ShapeError",
    "StateError",
    "TinygradError",
]


class TinygradError(Exception):
    """Base class of the errors raised by this library on purpose."""


class ShapeError(TinygradError, ValueError):
    """Shapes that do not fit together, or an axis that does not exist."""


class DtypeError(TinygradError, TypeError):
    """A dtype that an operation, or a gradient, cannot have."""


class GraphError(TinygradError, RuntimeError):
    """A graph that backpropagation cannot go through: freed, overwritten, or never recorded."""


class AnomalyError(GraphError):
    """The first NaN or infinity, found while `detect_anomaly` is looking."""


class SampleCouplingError(GraphError):
    """Samples of a batch that depend on one another, so that no gradient belongs to one of them alone.

    Attributes:
        op: the op in which they meet.
        where: the line that called it, as ``file:number: code``.

    >>> import tinygrad_edu as tg
    >>> w = tg.ones(2, 1, requires_grad=True)
    >>> h = tg.tensor([[1.0, 2.0], [3.0, 4.0]]) @ w
    >>> try:
    ...     ((h - h.mean(0)) ** 2).sum(1).backward(per_sample=True)
    ... except tg.SampleCouplingError as error:
    ...     print(error.op)
    mean
    """

    def __init__(self, message: str, op: str = "", where: str = "") -> None:
        super().__init__(message)
        self.op = op
        self.where = where


class LinAlgError(TinygradError, np.linalg.LinAlgError):
    """A matrix that an operation cannot take: singular, not positive definite, without a gradient."""


class StateError(TinygradError, RuntimeError):
    """A state_dict that does not fit what it was to be loaded into; nothing was loaded."""


class FileFormatError(TinygradError, ValueError):
    """A file that is not what it should be: of another kind, cut off, altered, or of a newer version."""


class SampleCountWarning(UserWarning):
    """An optimizer's step divides gradients by a number that is not the number of samples they are sums over.

    >>> import warnings, tinygrad_edu as tg
    >>> model = tg.nn.Linear(1, 1)
    >>> tg.nn.functional.mse_loss(model(tg.ones(8, 1)), tg.zeros(8, 1)).backward()
    >>> with warnings.catch_warnings(category=tg.SampleCountWarning, action="error"):
    ...     try:
    ...         tg.optim.SGD(model.parameters(), lr=0.1).step()
    ...     except tg.SampleCountWarning as warning:
    ...         print(str(warning).split(":")[0])
    SGD.step()
    """


NOTHING = "got None where a tensor belongs: does a function before it, such as forward(), end without a return?"


_SPOKEN = {
    "attention": "scaled_dot_product_attention",
    "attention_scores": "MultiheadAttention",
    "broadcast_to": "expand",
    "concatenate": "cat",
    "getitem": "x[index]",
    "overwrite": "x[index] = value",
    "set_item": "x[index] = value",
    "sum_over": "sum",
}


def spoken(op: str) -> str:
    """What users write to call the op of that name, where they never write its name."""
    return _SPOKEN.get(op, op)


def explain(op: str, arrays: Sequence[Any], cause: Exception) -> Exception:
    """The exception to raise in place of `cause`, which NumPy raised inside the op named `op`."""
    described = ", ".join(describe(a) for a in arrays)
    strange = next((text for text in map(foreign, arrays) if text), "")
    if strange:
        return DtypeError(f"{op}({described}) got {strange}")
    if arrays and outputs(arrays[0]):
        return DtypeError(f"{op} got {outputs(arrays[0])}")
    if isinstance(cause, TinygradError):
        return cause
    shapes = [a.shape for a in arrays if hasattr(a, "shape")]
    clash = broadcast_clash(shapes)
    if isinstance(cause, ValueError) and clash and "broadcast" in str(cause):
        return ShapeError(f"{op}({described}): {clash}")
    text = f"{op}({described}): {cause}"
    if isinstance(cause, IndexError):
        return IndexError(text)
    if isinstance(cause, TypeError):
        if "ufunc" in str(cause):  # NumPy names its inner loops here, which helps nobody
            return DtypeError(f"{op}({described}): {op} is not defined for these types")
        return DtypeError(text)
    if isinstance(cause, AttributeError) and any(isinstance(a, list | tuple) for a in arrays):
        return DtypeError(f"{op}({described}): a list is not a tensor: wrap it in tg.tensor(…)")
    if isinstance(cause, AttributeError) and any(a is None for a in arrays) and "NoneType" in str(cause):
        return DtypeError(f"{op}({described}): {NOTHING}")
    if isinstance(cause, ValueError):
        return ShapeError(text) if "axis" in str(cause) or "shape" in str(cause) else ValueError(text)
    cause.add_note(f"while computing {op}({described})")
    return cause


def refuse_mask(value: Any, what: str) -> None:
    """Raise if `value` is a masked array of NumPy, whose mask a tensor would lose."""
    if isinstance(value, np.ndarray) and hasattr(value, "filled") and hasattr(value, "mask"):
        raise DtypeError(
            f"{what}: a tensor has no mask, and that of the masked array would be lost. "
            "Fill the masked places with a.filled(value)"
        )


def broadcast_clash(shapes: Sequence[tuple[int, ...]]) -> str:
    """Which axis keeps `shapes` from broadcasting together, and what to do; empty if none does."""
    depth = max((len(shape) for shape in shapes), default=0)
    for axis in range(-1, -depth - 1, -1):
        sizes = [shape[axis] for shape in shapes if len(shape) >= -axis]
        if len({size for size in sizes if size != 1}) > 1:
            listed = " and ".join(str(shape) for shape in shapes)
            wrong = " against ".join(str(size) for size in sizes)
            return (
                f"shapes {listed} do not broadcast: axis {axis} is {wrong}. "
                "Sizes must be equal or 1: reshape, or insert an axis with x[:, None]"
            )
    return ""


# What gives the NumPy array of a tensor `x`, by the package that its type is from.
_CONVERSIONS = {
    "cupy": "x.get()",
    "jax": "np.asarray(x)",
    "jaxlib": "np.asarray(x)",
    "mlx": "np.array(x)",
    "mygrad": "x.data",
    "paddle": "x.numpy()",
    "tensorflow": "x.numpy()",
    "tinygrad": "x.numpy()",
    "torch": "x.detach().cpu().numpy()",
}


_seen: dict[type, str] = {}


def foreign(value: Any) -> str:
    """What to do about a tensor (or module) of another framework; empty for anything else.

    The framework is known by the name of the type's package, and never imported.
    """
    package = _framework(type(value))
    if not package:
        return ""
    kind = type_name(value)
    if hasattr(value, "shape"):
        return (
            f"a tensor of {package} ({kind}): convert it first, as in tg.tensor({_CONVERSIONS[package]}). "
            "No gradient passes from one library to the other"
        )
    return f"something of {package} ({kind}): use what tinygrad_edu has of that name"


def _framework(kind: type) -> str:
    """The package in `_CONVERSIONS` that a type is from; empty if there is none."""
    if kind not in _seen:
        packages = (base.__module__.partition(".")[0] for base in kind.__mro__)
        _seen[kind] = next((package for package in packages if package in _CONVERSIONS), "")
    return _seen[kind]


def outputs(value: Any) -> str:
    """What to do about a tuple of tensors in place of one, as an LSTM returns it; empty for anything else."""
    if not isinstance(value, tuple) or len(value) < 2 or not hasattr(value[0], "requires_grad"):
        return ""
    return (
        f"a tuple of {len(value)} in place of a tensor. RNN, LSTM, GRU and MultiheadAttention return more than "
        f"their output: take that, of shape {tuple(value[0].shape)}, as in output, _ = layer(x)"
    )


def require_own(what: str, *values: Any) -> None:
    """Raise DtypeError if one of `values` is a tensor of another framework, or several; `what` begins the message."""
    for value in values:
        strange = _seen.get(type(value)) != "" and foreign(value)  # nearly all types are known to be no framework's
        strange = strange or outputs(value)
        if strange:
            raise DtypeError(f"{what} got {strange}")


def type_name(value: Any) -> str:
    """The name of its type, with the module if that is neither Python's nor NumPy's nor ours."""
    kind = type(value)
    plain = kind.__module__.partition(".")[0] in ("builtins", "numpy", __name__.partition(".")[0])
    return kind.__name__ if plain else f"{kind.__module__}.{kind.__name__}"


def axis_error(op: str, axis: int, shape: tuple[int, ...], argument: str = "dim") -> ShapeError:
    """An axis that an array of this shape does not have."""
    if not shape:
        return ShapeError(f"{op}: {argument}={axis} on a 0-d tensor, which has no axis; leave {argument} out")
    last = len(shape) - 1
    return ShapeError(f"{op}: {argument}={axis} is out of range for shape {shape}: use {-len(shape)} to {last}")


def axis_kind_error(op: str, axis: Any, shape: tuple[int, ...], argument: str = "dim") -> TypeError:
    """An axis that is not an integer."""
    places = f", {-len(shape)} to {len(shape) - 1} for shape {shape}" if shape else ""
    names = ": it has a number, not a name" if isinstance(axis, str) else ""
    return TypeError(f"{op}: {argument}={describe(axis)}: an axis is an integer{names}{places}")


def describe(value: Any) -> str:
    """A short text for one argument: dtype and shape of an array, else its repr, cut short."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)}"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes, or a date without a unit
        return f"some {type_name(value)}"
    return text if len(text) <= 40 else text[:37] + "..."
