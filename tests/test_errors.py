"""The texts of errors: op, argument, shapes, axis, way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import errors
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError, TinygradError


def test_they_are_also_the_builtin_errors_people_catch() -> None:
    for kind, builtin in [(ShapeError, ValueError), (DtypeError, TypeError), (GraphError, RuntimeError)]:
        assert issubclass(kind, TinygradError)
        assert issubclass(kind, builtin)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(2, 3), (3,)], ""),
        ([(2, 3), (2,)], "axis -1 is 3 against 2"),
        ([(4, 1, 3), (2, 1), (5, 1, 1)], "axis -3 is 4 against 5"),
        ([()], ""),
        ([], ""),
        ([(0, 3), (1, 3)], ""),
        ([(0,), (2,)], "axis -1 is 0 against 2"),
    ],
)
def test_broadcast_clash(shapes: list[tuple[int, ...]], said: str) -> None:
    text = errors.broadcast_clash(shapes)
    assert said in text
    assert bool(text) == bool(said)


def test_explain_names_op_and_arguments_and_keeps_the_kind() -> None:
    a = np.ones((2, 3), dtype=np.float32)
    assert isinstance(errors.explain("op", (a,), IndexError("far out")), IndexError)
    assert isinstance(errors.explain("op", (a,), TypeError("bad type")), DtypeError)
    text = str(errors.explain("op", (a, "x" * 100), ValueError("bad value")))
    assert text.startswith("op(float32[2, 3], 'xxxxxxx")
    assert "..." in text
    assert "bad value" in text
    own = ShapeError("already clear")
    assert errors.explain("op", (a,), own) is own
    other = errors.explain("op", (a,), MemoryError("full"))
    assert isinstance(other, MemoryError)
    assert "while computing op(float32[2, 3])" in other.__notes__


def test_axis_error() -> None:
    assert "use -2 to 1" in str(errors.axis_error("sum", 2, (3, 4)))
    assert "0-d tensor" in str(errors.axis_error("sum", 0, ()))


def test_an_op_is_called_what_users_write() -> None:
    assert errors.spoken("set_item") == errors.spoken("overwrite") == "x[index] = value"
    assert [errors.spoken(op) for op in ("getitem", "sum_over", "mean")] == ["x[index]", "sum", "mean"]
    assert errors._SPOKEN.keys() <= tg.PRIMITIVES.keys()


def made_by(package: str, **attributes: object) -> object:
    """Something whose type is from another package; that package is not needed for it."""
    return type("Tensor", (), {"__module__": f"{package}.core", **attributes})()


@pytest.mark.parametrize(
    ("package", "way_out"),
    [
        ("torch", r"tg\.tensor\(x\.detach\(\)\.cpu\(\)\.numpy\(\)\)"),
        ("jaxlib", r"tg\.tensor\(np\.asarray\(x\)\)"),
        ("tensorflow", r"tg\.tensor\(x\.numpy\(\)\)"),
    ],
)
def test_a_tensor_of_another_framework_says_how_to_convert_it(package: str, way_out: str) -> None:
    strange = made_by(package, shape=(3,), dtype=np.dtype("float32"))
    said = rf"a tensor of {package} \({package}\.core\.Tensor\): convert it first, as in {way_out}"
    x = tg.ones(3, requires_grad=True)
    for call in (
        lambda: x + strange,
        lambda: x @ strange,
        lambda: tg.maximum(x, strange),
        lambda: tg.exp(strange),
        lambda: tg.nn.Linear(3, 2)(strange),
        lambda: tg.nn.Sequential(tg.nn.ReLU())(strange),
        lambda: tg.nn.LayerNorm(3)(strange),
        lambda: tg.optim.SGD([strange], lr=0.1),
    ):
        with pytest.raises(TypeError, match=said):
            call()


def test_what_would_give_an_array_back_refuses_tensors_of_another_framework() -> None:
    """Of what NumPy can read it makes an array, and no Tensor: the call must not succeed in silence."""
    as_array = {"shape": (2,), "dtype": np.dtype("float32"), "grad": None}
    strange = made_by("torch", __array__=lambda self, *args, **kwargs: np.ones(2, np.float32), **as_array)
    said = r"got a tensor of torch \(torch\.core\.Tensor\): convert it first, as in tg\.tensor"
    for call in (
        lambda: tg.stack([strange, strange]),
        lambda: tg.cat([strange, strange]),
        lambda: tg.concatenate([strange]),
        lambda: tg.stack((tg.ones(2), strange)),
        lambda: tg.where(np.ones(2, bool), strange, strange),
        lambda: tg.einsum("i,i->", strange, strange),
        lambda: tg.from_numpy(strange),
        lambda: tg.nn.utils.clip_grad_norm_([strange], 1.0),
        lambda: tg.nn.utils.clip_grad_norm_(strange, 1.0),
        lambda: tg.nn.utils.clip_grad_value_([tg.ones(2), strange], 1.0),
        lambda: tg.nn.utils.get_total_norm([strange]),
        lambda: tg.nn.utils.vector_to_parameters(tg.ones(2), [strange]),
    ):
        with pytest.raises(DtypeError, match=said):
            call()


def test_a_module_or_dtype_of_another_framework() -> None:
    strange = made_by("torch", __call__=lambda self: None)
    with pytest.raises(TypeError, match=r"Sequential holds modules, got something of torch \(torch\.core\.Tensor\)"):
        tg.nn.Sequential(strange)
    with pytest.raises(TypeError, match=r"StepLR: needs the optimizer .* got something of torch"):
        tg.optim.lr_scheduler.StepLR(strange, 1)
    with pytest.raises(DtypeError, match=r"zeros: .* names no dtype \(something of torch"):
        tg.zeros(3, dtype=strange)


def test_other_arrays_and_numbers_are_nobodys() -> None:
    for value in (np.ones(3), np.float32(1), 1.0, None, "torch", [1, 2], object(), tg.ones(2)):
        assert errors.foreign(value) == ""


@pytest.mark.parametrize(
    ("call", "who"),
    [
        (tg.exp, "exp"),
        (tg.nn.functional.relu, "relu"),
        (lambda pair: tg.softmax(pair, -1), "softmax"),
        (lambda pair: pair @ tg.ones(4, 2), "matmul"),
        (lambda pair: tg.nn.functional.linear(pair, tg.ones(2, 4)), "linear"),
        (tg.nn.LayerNorm(4), "LayerNorm"),
        (tg.nn.LSTM(4, 4), "LSTM"),
        (tg.nn.Sequential(tg.nn.Identity(), tg.nn.ReLU()), "in ReLU '1': relu"),
        (lambda pair: tg.nn.functional.mse_loss(pair, tg.ones(5, 2, 4)), "mse_loss: input"),
    ],
)
def test_what_a_recurrent_layer_returns_is_no_tensor(call: Any, who: str) -> None:
    pair = tg.nn.LSTM(3, 4)(tg.ones(5, 2, 3))
    said = rf"^{who} got a tuple of 2 in .* take that, of shape \(5, 2, 4\), as in output, _ = layer\(x\)$"
    with pytest.raises(DtypeError, match=said):
        call(pair)


def test_several_results_are_no_operand_of_one() -> None:
    assert [type(part) for part in tg.linalg.eigh(np.eye(2))] == [np.ndarray, np.ndarray]
    assert tg.exp((np.zeros(2), np.zeros(2))).shape == (2, 2)
    assert errors.outputs((tg.ones(2), tg.ones(2)))
    others: list[Any] = [(), (1, 2), (tg.ones(2),), [tg.ones(2)] * 2, (np.ones(2),) * 2, tg.ones(2), None]
    assert not any(map(errors.outputs, others))
