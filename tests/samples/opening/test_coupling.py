"""Whether samples are coupled, element by element: no program is accused wrongly, and none gets away with it."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from per_sample import Centred, check_open_sum, one_hot_passes
from row_programs import D, RowProgram, reached, row_programs

import tinygrad_edu as tg
from tinygrad_edu.errors import spoken

B = 4
PERM = np.array([2, 0, 3, 1])
FIRST = np.arange(B)[:, None] == 0


def setting(count: int = B, layout: str = "rows") -> tuple[Any, Any]:
    """A weight, and a function that gives h, (count, D): as rows, or made of what has its samples elsewhere."""
    rng = np.random.default_rng(count)
    x, w = tg.tensor(rng.normal(size=(count, 3))), tg.tensor(rng.normal(size=(3, D)), requires_grad=True)
    return w, {
        "rows": lambda: (x @ w).tanh(),
        "columns": lambda: (w.T @ x.T).tanh().T,
        "flattened": lambda: (x @ w).reshape(-1).tanh().reshape(count, D),
        "parts": lambda: tg.stack([part.tanh() for part in (x @ w).unbind(1)], 1),
    }[layout]


def losses_of(z: Any) -> Any:
    """A loss for each row."""
    return (np.sin(z * 1.3) + z).reshape(z.shape[0], -1).sum(1)


def line(function: Any, text: str = "") -> str:
    """The line of a function that has `text` in it; its first one without."""
    code = function.__code__
    numbers = sorted({number for *_, number in code.co_lines() if number})
    number = next(n for n in numbers if text in linecache.getline(__file__, n))
    return f"{__file__}:{number}: {linecache.getline(__file__, number).strip()}"


def changed(write: Callable[[Any, Any], None]) -> Callable[[Any], Any]:
    """A copy of h into which rows are written."""

    def function(h: Any) -> Any:
        y = h * 0.8
        write(y, h)
        return y

    return function


def beside_zeros(h: Any) -> Any:
    pad = tg.zeros(B + 1, D, dtype=tg.float64)
    pad[:B] = h
    return h + pad[np.array([0, B, B, 3])]


@tg.primitive(vjps=(lambda g, out, x: g - g.mean(0),), saves=(), name="centred_without_a_rule")
def centred_without_a_rule(x: Any) -> Any:
    return x - x.mean(0)


def beside_a_token(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What samples make of their own row, and of one that all share, in a function of these rows."""

    def losses(h: Any) -> Any:
        token = tg.tensor(np.ones((1, D)), requires_grad=True) * 2
        rows = function(tg.cat([token, h]))
        return rows[1:] * rows[0]

    return losses


def beside_a_token_and_more(h: Any) -> Any:
    rows = tg.cat([tg.tensor(np.ones((1, D)), requires_grad=True) * 2, h])
    return rows[1:] * rows[0] + centred_without_a_rule(rows)[1:]


def zeros_read_twice(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A row that is only zeros, in a function of all rows, given to a sample that has one of its own."""

    def losses(h: Any) -> Any:
        y = tg.zeros(B, D, dtype=tg.float64)
        y[0] = h[0]
        rows = function(y)
        z = rows * 1.0
        z[2] = rows[1]
        return z + h

    return losses


def zeros_in_many_places(spread: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A row that is only zeros, put into two places of a copy, one of which is given to another sample besides."""

    def losses(h: Any) -> Any:
        y = tg.zeros(B, D, dtype=tg.float64)
        y[0] = h[0]
        rows = spread(y * 1.0, y[1])
        z = rows * 1.0
        z[1] = rows[2]
        return z + h

    return losses


def a_table() -> Any:
    """Three rows, computed from a leaf."""
    return tg.tensor(np.random.default_rng(1).normal(size=(3, D)), requires_grad=True) * 2.0


APART: dict[str, Callable[[Any], Any]] = {
    "a row that all share beside those of the samples": beside_a_token(lambda z: z),
    "the same, each computed with": beside_a_token(lambda z: np.sin(z * 1.1)),
    "the same, times a weight": beside_a_token(lambda z: (z @ tg.tensor(np.eye(D) + 1, requires_grad=True)).exp()),
    "the same, and an op without a rule": beside_a_token_and_more,
    "the same, apart and together again": beside_a_token(lambda z: tg.stack(z.unbind(1), 1)),
    "a row of zeros for those who lack one": beside_zeros,
    "rows exchanged": changed(lambda y, h: y.__setitem__(np.array([0, 1]), h[np.array([1, 0])])),
    "zeros that two samples read": zeros_read_twice(lambda z: z),
    "zeros in a function of them": zeros_read_twice(lambda z: (np.sin(z) + 1).softmax(1)),
    "zeros written into many places": zeros_in_many_places(lambda y, row: tg.set_item(y, slice(2, None), row)),
    "zeros chosen for many places": zeros_in_many_places(lambda y, row: tg.where(np.arange(B)[:, None] < 2, y, row)),
    "a table mixed along its rows, all of them read": lambda h: (
        beside_zeros(h) * a_table().softmax(0)[np.array([0, 2, 1, 1])]
    ),
    "columns in different orders": lambda h: h[:, 0] + h[PERM, 1],
    "chosen by rows": lambda h: tg.where(FIRST, h, 0) + tg.where(FIRST, 0, h * 2),
    "others chosen by rows": lambda h: tg.where(FIRST, h, 0) + tg.where(FIRST, 0, h)[PERM][np.argsort(PERM)],
    "masked by rows": lambda h: h.masked_fill(FIRST, 0) + h.masked_fill(~FIRST, 0),
    "a row overwritten by another, which is overwritten": changed(
        lambda y, h: [y.__setitem__(0, h[m]) for m in (1, 0)]
    ),
    "a row overwritten, and then computed with across": lambda h: changed(lambda y, h: y.__setitem__(0, 1.0))(h) + h,
}


@pytest.mark.parametrize("name", APART)
def test_elements_and_not_tensors_are_asked_whose_they_are(name: str) -> None:
    w, make = setting()
    check_open_sum(lambda: losses_of(APART[name](make())), [w])


def centred_afterwards(h: Any) -> Any:
    y = h * 0.8
    y[0] = h[0] * 3
    return y - y.mean(0)


def beside_neighbours(h: Any) -> Any:
    pad = tg.zeros(B + 1, D, dtype=tg.float64)
    pad[:B] = h
    return h + pad[np.array([1, B, B, 3])]


def looked_up_and_centred(h: Any) -> Any:
    rows = (tg.tensor(np.ones((7, D)), requires_grad=True))[np.array([6, 1, 4, 1])]
    return h + rows - rows.mean(0)


# The op that is named, and the function whose line is (or that part of its line).
MEET: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "another row": ("getitem", changed(lambda y, h: y.__setitem__(0, h[1])), ""),
    "one row in all places": ("set_item", lambda h: h + changed(lambda y, h: y.__setitem__(slice(None), h[0]))(h), ""),
    "the mean in one place": ("mean", changed(lambda y, h: y.__setitem__(0, h.mean(0))), ""),
    "the first beside the others": ("mul", lambda h: h[1:] * h[0], ""),
    "a neighbour for those who have one": ("getitem", beside_neighbours, "pad[np"),
    "another row through a view": ("getitem", changed(lambda y, h: y[0].copy_(h[1])), ""),
    "one row through a view of all": ("set_item", lambda h: h + changed(lambda y, h: y[:].copy_(h[0]))(h), ""),
    "written back, then centred": ("mean", centred_afterwards, "y.mean"),
    "looked up, then centred": ("mean", looked_up_and_centred, "rows.mean"),
    "chosen by rows from another place": ("getitem", lambda h: tg.where(FIRST, h, h[PERM]) + h * 2, ""),
    "chosen, none of them, and from another place": (
        "getitem",
        lambda h: h + (lambda z: tg.where(FIRST & False, z, z[PERM]))(np.sin(h * 2)),
        "",
    ),
    "chosen by rows from another place, after a function": (
        "getitem",
        lambda h: h + (lambda z: tg.where(FIRST, z, z[np.array([0, 2, 3, 1])]))(np.sin(h * 2)),
        "",
    ),
    "chosen in two rows, and the mean in the others": (
        "mean",
        lambda h: tg.where(np.arange(B)[:, None] < 2, h, h.mean(0)),
        "",
    ),
    "reversed after a function": ("flip", lambda h: np.sin(h) * np.cos(h).flip(0), ""),
    "reversed after a function, and first": ("flip", lambda h: np.cos(h).flip(0) * np.sin(h), ""),
    "some columns and a mean": ("mean", lambda h: np.sin(h).mean(0)[:2] * h[:, :2], ""),
    "a function of another row": ("getitem", changed(lambda y, h: y.__setitem__(0, np.sin(h * 2)[1])), ""),
    "the mean of rows that one sample takes": ("mean", changed(lambda y, h: y.__setitem__(3, np.sin(h).mean(0))), ""),
}


def user_line(name: str) -> str:
    _, function, text = MEET[name]
    inner = next((c.cell_contents for c in function.__closure__ or () if callable(c.cell_contents)), function)
    return line(inner, text)


@pytest.mark.parametrize("name", MEET)
def test_samples_that_meet_in_rows_are_accused_with_the_line(name: str) -> None:
    w, make = setting()
    op, function, _ = MEET[name]
    losses = losses_of(function(make()))
    with pytest.raises(tg.SampleCouplingError, match=f"coupled by '{re.escape(spoken(op))}'") as caught:
        losses.backward(per_sample=True)
    assert w.grad is None
    assert caught.value.op == op
    assert caught.value.where == user_line(name)
    check_open_sum(lambda: losses_of(function(make())), [w], coupled=True)


# What the documentation says, sentence by sentence (docs/per-sample-gradients-in-research.md, design note 0010)


def two_runs(make: Callable[[], Any]) -> Any:
    return make() - make().mean(0)


def chosen_in_one_row(h: Any) -> Any:
    return tg.where(np.arange(B)[:, None] == 0, h, h.mean(0))


# Of each sample some other one's row is needed, and there is no error. A function is given what makes h.
UNSEEN: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "goes across samples and is used in no other way": lambda make: np.arange(1.0, B + 1)[:, None] * make().mean(0),
    "statistics from a second run": two_runs,
    "h.cumsum(0)[rows]": lambda make: make().cumsum(0)[np.array([2, 0, 2, 0])],
    "one sample alone takes a row of its own": lambda make: chosen_in_one_row(make()),
    "inside a Function": lambda make: Centred.apply(make()) * 2,
    "an op without a sample rule": lambda make: centred_without_a_rule(make()) * 2,
    "detached": lambda make: make() * make().detach().mean(0),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_no_error_and_the_numbers_of_the_batch_as_it_stands(name: str) -> None:
    w, make = setting()
    check_open_sum(lambda: losses_of(UNSEEN[name](make)), [w])
    check_open_sum(lambda: losses_of(UNSEEN[name](make)), [w], coupled=True)


@pytest.mark.parametrize("name", UNSEEN)
def test_check_finds_what_is_no_error(name: str) -> None:
    w, _ = setting()
    assert not tg.samples.check(
        lambda x: UNSEEN[name](lambda: (x @ w).tanh()), np.random.default_rng(0).normal(size=(B, 3))
    )


def test_data_are_taken_as_they_stand() -> None:
    """Centred before the first weight, samples depend on one another's data, and no graph begins before a weight."""
    w, _ = setting()
    x = np.random.default_rng(0).normal(size=(B, 3))
    check_open_sum(lambda: losses_of((tg.tensor(x) - tg.tensor(x).mean(0)) @ w), [w])
    assert not tg.samples.check(lambda x: (x - x.mean(0)) @ w, x)


def a_table_of_as_many_rows(h: Any) -> Any:
    table = tg.tensor(np.random.default_rng(1).normal(size=(B, D)), requires_grad=True).exp()
    return h + table[PERM] * table.sum(0)


# Each loss has its own rows of h, and there is an error.
ACCUSED: dict[str, Callable[[Any], Any]] = {
    "a computed table with just as many rows": a_table_of_as_many_rows,
    "multiplied by 0": lambda h: h + h[PERM] * 0,
    "the first of running sums": changed(lambda y, h: y.__setitem__(0, h.cumsum(0)[0])),
}


@pytest.mark.parametrize("name", ACCUSED)
def test_an_error_all_the_same_and_coupled_gives_the_samples_gradients(name: str) -> None:
    w, make = setting()
    h = make()
    losses = losses_of(ACCUSED[name](h))
    by_row = one_hot_passes(losses, [h])[0]
    assert not by_row[~np.eye(B, dtype=bool)].any()
    with pytest.raises(tg.SampleCouplingError):
        losses.backward(per_sample=True)
    check_open_sum(lambda: losses_of(ACCUSED[name](make())), [w], coupled=True)


def test_a_table_with_more_rows_than_are_read_is_a_table() -> None:
    w, make = setting()
    table = tg.tensor(np.random.default_rng(1).normal(size=(B + 1, D)), requires_grad=True)

    def losses() -> Any:
        rows = table.exp()
        return losses_of(make() + rows[PERM] * rows.sum(0))

    check_open_sum(losses, [w, table])


# Programs that hypothesis writes


def is_coupled(program: RowProgram) -> bool:
    """By derivatives: whether a number in h is used by more than one sample."""
    _, make = setting(program.count)
    return bool((reached(program, make()).sum(0) > 1).any())


LAYOUTS = st.sampled_from(["rows", "rows", "columns", "flattened", "parts"])


@settings(max_examples=100)
@given(row_programs(mixing=False), st.booleans(), LAYOUTS)
def test_rows_that_stay_their_samples_are_never_accused(program: RowProgram, anchored: bool, layout: str) -> None:
    program.anchored = anchored
    w, make = setting(program.count, layout)
    check_open_sum(lambda: program.losses(make()), [w], tolerance=1e-10)
    assert not is_coupled(program)


@settings(max_examples=150)
@given(row_programs(anchored=True), LAYOUTS)
def test_samples_are_accused_if_and_only_if_they_meet(program: RowProgram, layout: str) -> None:
    w, make = setting(program.count, layout)
    losses = program.losses(make())
    expected = one_hot_passes(losses, [w])[0]
    accused = False
    try:
        losses.backward(per_sample=True, retain_graph=True)
    except tg.SampleCouplingError:
        accused = True
        assert w.grad is None
        losses.backward(per_sample=True, coupled=True)
    assert accused == is_coupled(program)
    np.testing.assert_allclose(w.sample_grads.materialize().array, expected, rtol=1e-10, atol=1e-11)
    w.grad = None


@settings(max_examples=100)
@given(row_programs(), LAYOUTS)
def test_what_is_accused_is_coupled_and_all_else_is_exact(program: RowProgram, layout: str) -> None:
    """Without a use that shows whose each row of h is: then a row that all use may be a table's, and is let be."""
    w, make = setting(program.count, layout)
    losses = program.losses(make())
    if losses.requires_grad:
        try:
            losses.backward(per_sample=True)
        except tg.SampleCouplingError:
            assert is_coupled(program)
    check_open_sum(lambda: program.losses(make()), [w], coupled=True, tolerance=1e-10)
