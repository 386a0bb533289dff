"""clues: the incoming gradients of several passes."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.testing.diagnosis.clues import several
from tinygrad_edu.testing.subject import or_zeros


def test_incoming_gradients_of_several_passes():
    g, h = np.arange(1.0, 7.0).reshape(2, 3), np.array(3.0)
    once, again, twice, some, others = several([g, None, h])
    assert all(parts[1] is None for parts in (once, again, twice, some, others))
    for k, part in ((0, g), (2, h)):
        np.testing.assert_array_equal(once[k], part)
        np.testing.assert_array_equal(again[k], part)
        np.testing.assert_array_equal(twice[k], 2 * part)
        np.testing.assert_array_equal(some[k] + others[k], part)
        assert not np.shares_memory(once[k], part)
    assert (some[0] == 0).sum() == 3


def test_no_gradient_is_a_zero_one():
    np.testing.assert_array_equal(or_zeros([None], [np.ones((2, 2))])[0], np.zeros((2, 2)))
    np.testing.assert_array_equal(or_zeros([np.array([3.0])], [np.ones(1)])[0], [3.0])
