"""gradcheck: right gradients pass, wrong ones do not, and nothing passes that was not checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, gradcheck, gradcheck_vjp
from tinygrad_edu.testing.checks import Options, check_subject
from tinygrad_edu.testing.subject import Foreign, of_function

rng = np.random.default_rng(0)
A, B, SQUARE = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(3, 3))
IMAGE, TARGETS = rng.normal(size=(5, 7)), np.array([0, 6, 3, 3, 1])
POSITIVE = rng.uniform(0.5, 2, (3, 4))

RIGHT: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], Any]]] = {
    "matmul": (lambda x, w: x @ w, lambda r: (r.normal(size=(3, 4)), r.normal(size=(4, 2)))),
    "tanh(x @ w)": (lambda x, w: tg.tanh(x @ w), lambda r: (r.normal(size=(3, 4)), r.normal(size=(4, 2)))),
    "x * y broadcast": (lambda x, y: x * y, lambda r: (r.normal(size=(3, 1)), r.normal(size=(4,)))),
    "x / y": (lambda x, y: x / y, lambda r: (r.normal(size=(5,)), r.uniform(0.5, 2, 5))),
    "x ** y": (lambda x, y: x**y, lambda r: (r.uniform(0.5, 2, 5), r.normal(size=5))),
    "log": (tg.log, lambda r: r.uniform(1e-3, 1e3, (4, 4))),
    "1e6 + x": (lambda x: 1e6 + x, lambda r: r.normal(size=(4, 4))),
    "1e-8 * x": (lambda x: 1e-8 * x, lambda r: r.normal(size=(4, 4))),
    "1e8 * x**3": (lambda x: 1e8 * x**3, lambda r: r.normal(size=(4, 4))),
    "exp(sin 3x)": (lambda x: tg.exp(tg.sin(3 * x)), lambda r: r.normal(size=(4, 4))),
    "softmax": (lambda x: tg.softmax(x, 1), lambda r: r.normal(size=(3, 5))),
    "logsumexp": (lambda x: tg.logsumexp(x, 1), lambda r: 10 * r.normal(size=(3, 5))),
    "cross_entropy": (
        lambda x, t: F.cross_entropy(x, t, reduction="none"),
        lambda r: (r.normal(size=(4, 3)), r.integers(0, 3, 4)),
    ),
    "layer_norm": (lambda x: F.layer_norm(x, (6,)), lambda r: r.normal(size=(3, 6))),
    "var": (lambda x: x.var(1), lambda r: r.normal(size=(3, 6))),
    "sort": (lambda x: tg.sort(x, 1), lambda r: r.normal(size=(3, 6))),
    "relu": (tg.relu, lambda r: r.normal(size=(4, 5))),
    "abs": (tg.abs, lambda r: r.normal(size=(4, 5))),
    "amax": (lambda x: x.amax(1), lambda r: r.normal(size=(4, 5))),
    "inverse": (tg.linalg.inv, lambda r: r.normal(size=(3, 3)) + 3 * np.eye(3)),
    "det": (tg.linalg.det, lambda r: r.normal(size=(3, 3))),
    "cumprod": (lambda x: tg.cumprod(x, 1), lambda r: r.normal(size=(2, 5))),
    "indexing": (lambda x, i: x[i] * 2, lambda r: (r.normal(size=(4, 3)), np.array([0, 2, 2]))),
    "concatenated": (lambda x, y: tg.cat([x, y * y], 0), lambda r: (r.normal(size=(2, 3)), r.normal(size=(1, 3)))),
    "several outputs": (lambda x: (x.sum(), {"a": x * x, "b": [x[0]]}), lambda r: r.normal(size=(2, 3))),
    "0-d": (lambda x: x**3, lambda r: np.asarray(r.normal())),
    "a loss": (lambda x: (x * x).mean(), lambda r: r.normal(size=(4, 4))),
    "of middling size": (lambda x, w: tg.sigmoid(x @ w), lambda r: (r.normal(size=(10, 20)), r.normal(size=(20, 10)))),
    "large": (lambda x, w: tg.tanh(x @ w).sum(1), lambda r: (r.normal(size=(30, 40)), r.normal(size=(40, 20)))),
    "large sums": (lambda x: (tg.exp(x) * x).sum(0), lambda r: r.normal(size=(70, 50))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_are_not_accused(name: str) -> None:
    f, draw = RIGHT[name]
    for seed in range(2 if "large" in name or "middling" in name else 20):
        report = gradcheck(f, draw(np.random.default_rng(seed)), seed=seed)
        assert report.ok
        assert report.checked > 0
        assert not any(finding.wrong.any() for finding in report.findings)


@pytest.mark.parametrize("mode", ["full", "project"])
@pytest.mark.parametrize("name", [name for name in RIGHT if "large" not in name and "middling" not in name])
def test_right_functions_are_right_in_every_mode(name: str, mode: Any) -> None:
    f, draw = RIGHT[name]
    for seed in range(5):
        assert gradcheck(f, draw(np.random.default_rng(seed)), seed=seed, mode=mode).mode == mode


class TestPlanted:
    """One wrong number among many."""

    @staticmethod
    def product(matrix: np.ndarray, wrong: np.ndarray) -> Callable[[Any], Any]:
        """x ↦ matrix @ x, with the gradient of another matrix."""

        class Product(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return tg.tensor(matrix) @ x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return tg.tensor(wrong.T) @ g

        return Product.apply

    @pytest.mark.parametrize("size", [16, 64, 256])
    def test_an_entry_of_the_jacobian_that_is_off_by_a_tenth_is_always_caught(self, size: int) -> None:
        for seed in range(100):
            r = np.random.default_rng(seed)
            matrix = r.normal(size=(size, size))
            wrong = matrix.copy()
            i, j = r.integers(size, size=2)
            wrong[i, j] *= 1.1
            # By projections, the quick way, though small ones would be checked element by element.
            options = Options("auto", None, "skip", "project", seed, False)
            x = r.normal(size=size)
            inputs = of_function(tg.tanh, x).inputs
            forward = lambda x, matrix=matrix: matrix @ x
            if seed < 3:
                right = Foreign("right", forward, lambda g, x, matrix=matrix: matrix.T @ g, inputs)
                assert check_subject(right, options).ok
            (finding,) = check_subject(
                Foreign("wrong", forward, lambda g, x, wrong=wrong: wrong.T @ g, inputs), options
            ).findings
            assert np.flatnonzero(finding.wrong).tolist() == [j]

    def test_element_by_element(self) -> None:
        for seed in range(3):
            r = np.random.default_rng(seed)
            matrix = r.normal(size=(20, 30))
            wrong = matrix.copy()
            wrong[7, 11] *= 1.1
            with pytest.raises(GradcheckError) as caught:
                gradcheck(self.product(matrix, wrong), r.normal(size=30), seed=seed)
            report = caught.value.report
            assert report.mode == "elements"
            assert np.flatnonzero(report.findings[0].wrong).tolist() == [11]

    def test_one_among_65536(self) -> None:
        at = 40321

        class Cube(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * x * x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                factor = np.full(x.shape, 3.0)
                factor[at] = 3.3
                return g * x * x * tg.tensor(factor)

        with pytest.raises(GradcheckError) as caught:
            gradcheck(Cube.apply, rng.normal(size=65536))
        report = caught.value.report
        assert report.mode == "project"
        assert np.flatnonzero(report.findings[0].wrong).tolist() == [at]
        assert f"worst: args[0][{at}]" in str(report)
        assert "relative error 0.1" in str(report)

    @pytest.mark.parametrize("mode", ["full", "project"])
    @pytest.mark.parametrize(
        "fault",
        [lambda g: -g, lambda g: 2 * g, lambda g: 0 * g, lambda g: g + 1e-3, lambda g: g * 1.00001],
    )
    def test_gradients_that_are_wrong_everywhere(self, fault: Callable[[Any], Any], mode: Any) -> None:
        class Sine(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return tg.sin(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return fault(g * tg.cos(x))

        with pytest.raises(GradcheckError, match="is wrong"):
            gradcheck(Sine.apply, A, mode=mode)

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_gradients_that_are_not_finite(self, number: float) -> None:
        class Bad(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                h = g.array.copy()
                h[1, 2] = number
                return tg.tensor(h)

        for mode in ("full", "project"):
            with pytest.raises(GradcheckError) as caught:
                gradcheck(Bad.apply, A, mode=mode)
            assert caught.value.report.findings[0].wrong[1, 2]

    def test_a_graph_that_is_cut(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            gradcheck(lambda x, w: x * w.detach(), (A, A + 1))
        by_x, by_w = caught.value.report.findings
        assert not by_x.wrong.any()
        assert by_w.lost
        assert by_w.wrong.all()

    def test_errors_that_cancel_in_one_cotangent_are_seen_in_the_whole_jacobian(self) -> None:
        class Cancels(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return tg.stack([x, 2 * x])

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return 3 * g[0] + 1 * g[1]  # right for equal cotangents only

        with pytest.raises(GradcheckError) as caught:
            gradcheck(Cancels.apply, np.array([1.0, 2.0]), cotangent=np.ones((2, 2)))
        assert caught.value.report.mode == "full"

    def test_an_input_with_gradients_far_below_those_of_another(self) -> None:
        class Bad(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return 3.3 * x * x * g

        x, y = rng.normal(size=(50, 40)), rng.normal(size=20)
        for scale in (1.0, 1e-3, 1e-6):
            with pytest.raises(GradcheckError) as caught:
                gradcheck(lambda x, y, s=scale: tg.exp(x).sum(1) + s * Bad.apply(y).sum(), (x, y), wrt=[0, 1])
            by_x, by_y = caught.value.report.findings
            assert not by_x.wrong.any()
            assert by_y.wrong.any()
        with pytest.raises(GradcheckError):  # not to be seen beside the rounding errors of the other
            gradcheck(lambda x, y: tg.exp(x).sum(1) + 1e-9 * Bad.apply(y).sum(), (x, y))


class TestCost:
    """Few evaluations."""

    def test_ten_thousand_inputs(self) -> None:
        report = gradcheck(lambda x: (tg.exp(x) * x).sum(1), rng.normal(size=(100, 100)))
        assert report.mode == "project"
        assert report.checked == 10_000
        assert report.forwards <= 50

    def test_counted_by_the_function_itself(self) -> None:
        calls = [0]

        def f(x: Any) -> Any:
            calls[0] += 1
            return tg.tanh(x)

        report = gradcheck(f, rng.normal(size=(20, 20)))
        assert calls[0] == report.forwards

    def test_relu_at_random_points_is_as_cheap(self) -> None:
        report = gradcheck(lambda x: tg.relu(x).sum() ** 2, rng.normal(size=(100, 100)))
        assert report.ok
        assert report.forwards <= 1000


def test_a_change_below_the_last_digit_of_a_result_is_not_seen() -> None:
    """The derivative of x / sqrt(x² + ε) is ε / x³ where the function itself is 1 to the last digit."""
    report = gradcheck(lambda x: x / (x * x + 2.0**-52).sqrt(), np.array([0.18]), allow_zero=True)
    assert report.findings[0].analytic[0] > 1e-14
    assert report.findings[0].numeric[0] == 0


class TestVacuous:
    """A check that shows nothing fails."""

    @pytest.mark.parametrize(
        ("f", "inputs", "options", "text"),
        [
            (lambda i: i * 1.0, np.array([1, 2]), {}, "no input is a floating-point array"),
            (tg.tanh, A, {"wrt": []}, "no input is a floating-point array"),
            (lambda x: x > 0, A, {}, "returned no floating-point tensor"),
            (lambda x: None, A, {}, "returned no floating-point tensor"),
            (tg.tanh, np.zeros((0, 3)), {}, "are empty"),
            (lambda x: x[:0], A, {}, "are empty"),
            (lambda x: x / 0.0, A, {}, "not finite"),
            (tg.log, -np.ones(2), {}, "not finite"),
            (lambda x: x * 0.0, A, {}, "zero everywhere"),
            (lambda x: tg.floor(x), A + 0.5, {}, "zero everywhere"),
            (lambda x: tg.relu(x), -np.ones(3), {}, "zero everywhere"),
            (tg.relu, np.zeros(1), {}, "1 of 1 element is inconclusive"),
            (tg.relu, np.array([0.0, 1.0]), {}, "1 of 2 elements is inconclusive"),
            (tg.relu, np.zeros(3), {}, "3 of 3 elements are inconclusive"),
            (tg.relu, np.array([0.0, 0.0, 1.0, 2.0]), {}, "2 of 4 elements are inconclusive"),
        ],
    )
    @pytest.mark.parametrize("mode", ["auto", "full"])
    def test_it_fails(self, f: Any, inputs: Any, options: dict[str, Any], text: str, mode: Any) -> None:
        with pytest.raises(GradcheckError, match=text) as caught:
            gradcheck(f, inputs, mode=mode, **options)
        assert isinstance(caught.value, AssertionError)
        assert not caught.value.report.ok

    @pytest.mark.parametrize("inputs", [-np.ones(3), -np.ones(1000)])
    def test_zeros_may_be_allowed(self, inputs: np.ndarray) -> None:
        assert gradcheck(tg.relu, inputs, allow_zero=True).ok

    def test_other_values_for_the_same_inputs(self) -> None:
        with pytest.raises(GradcheckError, match="with the same inputs it returned something else"):
            gradcheck(lambda x: F.dropout(x, 0.5), A)
        state = [0.0]

        def counts(x: Any) -> Any:
            state[0] += 1.0
            return x * state[0]

        with pytest.raises(GradcheckError, match="keeps a state"):
            gradcheck(counts, A)
        with pytest.raises(GradcheckError, match="asks whether gradients are recorded"):
            gradcheck(lambda x: x * 2 if tg.is_grad_enabled() else x * 3, A)

    def test_random_numbers_that_are_seeded_inside(self) -> None:
        def f(x: Any) -> Any:
            tg.manual_seed(1)
            return F.dropout(x, 0.5)

        assert gradcheck(f, A).ok

    @pytest.mark.parametrize("f", [lambda x: x.float(), lambda x: x.float().double() ** 2, lambda x: x.half()])
    def test_narrow_numbers_have_no_usable_differences(self, f: Any) -> None:
        with pytest.raises(GradcheckError, match=r"narrower dtype.*check_float32"):
            gradcheck(f, A)

    def test_inputs_in_float32_are_computed_in_float64(self) -> None:
        report = gradcheck(lambda x, w: tg.tanh(x @ w), (A.astype(np.float32), tg.tensor(B, dtype=tg.float32)))
        assert report.ok
        assert max(float(f.error.max()) for f in report.findings) < 1e-9

    def test_an_input_that_is_changed_in_place(self) -> None:
        def spoil(x: Any) -> Any:
            x.array[...] *= 2
            return x * x

        with pytest.raises(GradcheckError, match="input 'x' was changed in place"):
            gradcheck(spoil, A)

        def forward(x: Any) -> Any:
            x *= 2
            return x * x

        with pytest.raises(GradcheckError, match=r"changed in place|returned something else"):
            gradcheck_vjp(forward, lambda g, x: 2 * x * g, A.copy())

        def vjp(g: Any, x: Any) -> Any:
            x *= 2
            return x * g

        with pytest.raises(GradcheckError, match="changed in place"):
            gradcheck_vjp(lambda x: x * x, vjp, A.copy())

    def test_the_arrays_that_were_given_stay_as_they_are(self) -> None:
        x, c = A.copy(), np.ones((3, 4))
        gradcheck(tg.tanh, x, cotangent=c)
        np.testing.assert_array_equal(x, A)
        np.testing.assert_array_equal(c, 1)


KINKS: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "relu": (tg.relu, np.array([0.0, 1.0, -2.0, 3.0, 4.0])),
    "abs": (tg.abs, np.array([0.0, 1.0, -2.0, 3.0, 4.0])),
    "amax": (lambda x: x.amax(), np.array([2.0, 2.0, 1.0, 0.0, -1.0, 0.5, -3.0, 1.5, 1.25])),
    "maximum": (lambda x: tg.maximum(x, 1.0), np.array([1.0, 0.0, 2.0, 3.0, 4.0])),
    "clip": (lambda x: tg.clip(x, -1.0, 1.0), np.array([1.0, 0.0, 0.5, 0.25, -0.5])),
}


class TestKinks:
    """Points at which there is no derivative."""

    @pytest.mark.parametrize("name", KINKS)
    def test_they_are_skipped_and_counted(self, name: str) -> None:
        f, x = KINKS[name]
        report = gradcheck(f, x)
        assert report.ok
        assert report.inconclusive == (2 if name == "amax" else 1)
        assert f"{report.inconclusive} inconclusive" in str(report)

    @pytest.mark.parametrize("name", KINKS)
    def test_or_are_errors(self, name: str) -> None:
        f, x = KINKS[name]
        with pytest.raises(GradcheckError, match=r"lies? at a kink"):
            gradcheck(f, x, on_kink="error")
        assert gradcheck(f, x + 0.01 * np.arange(x.size) + 0.003, on_kink="error").ok

    @pytest.mark.parametrize("name", KINKS)
    def test_or_the_convention_lies_between_the_slopes(self, name: str) -> None:
        f, x = KINKS[name]
        assert gradcheck(f, x, on_kink="convention").ok

    @pytest.mark.parametrize(("slope", "right"), [(0.0, True), (0.5, True), (1.0, True), (1.1, False), (-0.1, False)])
    def test_a_convention_outside_of_the_slopes_is_wrong(self, slope: float, right: bool) -> None:
        class Rectified(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return tg.relu(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return g * tg.tensor(np.where(x.array == 0, slope, (x.array > 0).astype(float)))

        x = np.array([0.0, 1.0, -2.0, 3.0, 4.0])
        for on_kink, inconclusive in (("skip", 1), ("convention", 0)):
            if right:
                assert gradcheck(Rectified.apply, x, on_kink=on_kink).inconclusive == inconclusive
            else:
                with pytest.raises(GradcheckError, match=r"1 of 5 elements") as caught:
                    gradcheck(Rectified.apply, x, on_kink=on_kink)
                report = caught.value.report
                assert report.verdict == "wrong"
                assert "at a kink, where the slopes on both sides are " in str(report.findings[0])
                assert "at a kink, where the slopes are " in report.blame

    def test_a_wrong_gradient_beside_kinks_is_found(self) -> None:
        class Bad(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return tg.relu(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return g * tg.tensor(np.where(x.array > 0, 1.0, 0.01))

        for shape in ((6,), (40, 50)):
            with pytest.raises(GradcheckError, match="is wrong"):
                gradcheck(Bad.apply, np.random.default_rng(1).normal(size=shape))

    @staticmethod
    def relu_with(*wrong: int) -> Callable[[Any], Any]:
        """relu, with a gradient that is 10 % too large at some places."""

        class Rectified(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return tg.relu(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                mask = (x.array > 0).astype(float)
                mask[list(wrong)] *= 1.1
                return g * tg.tensor(mask)

        return Rectified.apply

    @pytest.mark.parametrize(
        ("zeros", "left_out"),
        [
            (1, "1 number of the outputs lies at a kink, and was left out"),
            (50, "50 numbers of the outputs lie at a kink, and were left out"),
            (1000, "1000 numbers of the outputs lie at a kink, and were left out"),
        ],
    )
    def test_outputs_at_kinks_are_left_out_of_a_large_check(self, zeros: int, left_out: str) -> None:
        x = np.abs(np.random.default_rng(zeros).normal(size=5000)) + 0.1
        x[:zeros] = 0.0
        report = gradcheck(self.relu_with(), x)
        assert report.mode == "project"
        assert report.forwards <= 120
        assert report.notes[0] == left_out
        assert report.inconclusive == min(zeros, 64)  # of these the gradients near by have been looked at
        with pytest.raises(GradcheckError) as caught:
            gradcheck(self.relu_with(1234), x)
        assert np.flatnonzero(caught.value.report.findings[0].wrong).tolist() == [1234]
        with pytest.raises(GradcheckError, match=r"lies? at a kink"):
            gradcheck(self.relu_with(), x, on_kink="error")

    def test_kinks_in_a_sum_are_found_by_halving(self) -> None:
        x = np.abs(np.random.default_rng(0).normal(size=5000)) + 0.1
        x[[17, 4000]] = 0.0
        f, wrong = self.relu_with(), self.relu_with(1234)
        report = gradcheck(lambda x: f(x).sum(), x)
        assert report.checked == 5000
        assert 1 <= report.inconclusive <= 500
        with pytest.raises(GradcheckError) as caught:
            gradcheck(lambda x: wrong(x).sum(), x)
        assert np.flatnonzero(caught.value.report.findings[0].wrong).tolist() == [1234]
        x[::10] = 0.0
        with pytest.raises(GradcheckError, match="of 5000 elements are inconclusive"):
            gradcheck(lambda x: f(x).sum(), x)

    def test_networks_of_rectifiers(self) -> None:
        for seed in range(10):
            r = np.random.default_rng(seed)
            report = gradcheck(
                lambda x, w, v: tg.relu(x @ w) @ v,
                (r.normal(size=(50, 40)), r.normal(size=(40, 30)), r.normal(size=(30, 5))),
                seed=seed,
            )
            assert report.checked == 3350
            assert report.inconclusive == 0
            assert report.forwards <= 100

    def test_an_oscillating_function_is_right_or_inconclusive_but_not_accused(self) -> None:
        for x in (np.linspace(1, 10, 12), np.linspace(100, 1000, 12), np.linspace(1e3, 1e5, 12)):
            for f in (lambda x: tg.exp(tg.sin(3 * x)), lambda x: tg.cos(x * x)):
                report = check_subject(of_function(f, x), Options("auto", None, "skip", "auto", 0, False))
                assert report.ok or "inconclusive" in report.problems[0]
                assert not any(finding.wrong.any() for finding in report.findings)


class TestOptions:
    """wrt, cotangent, method, and what is refused."""

    def test_wrt_by_name_and_place(self) -> None:
        for wrt in ("w", 1, ["w"], -1):
            report = gradcheck(lambda x, w: x.detach() * w, (A, A), wrt=wrt)
            assert [f.input.name for f in report.findings] == ["w"]
        with pytest.raises(ValueError, match="the inputs are x, w"):
            gradcheck(lambda x, w: x * w, (A, A), wrt="y")

    def test_integers_and_static_arguments_pass_through(self) -> None:
        report = gradcheck(
            lambda x, i, axis, mode, keepdim: tg.sum(x[i], axis, keepdim=keepdim) * (2 if mode == "double" else 1),
            (A, np.array([0, 2, 2]), 1, "double", True),
        )
        assert [f.input.name for f in report.findings] == ["x"]

    def test_a_cotangent_of_ones_own(self) -> None:
        c = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
        for given in (c, tg.tensor(c), c.tolist()):
            report = gradcheck(lambda x: x[:, :2] ** 2, A, cotangent=given if not isinstance(given, list) else c)
            np.testing.assert_allclose(report.findings[0].analytic[:, :2], 2 * A[:, :2] * c)
        report = gradcheck(lambda x: (x.sum(), x * x), A, cotangent=(np.asarray(1.0), A))
        np.testing.assert_allclose(report.findings[0].analytic, 1 + 2 * A * A)

    @pytest.mark.parametrize("given", [np.ones(4), np.ones((3, 4, 1)), (np.ones((3, 4)), np.ones((3, 4)))])
    def test_a_cotangent_of_another_shape(self, given: Any) -> None:
        with pytest.raises(ValueError, match=r"cotangent: shapes .* for outputs of shapes \[\(3, 4\)\]"):
            gradcheck(tg.tanh, A, cotangent=given)

    def test_random_cotangents_are_dense_and_the_same_for_a_seed(self) -> None:
        one, same, other = (gradcheck(lambda x: x * 1, A, seed=s).findings[0].analytic for s in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()
        assert (np.abs(one) >= 0.5).all()
        assert (one > 0).any()
        assert (one < 0).any()

    def test_the_complex_step(self) -> None:
        report = gradcheck(lambda x: np.exp(x) * np.sin(x), A, method="complex")
        assert report.method == "complex"
        assert (np.abs(report.findings[0].numeric - report.findings[0].analytic) < 1e-14 * 10).all()
        for f in (tg.abs, lambda x: x.tanh()):  # no complex result, and no complex argument
            with pytest.raises(TypeError, match="use method='richardson'"):
                gradcheck(f, A, method="complex")

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"method": "exact"}, "method='exact' is not known: use 'auto', 'complex', 'richardson'"),
            ({"on_kink": "raise"}, "on_kink='raise' is not known"),
            ({"mode": "fast"}, "mode='fast' is not known"),
            ({"order": 3}, "order=3"),
        ],
    )
    def test_unknown_options(self, options: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=text):
            gradcheck(tg.tanh, A, **options)

    def test_rtol(self) -> None:
        class Nearly(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return 2 * x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return 2.000001 * g

        with pytest.raises(GradcheckError):
            gradcheck(Nearly.apply, A)
        assert gradcheck(Nearly.apply, A, rtol=1e-5).ok

    def test_errors_of_the_function_are_not_swallowed(self) -> None:
        with pytest.raises(ShapeError, match="matmul"):
            gradcheck(lambda x: x @ x, A)


class TestForeign:
    """gradcheck_vjp."""

    def test_right(self) -> None:
        report = gradcheck_vjp(lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g), (A, B))
        assert report.checked == A.size + B.size

    def test_wrong(self) -> None:
        with pytest.raises(GradcheckError, match="input 'w', float64") as caught:
            gradcheck_vjp(lambda x, w: x @ w, lambda g, x, w: (g @ w.T, g.T @ x), (SQUARE, SQUARE + 1))
        by_x, by_w = caught.value.report.findings
        assert not by_x.wrong.any()
        assert by_w.wrong.sum() >= 6

    def test_none_for_an_input_without_a_gradient(self) -> None:
        assert gradcheck_vjp(lambda x, n: x * n, lambda g, x, n: (g * n, None), (A, 3)).ok
        assert gradcheck_vjp(lambda x, y: x * 2, lambda g, x, y: (2 * g, None), (A, A)).ok
        with pytest.raises(GradcheckError) as caught:
            gradcheck_vjp(lambda x, y: x * y, lambda g, x, y: (g * y, None), (A, A))
        assert caught.value.report.findings[1].lost

    @pytest.mark.parametrize("answer", [lambda g: g, lambda g: (g,), lambda g: (g, g, g)])
    def test_a_wrong_number_of_gradients(self, answer: Any) -> None:
        with pytest.raises(ValueError, match=r"vjp returned \d gradients for 2 inputs"):
            gradcheck_vjp(lambda x, y: x + y, lambda g, x, y: answer(g), (A, A))

    def test_a_gradient_of_another_shape(self) -> None:
        says = r"the gradient of input 'y' has shape \(3, 4\), the input \(4,\): the sum over axis 0, .* is missing"
        with pytest.raises(GradcheckError, match=says):
            gradcheck_vjp(lambda x, y: x + y, lambda g, x, y: (g, g), (A, A[0]))

    def test_large(self) -> None:
        x = rng.normal(size=(60, 50))
        assert gradcheck_vjp(np.tanh, lambda g, x: g / np.cosh(x) ** 2, x).mode == "project"
        with pytest.raises(GradcheckError):
            gradcheck_vjp(np.tanh, lambda g, x: g / np.cosh(x) ** 2 * np.where(x == x[3, 4], 1.1, 1), x)

    def test_the_complex_step(self) -> None:
        assert gradcheck_vjp(np.exp, lambda g, x: g * np.exp(x), A, method="complex").method == "complex"

    def test_options(self) -> None:
        report = gradcheck_vjp(lambda x, w: x * w, lambda g, x, w: (g * w, g * x), (A, A), wrt="w", seed=3, rtol=1e-7)
        assert [f.input.name for f in report.findings] == ["w"]
        with pytest.raises(TypeError, match="unexpected options"):
            gradcheck_vjp(np.exp, lambda g, x: g, A, orders=2)

    def test_lists_of_numbers_may_come_back(self) -> None:
        assert gradcheck_vjp(lambda x: x * 2, lambda g, x: [2 * g], A).ok
