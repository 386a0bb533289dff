"""Laws: each one finds the fault that breaks it, and none accuses a function that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.autograd import running as autograd
from tinygrad_edu.engine.recording import make_tensor
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples.sample_grads import SampleGrads
from tinygrad_edu.testing import LAWS, GradcheckError, check_laws
from tinygrad_edu.testing.laws.example import law

rng = np.random.default_rng(0)
X, W, V = rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=3)

RIGHT: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], Any], dict[str, Any]]] = {
    "tanh(x @ w)": (lambda x, w: tg.tanh(x @ w), lambda r: (r.normal(size=(5, 3)), r.normal(size=(3, 2))), {}),
    "x * b": (lambda x, b: tg.exp(x * b), lambda r: (r.normal(size=(4, 3)), r.normal(size=3)), {}),
    "x + b": (lambda x, b: x + b, lambda r: (r.normal(size=(4, 3)), r.normal(size=(1, 3))), {}),
    "x * y": (lambda x, y: x * y, lambda r: (r.normal(size=(4, 3)), r.normal(size=(4, 3))), {"batched": (0, 1)}),
    "x / y": (lambda x, y: x / y, lambda r: (r.normal(size=(4, 3)), r.uniform(1, 2, (4, 3))), {"batched": "x"}),
    "0-d": (lambda x, y: x * x * y, lambda r: (np.asarray(r.normal()), np.asarray(r.normal())), {}),
    "a sum of losses": (
        lambda x, w: ((x @ w) ** 2).sum(),
        lambda r: (r.normal(size=(5, 3)), r.normal(size=(3, 2))),
        {},
    ),
    "a mean loss": (lambda x, w: ((x @ w) ** 2).mean(), lambda r: (r.normal(size=(5, 3)), r.normal(size=(3, 2))), {}),
    "coupled samples": (
        lambda x, w: (x - x.mean(0)) @ w,
        lambda r: (r.normal(size=(5, 3)), r.normal(size=(3, 2))),
        {},
    ),
    "a penalty beside": (
        lambda x, w: ((x @ w).sum(1), (w * w).sum()),
        lambda r: (r.normal(size=(5, 3)), r.normal(size=(3, 2))),
        {},
    ),
    "cross_entropy": (
        lambda x, t, w: F.cross_entropy(x @ w, t, reduction="none"),
        lambda r: (r.normal(size=(6, 3)), r.integers(0, 2, 6), r.normal(size=(3, 2))),
        {"batched": (0, 1)},
    ),
    "softmax": (lambda x: tg.softmax(x, 1), lambda r: 5 * r.normal(size=(4, 6)), {}),
    "softmax along the batch": (lambda x: tg.softmax(x, 0), lambda r: r.normal(size=(4, 6)), {}),
    "gradients that cancel": (lambda x: tg.softmax(x, 1).sum() + 1e-9 * x.sum(), lambda r: r.normal(size=(4, 6)), {}),
    "relu": (tg.relu, lambda r: r.normal(size=(4, 6)), {}),
    "amax": (lambda x: x.amax(1), lambda r: r.normal(size=(4, 6)), {}),
    "amax with ties": (lambda x: x.amax(1), lambda r: r.integers(-2, 3, (4, 6)) / 8, {}),
    "sort": (lambda x: tg.sort(x, 1), lambda r: r.normal(size=(4, 6)), {}),
    "indexing": (lambda x, i: x[i] * 2, lambda r: (r.normal(size=(4, 3)), np.array([0, 2, 2])), {}),
    "embedding": (
        lambda i, w: F.embedding(i, w).tanh(),
        lambda r: (r.integers(0, 5, 7), r.normal(size=(5, 3))),
        {"batched": "i"},
    ),
    "concatenated": (lambda x, y: tg.cat([x, y], 1), lambda r: (r.normal(size=(4, 2)), r.normal(size=(4, 2))), {}),
    "several outputs": (lambda x: {"a": x * x, "b": (x.sum(1), x.exp().sum())}, lambda r: r.normal(size=(4, 3)), {}),
    "the input itself": (lambda x: x, lambda r: r.normal(size=(4, 3)), {}),
    "a view": (lambda x: x.T[1:], lambda r: r.normal(size=(4, 3)), {}),
    "inverse": (tg.linalg.inv, lambda r: r.normal(size=(4, 3, 3)) + 3 * np.eye(3), {}),
    "eigenvalues": (
        lambda x: tg.linalg.eigvalsh((x + x.transpose(-1, -2)) / 2),  # of which one triangle is read
        lambda r: r.normal(size=(5, 4, 4)),
        {},
    ),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (6,), w, b),
        lambda r: (r.normal(size=(4, 6)), r.normal(size=6), r.normal(size=6)),
        {},
    ),
    "offsets": (lambda x: 1e6 + x, lambda r: r.normal(size=(4, 3)), {}),
    "tiny": (lambda x: 1e-12 * x**3, lambda r: r.normal(size=(4, 3)), {}),
    "an input that is not used": (lambda x, y: x * 2, lambda r: (r.normal(size=(4, 3)), r.normal(size=3)), {}),
}
MODULES: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "Linear": (lambda: nn.Linear(3, 2), X),
    "MLP": (lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 2)), X),
    "Dropout": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)), X),
    "Embedding": (lambda: nn.Embedding(5, 3), np.array([0, 3, 3, 1])),
    "PReLU": (lambda: nn.PReLU(3), X),
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_law_accuses_a_right_function(name: str) -> None:
    f, draw, options = RIGHT[name]
    for seed in range(20):
        report = check_laws(f, draw(np.random.default_rng(seed)), seed=seed, **options)
        assert report.ok
        assert len(report.held) >= 7
        assert set(report.held) | set(report.skipped) == set(LAWS)


@pytest.mark.parametrize("name", MODULES)
def test_no_law_accuses_a_right_module(name: str) -> None:
    make, inputs = MODULES[name]
    for seed in range(5):
        tg.manual_seed(seed)
        model = make()
        before = [p.array.copy() for p in model.parameters()]
        report = check_laws(model, inputs, seed=seed)
        assert report.ok
        for p, array in zip(model.parameters(), before, strict=True):
            np.testing.assert_array_equal(p.array, array)
            assert p.grad is None
    # (in the batch each sample has a mask of its own, alone it has the first)
    assert ("batch_is_sum_of_samples" in report.held) is (name != "Dropout")


def test_most_laws_apply_to_most_functions() -> None:
    held: set[str] = set()
    for f, draw, options in RIGHT.values():
        held |= set(check_laws(f, draw(rng), **options).held)
    assert held == set(LAWS) - {"fused_is_composed"}


def violated(f: Any, inputs: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(GradcheckError) as caught:
        check_laws(f, inputs, **options)
    report = caught.value.report
    for name, text in report.violated.items():
        assert f"  {name}: {text}" in str(caught.value)
        assert LAWS[name].doc in str(caught.value)
    return dict(report.violated)


class TestPlanted:
    """For each law a fault that breaks it, and is reported under its name."""

    def test_linear_in_cotangent(self) -> None:
        for backward in (
            lambda g, ctx, x: tg.clamp(2 * g, -1.0, 1.0),
            lambda g, ctx, x: 2 * tg.abs(g),
            lambda g, ctx, x: 2 * g + 1e-3,
        ):
            found = violated(with_backward(backward, lambda x: 2 * x), X)
            assert "linear_in_cotangent" in found

    def test_adjoint_identity(self) -> None:
        for backward in (lambda g, ctx, x: 2.0001 * g, lambda g, ctx, x: -2 * g, lambda g, ctx, x: 0 * g + 1e-9 * g):
            found = violated(with_backward(backward, lambda x: 2 * x), X)
            assert list(found) == ["adjoint_identity"]  # no other law can see a constant factor
            assert "⟨Jv, u⟩ is" in found["adjoint_identity"]

    def test_batch_is_sum_of_samples(self) -> None:
        backward = lambda g, ctx, x, w: (g @ w.T, x.T @ g / len(x))
        found = violated(with_backward(backward, lambda x, w: x @ w), (X, W))
        assert "the gradient of 'args[1]' is" in found["batch_is_sum_of_samples"]
        assert "partition_additivity" in found

    def test_batch_is_sum_of_samples_for_the_samples_own_gradients(self) -> None:
        # The gradient of one sample leaks into that of the next, in batches only.
        backward = lambda g, ctx, x: 2 * g + tg.tensor(1e-3 * np.roll(g.array, 1, 0)) * (len(x) > 1)
        assert "batch_is_sum_of_samples" in violated(with_backward(backward, lambda x: 2 * x), X)

    def test_batch_is_sum_of_samples_with_per_sample(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = SampleGrads.materialize
        monkeypatch.setattr(SampleGrads, "materialize", lambda self: right(self).array[::-1])
        found = violated(lambda x, w: tg.tanh(x @ w), (X, W))
        assert list(found) == ["batch_is_sum_of_samples"]
        assert "the gradient of 'w' for sample 0, by per_sample=True, is" in found["batch_is_sum_of_samples"]

    def test_partition_additivity(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def overwrite(leaf: Any, g: Any) -> None:
            leaf.grad = make_tensor(g, None)

        monkeypatch.setattr(autograd, "accumulate", overwrite)
        found = violated(lambda x, w: tg.tanh(x @ w), (X, W))
        assert "the gradient of 'w'" in found["partition_additivity"]
        assert set(found) == {"partition_additivity", "accumulate_twice_is_double", "sum_of_losses_is_two_backwards"}

    def test_permutation_equivariance(self) -> None:
        backward = lambda g, ctx, x: 2 * g * tg.tensor(1 + 1e-3 * np.arange(len(x)))[:, None]
        found = violated(with_backward(backward, lambda x: 2 * x), X)
        assert "the gradient of 'args[0]'" in found["permutation_equivariance"]

    @pytest.mark.parametrize("shape", [(3,), (1, 3)])
    def test_broadcast_is_expand(self, shape: tuple[int, ...]) -> None:
        def backward(g: Any, ctx: Any, x: Any, b: Any) -> Any:
            return g, (g if b.shape == g.shape else g.mean(0).reshape(b.shape))

        found = violated(with_backward(backward, lambda x, b: x + b), (X, V.reshape(shape)))
        assert f"with 'args[1]' of shape {shape} broadcast to (5, 3)" in found["broadcast_is_expand"]

    def test_layouts_agree(self) -> None:
        in_memory_order = lambda g, ctx, x: tg.tensor(2 * g.array * x.array.ravel("K").reshape(x.shape))
        found = violated(with_backward(in_memory_order, lambda x: x * x), X)
        assert list(found) == ["layouts_agree"]
        assert found["layouts_agree"].startswith("for Fortran-contiguous arrays the gradient of 'args[0]' is")

    def test_layouts_agree_on_what_is_changed(self) -> None:
        def spoil(x: Any) -> Any:
            z = np.ascontiguousarray(x.array.T)  # no copy of a transposed matrix
            z -= z.max(0)
            return tg.tensor(z.T) * 1

        found = violated(with_backward(lambda g, ctx, x: g, lambda x: spoil(x) + 0 * x), X, laws=["layouts_agree"])
        assert found["layouts_agree"] == "for Fortran-contiguous arrays input 'args[0]' was changed"

    def test_layouts_agree_on_what_is_raised(self) -> None:
        def strict(x: Any) -> Any:
            x.array[...] = x.array + 0.0
            return x * 2

        found = violated(strict, X)
        assert found["layouts_agree"].startswith("for read-only arrays it raised ValueError: ")

    def test_layouts_agree_on_cotangents(self) -> None:
        def backward(g: Any, ctx: Any, x: Any) -> Any:
            return tg.tensor(2 * np.lib.stride_tricks.as_strided(g.array, x.shape, x.array.strides))

        found = violated(with_backward(backward, lambda x: 2 * x), X, laws=["layouts_agree", "deterministic"])
        assert list(found) == ["layouts_agree"]

    def test_fused_is_composed(self) -> None:
        composed = lambda x, w: tg.tanh(x @ w)
        fused = with_backward(
            lambda g, ctx, x, w: ((g * (1 - tg.tanh(x @ w) ** 2)) @ w.T, x.T @ g), lambda x, w: tg.tanh(x @ w)
        )
        assert check_laws(composed, (X, W), composed=lambda x, w: np.tanh(np.matmul(x, w))).ok
        found = violated(fused, (X, W), composed=composed, laws=["fused_is_composed"])
        assert found["fused_is_composed"].startswith("the gradient of 'args[1]' is")
        found = violated(composed, (X, W), composed=lambda x, w: tg.sigmoid(x @ w), laws="fused_is_composed")
        assert "its values are not those of the composed function" in found["fused_is_composed"]

    def test_accumulate_twice_is_double(self) -> None:
        found = violated(with_backward(lambda g, ctx, x: 2 * g * ctx.calls, lambda x: 2 * x), X)
        assert "after two passes" in found["accumulate_twice_is_double"]

    def test_accumulate_twice_is_double_after_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = autograd.accumulate
        monkeypatch.setattr(autograd, "accumulate", lambda leaf, g: right(leaf, 1.5 * g))
        found = violated(tg.tanh, X)
        assert "after one pass" in found["accumulate_twice_is_double"]

    def test_sum_of_losses_is_two_backwards(self) -> None:
        found = violated(with_backward(lambda g, ctx, x: tg.clamp(2 * g, -1.0, 1.0), lambda x: 2 * x), X)
        assert "the gradient of 'args[0]'" in found["sum_of_losses_is_two_backwards"]

    def test_unmutated(self) -> None:
        def spoil(x: Any) -> Any:
            x.array[...] *= 2
            return x * 2

        assert violated(spoil, X)["unaliased_and_unmutated"] == "input 'x' was changed"

        def backward(g: Any, ctx: Any, x: Any) -> Any:
            x.array[0, 0] += 1
            return 2 * g

        found = violated(with_backward(backward, lambda x: 2 * x), X)
        assert found["unaliased_and_unmutated"] == "input 'args[0]' was changed"

    def test_unmutated_outputs_and_cotangents(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept: list[Any] = []

        def forward(x: Any) -> Any:
            y = x * 2
            kept.append(y.array)
            return y

        def backward(g: Any, ctx: Any, x: Any) -> Any:
            kept[-1][...] = 0.0
            return 2 * g

        assert violated(with_backward(backward, forward), X)["unaliased_and_unmutated"] == "output 0 was changed"
        right = autograd.run

        def doubling(roots: Any, *args: Any, **options: Any) -> None:
            right(roots, *args, **options)
            for _, g in roots:
                g *= 2

        monkeypatch.setattr(autograd, "run", doubling)
        assert violated(tg.tanh, X)["unaliased_and_unmutated"] == "cotangent 0 was changed"

    def test_unaliased(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shared = np.zeros(15)

        def share(leaf: Any, g: Any) -> None:
            memory = shared[: g.size].reshape(g.shape)
            memory[...] = g
            leaf.grad = make_tensor(memory, None)

        monkeypatch.setattr(autograd, "accumulate", share)
        found = violated(lambda x, w: tg.tanh(x @ w), (X, W))
        text = found["unaliased_and_unmutated"]
        assert text == "the gradient of 'w' shares memory with the gradient of 'x'"

    def test_unaliased_with_the_cotangent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = autograd.backward

        def lending(tensors: Any, gradients: Any, **options: Any) -> None:
            right(tensors, gradients, **options)
            lent.grad = make_tensor(gradients[0], None)

        def f(x: Any) -> Any:
            nonlocal lent
            lent = x
            return x * 2

        lent: Any = None
        monkeypatch.setattr("tinygrad_edu.testing.laws.example.backward", lending)
        found = violated(f, X, laws=["unaliased_and_unmutated"])
        assert found["unaliased_and_unmutated"] == "the gradient of 'x' shares memory with cotangent 0"

    def test_right_shape_and_dtype(self) -> None:
        @tg.primitive(vjps=(lambda g, out, x: g * np.full(x.shape, 2.0),), name="widening_law")
        def widening(x: Any) -> Any:
            return x * x.dtype.type(2)

        found = violated(lambda x: tg.tanh(widening(x)), X)
        assert list(found) == ["right_shape_and_dtype"]
        assert "the gradient of 'x' comes as float64 for float32 numbers" in found["right_shape_and_dtype"]
        assert "'widening_law'" in found["right_shape_and_dtype"]

    def test_right_shape_and_dtype_of_what_comes_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(autograd, "_as_tensor", lambda g, source, held: make_tensor(np.array(g, float), None))
        found = violated(tg.tanh, X, laws=["right_shape_and_dtype"])
        text = "the gradient of 'x' is float64 (5, 3) where float32 (5, 3) is right"
        assert found["right_shape_and_dtype"].replace("'input 0'", "'x'") == text

    def test_deterministic(self) -> None:
        assert "does it draw random numbers?" in violated(lambda x: F.dropout(x, 0.5), X)["deterministic"]
        f = lambda x: x * 2 if tg.is_grad_enabled() else x * 3
        assert "where gradients are recorded" in violated(f, X)["deterministic"]
        backward = lambda g, ctx, x: 2 * g + 1e-3 * tg.randn(*g.shape, dtype=tg.float64)
        assert "the gradient of" in violated(with_backward(backward, lambda x: 2 * x), X)["deterministic"]

    def test_forwards_do_not_interfere(self) -> None:
        kept: dict[str, Any] = {}

        def forward(x: Any) -> Any:
            kept["x"] = x
            return x * x

        for f in (forward, lambda x: forward(x).sum()):
            found = violated(with_backward(lambda g, ctx, x: 2 * g * kept["x"], f), X)
            assert list(found) == ["forwards_do_not_interfere"]
            text = found["forwards_do_not_interfere"]
            assert text.startswith(
                "with a call at other arguments before the backward pass, the gradient of 'args[0]' is"
            )

    def test_unused_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def zeros(outputs: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            found = autograd.grad(outputs, inputs, *args, **options)
            return tuple(tg.zeros(*x.shape) if g is None else g for g, x in zip(found, inputs, strict=True))

        monkeypatch.setattr("tinygrad_edu.testing.subject.grad", zeros)
        found = violated(tg.tanh, X)
        assert found == {"unused_input": "a tensor that is not used has the gradient [0.0, 0.0, 0.0]"}

    def test_constant_input(self) -> None:
        def backward(g: Any, ctx: Any, x: Any, w: Any) -> Any:
            return g @ w.T, (x.T @ g if ctx.needs_input_grad[0] else x.T @ g * 0.5)

        found = violated(with_backward(backward, lambda x, w: x @ w), (X, W))
        assert list(found) == ["constant_input"]
        assert found["constant_input"].startswith("with 'args[0]' held constant, the gradient of 'args[1]'")

    def test_same_tensor_twice(self) -> None:
        found = violated(lambda x, y: x * y if x is not y else x * y.detach(), (X, X + 1))
        assert list(found) == ["same_tensor_twice"]
        assert found["same_tensor_twice"].startswith("the gradient of one tensor as 'x' and 'y' is")

    def test_there_is_one_for_each(self) -> None:
        tests = [name for name in vars(type(self)) if name.startswith("test_")]
        for name in LAWS:
            parts = ["unmutated", "unaliased"] if name == "unaliased_and_unmutated" else [name]
            assert all(any(test.startswith(f"test_{part}") for test in tests) for part in parts), name


class TestNotApplicable:
    """Laws that have nothing to say are skipped, and say why."""

    def test_reasons(self) -> None:
        skipped = check_laws(lambda x: (x - x.mean()).tanh(), X).skipped
        assert "samples are coupled" in skipped["batch_is_sum_of_samples"]
        assert "samples are coupled" in skipped["partition_additivity"]
        assert "see composed=" in skipped["fused_is_composed"]
        assert "no input is broadcast" in skipped["broadcast_is_expand"]
        assert "only one input" in skipped["constant_input"]
        assert "no two inputs of one shape" in skipped["same_tensor_twice"]
        assert (
            "not those of the samples in another order"
            in check_laws(lambda x: x * tg.tensor(np.arange(5.0))[:, None], X).skipped["permutation_equivariance"]
        )

    def test_a_gradient_that_is_not_finite_where_two_inputs_are_one(self) -> None:
        report = check_laws(lambda x, y: tg.sqrt(((x - y) ** 2).sum(1)), (X, X + 1), batched=(0, 1))
        assert "no two inputs of one shape" in report.skipped["same_tensor_twice"]

    def test_numbers_that_one_of_two_inputs_may_not_have(self) -> None:
        mean, target = np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([[1.0, 1.5], [-0.4, 0.2]])
        report = check_laws(nn.GaussianNLLLoss(), (mean, target, np.full((2, 2), 0.5)))
        assert "same_tensor_twice" in report.held
        report = check_laws(lambda x, var: F.gaussian_nll_loss(x, target, var), (mean, np.full((2, 2), 0.5)))
        assert "no two inputs of one shape" in report.skipped["same_tensor_twice"]

    def test_without_batches(self) -> None:
        skipped = check_laws(tg.tanh, X, batched=()).skipped
        for name in ("batch_is_sum_of_samples", "partition_additivity", "permutation_equivariance"):
            assert "see batched=" in skipped[name]
        for inputs in (X[:1], np.asarray(2.0)):
            assert "do not share an axis 0 of two" in check_laws(tg.tanh, inputs).skipped["partition_additivity"]
        both = check_laws(lambda x, w: x.sum() * w.sum(), (X, W), batched=(0, 1)).skipped
        assert "do not share an axis 0" in both["batch_is_sum_of_samples"]

    def test_a_function_that_takes_no_other_number_of_samples(self) -> None:
        report = check_laws(lambda x: x.reshape(5, 3) * 2, X)
        assert "cannot be called with other samples" in report.skipped["batch_is_sum_of_samples"]
        assert "permutation_equivariance" in report.held

    def test_no_numeric_derivative(self) -> None:
        report = check_laws(lambda x: tg.abs(x) + 1e-3 * x, np.zeros((4, 3)))
        assert "no usable numeric derivative" in report.skipped["adjoint_identity"]

    def test_all_skipped_is_a_failure(self) -> None:
        with pytest.raises(GradcheckError, match="none of the laws applies") as caught:
            check_laws(tg.tanh, X, laws=["fused_is_composed", "same_tensor_twice"])
        assert "note: fused_is_composed does not apply" in str(caught.value)

    @pytest.mark.parametrize(
        ("f", "inputs", "text"),
        [
            (lambda i: i * 1.0, np.array([1, 2]), "no input is a floating-point array"),
            (tg.tanh, np.zeros((0, 3)), "no input is a floating-point array with elements"),
            (lambda x: x > 0, X, "no floating-point numbers"),
            (lambda x: x[:0], X, "no floating-point numbers"),
            (tg.log, -X * X, "not finite"),
            (lambda x: x * 0, X, "zero everywhere"),
            (lambda x: x.detach(), X, "zero everywhere"),
            (lambda x: tg.sqrt(x * x), X * 0, r"the gradient of 'x' is nan at \[0, 0\], but the outputs are finite"),
            (tg.sqrt, np.asarray(0.0), r"the gradient of '.*' is -?inf, but the outputs are finite"),
        ],
    )
    def test_vacuous(self, f: Any, inputs: Any, text: str) -> None:
        with pytest.raises(GradcheckError, match=text):
            check_laws(f, inputs)

    def test_zeros_may_be_allowed(self) -> None:
        assert check_laws(tg.relu, -np.ones((3, 2)), allow_zero=True).ok


class TestOptions:
    """What can be asked for."""

    def test_some_laws(self) -> None:
        report = check_laws(tg.tanh, X, laws=["deterministic", "linear_in_cotangent"])
        assert report.held == ["deterministic", "linear_in_cotangent"]
        assert check_laws(tg.tanh, X, laws="deterministic").held == ["deterministic"]
        with pytest.raises(ValueError, match=r"no law 'linear'; the laws are .*linear_in_cotangent"):
            check_laws(tg.tanh, X, laws=["linear"])

    @pytest.mark.parametrize("batched", ["x", 0, ("x",), [0], -2])
    def test_batched_by_name_and_place(self, batched: Any) -> None:
        assert "partition_additivity" in check_laws(lambda x, w: x @ w, (X, W), batched=batched).held

    def test_batched_inputs_that_there_are_not(self) -> None:
        for batched in (2, "y", (0, "y")):
            with pytest.raises(ValueError, match=r"batched=.*the inputs are x, w"):
                check_laws(lambda x, w: x @ w, (X, W), batched=batched)

    def test_batched_counts_the_inputs_of_a_module_only(self) -> None:
        with pytest.raises(ValueError, match=r"batched='weight': the inputs are x"):
            check_laws(nn.Linear(3, 2), X, batched="weight")

    def test_wrt_and_cotangent(self) -> None:
        assert check_laws(lambda x, w: x.detach() * 2 + w, (X, X), wrt="w", cotangent=np.ones((5, 3))).ok
        with pytest.raises(ValueError, match="cotangent: shapes"):
            check_laws(tg.tanh, X, cotangent=np.ones(2))

    def test_a_module_against_a_function(self) -> None:
        layer = nn.Linear(3, 2)
        right = lambda x: x @ layer.weight.detach().T.double() + layer.bias.detach().double()
        assert "fused_is_composed" in check_laws(layer, X, composed=right).held
        assert "fused_is_composed" in check_laws(layer, X, composed=nn.Linear(3, 2)).held

    def test_an_error_of_the_function_comes_through(self) -> None:
        def broken(x: Any) -> Any:
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            check_laws(broken, X)

    def test_an_error_in_a_law_counts_as_a_violation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def touchy(g: Any, ctx: Any, x: Any) -> Any:
            if ctx.calls > 1:
                raise RuntimeError("only once")
            return 2 * g

        found = violated(with_backward(touchy, lambda x: 2 * x), X)
        assert found["accumulate_twice_is_double"] == "it raised RuntimeError: only once"

    def test_the_report(self) -> None:
        report = check_laws(lambda x, w: tg.tanh(x @ w), (X, W))
        assert "<lambda>: " in str(report)
        assert f"{len(report.held)} laws hold, {len(report.skipped)} do not apply" in str(report)
        assert report.checked > 100
        assert report.forwards > 10
        assert ": 1 law holds (" in str(check_laws(tg.exp, X, laws=["deterministic"]))

    def test_one_law_is_told_in_the_singular(self) -> None:
        report = check_laws(tg.exp, X, laws=["deterministic", "constant_input"])
        assert "1 law holds, 1 does not apply (" in str(report)

    def test_arrays_stay_as_they_are(self) -> None:
        x = X.copy()
        check_laws(tg.tanh, x)
        np.testing.assert_array_equal(x, X)


def test_every_law_says_what_it_is() -> None:
    assert len(LAWS) == 17
    for name, one in LAWS.items():
        assert one.name == name
        assert one.doc.endswith(".")


def test_a_law_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    @law
    def gradients_are_small(call: Any) -> str | None:
        """No gradient is larger than 1."""
        return next((f"one is {g.max()}" for g in call.gradients if g.max() > 1), None)

    try:
        assert "gradients_are_small" in check_laws(lambda x: 0.1 * x, X, laws=["gradients_are_small"]).held
        with pytest.raises(GradcheckError, match=r"gradients_are_small: one is"):
            check_laws(lambda x: 10 * x, X, laws=["gradients_are_small"])
    finally:
        del LAWS["gradients_are_small"]


def test_samples_that_are_alike_show_nothing_of_their_order() -> None:
    report = check_laws(lambda a, b: tg.tanh(a @ b), (np.array([3.0, 3.0]), np.array([0.0, 3.0])))
    assert any("permutation_equivariance" in note and "alike" in note for note in report.notes)


def affine(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


def affine_vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
    return g @ w.T, x.T @ g, g.sum(0)


class TestByHand:
    """Gradients in plain NumPy."""

    given = (X, W, W[0] + 1)

    def failed(self, vjp: Any, f: Any = affine, given: Any = None, **options: Any) -> Any:
        with pytest.raises(GradcheckError) as caught:
            check_laws(f, self.given if given is None else given, vjp=vjp, **options)
        return caught.value.report

    def test_right(self) -> None:
        report = check_laws(affine, self.given, vjp=affine_vjp)
        for name in ("linear_in_cotangent", "adjoint_identity", "batch_is_sum_of_samples", "layouts_agree"):
            assert name in report.held
        assert set(report.skipped) >= {"right_shape_and_dtype", "unused_input", "constant_input", "broadcast_is_expand"}
        assert "the shape of every gradient is checked anyway" in report.skipped["right_shape_and_dtype"]

    def test_what_enters_may_come_back(self) -> None:
        report = check_laws(lambda x, y: x + y, (X, X + 1), vjp=lambda g, x, y: (g, g), batched=(0, 1))
        assert {"unaliased_and_unmutated", "same_tensor_twice", "partition_additivity"} <= set(report.held)

    def test_an_input_may_come_back(self) -> None:
        assert check_laws(lambda x: 0.5 * (x**2).sum(), X, jac=lambda x: x).ok

    def test_several_outputs(self) -> None:
        f = lambda x: (x**2, [x.sum(1)])
        vjp = lambda g, x: 2 * x * g[0] + g[1][0][:, None]
        assert "sum_of_losses_is_two_backwards" in check_laws(f, X, vjp=vjp).held
        assert self.failed(lambda g, x: 2 * x * g[0] + g[1][0].sum(), f, X).violated

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("linear_in_cotangent", lambda g, x, w, b: (np.clip(g, -1, 1) @ w.T, x.T @ g, g.sum(0))),
            ("batch_is_sum_of_samples", lambda g, x, w, b: (g @ w.T, x.T @ g / len(x), g.sum(0))),
            (
                "permutation_equivariance",
                lambda g, x, w, b: (g @ w.T * (np.arange(len(g)) > 0)[:, None], x.T @ g, g.sum(0)),
            ),
            ("adjoint_identity", lambda g, x, w, b: (1.001 * g @ w.T, x.T @ g, g.sum(0))),
            ("layouts_agree", lambda g, x, w, b: (g @ w.T, x.T @ g, g.ravel("K").reshape(g.shape).sum(0))),
        ],
    )
    def test_what_breaks_a_law(self, name: str, wrong: Any) -> None:
        assert name in self.failed(wrong, laws=[name]).violated

    def test_what_is_kept_from_call_to_call(self) -> None:
        total = np.zeros(W.shape)

        def vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
            total[...] += x.T @ g
            return g @ w.T, total, g.sum(0)

        assert "accumulate_twice_is_double" in self.failed(vjp).violated

    def test_an_input_that_is_written_into(self) -> None:
        def vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
            x *= 1
            x += 1
            return g @ w.T, (x - 1).T @ g, g.sum(0)

        assert self.failed(vjp).problems == ["input 'x' was changed in place by the backward: let it work on a copy"]

    def test_shapes(self) -> None:
        report = self.failed(lambda g, x, w, b: (g @ w.T, x.T @ g, g))
        assert "input 'b' has shape (5, 2), the input (2,): the sum over axis 0" in report.problems[0]
        squeezed = lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(0) if len(x) > 1 else g)
        report = self.failed(squeezed, laws=["batch_is_sum_of_samples"])
        assert report.violated["batch_is_sum_of_samples"].startswith("the gradient of input 'b' has shape (1, 2)")

    def test_jac(self) -> None:
        assert "adjoint_identity" in check_laws(lambda x, a: a @ x, (V, X), jac=lambda x, a: a).held
        with pytest.raises(GradcheckError, match="adjoint_identity"):
            check_laws(lambda x, a: a @ x, (V, X), jac=lambda x, a: a + 1e-3)
        with pytest.raises(ValueError, match="check_laws: vjp= and jac= are two ways"):
            check_laws(np.sin, X, vjp=lambda g, x: g, jac=np.cos)

    def test_another_implementation(self) -> None:
        options: Any = {"laws": ["fused_is_composed"], "composed": lambda x, w, b: x @ w + b}
        assert check_laws(affine, self.given, vjp=affine_vjp, **options).held
        assert self.failed(lambda g, x, w, b: (g @ w.T, x.T @ g, g.mean(0)), **options).violated
