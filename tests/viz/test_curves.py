"""Losses as curves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import tinygrad_edu as tg  # noqa: E402
from tinygrad_edu.viz import loss_curve  # noqa: E402

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def axes() -> Any:
    return Figure().add_subplot()


def test_one_loss_for_each_epoch_counted_from_one() -> None:
    ax = loss_curve([3.0, 2.0, 1.5], ax=axes())
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [3.0, 2.0, 1.5]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("epoch", "loss", None)
    assert ax.get_ylim()[0] == 0


def test_what_the_axis_counts_and_the_name_of_the_curve() -> None:
    ax = loss_curve([3.0, 2.0], every=100, unit="step", label="SGD", ax=axes())
    assert ax.lines[0].get_xdata().tolist() == [100, 200]
    assert ax.get_xlabel() == "step"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SGD"]


def test_several_curves_differ_in_more_than_colour() -> None:
    ax = loss_curve({"train": [3.0, 1.0], "test": [3.0, 2.0]}, ax=axes())
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "test"]


def test_a_smooth_curve_is_the_mean_of_the_last_numbers_over_the_faint_one() -> None:
    ax = loss_curve([4.0, 2.0, 0.0, 4.0], smooth=2, ax=axes())
    faint, smooth = ax.lines
    assert faint.get_alpha() < 1
    assert faint.get_ydata().tolist() == [4.0, 2.0, 0.0, 4.0]
    np.testing.assert_allclose(smooth.get_ydata(), [4.0, 3.0, 1.0, 2.0])


def test_a_loss_that_is_no_number_or_huge_is_smoothed_away_once_it_is_past() -> None:
    for odd in (float("nan"), float("inf"), 1e20):
        smooth = loss_curve([1.0, odd, 2.0, 4.0], smooth=2, ax=axes()).lines[1].get_ydata()
        assert smooth[[0, 3]].tolist() == [1.0, 3.0]
    few = loss_curve([1.0, 3.0], smooth=100, ax=axes()).lines[1]
    assert few.get_ydata().tolist() == [1.0, 2.0]


def test_names_of_curves_may_be_numbers() -> None:
    ax = loss_curve({0.1: [2.0], 0: [3.0]}, ax=axes())  # type: ignore[dict-item]  # a dictionary by learning rate
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.1", "0"]


@pytest.mark.parametrize("smooth", [None, 2])
def test_a_curve_beside_others_differs_from_them(smooth: int | None) -> None:
    ax = axes()
    for label in "abc":
        loss_curve([2.0, 1.0, 0.5], label=label, smooth=smooth, ax=ax)
    assert len({line.get_color() for line in ax.lines}) == 3
    assert len({line.get_linestyle() for line in ax.lines if line.get_alpha() is None}) == 3


@pytest.mark.parametrize("losses", ["123", ["1", "2"], [1j], [b"1"]])
def test_texts_are_no_losses(losses: Any) -> None:
    with pytest.raises(ValueError, match="must be a sequence of numbers"):
        loss_curve(losses, ax=axes())


@pytest.mark.parametrize("options", [{"smooth": 2.5}, {"every": "2"}])
def test_counts_are_integers(options: Any) -> None:
    with pytest.raises(TypeError, match="integer"):
        loss_curve([1.0, 2.0, 3.0], ax=axes(), **options)


def test_tensors_arrays_and_losses_that_are_not_finite() -> None:
    for losses in ([tg.tensor(1.0), tg.tensor(2.0)], np.array([1.0, 2.0]), tg.tensor([1.0, 2.0])):
        assert loss_curve(losses, ax=axes()).lines[0].get_ydata().tolist() == [1.0, 2.0]
    ax = loss_curve([1.0, np.inf, np.nan, 1.0], smooth=2, ax=axes())
    ax.figure.canvas.draw()


def test_a_loss_below_zero_is_seen() -> None:
    assert loss_curve([1.0, -1.0], ax=axes()).get_ylim()[0] < -1


def test_the_axis_of_losses_may_be_logarithmic() -> None:
    ax = loss_curve([1.0, 0.1, 0.01], ax=axes())
    ax.set_yscale("log")
    ax.figure.canvas.draw()
    assert 0 < ax.get_ylim()[0] < 0.1


def test_a_figure_of_its_own_fits_on_a_phone() -> None:
    ax = loss_curve([1.0])
    assert ax.figure.get_figwidth() <= 6.4
    assert ax.lines[0].get_marker() == "o"


@pytest.mark.parametrize(
    ("losses", "options", "message"),
    [
        ([], {}, r"the losses have the shape \(0,\): expected one number for each"),
        ({}, {}, "there are no losses to draw"),
        (1.0, {}, "the losses must be a sequence of numbers"),
        ({"SGD": ["a"]}, {}, "the losses of 'SGD' must be a sequence of numbers"),
        ([[1.0, 2.0]], {}, r"have the shape \(1, 2\)"),
        ([1.0], {"every": 0}, "every=0, it must be at least 1"),
        ([1.0], {"smooth": 0}, "smooth=0, it must be at least 1"),
    ],
)
def test_what_is_no_curve(losses: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"loss_curve\(\): .*{message}"):
        loss_curve(losses, **options)
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"^loss_curve\(\) needs matplotlib, which .*pip install .*plots"):
        loss_curve([1.0])
