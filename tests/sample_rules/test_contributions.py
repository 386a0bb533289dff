"""What a rule says that an op gives to a shared argument, of ops that nothing in `samples` knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal, parameter
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu.sample_rules.ids import Use


class Convolving(tg.sample_rules.SampleRule):
    """Axis 0 of the data are the samples; to the kernel goes the product of patches and of the gradient."""

    def ids_of(self, node: Any, ids: Any) -> Any:
        return [None if node.inputs[0] is None else ids, Use.SHARED]

    def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Any) -> Any:
        if argument == 0:
            return None
        return tg.sample_rules.Products("ock", ("not", g), (("nctk", patches(args[0], node.inputs[1].shape[2])),))


def patches(x: Any, width: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, width, axis=2)


def convolve_backwards(g: Any, out: Any, x: Any, kernel: Any) -> Any:
    padding = kernel.shape[2] - 1
    padded = np.pad(g, ((0, 0), (0, 0), (padding, padding)))
    return np.einsum("notk,ock->nct", patches(padded, padding + 1), kernel[:, :, ::-1])


@tg.primitive(
    vjps=(
        convolve_backwards,
        lambda g, out, x, kernel: np.einsum("not,nctk->ock", g, patches(x, kernel.shape[2])),
    ),
    saves=("kernel", "x"),
    name="described_convolution",
    samples=Convolving(),
)
def described_convolution(x: Any, kernel: Any) -> Any:
    return np.einsum("nctk,ock->not", patches(x, kernel.shape[2]), kernel)


def test_a_convolution_is_opened_by_what_its_rule_says_of_it() -> None:
    x, kernel, second = normal(4, 2, 7), parameter(3, 2, 3, seed=1), parameter(2, 3, 2, seed=2)

    def losses() -> Any:
        return described_convolution(described_convolution(x, kernel).tanh(), second).sin().sum((1, 2))

    check_open_sum(losses, [kernel, second])
    assert kernel.sample_grads.cost().kept == ("outer products",)
    assert kernel.sample_grads.cost().seeded == ""


class Described(tg.sample_rules.SampleRule):
    """Rows of the result are the samples, all of whom use the argument; `said` is what it gets of them."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def ids_of(self, node: Any, ids: Any) -> Any:
        return [Use.SHARED]

    def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Any) -> Any:
        return self.said


ROWS = np.array([[2, 0], [2, 2], [1, 3], [0, 1]])


def picked(said: Any) -> Any:
    """An op that picks rows of a table, with such a rule."""

    @tg.primitive(
        vjps=(lambda g, out, table: np.einsum("spk,spr->rk", g, np.eye(5)[ROWS]),),
        saves=("",),
        name="picked",
        samples=Described(said),
    )
    def op(table: Any) -> Any:
        return table[ROWS]

    return op


def repeated(said: Any) -> Any:
    """An op that repeats a row along a new axis, with such a rule: its vjp leaves the sum to the engine."""

    @tg.primitive(vjps=(lambda g, out, row: g * 2,), saves=("",), name="repeated", samples=Described(said))
    def op(row: Any) -> Any:
        return np.broadcast_to(row, (4, 3)) * 2

    return op


@pytest.mark.parametrize(
    ("make", "shape", "said", "kept"),
    [
        (picked, (5, 3), tg.sample_rules.Moved(ROWS, 1), "rows of a table"),
        (picked, (5, 3), None, "full gradients"),
        (repeated, (3,), tg.sample_rules.Summed((4, 3)), "full gradients"),
        (repeated, (3,), tg.sample_rules.Summed((3,)), "full gradients"),  # of another shape, so nothing is known
        (repeated, (3,), None, "full gradients"),
    ],
)
def test_what_a_rule_says_is_how_it_is_kept_and_the_gradients_are_the_same(
    make: Any, shape: tuple[int, ...], said: Any, kept: str
) -> None:
    op, w = make(said), parameter(*shape)
    check_open_sum(lambda: op(w).sin().reshape((4, -1)).sum(1), [w])
    assert w.sample_grads.cost().kept == (kept,)


def test_rows_that_came_from_nowhere_give_nothing() -> None:
    """As of constants that the op has put beside what it moved."""
    rows = np.array([1, -1, 0, -1])

    @tg.primitive(
        vjps=(lambda g, out, table: tg.stack([g[2], g[0]]),),
        saves=("",),
        name="beside_constants",
        samples=Described(tg.sample_rules.Moved(rows, 1)),
    )
    def op(table: Any) -> Any:
        return np.where((rows < 0)[:, None], 7.0, table[rows])

    w = parameter(2, 3)
    check_open_sum(lambda: op(w).sin().sum(1), [w])
    np.testing.assert_array_equal(w.sample_grads[1].array, np.zeros((2, 3)))
    assert w.sample_grads.cost().kept == ("rows of a table",)


class Decaying(tg.sample_rules.SampleRule):
    """Of a loop: to the rate goes, at each step, the state before times what has come back through all later steps."""

    through = True

    def ids_of(self, node: Any, ids: Any) -> Any:
        return [ids, Use.SHARED]

    def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Any) -> Any:
        if argument == 0:
            return None

        def products(part: Any, out: Any, args: Any) -> Any:
            return tg.sample_rules.Products("", ("bt", part), (("bt", earlier(out)),))

        return tg.sample_rules.Through(0, ids, products)


def earlier(states: Any) -> Any:
    """The state before each step."""
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], 1)


walks: list[int] = []


def decay_backwards(g: Any, out: Any, x: Any, rate: Any, *, needs: Any) -> Any:
    walks.append(1)
    found, carried = [], g[:, -1] * 0
    for t in range(g.shape[1] - 1, -1, -1):
        carried = carried * rate + g[:, t]
        found.append(carried)
    by_x = np.stack(found[::-1], 1)
    return by_x, (by_x * earlier(out)).sum()


@tg.primitive(joint=decay_backwards, saves=("rate", "rate out"), samples=Decaying())
def decayed(x: Any, rate: Any) -> Any:
    states, h = np.empty_like(x), 0.0
    for t in range(x.shape[1]):
        h = states[:, t] = rate * h + x[:, t]
    return states


def test_what_comes_through_later_steps_is_taken_from_the_walk() -> None:
    x, rate = tg.tensor(normal(3, 4), requires_grad=True), tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
    tg.testing.gradcheck(decayed, (x.array, rate.array))
    check_open_sum(lambda: (decayed(x, rate) ** 2).sum(1), [x, rate])
    losses = (decayed(x, rate) ** 2).sum(1)
    walks.clear()
    losses.backward(per_sample=True)
    assert walks == [1]


def test_gradients_that_an_op_writes_out_are_added_up_in_place_of_its_rule() -> None:
    asked: list[Any] = []

    class Writing(tg.sample_rules.SampleRule):
        """Of x[n] times a matrix, the gradients of all samples, with their axes exchanged."""

        def ids_of(self, node: Any, ids: Any) -> Any:
            return [None, Use.SHARED]

        def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Any) -> Any:
            written = np.einsum("no,ni->nio", g, args[0])
            return tg.sample_rules.WrittenOut(ids.reshape(-1), written, (1, 0))

    @tg.primitive(
        vjps=(None, lambda g, out, x, w: asked.append(g) or g.T @ x), saves=("", "x"), name="writing", samples=Writing()
    )
    def writing(x: Any, w: Any) -> Any:
        return x @ w.T

    x, w = normal(4, 3), parameter(2, 3)
    check_open_sum(lambda: writing(x, w).sin().sum(1), [w])
    assert w.sample_grads.cost().kept == ("full gradients",)
    w.grad = None
    asked.clear()
    writing(x, w).sin().sum(1).backward(per_sample=True)
    assert not asked
    assert w.grad is not None
    assert w.grad.array.flags.c_contiguous
    np.testing.assert_allclose(w.grad.array, np.cos(x @ w.array.T).T @ x, rtol=1e-12)
