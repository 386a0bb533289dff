"""The per-sample backward pass, from the losses to what is kept: against plain passes, sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import normal, parameter
from per_sample import assert_close, check_open_sum, check_second_derivatives, one_hot_passes
from sample_programs import Program, programs

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.testing import gradcheck_vjp

B = 5
X, LABELS = normal(B, 3), np.array([0, 2, 1, 1, 0])


def model(seed: int = 0) -> Any:
    tg.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()


def losses_of(net: Any, x: Any = X, labels: Any = LABELS) -> Any:
    return F.cross_entropy(net(x), labels, reduction="none")


# Random programs


@settings(max_examples=150)
@given(programs())
def test_a_program_whose_samples_are_apart(p: Program) -> None:
    """Everything as in one-hot passes, and as when each sample is computed without the others."""
    assume(p.leaves)
    check_open_sum(p.losses, p.leaves, alone=p.alone, beside=lambda: sum((w**2).sum() for w in p.leaves))


@settings(max_examples=100)
@given(programs(may_couple=True))
def test_a_program_whose_samples_may_meet(p: Program) -> None:
    """An error, or everything as in one-hot passes; with coupled=True always that."""
    assume(p.leaves)
    try:
        check_open_sum(p.losses, p.leaves)
    except tg.SampleCouplingError:
        assert p.couples
        check_open_sum(p.losses, p.leaves, coupled=True)


@settings(max_examples=50)
@given(programs(may_couple=True), st.sampled_from(["factors", "norms", "dense"]))
def test_a_program_differentiated_twice(p: Program, keep: str) -> None:
    assume(p.leaves)
    check_second_derivatives(p.losses, p.leaves, keep=keep, coupled=True)


# Numbers from outside


def test_half_squares_of_a_mean() -> None:
    theta = tg.tensor(3.0, dtype=tg.float64, requires_grad=True)
    losses = 0.5 * (np.array([0.0, 7.0, -2.0]) - theta) ** 2
    np.testing.assert_array_equal(losses.array, [4.5, 8.0, 12.5])
    losses.backward(per_sample=True)
    np.testing.assert_array_equal(theta.sample_grads.norms().array, [3.0, 4.0, 5.0])
    assert theta.grad.item() == theta.sample_grads.sum().item() == 4.0


def test_embedding_with_repeated_rows() -> None:
    table = tg.tensor(normal(3, 1), requires_grad=True)
    rows = F.embedding(np.array([[1, 1], [2, 0], [2, 0]]), table)
    (rows[..., 0] * np.array([[0.2, 0.2], [0.3, 0.1], [0.3, 0.1]])).sum(1).backward(per_sample=True)
    np.testing.assert_allclose(table.sample_grads.norms().array, [0.4, 0.1**0.5, 0.1**0.5], rtol=1e-14)
    np.testing.assert_array_equal(np.round(table.sample_grads.norms().array, 4), [0.4, 0.3162, 0.3162])


def test_noise_of_a_mean_is_its_covariance_over_the_squared_distance() -> None:
    """½‖θ - x‖²: the gradients are θ - x."""
    theta, x = parameter(4, seed=1), normal(50, 4)
    (0.5 * ((theta - x) ** 2).sum(1)).backward(per_sample=True)
    grads = theta.sample_grads
    noise = float(grads.variance().sum().item() / (grads.mean() ** 2).sum().item())
    expected = np.trace(np.cov(x.T)) / np.sum((theta.array - x.mean(0)) ** 2)
    assert noise == pytest.approx(expected, rel=1e-12)


def test_linear_and_logistic_regression() -> None:
    w, y = parameter(3, seed=1), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    (0.5 * (X @ w - y) ** 2).backward(per_sample=True)
    assert_close(w.sample_grads.materialize(), (X @ w.array - y)[:, None] * X, "(x·w - y) x")
    w.grad = None
    F.binary_cross_entropy_with_logits(X @ w, y, reduction="none").backward(per_sample=True)
    p = 1 / (1 + np.exp(-X @ w.array))
    assert_close(w.sample_grads.materialize(), (p - y)[:, None] * X, "(p - y) x")


# Models that are not layers one after another


def test_a_penalty_on_the_derivative_by_the_input() -> None:
    """Losses made of a gradient: the graph that is opened is one of rules."""
    w, v = parameter(3, 4), parameter(4, seed=1)

    def losses() -> Any:
        x = tg.tensor(X, requires_grad=True)
        out = (x @ w).tanh() @ v
        (slope,) = tg.autograd.grad(out.sum(), x, create_graph=True)
        return out + (slope.norm(dim=1) - 1) ** 2

    check_open_sum(losses, [w, v])


def test_losses_computed_one_by_one() -> None:
    w, b = parameter(3, 2), parameter(2, seed=1)

    def one(m: int) -> Any:
        return ((X[m] @ w + b) ** 2).sum()

    def filled() -> Any:
        losses = tg.zeros(B, dtype=tg.float64)
        for m in range(B):
            losses[m] = one(m)
        return losses

    check_open_sum(lambda: tg.stack([one(m) for m in range(B)]), [w, b], alone=one)
    check_open_sum(filled, [w, b], alone=one)
    check_open_sum(lambda: tg.cat([one(m).reshape(1) for m in range(B)]), [w, b], alone=one)


def test_losses_that_are_a_parameter() -> None:
    theta = parameter(B)
    check_open_sum(lambda: theta, [theta])
    check_open_sum(lambda: theta.reshape(1, B)[0], [theta])
    w = parameter(3)
    check_open_sum(lambda: (X * w)[np.arange(B), [0, 1, 2, 0, 1]] + theta**2, [w, theta])


# Arguments


def test_weights_multiply_the_terms() -> None:
    net, w = model(), np.array([0.5, 0.0, -1.0, 2.0, 3.0])
    expected = one_hot_passes(losses_of(net), list(net.parameters()))
    for name in ("weights", "gradient"):
        net.zero_grad()
        losses_of(net).backward(per_sample=True, **{name: w})
        for p, stack in zip(net.parameters(), expected, strict=True):
            assert_close(p.sample_grads.materialize(), stack * w.reshape(-1, *[1] * (stack.ndim - 1)), name)
            assert_close(p.grad, np.tensordot(w, stack, 1), f"{name}: .grad")
            assert_close(p.sample_grads.sum(), p.grad.array, f"{name}: sum")
            np.testing.assert_array_equal(p.sample_grads.weights, w)


def test_weights_may_be_a_tensor_or_integers() -> None:
    w = parameter(3)
    for weights in (tg.tensor([2.0, 0.0, 1.0, 1.0, 3.0]), [2, 0, 1, 1, 3], np.array([2, 0, 1, 1, 3])):
        w.grad = None
        (X @ w).backward(per_sample=True, weights=weights)
        assert_close(w.sample_grads.materialize(), X * np.array([[2], [0], [1], [1], [3]]), "weights")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.ones(B), "gradient": np.ones(B), "per_sample": True}, "gradient= and weights= are the same"),
        ({"weights": np.ones(B)}, "weights=, keep= and coupled= go with per_sample=True"),
        ({"keep": "norms"}, "weights=, keep= and coupled= go with per_sample=True"),
        ({"coupled": True}, "weights=, keep= and coupled= go with per_sample=True"),
        (
            {"keep": "everything", "per_sample": True},
            "keep='everything' is not known: use 'factors', 'norms' or 'dense'",
        ),
    ],
)
def test_arguments_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    w = parameter(3)
    losses = X @ w
    with pytest.raises(ValueError, match=message):
        losses.backward(**options)
    assert w.grad is None
    losses.backward(per_sample=True)  # the graph is still there


@pytest.mark.parametrize("weights", [1.0, np.ones(B - 1), np.ones((B, 1))])
def test_weights_of_another_shape(weights: Any) -> None:
    w = parameter(3)
    with pytest.raises(
        tg.ShapeError, match=r"weights has shape \(.*\), the losses \(5,\): it needs one number for each"
    ):
        (X @ w).backward(per_sample=True, weights=weights)
    assert w.grad is None


def test_norms_alone_may_be_kept() -> None:
    net = model()
    losses_of(net).backward(per_sample=True)
    full = net.sample_grads()
    expected = [(full[name].norms().array, p.grad.array) for name, p in net.named_parameters()]
    total = full.norms().array
    net.zero_grad()
    losses_of(net).backward(per_sample=True, keep="norms")
    for (norms, grad), p in zip(expected, net.parameters(), strict=True):
        assert_close(p.sample_grads.norms(), norms, "norms")
        np.testing.assert_array_equal(p.grad.array, grad)
        np.testing.assert_array_equal(p.sample_grads.sum().array, grad)  # that .grad has
        assert p.sample_grads.cost().kept == ("norms",)
        for ask in ("gram", "cosine", "mean", "variance", "materialize"):
            with pytest.raises(tg.GraphError, match=r"sample_grads\.\w+\(\): the backward pass kept norms only"):
                getattr(p.sample_grads, ask)()
    assert_close(net.sample_grads().norms(), total, "norms of the whole model")


def test_gradients_may_be_kept_written_out() -> None:
    net = model()
    expected = one_hot_passes(losses_of(net), list(net.parameters()))
    losses_of(net).backward(per_sample=True, keep="dense")
    for p, stack in zip(net.parameters(), expected, strict=True):
        assert_close(p.sample_grads.materialize(), stack, "dense")
        assert p.sample_grads.cost().kept == ("full gradients",)
        assert_close(p.sample_grads.gram(), stack.reshape(B, -1) @ stack.reshape(B, -1).T, "gram")


# Derivatives of it


def test_derivative_of_norms_equals_the_numeric_one() -> None:
    """A penalty on the lengths of the samples' gradients, as in robust training."""
    x, targets = normal(4, 3), normal(4, 2, seed=1)

    def total(w: Any, v: Any) -> Any:
        w, v = (tg.tensor(p, requires_grad=True) for p in (w, v))
        (((x @ w).tanh() @ v - targets) ** 2).sum(1).backward(per_sample=True, create_graph=True)
        out = w.sample_grads.norms().sum() + (v.sample_grads.norms() ** 3).sum()
        w_grad, v_grad = tg.autograd.grad(out, [w, v])
        w.grad = v.grad = None
        return out.item(), w_grad.array, v_grad.array

    arrays = [normal(3, 2, seed=2), normal(2, 2, seed=3)]
    gradcheck_vjp(lambda w, v: np.asarray(total(w, v)[0]), lambda g, w, v: [g * p for p in total(w, v)[1:]], arrays)


def test_derivative_by_the_weights() -> None:
    p, weights = parameter(3), parameter(B, seed=1)
    ((X @ p) ** 2).backward(per_sample=True, weights=weights, create_graph=True)
    (found,) = tg.autograd.grad((p.sample_grads.norms() ** 2).sum(), weights)
    lengths = ((2 * (X @ p.array)[:, None] * X) ** 2).sum(1)
    assert_close(found, 2 * weights.array * lengths, "d Σ‖w_m g_m‖² / dw")
    p.grad = None


def test_retain_graph_lets_the_same_losses_be_opened_again() -> None:
    net = model()
    losses = losses_of(net)
    losses.backward(per_sample=True, retain_graph=True)
    once = net.sample_grads().norms().array
    losses.backward(per_sample=True)
    np.testing.assert_array_equal(net.sample_grads().norms().array, np.concatenate([once, once]))
    with pytest.raises(tg.GraphError, match="a second time: the first walk freed"):
        losses.backward(per_sample=True)
    assert net.sample_grads().count == 2 * B


# Several passes


@pytest.mark.parametrize("cuts", [(2,), (0, 2, 2), (1, 2, 3, 4)])
def test_micro_batches_concatenate(cuts: tuple[int, ...]) -> None:
    net = model()
    losses_of(net).backward(per_sample=True)
    whole = {name: (g.norms().array, g.gram().array, g.materialize().array) for name, g in net.sample_grads().items()}
    total, gradients = net.sample_grads().gram().array, [p.grad.array for p in net.parameters()]
    net.zero_grad()
    for start, stop in zip((0, *cuts), (*cuts, B), strict=True):
        losses_of(net, X[start:stop], LABELS[start:stop]).backward(per_sample=True)
    assert net.sample_grads().count == B
    for name, (norms, gram, stack) in whole.items():
        grads = net.sample_grads()[name]
        assert len(grads) == B
        for actual, expected in ((grads.norms(), norms), (grads.gram(), gram), (grads.materialize(), stack)):
            assert_close(actual, expected, name)
        assert_close(grads.variance(), stack.var(0, ddof=1), name)
    assert_close(net.sample_grads().gram(), total, "gram of the whole model")
    for p, grad in zip(net.parameters(), gradients, strict=True):
        assert_close(p.grad, grad, ".grad")
        assert not np.abs(p.shared_grad.array).max() > 1e-15


def test_weights_of_several_passes_stand_one_after_another() -> None:
    w = parameter(3)
    (X @ w).backward(per_sample=True, weights=np.arange(5.0))
    (X[:2] @ w).backward(per_sample=True)
    np.testing.assert_array_equal(w.sample_grads.weights, [0, 1, 2, 3, 4, 1, 1])


def test_a_parameter_without_a_part_in_one_pass_has_zeros_there() -> None:
    heads = nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)]).double()
    for head, rows in zip((0, 1, 0), (X[:2], X[2:3], X[3:]), strict=True):
        heads[head](rows).squeeze(1).backward(per_sample=True)
    grads = heads.sample_grads()
    assert grads.count == B
    first = np.where(np.isin(np.arange(B), [0, 1, 3, 4])[:, None], X, 0.0)
    assert_close(grads["0.weight"].materialize(), first[:, None], "first head")
    assert_close(grads["1.weight"].materialize(), (X - first)[:, None], "second head")
    assert_close(grads.gram(), (X @ X.T + 1) * np.equal.outer(*[np.isin(np.arange(B), [2])] * 2), "whole model")
    assert len(heads[1].weight.sample_grads) == 1  # by itself it has just the sample that it had a part in


def test_a_parameter_without_a_part_in_a_pass_that_kept_norms() -> None:
    heads = nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)]).double()
    heads[0](X).squeeze(1).backward(per_sample=True, keep="norms")
    grads = heads.sample_grads()
    np.testing.assert_array_equal(grads["1.weight"].norms().array, np.zeros(B))
    assert_close(grads.norms(), np.sqrt((X**2).sum(1) + 1), "norms of the whole model")
    with pytest.raises(tg.GraphError, match="kept norms only"):
        grads["1.weight"].gram()


def test_two_losses_of_one_graph() -> None:
    net = nn.ParameterList([parameter(3, 2), parameter(2, 2, seed=1)])
    w, v = net
    hidden = (X @ w).tanh()
    one, two = (hidden @ v).sum(1), (hidden**2).sum(1)
    expected = [
        np.concatenate(pair) for pair in zip(one_hot_passes(one, [w, v]), one_hot_passes(two, [w, v]), strict=True)
    ]
    one.backward(per_sample=True, retain_graph=True)
    two.backward(per_sample=True)
    assert_close(w.sample_grads.materialize(), expected[0], "w")
    assert_close(v.sample_grads.materialize(), expected[1][:B], "v")
    assert_close(net.sample_grads()["1"].materialize(), expected[1], "v, aligned with w")


def test_norms_are_known_whatever_the_passes_kept() -> None:
    w = parameter(3)
    for keep in ("norms", "factors", "dense"):
        (X @ w).tanh().backward(per_sample=True, keep=keep)
    norms = w.sample_grads.norms().array
    assert_close(norms, np.tile(norms[:B], 3), "norms of three passes")
    with pytest.raises(tg.GraphError, match=r"gram\(\): 1 of the 3 backward passes .* kept norms only"):
        w.sample_grads.gram()


# Clearing, and what .grad holds besides


def test_clearing_gradients_clears_the_samples() -> None:
    net = model()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)

    def one_by_one() -> None:
        for p in net.parameters():
            p.grad = None

    clearings = [net.zero_grad, lambda: net.zero_grad(set_to_none=False), optimizer.zero_grad, one_by_one]
    for clearing in (*clearings, lambda: optimizer.zero_grad(set_to_none=False)):
        losses_of(net).backward(per_sample=True)
        assert net.sample_grads().count == B
        clearing()
        with pytest.raises(tg.GraphError, match=r"sample_grads\(\): there was no per-sample backward pass since"):
            net.sample_grads()
        with pytest.raises(tg.GraphError, match=r"this tensor of shape .* has none"):
            net[0].weight.sample_grads
    for p in net.parameters():
        assert not p.grad.array.any()


def test_a_plain_backward_is_what_it_was() -> None:
    net = model()
    losses_of(net).backward()
    plain = [p.grad.array.copy() for p in net.parameters()]
    with pytest.raises(tg.GraphError, match=r"its \.grad comes from backward\(\) without per_sample=True"):
        net[0].weight.sample_grads
    net.zero_grad()
    losses_of(net).backward(per_sample=True)
    for p, expected in zip(net.parameters(), plain, strict=True):
        np.testing.assert_array_equal(p.grad.array, expected)
    losses_of(net).backward()
    for p, expected in zip(net.parameters(), plain, strict=True):
        np.testing.assert_array_equal(p.grad.array, 2 * expected)
        assert_close(p.shared_grad, expected, "what the plain pass added")
        assert_close(p.sample_grads.sum(), expected, "the samples' part")
        assert len(p.sample_grads) == B


def test_a_penalty_beside_the_samples_and_one_in_each_loss() -> None:
    w = parameter(3, 2)
    check_open_sum(lambda: (X @ w).tanh().sum(1), [w], beside=lambda: 0.1 * (w**2).sum())
    assert_close(w.shared_grad, 0.2 * w.array, "beside")
    w.grad = None
    losses = (X @ w).tanh().sum(1)
    alone = one_hot_passes(losses, [w])[0]
    (losses + 0.1 * (w**2).sum()).backward(per_sample=True)
    assert_close(w.sample_grads.materialize(), alone + 0.2 * w.array, "each sample has all of it")
    assert_close(w.shared_grad, np.zeros((3, 2)), "nothing beside", scale=1.0)


def test_a_gradient_that_was_set_is_beside_the_samples() -> None:
    w = parameter(3)
    w.grad = np.array([10.0, 20.0, 30.0])
    (X @ w).backward(per_sample=True)
    assert_close(w.shared_grad, [10.0, 20.0, 30.0], "shared_grad")
    assert_close(w.sample_grads.sum(), X.sum(0), "sum")
    w.grad = w.grad + 1
    assert_close(w.shared_grad, [11.0, 21.0, 31.0], "shared_grad")


# Losses that are no losses


def test_a_single_number_is_refused() -> None:
    w = parameter(3)
    total = (X @ w).sum()
    with pytest.raises(tg.ShapeError, match=r"one loss for each sample, shape \(B,\), but got .* reduction=\"none\""):
        total.backward(per_sample=True)
    assert w.grad is None
    total.backward()


def test_losses_of_two_axes_are_refused() -> None:
    w = parameter(3, 2)
    with pytest.raises(
        tg.ShapeError, match=r"got shape \(5, 2\): sum over .* losses\.sum\(\(1\)\), or .* losses\.reshape\(-1\)"
    ):
        (X @ w).backward(per_sample=True)
    assert w.grad is None
    (X @ w).reshape(-1).backward(per_sample=True)
    assert len(w.sample_grads) == 10


def test_losses_without_a_graph_are_refused() -> None:
    with pytest.raises(tg.GraphError, match=r"the losses do not require a gradient.*look for no_grad"):
        tg.tensor(X @ np.ones(3)).backward(per_sample=True)


def test_sample_grads_of_what_is_no_leaf() -> None:
    w = parameter(3)
    with pytest.raises(tg.GraphError, match="sample_grads exist for leaves only, such as parameters"):
        (w * 2).sample_grads
    with pytest.raises(
        tg.GraphError, match="no loss has been differentiated with respect to it since its gradient was last cleared"
    ):
        w.sample_grads


@pytest.mark.parametrize("zero", [lambda g: g.zero_(), lambda g: g.array.fill(0), lambda g: g.mul_(0.0)])
def test_passes_whose_sum_was_made_zero_are_forgotten(zero: Any) -> None:
    """The samples are those of `.grad`: of the pass after it, and of those after that."""
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    x = tg.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    (x @ w).backward(per_sample=True)
    zero(w.grad)
    for count in (2, 4):
        (x[1:] @ w).backward(per_sample=True)
        assert len(w.sample_grads) == count
        np.testing.assert_array_equal(w.sample_grads.sum().array, w.grad.array)
        np.testing.assert_array_equal(w.shared_grad.array, 0.0)
    w.grad.mul_(0.5)  # the samples are still those that it was made of
    (x[1:] @ w).backward(per_sample=True)
    assert len(w.sample_grads) == 6
