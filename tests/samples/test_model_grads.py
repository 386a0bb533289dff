"""ModelSampleGrads: all parameters side by side, and clipping against a loop over the samples."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import GradientSum, ModelSampleGrads


class Net(nn.Module):
    """A table, a layer that is used twice, the table again; a frozen parameter, and one that no loss depends on."""

    def __init__(self, dtype="float64"):
        super().__init__()
        self.table = nn.Embedding(5, 4, dtype=dtype)
        self.layer = nn.Linear(4, 4, dtype=dtype)
        self.scale = nn.Parameter(tg.ones(4, dtype=dtype))
        self.idle = nn.Parameter(tg.ones(3, dtype=dtype))
        self.frozen = nn.Parameter(tg.ones(4, dtype=dtype), requires_grad=False)
        self.decoder = nn.Linear(4, 5, bias=False, dtype=dtype)
        self.decoder.weight = self.table.weight

    def forward(self, ids):
        h = self.table(ids)
        h = self.layer(self.layer(h).tanh()) * self.scale * self.frozen
        return self.decoder(h).mean(1)


IDS = np.random.default_rng(0).integers(0, 5, (6, 3))
NAMES = ["scale", "idle", "table.weight", "layer.weight", "layer.bias"]


def losses_of(model, rows=slice(None)):
    return F.cross_entropy(model(IDS[rows]), IDS[rows, 0], reduction="none")


def one_by_one(losses, model, weights=None):
    """For each parameter's name the gradient of each loss by a backward pass of its own, (B, *shape)."""
    found = {name: [] for name, p in model.named_parameters() if p.requires_grad}
    for m in range(losses.shape[0]):
        for name, p in model.named_parameters():
            if name in found:
                (g,) = tg.autograd.grad(losses[m], p, retain_graph=True, allow_unused=True)
                weight = 1.0 if weights is None else weights[m]
                found[name].append(np.zeros(p.shape) if g is None else weight * g.array)
    return {name: np.stack(gradients) for name, gradients in found.items()}


def opened(model=None, **options):
    """A model after a per-sample pass, and its samples' gradients one by one."""
    model = Net() if model is None else model
    losses = losses_of(model)
    dense = one_by_one(losses, model, options.get("weights"))
    losses.backward(per_sample=True, **options)
    return model, dense


def flat_of(dense):
    return np.concatenate([g.reshape(len(g), math.prod(g.shape[1:])) for g in dense.values()], axis=1)


def assert_close(actual, expected, tolerance=1e-11):
    actual = actual.array if isinstance(actual, tg.Tensor) else actual
    assert actual.shape == np.shape(expected)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def gradients_of(model):
    return {n: None if p.grad is None else p.grad.array.copy() for n, p in model.named_parameters() if p.requires_grad}


def assert_gradients(model, expected, tolerance=1e-11):
    for name, p in model.named_parameters():
        if p.requires_grad:
            right = expected[name]
            if p.grad is None:
                assert not right.any()
            else:
                assert_close(p.grad, right, tolerance)


def clipped(dense, max_norm):
    """The DP-SGD sum, by a loop over the samples."""
    total = {name: np.zeros(g.shape[1:]) for name, g in dense.items()}
    for m in range(len(flat_of(dense))):
        norm = math.sqrt(sum(float((g[m] ** 2).sum()) for g in dense.values()))
        factor = 1.0 if norm == 0 else min(1.0, max_norm / norm)
        for name, g in dense.items():
            total[name] += factor * g[m]
    return total


def plus(one, other):
    return {name: one[name] + other.get(name, 0.0) for name in one}


# A mapping


def test_it_is_a_mapping_from_names():
    model, dense = opened()
    g = model.sample_grads()
    assert isinstance(g, Mapping)
    assert isinstance(g, ModelSampleGrads)
    assert (list(g), len(g), g.count) == (NAMES, 5, 6)
    assert list(g.keys()) == [name for name, _ in g.items()] == NAMES
    assert "scale" in g
    assert "frozen" not in g
    assert g.get("nothing") is None
    assert [len(own) for own in g.values()] == [6] * 5
    for name, own in g.items():
        assert_close(own[:], dense[name])
    assert repr(g) == f"ModelSampleGrads(6 samples, 5 parameters: {', '.join(NAMES)})"
    with pytest.raises(KeyError) as caught:
        g["weight"]
    assert caught.value.args == (f"'weight': the parameters are {', '.join(NAMES)}",)


def test_parameters_that_are_frozen_or_not_used():
    model, dense = opened()
    g = model.sample_grads()
    assert not g["idle"][:].array.any()
    assert not g["idle"].norms().array.any()
    assert model.idle.grad is None
    assert "decoder.weight" not in g  # tied: it is the table's, and counted once
    assert_close(g.norms(), np.sqrt((flat_of(dense) ** 2).sum(1)))


def test_one_tensor_under_two_names_counts_once():
    model, dense = opened()
    twice = ModelSampleGrads([*model.named_parameters(), ("again", model.scale)])
    assert list(twice) == NAMES
    assert_close(twice.norms(), np.sqrt((flat_of(dense) ** 2).sum(1)))


def test_without_a_per_sample_pass():
    model = Net()
    with pytest.raises(tg.GraphError) as caught:
        model.sample_grads()
    assert str(caught.value) == (
        "sample_grads(): there was no per-sample backward pass since the last zero_grad(). Call "
        "losses.backward(per_sample=True), with one loss for each sample"
    )
    losses_of(model).backward()
    with pytest.raises(tg.GraphError, match="there was no per-sample backward pass"):
        model.sample_grads()
    model.zero_grad()
    losses_of(model).backward(per_sample=True)
    model.zero_grad()
    with pytest.raises(tg.GraphError, match="there was no per-sample backward pass"):
        model.sample_grads()


# What all parameters are together


@pytest.mark.parametrize(
    "options", [{}, {"keep": "dense"}, {"create_graph": True}, {"weights": np.arange(6.0)}], ids=str
)
def test_together_is_side_by_side(options):
    model, dense = opened(**options)
    g, flat = model.sample_grads(), flat_of(dense)
    lengths = np.sqrt((flat**2).sum(1))
    both = np.outer(lengths, lengths)
    assert_close(g.norms(), lengths)
    assert_close(g.norms(), np.sqrt(sum(own.norms().array ** 2 for own in g.values())))
    assert_close(g.gram(), flat @ flat.T)
    assert_close(g.cosine(), np.divide(flat @ flat.T, both, out=np.zeros_like(both), where=both > 0))
    w = np.random.default_rng(0).normal(size=6)
    for found, right in [
        (g.sum(), {name: d.sum(0) for name, d in dense.items()}),
        (g.mean(), {name: d.sum(0) / sum(options.get("weights", np.ones(6))) for name, d in dense.items()}),
        (g.weighted_sum(w), {name: np.tensordot(w, d, 1) for name, d in dense.items()}),
    ]:
        assert list(found) == NAMES
        for name in NAMES:
            assert_close(found[name], right[name])
    direction = {name: np.random.default_rng(1).normal(size=d.shape[1:]) for name, d in dense.items()}
    assert_close(g.dot(direction), flat @ np.concatenate([v.reshape(-1) for v in direction.values()]))
    assert_close(g.dot({"scale": direction["scale"]}), dense["scale"] @ direction["scale"])
    assert_close(g.dot({}), np.zeros(6))
    assert {str(x.dtype) for x in (g.norms(), g.gram(), g.cosine(), g.dot(direction), g.dot({}))} == {"float64"}


def test_arguments_that_do_not_fit():
    model, _ = opened()
    g = model.sample_grads()
    with pytest.raises(tg.ShapeError, match=r"w has shape \(5,\), it needs one number for each of 6 samples"):
        g.weighted_sum(np.ones(5))
    with pytest.raises(tg.ShapeError, match=r"direction has shape \(4,\), the parameter 'idle' \(3,\)"):
        g.dot({"idle": np.ones(4)})
    with pytest.raises(KeyError, match=r"'other': the parameters are scale, idle, table\.weight, layer\.weight"):
        g.dot({"other": np.ones(4)})


def test_the_mean_is_that_of_the_sum():
    """One meaning, Σ w g / Σ w, of a model, of a parameter, and of what was merged."""
    weights = np.array([3.0, 0.0, 1.0, 0.5, 2.0, 1.5])
    model, dense = opened(weights=weights)
    total = GradientSum.of(model).mean()
    for name, mean in model.sample_grads().mean().items():
        assert_close(mean, dense[name].sum(0) / 8.0)  # these are w g
        assert_close(dict(model.named_parameters())[name].sample_grads.mean() if name != "idle" else mean, mean.array)
        assert_close(total.get(name, mean), mean.array)


def test_the_mean_by_weights_that_add_up_to_nothing():
    model, _ = opened(weights=np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match=r"the sum of the weights, and the weights of the 6 samples add up to 0"):
        model.sample_grads().mean()


def test_the_mean_can_be_differentiated_by_the_weights():
    """d/dw_k Σ w x / Σ w = (x_k - mean) / Σ w."""
    x = np.array([[1.0], [2.0], [6.0]])
    w = tg.tensor(np.array([1.0, 2.0, 1.0]), requires_grad=True)
    model = nn.Linear(1, 1, bias=False, dtype="float64")
    model(tg.tensor(x)).squeeze(1).backward(per_sample=True, weights=w, create_graph=True)
    mean = model.weight.sample_grads.mean()
    assert mean.item() == 11 / 4
    (by_weights,) = tg.autograd.grad(mean.sum(), w)
    np.testing.assert_allclose(by_weights.array, (x[:, 0] - 11 / 4) / 4, rtol=1e-12)


def test_the_mean_of_no_samples():
    model = nn.Linear(3, 2)
    model(tg.zeros(0, 3)).sum(1).backward(per_sample=True)
    g = model.sample_grads()
    assert (g.count, g.norms().shape, g.gram().shape) == (0, (0,), (0, 0))
    with pytest.raises(ValueError, match="the batch was empty"):
        g.mean()
    assert g.clip(1.0).shape == (0,)
    assert not model.weight.grad.array.any()


def test_parameters_of_several_dtypes():
    model = nn.Sequential(nn.Linear(3, 4, dtype="float64"), nn.Linear(4, 2, dtype="float32"))
    x = tg.randn(5, 3, dtype="float64")
    losses = model[1](model[0](x).tanh().astype("float32")).sum(1)
    dense = one_by_one(losses, model)
    losses.backward(per_sample=True)
    g = model.sample_grads()
    assert g.norms().dtype == np.float64
    assert {name: str(v.dtype) for name, v in g.sum().items()} == {
        "0.weight": "float64",
        "0.bias": "float64",
        "1.weight": "float32",
        "1.bias": "float32",
    }
    assert_close(g.norms(), np.sqrt((flat_of(dense) ** 2).sum(1)), 1e-5)
    g.clip(0.1)
    assert_gradients(model, clipped(dense, 0.1), 1e-5)
    assert [str(p.grad.dtype) for p in model.parameters()] == ["float64", "float64", "float32", "float32"]


def test_layers_that_have_the_same_products():
    """Products of rows are kept for parameters that need the same ones; zero rows take another way."""
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)])
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    x[2] = 0
    losses = (model(tg.tensor(x)).relu() ** 2).sum((1, 2))
    dense = one_by_one(losses, model)
    losses.backward(per_sample=True)
    g, flat = model.sample_grads(), flat_of(dense)
    np.testing.assert_allclose(g.gram().array, flat @ flat.T, rtol=1e-4, atol=1e-5 * float(np.abs(flat @ flat.T).max()))
    np.testing.assert_allclose(g.norms().array, np.sqrt((flat**2).sum(1)), rtol=1e-5)


def test_results_are_in_memory_of_their_own():
    model, _ = opened()
    g = model.sample_grads()
    before = gradients_of(model)
    for question in (g.norms, g.gram, g.cosine, lambda: g.dot({"scale": np.ones(4)}), lambda: g.sum()["scale"]):
        right = question().array.copy()
        question().array.fill(np.nan)
        np.testing.assert_array_equal(question().array, right)
    g.squares().fill(np.nan)
    assert np.isfinite(g.norms().array).all()
    g.clip(math.inf).array.fill(np.nan)
    assert_gradients(model, {name: np.zeros(3) if v is None else v for name, v in before.items()})


# Several passes


def test_passes_that_not_all_parameters_had_a_part_in():
    model = nn.Sequential(nn.Linear(3, 4, dtype="float64"), nn.Linear(4, 2, dtype="float64"))
    x = tg.randn(5, 3, dtype="float64")
    parts = []
    for forward in (
        lambda: model(x),
        lambda: model[0](x[:2]),
        lambda: model[1](x[:3] @ tg.ones(3, 4, dtype="float64")),
    ):
        losses = forward().sum(1)
        parts.append(one_by_one(losses, model))
        losses.backward(per_sample=True)
    dense = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    g, flat = model.sample_grads(), flat_of(dense)
    assert (g.count, [len(own) for own in g.values()]) == (10, [10] * 4)
    for name, own in g.items():
        assert_close(own[:], dense[name])
        assert_close(tg.cat(list(own.materialize(block=2))), dense[name])
    assert_close(g.norms(), np.sqrt((flat**2).sum(1)))
    assert_close(g.gram(), flat @ flat.T)
    norms = g.clip(0.7)
    assert_close(norms, np.sqrt((flat**2).sum(1)))
    assert_gradients(model, clipped(dense, 0.7))


@pytest.mark.parametrize("between", ["a pass", "zero_grad", "another batch", "one gradient cleared"])
def test_clipping_what_is_out_of_date_changes_nothing(between):
    model, _ = opened()
    g = model.sample_grads()
    if between == "one gradient cleared":
        model.scale.grad = None
    elif between != "a pass":
        model.zero_grad()
    if between in ("a pass", "another batch"):
        losses_of(model).backward(per_sample=True)
    before = gradients_of(model)
    with pytest.raises(tg.GraphError, match=r"call model\.sample_grads\(\) again"):
        g.clip(0.1)
    after = gradients_of(model)
    assert all((after[n] is None) == (before[n] is None) for n in before)
    assert all(after[n] is None or (after[n] == before[n]).all() for n in before)
    assert g.norms().shape == (6,)  # they can still be looked at


# Clipping


@pytest.mark.parametrize("max_norm", [0.0, 1e-6, 0.05, 0.3, 1.0, 1e9, math.inf, 1, np.float32(0.25), tg.tensor(0.5)])
@pytest.mark.parametrize("options", [{}, {"keep": "dense"}, {"create_graph": True}], ids=str)
def test_clipping_is_a_loop_over_the_samples(max_norm, options):
    model, dense = opened(**options)
    norms = model.sample_grads().clip(max_norm)
    assert isinstance(norms, tg.Tensor)
    assert_close(norms, np.sqrt((flat_of(dense) ** 2).sum(1)))
    assert_gradients(model, clipped(dense, float(max_norm)))
    assert model.idle.grad is None
    assert not model.scale.grad.requires_grad


@settings(max_examples=25)
@given(
    st.integers(0, 5),
    st.floats(0, 3),
    st.lists(st.sampled_from(["sum", "penalty", "clip"]), max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_clipping_after_whatever_went_before(samples, max_norm, steps, seed):
    """Passes, penalties and clipping in any order: what is shared stays, and each clip begins from the samples."""
    rng = np.random.default_rng(seed)
    model = nn.Linear(3, 2, dtype="float64")
    shared, parts = {"weight": np.zeros((2, 3)), "bias": np.zeros(2)}, []
    for step in [*steps, "sum"]:
        if step == "penalty":
            (3 * (model.weight**2).sum() + model.bias.sum()).backward()
            shared = {"weight": shared["weight"] + 6 * model.weight.array, "bias": shared["bias"] + 1}
        elif step == "sum":
            x = rng.normal(size=(samples, 3)) * rng.integers(0, 2, (samples, 1))
            parts.append({"weight": np.repeat(x[:, None], 2, 1), "bias": np.ones((samples, 2))})
            model(tg.tensor(x)).sum(1).backward(per_sample=True)
        elif parts:
            model.sample_grads().clip(float(rng.uniform(0, 2)))
    dense = {name: np.concatenate([part[name] for part in parts]) for name in shared}
    model.sample_grads().clip(max_norm)
    assert_gradients(model, plus(clipped(dense, max_norm), shared), 1e-10)
    for name, p in model.named_parameters():
        assert_close(p.shared_grad, shared[name], 1e-10)


def test_a_sample_without_a_gradient_counts_in_full():
    model = nn.Linear(2, 1, bias=False, dtype="float64")
    x = tg.tensor([[0.0, 0.0], [3.0, 4.0]], dtype="float64")
    model(x).sum(1).backward(per_sample=True)
    assert model.sample_grads().clip(0.0).tolist() == [0.0, 5.0]
    assert model.weight.grad.tolist() == [[0.0, 0.0]]
    assert model.weight.sample_grads.coefficients.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("max_norm", [-1.0, -1e-300, math.nan, -math.inf])
def test_a_length_below_zero(max_norm):
    model, dense = opened()
    with pytest.raises(ValueError, match=rf"clip\(\): max_norm={max_norm} must be 0 or more"):
        model.sample_grads().clip(max_norm)
    assert_gradients(model, {name: d.sum(0) for name, d in dense.items()})


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("steps", [1, 3])
def test_gradients_that_are_not_finite(bad, steps):
    model = nn.Linear(3, 2)
    x = np.ones((5, steps, 3), np.float32)
    x[2, 0, 1] = x[4, 0, 0] = bad
    with np.errstate(invalid="ignore"):
        model(tg.tensor(x)).sum((1, 2)).backward(per_sample=True)
    before = gradients_of(model)
    with pytest.raises(
        ValueError, match=r"of 2 samples are not finite, the first is that of sample 2\. Nothing was changed"
    ):
        model.sample_grads().clip(1.0)
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.grad.array, before[name])
    assert model.sample_grads()["weight"].coefficients.tolist() == [1.0] * 5


def test_a_gradient_that_has_only_norms_cannot_be_clipped():
    model, dense = opened(keep="norms")
    assert_close(model.sample_grads().norms(), np.sqrt((flat_of(dense) ** 2).sum(1)))
    with pytest.raises(tg.GraphError) as caught:
        model.sample_grads().clip(0.1)
    assert str(caught.value).startswith("sample_grads.clip(): the backward pass kept norms only (keep='norms'). ")
    assert "Pass keep='factors' to backward(), or run it again with weights=" in str(caught.value)
    assert_gradients(model, {name: d.sum(0) for name, d in dense.items()})
    losses_of(model).backward(per_sample=True)
    before = gradients_of(model)
    with pytest.raises(tg.GraphError, match="kept norms only"):
        model.sample_grads().clip(0.1)
    assert_gradients(model, {name: np.zeros(3) if v is None else v for name, v in before.items()})


def test_the_sums_are_those_that_grad_has_and_of_what_no_loss_depended_on_0():
    model, dense = opened(keep="norms")
    assert model.idle.grad is None
    for name, total in model.sample_grads().sum().items():
        assert_close(total, dense[name].sum(0))


def test_the_way_out_that_this_error_names():
    """Norms first, and then a second pass with the weights that clip."""
    model, dense = opened(keep="norms")
    norms = model.sample_grads().norms().array
    model.zero_grad()
    losses_of(model).backward(per_sample=True, weights=np.minimum(1.0, 0.1 / norms))
    assert_gradients(model, clipped(dense, 0.1))


def penalty(model):
    (model.layer.weight**2).sum().backward()
    model.idle.sum().backward()


def by_hand(model):
    if model.layer.weight.grad is None:
        model.layer.weight.grad = np.zeros((4, 4))
    model.layer.weight.grad += 2 * model.layer.weight.detach()
    model.idle.grad = np.ones(3)


def in_place(model):
    if model.layer.weight.grad is None:
        model.layer.weight.grad = np.zeros((4, 4))
    model.layer.weight.grad.add_(2 * model.layer.weight.detach())
    model.idle.grad = np.ones(3)


@pytest.mark.parametrize(
    ("add", "order"),
    [
        *[(penalty, order) for order in ("before", "after", "after clipping", "between two passes")],
        (by_hand, "before"),
        (in_place, "before"),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_what_is_shared_stays(add, order, create_graph):
    model = Net()
    shared = {"layer.weight": 2 * model.layer.weight.array, "idle": np.ones(3)}
    if order == "before":
        add(model)
    _, dense = opened(model, create_graph=create_graph)
    if order == "after":
        add(model)
    if order == "between two passes":
        add(model)
        _, more = opened(model)
        dense = {name: np.concatenate([dense[name], more[name]]) for name in dense}
    if order == "after clipping":
        model.sample_grads().clip(0.2)
        add(model)
        assert_gradients(model, plus(clipped(dense, 0.2), shared))
    for limit in (0.05, 1e-3, math.inf):
        model.sample_grads().clip(limit)
        assert_gradients(model, plus(clipped(dense, limit), shared))
        assert_close(model.layer.weight.shared_grad, shared["layer.weight"])
        assert_close(model.scale.shared_grad, np.zeros(4))
        assert_close(model.idle.grad, np.ones(3))


CHANGES = {
    "made smaller": lambda p: p.grad.mul_(0.25),
    "zeros": lambda p: p.grad.zero_(),
    "added to": lambda p: p.grad.add_(1.0),
    "through a view": lambda p: p.grad.reshape(-1)[:1].fill_(7.0),
    "assigned": lambda p: setattr(p, "grad", p.grad * 0.25),
    "by NumPy": lambda p: np.multiply(p.grad.array, 0.25, out=p.grad.array),
    "all clipped": lambda p: nn.utils.clip_grad_norm_(p, 1e-3),
    "all held": lambda p: nn.utils.clip_grad_value_(p, 1e-3),
}


FOLLOWED = [(name, then) for name in CHANGES for then in ("nothing", "a penalty", "another pass")]
FOLLOWED.remove(("zeros", "another pass"))  # which is the first one then


@pytest.mark.parametrize(("name", "then"), FOLLOWED)
def test_a_gradient_that_others_have_changed_cannot_be_clipped(name, then):
    """What it holds beside the samples cannot be told: the difference would be the samples' own sum."""
    change = CHANGES[name]
    model, _ = opened()
    for p in [p for p in model.parameters() if p.grad is not None]:
        change(p)
    if then == "a penalty":
        (model.layer.weight**2).sum().backward()
    elif then == "another pass":
        opened(model)
    before, samples = gradients_of(model), model.sample_grads()
    with pytest.raises(tg.GraphError, match=r"clip\(\): the \.grad of '.*' was changed by something other than a"):
        samples.clip(0.1)
    assert_gradients(model, {name: np.zeros(3) if v is None else v for name, v in before.items()})
    model.zero_grad()
    _, dense = opened(model)
    model.sample_grads().clip(0.1)
    assert_gradients(model, clipped(dense, 0.1))


def test_a_gradient_of_no_sample_may_be_changed():
    model, dense = opened()
    model.idle.grad = np.ones(3)
    model.idle.grad.mul_(2.0)
    model.sample_grads().clip(0.1)
    assert_gradients(model, plus(clipped(dense, 0.1), {"idle": np.full(3, 2.0)}))


def test_a_small_limit_is_kept_whatever_the_gradients_were():
    """Nothing of the large unclipped sum is left over, as its rounding would be."""
    model = nn.Linear(3, 2)
    x = 1e6 * np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for _ in range(2):
        model(tg.tensor(x)).sum(1).backward(per_sample=True)
    for limit in (1e-6, 1e3, 1e-9):
        model.sample_grads().clip(limit)
        length = math.sqrt(sum(float((p.grad.array.astype(np.float64) ** 2).sum()) for p in model.parameters()))
        assert length <= 8 * limit * (1 + 1e-5)


def test_clipping_twice_begins_from_the_samples_own_gradients():
    model, dense = opened()
    g = model.sample_grads()
    for limit in (0.01, 0.2, 0.05, math.inf):
        norms = g.clip(limit)
        assert_close(norms, np.sqrt((flat_of(dense) ** 2).sum(1)))
        assert_gradients(model, clipped(dense, limit))
        assert_close(model.scale.sample_grads[:], dense["scale"])
        assert_close(model.scale.shared_grad, np.zeros(4))


def test_clipping_several_passes_and_passes_after_clipping():
    model = Net()
    parts = []
    for rows in (slice(0, 2), slice(2, 3), slice(3, 6)):
        losses = losses_of(model, rows)
        parts.append(one_by_one(losses, model))
        losses.backward(per_sample=True)
        model.sample_grads().clip(0.1)
        dense = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        assert_gradients(model, clipped(dense, 0.1))
        assert model.sample_grads().count == len(flat_of(dense))


def test_clipping_weighted_samples_clips_the_weighted_gradients():
    weights = np.array([1.0, 0.0, 5.0, 0.1, 2.0, -1.0])
    model, dense = opened(weights=weights)
    norms = model.sample_grads().clip(0.2)
    assert_close(norms, np.sqrt((flat_of(dense) ** 2).sum(1)))
    assert norms.array[1] == 0
    assert_gradients(model, clipped(dense, 0.2))


def test_clipping_in_float32():
    model = Net("float32")
    _, dense = opened(model)
    norms = model.sample_grads().clip(0.1)
    assert norms.dtype == np.float32
    assert_close(norms, np.sqrt((flat_of(dense).astype(np.float64) ** 2).sum(1)), 1e-5)
    assert_gradients(model, clipped(dense, 0.1), 1e-5)
    assert {str(p.grad.dtype) for p in model.parameters() if p.grad is not None} == {"float32"}


@pytest.mark.parametrize("size", [1e-25, 1e-15, 1e15, 1e25])
def test_clipping_in_float32_of_small_and_large_gradients(size):
    model = nn.Linear(3, 2, bias=False)
    x = (size * np.random.default_rng(0).normal(size=(4, 3))).astype(np.float32)
    model(tg.tensor(x)).sum(1).backward(per_sample=True)
    dense = {"weight": np.repeat(x[:, None].astype(np.float64), 2, 1)}
    norms = model.sample_grads().clip(1.5 * size)
    np.testing.assert_allclose(norms.array, np.sqrt((dense["weight"] ** 2).sum((1, 2))), rtol=1e-5)
    np.testing.assert_allclose(model.weight.grad.array, clipped(dense, 1.5 * size)["weight"], rtol=1e-4)


def test_clipping_a_gradient_with_derivatives_gives_a_plain_one():
    model, dense = opened(create_graph=True)
    graph = model.scale.grad
    assert graph.requires_grad
    before = graph.array.copy()
    model.sample_grads().clip(0.1)
    assert not model.scale.grad.requires_grad
    assert model.scale.grad is not graph
    assert (graph.array == before).all()
    assert_gradients(model, clipped(dense, 0.1))


def test_clipping_changes_the_gradient_in_place_and_says_so():
    model, _ = opened()
    before = {name: p.grad for name, p in model.named_parameters()}
    v = tg.ones(4, dtype="float64", requires_grad=True)
    product = (model.scale.grad * v).sum()
    model.sample_grads().clip(0.1)
    assert all(p.grad is before[name] for name, p in model.named_parameters())
    with pytest.raises(tg.GraphError, match="in place"):
        product.backward()


def test_clipping_one_part_of_a_model_leaves_the_others_alone():
    model, dense = opened()
    (model.scale.sum() * 3).backward()
    model.layer.sample_grads().clip(0.01)
    own = {"weight": dense["layer.weight"], "bias": dense["layer.bias"]}
    right = {name: d.sum(0) for name, d in dense.items()}
    right["scale"] = right["scale"] + 3
    right.update({f"layer.{name}": v for name, v in clipped(own, 0.01).items()})
    assert_gradients(model, right)
    assert_close(model.scale.shared_grad, np.full(4, 3.0))
    assert_close(model.layer.weight.shared_grad, np.zeros((4, 4)))
    model.table.sample_grads().clip(0.02)
    right["table.weight"] = clipped({"": dense["table.weight"]}, 0.02)[""]
    assert_gradients(model, right)
    model.sample_grads().clip(0.1)
    assert_gradients(model, plus(clipped(dense, 0.1), {"scale": 3.0}))


@pytest.mark.parametrize("how", ["register_hook", "register_post_accumulate_grad_hook"])
def test_what_a_hook_has_made_of_the_gradient_is_kept_apart_from_the_samples(how):
    w = nn.Parameter(tg.ones(2, dtype="float64"))
    if how == "register_hook":
        w.register_hook(lambda g: 10 * g)
    else:
        w.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(10))
    (tg.tensor([[3.0, 0.0], [0.0, 1.0]], dtype="float64") @ w).backward(per_sample=True)
    assert w.shared_grad.tolist() == [27.0, 9.0]
    ModelSampleGrads([("w", w)]).clip(1.0)
    assert w.grad.tolist() == [28.0, 10.0]
    assert w.shared_grad.tolist() == [27.0, 9.0]


def test_a_step_of_private_training():
    """Per-sample clipping, noise, division by the number of samples, a step: w - lr (Σ clipped + noise) / B."""
    model, dense = opened()
    before = {name: p.array.copy() for name, p in model.named_parameters()}
    optimizer = tg.optim.SGD(model.parameters(), lr=0.5)
    model.sample_grads().clip(0.1)
    model.scale.grad += tg.full((4,), 0.01, dtype="float64")
    optimizer.step(samples=6)
    total = plus(clipped(dense, 0.1), {"scale": 0.01})
    for name, p in model.named_parameters():
        assert_close(p.array, before[name] - 0.5 / 6 * total.get(name, np.zeros(p.shape)))
    optimizer.zero_grad()
    with pytest.raises(tg.GraphError):
        model.sample_grads()
    opened(model)
    assert model.sample_grads().count == 6


# What it costs


def test_the_cost_is_a_line_for_each_parameter_and_the_total():
    model, _ = opened()
    g = model.sample_grads()
    lines = g.cost().splitlines()
    assert [line.split()[0] for line in lines] == [*NAMES, "total"]
    assert [line.split(maxsplit=1)[1] for line in lines[:-1]] == [str(own.cost()) for own in g.values()]
    total = f"{sum(own.cost().bytes for own in g.values()) / 1024:.1f} KiB"
    full = f"{sum(own.cost().dense_bytes for own in g.values()) / 1024:.1f} KiB"
    assert lines[-1].split(maxsplit=1)[1] == f"{total} (full gradients: {full})"
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1
    model.zero_grad()
    losses_of(model).backward(per_sample=True, keep="norms")
    assert "norms, 48 bytes" in model.sample_grads().cost()
