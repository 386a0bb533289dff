"""Influence: inner products with the test gradient, checked one sample at a time and by real steps."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import influence

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.integers(0, 4, 6)
X_TEST, Y_TEST = RNG.normal(size=(3, 3)), RNG.integers(0, 4, 3)


def mlp():
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).double()


def each(model, x=X, y=Y):
    return F.cross_entropy(model(tg.from_numpy(x)), y, reduction="none")


def gradient(loss, model):
    """The gradient of a loss by all parameters that require one, as one vector."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    parts = tg.autograd.grad(loss, parameters, allow_unused=True)
    return np.concatenate([np.zeros(p.array.size) if g is None else g.array.ravel() for p, g in zip(parameters, parts)])


def by_loop(model, losses_of, test_loss):
    """The definition, with one forward and one backward pass for each sample."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    direction = gradient(test_loss(model), model)
    for module, training in modes:
        module.training = training
    count = losses_of(model).shape[0]
    return np.array([gradient(losses_of(model)[m], model) @ direction for m in range(count)])


def check(model, losses_of=each, x_test=X_TEST, y_test=Y_TEST, loss_fn=None):
    found = influence(losses_of(model), model, tg.as_tensor(x_test), y_test, loss_fn=loss_fn)
    expected = by_loop(model, losses_of, lambda m: (loss_fn or F.cross_entropy)(m(tg.as_tensor(x_test)), y_test))
    np.testing.assert_allclose(found.array, expected, rtol=1e-11, atol=1e-12)
    assert not found.requires_grad
    return found


def test_it_is_the_inner_product_of_the_gradients():
    assert check(mlp()).shape == (6,)


def test_the_same_sample_pulls_towards_it_and_with_another_label_against_it():
    model = nn.Linear(3, 2).double()
    losses = F.cross_entropy(model(tg.from_numpy(X[[0, 0]])), np.array([0, 1]), reduction="none")
    towards, against = influence(losses, model, X[:1], np.array([0])).tolist()
    assert towards > 0 > against


def test_it_is_minus_the_change_of_the_test_loss_in_a_small_step():
    model = mlp()
    found = influence(each(model), model, tg.from_numpy(X_TEST), Y_TEST).array
    state = {name: value.array.copy() for name, value in model.state_dict().items()}

    def after(m, rate):
        model.load_state_dict(state)
        model.zero_grad()
        each(model)[m].backward()
        for p in model.parameters():
            p.data = p.array - rate * p.grad.array
        return F.cross_entropy(model(tg.from_numpy(X_TEST)), Y_TEST).item()

    h = 1e-4
    slopes = [(after(m, h) - after(m, -h)) / (2 * h) for m in range(6)]
    np.testing.assert_allclose(found, -np.array(slopes), rtol=1e-6, atol=1e-7)


def test_a_sample_pulls_towards_itself():
    model = mlp()
    for m in range(6):
        rows = slice(m, m + 1)
        own = influence(each(model), model, tg.from_numpy(X[rows]), Y[rows])[m]
        model.zero_grad()
        each(model).backward(per_sample=True)
        np.testing.assert_allclose(own.item(), model.sample_grads().norms()[m].item() ** 2, rtol=1e-11)


def test_test_batches_add_up():
    model = mlp()
    parts = [influence(each(model), model, tg.from_numpy(X_TEST[[i]]), Y_TEST[[i]]).array for i in range(3)]
    whole = influence(each(model), model, tg.from_numpy(X_TEST), Y_TEST).array
    np.testing.assert_allclose(np.sum(parts, 0), whole, rtol=1e-11)


class Tied(nn.Module):
    """A table that is looked up and multiplied with, and two heads of which only the mode decides."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(tg.from_numpy(RNG.normal(size=(4, 3))))
        self.training_head = nn.Linear(4, 4, dtype="float64")
        self.test_head = nn.Linear(4, 4, dtype="float64")

    def forward(self, tokens):
        scores = (self.table[tokens].tanh()).mean(1) @ self.table.T
        return self.training_head(scores) if self.training else self.test_head(scores)


def test_tied_parameters_and_parameters_of_one_side_only():
    tokens = RNG.integers(0, 4, (6, 3))
    model = Tied()

    def losses_of(m):
        return F.cross_entropy(m(tokens), Y, reduction="none")

    found = influence(losses_of(model), model, tokens[:2], Y[:2])
    expected = by_loop(model, losses_of, lambda m: F.cross_entropy(m(tokens[:2]), Y[:2]))
    np.testing.assert_allclose(found.array, expected, rtol=1e-11, atol=1e-12)
    assert np.abs(found.array).min() > 0


def test_a_layer_that_is_used_twice():
    layer = nn.Linear(3, 3)
    check(nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(3, 4)).double())


def test_frozen_parameters_are_left_out():
    model = mlp()
    whole = check(model).array
    model[0].requires_grad_(False)
    assert np.abs(check(model).array - whole).max() > 1e-3


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda prediction, target: (prediction[:, 0] - target) ** 2,
        lambda prediction, target: ((prediction[:, :1] - target[:, None]) ** 2) * tg.ones(3, 2, dtype="float64"),
        nn.CrossEntropyLoss(reduction="mean"),
        nn.CrossEntropyLoss(reduction="none"),
    ],
    ids=["(B,)", "(B, 2)", "mean", "none"],
)
def test_other_losses_are_summed(loss_fn):
    check(mlp(), loss_fn=loss_fn)


def test_arrays_will_do():
    model = mlp()
    expected = influence(each(model), model, tg.from_numpy(X_TEST), tg.from_numpy(Y_TEST))
    np.testing.assert_array_equal(influence(each(model), model, X_TEST, Y_TEST).array, expected.array)


def test_float32_comes_back_as_float32():
    model = mlp().float()
    losses = F.cross_entropy(model(tg.tensor(X, dtype="float32")), Y, reduction="none")
    found = influence(losses, model, tg.tensor(X_TEST, dtype="float32"), Y_TEST)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.array, check(model.double()).array, rtol=1e-4, atol=1e-5)


class Turned(nn.Module):
    """Scores of shape (N, C, d), or of shape (C,) for the first row of the data alone."""

    def __init__(self, one):
        super().__init__()
        self.out = mlp()
        self.one = one

    def forward(self, x):
        scores = self.out(x)
        return scores[0] if self.one else tg.stack([scores, scores.tanh()], 2)


@pytest.mark.parametrize("one", [True, False])
def test_the_default_is_cross_entropy_of_every_shape(one):
    model = Turned(one)
    losses = each(model.out)
    shape = model(tg.from_numpy(X_TEST)).shape
    classes = RNG.integers(0, 4, () if one else (shape[0], shape[2]))
    ignored = np.where(RNG.random(classes.shape) < 0.3, -100, classes)
    chances = RNG.dirichlet(np.ones(4)) if one else np.moveaxis(RNG.dirichlet(np.ones(4), (shape[0], shape[2])), 2, 1)
    for y in (classes, ignored, chances):
        expected = influence(losses, model, X_TEST, y, loss_fn=F.cross_entropy)
        np.testing.assert_allclose(influence(losses, model, X_TEST, y).array, expected.array, rtol=1e-11, atol=1e-12)


def test_targets_that_the_default_loss_cannot_take():
    model = mlp()
    losses = each(model)
    with pytest.raises(tg.ShapeError, match=r"y_test has shape \(2,\), and a prediction of shape \(3, 4\) needs"):
        influence(losses, model, X_TEST, Y_TEST[:2])
    with pytest.raises(IndexError, match="y_test has the class 4, and the model has 4: 0 to 3"):
        influence(losses, model, X_TEST, np.array([0, 4, 1]))
    with pytest.raises(tg.DtypeError, match="y_test has dtype float64: pass class indices"):
        influence(losses, model, X_TEST, np.ones(3))


# Nothing else changes


def test_neither_grad_nor_sample_grads_nor_the_graph_changes():
    model = mlp()
    each(model, X[:2], Y[:2]).backward(per_sample=True)
    grads = {name: p.grad.array.copy() for name, p in model.named_parameters()}
    norms = model.sample_grads().norms().array
    losses = each(model)
    first = influence(losses, model, X_TEST, Y_TEST)
    assert {name: p.grad.tolist() for name, p in model.named_parameters()} == {n: g.tolist() for n, g in grads.items()}
    np.testing.assert_array_equal(model.sample_grads().norms().array, norms)
    np.testing.assert_array_equal(influence(losses, model, X_TEST, Y_TEST).array, first.array)
    losses.backward(per_sample=True)
    assert model.sample_grads().count == 8


def test_where_there_was_no_gradient_there_is_none():
    model = mlp()
    influence(each(model), model, X_TEST, Y_TEST)
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(tg.GraphError):
        model.sample_grads()


def test_inside_no_grad():
    model = mlp()
    losses = each(model)
    expected = influence(losses, model, X_TEST, Y_TEST)
    with tg.no_grad():
        found = influence(losses, model, X_TEST, Y_TEST)
        assert not tg.is_grad_enabled()
    np.testing.assert_array_equal(found.array, expected.array)


def test_the_test_loss_is_that_of_evaluation_mode_and_the_modes_stay():
    model = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.Linear(5, 4)).double()
    model[0].eval()
    losses = each(model)
    first, second = (influence(losses, model, X_TEST, Y_TEST).array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert [m.training for m in model.modules()] == [True, False, True, True]


class Centred(nn.Module):
    """Takes the batch's mean away, and in evaluation the mean of all batches so far."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 4, dtype="float64")
        self.register_buffer("mean", tg.zeros(3, dtype="float64"))

    def forward(self, x):
        x = self.out.weight[:3] @ x.T
        if self.training:
            self.mean.data = 0.9 * self.mean.array + 0.1 * x.array.mean(1)
        return self.out((x - (x.mean(1, keepdim=True) if self.training else self.mean[:, None])).T)


def test_coupled_samples_and_running_statistics():
    model = Centred()
    losses = each(model)
    mean = model.mean.array.copy()
    with pytest.raises(tg.SampleCouplingError):
        influence(losses, model, tg.from_numpy(X_TEST), Y_TEST)
    found = influence(losses, model, tg.from_numpy(X_TEST), Y_TEST, coupled=True)
    np.testing.assert_array_equal(model.mean.array, mean)
    assert model.training
    expected = np.array([gradient(each(model)[m], model) for m in range(6)])
    model.mean.data = mean
    model.eval()
    direction = gradient(F.cross_entropy(model(tg.from_numpy(X_TEST)), Y_TEST), model)
    np.testing.assert_allclose(found.array, expected @ direction, rtol=1e-11, atol=1e-12)


def test_the_modes_come_back_after_an_error():
    model = mlp()
    with pytest.raises(tg.ShapeError):
        influence(each(model), model, np.zeros((3, 7)), Y_TEST)
    assert all(m.training for m in model.modules())


# Errors


def test_losses_that_are_not_one_for_each_sample():
    model = mlp()
    with pytest.raises(tg.ShapeError, match="needs one loss for each sample"):
        influence(each(model).sum(), model, X_TEST, Y_TEST)


def test_losses_whose_graph_was_freed():
    model = mlp()
    losses = each(model)
    losses.backward()
    with pytest.raises(tg.GraphError, match="the first walk freed what it had saved"):
        influence(losses, model, X_TEST, Y_TEST)


def test_losses_of_another_model():
    with pytest.raises(
        tg.GraphError, match=r"losses do not depend on any parameter of this Sequential.*that computed them"
    ):
        influence(each(mlp()), mlp(), X_TEST, Y_TEST)


def test_a_model_without_parameters_that_learn():
    model = mlp()
    losses = each(model)
    model.requires_grad_(False)
    with pytest.raises(tg.GraphError, match="no parameter of this Sequential requires a gradient: unfreeze"):
        influence(losses, model, X_TEST, Y_TEST)


@pytest.mark.parametrize("leaf", [False, True])
def test_a_test_loss_that_depends_on_no_parameter(leaf):
    model = mlp()
    other = tg.ones(4, dtype="float64", requires_grad=leaf)
    with pytest.raises(tg.GraphError, match=r"the test loss does not depend on any parameter.*look for detach\(\)"):
        influence(each(model), model, X_TEST, Y_TEST, loss_fn=lambda prediction, _: prediction.detach() * other)


def test_a_loss_function_that_gives_no_tensor():
    model = mlp()
    with pytest.raises(TypeError, match="loss_fn returned a float, it must return a Tensor"):
        influence(each(model), model, X_TEST, Y_TEST, loss_fn=lambda prediction, _: prediction.sum().item())


def test_arguments_in_another_order():
    model = mlp()
    with pytest.raises(
        TypeError, match=r"influence\(losses, model, x_test, y_test\): got a Sequential for losses, a Tensor"
    ):
        influence(model, each(model), X_TEST, Y_TEST)


def test_inputs_and_targets_that_are_exchanged():
    model = nn.Linear(3, 1).double()
    losses, targets = model(tg.tensor(X)).sum(1), tg.tensor(RNG.normal(size=(3, 1)))
    with pytest.raises(tg.ShapeError, match=r"the model takes y_test, and not x_test: .*model, x_test, y_test\)$"):
        influence(losses, model, targets, tg.tensor(X_TEST), loss_fn=F.mse_loss)
    with pytest.raises(tg.ShapeError, match=r"^Linear expects \(\*, 3\)"):  # neither of them fits
        influence(losses, model, targets, targets, loss_fn=F.mse_loss)
