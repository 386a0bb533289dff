"""ops/rearranging.py: flip, roll, tile, repeat, pad."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(12.0).reshape(3, 4)


def test_flip() -> None:
    x = tg.tensor(X)
    np.testing.assert_array_equal(x.flip(0).array, X[::-1])
    np.testing.assert_array_equal(x.flip((0, 1)).array, X[::-1, ::-1])
    np.testing.assert_array_equal(x.flip(0, -1).array, X[::-1, ::-1])
    np.testing.assert_array_equal(np.flip(x).array, np.flip(X))
    np.testing.assert_array_equal(np.fliplr(x).array, X[:, ::-1])
    np.testing.assert_array_equal(tg.flipud(x).array, X[::-1])
    assert not np.shares_memory(x.flip(0).array, x.array)
    with pytest.raises(tg.ShapeError, match="twice"):
        x.flip(0, -2)
    with pytest.raises(TypeError, match="name the axes"):
        x.flip()


@pytest.mark.parametrize(("shifts", "dims"), [(1, None), (-5, None), (1, 0), (2, -1), ((1, 2), (0, 1)), ((3,), 1)])
def test_roll(shifts: object, dims: object) -> None:
    x = tg.tensor(X, requires_grad=True)
    shift = shifts[0] if isinstance(shifts, tuple) and not isinstance(dims, tuple) else shifts
    result = x.roll(shifts, dims)
    np.testing.assert_array_equal(result.array, np.roll(X, shift, dims))
    np.testing.assert_array_equal(np.roll(x, shift, dims).array, result.array)
    (result * X).sum().backward()
    back = tuple(-n for n in shift) if isinstance(shift, tuple) else -shift
    np.testing.assert_array_equal(x.grad.array, np.roll(X, back, dims))


def test_roll_needs_a_shift_for_each_axis() -> None:
    with pytest.raises(tg.ShapeError, match="equally many"):
        tg.tensor(X).roll((1, 2), 0)


@pytest.mark.parametrize("times", [(2,), (2, 3), (2, 1, 3), (0, 2), (1, 1)])
def test_tile(times: tuple[int, ...]) -> None:
    x = tg.tensor(X, requires_grad=True)
    result = tg.tile(x, times)
    np.testing.assert_array_equal(result.array, np.tile(X, times))
    np.testing.assert_array_equal(np.tile(x, times).array, np.tile(X, times))
    result.sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.full_like(X, np.prod(times)))
    if len(times) >= 2:
        np.testing.assert_array_equal(x.repeat(*times).array, np.tile(X, times))


def test_repeat_is_tile_and_np_repeat_is_repeat_interleave() -> None:
    x = tg.tensor([1, 2])
    assert x.repeat(2).tolist() == [1, 2, 1, 2]
    assert np.repeat(x, 2).tolist() == x.repeat_interleave(2).tolist() == [1, 1, 2, 2]
    with pytest.raises(tg.ShapeError, match="each axis"):
        tg.tensor(X).repeat(2)
    with pytest.raises(tg.ShapeError, match="negative"):
        tg.tensor(X).tile((-1,))


@pytest.mark.parametrize(("repeats", "dim"), [(2, None), (3, 0), (2, -1), ([1, 0, 2], 0), (0, 1)])
def test_repeat_interleave(repeats: object, dim: int | None) -> None:
    x = tg.tensor(X, requires_grad=True)
    expected = np.repeat(X, repeats, dim)
    result = tg.repeat_interleave(x, tg.tensor(repeats), dim)
    np.testing.assert_array_equal(result.array, expected)
    (result * expected).sum().backward()
    counts = np.repeat(np.ones_like(X), repeats, dim)
    if dim is None:
        np.testing.assert_array_equal(x.grad.array, X * repeats)
    elif isinstance(repeats, list):
        np.testing.assert_array_equal(x.grad.array, X * np.array(repeats)[:, None])
    assert counts.shape == result.shape


def test_repeats_must_be_one_for_each_slice() -> None:
    with pytest.raises(tg.ShapeError, match="2 repeats for the 3 slices of axis 0"):
        tg.repeat_interleave(tg.tensor(X), [1, 2], dim=0)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("widths", [1, (1, 2), ((0, 0), (2, 1))])
def test_pad(mode: str, widths: object) -> None:
    x = tg.tensor(X, requires_grad=True)
    expected = np.pad(X, widths, mode=mode)
    result = np.pad(x, widths, mode=mode)
    np.testing.assert_array_equal(result.array, expected)
    (result * expected).sum().backward()
    places = np.pad(
        np.arange(12).reshape(3, 4), widths, mode=mode, **({"constant_values": 12} if mode == "constant" else {})
    )
    sums = np.zeros(13)
    np.add.at(sums, places.ravel(), expected.ravel())
    np.testing.assert_array_equal(x.grad.array, sums[:12].reshape(3, 4))


def test_pad_with_a_number_and_with_negative_widths() -> None:
    x = tg.tensor(X)
    np.testing.assert_array_equal(np.pad(x, 1, constant_values=-1.0).array, np.pad(X, 1, constant_values=-1.0))
    np.testing.assert_array_equal(np.pad(x, ((-1, 0), (0, -2))).array, X[1:, :-2])
    assert np.pad(tg.tensor([1, 2]), 1).dtype == tg.int64
    x = tg.tensor([1, 2, 3, 4])
    for mode in ("reflect", "symmetric", "edge"):  # of the whole axis, then cropped
        assert np.pad(x, (2, -3), mode=mode).tolist() == np.pad(x.array, (2, 0), mode=mode)[:-3].tolist()
    assert np.pad(x, (2, -2), mode="wrap").tolist() == np.pad([1, 2], (2, 0), mode="wrap").tolist()


@pytest.mark.parametrize("widths", [((0, 0),), ((0, -1),)])
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_what_was_padded_by_nothing_is_a_tensor_of_its_own(mode: str, widths: object) -> None:
    x = tg.tensor([1.0, 2.0, 3.0])
    np.pad(x, widths, mode=mode).zero_()
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_impossible_padding() -> None:
    with pytest.raises(tg.ShapeError, match="one \\(before, after\\) for each axis"):
        np.pad(tg.tensor(X), ((1, 1), (1, 1), (1, 1)))
    with pytest.raises(ValueError, match="mode 'mean' is not known"):
        np.pad(tg.tensor(X), 1, mode="mean")
    with pytest.raises(tg.ShapeError, match="too short for mode 'reflect'"):
        np.pad(tg.ones(1), 1, mode="reflect")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.tile((1,)),
        lambda x: x.repeat(1, 1),
        lambda x: x.repeat(1, 1, 1),
        lambda x: x.repeat_interleave(1, 0),
        lambda x: x.repeat_interleave(1),
        lambda x: np.tile(x, 1),
        lambda x: np.repeat(x, 1, 0),
    ],
)
def test_what_is_repeated_once_is_a_copy(call):
    x = tg.ones(2, 3, requires_grad=True)
    h = x * 2
    y = call(h)
    y.zero_()
    assert h.tolist() == [[2.0] * 3] * 2
    (y.sum() + call(h).sum()).backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2


def test_what_pads_has_no_gradient():
    with pytest.raises(tg.GraphError, match="pad: value is a constant here"):
        tg.nn.functional.pad(tg.ones(2), (1, 1), value=tg.tensor(0.0, requires_grad=True))
