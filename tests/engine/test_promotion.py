"""Which dtype comes out, forward and backward: float32 stays float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.promotion import beside, is_double, is_floating, on_integers, settle
from tinygrad_edu.errors import DtypeError


@pytest.mark.parametrize(
    ("compute", "dtype"),
    [
        (lambda f, i, b: f * 2, np.float32),
        (lambda f, i, b: 2.5 * f, np.float32),
        (lambda f, i, b: f * np.float64(2), np.float32),
        (lambda f, i, b: np.float64(2) * f, np.float32),
        (lambda f, i, b: f * i, np.float32),
        (lambda f, i, b: i * f, np.float32),
        (lambda f, i, b: f + b, np.float32),
        (lambda f, i, b: i * 2, np.int64),
        (lambda f, i, b: i * 2.5, np.float32),
        (lambda f, i, b: i / i, np.float32),
        (lambda f, i, b: i.exp(), np.float32),
        (lambda f, i, b: f.sum(), np.float32),
        (lambda f, i, b: f.sum() * 2.5, np.float32),
        (lambda f, i, b: f * np.ones(3), np.float64),
        (lambda f, i, b: f.double() * f, np.float64),
        (lambda f, i, b: f.double().sum() * 2.5, np.float64),
        (lambda f, i, b: b * b, np.bool_),
    ],
)
def test_dtype_of_a_result(compute, dtype) -> None:
    f, i, b = tg.tensor([1.5, 2.0, 3.0]), tg.tensor([1, 2, 3]), tg.tensor([True, False, True])
    assert compute(f, i, b).dtype == dtype


TWO_OPERANDS = [
    "add", "sub", "mul", "div", "pow", "maximum", "minimum", "atan2", "hypot", "logaddexp", "fmod", "remainder",
    "floor_divide", "xlogy", "where", "lerp", "clip", "matmul",
]  # fmt: skip


OTHERS = {
    "int64 tensor": (tg.tensor([2, 3, 4]), np.float32),
    "int32 tensor": (tg.tensor([2, 3, 4], dtype=tg.int32), np.float32),
    "uint8 tensor": (tg.tensor([2, 3, 4], dtype=tg.uint8), np.float32),
    "bool tensor": (tg.tensor([True, True, True]), np.float32),
    "int64 array": (np.array([2, 3, 4]), np.float32),
    "list": ([1.5, 2.0, 3.0], np.float32),
    "tuple of integers": ((1, 2, 3), np.float32),
    "float": (2.5, np.float32),
    "int": (2, np.float32),
    "numpy float64": (np.float64(2.5), np.float32),
    "numpy int64": (np.int64(2), np.float32),
    "float64 array": (np.array([1.5, 2.0, 3.0]), np.float64),
    "float64 tensor": (tg.tensor(np.array([1.5, 2.0, 3.0])), np.float64),
    "float64 0-d tensor": (tg.tensor(2.5, dtype=tg.float64), np.float64),
}


def call_with(name: str, x: tg.Tensor, other: object, first: bool) -> tg.Tensor:
    if name == "where":
        mask = tg.tensor([True, False, True])
        return tg.where(mask, x, other) if first else tg.where(mask, other, x)
    if name == "clip":
        return x.clip(other, None) if first else x.clip(None, other)
    if name == "matmul" and np.ndim(getattr(other, "array", other)) == 0:
        other = tg.ones(3)
    arguments = [x, other] if first else [other, x]
    return getattr(tg, name)(*arguments, *([0.3] if name == "lerp" else []))


@pytest.mark.parametrize("first", [True, False], ids=["left", "right"])
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_no_gradient_on_the_way_leaves_its_tensors_dtype(name: str, kind: str, first: bool) -> None:
    other, expected = OTHERS[kind]
    x = tg.tensor([0.5, 1.5, 2.5], requires_grad=True)
    y = x * 1.0
    seen = []
    for tensor in (x, y):
        tensor.register_hook(lambda g: seen.append(g.dtype))
    result = call_with(name, y, other, first)
    if not (name == "matmul" and np.ndim(getattr(other, "array", other)) == 0):
        assert result.dtype == expected
    raw = []
    y.source.hooks.insert(0, lambda link, g: (raw.append(g.dtype), g)[1])
    result.sum().backward()
    assert raw == [np.float32]
    assert seen == [np.float32] * 2
    assert x.grad.dtype == np.float32


def test_gradients_of_mixed_dtypes_are_right_in_both_orders_and_twice_differentiable() -> None:
    x = tg.tensor([0.5, 1.5], requires_grad=True)
    y = tg.tensor(np.array([2.0, 3.0]), requires_grad=True)
    gx, gy = tg.autograd.grad(x * x * y * y * y, [x, y], create_graph=True)
    assert (gx.dtype, gy.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(gx.detach().array, [2 * 0.5 * 8, 2 * 1.5 * 27])
    np.testing.assert_allclose(gy.detach().array, [3 * 0.25 * 4, 3 * 2.25 * 9])
    mixed = tg.autograd.grad(gx, y)[0]
    assert mixed.dtype == np.float64
    np.testing.assert_allclose(mixed.array, [2 * 0.5 * 3 * 4, 2 * 1.5 * 3 * 9])


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("sqrt", np.sqrt), ("exp", np.exp), ("sin", np.sin), ("tanh", np.tanh), ("log1p", np.log1p),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("silu", lambda x: x / (1 + np.exp(-x))),
        ("softplus", lambda x: np.log1p(np.exp(x))), ("gelu", None), ("mean", np.mean),
        ("logsumexp", lambda x: np.log(np.exp(x).sum())), ("atan2", lambda x: np.arctan2(x, x)),
        ("hypot", lambda x: np.hypot(x, x)),
    ],
)  # fmt: skip
def test_real_functions_of_integers_have_the_default_dtype_and_its_precision(name, reference, dtype) -> None:
    numbers = np.array([0, 1, 1] if dtype is np.bool_ else [0, 3, 11], dtype)
    x = tg.tensor(numbers)
    more = {"logsumexp": (0,), "atan2": (x,), "hypot": (x,)}.get(name, ())
    result = getattr(tg, name)(x, *more)
    assert result.dtype == np.float32
    wide = numbers.astype(np.float64)
    expected = reference(wide) if reference else getattr(tg, name)(tg.tensor(wide)).array
    np.testing.assert_allclose(result.array, expected, rtol=1e-6)
    tg.set_default_dtype(tg.float64)
    try:
        result = getattr(tg, name)(x, *more)
        assert result.dtype == np.float64
        np.testing.assert_allclose(result.array, expected, rtol=1e-12)
    finally:
        tg.set_default_dtype(tg.float32)


def test_a_number_of_pythons_has_no_dtype_to_drift_from() -> None:
    double, single = np.ones(1), np.ones(1, np.float32)
    assert [is_double(value) for value in (double, np.float64(1), 1.5, 2)] == [True] * 4
    assert not any(is_double(value) for value in (single, np.float32(1), np.int64(2), True, "f", None, [1.5]))


def test_floating_is_an_array_or_numpy_number_of_a_floating_dtype() -> None:
    assert [is_floating(v) for v in (np.ones(1), np.float16(1), np.float64(1))] == [True] * 3
    assert not any(is_floating(v) for v in (np.ones(1, int), np.int64(1), 1.5, 2, None, np.ones(1, complex)))


def test_a_drift_to_float64_is_undone_and_nothing_else() -> None:
    double, single, half, whole = (np.ones(2, dtype) for dtype in ("f8", "f4", "f2", "i8"))

    def dtype(out, *values):
        settled = settle("op", out, values)
        assert type(settled) is np.ndarray
        return settled.dtype

    assert dtype(double, single) == np.float32
    assert dtype(double, half, whole, 2.5) == np.float16
    assert dtype(double, half, single) == np.float32
    assert dtype(double, whole, 2.5) == np.float32  # the default
    assert dtype(double, single, np.float64(2)) == np.float32
    assert dtype(np.float64(2), single) == np.float32
    for kept in (double, double.copy()):
        assert settle("op", kept, (single, double)) is kept
        assert settle("op", kept, (2.5, 3)) is kept
        assert settle("op", kept, ()) is kept
        assert settle("op", kept, (np.float32(1),)) is kept
        assert settle("op", kept, (single, np.dtype(np.float64))) is kept
    for other in (single, half, whole):
        assert settle("op", other, (double,)) is other
        assert settle("op", other, (single, np.dtype(np.float64))) is other
    assert dtype(np.float32(1), single) == np.float32


def test_what_is_no_array_of_numpys_own_is_no_result() -> None:
    strange = type("Tensor", (), {"__module__": "torch", "shape": ()})()
    with pytest.raises(DtypeError, match="op got a tensor of torch"):
        settle("op", strange, ())
    for out in (np.ma.masked_array([1.0, 2.0], [True, False]), np.ma.masked_array([1, 2])):
        with pytest.raises(DtypeError, match="op: an operand: a tensor has no mask"):
            settle("op", out, (out,))


def test_small_integers_are_computed_again_where_the_result_is_real() -> None:
    def kinds(values, operands=(True,), function=np.sqrt):
        calls = []

        def forward(*arrays):
            calls.append([str(array.dtype) for array in arrays if hasattr(array, "dtype")])
            return function(*arrays)

        return on_integers(forward, values, operands).dtype, calls

    small, medium, large = (np.array([4], dtype) for dtype in ("u1", "i4", "i8"))
    assert kinds([small]) == (np.float64, [["uint8"], ["int64"]])
    assert kinds([np.array([4], np.int16)]) == (np.float64, [["int16"], ["int64"]])
    assert kinds([medium]) == (np.float64, [["int32"]])
    assert kinds([large]) == (np.float64, [["int64"]])
    assert kinds([small], function=np.negative) == (np.uint8, [["uint8"]])
    assert kinds([small, np.ones(1, np.float16)], (True, True), np.multiply) == (np.float16, [["uint8", "float16"]])
    assert kinds([large, np.ones(1, np.float16)], (True, True), np.multiply)[1] == [["int64", "float16"]]
    assert kinds([medium, small], (True, True), lambda x, y: np.sqrt(y)) == (
        np.float64,
        [["int32", "uint8"], ["int64", "int64"]],
    )
    # Of arguments without a rule only the others count; the last one stands for all that follow.
    assert kinds([small, small], (True, False), lambda x, y: np.sqrt(x))[1] == [["uint8"] * 2, ["int64", "uint8"]]
    assert kinds([small, small], (False, True), lambda x, y: np.sqrt(x))[1] == [["uint8"] * 2, ["uint8", "int64"]]
    three = [small] * 3
    assert kinds(three, (False, True), lambda *x: np.sqrt(x[2]))[1] == [["uint8"] * 3, ["uint8", "int64", "int64"]]
    assert kinds(three, (True, False), lambda *x: np.sqrt(x[0]))[1] == [["uint8"] * 3, ["int64", "uint8", "uint8"]]
    assert kinds([small, 2], (True, True), np.divide)[1] == [["uint8"], ["int64"]]


def test_what_numpy_refuses_to_do_with_booleans_is_done_with_integers_if_it_is_real() -> None:
    yes = np.array([True])
    assert on_integers(lambda x: (-x) / 2, [yes], [True]).tolist() == [-0.5]
    with pytest.raises(TypeError, match="negative"):
        on_integers(lambda x: -x, [yes], [True])
    several = on_integers(lambda x: (x, np.sqrt(x)), [np.array([4], np.uint8)], [True])
    assert [part.dtype for part in several] == [np.int64, np.float64]


def test_integer_functions_of_small_integers_stay_what_they_are() -> None:
    x = tg.tensor([2, 200], dtype=tg.uint8)
    for result in (x.relu(), x + x, x * 2, x.clip(0, 100), x.abs(), x.T, x[::-1], x.sort()[0]):
        assert result.dtype == np.uint8
    assert np.shares_memory(x.reshape(2, 1).array, x.array)
    with pytest.raises(DtypeError, match=r"neg.*bool"):
        -tg.tensor([True])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 1.5, np.float64(1.5), np.int64(2)])
def test_no_function_is_widened_by_a_number(number: Any, dtype: Any) -> None:
    x, index = tg.ones(3, dtype=dtype), tg.tensor([0, 0])
    losses = tg.nn.functional
    for result in (
        x.kron(number), tg.kron(number, x), x.index_add(0, index, number), x.scatter_add(0, index, number),
        x.scatter(0, index, number), x.index_fill(0, index, number), losses.mse_loss(x, number),
        losses.l1_loss(x, number), losses.huber_loss(x, number), losses.smooth_l1_loss(x, number),
        losses.binary_cross_entropy_with_logits(x, type(number)(1)), losses.kl_div(x, number),
        tg.where(x > 0, x, number), x.masked_fill(x > 0, number), tg.maximum(x, number), x.clamp(number, number),
        tg.lerp(x, x, number), x**number, tg.addcmul(x, x, x, value=number), tg.hypot(x, number), tg.xlogy(x, number),
    ):  # fmt: skip
        assert result.dtype == dtype
    assert x.index_add(0, index, number).tolist() == [1 + 2 * number, 1.0, 1.0]
    assert x.kron(number).tolist() == [number] * 3


def test_a_number_beside_a_tensor() -> None:
    half, whole = tg.ones(2, dtype=np.float16), tg.ones(2, dtype=np.int64)
    assert beside(half, np.float64(0.5)).dtype == np.float16
    assert beside(whole, 2).dtype == np.int64
    assert beside(whole, 1.5).dtype == np.float32
    assert beside(whole, half) is half
