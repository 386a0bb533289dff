"""views.py: who looks at the same memory, noted without keeping anything alive."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.views import Look, view_of

X = np.arange(12.0).reshape(3, 4)

VIEWS: dict[str, Callable[[Any], Any]] = {
    "row": lambda x: x[1],
    "number": lambda x: x[1, 2],
    "slices": lambda x: x[::2, 1:],
    "new axis": lambda x: x[:, None],
    "transpose": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "diagonal": lambda x: x.diagonal(1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 2),
    "movedim": lambda x: x.movedim(0, 1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "split": lambda x: x.split(2)[1],
    "chunk": lambda x: x.chunk(2, dim=1)[0],
    "unbind": lambda x: x.unbind(0)[2],
    "iteration": lambda x: list(x)[1],
    "expand to one": lambda x: x.expand(1, 3, 4),
    "NumPy's": lambda x: np.transpose(np.reshape(x, (4, 3))),
    "chain": lambda x: x.T[1:].unsqueeze(0)[0, :, ::2].view(-1, 2) if x.T[1:, ::2].is_contiguous() else x.T[1:][0],
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data[1:],
    "Tensor": lambda x: tg.Tensor(x),
}


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_the_steps_lead_from_the_memory_to_the_view(name: str, recorded: bool) -> None:
    base = tg.tensor(X, requires_grad=recorded) * 1
    view = VIEWS[name](base)
    seen = view_of(view)
    assert seen is not None
    assert seen.memory is view_of(base).memory  # type: ignore[union-attr]
    assert seen.memory.array is base.array
    np.testing.assert_array_equal(Look(seen)(base.array), view.array)
    assert np.shares_memory(Look(seen)(base.array), base.array)


@pytest.mark.parametrize(
    "copy",
    [lambda x: x[[0, 1]], lambda x: x[x > 2], lambda x: x.T.reshape(-1), lambda x: x.clone(), lambda x: x.flip(0)],
)
def test_a_copy_looks_at_a_memory_of_its_own(copy: Callable[[Any], Any]) -> None:
    base = tg.tensor(X)
    assert view_of(copy(base)) is None


def test_views_of_a_long_lived_tensor_leave_nothing_behind() -> None:
    base = tg.tensor(X)
    kept = [base[i] for i in range(3)]
    for _ in range(1000):
        base[0]
    memory = view_of(base).memory  # type: ignore[union-attr]
    assert len(memory.views) < 50
    assert len(memory.tensors()) == 4
    assert {id(t) for t in memory.tensors()} == {id(base), *map(id, kept)}


def test_what_is_detached_keeps_no_graph_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor(X, requires_grad=True)
        h = x * 2
        with tg.no_grad():
            quiet = h[0]
        kept = [h.detach(), h.data, h.detach()[1:].T, quiet, quiet[1:]]
        seen = weakref.ref(h)
        del h
        assert seen() is None
        assert len(kept) == 5
    finally:
        gc.enable()


def test_a_view_in_the_graph_and_its_base_are_freed_together() -> None:
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor(X, requires_grad=True)
        h = x * 2
        view = h.T[0]
        view.mul_(3)
        seen = [weakref.ref(t) for t in (h, view, x)]
        del h, view, x
        assert [s() for s in seen] == [None] * 3
    finally:
        gc.enable()


def test_new_data_are_another_memory() -> None:
    base = tg.tensor(X)
    view = base[0]
    base.data = np.zeros((2, 2))
    assert view_of(base) is None
    w = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    view.mul_(w)
    view[1:].add_(1.0)
    np.testing.assert_array_equal(base.array, np.zeros((2, 2)))
    np.testing.assert_array_equal(view.array, [0, 3, 5, 7])
    other = base[0]
    base[0] = w
    np.testing.assert_array_equal(other.array, [2, 2])
    np.testing.assert_array_equal(view.array, [0, 3, 5, 7])


def test_an_array_put_in_by_hand_is_noticed() -> None:
    base = tg.tensor(X)
    old = base[0]
    base.array = X * 10
    new = base[0]
    w = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    base.mul_(w)
    np.testing.assert_array_equal(base.array, X * 20)
    np.testing.assert_array_equal(new.array, X[0] * 20)
    np.testing.assert_array_equal(old.array, X[0])


def foreign_memories() -> dict[str, np.ndarray]:
    """Arrays whose base is no array of NumPy's own."""
    windows = np.lib.stride_tricks.as_strided(np.arange(4.0), (4,), (8,))
    return {"buffer": np.frombuffer(bytearray(np.arange(4.0).tobytes())), "as_strided": windows, "slice": X[0]}


@pytest.mark.parametrize("name", foreign_memories())
def test_memory_may_be_somebody_elses(name: str) -> None:
    array = foreign_memories()[name].copy() if name == "slice" else foreign_memories()[name]
    t = tg.from_numpy(array)
    w = tg.tensor(5.0, dtype=tg.float64, requires_grad=True)
    view, part = t[1:], t[1:][1:]
    view.mul_(w)
    np.testing.assert_array_equal(t.array, [0, 5, 10, 15])
    np.testing.assert_array_equal(part.array, [10, 15])
    (t.sum() + part.sum()).backward()
    assert w.grad.item() == 1 + 2 + 3 + 2 + 3


def test_what_is_detached_from_a_view_keeps_no_graph_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor(X, requires_grad=True)
        h = x * 2
        kept = [h[0].detach(), h.T.detach(), h[1:].data[0], h.T[1].detach()[1:]]
        seen = weakref.ref(h)
        del h
        assert seen() is None
        kept[0].add_(1)
        np.testing.assert_array_equal(kept[0].array, 2 * X[0] + 1)
    finally:
        gc.enable()


def test_a_state_that_is_detached_in_each_round_has_a_short_path() -> None:
    w = tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
    state, recorded = tg.tensor(np.ones(12)), tg.tensor(np.ones(12))
    for _ in range(50):
        state = state.detach().view(3, 4).T.detach().T.reshape(-1)
        state[0] = state[1] * 0.5
        recorded = recorded.detach().view(3, 4).T.detach().T.reshape(-1)
        recorded[0] = recorded[1] * w
        assert len(Look(view_of(recorded)).steps) <= 6  # type: ignore[arg-type]
    np.testing.assert_array_equal(state.array, recorded.array)


def test_a_long_chain_of_views_is_written_through() -> None:
    w = tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
    base = view = tg.tensor(X)
    for _ in range(2000):
        view = view.view(12).view(3, 4)
    view.mul_(w)
    np.testing.assert_array_equal(base.array, X / 2)


def with_data_of(t: Any) -> Any:
    other = tg.tensor(X[0])
    other.data = t
    return other


@pytest.mark.parametrize("twin_of", [tg.Tensor, copy.copy, with_data_of])
def test_what_shares_an_array_sees_a_write_to_it(twin_of: Callable[[Any], Any]) -> None:
    w = tg.tensor(3.0, dtype=tg.float64, requires_grad=True)
    t = tg.tensor(X[0])
    twin = twin_of(t)
    t.mul_(w)
    np.testing.assert_array_equal(twin.array, 3 * X[0])
    assert not twin.requires_grad


class FlatFunction(tg.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.view(-1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0].reshape(3, 4)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_view_that_nobody_knows_of_cannot_be_written_to(recorded: bool) -> None:
    @tg.primitive(vjps=(lambda g, out, x: g.reshape(x.shape),), saves=("",), name="views_test_flat")
    def flat(x: Any) -> Any:
        return x.reshape(-1)

    try:
        h = tg.tensor(X, requires_grad=recorded) * 2
        for function in (FlatFunction.apply, flat):
            view = function(h)
            np.testing.assert_array_equal(view.array, X.reshape(-1) * 2)
            with pytest.raises(ValueError, match="cannot be written to"):
                view.zero_()
            view.clone().zero_()
        np.testing.assert_array_equal(h.array, X * 2)
    finally:
        del tg.PRIMITIVES["views_test_flat"]
