"""check_module: the gradients of parameters and inputs, and a module that is left as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import (
    GradcheckError,
    check_float32,
    check_laws,
    check_module,
    compare,
    gradient_property,
)
from tinygrad_edu.testing.modules import of_module
from tinygrad_edu.testing.strategies import tensors

X = np.random.default_rng(0).normal(size=(5, 3))

MODULES: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "Linear": (lambda: nn.Linear(3, 2), X),
    "Bilinear": (lambda: nn.Bilinear(3, 2, 2), (X, X[:, :2] + 0.5)),
    "LayerNorm": (lambda: nn.LayerNorm(3), X),
    "RMSNorm": (lambda: nn.RMSNorm(3), X),
    "PReLU": (lambda: nn.PReLU(3), X),
    "Embedding": (lambda: nn.Embedding(5, 2), np.array([1, 4, 1, 0, 2, 3])),
    "Dropout": (lambda: nn.Dropout(0.4), X),
    "GLU": (lambda: nn.GLU(), X[:, :2]),
    "MLP": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Dropout(0.3), nn.Linear(4, 2)),
        X,
    ),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(), (X, np.array([0, 1, 2, 0, 1]))),
    "MSELoss": (lambda: nn.MSELoss(), (X, X + 0.5)),
}


class Wrong(tg.Function):
    """x @ w.T, with a gradient of w that is 10 % too large in one place."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        factor = np.ones(w.shape)
        factor[1, 0] = 1.1
        return g @ w, (g.T @ x) * tg.tensor(factor)


class WrongLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tg.randn(2, 4))

    def forward(self, x: Any) -> Any:
        return Wrong.apply(x, self.weight)


def arguments(inputs: Any) -> tuple[Any, ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", MODULES)
def test_modules_of_the_library_are_right(name: str, order: int) -> None:
    make, inputs = MODULES[name]
    for seed in range(3 if order == 1 else 1):
        tg.manual_seed(seed)
        report = check_module(make(), *arguments(inputs), order=order, seed=seed)
        assert report.ok
        assert report.name == ("Sequential" if name == "MLP" else name)


def test_parameters_are_named_by_their_paths() -> None:
    report = check_module(MODULES["MLP"][0](), X)
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias", "x"]
    assert [f.input.name for f in report.findings] == names
    assert [f.input.value.dtype for f in report.findings[:2]] == [np.float32, np.float32]


def test_a_wrong_parameter_is_named_with_its_path() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(WrongLinear()))
    with pytest.raises(GradcheckError) as caught:
        check_module(model, X)
    text = str(caught.value)
    assert "Sequential: the gradient is wrong" in text
    assert "input '2.0.weight', float32 (2, 4): 1 of 8 elements" in text
    assert "worst: 2.0.weight[1, 0]" in text
    assert [f.input.name for f in caught.value.report.findings if f.wrong.any()] == ["2.0.weight"]


def test_an_error_inside_has_the_path_of_the_layer() -> None:
    with pytest.raises(tg.errors.ShapeError, match=r"Linear '1'"):
        check_module(nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2)), X)


def test_an_input_with_the_name_of_a_parameter() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.x = nn.Parameter(tg.ones(3))

        def forward(self, x: Any) -> Any:
            return x * self.x

    assert [f.input.name for f in check_module(Scale(), X).findings] == ["x", "input x"]


def test_wrt() -> None:
    for wrt, names in [("bias", ["bias"]), (["weight", "x"], ["weight", "x"]), (-1, ["x"])]:
        assert [f.input.name for f in check_module(nn.Linear(3, 2), X, wrt=wrt).findings] == names
    with pytest.raises(ValueError, match="the inputs are weight, bias, x"):
        check_module(nn.Linear(3, 2), X, wrt="scale")


class TestTied:
    """One parameter in several places, and parameters that do not learn."""

    def test_once_with_the_gradient_of_both_uses(self) -> None:
        class Tied(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Embedding(4, 3)
                self.head = nn.Linear(3, 4, bias=False)
                self.head.weight = self.embed.weight

            def forward(self, ids: Any) -> Any:
                return self.head(self.embed(ids).tanh())

        report = check_module(Tied(), np.array([0, 3, 3, 1]))
        assert [f.input.name for f in report.findings] == ["embed.weight"]

    def test_a_module_in_two_places(self) -> None:
        layer = nn.Linear(3, 3)
        report = check_module(nn.Sequential(layer, nn.Tanh(), layer), X)
        assert [f.input.name for f in report.findings] == ["0.weight", "0.bias", "x"]

    def test_frozen_parameters_are_passed_over_with_a_note(self) -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        model[0].requires_grad_(False)
        report = check_module(model, X)
        assert [f.input.name for f in report.findings] == ["2.weight", "2.bias", "x"]
        assert report.notes == ["frozen, and so not checked: 0.weight, 0.bias"]
        assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]

    def test_nothing_but_frozen_parameters(self) -> None:
        model = nn.Embedding(3, 2).requires_grad_(False)
        with pytest.raises(GradcheckError, match="nothing to check") as caught:
            check_module(model, np.array([0, 1]))
        assert "note: frozen, and so not checked: weight" in str(caught.value)

    def test_a_parameter_that_is_not_used_has_no_gradient_and_needs_none(self) -> None:
        class Spare(nn.Linear):
            def __init__(self) -> None:
                super().__init__(3, 2)
                self.spare = nn.Parameter(tg.ones(2))

        report = check_module(Spare(), X)
        assert next(f for f in report.findings if f.input.name == "spare").lost

    def test_a_parameter_that_is_detached_is_found(self) -> None:
        class Detached(nn.Linear):
            def forward(self, x: Any) -> Any:
                return x @ self.weight.detach().T + self.bias

        with pytest.raises(GradcheckError, match="input 'weight'"):
            check_module(Detached(3, 2), X)


class TestOutputs:
    """Tuples, dicts, integers among them."""

    def test_containers(self) -> None:
        class Both(nn.Linear):
            def forward(self, x: Any) -> Any:
                y = super().forward(x)
                return {"logits": y, "parts": (y.tanh(), [y.argmax(1)]), "loss": (y * y).sum()}

        report = check_module(Both(3, 2), X)
        assert report.ok
        assert check_module(Both(3, 2), X, cotangent=(np.ones((5, 2)), np.ones((5, 2)), np.asarray(1.0))).ok

    def test_static_and_integer_arguments(self) -> None:
        class Pick(nn.Linear):
            def forward(self, x: Any, rows: Any, twice: Any) -> Any:
                return super().forward(x)[rows] * (2 if twice else 1)

        report = check_module(Pick(3, 2), X, np.array([0, 1, 1, 3]), True)
        assert [f.input.name for f in report.findings] == ["weight", "bias", "x"]

    def test_vacuous(self) -> None:
        with pytest.raises(GradcheckError, match="zero everywhere"):
            check_module(nn.ReLU(), -np.ones((2, 2)))
        assert check_module(nn.ReLU(), -np.ones((2, 2)), allow_zero=True).ok


class Noisy(nn.Module):
    """Changes whatever a module can change while it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.register_buffer("mean", tg.zeros(2))
        self.register_buffer("steps", tg.tensor(0))
        self.calls = 0
        self.generator = tg.Generator().manual_seed(5)
        self.numpy = np.random.default_rng(6)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        y = self.drop(self.inner(x)) + tg.randn(2, generator=self.generator, dtype=tg.float64)
        y = y * float(self.numpy.uniform(0.5, 1.5))
        with tg.no_grad():
            self.mean.copy_(0.9 * self.mean + 0.1 * y.detach().mean(0))
        self.steps += 1
        self.calls += 1
        self.last = y
        self.drop.p = min(0.9, self.drop.p + 0.1)
        self.register_forward_hook(lambda module, args, out: out * 2)
        return y


class TestLeftAsItWas:
    """A check leaves no trace."""

    @pytest.mark.parametrize("wrong", [False, True])
    @pytest.mark.parametrize("order", [1, 2])
    def test_parameters_and_their_gradients(self, order: int, wrong: bool) -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), WrongLinear() if wrong else nn.Linear(4, 2))
        losses = (model(tg.tensor(X, dtype=tg.float32)) ** 2).sum(1)
        losses.backward(per_sample=True)
        parameters = list(model.parameters())
        before = [(p.array, p.array.copy(), p.source, p.grad, p.grad.array.copy()) for p in parameters]
        opened = [p.sample_grads.materialize().array for p in parameters]
        if wrong:
            with pytest.raises(GradcheckError):
                check_module(model, X)
        else:
            check_module(model, X, order=order)
        for p, (array, values, source, g, numbers), rows in zip(parameters, before, opened, strict=True):
            assert p.array is array
            assert p.source is source
            assert p.grad is g
            assert p.dtype == np.float32
            np.testing.assert_array_equal(array, values)
            np.testing.assert_array_equal(g.array, numbers)
            np.testing.assert_array_equal(p.sample_grads.materialize().array, rows)

    def test_everything_else(self) -> None:
        model = Noisy()
        hook = model.inner.register_forward_hook(lambda module, args, out: out * 1)
        states = [model.generator.get_state(), copy.deepcopy(model.numpy.bit_generator.state), tg.get_rng_state()]
        attributes = dict(vars(model))
        mean, steps = model.mean, model.steps
        report = check_module(model, X)
        assert report.ok
        assert dict(vars(model)) == attributes
        assert model.mean is mean
        assert model.steps is steps
        assert mean.dtype == np.float32
        np.testing.assert_array_equal(mean.array, 0)
        assert steps.item() == 0
        assert model.calls == 0
        assert not hasattr(model, "last")
        assert model.drop.p == 0.5
        assert model._hooks is None
        assert len(model.inner._hooks.after) == 1
        assert [model.generator.get_state(), model.numpy.bit_generator.state, tg.get_rng_state()] == states
        hook.remove()

    def test_the_mode(self) -> None:
        for training in (True, False):
            model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).train(training)
            check_module(model, X)
            assert [part.training for part in model.modules()] == [training] * 3

        class Switches(nn.Linear):
            def forward(self, x: Any) -> Any:
                self.eval()
                return super().forward(x)

        model = Switches(3, 2)
        check_module(model, X)
        assert model.training

    def test_after_an_error(self) -> None:
        class Breaks(nn.Linear):
            def forward(self, x: Any) -> Any:
                self.broken = True
                raise RuntimeError("broken")

        model = Breaks(3, 2)
        state, weight = tg.get_rng_state(), model.weight.array
        with pytest.raises(RuntimeError, match="broken"):
            check_module(model, X)
        assert tg.get_rng_state() == state
        assert model.weight.array is weight
        assert not hasattr(model, "broken")

    def test_hooks_of_parameters_are_not_called_and_stay(self) -> None:
        model = nn.Linear(3, 2)
        called: list[int] = []
        model.weight.register_hook(lambda g: called.append(1))
        check_module(model, X)
        assert not called
        model(tg.tensor(X, dtype=tg.float32)).backward()
        assert called == [1]

    def test_hooks_of_modules_are_part_of_what_is_checked(self) -> None:
        model = nn.Linear(3, 2)
        model.register_forward_hook(lambda module, args, out: out.detach())
        with pytest.raises(GradcheckError):
            check_module(model, X)

    def test_the_array_that_was_given(self) -> None:
        x = X.copy()
        check_module(nn.Linear(3, 2), x)
        np.testing.assert_array_equal(x, X)


class Keeps(nn.Module):
    """x² w, whose backward reads what forward has left in the module, and leaves something itself."""

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(tg.full((3,), 1.5))
        self.factor = factor

    def forward(self, x: Any) -> Any:
        layer = self

        class Square(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, w: Any) -> Any:
                layer.x, layer.w = x.detach(), w.detach()
                return x * x * w

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                layer.passes = 1
                assert layer.weight.dtype == g.dtype
                by_w = g * layer.x * layer.x
                return layer.factor * g * layer.x * layer.w, by_w.sum(0) if layer.w.ndim == 1 else by_w

        return Square.apply(x, self.weight)


class TestStateOfForward:
    """A backward pass finds the module as forward has left it, and the user as it was before both."""

    def test_a_rule_that_reads_it(self) -> None:
        layer = Keeps()
        before = dict(vars(layer))
        for model in (layer, nn.Sequential(nn.Linear(3, 3), layer, nn.Tanh(), nn.Dropout(0.5))):
            assert check_module(model, X).ok
            assert check_laws(model, X).ok
            assert check_float32(model, X).ok
            assert compare(model, model, X).ok
            gradient_property(given=tensors((2, 3)), profile="ci", max_examples=5)(model)()
        assert dict(vars(layer)) == before
        assert layer.weight.dtype == np.float32

    def test_a_hook_that_reads_it(self) -> None:
        class Hooked(nn.Module):
            def forward(self, x: Any) -> Any:
                self.scale = 2.0
                y = x * x
                if y.requires_grad:
                    y.register_hook(lambda g: g * self.scale / 2)
                return y * x

        for order in (1, 2):
            assert check_module(Hooked(), X, order=order).ok

    def test_a_backward_that_computes_a_part_again(self) -> None:
        class Again(nn.Linear):
            def forward(self, x: Any) -> Any:
                layer, parent = self, super()

                class Saving(tg.Function):
                    @staticmethod
                    def forward(ctx: Any, x: Any, w: Any, b: Any) -> Any:
                        ctx.save_for_backward(x)
                        return tg.tanh(nn.functional.linear(x, w, b))

                    @staticmethod
                    def backward(ctx: Any, g: Any) -> Any:
                        (x,) = ctx.saved_tensors
                        slope = g * (1 - tg.tanh(parent.forward(x)) ** 2)
                        return slope @ layer.weight.detach(), slope.T @ x, slope.sum(0)

                return Saving.apply(x, self.weight, self.bias)

        assert check_module(Again(3, 2), X).ok

    def test_a_wrong_rule_is_found_and_blamed(self) -> None:
        model = nn.Sequential(nn.Linear(3, 3), Keeps(3.0))
        before = dict(vars(model[1]))
        with pytest.raises(GradcheckError) as caught:
            check_module(model, X)
        first, second = caught.value.report.blame.split("\n")
        assert first.startswith("the rule of 'Square' for argument 0 ('x'), in layer '1' (Keeps), called at ")
        assert second.startswith("  by itself it gives ")
        assert dict(vars(model[1])) == before

    def test_the_backward_pass_raises(self) -> None:
        class Breaks(Keeps):
            def forward(self, x: Any) -> Any:
                self.factor = None  # type: ignore[assignment]
                return super().forward(x)

        layer = Breaks()
        before, weight = dict(vars(layer)), layer.weight.array
        with pytest.raises(TypeError):
            check_module(layer, X)
        assert dict(vars(layer)) == before
        assert layer.weight.array is weight

    def test_each_graph_has_the_state_of_its_own_forward(self) -> None:
        subject = of_module(Keeps(), [X])
        weight, x = subject.arrays()
        pulls = [subject.pullback([weight, factor * x]) for factor in (1, 2)]
        subject.values([weight, 5 * x])
        for factor, pull in ((1, pulls[0]), (2, pulls[1]), (1, pulls[0])):
            np.testing.assert_allclose(pull([np.ones(X.shape)])[1], 2 * factor * x * weight, rtol=1e-13)

    def test_one_module_in_two_places_has_the_state_of_its_last_use(self) -> None:
        layer = Keeps()
        with pytest.raises(GradcheckError, match="the gradient is wrong"):
            check_module(nn.Sequential(layer, layer), X)


class TestRandomNumbers:
    """Each evaluation draws the same."""

    def test_dropout_silences_the_same_numbers_for_a_seed(self) -> None:
        masks = [check_module(nn.Dropout(0.5), X, seed=s).findings[0].analytic == 0 for s in (1, 1, 2)]
        np.testing.assert_array_equal(masks[0], masks[1])
        assert (masks[0] != masks[2]).any()
        assert masks[0].any()
        assert not masks[0].all()

    def test_whatever_the_state_before(self) -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
        one = check_module(model, X).findings[0].analytic
        tg.rand(3)
        np.testing.assert_array_equal(check_module(model, X).findings[0].analytic, one)

    def test_in_evaluation_mode_there_are_none(self) -> None:
        finding = check_module(nn.Dropout(0.5).eval(), X).findings[0]
        assert (finding.analytic != 0).all()


def test_a_frozen_parameter_is_computed_in_float64_too() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).requires_grad_(False)
    model[2].weight.requires_grad = True
    seen: list[Any] = []
    model[0].register_forward_hook(lambda module, args, out: seen.append((out.dtype, module.weight.dtype)))
    assert check_module(model, X.astype(np.float32)).ok
    assert set(seen) == {(np.dtype(np.float64), np.dtype(np.float64))}


def test_float32_numbers_stay_float32_as_a_subject() -> None:
    subject = of_module(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)), [X])
    narrow = [given.value.astype(np.float32) for given in subject.inputs]
    assert [v.dtype for v in subject.values(narrow)] == [np.float32]


class Nested(nn.Module):
    """Takes a pair, and a dict with a list in it: of two arrays in them, part of the gradient is lost."""

    def __init__(self, lost: bool = True) -> None:
        super().__init__()
        self.lost = lost

    def forward(self, x: Any, pair: Any, options: Any) -> Any:
        last = options["more"][0]
        both = pair[0] * (pair[1] + pair[1].detach() if self.lost else 2 * pair[1])
        return x * both * last * options["scale"]


NESTED = (X[:2], (X[2:4] + 2, X[1:3] + 3), {"more": [X[3:5] + 4], "scale": 2.0})


class TestNestedInputs:
    def test_each_array_in_them_is_checked(self) -> None:
        report = check_module(Nested(lost=False), *NESTED)
        names = ["x", "pair[0]", "pair[1]", "options['more'][0]", "options['scale']"]
        assert [finding.input.name for finding in report.findings] == names
        report = check_module(Nested(), *NESTED, wrt=["pair[0]"])
        assert [finding.input.name for finding in report.findings] == ["pair[0]"]

    def test_a_wrong_one_is_named_and_the_program_shows_it(self) -> None:
        with pytest.raises(GradcheckError, match=r"input 'pair\[1\]'") as caught:
            check_module(Nested(), *NESTED)
        assert "check_module(model, x, (x1, x2), {'more': [x3], 'scale': x4}, seed=0)" in caught.value.report.repro

    def test_laws(self) -> None:
        layer, state = nn.LSTMCell(3, 2), X[:, :2]
        assert check_laws(layer, (X, (state, state + 1)), batched=(0, 1, 2)).ok

    def test_a_reference_takes_them_as_they_were_given(self) -> None:
        def reference(x: Any, pair: Any, options: Any) -> Any:
            return 2 * x * pair[0] * pair[1] * options["more"][0] * options["scale"]

        assert compare(Nested(lost=False), reference, NESTED).ok

    def test_tuples_without_arrays_are_passed_on(self) -> None:
        class Scaled(nn.Module):
            def forward(self, x: Any, numbers: Any) -> Any:
                assert numbers == (2, [3.0])
                return x * numbers[0]

        report = check_module(Scaled(), X, (2, [3.0]))
        assert [finding.input.name for finding in report.findings] == ["x"]


@pytest.mark.parametrize("what", [tg.tanh, 3, "Linear"])
def test_only_modules(what: Any) -> None:
    with pytest.raises(TypeError, match=r"check_module\(\) needs a Module, .*gradcheck\(\) is for functions"):
        check_module(what, X)


def test_order() -> None:
    with pytest.raises(ValueError, match="check_module: order=3"):
        check_module(nn.Linear(3, 2), X, order=3)


class TestPadding:
    """The row of an embedding that is for padding gets no gradient by definition: that is no fault."""

    ids = np.array([[1, 0, 2], [0, 3, 3]])

    @pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
    def test_its_row_is_held(self, kind: Any) -> None:
        layer = kind(5, 2, padding_idx=0)
        nn.init.normal_(layer.weight)
        before = layer.weight.detach().numpy().copy()
        report = check_module(layer, self.ids)
        assert report.verdict == "right"
        assert "the row of padding_idx=0 gets no gradient, and is held: weight" in report.notes
        np.testing.assert_array_equal(layer.weight.detach().numpy(), before)
        check_module(nn.Sequential(layer, nn.Linear(2, 3)), self.ids)

    def test_a_gradient_that_it_gets_all_the_same_is_found(self) -> None:
        class Wrong(nn.Embedding):
            def forward(self, index: Any) -> Any:
                return self.weight[index]

        with pytest.raises(GradcheckError, match="wrong"):
            check_module(Wrong(5, 2, padding_idx=0), self.ids)

    def test_a_weight_that_another_layer_uses_is_checked_whole(self) -> None:
        class Tied(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.table = nn.Embedding(4, 3, padding_idx=0)
                self.out = nn.Linear(3, 4, bias=False)
                self.out.weight = self.table.weight

            def forward(self, index: Any) -> Any:
                return self.out(self.table(index))

        report = check_module(Tied(), np.array([1, 2]), allow_zero=True)
        assert report.verdict == "right"
        assert not any("padding" in note for note in report.notes)
