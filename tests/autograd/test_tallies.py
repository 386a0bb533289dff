"""What a backward pass knows of the losses on top of its graph, and a leaf of the passes that it has been through."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.autograd.tallies import Tally, is_older, is_sum_of, mean_assigned, tally_of, was_altered
from tinygrad_edu.engine import versions
from tinygrad_edu.nn import functional as F

W = tg.tensor(np.ones((3, 2)), requires_grad=True)
X, Y = np.arange(12.0).reshape(4, 3) / 10, np.array([0, 1, 1, 0])


def loss(reduction: str = "sum", rows: Any = slice(None), **options: Any) -> tg.Tensor:
    return F.cross_entropy(tg.tensor(X[rows]) @ W, Y[rows], reduction=reduction, **options)


def seen(*roots: tg.Tensor) -> dict[str, Any]:
    """What is known of a pass, without what is 0 or False."""
    tally = tally_of([(root.source, None) for root in roots])  # type: ignore[misc]
    return shown(tally)


def shown(tally: Tally) -> dict[str, Any]:
    names = ("low", "likely", "high", "means", "own_means", "rows", "more")
    return {name: getattr(tally, name) for name in names if getattr(tally, name)}


def summed(low: float, likely: float, high: float) -> dict[str, float]:
    return {"low": low, "likely": likely, "high": high}


# Marks


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_a_sum_stands_for_its_rows(reduction: str) -> None:
    assert seen(loss(reduction)) == summed(4, 4, 4)
    assert seen(loss(reduction, ignore_index=1)) == summed(2, 4, 4)
    assert seen(loss(reduction, weight=[0.5, 4.0])) == summed(4, 4, 9)


def test_a_mean_stands_for_one() -> None:
    assert seen(loss("mean")) == {"means": 1}
    assert seen(loss("mean", weight=[0.5, 4.0])) == {"means": 1}


def test_terms_that_are_weighted_one_by_one() -> None:
    p = (tg.tensor(X) @ W).sigmoid()
    assert seen(F.binary_cross_entropy(p, np.ones((4, 2)))) == summed(4, 4, 8)
    assert seen(F.binary_cross_entropy(p, np.ones((4, 2)), np.ones(2))) == {"more": True}
    assert seen(F.binary_cross_entropy(p, np.ones((4, 2)), np.ones(2), reduction="mean")) == {"means": 1}
    assert seen(F.cross_entropy(p, np.ones((4, 2)), np.ones(2))) == {"more": True}


def test_what_the_rows_were_made_of() -> None:
    h = tg.tensor(np.ones((4, 5, 3))) @ W
    labels = np.zeros((4, 5), int)
    assert seen(F.cross_entropy(h.reshape(-1, 2), labels.reshape(-1))) == summed(4, 20, 20)
    assert seen(F.cross_entropy(h.movedim(2, 1), labels)) == summed(4, 4, 20)
    assert seen(F.cross_entropy((tg.tensor(X) @ W)[:3], Y[:3])) == summed(3, 3, 4)
    layer = nn.Linear(3, 2)
    assert seen(F.mse_loss(layer(tg.ones(3)), tg.ones(2))) == summed(1, 2, 2)
    assert seen(F.mse_loss((tg.tensor(X) @ W)[:, 0], np.ones(4))) == summed(4, 4, 4)
    assert seen(F.cross_entropy(tg.tensor(X[0]) @ W, Y[0])) == summed(1, 1, 1)


def test_losses_of_parameters_alone_have_no_mark() -> None:
    for penalty in (W.T @ W, tg.cat([W.reshape(-1), W.sum(0)]), W[:2].tanh(), W * np.ones((3, 2))):
        for reduction in ("sum", "mean"):
            zeros = np.zeros(penalty.shape)
            assert seen(F.mse_loss(penalty, zeros, reduction=reduction)) == {"more": True}


def test_losses_of_constants_and_of_leaves_have_no_mark() -> None:
    assert F.mse_loss(tg.ones(3), tg.zeros(3)).source is None
    assert seen(F.mse_loss(W, np.ones((3, 2)))) == {"more": True}
    with tg.no_grad():
        assert loss().source is None


# What is on top


SAME: dict[str, Callable[[], Any]] = {
    "itself": loss,
    "negated": lambda: -loss(),
    "copied": lambda: loss().clone(),
    "in another dtype": lambda: loss().float(),
    "reshaped": lambda: loss().reshape(1, 1),
    "summed again": lambda: loss().sum(),
    "its only number's mean": lambda: loss().mean(),
    "less a constant": lambda: 3.0 - loss(),
    "all of them": lambda: loss("none"),
    "summed up": lambda: loss("none").sum(),
    "along an axis": lambda: loss("none").reshape(2, 2).sum(0).sum(),
    "turned": lambda: loss("none").reshape(2, 2).T.sum(),
}


@pytest.mark.parametrize("root", SAME.values(), ids=SAME)
def test_what_leaves_a_sum_a_sum(root: Callable[[], Any]) -> None:
    found = seen(root())
    assert {**found, "high": 4} == summed(4, 4, 4)  # in parts it might be those of several losses


def test_several_losses() -> None:
    assert seen(loss() + loss()) == seen(loss(), loss()) == summed(4, 4, 8)
    assert seen(loss() + loss(rows=slice(3))) == summed(3, 4, 7)
    assert seen(loss("mean") + loss("mean")) == {"means": 2}
    assert seen(loss() - loss("mean")) == {**summed(4, 4, 4), "means": 1}
    assert seen(tg.stack([loss(), loss("mean")]).sum()) == {**summed(4, 4, 4), "means": 1}
    assert seen((loss("none") + loss("none")).mean()) == {"means": 2}


def test_means() -> None:
    assert seen(loss("none").mean()) == {"means": 1}
    assert seen(tg.stack([loss(), loss()]).mean()) == {"more": True}
    assert seen(loss("none").reshape(2, 2).mean(1).sum()) == {"more": True}
    assert seen(loss("none").reshape(2, 2).sum(1).mean()) == {"more": True}
    assert seen(((tg.tensor(X) @ W) ** 2).mean()) == {"own_means": 1}
    assert seen(((tg.tensor(X) @ W) ** 2).mean(1).sum()) == {"more": True}


def test_what_is_not_understood() -> None:
    for unknown in (loss() / 4, loss() * 0.25, 2 * loss("none"), loss().exp(), (W**2).sum(), loss("none").max()):
        assert seen(unknown) == {"more": True}
    assert seen(loss() + 0.1 * (W**2).sum()) == {**summed(4, 4, 4), "more": True}
    for part in (loss("none")[:3], tg.cat(loss("none").split(2)), loss("none").split(2)[0], loss("none")[1]):
        assert seen(part) == seen(part.sum()) == {"more": True}
    assert seen(loss("none") + loss("mean")) == {**summed(4, 4, 4), "more": True}
    hooked = loss()
    hooked.register_hook(lambda g: g / 4)
    assert seen(hooked) == {"more": True}
    assert seen(W) == {"more": True}


def test_numbers_that_no_loss_function_computed() -> None:
    z = tg.tensor(X) @ W
    assert seen(z.square()) == {"more": True, "rows": 4}
    assert seen(-z.square().sum(1)) == {"more": True, "rows": 4}
    assert seen(z.square() / 4) == seen(z * z) == {"more": True}


@given(st.integers(1, 400))
def test_a_long_top_is_not_looked_through(count: int) -> None:
    """So that a pass through a long chain costs no more."""
    total = sum([loss(rows=slice(1)) for _ in range(count)])
    found = seen(total)
    assert found["low"] == 1
    assert found.get("more", False) == (2 * count - 1 > 256)


# Leaves


def test_a_leaf_remembers_passes_until_it_is_cleared() -> None:
    W.grad = None
    loss().backward()
    assert shown(W.source.tally) == summed(4, 4, 4)
    loss("mean", rows=slice(2)).backward()
    loss(rows=slice(3)).backward()
    assert shown(W.source.tally) == {**summed(3, 7, 7), "means": 1}
    W.grad = None
    assert W.source.tally is None


def test_all_leaves_of_a_pass_share_what_is_known_of_it() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    for _ in range(3):
        F.cross_entropy(model(tg.ones(4, 3)), Y).backward()
        assert len({id(p.source.tally) for p in model.parameters()}) == 1
    assert shown(model[0].weight.source.tally) == summed(4, 12, 12)


def test_others_may_write_to_the_gradient() -> None:
    W.grad = None
    loss().backward()
    assert W.source.tally.holds(W.source)
    W.grad.array *= 1.0  # the same numbers
    assert W.source.tally.holds(W.source)
    W.grad.array *= 2.0
    assert not W.source.tally.holds(W.source)
    loss().backward()
    assert shown(W.source.tally) == {**summed(4, 4, 4), "more": True}
    assert W.source.tally.holds(W.source)
    W.grad.mul_(1.0)
    assert not W.source.tally.holds(W.source)
    W.grad = W.grad
    assert W.source.tally is None
    loss().backward()
    assert shown(W.source.tally) == {**summed(4, 4, 4), "more": True}
    W.grad = None


def test_a_gradient_that_is_no_number_may_still_be_judged() -> None:
    W.grad = None
    (loss() + float("nan") * W.sum()).backward()
    assert np.isnan(W.grad.array).all()
    assert W.source.tally.holds(W.source)
    W.grad = None


def test_hooks_on_a_leaf_make_its_own_unknown() -> None:
    v = tg.tensor(np.ones((3, 2)), requires_grad=True)
    v.register_hook(lambda g: g / 4)
    for _ in range(2):
        F.cross_entropy(tg.tensor(X) @ v @ W[:2] + tg.tensor(X) @ W, Y).backward()
        assert shown(v.source.tally) == {"more": True}
    assert shown(W.source.tally) == summed(4, 8, 8)
    W.grad = None


def test_samples_that_are_kept_apart_are_counted_alike() -> None:
    for weights, expected in ((None, summed(4, 4, 4)), (np.ones(4), {"more": True})):
        W.grad = None
        loss("none").backward(per_sample=True, weights=weights)
        assert shown(W.source.tally) == expected
    W.grad = None


def test_nothing_is_kept_alive() -> None:
    """With the garbage collector off, graph and gradients are freed when they are dropped."""
    gc.collect()
    gc.disable()
    try:
        v = tg.tensor(np.ones((3, 2)), requires_grad=True)
        for _ in range(2):
            root = F.cross_entropy(tg.tensor(X) @ v, Y)
            root.backward()
            held = weakref.ref(v.grad.array), weakref.ref(root)
            del root
            assert held[1]() is None
        v.grad = None
        assert held[0]() is None
    finally:
        gc.enable()


def test_a_gradient_is_the_sum_of_the_passes_that_were_kept_until_anything_else_is_added() -> None:
    v = tg.tensor(np.ones((3, 2)), requires_grad=True)
    leaf: Any = v.source

    def opened() -> int:
        F.cross_entropy(tg.tensor(X) @ v, Y, reduction="none").backward(per_sample=True)
        return int(leaf.tally.opened[-1])

    first = opened()
    passes = [first, opened()]
    assert is_sum_of(leaf, passes)
    assert not is_sum_of(leaf, passes[1:])
    assert not was_altered(leaf, first)
    F.cross_entropy(tg.tensor(X) @ v, Y).backward()
    assert not is_sum_of(leaf, passes)
    assert not was_altered(leaf, first)
    v.grad.mul_(2.0)  # type: ignore[union-attr]
    assert was_altered(leaf, first)
    later = opened()
    assert was_altered(leaf, first)
    assert not was_altered(leaf, later)
    v.grad = None
    assert not was_altered(leaf, later)
    assert is_sum_of(leaf, [opened()])
    v.grad.array *= 2.0  # type: ignore[union-attr]
    assert not is_sum_of(leaf, leaf.tally.opened)
    v.grad = v.grad
    assert was_altered(leaf, later)


def test_a_mean_that_was_put_there_is_one_until_somebody_changes_it() -> None:
    leaves = [tg.zeros(2, requires_grad=True), tg.ones(2, requires_grad=True)]
    for leaf in leaves:
        leaf.grad = leaf.detach() * 3.0
    mean_assigned([leaf.source for leaf in leaves])  # type: ignore[misc]
    for leaf in leaves:
        assert shown(leaf.source.tally) == {"means": 1}  # type: ignore[union-attr]
        assert leaf.source.tally.holds(leaf.source)  # type: ignore[union-attr]
    leaves[1].grad.numpy()[...] *= 2  # type: ignore[union-attr]
    assert not any(leaf.source.tally.holds(leaf.source) for leaf in leaves)  # type: ignore[union-attr]
    mean_assigned([])


def test_a_gradient_is_older_than_a_time_after_its_last_pass():
    w = tg.tensor([1.0], requires_grad=True)
    (w * 2).backward()
    first = versions.now
    w.detach().add_(1.0)
    assert not is_older(w.source, first)
    assert is_older(w.source, versions.now)
    (w * 2).backward()
    assert not is_older(w.source, versions.now)
    w.detach().add_(1.0)
    assert is_older(w.source, versions.now)
    w.grad = [1.0]  # of which nothing is known
    assert not is_older(w.source, versions.now + 1)
