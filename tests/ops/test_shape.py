"""ops/shape.py: reshaping in PyTorch's call forms and NumPy's, as views, with errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("shape", [(6, 4), (-1,), (2, -1, 2), (24, 1, 1)])
def test_reshape_takes_sizes_apart_and_together(shape: tuple[int, ...]) -> None:
    x, expected = tg.tensor(X), X.reshape(shape)
    for result in (x.reshape(*shape), x.reshape(shape), x.reshape(list(shape)), tg.reshape(x, shape), x.view(*shape)):
        np.testing.assert_array_equal(result.array, expected)
    np.testing.assert_array_equal(np.reshape(x, shape).array, expected)


def test_reshape_gives_a_view_of_contiguous_memory_and_copies_otherwise() -> None:
    x = tg.tensor(X)
    assert np.shares_memory(x.reshape(-1).array, x.array)
    flipped = x.T.reshape(-1)
    np.testing.assert_array_equal(flipped.array, X.T.reshape(-1))
    assert not np.shares_memory(flipped.array, x.array)


def test_gradients_come_back_in_the_original_shape() -> None:
    x = tg.tensor(X, requires_grad=True)
    weights = np.arange(24.0)
    (x.reshape(4, 6).flatten() * weights).sum().backward()
    np.testing.assert_array_equal(x.grad.array, weights.reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((5, 5), ["(2, 3, 4)", "24 elements", "(5, 5)", "25"]),
        ((-1, 5), ["24", "multiple of 5"]),
        ((-1, -1), ["-1", "only one"]),
        ((-1, 0), ["-1", "size of 0"]),
    ],
)
def test_reshape_says_why_the_shape_is_impossible(shape: tuple[int, ...], words: list[str]) -> None:
    with pytest.raises(tg.ShapeError) as error:
        tg.tensor(X).reshape(shape)
    for word in words:
        assert word in str(error.value)


def test_sizes_must_be_integers() -> None:
    with pytest.raises(TypeError, match="sizes are integers"):
        tg.tensor(X).reshape(2.0, 12)


def test_empty_tensors_reshape() -> None:
    assert tg.zeros(0, 3).reshape(3, 0).shape == (3, 0)
    assert tg.zeros(0, 3).reshape(-1).shape == tg.zeros(0, 3).ravel().shape == (0,)
    with pytest.raises(tg.ShapeError, match="-1"):
        tg.zeros(0, 3).reshape(0, -1)


def test_as_another_tensor() -> None:
    other = tg.zeros(4, 6)
    assert tg.tensor(X).view_as(other).shape == tg.tensor(X).reshape_as(other).shape == (4, 6)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [((), (24,)), ((1,), (2, 12)), ((0, 1), (6, 4)), ((-2, -1), (2, 12)), ((1, 1), (2, 3, 4))],
)
def test_flatten(arguments: tuple[int, ...], shape: tuple[int, ...]) -> None:
    result = tg.tensor(X).flatten(*arguments)
    np.testing.assert_array_equal(result.array, X.reshape(shape))


def test_flatten_of_one_number_and_of_axes_in_the_wrong_order() -> None:
    assert tg.tensor(1.0).flatten().shape == (1,)
    with pytest.raises(tg.ShapeError, match=r"start_dim=2 comes after end_dim=0"):
        tg.tensor(X).flatten(2, 0)


def test_unflatten() -> None:
    np.testing.assert_array_equal(tg.tensor(X).unflatten(-1, (2, -1)).array, X.reshape(2, 3, 2, 2))
    with pytest.raises(tg.ShapeError, match=r"\(3, 2\) do not multiply to 4"):
        tg.tensor(X).unflatten(2, (3, 2))


def test_squeeze_and_its_two_spellings() -> None:
    x = tg.zeros(1, 3, 1, 2, 1)
    assert x.squeeze().shape == (3, 2)
    assert x.squeeze(0).shape == x.squeeze(axis=0).shape == (3, 1, 2, 1)
    assert x.squeeze(1).shape == x.shape  # an axis of another size stays, as in PyTorch
    assert x.squeeze((0, -1)).shape == (3, 1, 2)
    assert np.squeeze(x, axis=(0, 2)).shape == (3, 2, 1)
    with pytest.raises(tg.ShapeError, match="not of size 1"):
        np.squeeze(x, axis=1)
    with pytest.raises(TypeError, match="two names of one argument"):
        x.squeeze(0, axis=0)


@pytest.mark.parametrize(("dim", "shape"), [(0, (1, 2, 3)), (1, (2, 1, 3)), (-1, (2, 3, 1)), (-3, (1, 2, 3))])
def test_unsqueeze(dim: int, shape: tuple[int, ...]) -> None:
    x = tg.zeros(2, 3)
    assert x.unsqueeze(dim).shape == tg.unsqueeze(x, axis=dim).shape == np.expand_dims(x, dim).shape == shape


def test_new_axes_at_impossible_places() -> None:
    with pytest.raises(tg.ShapeError, match=r"dim=3 is out of range for shape \(2, 3\): use -3 to 2"):
        tg.zeros(2, 3).unsqueeze(3)
    with pytest.raises(tg.ShapeError, match="twice"):
        np.expand_dims(tg.zeros(2), (0, -3))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_at_least(shape: tuple[int, ...]) -> None:
    x = tg.zeros(shape)
    assert tg.atleast_1d(x).shape == np.atleast_1d(x.array).shape
    assert np.atleast_2d(x).shape == np.atleast_2d(x.array).shape
    assert tg.atleast_3d(x, x)[1].shape == np.atleast_3d(x.array).shape


def test_what_shape_it_has() -> None:
    x = tg.tensor(X)
    assert x.size() == (2, 3, 4)
    assert x.size(-1) == 4
    assert x.dim() == 3
    assert x.numel() == x.nelement() == tg.numel(x) == 24
    assert np.shape(x) == (2, 3, 4)
    assert np.ndim(x) == 3
    assert np.size(x) == 24
    assert np.size(x, 1) == 3


def test_ravel_is_a_view_of_what_is_contiguous_only():
    x = tg.ones(3, 2)
    x[:, :1].ravel().zero_()
    np.ravel(x.T).zero_()
    assert x.tolist() == [[1.0, 1.0]] * 3
    x[:2].ravel().zero_()
    assert x.tolist() == [[0.0, 0.0]] * 2 + [[1.0, 1.0]]
