"""A gradient taken apart: the parts are right one by one, not only their sum."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.demo.opened import OpenedGradient, open_gradient

BATCH = 6


@pytest.fixture
def model() -> nn.Sequential:
    tg.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 4))


@pytest.fixture
def batch() -> tuple[tg.Tensor, tg.Tensor]:
    random = np.random.default_rng(0)
    return tg.from_numpy(random.normal(size=(BATCH, 5)).astype("f4")), tg.from_numpy(random.integers(0, 4, BATCH))


@pytest.fixture
def opened(model: nn.Sequential, batch: tuple[tg.Tensor, tg.Tensor]) -> OpenedGradient:
    return open_gradient(model, *batch)


def test_parts_add_up_to_the_gradient(model: nn.Sequential, opened: OpenedGradient) -> None:
    weight = model[3].weight
    assert weight.grad is not None
    assert opened.gradient == weight.grad.numpy()[opened.output, opened.unit]
    assert opened.total == pytest.approx(opened.gradient, rel=1e-12)


def test_it_is_the_weight_that_the_samples_pull_at_hardest(
    model: nn.Sequential, batch: tuple[tg.Tensor, tg.Tensor], opened: OpenedGradient
) -> None:
    pull = np.zeros((4, 7))
    for m in range(BATCH):
        model.zero_grad()
        nn.functional.cross_entropy(model(batch[0][m : m + 1].double()), batch[1][m : m + 1]).backward()
        pull += np.abs(model[3].weight.grad.numpy())
    assert np.abs(opened.terms).sum() == pytest.approx(pull.max(), rel=1e-12)


def test_each_part_is_the_gradient_of_that_sample_alone(
    model: nn.Sequential, batch: tuple[tg.Tensor, tg.Tensor], opened: OpenedGradient
) -> None:
    images, digits = batch
    for m in range(BATCH):
        model.zero_grad()
        nn.functional.cross_entropy(model(images[m : m + 1].double()), digits[m : m + 1]).backward()
        alone = model[3].weight.grad
        assert alone is not None
        assert opened.terms[m] == pytest.approx(alone.numpy()[opened.output, opened.unit], rel=1e-12, abs=1e-15)


def test_delta_is_the_probability_minus_the_truth(batch: tuple[tg.Tensor, tg.Tensor], opened: OpenedGradient) -> None:
    truth = batch[1].array == opened.output
    np.testing.assert_allclose(opened.delta, opened.probabilities - truth, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(opened.digits, batch[1].array)


def test_no_hook_stays_behind(model: nn.Sequential, batch: tuple[tg.Tensor, tg.Tensor]) -> None:
    first = open_gradient(model, *batch)
    again = open_gradient(model, *batch)
    assert again.gradient == first.gradient
    assert not model(batch[0].double()).retains_grad
