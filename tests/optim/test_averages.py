"""Running averages: the formula, and that nothing but the average and the scratch array is written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import normal

from tinygrad_edu.optim.averages import average, average_square


@pytest.mark.parametrize("keep", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("update", "of"), [(average, lambda g: g), (average_square, lambda g: g * g)])
def test_the_average_moves_towards_the_new_number(update: Any, of: Callable[[Any], Any], keep: float) -> None:
    held, g, scratch = normal(3, 4), normal(3, 4, seed=1), np.full((3, 4), np.nan)
    expected, given = keep * held + (1 - keep) * of(g), g.copy()
    update(held, g, keep, scratch)
    np.testing.assert_allclose(held, expected, rtol=1e-13)
    np.testing.assert_array_equal(g, given)
    np.testing.assert_allclose(scratch, (1 - keep) * (of(g) if update is average_square else g - normal(3, 4)))
