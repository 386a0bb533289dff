"""A second run with different gradients: random numbers that the outputs do not show, as where the inputs are 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import Array
from .subject import Foreign, Subject

_EXACT = 1e-9  # how far off two runs may be, relative to the largest number
_PASSES = 3  # of one graph, since a rule may be wrong every other time
_SHARE = 1e-13  # and as a share of the outputs, for gradients that are nothing but rounding


def other_gradients(
    subject: Subject,
    arrays: Sequence[Any],
    outputs: Sequence[Array],
    cotangents: Sequence[Array],
    gradients: Sequence[Array | None],
    again: Callable[[], Sequence[Array | None]],
    tries: int = 1,
) -> str:
    """Whether a second forward and backward pass, with a new graph, gives different gradients.

    If the same graph gives different gradients, a rule is wrong, not the forward pass.

    Args:
        subject: what is checked.
        arrays: its inputs.
        outputs: what it gives for them.
        cotangents: one for each output.
        gradients: those of the first graph, one for each checked input.
        again: asks for those of the first graph once more.
        tries: the number of further runs: with few numbers, two runs may agree by chance.

    Returns:
        The problem, in words; empty if there is none.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck
    >>> try:
    ...     gradcheck(lambda x: x * tg.randn(3, dtype=tg.float64), np.zeros(3))
    ... except GradcheckError as error:
    ...     print(str(error).split(": it draws")[0])
    <lambda>: called again with the same inputs it gave other gradients
    """
    if isinstance(subject, Foreign):
        return ""
    whole = float(sum([np.abs(y * c).sum() for y, c in zip(outputs, cotangents, strict=True)]))
    sizes = [max(float(np.abs(arrays[i]).max(initial=0.0)), 1e-2) for i in subject.checked]
    slack = [_SHARE * whole / size for size in sizes]
    runs = (subject.gradients(arrays, cotangents) for _ in range(tries))
    if all(_alike(run, gradients, slack) for run in runs):
        return ""
    if not all(_alike(again(), gradients, slack) for _ in range(_PASSES)):
        return ""
    return (
        "called again with the same inputs it gave other gradients: it draws random numbers (then seed them inside of "
        "it), or keeps a state"
    )


def _alike(ones: Sequence[Array | None], others: Sequence[Array | None], slack: Sequence[float]) -> bool:
    """Whether two runs have the same gradients, but for rounding."""
    for a, b, least in zip(ones, others, slack, strict=True):
        if a is None or b is None:
            if a is not b:
                return False
            continue
        size = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        if not np.allclose(a, b, rtol=0.0, atol=_EXACT * size + least, equal_nan=True):
            return False
    return True
