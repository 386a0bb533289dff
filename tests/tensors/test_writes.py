"""writes.py: a write to a view is a write to its base, with a gradient and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from view_programs import programs, run

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck, gradgradcheck

X = np.arange(1.0, 7.0).reshape(2, 3)


PROGRAMS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "column": (lambda h: h[:, 0].zero_(), lambda a: a * [0, 1, 1]),
    "number of a row": (
        lambda h: h[0].__setitem__(1, 5.0),
        lambda a: a * [[1, 0, 1], [1, 1, 1]] + [[0, 5, 0], [0, 0, 0]],
    ),
    "transposed": (lambda h: h.T.__setitem__(0, 1.0), lambda a: a * [0, 1, 1] + [1, 0, 0]),
    "flat": (lambda h: h.view(-1).__setitem__(0, 7.0), lambda a: np.concatenate([[7], a.ravel()[1:]]).reshape(2, 3)),
    "every other row": (lambda h: h[::2].add_(10), lambda a: a + [[10], [0]]),
    "diagonal": (lambda h: h.diagonal().fill_(9), lambda a: np.where(np.eye(2, 3) == 1, 9, a)),
    "split": (lambda h: h.split(1, dim=1)[1].mul_(4), lambda a: a * [1, 4, 1]),
    "a view of a view of a view": (lambda h: h.T[1:][0].unsqueeze(0).mul_(4), lambda a: a * [1, 4, 1]),
    "one number": (lambda h: h[1, 2].fill_(0), lambda a: a * [[1, 1, 1], [1, 1, 0]]),
    "augmented": (lambda h: h.__setitem__((0, slice(1, None)), h[0, 1:].mul_(2)), lambda a: a * [[1, 2, 2], [1, 1, 1]]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_write_to_a_view_is_a_write_to_its_base(name: str) -> None:
    write, expected = PROGRAMS[name]
    x = tg.tensor(X, requires_grad=True)
    for h in (x * 2, tg.tensor(X * 2)):
        before = h.T, h[1], h.view(-1)
        write(h)
        np.testing.assert_array_equal(h.array, expected(X * 2))
        for view, array in zip(before, (h.array.T, h.array[1], h.array.reshape(-1)), strict=True):
            np.testing.assert_array_equal(view.array, array)
            assert np.shares_memory(view.array, h.array)

    def f(x: Any) -> Any:
        h = x * 2
        early, row = h * h, h[1]
        write(h)
        return early.sum() + (h * h * h).sum() + (row * row).sum()

    gradcheck(f, tg.tensor(X))
    gradgradcheck(f, tg.tensor(X))


def test_views_made_before_see_a_write_to_the_base() -> None:
    def f(x: Any) -> Any:
        h = x * 2
        w, d = h[0], h.detach()
        h.mul_(3)
        h[0] += x[1]
        np.testing.assert_array_equal(w.array, h.array[0])
        np.testing.assert_array_equal(d.array, h.array)
        assert not d.requires_grad
        return (w * w).sum()

    gradcheck(f, tg.tensor(X))


def test_a_constant_into_which_a_gradient_is_written_by_a_view() -> None:
    w = tg.tensor(X, requires_grad=True)
    buffer = tg.zeros(3, 3, dtype=tg.float64)
    other, below = buffer.T, buffer[1]
    buffer[0].copy_(w[0])
    buffer.T[2] = w[1]
    assert buffer.requires_grad
    assert other.requires_grad
    np.testing.assert_array_equal(buffer.array, [[1, 2, 4], [0, 0, 5], [0, 0, 6]])
    np.testing.assert_array_equal(below.array, [0, 0, 5])
    (other * np.arange(9.0).reshape(3, 3)).sum().backward()
    np.testing.assert_array_equal(w.grad.array, [[0, 3, 0], [6, 7, 8]])


def test_numbers_alone_reach_what_is_detached_and_what_it_was_detached_from() -> None:
    w = tg.tensor(3.0, dtype=tg.float64, requires_grad=True)
    x = tg.tensor(X, requires_grad=True)
    h = x * 2
    twin, row = h.detach(), h[0]
    part = twin[0]
    twin[0] = w
    assert twin.requires_grad
    assert part.requires_grad
    for t in (h[0], row, twin[0], part):
        np.testing.assert_array_equal(t.array, [3, 3, 3])
    (h.sum() + 10 * part.sum()).backward()
    np.testing.assert_array_equal(x.grad.array, np.full((2, 3), 2.0))  # as in PyTorch: its graph knows of no write
    assert w.grad.item() == 30


def test_a_view_of_a_leaf_is_refused() -> None:
    leaf = tg.tensor(X, requires_grad=True)
    with pytest.raises(tg.GraphError, match=r"add_ on a view, of shape \(1, 3\), of a leaf of shape \(2, 3\).*no_grad"):
        leaf[:1].add_(1)
    with tg.no_grad():
        view = leaf.T
        view[0] = 0.0
    assert leaf.array[1, 0] == 0
    with pytest.raises(tg.GraphError, match=r"made under no_grad\(\)"):
        view[0] = 1.0
    later = tg.tensor(X)
    row = later[0]
    later.requires_grad_()
    with pytest.raises(tg.GraphError, match="leaf"):
        row.zero_()
    np.testing.assert_array_equal(later.array, X)


def test_a_view_made_under_no_grad_of_a_result_is_refused_while_recording() -> None:
    h = tg.tensor(X, requires_grad=True) * 2
    with tg.no_grad():
        view = h[0]
    for change in (lambda: view.mul_(2), lambda: view[1:].zero_(), lambda: view.copy_(h[1])):
        with pytest.raises(tg.GraphError, match="outside of no_grad"):
            change()
    np.testing.assert_array_equal(h.array, X * 2)


def test_memory_that_stands_for_many_places_is_refused_with_a_gradient_too() -> None:
    h = tg.tensor([[1.0, 2.0]], requires_grad=True) * 1
    wide = h.expand(3, 2)
    with pytest.raises(ValueError, match=r"expanded.*clone\(\)"):
        wide += 1
    h += 1
    np.testing.assert_array_equal(wide.array, [[2, 3]] * 3)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_view_that_had_to_copy_cannot_be_written_to(recorded: bool) -> None:
    h = tg.tensor(X, requires_grad=recorded) * 1
    flat = h.T.view(-1)
    np.testing.assert_array_equal(flat.array, X.T.reshape(-1))
    with pytest.raises(ValueError, match=r"view\(\) may have had to copy"):
        flat[0] = 7.0
    h.T.reshape(-1)[0] = 7.0  # which may be a copy by its definition
    np.testing.assert_array_equal(h.array, X)


@pytest.mark.parametrize("recorded", [False, True])
def test_what_has_a_mask_is_not_written(recorded: bool) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=recorded) * 1
    masked = np.ma.masked_array([5.0, 6.0], [True, False])
    for write in (lambda: x.add_(masked), lambda: x.copy_(masked), lambda: x.masked_fill_(x > 0, masked[:1])):
        with pytest.raises(tg.DtypeError, match=r"filled\(value\)"):
            write()
    with pytest.raises(tg.DtypeError, match=r"x\[index\] = value: a tensor has no mask"):
        x[:] = masked
    np.testing.assert_array_equal(x.array, [1, 2])


def test_integers_take_in_numbers_but_no_gradient() -> None:
    w = tg.tensor([2.75], requires_grad=True)
    x = tg.tensor([1, 2, 3])
    for write in (lambda: x.__setitem__(0, w[0]), lambda: x[1:].__setitem__(0, w[0]), lambda: x[2:].copy_(w)):
        write()
        assert not x.requires_grad
    assert x.tolist() == [2, 2, 2]


def test_what_fails_changes_no_view() -> None:
    h = tg.tensor(X, requires_grad=True) * 2
    row, source = h[0], h.source
    for fail in (lambda: row.add_(tg.ones(4)), lambda: row.__setitem__(7, 1.0), lambda: h.T.copy_(tg.ones(3))):
        with pytest.raises((tg.ShapeError, IndexError)):
            fail()
    assert h.source is source
    np.testing.assert_array_equal(row.array, X[0] * 2)


def test_writing_back_what_was_changed_in_place_records_nothing_more() -> None:
    h = tg.tensor(X, requires_grad=True) * 2
    h[:1] *= 5
    names, link = [], h.source
    while hasattr(link, "op"):
        names.append(link.op.name)
        link = link.inputs[0]
    assert names == ["overwrite", "mul"]


def test_a_row_may_be_cut_out_of_the_graph_by_writing_it_back_detached() -> None:
    x = tg.tensor(X, requires_grad=True)
    for cut in (lambda h: h.detach()[0], lambda h: h.data[0], lambda h: h[0].detach()):
        h = x * 2
        row = h[0]
        h[0] = cut(h)
        row[1:] = h.detach()[0, 1:]
        h.backward()
        np.testing.assert_array_equal(x.grad.array, [[0, 0, 0], [2, 2, 2]])
        x.grad = None
    twin = (h := x * 2).detach()
    twin[0] = h[0]
    twin.backward()
    np.testing.assert_array_equal(x.grad.array, [[2, 2, 2], [0, 0, 0]])


def test_a_retained_gradient_follows_the_tensor() -> None:
    x = tg.tensor(X, requires_grad=True)
    h = x * 2
    row = h[0]
    for t in (h, row):
        t.retain_grad()
    h += 1
    h[1:] *= 4
    ((h * h).sum() + 10 * row.sum()).backward()
    np.testing.assert_array_equal(h.grad.array, 2 * h.array + [[10], [0]])
    np.testing.assert_array_equal(row.grad.array, [10, 10, 10])


def test_samples_stay_apart_through_writes_to_views() -> None:
    inputs, w = tg.tensor(np.arange(12.0).reshape(4, 3) / 4), tg.tensor(X[0], requires_grad=True)

    def losses() -> Any:
        h = inputs * w
        h.T[1] *= 2
        h[:, 2:].zero_()
        h.view(-1)[::3] += 1
        return (h * h).sum(1)

    losses().backward(per_sample=True)
    alone = []
    for m in range(4):
        (g,) = tg.autograd.grad(losses()[m], w)
        alone.append(g.array)
    np.testing.assert_allclose(w.sample_grads[:].array, alone, rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(programs)
def test_with_a_gradient_and_without_the_numbers_are_the_same(program: list[tuple[int, int, int, int]]) -> None:
    refusals = (ValueError, IndexError, tg.GraphError)
    recorded, _, refused = run(tg, program, True, refusals)
    assume(not any(refused))  # as a write to a leaf is, but only where it has a gradient
    plain, _, _ = run(tg, program, False, ())
    for a, b in zip(recorded, plain, strict=True):
        np.testing.assert_array_equal(a.array, b.array)
