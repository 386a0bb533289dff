"""gradcheck_layer: layers that were written by hand, right and wrong, and an object that is left as it was."""

from __future__ import annotations

import copy
import re
import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import nn
from tinygrad_edu.testing import GradcheckError, gradcheck_layer

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4))
LABELS = np.array([0, 2, 1, 1, 0, 2])


class Affine:
    def __init__(self, n: int = 4, m: int = 3, dtype: Any = np.float64) -> None:
        self.W = rng.normal(size=(n, m)).astype(dtype)
        self.b = rng.normal(size=m).astype(dtype)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, g: Any) -> Any:
        self.dW = self.x.T @ g
        self.db = g.sum(0)
        return g @ self.W.T


class Relu:
    def forward(self, x: Any) -> Any:
        self.mask = x > 0
        return x * self.mask

    def backward(self, g: Any) -> Any:
        return g * self.mask


class CrossEntropy:
    def forward(self, x: Any, labels: Any) -> Any:
        e = np.exp(x - x.max(1, keepdims=True))
        self.p, self.labels = e / e.sum(1, keepdims=True), labels
        return -np.log(self.p[np.arange(len(x)), labels]).mean()

    def backward(self) -> Any:
        d = self.p.copy()
        d[np.arange(len(d)), self.labels] -= 1
        return d / len(d)


class Net:
    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers) or [Affine(4, 5), Relu(), Affine(5, 3)]
        self.parts = {"loss": CrossEntropy()}

    def forward(self, x: Any, labels: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return self.parts["loss"].forward(x, labels)

    def backward(self) -> Any:
        g = self.parts["loss"].backward()
        for layer in reversed(self.layers):
            g = layer.backward(g)
        return g


def failed(layer: Any, inputs: Any = X, **options: Any) -> Any:
    with pytest.raises(GradcheckError) as caught:
        gradcheck_layer(layer, inputs, **options)
    return caught.value.report


def wrong_names(report: Any) -> list[str]:
    return [f.input.name for f in report.findings if f.wrong.any()]


class TestRight:
    """What passes."""

    def test_a_layer(self) -> None:
        report = gradcheck_layer(Affine(), X)
        assert [f.input.name for f in report.findings] == ["W", "b", "x"]
        assert report.checked == 12 + 3 + 24
        assert report.name == "Affine"
        assert report.notes == ["gradients of parameters: W in dW, b in db"]

    @pytest.mark.parametrize("mode", ["full", "project"])
    def test_options(self, mode: Any) -> None:
        report = gradcheck_layer(Affine(), X, mode=mode, seed=3, rtol=1e-7, cotangent=np.ones((6, 3)), wrt=["W"])
        assert [f.input.name for f in report.findings] == ["W"]
        with pytest.raises(ValueError, match="the inputs are W, b, x"):
            gradcheck_layer(Affine(), X, wrt="V")

    def test_a_layer_without_parameters(self) -> None:
        report = gradcheck_layer(Relu(), X)
        assert report.notes == ["no parameters were found in it"]

    def test_float32_is_computed_in_float64(self) -> None:
        layer = Affine(dtype=np.float32)
        layer.dW = np.zeros((4, 3), np.float32)  # type: ignore[attr-defined]
        assert gradcheck_layer(layer, X.astype(np.float32)).ok

    def test_a_call_in_the_place_of_forward(self) -> None:
        class Called:
            def __init__(self) -> None:
                self.scale = np.array([1.0, 2.0, 3.0, 4.0])

            def __call__(self, x: Any) -> Any:
                self.x = x
                return x * self.scale

            def backward(self, g: Any) -> Any:
                self.scale_grad = (g * self.x).sum(0)
                return (g * self.scale,)

        assert gradcheck_layer(Called(), X).notes == ["gradients of parameters: scale in scale_grad"]

    def test_a_loss_whose_backward_takes_nothing(self) -> None:
        assert gradcheck_layer(CrossEntropy(), (X[:, :3], LABELS)).checked == 18
        assert gradcheck_layer(CrossEntropy(), (X[:, :3], LABELS), cotangent=3.0).ok

    def test_a_loss_whose_backward_need_not_take_anything(self) -> None:
        class Squared:
            def forward(self, x: Any, target: Any) -> Any:
                self.gap = x - target
                return 0.5 * (self.gap**2).sum()

            def backward(self, g: Any = 1) -> Any:
                return self.gap

        report = gradcheck_layer(Squared(), (X, X[::-1] * 2))
        assert [f.input.name for f in report.findings] == ["x"]
        assert "not checked, as backward returned no gradient for them: target" in report.notes
        assert "backward() was called without its argument, as of a loss: cotangent= passes one" in report.notes
        assert failed(Squared(), (X, X[::-1] * 2), cotangent=2.0).findings[0].wrong.any()
        assert failed(Squared(), (X, X[::-1] * 2), wrt="target").findings[0].lost

    def test_several_inputs(self) -> None:
        class Bilinear:
            def __init__(self) -> None:
                self.W = rng.normal(size=(4, 3))

            def forward(self, x: Any, y: Any, scale: float) -> Any:
                self.kept = x, y, scale
                return scale * np.einsum("bi,ij,bj->b", x, self.W, y)

            def backward(self, g: Any) -> Any:
                x, y, scale = self.kept
                self.dW = scale * np.einsum("b,bi,bj->ij", g, x, y)
                g = scale * g[:, None]
                return g * (y @ self.W.T), g * (x @ self.W)

        report = gradcheck_layer(Bilinear(), (X, X[:, :3] + 1, 2))
        assert [f.input.name for f in report.findings] == ["W", "x", "y"]

    def test_a_backward_that_returns_nothing(self) -> None:
        class First(Affine):
            def backward(self, g: Any) -> Any:
                super().backward(g)

        report = gradcheck_layer(First(), X)
        assert [f.input.name for f in report.findings] == ["W", "b"]
        says = "backward returned nothing: only parameters were checked (grads={'x': ...} says where the gradient of"
        assert report.notes[-1].startswith(says)

    def test_a_whole_network(self) -> None:
        report = gradcheck_layer(Net(), (X, LABELS))
        names = ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b", "x"]
        assert [f.input.name for f in report.findings] == names
        assert "layers[2].b in layers[2].db" in report.notes[0]

    def test_random_numbers_are_the_same_each_time(self) -> None:
        class Dropout:
            def forward(self, x: Any) -> Any:
                self.mask = np.random.rand(*x.shape) < 0.5  # noqa: NPY002
                return x * self.mask

            def backward(self, g: Any) -> Any:
                return g * self.mask

        np.random.seed(5)  # noqa: NPY002
        before = np.random.get_state()[1]  # noqa: NPY002
        assert gradcheck_layer(Dropout(), X).ok
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002

    def test_a_generator_of_its_own(self) -> None:
        class Dropout:
            def __init__(self) -> None:
                self.rng = np.random.default_rng(3)

            def forward(self, x: Any) -> Any:
                self.mask = self.rng.random(x.shape) < 0.5
                return x * self.mask

            def backward(self, g: Any) -> Any:
                return g * self.mask

        layer = Dropout()
        assert gradcheck_layer(layer, X).ok
        assert layer.rng.random() == np.random.default_rng(3).random()

    def test_a_state_that_changes_in_every_forward(self) -> None:
        class Normalised:
            def __init__(self) -> None:
                self.gamma, self.mean = np.ones(4) * 1.5, np.zeros(4)

            def forward(self, x: Any) -> Any:
                self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
                self.xhat = x - self.mean
                return self.xhat * self.gamma

            def backward(self, g: Any) -> Any:
                self.dgamma = (g * self.xhat).sum(0)
                g = g * self.gamma
                return g - 0.1 * g.sum(0) / len(g)

        layer = Normalised()
        assert gradcheck_layer(layer, X).notes == ["gradients of parameters: gamma in dgamma"]
        assert not layer.mean.any()

    def test_a_number_as_parameter(self) -> None:
        class Leaky:
            def __init__(self) -> None:
                self.slope, self.dslope, self.rate = 0.25, 7.0, 0.1

            def forward(self, x: Any) -> Any:
                self.x = x
                return np.where(x > 0, x, self.slope * x)

            def backward(self, g: Any) -> Any:
                self.dslope = float((g * self.x * (self.x < 0)).sum())
                return np.where(self.x > 0, g, self.slope * g)

        layer = Leaky()
        assert [f.input.name for f in gradcheck_layer(layer, X).findings] == ["slope", "x"]
        assert (layer.slope, layer.dslope) == (0.25, 7.0)


class TestPairs:
    """Which gradient belongs to which parameter."""

    @pytest.mark.parametrize("grads", [{"params['W']": "grads['W']"}, None])
    def test_dicts(self, grads: Any) -> None:
        class Layer:
            def __init__(self) -> None:
                self.params, self.grads = {"W": rng.normal(size=(4, 3))}, {}

            def forward(self, x: Any) -> Any:
                self.x = x
                return x @ self.params["W"]

            def backward(self, g: Any) -> Any:
                self.grads["W"] = self.x.T @ g
                return g @ self.params["W"].T

        report = gradcheck_layer(Layer(), X, grads=grads)
        assert report.notes == ["gradients of parameters: params['W'] in grads['W']"]

    def test_lists_that_are_filled(self) -> None:
        class Layer:
            def __init__(self, factor: float) -> None:
                self.params = [rng.normal(size=(4, 3))]
                self.grads, self.factor = [np.zeros((4, 3))], factor

            def forward(self, x: Any) -> Any:
                self.x = x
                return x @ self.params[0]

            def backward(self, g: Any) -> Any:
                self.grads[0][...] = self.factor * self.x.T @ g
                return g @ self.params[0].T

        assert gradcheck_layer(Layer(1.0), X).notes == ["gradients of parameters: params[0] in grads[0]"]
        assert wrong_names(failed(Layer(1.001))) == ["params[0]"]

    def test_arrays_that_are_held_twice(self) -> None:
        class Shared(Net):
            def __init__(self) -> None:
                super().__init__(Affine(4, 3))
                self.params = {"W1": self.layers[0].W, "b1": self.layers[0].b}

        report = gradcheck_layer(Shared(), (X, LABELS))
        assert [f.input.name for f in report.findings] == ["layers[0].W", "layers[0].b", "x"]

    def test_parameters_that_are_objects(self) -> None:
        class Parameter:
            def __init__(self, data: Any) -> None:
                self.data, self.grad = data, None

        class Layer:
            def __init__(self, factor: float) -> None:
                self.W, self.factor = Parameter(rng.normal(size=(4, 3))), factor

            def forward(self, x: Any) -> Any:
                self.x = x
                return x @ self.W.data

            def backward(self, g: Any) -> Any:
                self.W.grad = self.factor * self.x.T @ g
                return g @ self.W.data.T

        assert gradcheck_layer(Layer(1.0), X).notes == ["gradients of parameters: W.data in W.grad"]
        assert wrong_names(failed(Layer(2.0))) == ["W.data"]

    def test_layers_without_a_backward_of_their_own(self) -> None:
        class Held:
            def __init__(self) -> None:
                self.W, self.table = rng.normal(size=(4, 3)), np.ones(5)

        class Whole:
            def __init__(self) -> None:
                self.first = Held()

            def forward(self, x: Any) -> Any:
                self.x = x
                return x @ self.first.W

            def backward(self, g: Any) -> Any:
                self.first.dW = self.x.T @ g  # type: ignore[attr-defined]
                return g @ self.first.W.T

        assert gradcheck_layer(Whole(), X).notes == ["gradients of parameters: first.W in first.dW"]

    def test_what_is_named(self) -> None:
        class Odd(Affine):
            def backward(self, g: Any) -> Any:
                self.found = {"of W": self.x.T @ g, "of b": g.sum(0)}
                return g @ self.W.T

        assert gradcheck_layer(Odd(), X, grads={"W": "found['of W']", "b": 'found["of b"]'}).checked == 39
        assert wrong_names(failed(Odd(), grads={"b": "found['of b']", "W": "W"})) == ["W"]
        assert [f.input.name for f in gradcheck_layer(Odd(), X, grads={}).findings] == ["x"]

    def test_nothing_found(self) -> None:
        class Odd(Affine):
            def backward(self, g: Any) -> Any:
                self.of_W = self.x.T @ g
                return g @ self.W.T

        with pytest.raises(ValueError, match="no gradient beside any of its arrays, such as dW") as caught:
            gradcheck_layer(Odd(), X)
        for words in ("W (4, 3)", "b (3,)", "of_W (4, 3)", "grads={'W': ...}", "grads={} if it has no parameters"):
            assert words in str(caught.value)
        with pytest.raises(ValueError, match=r"there is no floating 'V' to be checked. It has W \(4, 3\), b \(3,\)"):
            gradcheck_layer(Odd(), X, grads={"V": "of_W"})
        with pytest.raises(ValueError, match=r"after a backward there is no 'dW'. It has .*of_W \(4, 3\)"):
            gradcheck_layer(Odd(), X, grads={"W": "dW"})
        with pytest.raises(ValueError, match="'W 1' is not a path"):
            gradcheck_layer(Odd(), X, grads={"W 1": "dW"})

    def test_a_parameter_whose_gradient_was_forgotten(self) -> None:
        class Forgetful(Affine):
            def backward(self, g: Any) -> Any:
                self.dW = self.x.T @ g
                return g @ self.W.T

        assert "not checked, as no gradient is beside them: b" in gradcheck_layer(Forgetful(), X).notes

    def test_caches_of_an_earlier_call_are_no_parameters(self) -> None:
        class Keeping(Affine):
            def backward(self, g: Any) -> Any:
                self.dx = super().backward(g)
                return self.dx

        layer = Keeping()
        layer.backward(np.ones_like(layer.forward(X)))
        assert gradcheck_layer(layer, X).notes == ["gradients of parameters: W in dW, b in db"]


class TestWrong:
    """What is found."""

    @pytest.mark.parametrize(
        ("name", "mistake"),
        [
            ("W", lambda layer, g: -layer.dW),
            ("b", lambda layer, g: layer.db / len(g)),
            ("b", lambda layer, g: layer.db * 0),
            ("x", lambda layer, g: np.clip(g, -1, 1) @ layer.W.T),
        ],
    )
    @pytest.mark.parametrize("nested", [False, True])
    def test_mistakes(self, name: str, mistake: Any, nested: bool) -> None:
        class Wrong(Affine):
            def backward(self, g: Any) -> Any:
                by_x = super().backward(g)
                if name == "x":
                    return mistake(self, g)
                setattr(self, f"d{name}", mistake(self, g))
                return by_x

        if nested and name == "x":
            return
        layer, inputs = (Net(Wrong()), (X, LABELS)) if nested else (Wrong(), X)
        report = failed(layer, inputs)
        path = f"layers[0].{name}" if nested else name
        assert wrong_names(report) == [path]
        if name != "x":
            where = f"layers[0].d{name}" if nested else f"d{name}"
            assert f"parameter {path!r}, float64" in str(report)
            assert re.search(rf"worst: {re.escape(path)}\[.*\]  {re.escape(where)} ", str(report))
        line = Wrong.backward.__code__.co_firstlineno
        says = f"Wrong in layers[0] is wrong by itself: {name} (backward: {__file__}:{line})"
        assert report.blame == (says if nested else "")

    def test_the_layer_to_blame(self) -> None:
        class Leaking(Relu):
            def backward(self, g: Any) -> Any:
                return g * (g > 0)

        report = failed(Net(Affine(4, 5), Leaking(), Affine(5, 4), WrongBias(4, 3)), (X, LABELS))
        first, second = report.blame.split("\n")
        assert first.startswith("Leaking in layers[1] is wrong by itself: x (backward: ")
        assert second.startswith("  WrongBias in layers[3] is wrong by itself: b (backward: ")
        assert "layers[2].W" not in wrong_names(report)

    def test_layers_that_are_put_together_wrongly(self) -> None:
        class Skipping(Net):
            def backward(self) -> Any:
                first, _, last = self.layers
                return first.backward(last.backward(self.parts["loss"].backward()))

        report = failed(Skipping(), (X, LABELS))
        assert report.blame == "each layer in it is right by itself: look at how Skipping puts them together"
        assert wrong_names(report) == ["layers[0].W", "layers[0].b", "x"]

    def test_layers_in_a_network_with_named_gradients(self) -> None:
        class Odd(Affine):
            def backward(self, g: Any) -> Any:
                self.of_W = -(self.x.T @ g)
                return g @ self.W.T

        report = failed(Net(Odd()), (X, LABELS), grads={"layers[0].W": "layers[0].of_W"})
        assert report.blame.startswith("Odd in layers[0] is wrong by itself: W (")

    def test_the_shape(self) -> None:
        class Transposed(Affine):
            def backward(self, g: Any) -> Any:
                self.dW, self.db = g.T @ self.x, g
                return g @ self.W.T

        report = failed(Transposed())
        assert report.problems == [
            "the gradient of parameter 'W' has shape (3, 4), the parameter (4, 3): is it transposed?"
        ]
        assert "note: gradients of parameters: W in dW, b in db" in str(report)

    def test_a_gradient_that_is_left_from_an_earlier_call(self) -> None:
        class Lazy(Affine):
            def backward(self, g: Any) -> Any:
                return g @ self.W.T

        layer: Any = Lazy()
        layer.dW, layer.db = X.T @ np.ones((6, 3)), np.full(3, 6.0)
        assert wrong_names(failed(layer, cotangent=np.ones((6, 3)))) == ["W", "b"]

    def test_the_mean_over_the_batch(self) -> None:
        class Mean(Affine):
            def backward(self, g: Any) -> Any:
                self.dW, self.db = self.x.T @ g / len(g), g.mean(0)
                return g @ self.W.T

        report = failed(Mean())
        assert all("the mean over the batch: multiply by 6" in f.hint for f in report.findings[:2])
        assert gradcheck_layer(Mean(), X, batch_mean=True).ok
        assert wrong_names(failed(Affine(), batch_mean=True)) == ["W", "b"]
        with pytest.raises(ValueError, match="batch_mean=True: there is no input with samples along axis 0"):
            gradcheck_layer(Relu(), 1.5, batch_mean=True)

    def test_samples_in_columns(self) -> None:
        class Columns:
            def __init__(self) -> None:
                self.W = rng.normal(size=(3, 6))

            def forward(self, x: Any) -> Any:
                self.x = x
                return self.W @ x

            def backward(self, g: Any) -> Any:
                self.dW = g @ self.x.T / g.shape[1]
                return self.W.T @ g

        assert "Or, if its samples are columns, batch_mean=4 accepts it" in failed(Columns()).findings[0].hint
        assert gradcheck_layer(Columns(), X, batch_mean=4).ok
        hint = failed(Columns(), batch_mean=True).findings[0].hint
        assert hint.endswith("batch_mean multiplied it by 6: if its samples are columns, give batch_mean=4")
        for count in (0, -3):
            with pytest.raises(ValueError, match=f"batch_mean={count}: give True, or the number of samples"):
                gradcheck_layer(Columns(), X, batch_mean=count)

    def test_a_needless_batch_mean(self) -> None:
        report = failed(Affine(), batch_mean=True)
        assert {f.hint for f in report.findings[:2]} == {"it is right without batch_mean, which multiplied it by 6"}

    def test_an_epsilon_in_the_forward_only(self) -> None:
        class Guarded(CrossEntropy):
            def forward(self, x: Any, labels: Any) -> Any:
                super().forward(x, labels)
                return -np.log(self.p[np.arange(len(x)), labels] + 1e-7).mean()

        report = failed(Guarded(), (X[:, :3], LABELS))
        assert "a missing epsilon?" in report.findings[0].hint
        assert gradcheck_layer(Guarded(), (X[:, :3], LABELS), rtol=1e-4).ok

    def test_an_update_in_the_backward(self) -> None:
        class Hasty(Affine):
            def backward(self, g: Any) -> Any:
                by_x = super().backward(g)
                self.W -= 0.1 * self.dW
                return by_x

        layer = Hasty()
        before = layer.W.copy()
        assert "parameter 'W' was changed in place by the backward" in failed(layer).problems[0]
        np.testing.assert_array_equal(layer.W, before)

    def test_a_program_that_shows_it(self) -> None:
        layer = WrongBias()
        report = failed(layer)
        assert report.repro.splitlines()[-1] == "gradcheck_layer(layer, x, seed=0)"
        with pytest.raises(GradcheckError) as caught:
            exec(report.repro, {"__name__": "shown"})
        assert wrong_names(caught.value.report) == ["b"]
        np.testing.assert_array_equal(caught.value.report.findings[1].analytic, report.findings[1].analytic)


class WrongBias(Affine):
    """A layer whose db is twice what it should be."""

    def backward(self, g: Any) -> Any:
        by_x = super().backward(g)
        self.db = 2 * self.db
        return by_x


class Adding(Affine):
    def __init__(self) -> None:
        super().__init__()
        self.dW, self.db = np.ones((4, 3)), np.ones(3)

    def backward(self, g: Any) -> Any:
        self.dW += self.x.T @ g
        self.db = self.db + g.sum(0)
        return g @ self.W.T


class Zeroing(Adding):
    def zero_grad(self) -> None:
        self.dW, self.db = np.zeros((4, 3)), np.zeros(3)


class Forgetting(Adding):
    def zero_grad(self) -> None:
        self.dW = np.zeros((4, 3))


class FromScratch:
    """A layer whose forward and backward return nothing, but leave all on the object."""

    def __init__(self, factor: float = 1.0) -> None:
        self.weights, self.biases, self.factor = rng.normal(size=(4, 3)), rng.normal(size=3), factor

    def forward(self, inputs: Any) -> None:
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues: Any) -> None:
        self.dweights, self.dbiases = self.inputs.T @ dvalues, dvalues.sum(0)
        self.dinputs = self.factor * dvalues @ self.weights.T


class TestLeftOnTheObject:
    """Outputs, and gradients of inputs, that are not returned."""

    @pytest.mark.parametrize("used", [False, True])
    @pytest.mark.parametrize("grads", [None, {"inputs": "dinputs"}])
    def test_the_gradient_of_the_input(self, used: bool, grads: Any) -> None:
        right, wrong = FromScratch(), FromScratch(1.7)
        for layer in (right, wrong) if used else ():
            layer.forward(X)
            layer.backward(X[:, :3])
        report = gradcheck_layer(right, X, grads=grads)
        assert [f.input.name for f in report.findings] == ["weights", "biases", "inputs"]
        assert "gradients of inputs: inputs in dinputs" in report.notes
        report = failed(wrong, grads=grads)
        assert wrong_names(report) == ["inputs"]
        assert report.findings[2].hint == "it is 17/10 of the numeric derivative"

    @pytest.mark.parametrize("name", ["dx", "grad_input", "grad_inputs", "dz", "z_grad"])
    def test_other_names(self, name: str) -> None:
        class Tanh:
            def forward(self, z: Any) -> Any:
                self.out = np.tanh(z)

            def backward(self, g: Any) -> None:
                setattr(self, name, g * (1 - self.out))

        assert wrong_names(failed(Tanh())) == ["z"]

    def test_layers_of_a_network_whose_input_is_named(self) -> None:
        class Network:
            def __init__(self) -> None:
                self.first, self.second = FromScratch(1.5), FromScratch()
                self.second.weights = rng.normal(size=(3, 3))

            def forward(self, inputs: Any) -> Any:
                self.first.forward(inputs)
                self.second.forward(self.first.output)
                return self.second.output

            def backward(self, g: Any) -> None:
                self.second.backward(g)
                self.first.backward(self.second.dinputs)

        report = failed(Network(), grads={"inputs": "first.dinputs"})
        assert wrong_names(report) == ["inputs"]
        assert [f.input.name for f in report.findings][:2] == ["first.weights", "first.biases"]
        assert report.blame.startswith("FromScratch in first is wrong by itself: inputs (")

    def test_a_program_that_shows_it(self) -> None:
        report = failed(FromScratch(1.7), grads={"inputs": "dinputs"})
        with pytest.raises(GradcheckError) as caught:
            exec(report.repro, {"__name__": "shown"})
        assert wrong_names(caught.value.report) == ["inputs"]

    def test_a_name_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match=r"after a backward there is no 'dx'. It has .*dinputs"):
            gradcheck_layer(FromScratch(), X, grads={"inputs": "dx"})

    def test_a_forgotten_return(self) -> None:
        class Forgetful(Relu):
            def backward(self, g: Any) -> Any:
                g * self.mask

        report = failed(Forgetful())
        assert report.verdict == "inconclusive"
        assert "backward returned None: is a `return` missing?" in report.problems[0]
        assert "grads={'x': ...}" in report.problems[0]

    def test_integers_are_said(self) -> None:
        report = gradcheck_layer(Affine(), np.arange(8).reshape(2, 4))
        assert "not checked, as they hold integers: x" in str(report)

    def test_a_forgotten_gradient_is_told_of_a_layer_that_passes(self) -> None:
        class Forgetful(Affine):
            def backward(self, g: Any) -> Any:
                self.dW, self.dbias = self.x.T @ g, g.sum(0)
                return g @ self.W.T

        text = str(gradcheck_layer(Net(Affine(4, 3), Forgetful(3, 3)), (X, LABELS)))
        assert "note: not checked, as no gradient is beside them: layers[1].b" in text


class TestChangedByTheForward:
    def test_it_is_the_forward(self) -> None:
        class Doubling(Affine):
            def forward(self, x: Any) -> Any:
                x *= 2
                return super().forward(x)

            def backward(self, g: Any) -> Any:
                return 2 * super().backward(g)

        report = failed(Doubling())
        assert report.problems == ["input 'x' was changed in place by the forward: let it work on a copy"]
        assert not any("add up" in note for note in report.notes)

    def test_labels_are_put_back(self) -> None:
        class Shifting(CrossEntropy):
            def forward(self, x: Any, labels: Any) -> Any:
                labels %= 2
                return super().forward(x, labels)

        labels = LABELS.copy()
        assert "input 'labels' was changed in place by the forward" in failed(Shifting(), (X, labels)).problems[0]
        np.testing.assert_array_equal(labels, LABELS)


class TestAddingUp:
    """Gradients that add up from call to call."""

    def test_without_zero_grad_it_is_noted(self) -> None:
        layer = Adding()
        says = "gradients add up from call to call, and there is no zero_grad(): dW, db"
        assert says in gradcheck_layer(layer, X).notes
        assert (layer.dW == 1).all()

    def test_with_zero_grad_it_is_right(self) -> None:
        assert gradcheck_layer(Zeroing(), X).notes == ["gradients of parameters: W in dW, b in db"]

    def test_a_zero_grad_that_forgets_one(self) -> None:
        assert failed(Forgetting()).problems == ["zero_grad() does not set db back: it adds up from call to call"]

    def test_layers_of_a_network_that_has_none(self) -> None:
        assert not any("add up" in note for note in gradcheck_layer(Net(Zeroing()), (X, LABELS)).notes)
        assert "zero_grad() does not set layers[0].db back" in failed(Net(Forgetting()), (X, LABELS)).problems[0]

    def test_a_layer_for_one_pass(self) -> None:
        class Once(Affine):
            def forward(self, x: Any) -> Any:
                if hasattr(self, "x"):
                    raise RuntimeError("used")
                return super().forward(x)

        assert gradcheck_layer(Once(), X).ok


def test_the_object_stays_as_it_was() -> None:
    net = Net(Adding(), Relu())
    net.forward(X, LABELS)
    before = copy.deepcopy(net)
    gradcheck_layer(net, (X, LABELS))
    for one, other in zip(net.layers, before.layers, strict=True):
        assert list(vars(one)) == list(vars(other))
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name))


class TestRefused:
    """What is no layer."""

    @pytest.mark.parametrize(
        ("layer", "words"),
        [
            (Affine, "got the class Affine: make one"),
            (nn.Linear(4, 3), "got Linear: check_module"),
            (np.tanh, "got ufunc"),
        ],
    )
    def test_other_things(self, layer: Any, words: str) -> None:
        with pytest.raises(TypeError, match=rf"needs an object with forward\(x\) and backward\(g\), {words}"):
            gradcheck_layer(layer, X)

    def test_no_copy(self) -> None:
        layer: Any = Affine()
        layer.lock = threading.Lock()
        with pytest.raises(
            TypeError, match=r"Affine cannot be copied \(TypeError: .*\): each evaluation needs a fresh"
        ):
            gradcheck_layer(layer, X)

    def test_no_output(self) -> None:
        class Silent(Affine):
            def forward(self, x: Any) -> Any:
                self.result = super().forward(x)

        says = r"the forward of Silent has to return its output.*leave it in self.output: it returned NoneType"
        with pytest.raises(ValueError, match=says):
            gradcheck_layer(Silent(), X)

    def test_a_backward_without_argument_of_many_numbers(self) -> None:
        class Loss(Relu):
            def backward(self) -> Any:  # type: ignore[override]
                return self.mask

        with pytest.raises(ValueError, match=r"Loss.backward\(\) takes no argument.*: it is \(6, 4\)"):
            gradcheck_layer(Loss(), X)

    def test_a_backward_with_more_arguments(self) -> None:
        class Learning(Affine):
            def backward(self, g: Any, learning_rate: float) -> Any:  # type: ignore[override]
                return super().backward(g)

        says = (
            r"Learning.backward\(g, learning_rate\) is called with the gradient of the output alone.*derived from "
            r"Learning, whose backward\(self, g\) supplies learning_rate and returns super.*\(g, learning_rate\); at a"
        )
        with pytest.raises(TypeError, match=says):
            gradcheck_layer(Learning(), X)

    def test_a_backward_with_an_argument_for_each_output(self) -> None:
        class Pair(Affine):
            def forward(self, x: Any) -> Any:
                return super().forward(x), 2 * x

            def backward(self, dy: Any, dx: Any) -> Any:  # type: ignore[override]
                return super().backward(dy) + 2 * dx

        class Wrapped(Pair):
            def backward(self, g: Any) -> Any:  # type: ignore[override]
                return super().backward(*g)

        with pytest.raises(TypeError, match=r"super\(\).backward\(\*g\), as there is a gradient for each output"):
            gradcheck_layer(Pair(), X)
        assert gradcheck_layer(Wrapped(), X).ok

    def test_a_loss_that_returns_its_gradients(self) -> None:
        class Classifier:
            def __init__(self) -> None:
                self.params = {"W": rng.normal(size=(4, 3))}

            def loss(self, X: Any, y: Any) -> Any:
                return ((X @ self.params["W"]) ** 2).sum(), {"W": X.T @ (X @ self.params["W"])}

        class Wrapped(Classifier):
            def forward(self, X: Any, y: Any) -> Any:
                loss, self.grads = self.loss(X, y)
                return loss

            def backward(self) -> None:
                pass

        with pytest.raises(TypeError, match=r"got Classifier: give it a forward\(X, y\) that calls its loss\(X, y\)"):
            gradcheck_layer(Classifier(), (X, LABELS))
        report = failed(Wrapped(), (X, LABELS))
        assert [f.hint for f in report.findings] == ["it is 1/2 of the numeric derivative"]

    def test_the_number_of_gradients(self) -> None:
        class Functional(Affine):
            def backward(self, g: Any) -> Any:
                return super().backward(g), self.dW, self.db

        with pytest.raises(ValueError, match=r"3 gradients for 1 inputs.*those of parameters belong on the object"):
            gradcheck_layer(Functional(), X)

    def test_errors_of_the_layer_are_its_own(self) -> None:
        with pytest.raises(ValueError, match="matmul"):
            gradcheck_layer(Affine(), X.T)
