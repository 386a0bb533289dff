"""Laws know how much rounding there is in gradients: nobody is accused of it, and it excuses nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, check_laws

Draw = Callable[[np.random.Generator], Any]


def _normal(*shape: int, offset: float = 0.0) -> Draw:
    return lambda r: offset + r.normal(size=shape)


def _pair(*shapes: tuple[int, ...], offset: float = 0.0) -> Draw:
    return lambda r: tuple(offset + r.normal(size=s) for s in shapes)


def _twice(*shape: int, offset: float = 0.0) -> Draw:
    return lambda r: (offset + r.normal(size=shape),) * 2


def _rows(r: np.random.Generator) -> Any:
    return np.repeat(r.normal(size=(4, 1)), 6, 1)


def _variance(x: Any) -> Any:
    return (x * x).mean(1) - x.mean(1) ** 2


def _centred(x: Any) -> Any:
    return x - x.mean(1, keepdim=True)


def _distances(x: Any, y: Any) -> Any:
    return (x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * (x @ y.T)


def _softmax_product(x: Any, w: Any) -> Any:
    p = tg.softmax(x, 1)
    return p * (w - (p * w).sum(1, keepdim=True))


def _divergence(p: Any, q: Any) -> Any:
    return (tg.softmax(p, 1) * (tg.log_softmax(p, 1) - tg.log_softmax(q, 1))).sum(1)


CANCEL: dict[str, tuple[Callable[..., Any], Draw, dict[str, Any]]] = {
    "a variance of equal numbers": (lambda x: (x * x).mean() - x.mean() ** 2, lambda r: np.full(3, 3.0), {}),
    "a variance of rows of equal numbers": (_variance, _rows, {}),
    "a variance, 1e4": (_variance, _normal(4, 5, offset=1e4), {}),
    "a variance, 1e6": (_variance, _normal(4, 5, offset=1e6), {}),
    "two variances": (_variance, _normal(4, 5, offset=1e4), {"composed": lambda x: (_centred(x) ** 2).mean(1)}),
    "0.1 * 3 - 0.3": (lambda x: x * 0.1 * 3 - x * 0.3, _normal(4, 3), {}),
    "+ 1000 - 1000": (lambda x: (x + 1000) - 1000, lambda r: np.zeros((4, 3)), {}),
    "squares of + 1e6 - 1e6": (lambda x: ((x + 1e6) - 1e6) ** 2, _normal(4, 3), {}),
    "* 1e8 - * 1e8": (lambda x, y: (x * 1e8 + y) - x * 1e8, _pair((4, 3), (3,)), {}),
    "distances": (_distances, _pair((4, 3), (4, 3), offset=1e4), {}),
    "distances of 0": (_distances, _twice(4, 3, offset=1e4), {}),
    "a product with a softmax's Jacobian": (_softmax_product, lambda r: (r.normal(size=(4, 3)), np.full(3, 2.7)), {}),
    "a sum of a softmax": (lambda x, w: tg.softmax(x @ w, 1).sum(1), _pair((4, 5), (5, 3)), {}),
    "a divergence from itself": (_divergence, _twice(4, 5), {"batched": (0, 1)}),
    "logsumexp - max": (lambda x: tg.logsumexp(x, 1) - x.amax(1), _normal(4, 5, offset=1e4), {}),
    "logsumexp - max, nearly equal": (
        lambda x: 1e3 * (tg.logsumexp(x, 1) - x.amax(1)),
        lambda r: 30 * r.normal(size=(2, 5)),
        {},
    ),
    "a probability of nearly 1": (lambda x: tg.softmax(x, 1), lambda r: 2e3 * r.normal(size=(2, 4)), {}),
    "1 - a probability": (
        lambda x, w: 1 - tg.sigmoid(x @ w),
        lambda r: (25 + r.random((5, 3)), np.ones((3, 2)) / 3),
        {},
    ),
    "what is left of two and a little": (
        lambda x: tg.relu(x - 1) - tg.relu(x - 1.0) + 1e-14 * x,
        _normal(4, 3),
        {},
    ),
    "coupled samples beside large numbers": (lambda x: 1e10 + (x - x.mean(0)), _normal(4, 3), {}),
    "coupled samples that are not seen": (
        lambda x: (lambda y: y - y.mean(0))(tg.logsumexp(tg.exp(-(x**2)), 1)),
        lambda r: 30 * r.normal(size=(3, 4)),
        {},
    ),
    "coupled samples beside a factor": (
        lambda x, w: tg.logsumexp((x - x.mean(0)) ** 4, 1, keepdim=True) * w,
        lambda r: (1e-3 * r.normal(size=(3, 4)), r.normal(size=4)),
        {},
    ),
    "places beside large numbers": (lambda x: 1e10 + x * tg.tensor(np.arange(1.0, 5.0))[:, None], _normal(4, 3), {}),
    "a saturated normalisation": (
        lambda x, w: F.layer_norm(tg.log_softmax(x, 1) / (1 + tg.log_softmax(x, 1) ** 2), (4,), w, w).sum(1),
        lambda r: (1e4 * r.normal(size=(3, 4)), r.normal(size=4)),
        {},
    ),
    "a normalisation of equal numbers": (lambda x: F.layer_norm(x, (6,)), _rows, {}),
    "a normalisation, 1e6": (
        lambda x: _centred(x) / tg.sqrt(x.var(1, keepdim=True) + 1e-5),
        _normal(4, 6, offset=1e6),
        {},
    ),
    "a normalisation of nearly equal numbers": (
        lambda x: _centred(x) / x.std(1, keepdim=True),
        lambda r: 3 + 1e-7 * r.normal(size=(4, 5)),
        {},
    ),
    "a sum of what is normalised": (lambda x, b: F.layer_norm(x + b, (6,)).sum(1), _pair((4, 6), (1,)), {}),
    "1 - a cosine of 1": (
        lambda x, y: 1 - (x * y).sum(1) / tg.sqrt((x * x).sum(1) * (y * y).sum(1)),
        _twice(4, 3),
        {},
    ),
    "two sums": (lambda x: x.sum(1) - x.mean(1) * 7, lambda r: 1e4 * r.normal(size=(4, 7)), {}),
    "two products": (lambda x, w: (x @ w) - (w.T @ x.T).T, _pair((16, 64), (64, 17)), {}),
    "two logarithms of a determinant": (
        lambda x: tg.linalg.slogdet(x @ x.transpose(-1, -2))[1] - 2 * tg.linalg.slogdet(x)[1],
        _normal(4, 3, 3),
        {},
    ),
    "a polynomial near a root": (
        lambda x: x**5 - 5 * x**4 + 10 * x**3 - 10 * x**2 + 5 * x - 1,
        lambda r: 1 + 1e-3 * r.normal(size=(4, 3)),
        {},
    ),
    "(exp(x) - 1) / x": (lambda x: (tg.exp(x) - 1) / x, lambda r: 1e-6 * r.uniform(1, 2, (4, 3)), {}),
}


@pytest.mark.parametrize("name", CANCEL)
def test_no_law_accuses_a_gradient_of_rounding(name: str) -> None:
    f, draw, options = CANCEL[name]
    for seed in range(5):
        report = check_laws(f, draw(np.random.default_rng(seed)), seed=seed, allow_zero=True, **options)
        assert report.violated == {}
        assert len(report.held) >= 7


class TestOfARule:
    """Rounding excuses no rule that is wrong, though much of its gradient cancels."""

    @pytest.mark.parametrize("wrong", [np.abs, lambda g: np.clip(g, -0.1, 0.1), lambda g: np.round(g, 3)])
    def test_a_wrong_rule_where_much_cancels(self, wrong: Callable[[np.ndarray], np.ndarray]) -> None:
        x = np.random.default_rng(0).normal(size=(4, 3))
        f = with_backward(lambda g, ctx, x: tg.tensor(wrong(g.array)), lambda x: x * 1)
        assert check_laws(lambda x: f((x + 1e4) - 1e4) - 0.999 * x, x, laws="deterministic").ok
        with pytest.raises(GradcheckError) as caught:
            check_laws(lambda x: f((x + 1e4) - 1e4) - 0.999 * x, x)
        assert "linear_in_cotangent" in caught.value.report.violated
