"""ops/joining.py: concatenating and stacking."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

A, B = np.arange(6.0).reshape(2, 3), 10 + np.arange(12.0).reshape(4, 3)


def test_cat_in_every_spelling() -> None:
    a, b = tg.tensor(A), tg.tensor(B)
    expected = np.concatenate([A, B])
    for result in (
        tg.cat([a, b]),
        tg.cat((a, b), dim=0),
        tg.cat([a, b], axis=-2),
        tg.concat([a, b]),
        np.concatenate([a, b]),
        np.concatenate([A, b], axis=0),
        np.vstack([a, b]),
    ):
        assert isinstance(result, tg.Tensor)
        np.testing.assert_array_equal(result.array, expected)
    np.testing.assert_array_equal(np.concatenate([a, b], axis=None).array, np.concatenate([A, B], axis=None))


def test_each_part_gets_its_slice_of_the_gradient_and_constants_are_skipped() -> None:
    a, b = tg.tensor(A, requires_grad=True), tg.tensor(B, requires_grad=True)
    weights = np.arange(33.0).reshape(11, 3)
    (tg.cat([a, np.ones((3, 3)), b, tg.ones(2, 3).double()]) * weights).sum().backward()
    np.testing.assert_array_equal(a.grad.array, weights[:2])
    np.testing.assert_array_equal(b.grad.array, weights[5:9])


def test_the_same_tensor_twice_gets_both_gradients() -> None:
    a = tg.tensor(A, requires_grad=True)
    weights = np.arange(12.0).reshape(2, 6)
    (tg.cat([a, a], 1) * weights).sum().backward()
    np.testing.assert_array_equal(a.grad.array, weights[:, :3] + weights[:, 3:])


def test_second_derivatives_through_cat_and_stack() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = tg.cat([x, tg.stack([x[0], x[1]])]) ** 3
    (first,) = tg.autograd.grad(y, x, create_graph=True)
    (second,) = tg.autograd.grad(first, x)
    np.testing.assert_allclose(first.array, [6, 24])
    np.testing.assert_allclose(second.array, [12, 24])


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_stack(dim: int) -> None:
    a, b = tg.tensor(A, requires_grad=True), tg.tensor(2 * A)
    expected = np.stack([A, 2 * A], dim)
    result = tg.stack([a, b], dim)
    np.testing.assert_array_equal(result.array, expected)
    np.testing.assert_array_equal(np.stack([a, b], axis=dim).array, expected)
    (result * expected).sum().backward()
    np.testing.assert_array_equal(a.grad.array, A)


def test_numpy_s_stacks() -> None:
    v, w = np.arange(3.0), 3 + np.arange(3.0)
    for function in (np.hstack, np.vstack, np.dstack, np.column_stack):
        np.testing.assert_array_equal(function([tg.tensor(v), w]).array, function([v, w]))
        np.testing.assert_array_equal(function([tg.tensor(A), A]).array, function([A, A]))
    assert tg.hstack([tg.tensor(A), tg.tensor(A)]).shape == (2, 6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tg.cat([]), ["empty list"]),
        (lambda: tg.cat([tg.tensor(1.0), tg.tensor(2.0)]), ["0-d", "tg.stack"]),
        (lambda: tg.cat([tg.zeros(2, 3), tg.zeros(2, 4)]), ["tensor 1", "(2, 4)", "(2, 3)", "axis 1 is 4 against 3"]),
        (lambda: tg.cat([tg.zeros(2, 3), tg.zeros(3)]), ["(3,)", "(2, 3)", "equally many axes"]),
        (lambda: tg.cat([tg.zeros(2)], dim=1), ["dim=1 is out of range"]),
        (lambda: tg.stack([]), ["empty list"]),
        (lambda: tg.stack([tg.zeros(2), tg.zeros(3)]), ["tensor 1", "(3,)", "(2,)"]),
        (lambda: tg.stack([tg.zeros(2)], dim=2), ["dim=2 is out of range"]),
    ],
)
def test_what_does_not_fit_together(call: object, words: list[str]) -> None:
    with pytest.raises(tg.ShapeError) as error:
        call()  # type: ignore[operator]
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        *((name, ((), {})) for name in ("cat", "stack", "concatenate", "hstack", "vstack", "dstack", "column_stack")),
        ("cat", ((), {"dim": 0})),
        ("cat", ((1,), {})),
        ("stack", ((), {"axis": 1})),
        ("concatenate", ((), {"axis": 1})),
        ("vstack", ((tg.ones(2, 3),), {})),
    ],
)
def test_tensors_that_are_not_in_a_list(name: str, rest: tuple[tuple[object, ...], dict[str, object]]) -> None:
    x = tg.ones(2, 3)
    said = rf"^{name}: the second argument is float32\[2, 3\]: pass the tensors in one list, {name}\(\[a, b\]\)$"
    with pytest.raises(TypeError, match=said):
        getattr(tg, name)(x, x, *rest[0], **rest[1])
