"""RReLU and gumbel_softmax: what is drawn, what is not, and the gradients of what was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

F = nn.functional


def test_slopes_are_drawn_in_training_and_fixed_otherwise() -> None:
    x = -tg.ones(200, 200)
    slopes = -nn.RReLU(0.2, 0.6)(x).array
    assert 0.2 <= slopes.min() < 0.21
    assert 0.59 < slopes.max() <= 0.6
    assert slopes.mean() == pytest.approx(0.4, abs=0.01)
    np.testing.assert_allclose(nn.RReLU(0.2, 0.6).eval()(x).array, -0.4, rtol=1e-6)
    assert F.rrelu(tg.tensor([1.0, 0.0, 3.0]), training=True).tolist() == [1.0, 0.0, 3.0]


@pytest.mark.parametrize("training", [True, False])
def test_gradients_laws_and_samples_of_rrelu(training: bool) -> None:
    module, x, linear = nn.RReLU().train(training), normal(3, 4), nn.Linear(4, 3).double()
    check_module(module, x)
    check_laws(module, x)

    def losses() -> Any:
        tg.manual_seed(2)
        return module(linear(x)).sin().sum(1)

    check_open_sum(losses, list(linear.parameters()))


def test_rrelu_refuses() -> None:
    with pytest.raises(
        ValueError, match=r"rrelu: lower must not be above upper, and both finite: got lower=0.5, upper=0.1"
    ):
        nn.RReLU(0.5, 0.1)(tg.ones(2))
    with pytest.raises(tg.DtypeError, match="rrelu: input has dtype int64"):
        nn.RReLU()(tg.tensor([1]))


def test_classes_are_drawn_with_their_probabilities() -> None:
    tg.manual_seed(4)
    logits = tg.tensor([0.1, 0.2, 0.7]).log().expand(20000, 3)
    drawn = F.gumbel_softmax(logits, hard=True).array
    np.testing.assert_allclose(drawn.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(drawn.mean(0), [0.1, 0.2, 0.7], atol=0.02)
    soft = F.gumbel_softmax(logits.T, tau=0.1, dim=0).array
    np.testing.assert_allclose(soft.sum(0), 1, rtol=1e-5)
    np.testing.assert_allclose((soft.argmax(0)[:, None] == np.arange(3)).mean(0), [0.1, 0.2, 0.7], atol=0.02)


@pytest.mark.parametrize("hard", [True, False])
def test_the_gradient_is_that_of_the_soft_choice(hard: bool) -> None:
    logits, direction = normal(4, 3), normal(4, 3, seed=1)
    x = tg.tensor(logits, requires_grad=True)
    out = F.gumbel_softmax(x, 0.5, hard, generator=tg.Generator().manual_seed(3))
    out.backward(direction)
    noise = tg.Generator().manual_seed(3).numpy.gumbel(size=(4, 3))
    y = tg.tensor(logits, requires_grad=True)
    soft = ((y + noise) / 0.5).softmax(1)
    soft.backward(direction)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)  # type: ignore[union-attr]
    wanted = np.eye(3)[soft.detach().numpy().argmax(1)] if hard else soft.detach().numpy()
    np.testing.assert_allclose(out.detach().numpy(), wanted, rtol=1e-12, atol=1e-15)


def test_gumbel_softmax_refuses() -> None:
    with pytest.raises(ValueError, match="tau must be positive, got 0"):
        F.gumbel_softmax(tg.ones(2), tau=0)
    with pytest.raises(tg.DtypeError, match="logits has dtype int64"):
        F.gumbel_softmax(tg.tensor([1]))
    with pytest.raises(tg.ShapeError, match="gumbel_softmax"):
        F.gumbel_softmax(tg.ones(2), dim=1)
