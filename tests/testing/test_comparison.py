"""check_float32 and compare: two computations of one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, check_float32, compare

rng = np.random.default_rng(0)
A, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))


@tg.primitive(vjps=(lambda g, out, x: g * 2 * np.ones(x.shape),), name="widening")
def widening(x: Any) -> Any:
    """2x, with a rule that makes float64 of everything."""
    return x * x.dtype.type(2)


RIGHT: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], Any]]] = {
    "tanh(x @ w)": (lambda x, w: tg.tanh(x @ w), lambda r: (r.normal(size=(5, 40)), r.normal(size=(40, 3)))),
    "a long product": (lambda x, w: x @ w, lambda r: (r.normal(size=(2, 5000)), r.normal(size=(5000, 2)))),
    "a sum": (lambda x: x.sum(), lambda r: r.normal(size=100_000)),
    "a mean of offsets": (lambda x: x.mean(), lambda r: 1e4 + r.normal(size=1000)),
    "softmax": (lambda x: tg.softmax(x, 1), lambda r: 5 * r.normal(size=(4, 30))),
    "softplus": (F.softplus, lambda r: 50 * r.normal(size=50)),
    "logsumexp": (lambda x: tg.logsumexp(x, 1), lambda r: 100 * r.normal(size=(4, 6))),
    "layer_norm": (lambda x: F.layer_norm(x, (30,)), lambda r: 5 + r.normal(size=(4, 30))),
    "var of offsets": (lambda x: x.var(0), lambda r: 1e3 + r.normal(size=(20, 3))),
    "differences": (lambda x, y: x - y, lambda r: 1e3 + r.normal(size=(2, 20))),
    "sin of large numbers": (tg.sin, lambda r: 1e5 * r.normal(size=50)),
    "log1p": (tg.log1p, lambda r: 1e-6 * r.uniform(size=20)),
    "inverse": (tg.linalg.inv, lambda r: r.normal(size=(5, 5))),
    "cross_entropy": (
        lambda x, t: F.cross_entropy(x, t),
        lambda r: (10 * r.normal(size=(30, 10)), r.integers(0, 10, 30)),
    ),
    "gelu": (F.gelu, lambda r: 2 * r.normal(size=100)),
    "large": (lambda x: 1e30 * x, lambda r: r.normal(size=10)),
    "small": (lambda x: 1e-20 * x, lambda r: r.normal(size=10)),
    "in between": (lambda x: (1e20 * x).double().pow(2).sqrt().float(), lambda r: r.normal(size=10)),
}


def added_in_order(x: Any) -> Any:
    total = x[0]
    for part in x[1:]:
        total = total + part
    return total


class TestFloat32:
    """Values and gradients in float32."""

    @pytest.mark.parametrize("name", RIGHT)
    def test_what_is_as_good_as_it_can_be(self, name: str) -> None:
        f, draw = RIGHT[name]
        for seed in range(20):
            r = np.random.default_rng(seed)
            assert check_float32(f, tuple(draw(r)) if name == "differences" else draw(r), seed=seed).ok

    def test_a_module(self) -> None:
        model = nn.Sequential(nn.Linear(4, 30), nn.LayerNorm(30), nn.GELU(), nn.Dropout(0.3), nn.Linear(30, 2))
        before = [p.array.copy() for p in model.parameters()]
        report = check_float32(model, A)
        assert [f.input.name for f in report.findings] == [
            "output", "0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias", "x",
        ]  # fmt: skip
        for p, array in zip(model.parameters(), before, strict=True):
            np.testing.assert_array_equal(p.array, array)
        assert report.mode == "float32"
        assert report.checked > 100

    def test_a_float64_constant(self) -> None:
        factor = tg.tensor(np.linspace(1, 2, 4))
        with pytest.raises(GradcheckError) as caught:
            check_float32(lambda x: tg.tanh(x * factor), A)
        text = str(caught.value)
        assert "the output is float64 for float32 inputs: the first float64 comes from " in text
        assert "test_comparison.py" in text
        assert "check_float32(lambda x: tg.tanh(x * factor), A)" in text

    def test_one_of_several_outputs(self) -> None:
        with pytest.raises(GradcheckError, match="output 1 is float64"):
            check_float32(lambda x: (x * 2, x.double(), x * 3), A)
        with pytest.raises(GradcheckError, match="the output is float16"):
            check_float32(lambda x: x.half(), A)

    def test_a_rule_that_widens(self) -> None:
        assert check_float32(lambda x: 2 * x, A).ok
        with pytest.raises(GradcheckError) as caught:
            check_float32(lambda x: tg.tanh(widening(tg.exp(x))), A)
        assert "the gradient of 'x' comes as float64" in str(caught.value)
        assert "a rule of 'widening' gave it" in str(caught.value)

    def test_overflow(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            check_float32(lambda x: tg.log(1 + tg.exp(x)), np.array([1.0, 50.0, 100.0]))
        text = str(caught.value)
        assert "output 'output', float32 (3,): 1 of 3 elements differs" in text
        assert "worst: output[2]  float32 inf  float64 100  " in text
        assert "gradient of input 'x'" in text

    @pytest.mark.parametrize(
        ("f", "x"),
        [
            (lambda x: (x * x).mean(0) - x.mean(0) ** 2, 1e3 + rng.normal(size=(50, 3))),  # cancellation
            (added_in_order, np.full(3000, 0.1)),  # accumulated
            (lambda x: tg.log(1 - tg.sigmoid(x)), np.linspace(5, 16, 12)),  # 1 less nearly 1
        ],
    )
    def test_what_loses_digits_that_it_need_not_lose(self, f: Any, x: np.ndarray) -> None:
        with pytest.raises(GradcheckError, match="float32 is not what float64 gives"):
            check_float32(f, x)

    def test_a_gradient_that_loses_them_beside_good_values(self) -> None:
        class Coarse(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 3

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return (g * 3 + 1e6) - 1e6

        with pytest.raises(GradcheckError) as caught:
            check_float32(Coarse.apply, A)
        values, gradients = caught.value.report.findings
        assert not values.wrong.any()
        assert gradients.wrong.any()

    def test_float16_inside(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            check_float32(lambda x: tg.tanh(x.half()).float(), A)
        assert "inside it is narrower than float32: float16 comes from 'astype' at " in str(caught.value)

    def test_rtol(self) -> None:
        f = lambda x: (x + 1e4) - 1e4
        assert check_float32(f, A, rtol=1e-2).ok
        with pytest.raises(GradcheckError):
            check_float32(f, A, rtol=1e-5)
        with pytest.raises(GradcheckError):
            check_float32(f, A)

    def test_inputs_are_rounded_first(self) -> None:
        x = np.array([1 + 1e-9, 1.0])
        report = check_float32(lambda x: 1e7 * (x - 1), x)
        np.testing.assert_array_equal(report.findings[0].numeric, 0)

    @pytest.mark.parametrize(
        ("f", "inputs", "text"),
        [(lambda x: x > 0, A, "no floating-point numbers"), (tg.log, -A, "not finite in float64")],
    )
    def test_vacuous(self, f: Any, inputs: Any, text: str) -> None:
        with pytest.raises(GradcheckError, match=text):
            check_float32(f, inputs)

    def test_options(self) -> None:
        report = check_float32(lambda x, n, w: x @ w * n, (A, 3, B), wrt="w", cotangent=np.ones((3, 2)))
        assert [f.input.name for f in report.findings] == ["output", "w"]
        np.testing.assert_allclose(report.findings[1].numeric, 3 * A.sum(0)[:, None] * np.ones((1, 2)), rtol=1e-6)
        with pytest.raises(ValueError, match="the inputs are"):
            check_float32(tg.tanh, A, wrt="y")


def composed(x: Any) -> Any:
    e = tg.exp(x)
    return e / e.sum(1, keepdim=True)


class TestCompare:
    """Another implementation."""

    def test_two_functions_of_tensors(self) -> None:
        report = compare(lambda x: tg.softmax(x, 1), composed, A)
        assert report.ok
        assert report.checked == 2 * A.size
        assert report.mode == "compare"

    def test_values_that_differ(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            compare(lambda x: tg.softmax(x, 0), composed, A)
        text = str(caught.value)
        assert "it is not what composed gives" in text
        assert "output 'output', float64 (3, 4): 12 of 12 elements differ" in text
        assert "reference" in text

    def test_gradients_that_differ_though_values_agree(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            compare(lambda x, y: x * y.detach(), lambda x, y: x * y, (A, A + 2))
        wrong = [f.input.name for f in caught.value.report.findings if f.wrong.any()]
        assert wrong == ["y"]
        assert "gradient of input 'y', float64 (3, 4): 12 of 12 elements differ" in str(caught.value)
        assert compare(lambda x, y: x * y.detach(), lambda x, y: x * y, (A, A + 2), gradients=False).ok
        assert compare(lambda x, y: x * y.detach(), lambda x, y: x * y, (A, A + 2), wrt="x").ok

    def test_one_element(self) -> None:
        bump = np.zeros(A.shape)
        bump[1, 2] = 1e-6
        with pytest.raises(GradcheckError, match=r"1 of 12 elements differs\n  worst: output\[1, 2\]"):
            compare(lambda x: x * 2, lambda x: x * 2 + tg.tensor(bump), A)

    def test_a_function_of_arrays_gives_values_only(self) -> None:
        def plain(x: Any) -> Any:
            assert type(x) is np.ndarray
            return np.tanh(x)

        report = compare(tg.tanh, plain, A)
        assert report.ok
        assert report.checked == A.size
        assert report.notes == ["the reference has no gradients: only values were compared"]
        with pytest.raises(GradcheckError, match=r"it is not what .*plain gives"):
            compare(tg.sigmoid, plain, A)

    def test_numpys_functions_on_tensors_have_gradients(self) -> None:
        assert compare(tg.tanh, np.tanh, A).checked == 2 * A.size

    def test_a_pair_of_forward_and_vjp(self) -> None:
        forward = lambda x, w: x @ w
        assert compare(lambda x, w: x @ w, (forward, lambda g, x, w: (g @ w.T, x.T @ g)), (A, B)).checked == 26
        with pytest.raises(GradcheckError, match="gradient of input 'w'"):
            compare(lambda x, w: x @ w, (forward, lambda g, x, w: (g @ w.T, None)), (A, B))
        report = compare(lambda x, w: x @ w, (forward, lambda g, x, w: (None, x.T @ g)), (A, B), wrt="w")
        assert report.ok

    def test_an_error_of_the_reference_is_not_hidden(self) -> None:
        def broken(x: Any) -> Any:
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            compare(tg.tanh, broken, A)

    def test_other_shapes(self) -> None:
        with pytest.raises(GradcheckError, match=r"the outputs have shapes \[\(3,\)\], the reference's \[\(3, 1\)\]"):
            compare(lambda x: x.sum(1), lambda x: x.sum(1, keepdim=True), A)
        with pytest.raises(GradcheckError, match="the outputs have shapes"):
            compare(lambda x: (x, x), lambda x: x, A)
        with pytest.raises(GradcheckError, match=r"the gradient of 'x' has shape \(3, 4\), the reference's \(4,\)"):
            compare(lambda x: x * 2, (lambda x: x * 2, lambda g, x: 2 * g.sum(0)), A)

    def test_tolerances(self) -> None:
        nearly = lambda x: tg.tanh(x) * (1 + 1e-6)
        with pytest.raises(GradcheckError):
            compare(tg.tanh, nearly, A)
        assert compare(tg.tanh, nearly, A, rtol=1e-5).ok
        assert compare(tg.tanh, nearly, A, atol=1e-5).ok
        with pytest.raises(GradcheckError):
            compare(tg.tanh, nearly, A, rtol=0.0, atol=1e-8)

    def test_numbers_that_are_not_finite_in_both(self) -> None:
        x = np.array([-1.0, 0.0, 1.0])
        assert compare(tg.log, lambda x: tg.log(x) * 1, x, gradients=False).ok
        with pytest.raises(GradcheckError):
            compare(tg.log, lambda x: tg.log(tg.abs(x)), x, gradients=False)

    def test_vacuous(self) -> None:
        with pytest.raises(GradcheckError, match="nothing to compare"):
            compare(lambda x: x[:0], lambda x: x[:0], A)
        with pytest.raises(GradcheckError, match="none of the outputs is finite"):
            compare(tg.log, tg.log, -np.ones(2))

    def test_a_module_and_a_function(self) -> None:
        assert compare(nn.GELU(), F.gelu, A).ok
        layer = nn.Linear(4, 2)
        report = compare(layer, lambda x: x @ layer.weight.T.double() + layer.bias.double(), A)
        assert report.notes == ["the reference has no parameters: their gradients were not compared"]
        assert [f.input.name for f in report.findings] == ["output", "x"]

    def test_two_modules_share_the_parameters_of_the_first(self) -> None:
        class Mine(nn.Linear):
            def forward(self, x: Any) -> Any:
                return tg.einsum("bi,oi->bo", x, self.weight) + self.bias

        report = compare(Mine(4, 2), nn.Linear(4, 2), A)
        assert [f.input.name for f in report.findings] == ["output", "weight", "bias", "x"]
        with pytest.raises(ValueError, match=r"parameters .* they must match"):
            compare(Mine(4, 2), nn.Linear(4, 2, bias=False), A)

        class Wrong(Mine):
            def forward(self, x: Any) -> Any:
                return tg.einsum("bi,oi->bo", x, self.weight) + self.bias.detach()

        with pytest.raises(GradcheckError, match="gradient of input 'bias'"):
            compare(Wrong(4, 2), nn.Linear(4, 2), A)

    def test_inputs_stay_as_they_are(self) -> None:
        x = A.copy()
        compare(tg.tanh, np.tanh, x)
        np.testing.assert_array_equal(x, A)
