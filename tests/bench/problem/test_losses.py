"""Losses: one number a sample from whatever there is, or what to write instead."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem.losses import SampleLosses, loss_for, name_of, needs, takes
from tinygrad_edu.nn import functional as F

RNG = np.random.default_rng(0)
SCORES = tg.tensor(RNG.normal(size=(5, 3)))
CLASSES = tg.tensor(np.array([0, 2, 1, 1, 0]))
NUMBERS = tg.tensor(RNG.random((5, 3)))
SIGNS = tg.tensor(RNG.choice([1, -1], size=(5, 3)))
LISTED = tg.tensor(np.array([[0, -1, 0], [2, 1, -1], [-1, 0, 0], [1, -1, 2], [0, 1, 2]]))
SPREAD = tg.tensor(np.full((5, 3), 1 / 3))
PROBABILITIES = tg.tensor(RNG.uniform(0.1, 0.9, (5, 3)))

LOSSES: list[tuple[Any, Any, Any]] = [
    (F.cross_entropy, SCORES, CLASSES),
    (functools.partial(F.cross_entropy, label_smoothing=0.1, reduction="mean"), SCORES, CLASSES),
    (nn.CrossEntropyLoss(reduction="mean"), SCORES, CLASSES),
    (F.cross_entropy, SCORES, SPREAD),
    (F.nll_loss, SCORES.log_softmax(1), CLASSES),
    (nn.NLLLoss(), SCORES.log_softmax(1), CLASSES),
    (F.mse_loss, SCORES, NUMBERS),
    (nn.MSELoss(), SCORES, NUMBERS),
    (F.l1_loss, SCORES, NUMBERS),
    (nn.L1Loss(), SCORES, NUMBERS),
    (F.smooth_l1_loss, SCORES, NUMBERS),
    (nn.SmoothL1Loss(beta=0.5), SCORES, NUMBERS),
    (functools.partial(F.huber_loss, delta=2.0), SCORES, NUMBERS),
    (nn.HuberLoss(), SCORES, NUMBERS),
    (F.binary_cross_entropy, PROBABILITIES, NUMBERS),
    (nn.BCELoss(), PROBABILITIES, NUMBERS),
    (F.binary_cross_entropy_with_logits, SCORES, NUMBERS),
    (nn.BCEWithLogitsLoss(), SCORES, NUMBERS),
    (F.multi_margin_loss, SCORES, CLASSES),
    (nn.MultiMarginLoss(p=2), SCORES, CLASSES),
    (F.multilabel_margin_loss, SCORES, LISTED),
    (F.multilabel_soft_margin_loss, SCORES, NUMBERS),
    (nn.PoissonNLLLoss(), SCORES, NUMBERS),
    (nn.SoftMarginLoss(), SCORES, SIGNS),
    (nn.HingeEmbeddingLoss(), SCORES, SIGNS),
    (functools.partial(F.gaussian_nll_loss, var=0.5), SCORES, NUMBERS),
    (F.kl_div, SCORES.log_softmax(1), SPREAD),
    (nn.KLDivLoss(reduction="batchmean"), SCORES.log_softmax(1), SPREAD),
]


@pytest.mark.parametrize(("loss", "output", "target"), LOSSES, ids=lambda value: getattr(value, "shape", None))
def test_every_loss_of_ours_gives_what_it_gives_each_sample_alone(loss: Any, output: Any, target: Any) -> None:
    losses = SampleLosses(loss)
    found = losses(output, target)
    assert found.shape == (5,)
    alone = [losses(output[i : i + 1], target[i : i + 1]).item() for i in range(5)]
    np.testing.assert_allclose(found.numpy(), alone, rtol=1e-12)


def test_the_sum_over_samples_is_the_loss_with_reduction_sum() -> None:
    for loss in (F.cross_entropy, F.mse_loss):
        target = CLASSES if loss is F.cross_entropy else NUMBERS
        np.testing.assert_allclose(
            SampleLosses(loss)(SCORES, target).sum().item(), loss(SCORES, target).item(), rtol=1e-12
        )


def test_the_users_loss_is_left_as_it_was() -> None:
    loss = nn.MSELoss(reduction="mean")
    SampleLosses(loss)(SCORES, NUMBERS)
    assert loss.reduction == "mean"


def test_functions_and_modules_of_the_user_may_return_a_loss_a_sample() -> None:
    class Squares(nn.Module):
        def forward(self, output: Any, target: Any) -> Any:
            return ((output - target) ** 2).sum(1)

    expected = ((SCORES - NUMBERS) ** 2).sum(1).numpy()
    for loss in (Squares(), lambda output, target: ((output - target) ** 2).sum(1), lambda o, t: (o - t) ** 2):
        np.testing.assert_allclose(SampleLosses(loss)(SCORES, NUMBERS).numpy(), expected, rtol=1e-12)


def test_a_function_of_the_user_with_a_reduction_is_called_with_none() -> None:
    def mine(output: Any, target: Any, reduction: str = "mean") -> Any:
        losses = (output - target) ** 2
        return losses if reduction == "none" else losses.mean()

    assert SampleLosses(mine)(SCORES, NUMBERS).shape == (5,)


def test_a_single_column_is_a_loss_a_sample() -> None:
    assert SampleLosses(lambda o, t: (o - t) ** 2)(SCORES[:, :1], NUMBERS[:, :1]).shape == (5,)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_a_scalar_says_the_line_to_write(reduce: str) -> None:
    losses = SampleLosses(lambda output, target: getattr((output - target) ** 2, reduce)())
    with pytest.raises(BenchError, match=r'<lambda> returned one number for a batch of 5.*reduction="none"'):
        losses(SCORES, NUMBERS)


def test_other_things_are_no_losses() -> None:
    with pytest.raises(BenchError, match=r"loss_fn is the class MSELoss: make an instance, MSELoss\(\)"):
        SampleLosses(nn.MSELoss)
    with pytest.raises(BenchError, match=r"loss_fn: got 'mse'; give a loss such as F\.cross_entropy"):
        SampleLosses("mse")
    with pytest.raises(BenchError, match=r"returned float64\[5\], not a tensor.*computed with tensors all the way"):
        SampleLosses(lambda o, t: (o.numpy() - t.numpy()).sum(1))(SCORES, NUMBERS)
    with pytest.raises(
        BenchError, match=r"the loss <lambda> needs o, t, weight: give a function of \(output, target\)"
    ):
        SampleLosses(lambda o, t, weight: o)
    for loss in (nn.GaussianNLLLoss(), F.gaussian_nll_loss):
        with pytest.raises(
            BenchError, match=r"the loss \w+ needs input, target, var: give a function of \(output, target\)"
        ):
            SampleLosses(loss)
    with pytest.raises(BenchError, match="returned None, not a tensor"):
        SampleLosses(lambda o, t: None)(SCORES, NUMBERS)
    with pytest.raises(
        BenchError, match=r"returned shape \(3,\) for a batch of 5: axis 0 is that of the samples.*\(5,\)"
    ):
        SampleLosses(lambda o, t: (o - t).sum(0))(SCORES, NUMBERS)


@pytest.mark.parametrize(
    ("loss", "of_classes", "ignored"),
    [
        (F.cross_entropy, True, -100),
        (functools.partial(functools.partial(F.cross_entropy, ignore_index=7), label_smoothing=0.1), True, 7),
        (nn.CrossEntropyLoss(ignore_index=0), True, 0),
        (F.nll_loss, True, -100),
        (nn.NLLLoss(ignore_index=3), True, 3),
        (F.multi_margin_loss, True, -100),
        (nn.MultiMarginLoss(), True, -100),
        (F.mse_loss, False, -100),
        (nn.BCEWithLogitsLoss(), False, -100),
        (lambda output, target: output, False, -100),
    ],
)
def test_losses_of_classes_are_known(loss: Any, of_classes: bool, ignored: int) -> None:
    losses = SampleLosses(loss)
    assert (losses.of_classes, losses.ignored) == (of_classes, ignored)


def test_the_loss_that_suits_the_targets() -> None:
    assert loss_for(np.zeros(2, np.int32)) is F.cross_entropy
    assert loss_for(np.zeros(2, np.uint8)) is F.cross_entropy
    assert loss_for(np.zeros(2, np.float32)) is F.mse_loss
    with pytest.raises(BenchError, match=r"targets are booleans: .*y\.astype\(np\.int64\) for classes"):
        loss_for(np.zeros(2, bool))


def test_names_are_short() -> None:
    weighted = functools.partial(F.cross_entropy, weight=tg.ones(1000))
    assert name_of(weighted) == "cross_entropy(weight=float32[1000])"
    assert name_of(functools.partial(tg.optim.SGD, momentum=0.9)) == "SGD(momentum=0.9)"
    assert name_of(nn.Linear(1, 1)) == "Linear"
    assert name_of(nn.Linear) == "Linear"
    assert name_of(lambda: None) == "<lambda>"


def test_what_a_function_needs() -> None:
    def function(a: int, b: int = 1, *more: int, c: int, d: int = 2, **rest: int) -> None: ...

    assert needs(function) == ["a", "c"]
    assert needs(functools.partial(function, 1)) == ["c"]
    assert needs(nn.Linear) == ["in_features", "out_features"]
    assert needs(nn.MSELoss) == []
    assert takes(function, "d")
    assert takes(function, "anything")
    assert not takes(lambda params: None, "lr")
    assert takes(dict.fromkeys, "lr") or needs(dict.fromkeys) != []  # what C does not say is no obstacle
