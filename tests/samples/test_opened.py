"""What the passes have kept of one parameter, put together: norms or factors, weights, and what is beside them."""

from __future__ import annotations

import numpy as np
import pytest
from matrix_losses import LOSSES, assert_close, layer_losses, one_by_one, opened, sequence_losses, table_losses

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

# What a pass keeps


def test_norms_alone():
    w, s, dense = opened(keep="norms")
    assert_close(s.norms(), np.sqrt((dense**2).sum((1, 2))))
    assert len(s) == 6
    assert_close(s.sum(), dense.sum(0))  # which .grad has
    for name, question in {
        "gram()": s.gram,
        "cosine()": s.cosine,
        "weighted_sum()": lambda: s.weighted_sum(np.ones(6)),
        "dot()": lambda: s.dot(np.ones((4, 3))),
        "variance()": s.variance,
        "materialize()": s.materialize,
        "[]": lambda: s[0],
        "shared_grad": lambda: w.shared_grad,
    }.items():
        with pytest.raises(tg.GraphError) as caught:
            question()
        assert str(caught.value).startswith(f"sample_grads.{name}: the backward pass kept norms only (keep='norms')")
        assert "Pass keep='factors' to backward()" in str(caught.value)


def test_norms_of_one_pass_and_factors_of_another():
    w, _, dense = opened()
    losses = layer_losses(w)
    more = one_by_one(losses, w)
    losses.backward(per_sample=True, keep="norms")
    both = np.concatenate([dense, more])
    assert_close(w.sample_grads.norms(), np.sqrt((both**2).sum((1, 2))))
    assert w.sample_grads.cost().kept == ("norms", "outer products")
    with pytest.raises(tg.GraphError, match="kept norms only"):
        w.sample_grads.gram()


@pytest.mark.parametrize(
    ("passes", "which"),
    [
        (("norms", "factors"), "1 of the 2 backward passes"),
        (("dense", "norms"), "1 of the 2 backward passes"),
        (("norms", "factors", "norms"), "2 of the 3 backward passes"),
        (("norms", "norms"), "the 2 backward passes"),
    ],
)
def test_what_cannot_be_asked_of_passes_that_kept_norms_names_the_question_and_the_passes(passes, which):
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    for keep in passes:
        layer_losses(w).backward(per_sample=True, keep=keep)
    s = w.sample_grads
    questions = {"mean()": s.mean, "gram()": s.gram, "weighted_sum()": lambda: s.weighted_sum(np.ones(len(s)))}
    if set(passes) == {"norms"}:
        assert_close(s.sum(), w.grad.array)
    else:
        questions["sum()"] = s.sum
    for name, question in questions.items():
        with pytest.raises(tg.GraphError) as caught:
            question()
        assert str(caught.value) == (
            f"sample_grads.{name}: {which} since the last zero_grad() kept norms only (keep='norms'). "
            "Call zero_grad() between passes, so that their samples stay apart, or pass keep='factors' to all of them"
        )
    w.grad = None  # the way out
    layer_losses(w).backward(per_sample=True)
    assert_close(w.sample_grads.sum(), w.grad.array)


def test_a_sum_that_only_grad_had_is_asked_for_too_late():
    w, s, _ = opened(keep="norms")
    (w**2).sum().backward()
    with pytest.raises(tg.GraphError) as caught:
        s.sum()
    assert str(caught.value) == (
        "sample_grads.sum(): the backward pass kept norms only (keep='norms'), and .grad no longer holds just the sum "
        "of their samples' gradients. Use them before anything else changes .grad, or pass keep='factors' to backward()"
    )


def test_norms_with_derivatives():
    _, s, dense = opened(keep="norms", create_graph=True)
    assert s.norms().requires_grad
    assert_close(s.norms(), np.sqrt((dense**2).sum((1, 2))))
    assert s.cost().bytes == 48


def test_several_passes_give_their_samples_one_after_another():
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    dense = []
    for build in (layer_losses, sequence_losses, table_losses):
        losses = build(w)
        dense.append(one_by_one(losses, w))
        losses.backward(per_sample=True)
    s, dense = w.sample_grads, np.concatenate(dense)
    flat = dense.reshape(18, 12)
    assert len(s) == 18
    assert_close(s.norms(), np.sqrt((flat**2).sum(1)))
    assert_close(s.gram(), flat @ flat.T)
    assert_close(s[:], dense)
    assert_close(s[7], dense[7])
    assert_close(s.sum(), w.grad.array)


def test_weights_multiply_the_gradients():
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    losses = layer_losses(w)
    dense = one_by_one(losses, w)
    weights = np.array([0.5, 2.0, 0.0, -1.0, 3.0, 1.0])
    losses.backward(per_sample=True, weights=weights, retain_graph=True)
    losses.backward(per_sample=True)
    s = w.sample_grads
    assert_close(s[:6], weights[:, None, None] * dense)
    assert_close(s[6:], dense)
    assert s.weights.tolist() == [*weights.tolist(), *[1.0] * 6]
    assert s.coefficients.tolist() == [1.0] * 12
    assert_close(w.grad, s.sum().array)


# Beside the samples


def test_the_shared_gradient_of_nothing_is_zero():
    for build in LOSSES:
        w, _, _ = opened(build)
        assert_close(w.shared_grad, np.zeros((4, 3)))
        assert w.shared_grad.dtype == np.float64


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("create_graph", [True, False])
def test_the_shared_gradient_of_a_penalty(first, create_graph):
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    if first:
        (w * w).sum().backward()
    layer_losses(w).backward(per_sample=True, create_graph=create_graph)
    if not first:
        (w * w).sum().backward()
    assert_close(w.shared_grad, 2 * w.array)
    assert not w.shared_grad.requires_grad
    assert_close(w.sample_grads.sum() + w.shared_grad, w.grad.array)


def test_the_shared_gradient_of_weighted_and_clipped_passes():
    model = nn.Linear(3, 4, dtype="float64")
    model(tg.randn(5, 3, dtype="float64")).sum(1).backward(per_sample=True, weights=np.arange(5.0))
    (model.weight**2).sum().backward()
    model.sample_grads().clip(0.5)
    assert_close(model.weight.shared_grad, 2 * model.weight.array)
    assert_close(model.bias.shared_grad, np.zeros(4))
    s = model.weight.sample_grads
    assert s.coefficients.min() < 1
    assert_close(s.weighted_sum(s.coefficients) + model.weight.shared_grad, model.weight.grad.array)


def test_without_a_gradient_there_is_no_shared_one():
    w, s, _ = opened()
    w.source.grad = None  # as where only the samples are kept
    assert s.shared() is None


def test_a_gradient_with_a_graph_that_was_changed_in_place_is_noticed():
    w = tg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    x = tg.tensor(np.array([[1.0, 0.0], [3.0, 4.0]]))
    ((x @ w) ** 2).backward(per_sample=True, create_graph=True, keep="norms")
    assert w.sample_grads.sum().tolist() == [68.0, 88.0]
    w.grad.add_(tg.tensor(np.array([100.0, 100.0])))
    with pytest.raises(tg.GraphError, match="kept norms only"):
        w.sample_grads.sum()


def test_an_input_that_was_overwritten_is_an_error_not_a_wrong_answer():
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    x = tg.randn(6, 3, dtype="float64")
    F.linear(x, w).sum(1).backward(per_sample=True)
    s, right = w.sample_grads, w.sample_grads.gram()
    y = x.clone()
    y.mul_(2.0)
    assert_close(s.gram(), right.array)
    x.mul_(2.0)
    for question in (s.norms, s.gram, s.sum, s.materialize, lambda: s[0], lambda: w.sample_grads.norms()):
        with pytest.raises(tg.GraphError, match="overwritten in place after the backward pass"):
            question()


@pytest.mark.parametrize("keep", ["norms", "factors"])
@pytest.mark.parametrize(
    "change",
    [
        lambda w: setattr(w.grad, "data", w.grad.data * 100),
        lambda w: setattr(w.grad, "array", w.grad.array * 100),
        lambda w: w.grad.mul_(100.0),
        lambda w: w.grad.copy_(w.grad * 100),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_that_others_have_changed_is_not_the_samples_sum(keep, change, create_graph):
    w = tg.tensor(np.ones(3), requires_grad=True)
    x = tg.tensor(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]]))
    losses = lambda: (x @ w) ** 2
    losses().backward(per_sample=True, keep=keep, create_graph=create_graph)
    right = w.grad.array.copy()
    change(w)
    for passes in (1, 2):
        if keep == "norms":
            with pytest.raises(tg.GraphError, match="kept norms only"):
                w.sample_grads.sum()
        else:
            np.testing.assert_allclose(w.sample_grads.sum().array, passes * right, rtol=1e-12)
            np.testing.assert_allclose(w.shared_grad.array, w.grad.array - passes * right, rtol=1e-10)
        losses().backward(per_sample=True, keep=keep, create_graph=create_graph)


def test_zeros_that_others_have_written_to_are_not_the_samples_sum():
    w = tg.tensor(np.ones(3), requires_grad=True)
    x = tg.tensor(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]]))
    ((x @ w) ** 2).sum().backward()
    for written, allowed in ((0.0, True), (100.0, False)):
        tg.optim.SGD([w], lr=0.1).zero_grad(set_to_none=False)
        w.grad.numpy()[1] = written
        ((x @ w) ** 2).backward(per_sample=True, keep="norms")
        if allowed:
            assert_close(w.sample_grads.sum(), [12.0, 27.0, 37.5])
        else:
            with pytest.raises(tg.GraphError, match="kept norms only"):
                w.sample_grads.sum()
