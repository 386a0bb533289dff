"""What the samples' side needs of a model: the methods of `Model`, whoever has them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from made import normal, parameter

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import GradientSum, ModelSampleGrads, influence
from tinygrad_edu.samples.models import Model

X, LABELS = normal(4, 3), np.array([0, 1, 1, 0])
NEEDED = {name: method for name, method in vars(Model).items() if inspect.isfunction(method) and method.__doc__}


class Scores:
    """A linear model that is no module, and has no more than is needed."""

    def __init__(self) -> None:
        self.training = True
        self.weight = parameter(3, 2)

    def __call__(self, x: Any) -> Any:
        assert self.training is (x is X)
        return x @ self.weight

    def parameters(self) -> Iterator[Any]:
        yield self.weight

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        yield "weight", self.weight

    def modules(self) -> Iterator[Any]:
        yield self

    def eval(self) -> None:
        self.training = False

    def sample_grads(self) -> ModelSampleGrads:
        return ModelSampleGrads(self.named_parameters())


def losses_of(model: Any) -> Any:
    return F.cross_entropy(tg.as_tensor(model(X)), LABELS, reduction="none")


@pytest.fixture
def twins() -> tuple[Scores, nn.Linear]:
    """The same model twice: one that is no module, and one that is."""
    one, other = Scores(), nn.Linear(3, 2, bias=False, dtype="float64")
    other.weight = nn.Parameter(one.weight.array.T.copy())
    return one, other


def test_a_module_has_what_is_needed() -> None:
    for name, method in NEEDED.items():
        assert callable(getattr(nn.Module, name)), name
        assert method.__doc__


def test_influence_takes_any_model(twins: tuple[Scores, nn.Linear]) -> None:
    x, y = normal(2, 3, seed=1), np.array([1, 0])
    one, other = [influence(losses_of(model), model, tg.from_numpy(x), y).array for model in twins]
    np.testing.assert_allclose(one, other, rtol=1e-11)
    assert twins[0].training


def test_the_sum_of_any_model_is_its_gradient_and_its_mean_can_be_put_there(twins: tuple[Scores, nn.Linear]) -> None:
    for model in twins:
        losses_of(model).backward(per_sample=True)
        total = model.weight.grad.array.copy()
        GradientSum.of(model).assign_mean(model)
        np.testing.assert_allclose(model.weight.grad.array, total / 4, rtol=1e-12)
