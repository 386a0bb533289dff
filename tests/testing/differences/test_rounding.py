"""Rounding errors are measured, and nothing else is taken for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.testing.differences.rounding import rounding_of


def gradient(wrong: Callable[[np.ndarray], Any] = lambda g: g) -> Callable[..., list[Any]]:
    """Twice the numbers, and their differences from the first one, in which much cancels; once they are changed."""
    return lambda arrays, seeds: [
        wrong(seeds[0] * 2 * arrays[0]),
        wrong(seeds[0] * 2 * arrays[0] - 2 * (seeds[0] * arrays[0][0])),
    ]


class TestRoundingOf:
    """The standard deviation of rounding errors."""

    @pytest.mark.parametrize("offset", [1.0, 1e3, 1e6])
    def test_it_is_as_large_as_what_cancels(self, offset: float) -> None:
        x = offset * (1 + 1e-3 * np.random.default_rng(1).normal(size=5))
        for noise in rounding_of(gradient(), [x], [np.asarray(1.3)]):  # no smaller where much cancels
            assert 0.05 < noise / (2.6 * offset * 2.0**-52) < 5.0

    def test_what_jumps_or_bends_is_no_rounding(self) -> None:
        x, seeds = np.array([-1.0, 0.0, 0.5, 2.0]), [np.asarray(1.3)]
        for wrong in (np.abs, lambda g: np.clip(g, -1, 1), lambda g: np.round(g, 3), lambda g: g + 1e-3, np.sign):
            assert max(rounding_of(gradient(wrong), [x], seeds)) < 1e-13

    def test_at_a_kink_there_is_no_noise(self) -> None:
        x = np.array([0.0, 1.0, 1.0])
        step = lambda arrays, seeds: [seeds[0] * (arrays[0] > 0), seeds[0] * (arrays[0] >= arrays[0].max())]
        assert rounding_of(step, [x], [np.ones(3)]) == pytest.approx([0.0, 0.0], abs=1e-15)

    def test_neither_chance_nor_a_coarser_dtype_is_rounding(self) -> None:
        rng = np.random.default_rng(0)
        calls = iter(range(1000))
        x, seeds = np.array([1.0, 2.0, 4.0]), [np.asarray(1.3)]
        for wrong in (
            lambda g: g + 1e-3 * rng.normal(size=g.shape),
            lambda g: g * (1 + next(calls) // 2 % 2),
            lambda g: g.astype(np.float32).astype(float),
        ):
            assert max(rounding_of(gradient(wrong), [x], seeds)) < 1e-13

    def test_where_arguments_cannot_be_moved(self) -> None:
        def picky(arrays: Any, seeds: Any) -> Any:
            if arrays[0][0] != 3:
                raise ValueError
            return gradient()(arrays, seeds)

        assert rounding_of(picky, [np.array([3.0, 7.0])], [np.asarray(1.3)])[1] > 0
        assert rounding_of(lambda arrays, seeds: 1 / 0, [np.ones(2)], [np.ones(2)]) == []  # type: ignore[arg-type, return-value]
        with np.errstate(all="ignore"):
            assert rounding_of(lambda arrays, seeds: [np.log(-arrays[0])], [np.ones(2)], [np.ones(2)]) == [0.0]

    def test_what_is_no_number_is_not_moved(self) -> None:
        index = np.array([1, 0])
        found = rounding_of(lambda arrays, seeds: [arrays[1][arrays[0]] * seeds[0]], [index, np.ones(2)], [np.ones(2)])
        assert found == pytest.approx([0.0], abs=1e-15)
