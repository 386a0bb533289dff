"""How a call becomes a node: what is recorded, and what is kept."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import ShapeError
from tinygrad_edu.graph import Node


def watched(*shape: int) -> tuple[tg.Tensor, weakref.ref[np.ndarray]]:
    """A tensor, and a weak reference that tells whether its array is still alive."""
    array = np.full(shape, 1.5)
    return tg.Tensor(array), weakref.ref(array)


def test_what_no_rule_reads_is_not_kept() -> None:
    gc.collect()
    w = tg.tensor(np.ones((2, 2)), requires_grad=True)
    x, seen = watched(2, 2)
    y = w + x
    del x
    assert seen() is None, "addition reads nothing"
    x, seen = watched(2, 2)
    y = w * x
    del x
    assert seen() is not None, "the rule for w reads x"
    a, seen = watched(2, 2)
    a.requires_grad = True
    y = a * 2.0
    del a
    assert seen() is None, "nothing reads a, since the other factor has no gradient"
    y.backward()


def test_nothing_is_recorded_without_need() -> None:
    x = tg.tensor([1.0, 2.0])
    assert (x * x).source is None
    x.requires_grad = True
    assert isinstance((x * x).source, Node)
    with tg.no_grad():
        assert (x * x).source is None
        assert x.sum(0).source is None


def test_recording_is_switched_off_for_one_thread_only() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with tg.no_grad():
            inside.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    recorded = (x * 2).requires_grad
    done.set()
    thread.join()
    assert recorded


def test_numpy_scalars_become_0d_arrays() -> None:
    total = tg.tensor([1.0, 2.0]).sum()
    assert isinstance(total.array, np.ndarray)
    assert total.shape == ()
    assert isinstance((total * 2).array, np.ndarray)
    assert isinstance(tg.tensor(2.0).exp().array, np.ndarray)


def test_broadcasting_errors_name_op_shapes_and_axis() -> None:
    with pytest.raises(
        ShapeError, match=r"add\(float32\[2, 3\], float32\[4\]\).*\(2, 3\) and \(4,\).*axis -1 is 3 against 4"
    ):
        tg.ones(2, 3) + tg.ones(4)
    with pytest.raises(ShapeError, match=r"mul.*axis -2 is 2 against 5"):
        tg.ones(2, 3) * tg.ones(5, 1)


def test_missing_and_unknown_arguments_are_type_errors() -> None:
    op = tg.primitive(vjps=(lambda g, out, x, axis: g, None))(lambda x, axis: x)
    with pytest.raises(TypeError, match="axis"):
        op(tg.ones(2))
    with pytest.raises(TypeError, match="wrong"):
        op(tg.ones(2), 0, wrong=1)
