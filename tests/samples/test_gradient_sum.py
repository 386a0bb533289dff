"""Sums of gradients: merged in any order they are the sum over all samples, and divided once."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import GradientSum

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.integers(0, 4, 12)
WEIGHTS = RNG.uniform(0.2, 3.0, 12)


class Net(nn.Module):
    """Two layers, and a parameter that no loss depends on."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 5, dtype="float64")
        self.out = nn.Linear(5, 4, dtype="float64")
        self.idle = nn.Parameter(tg.ones(2, dtype="float64"))

    def forward(self, x):
        return self.out(self.hidden(x).tanh())


def losses(model, rows=slice(None)):
    return F.cross_entropy(model(tg.from_numpy(X[rows])), Y[rows], reduction="none")


def summed(model, rows=slice(None), weights=None):
    model.zero_grad()
    losses(model, rows).backward(per_sample=True, weights=weights)
    return GradientSum.of(model)


def assert_same(one, two, **tolerance):
    tolerance = {"rtol": 1e-12, "atol": 1e-13, **tolerance}
    assert one.gradients.keys() == two.gradients.keys()
    for name in one.gradients:
        np.testing.assert_allclose(one.gradients[name].array, two.gradients[name].array, **tolerance)
    assert one.count == two.count
    for name in ("weight", "weight_squares", "square_norms"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), **tolerance)


def frozen(total):
    return {name: g.array.copy() for name, g in total.gradients.items()}, total.weight, total.count, total.square_norms


def tiny(value=1.0, shape=(1,), name="w"):
    return GradientSum({name: tg.full(shape, value, dtype="float64")}, 1.0, 1.0, 1, value**2)


# What it is of a model


@pytest.mark.parametrize("weights", [None, WEIGHTS, np.where(np.arange(12) % 3, WEIGHTS, 0.0)])
def test_it_is_the_weighted_sum_over_the_samples(weights):
    model = Net()
    found = summed(model, weights=weights)
    w = np.ones(12) if weights is None else weights
    gradients, square_norms = {}, 0.0
    for m in range(12):
        model.zero_grad()
        losses(model, slice(m, m + 1)).backward()
        for name, p in model.named_parameters():
            if p.grad is not None:
                gradients[name] = gradients.get(name, 0.0) + w[m] * p.grad.array
                square_norms += w[m] * (p.grad.array**2).sum()
    assert found.gradients.keys() == gradients.keys() == {"hidden.weight", "hidden.bias", "out.weight", "out.bias"}
    for name, expected in gradients.items():
        np.testing.assert_allclose(found.gradients[name].array, expected, rtol=1e-11, atol=1e-12)
    assert found.count == 12
    np.testing.assert_allclose(
        [found.weight, found.weight_squares, found.square_norms], [w.sum(), (w**2).sum(), square_norms], rtol=1e-12
    )
    np.testing.assert_allclose(found.effective_count, w.sum() ** 2 / (w**2).sum(), rtol=1e-12)


def test_passes_before_zero_grad_are_one_sum():
    model = Net()
    expected = summed(model, slice(0, 5)) + summed(model, slice(5, 12), WEIGHTS[5:])
    model.zero_grad()
    losses(model, slice(0, 5)).backward(per_sample=True)
    losses(model, slice(5, 12)).backward(per_sample=True, weights=WEIGHTS[5:])
    assert_same(GradientSum.of(model), expected)
    assert_same(GradientSum.of(model.sample_grads()), expected)


def test_penalties_and_clipping_are_not_in_it():
    model = Net()
    expected = summed(model)
    (model.out.weight**2).sum().backward()
    assert_same(GradientSum.of(model), expected)
    model.sample_grads().clip(0.01)
    assert_same(GradientSum.of(model), expected)


def test_it_stays_when_the_model_moves_on():
    model = Net()
    total = summed(model)
    before = frozen(total)
    tg.optim.SGD(model.parameters(), lr=0.5).step(samples=1)
    losses(model).backward(per_sample=True)
    model.zero_grad()
    np.testing.assert_equal(frozen(total), before)


def test_an_empty_batch():
    model = Net()
    assert_same(summed(model, slice(0, 0)) + summed(model), summed(model))


def test_gradients_of_a_differentiable_pass_are_constants():
    model = Net()
    losses(model).backward(per_sample=True, create_graph=True)
    total = GradientSum.of(model)
    assert not any(g.requires_grad for g in total.gradients.values())
    assert_same(pickle.loads(pickle.dumps(total)), summed(model))


@pytest.mark.parametrize("bad", [-0.5, math.nan, math.inf])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_are_no_weights(bad):
    model = Net()
    losses(model, slice(0, 3)).backward(per_sample=True, weights=[1.0, bad, 2.0])
    with pytest.raises(
        ValueError, match=rf"sample 1 has the weight {bad}: weights must be 0 or more.*leave weights= out"
    ):
        GradientSum.of(model)


def test_without_a_per_sample_pass():
    model = Net()
    losses(model).backward()
    with pytest.raises(tg.GraphError, match=r"losses\.backward\(per_sample=True\)"):
        GradientSum.of(model)


def test_norms_alone_will_do_as_long_as_grad_holds_just_the_samples():
    model = Net()
    losses(model).backward(per_sample=True)
    whole = GradientSum.of(model)
    model.zero_grad()
    losses(model).backward(per_sample=True, keep="norms")
    norms = GradientSum.of(model)
    assert norms.square_norms == pytest.approx(whole.square_norms, rel=1e-12)
    for name, gradient in whole.gradients.items():
        np.testing.assert_allclose(norms.gradients[name].array, gradient.array, rtol=1e-12, atol=1e-12)
    used = next(parameter for parameter in model.parameters() if parameter.grad is not None)
    used.grad = used.grad * 2.0
    with pytest.raises(tg.GraphError, match=r"GradientSum\.of\(\): the backward pass kept norms only"):
        GradientSum.of(model)


@pytest.mark.parametrize("passes", [("norms", "factors"), ("factors", "norms")])
def test_norms_of_one_pass_and_factors_of_another_name_who_asked(passes):
    model = Net()
    for keep in passes:
        losses(model).backward(per_sample=True, keep=keep)
    questions = {
        "GradientSum.of()": lambda: GradientSum.of(model),
        "sample_grads().noise_scale()": lambda: model.sample_grads().noise_scale(),
        "update()": lambda: tg.samples.noise_scale().update(model.sample_grads()),
        "sample_grads.sum()": lambda: model.sample_grads().sum(),
    }
    for name, question in questions.items():
        with pytest.raises(tg.GraphError) as caught:
            question()
        text = str(caught.value)
        assert text.startswith(f"{name}: 1 of the 2 backward passes since the last zero_grad() kept norms only"), text
        assert "Call zero_grad() between passes" in text
    with pytest.raises(tg.GraphError, match=r"^update\(\): 1 of the 2 backward passes"):
        tg.samples.noise_scale().update(model.out.weight.sample_grads)


# Merging


@given(st.lists(st.integers(0, 12), max_size=4), st.booleans(), st.randoms())
def test_the_parts_of_a_batch_merge_to_the_whole_in_any_order(cuts, weighted, random):
    model = Net()
    weights = WEIGHTS if weighted else None
    edges = [0, *sorted(cuts), 12]
    parts = []
    for lo, hi in itertools.pairwise(edges):
        parts.append(summed(model, slice(lo, hi), None if weights is None else weights[lo:hi]))
    random.shuffle(parts)
    whole = summed(model, weights=weights)
    assert_same(sum(parts), whole)
    first, *rest = parts
    assert_same(first.merge(*rest), whole)


def test_associative_and_commutative():
    model = Net()
    a, b, c = (summed(model, slice(lo, lo + 4)) for lo in (0, 4, 8))
    assert_same((a + b) + c, a + (b + c))
    assert_same(a + b, b + a, rtol=0, atol=0)


def test_nothing_is_the_identity():
    total = summed(Net())
    for same in (total + GradientSum(), GradientSum() + total, sum([total]), total.merge(), 0 + total):
        assert_same(same, total, rtol=0, atol=0)
    assert_same(sum([GradientSum(), GradientSum()]), GradientSum())
    assert repr(GradientSum()) == "GradientSum(0 samples of weight 0, 0 parameters)"
    assert GradientSum().effective_count == 0


def test_adding_changes_neither_operand():
    model = Net()
    a, b = summed(model, slice(0, 4)), summed(model, slice(4, 12))
    before = frozen(a), frozen(b)
    total = a + b
    total += a
    total.merge(b, b)
    np.testing.assert_equal((frozen(a), frozen(b)), before)
    with pytest.raises(AttributeError):
        a.weight = 3.0


def test_a_name_that_is_missing_counts_as_zero():
    total = tiny(2.0, name="a") + tiny(3.0, name="b") + tiny(4.0, name="a")
    assert {name: g.tolist() for name, g in total.gradients.items()} == {"a": [6.0], "b": [3.0]}
    assert {name: g.tolist() for name, g in total.mean().items()} == {"a": [2.0], "b": [1.0]}
    assert total.square_norms == 29.0


def test_different_shapes():
    one, two = tiny(shape=(2, 3)), tiny(shape=(3, 2))
    before = frozen(one), frozen(two)
    with pytest.raises(tg.ShapeError, match=r"'w' has the shapes \(2, 3\) and \(3, 2\): .*Nothing was changed"):
        one + two
    np.testing.assert_equal((frozen(one), frozen(two)), before)


def test_what_is_no_sum():
    with pytest.raises(TypeError, match=r"merge\(\) needs GradientSums, got dict"):
        tiny().merge({})
    with pytest.raises(TypeError):
        tiny() + 1
    with pytest.raises(TypeError):
        1 + tiny()


def test_workers():
    # What a worker sends back is a pickle of its sum.
    model = Net()
    sent = [pickle.dumps(summed(copy.deepcopy(model), rows)) for rows in (slice(0, 7), slice(7, 12))]
    assert_same(sum(pickle.loads(data) for data in sent), summed(model))


# What it is divided into


def test_the_mean_of_nothing():
    with pytest.raises(ValueError, match="there is no sample: skip the step"):
        GradientSum().mean()
    model = Net()
    with pytest.raises(ValueError, match="the weights of all 2 samples are 0"):
        summed(model, slice(0, 2), [0.0, 0.0]).mean()


def test_float32_stays_float32():
    model = Net().float()
    losses32 = F.cross_entropy(model(tg.tensor(X, dtype="float32")), Y, reduction="none")
    losses32.backward(per_sample=True)
    total = GradientSum.of(model)
    total = total + total
    assert {g.dtype for g in [*total.gradients.values(), *total.mean().values()]} == {np.dtype("float32")}


def test_the_noise_scale_is_that_of_the_whole_batch():
    model = Net()
    parts = [summed(model, slice(0, 5)), summed(model, slice(5, 6)), summed(model, slice(6, 12))]
    summed(model)
    expected, found = model.sample_grads().noise_scale(), sum(parts).noise_scale()
    np.testing.assert_allclose([found.trace, found.signal], [expected.trace, expected.signal], rtol=1e-11)
    assert found.samples == 12
    assert parts[1].noise_scale().reason.startswith("it needs at least two samples, got 1: ")
    assert GradientSum().noise_scale().reason.startswith("it needs at least two samples, got 0: ")


def test_weights_of_one_and_zero_leave_samples_out():
    model = Net()
    weights = np.array([1.0, 0.0] * 6)
    found, expected = summed(model, weights=weights).noise_scale(), summed(model, slice(0, 12, 2)).noise_scale()
    np.testing.assert_allclose([found.trace, found.signal], [expected.trace, expected.signal], rtol=1e-11)


# Into an optimizer


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_uneven_parts_take_the_step_of_the_mean_over_the_whole(options, weighted):
    parts, whole = Net(), Net()
    whole.load_state_dict(parts.state_dict())
    optimizers = [tg.optim.SGD(model.parameters(), lr=0.3, **options) for model in (parts, whole)]
    for _ in range(3):
        chunks = [slice(0, 1), slice(1, 8), slice(8, 12)]
        total = sum(summed(parts, rows, WEIGHTS[rows] if weighted else None) for rows in chunks)
        total.assign_mean(parts)
        whole.zero_grad()
        each = losses(whole)
        loss = (
            (each * WEIGHTS).sum() / WEIGHTS.sum()
            if weighted
            else F.cross_entropy(whole(tg.from_numpy(X)), Y, reduction="mean")
        )
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    for (name, one), (_, two) in zip(parts.named_parameters(), whole.named_parameters()):
        np.testing.assert_allclose(one.array, two.array, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_mean_of_means_would_be_another():
    model = Net()
    parts = [summed(model, slice(0, 1)), summed(model, slice(1, 12))]
    right = sum(parts).mean()["out.bias"].array
    wrong = np.mean([part.mean()["out.bias"].array for part in parts], 0)
    assert np.abs(right - wrong).max() > 0.01


def test_assigning_replaces_what_was_there():
    model = Net()
    total = summed(model)
    model.idle.grad = [5.0, 5.0]
    total.assign_mean(model)
    assert model.idle.grad is None
    np.testing.assert_allclose(model.out.bias.grad.array, total.gradients["out.bias"].array / 12, rtol=1e-13)
    with pytest.raises(tg.GraphError):
        model.sample_grads()
    losses(model).backward()  # adds to .grad, and not to the sum
    assert_same(total, summed(model))
    other = Net().float()
    total.assign_mean(other)
    assert other.out.bias.grad.dtype == np.float32


def steps(model, samples=None, lr=0.1):
    """What a step warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tg.optim.SGD(model.parameters(), lr=lr).step(samples=samples)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_mean_that_was_assigned_is_not_divided_a_second_time(weighted):
    model = Net()
    total = summed(model, slice(0, 12), WEIGHTS if weighted else None)
    total.assign_mean(model)
    (text,) = steps(model, samples=12)
    assert text.startswith("SGD.step(samples=12): the gradients are a mean, already divided by the number of samples")
    assert "assign_mean()" in text
    total.assign_mean(model)
    ((model.out.weight**2).sum() * 0.1).backward()  # a penalty, as assign_mean says
    (text,) = steps(model, samples=12)
    assert "divides twice" in text
    total.assign_mean(model)
    tg.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    (text,) = steps(model, samples=12)
    assert "divides twice" in text


def by_the_library(model):
    for p in model.parameters():
        if p.grad is not None:
            p.grad.mul_(12)


def by_numpy(model):
    for p in model.parameters():
        if p.grad is not None:
            p.grad.numpy()[...] *= 12


def by_another(model):
    for p in model.parameters():
        if p.grad is not None:
            p.grad = p.grad * 12


@pytest.mark.parametrize("change", [by_the_library, by_numpy, by_another])
def test_what_others_have_made_of_an_assigned_mean_may_be_divided(change):
    model = Net()
    summed(model).assign_mean(model)
    change(model)
    assert steps(model, samples=12) == []


def test_nothing_is_said_of_an_assigned_mean_that_is_not_divided():
    model = Net()
    total = summed(model)
    for samples in (None, 1):
        total.assign_mean(model)
        assert steps(model, samples) == []
    total.assign_mean(model)
    model.zero_grad()
    losses(model).backward()
    assert steps(model, samples=12) == []
    GradientSum({}, 1, 1, 1, 1.0).assign_mean(model)  # no parameter has a mean
    assert steps(model, samples=12) == []


def test_samples_opened_on_top_of_an_assigned_mean_are_clipped_alone():
    model = Net()
    total = summed(model)
    total.assign_mean(model)
    before = model.out.bias.grad.array.copy()
    losses(model).backward(per_sample=True)
    grads = model.sample_grads()
    lengths = grads.norms().array
    grads.clip(float(np.median(lengths)))
    weights = np.minimum(1, np.median(lengths) / lengths)
    expected = before + grads.weighted_sum(weights)["out.bias"].array
    np.testing.assert_allclose(model.out.bias.grad.array, expected, rtol=1e-12, atol=1e-12)


def test_what_cannot_be_assigned_changes_nothing():
    model = Net()
    model.out.bias.grad = np.arange(4.0)
    good = summed(Net())
    bad = [
        (GradientSum(), ValueError, "there is no sample"),
        (good + tiny(name="extra"), ValueError, "the model has no parameter 'extra'; it has idle, hidden.weight, "),
        (tiny(name="out.bias"), tg.ShapeError, r"the sum of 'out.bias' has shape \(1,\), the parameter \(4,\)"),
    ]
    for total, kind, message in bad:
        with pytest.raises(kind, match=message):
            total.assign_mean(model)
    model.out.weight.requires_grad = False
    with pytest.raises(tg.GraphError, match=r"'out\.weight' does not require a gradient: set requires_grad=True"):
        good.assign_mean(model)
    assert model.out.bias.grad.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert model.hidden.weight.grad is None
