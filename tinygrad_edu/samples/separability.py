"""Separability: whether each sample's output depends on that sample alone, asked before training.

The graph shows the op in which samples meet. What comes to a model as a constant, as batch statistics without
a gradient do, is in no graph: for that the model runs again with some of the samples changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.modes import enable_grad
from ..engine.callsite import line_of
from ..engine.graph import TensorBase, array_of
from ..errors import GraphError, spoken
from ..sample_rules.ids import CROWD, plain
from .opening.coupling import leaf_ids
from .opening.propagation import Propagation, propagate
from .trial import Inputs, Output, Runs

_TOGETHER = (
    "compute it sample by sample (layer_norm instead of a mean over the batch, statistics kept from training), or\n"
    "call backward(per_sample=True, coupled=True) for the derivatives of each loss with the batch as it stands"
)
_DATA = (
    ".\nWhere x is data, and not computed from a parameter, backward(per_sample=True) alone raises no error, and\n"
    "gives the same"
)
_CONSTANT = (
    "it comes through a constant (from detach(), no_grad() or .numpy(), an index, a choice) that passes no gradient,\n"
    "so backward(per_sample=True) takes it as it stands; for independent outputs, keep it from training"
)
_ALONE = (
    "x is only used across samples, so nothing shows which row is whose: backward(per_sample=True) raises no error,\n"
    "and gives the derivatives of each loss with the batch as it stands; for independent outputs, compute it\n"
    "sample by sample"
)
_UNSEEN = (
    "it comes through an op without a sample rule, or a constant: backward(per_sample=True) does not see it, raises\n"
    "no error, and gives the derivatives of each loss with the batch as it stands; for independent outputs, compute\n"
    "it sample by sample"
)
_ORDER = "return the samples in the order of x; per-sample gradients are right all the same, in the order of the losses"
_UNKNOWN = "pass samples that differ, to a model whose random numbers, if any, come from the default generator"


@dataclass(frozen=True)
class Separability:
    """Whether each sample's output depends on that sample alone; `bool()` of it is `separable`.

    Attributes:
        separable: whether it does, as far as could be determined.
        reasons: if not, the op that couples the samples, and the line that called it.
        notes: what could not be checked, and what will take longer.
        advice: what to do about it.

    >>> import tinygrad_edu as tg
    >>> def centred(x):
    ...     return x - x.mean(0)
    >>> found = tg.samples.check(centred, tg.tensor([[1.0], [2.0]]))
    >>> bool(found), found.reasons
    (False, ("'mean' takes samples together, called at <doctest ...>:2: return x - x.mean(0)",))
    """

    separable: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    advice: str = ""

    def __bool__(self) -> bool:
        return self.separable

    def __str__(self) -> str:
        lines = ["separable: each sample's output depends on that sample alone" if self else "not separable"]
        lines += self.reasons
        lines += f"what to do: {self.advice}".split("\n") if self.advice else []
        return "\n  ".join([*lines, *[f"note: {note}" for note in self.notes]])


def check(model: Callable[..., Any], x: Any, *, rtol: float | None = None) -> Separability:
    """Check in advance whether a model is separable: whether each sample's output depends on that sample alone.

    The model runs in its present mode, and its graph is followed backwards. If that shows no coupling, the model runs
    again with half of the samples changed, twice for each doubling of the batch: for every pair of samples, each is
    changed once while the other is not, and the outputs of the unchanged samples must stay the same. All runs start
    from the same state of the default random generator.

    This finds more than `backward(per_sample=True)` raises an error for: here `x` is treated as computed, and its rows
    as the samples'. `advice` says what such a backward pass does.

    No gradient is computed. Afterwards, the default generator and all modules involved (`model` itself, or those that a
    function refers to by name) are as before: parameters, buffers, attributes.

    Args:
        model: a module or any function; what it returns has the samples along axis 0.
        x: its input, with the samples along axis 0: a tensor or array; a tuple of them for several arguments, a
            dict for keyword arguments. At least two samples, which should differ.
        rtol: how much an output may change by rounding, relative to the largest; by default 1000 times the
            precision of its dtype.

    Returns:
        A `Separability`.

    Raises:
        ShapeError: if `x` has fewer than two samples, or an output does not have one row for each of them.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.LayerNorm(4))
    >>> print(tg.samples.check(model, tg.rand(5, 3)))
    separable: each sample's output depends on that sample alone
    """
    inputs = Inputs(x)
    runs = Runs(model, inputs)
    first = runs.first()
    total = _number_per_sample(first.results, inputs.count)
    flow, notes = _followed(total, inputs.count)
    reasons = _meetings(flow) if flow else []
    advice = _TOGETHER + (_DATA if reasons and _is_free_of_meetings(runs) else "")
    if flow and not reasons:
        reasons, advice = _other_rows(total, first.inputs), _ORDER
    if flow and not reasons:  # now with a use of x that shows whose its rows are
        anchored = _number_per_sample([total, *first.given], inputs.count)
        reasons, advice = _meetings(_followed(anchored, inputs.count)[0]), _ALONE
    if not reasons:
        blind = flow is None or bool(flow.unruled)
        reasons, failure = _compared(runs, first, rtol)
        advice = _UNSEEN if flow and flow.unruled else _CONSTANT
        if failure and blind:
            reasons, advice = [f"not known: {failure}"], _UNKNOWN
        elif failure:
            notes.append(failure)
    return Separability(not reasons, tuple(reasons), (*runs.notes, *notes), advice if reasons else "")


# The graph


def _number_per_sample(results: Sequence[Any], count: int) -> Any:
    """One number for each sample, which depends on all of its rows of the results; None if none has a graph."""
    total: Any = None
    with enable_grad(), np.errstate(all="ignore"):
        for result in results:
            if isinstance(result, TensorBase) and result.source is not None:
                row: Any = result.reshape((count, math.prod(result.array.shape[1:]))).sum(1)  # type: ignore[attr-defined]
                total = row if total is None else total + row
    return total


def _followed(total: Any, count: int) -> tuple[Propagation | None, list[str]]:
    """The flow from one number for each sample, and what is to be said of it."""
    if total is None:
        return None, ["no output requires a gradient: numbers were compared, and no graph was followed"]
    try:
        flow = propagate(total.source, plain(count), coupled=True)
    except GraphError as error:
        return None, [f"the graph could not be followed: {error}"]
    return flow, [
        f"{name!r} has no sample rule: behind it numbers were compared, and no graph was followed. Per-sample "
        "gradients take a backward pass for each sample from there on"
        for name in dict.fromkeys(flow.unruled)
    ]


def _meetings(flow: Propagation | None) -> list[str]:
    meetings = dict.fromkeys([(spoken(one.op), one.line) for one in flow.coupled] if flow else ())
    return [f"{op!r} takes samples together" + (f", called at {line}" if line else "") for op, line in meetings]


def _is_free_of_meetings(runs: Runs) -> bool:
    """Whether the samples meet in nothing that is computed from parameters, so that x as data couples none."""
    try:
        flow, _ = _followed(_number_per_sample(runs.on_data().results, runs.inputs.count), runs.inputs.count)
    except Exception:  # a model may ask for a derivative with respect to x
        return False
    return flow is not None and not flow.coupled


def _other_rows(total: Any, inputs: list[Any]) -> list[str]:
    """Where a row of the output is computed from another row of the input alone."""
    known = leaf_ids(total.source, plain(len(total.array)))
    for leaf in inputs:
        rows = plain(leaf.shape[0]).reshape((-1,) + (1,) * (leaf.ndim - 1))
        for found in known.get(leaf.source, ()):
            wrong = np.argwhere((found >= 0) & (found < CROWD) & (found != rows))
            if len(wrong):
                row = int(np.broadcast_to(found, leaf.shape)[tuple(wrong[0])])
                return [f"output[{row}] is computed from x[{wrong[0][0]}]: the samples are in another order"]
    return []


# The numbers


def _compared(runs: Runs, first: Output, rtol: float | None) -> tuple[list[str], str]:
    """The reasons that numbers give, and why they say nothing, if so."""
    inputs = runs.inputs
    everyone = np.ones(inputs.count, bool)
    if _moved(first, runs(inputs.arrays), everyone, rtol):
        return [], (
            "numbers could not be compared: two runs with the same batch differ. The model draws random numbers from "
            "elsewhere than the default generator, or remembers its runs"
        )
    alike = True
    for keep in _halves(inputs.count):
        try:
            changed, output = _with_others(runs, keep)
        except Exception as error:
            return [], f"numbers could not be compared: with samples exchanged the model raises {error!r}"
        alike = alike and all(map(np.array_equal, inputs.arrays, changed))
        found = _moved(first, output, keep, rtol)
        if found:
            sample, distance = found
            place = _first_moved(runs, changed, keep, rtol)
            return [f"output[{sample}] moved by {distance:.2g} when other samples changed{place}"], ""
    return [], "numbers could not be compared: all samples of x are alike" if alike else ""


def _with_others(runs: Runs, keep: Any) -> tuple[list[Any], Output]:
    """The batch with others in place of the samples not to be kept, and what the model makes of it."""
    with np.errstate(all="ignore"):
        try:
            changed = runs.inputs.changed(keep, scaled=True)
            return changed, runs(changed)
        except Exception:  # not every number is an input: a model may check for probabilities that sum to 1
            changed = runs.inputs.changed(keep, scaled=False)
            return changed, runs(changed)


def _halves(count: int) -> Iterator[Any]:
    """Which samples to keep: of each pair one, and then the other, while the other one of the two changes."""
    for bit in range((count - 1).bit_length()):
        half = (plain(count) >> bit) % 2 == 0
        yield half
        yield ~half


def _moved(first: Output, other: Output, keep: Any, rtol: float | None) -> tuple[int, float] | None:
    """A kept sample whose output is not the same, and by how much it differs."""
    for one, two in zip(first.results, other.results, strict=True):
        a, b = array_of(one), array_of(two)
        if a.shape != b.shape:
            return int(np.flatnonzero(keep)[0]), math.inf
        off = _distances(a, b, rtol).reshape(len(a), -1).max(1, initial=0.0)
        off[~keep] = 0
        if off.any():
            return int(off.argmax()), float(off.max())
    return None


def _distances(a: Any, b: Any, rtol: float | None) -> Any:
    """|a - b|, and 0 where that is no more than rounding."""
    if a.dtype.kind != "f":
        return (a != b).astype(float)
    size = np.abs(a[np.isfinite(a)]).max(initial=0.0)
    limit = (min(1000 * float(np.finfo(a.dtype).eps), 0.01) if rtol is None else rtol) * size
    with np.errstate(all="ignore"):
        off = np.abs(a.astype(np.float64) - b)
    off[(a == b) | (np.isnan(a) & np.isnan(b)) | (off <= limit)] = 0
    return np.nan_to_num(off, nan=math.inf, posinf=math.inf)


def _first_moved(runs: Runs, changed: list[Any], keep: Any, rtol: float | None) -> str:
    """Which op of the graph has the first result that moved for a kept sample."""
    with np.errstate(all="ignore"):
        traces = runs.traced(runs.inputs.arrays), runs.traced(changed)
    for (name, site, a), (other, _, b) in zip(*traces, strict=False):
        if name != other:
            break
        if isinstance(a, np.ndarray) and a.shape[:1] == keep.shape and a.shape == b.shape:
            if _distances(a[keep], b[keep], rtol).any():
                return f": first in {spoken(name)!r}, called at {line_of(site)}"
    return ""
