"""The loss modules: what they remember, and that "sum" is their default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def inputs(name: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.uniform(0.1, 0.9, (5, 3)))
    x = x.log() if name == "NLLLoss" else x
    return x, tg.tensor([0, 2, 1, 1, 0]) if name in ("CrossEntropyLoss", "NLLLoss") else tg.tensor(
        rng.uniform(0, 1, (5, 3))
    )


LOSSES = [name for name in vars(nn.losses) if name.endswith("Loss")]


@pytest.mark.parametrize("name", LOSSES)
def test_the_default_is_the_sum_and_the_mean_divides_it(name: str) -> None:
    kind, (x, t) = getattr(nn, name), inputs(name)
    each = kind(reduction="none")(x, t)
    total = kind()(x, t)
    assert total.shape == ()
    np.testing.assert_allclose(total.array, each.array.sum(), rtol=1e-12)
    np.testing.assert_allclose(kind(reduction="mean")(x, t).array, each.array.mean(), rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_an_unknown_reduction_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: unknown reduction 'avg': use one of 'sum', 'mean', 'none'"):
        getattr(nn, name)(reduction="avg")


def test_weights_are_buffers() -> None:
    loss = nn.CrossEntropyLoss(tg.tensor([1.0, 2.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.double().weight.dtype == tg.float64  # type: ignore[union-attr]
    assert list(nn.BCEWithLogitsLoss(pos_weight=tg.tensor([1.0])).state_dict()) == ["pos_weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []


def test_options_are_checked_when_the_loss_is_made() -> None:
    with pytest.raises(ValueError, match=r"CrossEntropyLoss: label_smoothing=1\.5 must be between 0 and 1"):
        nn.CrossEntropyLoss(label_smoothing=1.5)
