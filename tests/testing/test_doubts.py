"""An inconclusive report says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.testing import GradcheckError, gradcheck


@pytest.mark.parametrize(
    ("f", "vjp", "x", "said"),
    [
        (
            lambda x: (1e12 + x) - 1e12,
            lambda g, x: g,
            [0.3, 0.4],
            r"rounding inside the function is about \de-0\d: its derivative is known to (\d digits?|no digit)\.",
        ),
        (
            lambda x: 1 - np.tanh(x),
            lambda g, x: -g / np.cosh(x) ** 2,
            [17.0],
            r"rounding inside the function is about \de-1\d: its derivative is known to ",
        ),
        (
            lambda x: 1 / (1 + x),
            lambda g, x: g * (x / (1 + x) ** 2 - 1 / (1 + x)),
            [1e9],
            r"rounding inside the gradient is about \de-\d+, enough to explain what it is off by",
        ),
        (np.abs, lambda g, x: g * np.sign(x), [0.0, 1.0], "the slopes on both sides differ, as at a kink or a tie"),
        (
            lambda x: np.where(np.abs(x) < 1e-300, 0.0, np.sin(1 / x)),
            lambda g, x: -g * np.cos(1 / x) / x**2,
            [1e-9],
            "the function is too rough there for differences, or not defined nearby",
        ),
    ],
)
def test_reasons(f: Callable[..., Any], vjp: Callable[..., Any], x: list[float], said: str) -> None:
    with pytest.raises(GradcheckError) as caught, np.errstate(all="ignore"):
        gradcheck(f, np.array(x), vjp=vjp)
    report = caught.value.report
    assert report.verdict == "inconclusive"
    assert re.search(said, report.doubts[0]), report.doubts[0]


def test_a_few_inconclusive_elements_are_noted() -> None:
    report = gradcheck(np.abs, np.arange(-4.0, 6.0), vjp=lambda g, x: g * np.sign(x))
    assert report.verdict == "right"
    assert report.inconclusive == 1
    assert "1 element is inconclusive: the slopes on both sides differ" in report.notes[0]
