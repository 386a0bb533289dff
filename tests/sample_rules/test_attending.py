"""The family of attention; that it says nothing wrong of any call is tested with all other rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import parameter

from tinygrad_edu.ops.attention import attention, attention_scores
from tinygrad_edu.sample_rules.ids import NOBODY, Use

SAMPLES = np.arange(3)


def said(ids: Any, computed: bool = False) -> list[Any]:
    """What the rule says of query (2, 3, 4), key (2, 5, 4), value (2, 5, 3) and mask (3, 5)."""
    inputs = [parameter(*shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 3), (3, 5))]
    out, _ = attention(*[x * 1 if computed else x for x in inputs], None, 1.0, 0.5, False)
    node = out.source.inputs[0]  # type: ignore[union-attr]
    found = node.op.samples.ids_of(node, ids)
    assert found[4:] == [None] * 4
    return list(found[:4])


def test_along_the_axes_in_front_everything_is_a_samples_own_but_what_lacks_them() -> None:
    query, key, value, mask = said((SAMPLES[:2].reshape(2, 1, 1), None))
    for own in (query, key, value):
        np.testing.assert_array_equal(own, SAMPLES[:2].reshape(2, 1, 1))
    assert mask is Use.SHARED


@pytest.mark.parametrize("computed", [False, True])
def test_queries_that_are_samples_share_keys_that_are_parameters(computed: bool) -> None:
    query, key, value, mask = said((SAMPLES.reshape(1, 3, 1), None), computed)
    np.testing.assert_array_equal(query, SAMPLES.reshape(1, 3, 1))
    np.testing.assert_array_equal(mask, SAMPLES.reshape(3, 1))
    assert key is value is (Use.MIXED if computed else Use.SHARED)


def test_columns_of_values_that_are_samples() -> None:
    query, key, value, mask = said((SAMPLES.reshape(1, 1, 3), None))
    np.testing.assert_array_equal(value, SAMPLES.reshape(1, 1, 3))
    assert query is key is mask is Use.SHARED


def test_the_second_result_knows_no_values() -> None:
    query, _, value, _ = said((None, SAMPLES.reshape(1, 3)))
    np.testing.assert_array_equal(query, SAMPLES.reshape(1, 3, 1))
    np.testing.assert_array_equal(value, np.full((1, 1, 1), NOBODY))


def test_results_that_agree_and_results_that_do_not() -> None:
    query, *_ = said((SAMPLES.reshape(1, 3, 1), SAMPLES.reshape(1, 3)))
    np.testing.assert_array_equal(query, SAMPLES.reshape(1, 3, 1))
    query, *_ = said((SAMPLES.reshape(1, 3, 1), SAMPLES[::-1].reshape(1, 3)))
    assert query is Use.SHARED


def test_scores() -> None:
    scores = attention_scores(parameter(3, 2), parameter(4, 2) * 1)
    node = scores.source
    query, key = node.op.samples.ids_of(node, SAMPLES.reshape(3, 1))
    np.testing.assert_array_equal(query, SAMPLES.reshape(3, 1))
    assert key is Use.MIXED
    query, key = node.op.samples.ids_of(node, np.arange(4).reshape(1, 4))
    np.testing.assert_array_equal(key, np.arange(4).reshape(4, 1))
    assert query is Use.SHARED
