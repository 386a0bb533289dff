"""Indexing, gathering and in-place changes against PyTorch: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

X = normal(3, 4, 5)
Y = normal(3, 4, 5, seed=1)
LONG = np.array([2, 0, 2, 1])
PLACES = np.random.default_rng(2).integers(0, 3, (2, 3, 5))
COLUMNS = np.stack([np.random.default_rng(i).permutation(5)[:3] for i in range(12)]).reshape(3, 4, 3)


def change(x: Any, how: Callable[[Any], Any]) -> Any:
    result = x * 1
    how(result)
    return result


def assign(x: Any, index: Any, value: Any) -> None:
    x[index] = value


CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "integer": lambda t, x, y: x[1],
    "tuple": lambda t, x, y: x[1, :, 2],
    "ellipsis": lambda t, x, y: x[..., None, -1],
    "array": lambda t, x, y: x[t.tensor(LONG)],
    "arrays": lambda t, x, y: x[t.tensor(LONG), t.tensor(LONG)],
    "range": lambda t, x, y: x[range(3), [1, 1, 0]],
    "second axis": lambda t, x, y: x[:, t.tensor(LONG)],
    "apart": lambda t, x, y: x[t.tensor(LONG), :, t.tensor(LONG)],
    "list": lambda t, x, y: x[[0, 0, 2]],
    "mask": lambda t, x, y: x[x > 0],
    "row mask": lambda t, x, y: x[t.tensor([True, False, True])],
    "gather": lambda t, x, y: x.gather(0, t.tensor(PLACES)),
    "take_along_dim": lambda t, x, y: t.take_along_dim(x, t.tensor(COLUMNS), dim=2),
    "scatter": lambda t, x, y: x.scatter(2, t.tensor(COLUMNS), y[:, :, :3]),
    "scatter number": lambda t, x, y: t.scatter(x, 2, t.tensor(COLUMNS), 7.0),
    "scatter_add": lambda t, x, y: x.scatter_add(0, t.tensor(PLACES), y[:2, :3]),
    "index_select": lambda t, x, y: t.index_select(x, 1, t.tensor(LONG)),
    "index_add": lambda t, x, y: x.index_add(0, t.tensor([2, 2]), y[:2], alpha=3),
    "index_copy": lambda t, x, y: t.index_copy(x, 1, t.tensor([3, 0]), y[:, :2]),
    "index_fill": lambda t, x, y: x.index_fill(2, t.tensor([0, 4]), 2.0),
    "take": lambda t, x, y: x.take(t.tensor([[0, 59], [7, 7]])),
    "masked_fill": lambda t, x, y: x.masked_fill(x > 0, -3.0),
    "masked_select": lambda t, x, y: t.masked_select(x, t.tensor([True, False, True, True, False])),
    "masked_scatter": lambda t, x, y: x.masked_scatter(x > 0, y),
    "setitem": lambda t, x, y: change(x, lambda h: assign(h, (slice(None), 1), y[:, 0])),
    "setitem twice": lambda t, x, y: change(x, lambda h: (assign(h, 0, y[1]), assign(h, (..., 0), 2.0))),
    "setitem array": lambda t, x, y: change(x, lambda h: assign(h, t.tensor([2, 0]), y[0])),
    "setitem mask": lambda t, x, y: change(x, lambda h: assign(h, t.tensor(X > 0), 1.5)),
    "add_": lambda t, x, y: change(x, lambda h: h.add_(y, alpha=2)),
    "mul_ of a part": lambda t, x, y: change(x, lambda h: assign(h, 0, h[0].clone() * y[0])),
    "mul_": lambda t, x, y: change(x, lambda h: h.mul_(y).sub_(x)),
    "div_": lambda t, x, y: change(x, lambda h: h.div_(y)),
    "clamp_": lambda t, x, y: change(x, lambda h: h.clamp_(-0.5, 0.5)),
    "exp_": lambda t, x, y: change(x, lambda h: h.exp_()),
    "zero_": lambda t, x, y: change(x, lambda h: h.zero_()) + x,
    "fill_": lambda t, x, y: change(x, lambda h: h.fill_(2.0)) * x,
    "copy_": lambda t, x, y: change(x, lambda h: h.copy_(y[0])),
    "masked_fill_": lambda t, x, y: change(x, lambda h: h.masked_fill_(t.tensor(X > 0), 0.5)),
    "index_add_": lambda t, x, y: change(x, lambda h: h.index_add_(0, t.tensor([1, 1]), y[:2])),
    "scatter_": lambda t, x, y: change(x, lambda h: h.scatter_(2, t.tensor(COLUMNS), y[:, :, 2:])),
    "addcmul_": lambda t, x, y: change(x, lambda h: h.addcmul_(x, y, value=0.5)),
    "lerp_": lambda t, x, y: change(x, lambda h: h.lerp_(y, 0.3)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    case = CASES[name]
    ours = [tg.tensor(a, requires_grad=True) for a in (X, Y)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (X, Y)]
    out, expected = case(tg, *ours), case(torch, *theirs)
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=0, atol=1e-12)
    weights = normal(*out.shape, seed=1)
    (out * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        wanted = np.zeros_like(X) if other.grad is None else other.grad.numpy()
        have = np.zeros_like(X) if mine.grad is None else mine.grad.numpy()
        np.testing.assert_allclose(have, wanted, rtol=1e-10, atol=1e-12)
