"""Whether a step divides the gradients by what they are sums over: the warnings of `Optimizer.step`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..autograd.tallies import Tally
from ..engine.callsite import warn
from ..engine.graph import Leaf
from ..errors import SampleCountWarning

_EXACT = 1e-6  # of a count that is a sum of weights


def warn_of_count(optimizer: str, groups: Iterable[Mapping[str, Any]], samples: float | None, warned: set[str]) -> None:
    """Warn if the gradients of parameter groups are sums over another number of samples than a step divides by.

    Args:
        optimizer: its name.
        groups: its groups of parameters.
        samples: what the step divides by; None if it was not said.
        warned: the kinds of mistake that were warned of before; they are not again, and new ones are added.
    """
    judged = None
    for group in groups:
        for p in group["params"]:
            leaf: Any = p.source
            if leaf is None or leaf.tally is judged or leaf.tally is None or leaf.hooks:
                continue
            judged = leaf.tally  # other parameters may have been through the same passes
            found = objection(judged, leaf, samples)
            if found is not None and found[0] not in warned:
                said = "" if samples is None else f"samples={samples:g}"
                warn(f"{optimizer}.step({said}): {found[1]}", SampleCountWarning)
                warned.add(found[0])


def objection(tally: Tally, leaf: Leaf, samples: float | None) -> tuple[str, str] | None:
    """What is wrong with a step that divides by `samples`: its kind, and a text; None as a rule.

    Args:
        tally: what was added to the gradient of `leaf`.
        leaf: one of the parameters.
        samples: what the step divides by; None if it was not said.
    """
    if tally.means and tally.high:
        found = _mixed(tally) if tally.low > 1 and tally.model is not None else None
    elif tally.means:
        found = _of_means(tally, samples)
    elif tally.high:
        found = _of_sums(tally, samples)
    elif tally.own_means and not tally.more:
        found = _of_means(tally, samples)
    elif samples is None and tally.rows > 1 and leaf.shape[:1] != (tally.rows,):  # else its numbers may be independent
        found = _forgotten(tally.rows, f"the derivative of a sum over {tally.rows} losses")
    else:
        return None
    return found if found is None or tally.holds(leaf) else None


def _mixed(tally: Tally) -> tuple[str, str]:
    return "mixed", (
        f"the gradients add up {_sums(tally)} and {_means(tally.means)}, and no number of samples is right for both. "
        'Give all losses the same reduction, "sum" or "mean"'
    )


def _of_means(tally: Tally, samples: float | None) -> tuple[str, str] | None:
    """Of gradients that were divided by the number of samples before."""
    count = tally.means + tally.own_means
    if samples is None or samples <= count * (1 + _EXACT):
        return None
    way_out = "leave samples= out" if count == 1 else f"write samples={count}"
    return "twice", (
        f"the gradients are {_means(count)}, already divided by the number of samples: this divides twice. "
        f'With reduction="mean", or after assign_mean(), {way_out}; or let the loss be a sum, reduction="sum"'
    )


def _of_sums(tally: Tally, samples: float | None) -> tuple[str, str] | None:
    """Of gradients that are sums over samples."""
    if samples is None:
        return _forgotten(tally.likely, _sums(tally)) if tally.low > 1 else None
    above = samples > tally.high * (1 + _EXACT) and not (tally.more or tally.rows or tally.own_means)
    below = samples < tally.low * (1 - _EXACT) and tally.certain
    if not above and (not below or samples in (1, tally.sums)):  # a sum that is meant; a sample a pass
        return None
    return "wrong", (
        f"the gradients are {_sums(tally)}. Pass the number of samples of this very step, as in "
        f"step(samples={tally.likely:g}); after several backward passes, that of all of them together"
    )


def _forgotten(count: float, what: str) -> tuple[str, str]:
    return "forgotten", (
        f"the gradients are {what}, {count:g} times those of the mean loss. Write optimizer.step(samples={count:g}), "
        'with the number of samples of each step, or reduction="mean" in the loss; step(samples=1) if you want the sum'
    )


def _sums(tally: Tally) -> str:
    if tally.low == tally.high or tally.high == math.inf:
        return f"sums over {tally.likely:g} samples"
    return f"sums over {tally.likely:g} samples ({tally.low:g} to {tally.high:g}, depending on what counts as a sample)"


def _means(count: int) -> str:
    return "a mean" if count == 1 else f"a sum of {count} means"
