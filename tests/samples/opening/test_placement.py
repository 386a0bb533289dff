"""Placements: the way from a factor's own shape to the parameter's, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made import normal, parameter
from per_sample import assert_close, check_open_sum

import tinygrad_edu as tg
from tinygrad_edu.engine.backprop import apply_vjp
from tinygrad_edu.engine.graph import Leaf, Node
from tinygrad_edu.samples.opening.placement import Arrange, Move, Placement, Region, shadow, shadows


def dots(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum())


# Arrange


@st.composite
def arrangements(draw: Any) -> Arrange:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
    return Arrange(shape, tuple(draw(st.permutations(range(len(shape))))))


@given(arrangements(), st.integers(0, 3))
def test_arranging_there_and_back(arrange: Arrange, count: int) -> None:
    blocks = normal(count, math.prod(arrange.shape))
    there = arrange.forth(blocks)
    assert there.shape == (count, *[arrange.shape[axis] for axis in arrange.axes])
    np.testing.assert_array_equal(
        there, np.transpose(blocks.reshape(count, *arrange.shape), (0, *[a + 1 for a in arrange.axes]))
    )
    for block, own in zip(there, blocks, strict=True):
        np.testing.assert_array_equal(arrange.back(block).reshape(-1), own)


@given(arrangements(), st.data())
def test_arranging_for_a_transposed_parameter(arrange: Arrange, data: st.DataObject) -> None:
    """If W.transpose(axes) had this arrangement, W has the one with the transposition undone."""
    ndim = len(arrange.axes)
    axes = data.draw(st.none() | st.permutations(range(ndim)))
    if axes is not None:
        axes = [axis - ndim if data.draw(st.booleans()) else axis for axis in axes]
    undone = arrange.then_transposed(axes)
    block = normal(1, *arrange.shape)
    np.testing.assert_array_equal(np.transpose(undone.forth(block)[0], axes), arrange.forth(block)[0])


# Move

MOVES: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda w: np.transpose(w, (2, 0, 1)),
    "reshape": lambda w: w.reshape(6, 4),
    "slice": lambda w: w[1:, ::-2],
    "row": lambda w: w[1],
    "new axis": lambda w: w[:, None, 2],
    "mask": lambda w: w[np.arange(24).reshape(2, 3, 4) % 5 == 1],
    "mask of an axis": lambda w: w[:, np.array([True, False, True])],
    "one element": lambda w: w[np.array([1]), 0, np.array([2])],
    "nothing": lambda w: w[:, 3:],
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_moving_is_the_derivative_of_the_op_and_keeps_lengths(move: Callable[[Any], Any]) -> None:
    w = parameter(2, 3, 4)
    moved = move(w)
    node = moved.source
    assert node.op.samples.permutes(node)
    step = Move(node)
    assert step.isometric
    blocks, direction = normal(5, *moved.shape), normal(*w.shape, seed=1)
    there = step.forth(blocks)
    assert there.shape == (5, *w.shape)
    np.testing.assert_array_equal(step.back(direction), move(direction))
    for block, own in zip(there, blocks, strict=True):
        np.testing.assert_array_equal(block, tg.autograd.grad(moved, w, own, retain_graph=True)[0].array)
        assert dots(block, direction) == pytest.approx(dots(own, step.back(direction)), abs=1e-12)
        assert dots(block, block) == pytest.approx(dots(own, own), abs=1e-12)
    assert step.forth(normal(0, *moved.shape)).shape == (0, *w.shape)


def test_moves_of_one_kind_have_one_key() -> None:
    w, other = parameter(4, 3), parameter(4, 3)
    assert Move(w[1:, :2].source).key == Move(other[1:, :2].source).key
    assert Move(w[1:, :2].source).key != Move(w[:3, :2].source).key
    assert Move(w[1:, :2].source).key != Move(parameter(5, 3)[1:, :2].source).key
    assert Move(w.reshape(3, 4).source).key != Move(w.reshape(2, 6).source).key


@pytest.mark.parametrize("index", [lambda mask: mask, lambda mask: (slice(None), mask)], ids=["mask", "in a tuple"])
def test_moves_by_masks_are_told_apart_however_long_they_are(index: Callable[[Any], Any]) -> None:
    """NumPy's repr of a long array leaves out its middle."""
    size = 3000
    one, other = np.zeros(size, bool), np.zeros(size, bool)
    one[1500:1510] = other[1600:1610] = True
    w = parameter(size) if index(one) is one else parameter(2, size)
    x = normal(4, 10)

    def losses() -> Any:
        a, b = (w[index(mask)].sum(0) if w.ndim == 2 else w[index(mask)] for mask in (one, other))
        return (x @ a).tanh() + (x @ b).sin()

    check_open_sum(losses, [w])


# Region


def two_layers() -> tuple[Any, Any, Any, list[Node]]:
    """W, V and what is made of them, with the nodes in the order of a walk."""
    w, v = parameter(2, 3), parameter(3, 2, seed=1)
    product = w.tanh() @ v
    out = product * product.sum()
    total = out.source.inputs[1]
    return w, v, out, [out.source, total, product.source, product.source.inputs[0]]


def test_a_region_is_a_backward_walk_for_each_block() -> None:
    w, v, out, nodes = two_layers()
    copies = shadows(nodes)
    blocks = normal(4, *out.shape)
    for leaf in (w, v):
        region = Region([copies[node] for node in nodes], leaf.source, None)
        assert not region.isometric
        expected = [tg.autograd.grad(out, leaf, block, retain_graph=True)[0].array for block in blocks]
        assert_close(region.forth(blocks), np.stack(expected), "a walk for each block")
        assert region.forth(blocks[:0]).shape == (0, *leaf.shape)


def test_a_region_outlives_the_graph() -> None:
    w, _, out, nodes = two_layers()
    copies = shadows(nodes)
    region = Region([copies[node] for node in nodes], w.source, None)
    block = normal(1, *out.shape)
    (expected,) = tg.autograd.grad(out, w, block[0], retain_graph=True)
    out.backward()
    assert out.source.args is None
    assert_close(region.forth(block)[0], expected.array, "after the walk has freed the graph")


def test_a_region_notices_that_a_parameter_was_overwritten() -> None:
    w, v, out, nodes = two_layers()
    copies = shadows(nodes)
    region = Region([copies[node] for node in nodes], w.source, None)
    with tg.no_grad():
        v.mul_(2)
    with pytest.raises(tg.GraphError, match=r"'matmul' saved argument 1.*was overwritten in place"):
        region.forth(normal(1, *out.shape))


def test_of_a_leaf_that_the_block_does_not_reach_the_derivative_is_zero() -> None:
    w = parameter(2)
    out = tg.floor(w)
    region = Region([shadow(out.source)], w.source, None)
    np.testing.assert_array_equal(region.forth(normal(3, 2)), np.zeros((3, 2)))


# Placement


def test_a_place_takes_its_steps_in_order_and_back_in_reverse() -> None:
    w = parameter(4, 6)
    halved = w[1:3]
    turned = halved.T
    place = Placement((Arrange((2, 6), (1, 0)),))  # a factor (2, 6) of the transposed half (6, 2)
    for tensor in (turned, halved):
        place = place.through(Move(tensor.source))
    assert place.isometric
    blocks, direction = normal(3, 2, 6), normal(4, 6, seed=1)
    there = place.forth(blocks)
    for block, own in zip(there, blocks, strict=True):
        np.testing.assert_array_equal(block, np.concatenate([np.zeros((1, 6)), own, np.zeros((1, 6))]))
        assert dots(block, direction) == pytest.approx(dots(own, place.back(direction)))
    np.testing.assert_array_equal(place.back(direction), direction[1:3])


def test_a_place_with_a_region_has_no_way_back() -> None:
    w, _, _, nodes = two_layers()
    copies = shadows(nodes)
    place = Placement((Arrange((2, 2), (0, 1)),)).through(Region([copies[node] for node in nodes], w.source, None))
    assert not place.isometric
    assert place.back(normal(2, 3)) is None
    assert place.forth(normal(2, 2, 2)).shape == (2, 2, 3)


def test_places_are_the_same_if_all_their_steps_are() -> None:
    w = parameter(4, 6)

    def place(shape: tuple[int, int], index: Any) -> Placement:
        return Placement((Arrange(shape, (0, 1)),)).through(Move(w[index].source))

    assert place((2, 6), slice(1, 3)).key == place((2, 6), slice(1, 3)).key
    assert place((2, 6), slice(1, 3)).key != place((2, 6), slice(2, 4)).key
    assert place((2, 6), slice(1, 3)).key != Placement((Arrange((2, 6), (0, 1)),)).key


# shadow


def test_a_shadow_keeps_the_call_without_its_hooks() -> None:
    w = parameter(3)
    out = w.exp()
    out.register_hook(lambda g: g * 100)
    copy = shadow(out.source)
    out.backward()
    assert copy.hooks is None
    assert copy.op is out.source.op
    assert (copy.shape, copy.dtype) == (out.shape, out.dtype)
    (part,) = apply_vjp(copy, np.ones(3), copy.inputs, None)
    np.testing.assert_array_equal(part, out.array)


def test_shadows_lead_to_one_another_and_to_the_leaves_themselves() -> None:
    w, v, _, nodes = two_layers()
    copies = shadows(nodes)
    assert set(copies) == set(nodes)
    out, total, product, tanh = (copies[node] for node in nodes)
    assert out.inputs == (product, total)
    assert total.inputs == (product,)
    assert product.inputs == (tanh, v.source)
    assert tanh.inputs == (w.source,)
    assert isinstance(tanh.inputs[0], Leaf)
    assert total.args[0] is product  # an argument that no rule reads is its link
