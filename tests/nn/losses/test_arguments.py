"""What losses say of arguments that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


@pytest.mark.parametrize("name", ["poisson_nll_loss", "soft_margin_loss", "hinge_embedding_loss", "kl_div"])
def test_targets_are_not_broadcast(name: str) -> None:
    with pytest.raises(tg.ShapeError, match=rf"{name}: input has shape \(4, 1\), target \(4,\): .*use input.squeeze"):
        getattr(F, name)(tg.zeros(4, 1), tg.ones(4))
    with pytest.raises(tg.ShapeError, match=r"axis 1 is 3 against 2; they must have the same shape"):
        getattr(F, name)(tg.zeros(4, 3), tg.ones(4, 2))


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("margin_ranking_loss", [tg.ones(4)]),
        ("cosine_embedding_loss", [tg.ones(4)]),
        ("triplet_margin_loss", [tg.ones(4, 3)]),
        ("triplet_margin_with_distance_loss", [tg.ones(4, 3)]),
    ],
)
def test_inputs_are_not_broadcast(name: str, others: list[Any]) -> None:
    for shape, said in [((4, 2), "axis 1 is 3 against 2"), ((3,), "they have 2 and 1 axes"), ((1, 3), "axis 0 is 4")]:
        with pytest.raises(tg.ShapeError, match=rf"{name}: \w+ has shape \(4, 3\), .*{said}.*use expand_as"):
            getattr(F, name)(tg.zeros(4, 3), tg.zeros(*shape), *others)
    with pytest.raises(tg.DtypeError, match=rf"{name}: \w+ has dtype int64, it must be floating-point"):
        getattr(F, name)(tg.zeros(4, 3), tg.zeros(4, 3).long(), *others)


@pytest.mark.parametrize("name", ["soft_margin_loss", "hinge_embedding_loss"])
@pytest.mark.parametrize("target", [[1, 0], [1.0, 0.0], [1.0, 0.5], [1.0, float("nan")]])
def test_signs(name: str, target: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"{name}: target\[1\] is .*, but a target is 1 or -1. Use 2 \* target - 1"):
        getattr(F, name)(tg.zeros(2), tg.tensor(target))
    with pytest.raises(ValueError, match=rf"{name}: target is 0.*, but"):
        getattr(F, name)(tg.zeros(2), 0)
    assert getattr(F, name)(tg.ones(2), 1).item() == getattr(F, name)(tg.ones(2), tg.tensor([1, 1])).item()


def test_a_gradient_by_signs_is_refused() -> None:
    with pytest.raises(tg.GraphError, match="soft_margin_loss: target is a constant here"):
        F.soft_margin_loss(tg.zeros(2), tg.ones(2, requires_grad=True))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_elements(name: str) -> None:
    with pytest.raises(
        tg.ShapeError, match=rf"{name}: weight has shape \(3,\), input \(4, 3\): .*weight.expand\(4, 3\)"
    ):
        getattr(F, name)(tg.zeros(4, 3), tg.ones(4, 3), weight=tg.ones(3))
    with pytest.raises(tg.DtypeError, match=rf"{name}: weight has dtype int64"):
        getattr(F, name)(tg.zeros(3), tg.ones(3), weight=tg.ones(3).long())
    assert getattr(F, name)(tg.zeros(2), tg.tensor([1.0, 1.0]), weight=[1, 3]).item() == 4 * (0.5 if "h" in name else 1)
