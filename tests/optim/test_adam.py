"""What sets Adam and AdamW apart, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

from tinygrad_edu.optim import Adam, AdamW


def test_the_first_step_has_length_lr_whatever_the_gradient():
    w = leaf(0.0, 0.0, 0.0)
    w.grad = [1e-4, -1.0, 1e4]
    Adam([w], lr=0.1, eps=0.0).step()
    np.testing.assert_allclose(w.array, [-0.1, 0.1, -0.1], rtol=1e-12)


def test_a_constant_gradient_gives_steps_of_length_lr():
    w = leaf(0.0)
    optimizer = Adam([w], lr=0.1, eps=0.0)
    for _ in range(5):
        w.grad = [3.0]
        optimizer.step()
    assert w.item() == pytest.approx(-0.5, rel=1e-12)
    assert optimizer.state[w]["step"] == 5


def test_coupled_decay_goes_through_the_gradient_and_decoupled_decay_does_not():
    coupled, decoupled = leaf(8.0), leaf(8.0)
    coupled.grad, decoupled.grad = [0.0], [0.0]
    Adam([coupled], lr=0.5, weight_decay=0.5, eps=0.0).step()
    AdamW([decoupled], lr=0.5, weight_decay=0.5, eps=1e-8).step()
    assert coupled.item() == pytest.approx(7.5)  # a step of length lr
    assert decoupled.item() == 6.0  # a quarter less


def test_amsgrad_does_not_forget_a_large_gradient():
    steps = {}
    for amsgrad in (False, True):
        w = leaf(0.0)
        optimizer = Adam([w], lr=0.1, betas=(0.0, 0.5), eps=0.0, amsgrad=amsgrad)
        for g in (100.0, 1.0, 1.0, 1.0, 1.0):
            before = w.item()
            w.grad = [g]
            optimizer.step()
        steps[amsgrad] = abs(w.item() - before)
    assert steps[True] < steps[False] / 2


def by_the_formula(gradients, lr, betas, eps, decay, amsgrad=False, maximize=False, decoupled=False):
    w, m, v, largest = np.array([1.0, -2.0]), 0.0, 0.0, 0.0
    positions = []
    for t, g in enumerate(np.array(gradients), 1):
        g = -g if maximize else g
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = np.maximum(largest, v)
        root = np.sqrt((largest if amsgrad else v) / (1 - betas[1] ** t))
        w = w - lr * m / (1 - betas[0] ** t) / (root + eps)
        positions.append(w)
    return np.array(positions)


GRADIENTS = [[3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]]


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
def test_every_step_is_that_of_the_formula(kind, amsgrad, maximize, decay):
    options = {"lr": 0.5, "betas": (0.75, 0.5), "eps": 0.125, "amsgrad": amsgrad, "maximize": maximize}
    expected = by_the_formula(GRADIENTS, 0.5, (0.75, 0.5), 0.125, decay, amsgrad, maximize, decoupled=kind is AdamW)
    w = leaf(1.0, -2.0)
    positions = walked(kind([w], weight_decay=decay, **options), w, GRADIENTS)
    np.testing.assert_allclose(positions, expected, rtol=1e-12)


@pytest.mark.parametrize(("kind", "decay"), [(Adam, 0.0), (AdamW, 1e-2)])
def test_options_that_are_not_given_are_pytorchs(kind, decay):
    w = leaf(1.0)
    assert kind([w]).defaults == {
        "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": decay, "amsgrad": False, "maximize": False,
        "decoupled_weight_decay": kind is AdamW,
    }  # fmt: skip
    given = kind([w], 0.5, (0.1, 0.2), 0.25, 0.75, True, maximize=True)
    assert list(given.defaults.values()) == [0.5, (0.1, 0.2), 0.25, 0.75, True, True, kind is AdamW]


def test_adam_with_decoupled_decay_is_adamw_which_has_no_other():
    one, other = leaf(1.0, -2.0), leaf(1.0, -2.0)
    adam = Adam([one], lr=0.5, weight_decay=0.25, decoupled_weight_decay=True)
    positions = walked(adam, one, GRADIENTS)
    assert positions.tolist() == walked(AdamW([other], lr=0.5, weight_decay=0.25), other, GRADIENTS).tolist()
    with pytest.raises(ValueError, match="AdamW: decoupled_weight_decay=False makes it Adam: use Adam"):
        AdamW([{"params": leaf(1.0), "decoupled_weight_decay": False}])
    state = Adam([leaf(1.0)]).state_dict()
    with pytest.raises(ValueError, match="use Adam"):
        AdamW([leaf(1.0)]).load_state_dict(state)


def test_the_largest_mean_is_remembered_only_for_amsgrad():
    w = leaf(1.0)
    w.grad = [1.0]
    for amsgrad in (False, True):
        optimizer = Adam([w], amsgrad=amsgrad)
        optimizer.step()
        assert set(optimizer.state[w]) == {"step", "exp_avg", "exp_avg_sq"} | ({"max_exp_avg_sq"} if amsgrad else set())


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_options_out_of_range(kind):
    w = leaf(1.0)
    for allowed in ({"betas": [0.0, 0.0]}, {"betas": (0.999, 0.5)}, {"eps": 0.0}, {"weight_decay": 0.0}):
        kind([w], **allowed)
    for betas in ((1.0, 0.5), (-0.125, 0.5), (float("nan"), 0.5)):
        with pytest.raises(ValueError, match=rf"{kind.__name__}: betas=.*: betas\[0\] must be >= 0 and < 1"):
            kind([w], betas=betas)
        with pytest.raises(ValueError, match=r"betas\[1\] must be"):
            kind([w], betas=betas[::-1])
    for betas in (0.9, (0.9,), (0.9, 0.9, 0.9)):
        with pytest.raises(ValueError, match=r"must be two numbers, such as \(0\.9, 0\.999\)"):
            kind([w], betas=betas)
    with pytest.raises(ValueError, match=rf"{kind.__name__}: eps=-1\.0"):
        kind([w], eps=-1.0)
