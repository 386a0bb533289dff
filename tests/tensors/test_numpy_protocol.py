"""NumPy's functions on Tensors give Tensors, or an error that names the function and the way out."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError


@pytest.fixture
def t() -> tg.Tensor:
    return tg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]]), requires_grad=True)


def test_an_array_on_the_left_gives_a_tensor_with_a_gradient(t: tg.Tensor) -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    for result, expected in [
        (a + t, a + t.array), (a - t, a - t.array), (a * t, a * t.array), (a / t, a / t.array),
        (a**t, a**t.array), (a @ t, a @ t.array), (np.float64(2) * t, 2 * t.array), (a < t, a < t.array),
    ]:  # fmt: skip
        assert type(result) is tg.Tensor
        np.testing.assert_allclose(result.detach().array, expected)
    (a * t).backward()
    np.testing.assert_array_equal(t.grad.array, a)


def test_functions_and_ufuncs_dispatch(t: tg.Tensor) -> None:
    for function in (np.exp, np.tanh, np.sum, np.mean, np.transpose, np.ravel, np.max, np.std, np.sort, np.trace):
        result = function(t)
        assert type(result) is tg.Tensor, function
        np.testing.assert_allclose(result.detach().array, function(t.array))
    joined = np.concatenate([t, np.zeros((1, 2))], axis=0)
    joined.backward()
    np.testing.assert_array_equal(t.grad.array, np.ones((2, 2)))


def test_numpys_meaning_for_numpys_functions(t: tg.Tensor) -> None:
    np.testing.assert_allclose(np.var(t, axis=0).detach().array, np.var(t.array, axis=0))  # ddof = 0
    np.testing.assert_allclose(np.max(t, 1).detach().array, np.max(t.array, 1))  # values only
    np.testing.assert_allclose(t.var(0).detach().array, np.var(t.array, axis=0, ddof=1))  # PyTorch's method
    _, indices = t.max(1)
    assert indices.tolist() == [1, 1]


def test_reductions_of_ufuncs(t: tg.Tensor) -> None:
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        for kwargs in ({}, {"axis": 1}, {"axis": None}, {"axis": (0, 1), "keepdims": True}):
            result = ufunc.reduce(t, **kwargs)
            assert type(result) is tg.Tensor
            np.testing.assert_allclose(result.detach().array, ufunc.reduce(t.array, **kwargs))
    np.add.reduce(t, 1).backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(t.grad.array, [[1, 1], [10, 10]])
    assert np.logical_and.reduce(t > 1, axis=1).tolist() == [False, True]


def test_an_unknown_function_is_an_error_that_names_it_and_the_way_out(t: tg.Tensor) -> None:
    with pytest.raises(DtypeError, match=r"np\.unwrap of a Tensor is not supported.*t\.detach\(\)\.numpy\(\)"):
        np.unwrap(t)
    with pytest.raises(DtypeError, match=r"np\.spacing of a Tensor is not supported"):
        np.spacing(t)
    with pytest.raises(DtypeError, match=r"np\.add\.accumulate of a Tensor is not supported\. Call it on t\.detach"):
        np.add.accumulate(t)
    with pytest.raises(DtypeError, match=r"np\.linalg\.eigvals of a Tensor is not supported\. Call it on"):
        np.linalg.eigvals(t)
    with pytest.raises(DtypeError, match=r"np\.exp of a Tensor does not take where=\. Use tg\.exp, or call"):
        np.exp(t, where=True)
    with pytest.raises(DtypeError, match=r"^np\.sum of a Tensor: got an unexpected keyword argument 'where'"):
        np.sum(t, where=t > 0)


def test_nothing_ever_becomes_an_object_array(t: tg.Tensor) -> None:
    assert np.asarray(t.detach()).dtype == np.float64
    with pytest.raises(GraphError, match="detach"):
        np.asarray(t)


def test_errors_of_our_own_pass_through(t: tg.Tensor) -> None:
    with pytest.raises(ShapeError, match=r"sum.*5 is out of range"):
        np.sum(t, axis=5)
    with pytest.raises(ShapeError, match="axis -1 is 2 against 3"):
        np.add(t, np.ones(3))


def test_in_place_on_an_array() -> None:
    a = np.ones(2)
    a -= 0.5 * tg.tensor(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(a, [0.5, 0.0])
    w = tg.tensor(np.ones(2), requires_grad=True)
    with pytest.raises(GraphError, match=r"np\.add.*no_grad"):
        a += w
    with tg.no_grad():
        a += w
    np.testing.assert_array_equal(a, [1.5, 1.0])


def test_an_array_changed_through_numpy_is_noticed() -> None:
    x = tg.from_numpy(np.ones(2))
    w = tg.tensor(np.ones(2), requires_grad=True)
    y = w * x
    a = x.array
    a += tg.ones(2).double()
    with pytest.raises(GraphError, match="overwritten"):
        y.backward()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t: np.linspace(t[0], t[1], 5), r"Use start \+ \(stop - start\) \* tg\.linspace\(0, 1, n\)"),
        (lambda t: np.logspace(t[0], t[1], 5), r"Use 10 \*\* \(start \+"),
        (lambda t: np.select([t > 0], [t]), r"Use tg\.where\(condition, x, y\), one inside the other"),
        (lambda t: np.piecewise(t, [t > 0], [1.0]), r"Use tg\.where"),
    ],
)
def test_the_way_out_is_not_a_function_that_does_something_else(t: tg.Tensor, call: object, said: str) -> None:
    with pytest.raises(DtypeError, match=said):
        call(t)  # type: ignore[operator]
