"""Resume training runs that were interrupted."""

from __future__ import annotations

import json
import math
from typing import Any

from ..errors import BenchError
from .result import TrainResult

ALIKE = 1e-3  # smaller differences of the first loss come from another processor
FREE = ("budget",)  # settings that may differ


def check_same(before: TrainResult, problem: dict[str, Any], settings: dict[str, Any], first_loss: float) -> None:
    """Raise a `BenchError` that names what differs from the result to resume."""
    if not isinstance(before, TrainResult):
        raise BenchError(f"resume: got a {type(before).__name__}; give a TrainResult, such as load('out/train.json')")
    differing = _differing(before.problem, problem) + _differing(before.settings, settings)
    if not differing and not _alike(before.first_loss, first_loss):
        differing.append(
            f"the loss before any step was {before.first_loss:.6g} and is {first_loss:.6g} now: the data or the model "
            "are others"
        )
    if differing:
        raise BenchError(
            "resume: these are not the training runs of the earlier result: "
            + "; ".join(differing)
            + ". Use the same arguments as then, or start again in another folder or without resume"
        )


def _differing(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    now = json.loads(json.dumps(now))  # as it comes back from a file
    then = json.loads(json.dumps(then))
    names = [name for name in {**now, **then} if name not in FREE]
    return [
        f"{name} was {then.get(name)!r} and is {now.get(name)!r} now"
        for name in names
        if then.get(name) != now.get(name)
    ]


def _alike(then: float, now: float) -> bool:
    return math.isclose(then, now, rel_tol=ALIKE) or (not math.isfinite(then) and not math.isfinite(now))
