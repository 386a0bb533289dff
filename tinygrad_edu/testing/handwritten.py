"""Functions of arrays with gradients written by hand, as a vjp or a Jacobian, made into subjects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import array_of
from .refusals import WrongGradientError, layers_too
from .subject import Foreign, Written, is_array, name_of, of_function, places_of

Jac = Callable[..., Any] | bool | None
BatchMean = bool | int | str | Sequence[int | str]


def of_arrays(
    f: Callable[..., Any],
    inputs: Any,
    wrt: Any = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jac: Jac = None,
    batch_mean: BatchMean = False,
    caller: str = "gradcheck",
) -> Foreign:
    """A subject of a function of arrays and its gradient; see `gradcheck`.

    Raises:
        TypeError: if `vjp` or `jac` cannot be called.
        ValueError: if there is not one of them, or they and `wrt` or `batch_mean` do not fit.
    """
    if (vjp is None) == (jac is None):
        both = "vjp= and jac= are two ways to give the gradient" if vjp is not None else "there is no gradient"
        raise ValueError(f"{caller}: {both}: give one of them")
    if not callable(f):
        raise TypeError(f"{caller}: the function is of type {type(f).__name__}, which cannot be called{layers_too(f)}")
    if vjp is not None:
        if not callable(vjp):
            raise TypeError(f"{caller}: vjp={vjp!r}: give a function vjp(g, *inputs), which returns their gradients")
        plain = of_function(f, inputs, wrt)
        subject = Foreign(name_of(f), f, vjp, plain.inputs)
    else:
        subject = _with_jacobian(f, inputs, wrt, jac, caller)
    return subject if batch_mean is False else _averaged(subject, batch_mean, caller)


def _with_jacobian(f: Callable[..., Any], inputs: Any, wrt: Any, jac: Any, caller: str) -> Foreign:
    """As SciPy has it: with respect to the first argument; the others are passed on."""
    if jac is not True and not callable(jac):
        raise TypeError(
            f"{caller}: jac={jac!r}: give a function jac(x, *args), or True if the function returns its value and its "
            "gradient"
        )
    plain = of_function(f, _starting_at_x(inputs), 0 if wrt is None else wrt)
    if plain.checked != [0]:
        raise ValueError(f"{caller}: jac= is the derivative with respect to the first argument: wrt={wrt!r} is not")
    first = plain.inputs[0].name
    value, jacobian = (_part(f, 0, caller), _part(f, 1, caller)) if jac is True else (f, jac)

    def forward(*arrays: Any) -> Array:
        return np.asarray(array_of(value(*arrays)))

    def vjp(g: Array, *arrays: Any) -> list[Array | None]:
        found = jacobian(*arrays)
        matrix = _as_matrix(found, first, g.shape, arrays[0].shape)
        gradient = (g.reshape(-1) @ matrix).reshape(arrays[0].shape)
        return [gradient, *[None] * (len(arrays) - 1)]

    return Foreign(name_of(f), forward, vjp, plain.inputs, Written(f, {"jac": jac}))


def _starting_at_x(inputs: Any) -> list[Any]:
    """The arguments: x, in floating-point numbers, and the others. A list of numbers is an x, as in SciPy."""
    numeric = isinstance(inputs, list) and all(isinstance(v, int | float | np.number) for v in inputs)
    given = list(inputs) if isinstance(inputs, tuple | list) and not numeric else [inputs]
    x: Any = array_of(given[0]) if given else None
    if isinstance(x, list | int | float) or (is_array(x) and x.dtype.kind in "iu"):
        given[0] = np.asarray(x, dtype=np.float64)
    return given


def _part(f: Callable[..., Any], which: int, caller: str) -> Callable[..., Any]:
    """The value, or the gradient, of a function that returns both."""

    def part(*arrays: Any) -> Any:
        both = f(*arrays)
        if not isinstance(both, tuple | list) or len(both) != 2:
            raise TypeError(f"{caller}: with jac=True {name_of(f)} has to return a pair: its value and its gradient")
        return both[which]

    return part


def _as_matrix(jacobian: Any, name: str, out: tuple[int, ...], x: tuple[int, ...]) -> Array:
    """A Jacobian with a row for each number of the output and a column for each of x.

    Raises:
        WrongGradientError: if it has none of the shapes that a Jacobian may have.
    """
    dense = jacobian.toarray() if hasattr(jacobian, "toarray") else jacobian
    found = np.asarray(array_of(dense), dtype=np.float64)
    m, n = int(np.prod(out)), int(np.prod(x))
    allowed = [(*out, *x), (m, n), *([x, (n,)] if m == 1 else [])]
    if found.shape in allowed:
        return found.reshape(m, n)
    words = " or ".join(map(str, dict.fromkeys(allowed)))
    turned = ": is it transposed?" if found.shape in ((*x, *out), (n, m)) else ""
    raise WrongGradientError(
        f"the Jacobian with respect to input {name!r} has shape {found.shape} for an output of shape {out}: "
        f"it has to be {words}{turned}"
    )


def _averaged(subject: Foreign, batch_mean: BatchMean, caller: str) -> Foreign:
    """The subject whose gradients of inputs that are not batched are multiplied by the size of the batch."""
    names = [given.name for given in subject.inputs]
    batched = [0] if batch_mean is True else places_of(batch_mean, names, f"{caller}: batch_mean")
    average = subject.vjp

    def vjp(g: Any, *arrays: Any) -> list[Any]:
        return times_batch(average(g, *arrays), arrays[batched[0]].shape[0], batched)

    size = np.shape(subject.inputs[batched[0]].value)[:1] if batched else ()
    if not size:
        raise ValueError(f"{caller}: batch_mean={batch_mean!r}: there is no input with samples along axis 0")
    written = subject.written._replace(keywords={**subject.written.keywords, "batch_mean": batch_mean})
    times = {i: int(size[0]) for i in range(len(names)) if i not in batched}
    return Foreign(subject.name, subject.function, vjp, subject.inputs, written, times=times)


def times_batch(answer: Any, count: int, batched: Sequence[int]) -> list[Any]:
    """Gradients, of which those of inputs that are not batched are multiplied by the number of samples."""
    parts = list(answer) if isinstance(answer, tuple | list) else [answer]
    return [g if g is None or i in batched else np.asarray(array_of(g)) * count for i, g in enumerate(parts)]


def notes_of(subject: Foreign) -> list[str]:
    """What there is to say of how its gradients were compared."""
    if "batch_mean" not in subject.written.keywords:
        return []
    return ["gradients of inputs without samples are means: they were compared times the size of the batch"]
