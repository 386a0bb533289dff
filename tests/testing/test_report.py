"""report: what is told of a failure, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import GradcheckError, check_module, gradcheck_vjp
from tinygrad_edu.testing.report import Finding, Report
from tinygrad_edu.testing.subject import Input

X = np.random.default_rng(0).normal(size=(5, 3))


def finding(ours: Any, theirs: Any, error: float = 1e-9, name: str = "x", hint: str = "") -> Finding:
    """A finding of which all elements are wrong that differ."""
    analytic, numeric = np.asarray(ours, float), np.asarray(theirs, float)
    found = Finding.of(Input(name, numeric, True), analytic)
    found.numeric, found.error = numeric, np.full(numeric.shape, error)
    found.checked = np.ones(numeric.shape, bool)
    found.wrong, found.hint = analytic != numeric, hint
    return found


SwishBad = with_backward(lambda g, ctx, x: g * tg.sigmoid(x), lambda x: x * tg.sigmoid(x))


class Swish(nn.Module):
    def forward(self, x: Any) -> Any:
        return SwishBad(x)


def deep(layers: int) -> nn.Module:
    tg.manual_seed(0)
    parts = [part for _ in range(layers) for part in (nn.Linear(3, 3), nn.Tanh())]
    return nn.Sequential(*parts, Swish(), nn.Linear(3, 2))


class TestOrder:
    def test_the_blame_stands_below_the_heading_with_the_path_of_the_layer(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            check_module(deep(2), X)
        lines = str(caught.value).splitlines()
        assert lines[0] == "Sequential: the gradient is wrong"
        assert lines[1].startswith("blame: the rule of 'Planted' for argument 0, in layer '4' (Swish), called at ")
        assert "test_report.py:" in lines[1]
        assert lines[1].endswith(": return SwishBad(x)")
        assert lines[2].startswith("  by itself it gives ")
        assert lines[3].startswith("input ")

    def test_further_problems_come_before_it(self) -> None:
        report = Report("f", problems=["one", "two"], blame="it", notes=["a note"], repro="a program")
        report.findings = [finding(1.0, 2.0)]
        lines = str(report).splitlines()
        assert lines[:3] == ["f: one", "  two", "blame: it"]
        assert lines[3].startswith("input 'x'")
        assert lines[-3:] == ["note: a note", "to reproduce:", "    a program"]


class TestManyInputs:
    def test_a_deep_model_is_told_of_in_short(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            check_module(deep(7), X)
        wrong = [f.input.name for f in caught.value.report.findings if f.wrong.any()]
        assert len(wrong) == 15
        text = str(caught.value)
        told = [line.split("'")[1] for line in text.splitlines() if line.startswith("input ")]
        assert len(told) == 8
        assert told == [name for name in wrong if name in told]
        assert "\nand 7 further inputs\n" in text

    def test_those_with_a_hint_and_the_largest_differences_are_told(self) -> None:
        findings = [finding(1.0 + 0.01 * i, 1.0, name=f"x{i}") for i in range(1, 12)]
        findings[2].hint = "it is something"
        findings[4].analytic = np.asarray(np.nan)
        findings.insert(0, finding(1.0, 1.0, name="right"))
        lines = str(Report("f", findings=findings)).splitlines()
        told = [line.split("'")[1] for line in lines if line.startswith("input ")]
        assert told == ["x3", "x5", "x6", "x7", "x8", "x9", "x10", "x11"]
        assert lines[-1] == "and 3 further inputs"

    def test_a_ninth_is_one_further_input(self) -> None:
        report = Report("f", findings=[finding(1.0, 2.0, name=f"x{i}") for i in range(9)])
        assert str(report).endswith("\nand 1 further input")

    def test_eight_are_all_told(self) -> None:
        assert "further" not in str(Report("f", findings=[finding(1.0, 2.0, name=f"x{i}") for i in range(8)]))


class TestHowFarOff:
    @pytest.mark.parametrize(
        ("ours", "theirs", "error", "text"),
        [
            ([3.0], [2.0], 1e-9, "analytic 3  numeric 2 ± 1e-09  relative error 0.5"),
            ([3.0], [0.0], 0.0, "analytic 3  numeric 0 ± 0  off by 3"),
            ([3.0], [1e-287], 0.0, "analytic 3  numeric 1e-287 ± 0  off by 3"),
            ([3.0, 2.0], [1e-287, 2.0], 0.0, "analytic 3  numeric 1e-287 ± 0  off by 3"),
            ([0.5, 100.0], [0.01, 100.0], 1e-9, "analytic 0.5  numeric 0.01 ± 1e-09  off by 0.49"),
            ([0.5, 1.0], [0.01, 1.0], 1e-9, "analytic 0.5  numeric 0.01 ± 1e-09  relative error 49"),
            ([0.5], [1e-12], 1e-11, "analytic 0.5  numeric 1e-12 ± 1e-11  off by 0.5"),
            ([np.nan], [2.0], 1e-9, "analytic nan  numeric 2 ± 1e-09"),
            ([-np.inf], [0.0], 0.0, "analytic -inf  numeric 0 ± 0"),
        ],
    )
    def test_in_words(self, ours: Any, theirs: Any, error: float, text: str) -> None:
        worst = str(finding(ours, theirs, error)).splitlines()[1]
        assert worst == f"  worst: x[0]  {text}"

    def test_a_gradient_where_there_is_none(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            gradcheck_vjp(lambda x: x[:1], lambda g, x: np.full(2, g[0]), np.ones(2))
        line = next(line for line in str(caught.value).splitlines() if line.startswith("  worst: x[1]"))
        assert "numeric 0 ± 2e-13  off by " in line


class TestPassing:
    def test_what_was_not_checked_is_told(self) -> None:
        report = Report("f", checked=12, forwards=5, notes=["not checked: b", "another"])
        assert str(report).splitlines() == [
            "f: the gradient is right (12 elements; 5 evaluations)",
            "note: not checked: b",
            "note: another",
        ]


class TestOfOne:
    def test_a_right_one(self) -> None:
        assert str(Report("f", checked=1, forwards=1)) == "f: the gradient is right (1 element; 1 evaluation)"

    def test_a_wrong_one(self) -> None:
        assert ": 1 of 1 element is wrong\n" in str(finding([1.0], [2.0]))
        assert ": 1 of 2 elements is wrong\n" in str(finding([1.0, 2.0], [2.0, 2.0]))
        assert ": 2 of 2 elements are wrong, all of them\n" in str(finding([1.0, 1.0], [2.0, 2.0]))

    def test_one_further(self) -> None:
        text = str(Report("f", findings=[finding(1.0, 2.0, name=f"x{i}") for i in range(9)]))
        assert text.endswith("\nand 1 further input")
