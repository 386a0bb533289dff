"""Making a tensor of numbers that are at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DtypeError, ShapeError


def test_tensor_copies_and_as_tensor_does_not() -> None:
    a = np.arange(3.0)
    assert not np.shares_memory(tg.tensor(a).array, a)
    assert tg.as_tensor(a).array is a
    assert tg.from_numpy(a).array is a
    assert tg.Tensor(a).array is a
    t = tg.tensor(a)
    assert tg.as_tensor(t) is t
    assert tg.as_tensor(t, dtype=tg.float32).dtype == np.float32
    assert not np.shares_memory(tg.tensor(t).array, t.array)


def test_nested_lists_of_numbers_arrays_and_tensors() -> None:
    t = tg.tensor([[1.0, tg.tensor(2.0)], [np.float32(3), 4]])
    assert t.dtype == np.float32
    assert t.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tg.tensor([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])]).shape == (2, 2)
    assert tg.tensor([]).shape == (0,)


def test_bad_data_is_refused() -> None:
    with pytest.raises(ShapeError, match="different lengths"):
        tg.tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(DtypeError, match="real numbers or booleans"):
        tg.tensor(["a"])
    with pytest.raises(DtypeError, match="complex128"):
        tg.tensor(np.ones(2) * 1j)
    with pytest.raises(DtypeError, match="object"):
        tg.tensor(np.array([object()]))
    with pytest.raises(TypeError, match=r"from_numpy.*list"):
        tg.from_numpy([1.0])


def test_is_tensor() -> None:
    assert tg.is_tensor(tg.nn.Parameter([1.0]))
    assert not tg.is_tensor(np.ones(2))


def test_what_names_no_dtype() -> None:
    with pytest.raises(DtypeError, match="'flaot' names no dtype"):
        tg.tensor([1.0], dtype="flaot")


@pytest.mark.parametrize("make", [tg.tensor, tg.as_tensor, tg.Tensor])
@pytest.mark.parametrize("where", ["in a list", "in a list of lists", "in a tuple", "a leaf"])
def test_a_list_of_tensors_that_require_a_gradient_would_lose_it(make: Any, where: str) -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    data: dict[str, Any] = {
        "in a list": [w[0], 3.0],
        "in a list of lists": [[1.0, w[0]], [w[1], 2.0]],
        "in a tuple": (w[0], w[1]),
    }
    with pytest.raises(tg.GraphError, match=r"the list holds tensors that require a gradient.*use tg\.stack\(\[…\]\)"):
        make(data.get(where, [w, w]))
    with tg.no_grad():
        assert make([w[0], w[1]]).tolist() == [1.0, 2.0]
        assert make([w, w]).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert make([w[0].detach(), 3.0]).tolist() == [1.0, 3.0]
    stacked = tg.stack([w[0], w[1]])
    stacked.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_a_copy_of_a_tensor_that_requires_a_gradient_is_a_constant_and_says_so() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    for source in (w, w * 2):
        with pytest.warns(UserWarning, match=r"makes a constant of it: use \.clone\(\) to keep") as caught:
            copy = tg.tensor(source)
        assert caught[0].filename == __file__
        assert not copy.requires_grad
    with tg.no_grad():
        assert tg.tensor(w).tolist() == [1.0, 2.0]
    assert tg.tensor(w.detach()).tolist() == [1.0, 2.0]
    assert tg.as_tensor(w) is w


def test_each_function_goes_by_its_own_name() -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for call, error, said in (
        (lambda: tg.as_tensor([[1.0], [1.0, 2.0]]), ShapeError, r"^as_tensor\(\): nested lists of different lengths"),
        (lambda: tg.as_tensor(["a"]), DtypeError, r"^as_tensor\(\): a tensor holds real numbers"),
        (lambda: tg.as_tensor(masked), DtypeError, r"^as_tensor\(\): a tensor has no mask"),
        (lambda: tg.as_tensor([masked]), DtypeError, r"^as_tensor\(\): a tensor has no mask"),
        (lambda: tg.from_numpy(masked), DtypeError, r"^from_numpy\(\): a tensor has no mask"),
        (lambda: tg.from_numpy(np.array(["a"])), DtypeError, r"^from_numpy\(\): a tensor holds real numbers"),
        (lambda: tg.tensor(["a"]), DtypeError, r"^tensor\(\): a tensor holds real numbers"),
    ):
        with pytest.raises(error, match=said):
            call()  # type: ignore[no-untyped-call]
