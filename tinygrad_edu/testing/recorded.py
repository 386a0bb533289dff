"""A run with its graph, beside one without: both have to give the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import count_uses
from .randomness import other_gradients
from .report import Report
from .subject import Foreign, Subject, numbers


def recorded_gradients(
    subject: Subject, report: Report, arrays: list[Any], centre: list[Array], cotangents: list[Array]
) -> list[Array | None]:
    """The gradients, from a run that has to give the same outputs as the one before and leave the inputs alone."""
    if isinstance(subject, Foreign):
        again, gradients = subject.values(arrays), subject.gradients(arrays, cotangents)
    else:
        results, leaves = subject.outputs(arrays)
        again = [numbers(out) for out in results]
        nodes: Any = count_uses([out.source for out in results if out.source is not None])
        if any(part.dtype.kind == "f" and part.dtype.itemsize < 8 for part in [*nodes, *again]):
            report.problems.append(
                "it converts float64 to a narrower dtype, too coarse for differences: let it keep the dtype of its "
                "inputs, and check float32 with check_float32"
            )
        resumed = subject.resumed()

        def pull() -> list[Array | None]:
            with resumed:
                return subject.pull(results, leaves, cotangents)

        gradients = pull() if same_values(again, centre) else []
        if gradients and (problem := other_gradients(subject, arrays, centre, cotangents, gradients, pull)):
            report.problems.append(problem)
        changed = [not np.array_equal(leaves[i].array, arrays[i], equal_nan=True) for i in subject.checked]
        if True in changed:
            name = subject.inputs[subject.checked[changed.index(True)]].name
            report.problems.append(f"input {name!r} was changed in place")
    if not same_values(again, centre):
        report.problems.insert(
            0,
            "called again with the same inputs it returned something else: it draws random numbers (then seed them "
            "inside of it), keeps a state, or asks whether gradients are recorded",
        )
    return gradients


def same_values(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Whether two runs gave the same, but for rounding."""
    return len(one) == len(other) and all(
        a.shape == b.shape and bool((np.abs(a - b) <= 1e-9 * np.abs(b).max(initial=0.0)).all())
        for a, b in zip(one, other, strict=True)
    )
