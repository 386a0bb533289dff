"""In-place changes of saved arrays are errors, never wrong gradients."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import versions
from tinygrad_edu.errors import GraphError


def test_an_overwritten_argument_is_an_error_that_names_op_and_versions() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    with tg.no_grad():
        x.zero_()
    with pytest.raises(
        GraphError, match=r"'mul' saved argument 0, of shape \(2,\), at version \d+.*overwritten.*version \d+.*clone"
    ):
        y.backward()
    assert x.grad is None


def test_an_overwritten_result_is_an_error() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(GraphError, match="'exp' saved its result"):
        y.backward()


def test_a_change_through_a_view_is_seen() -> None:
    x = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x * x
    x.data[0, 1] = 7.0
    with pytest.raises(GraphError, match="overwritten"):
        y.backward()


def test_changing_the_base_of_a_saved_view_is_seen() -> None:
    base = tg.tensor(np.arange(6.0))
    w = tg.tensor(np.ones(3), requires_grad=True)
    y = w * base[:3]
    base.add_(1.0)
    with pytest.raises(GraphError, match="overwritten"):
        y.backward()


def test_what_no_rule_reads_may_change() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x + 1  # reads nothing
    with tg.no_grad():
        x.zero_()
    y.backward()
    np.testing.assert_array_equal(x.grad.array, [1.0, 1.0])


def test_a_change_of_something_else_is_no_error() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    other = tg.tensor([1.0, 2.0])
    y = x * x
    other.zero_()
    y.backward()
    np.testing.assert_array_equal(x.grad.array, [2.0, 4.0])


def test_an_optimizer_step_between_two_walks_of_one_graph_is_seen() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    tg.optim.SGD([w], lr=0.1).step()
    with pytest.raises(GraphError, match="overwritten"):
        loss.backward()


def test_the_record_of_a_change_goes_with_its_array() -> None:
    gc.collect()
    before = len(versions._changes)
    arrays = [np.ones(3) for _ in range(5)]
    for array in arrays:
        versions.mark_changed(array[1:])
    assert len(versions._changes) == before + 5
    assert all(versions.changed_at(array) for array in arrays)
    del arrays, array
    assert len(versions._changes) == before
    assert versions.changed_at(np.ones(3)) == 0


def test_a_change_behind_a_sliding_window_is_seen() -> None:
    x = np.ones(5)
    windows = tg.from_numpy(np.lib.stride_tricks.sliding_window_view(x, 2))
    w = tg.tensor(np.ones(2), requires_grad=True)
    y = w * windows
    tg.from_numpy(x).mul_(2)
    with pytest.raises(GraphError, match="overwritten"):
        y.backward()


def test_each_change_is_one_tick_and_the_last_one_counts() -> None:
    array = np.ones(3)
    assert versions.changed_at(array) == 0
    before = versions.now
    versions.mark_changed(array)
    versions.mark_changed(array[1:])
    assert versions.now == before + 2
    for view in (array, array[1:], array[:1].reshape(1, 1)):
        assert versions.changed_at(view) == before + 2


def test_of_several_arrays_the_last_change_counts() -> None:
    first, second, other = np.ones(3), np.ones(3), np.ones(3)
    versions.mark_changed(second)
    versions.mark_changed(first)
    assert versions.changed_at((other, first, second)) == versions.now
    assert versions.changed_at((other, second)) == versions.now - 1
    assert versions.changed_at((other, slice(1), None)) == versions.changed_at(()) == versions.changed_at(2.0) == 0


def test_memory_that_is_no_arrays_belongs_to_the_first_array_of_it() -> None:
    array = np.frombuffer(bytearray(16))
    versions.mark_changed(array[1:])
    assert versions.changed_at(array) == versions.now
    assert versions.changed_at(np.frombuffer(bytearray(16))) == 0
