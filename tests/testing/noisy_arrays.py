"""Right gradients of functions in which rounding is large: geometry, probabilities, layers, and matrices.

`NOISY` has those of `noisy.py` as well.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from testing.handwritten import draws
from testing.noisy import NOISY, noisy, signed

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F

__all__ = ["NOISY"]

# Geometry -----------------------------------------------------------------------------------------------------------


def _area(a: Any, b: Any, c: Any) -> Any:
    """The area of a triangle to all digits (Kahan 1986)."""
    a, b, c = np.sort(np.stack([a, b, c]), axis=0)[::-1]
    return np.sqrt((a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))) / 4


def _heron(a: Any, b: Any, c: Any) -> Any:
    s = (a + b + c) / 2
    return np.sqrt(s * (s - a) * (s - b) * (s - c))


def _heron_vjp(g: Any, a: Any, b: Any, c: Any) -> Any:
    down = 8 * _area(a, b, c)
    return (
        g * a * ((b - a) * (b + a) + c * c) / down,
        g * b * ((a - b) * (a + b) + c * c) / down,
        g * c * (a * a + (b - c) * (b + c)) / down,
    )


def _needles(rng: np.random.Generator) -> tuple[Any, ...]:
    a, c = rng.uniform(1, 2, 3), rng.uniform(1e-4, 1e-3, 3)
    return a, a + c * rng.uniform(-0.5, 0.5, 3), c


def _flat(rng: np.random.Generator) -> tuple[Any, ...]:
    b, c = rng.uniform(1, 2, 3), rng.uniform(1, 2, 3)
    return b + c - 10 ** rng.uniform(-6, -3, 3), b, c


noisy("Heron's formula for needles", _heron, _heron_vjp, _needles)
noisy("Heron's formula for flat triangles", _heron, _heron_vjp, _flat)


def _gram_squares(x: Any) -> Any:
    squares = (x * x).sum(1)
    return (squares[:, None] + squares[None, :] - 2 * x @ x.T)[np.triu_indices(len(x), 1)]


def _pairs_vjp(g: Any, x: Any, root: bool) -> Any:
    i, j = np.triu_indices(len(x), 1)
    way = x[i] - x[j]
    down = np.sqrt((way * way).sum(1)) if root else 0.5
    out = np.zeros_like(x)
    np.add.at(out, i, (g / down)[:, None] * way)
    np.add.at(out, j, -(g / down)[:, None] * way)
    return out


for _apart in (1e-2, 1e-4):
    _near = lambda rng, apart=_apart: (rng.uniform(1, 2, 2) + apart * rng.normal(size=(4, 2)),)
    noisy(
        f"squared distances by a Gram matrix, {_apart:g} apart",
        _gram_squares,
        lambda g, x: _pairs_vjp(g, x, False),
        _near,
    )
    noisy(
        f"distances by a Gram matrix, {_apart:g} apart",
        lambda x: np.sqrt(np.maximum(_gram_squares(x), 0.0)),
        lambda g, x: _pairs_vjp(g, x, True),
        _near,
    )


def _cosine(a: Any, b: Any) -> Any:
    return a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b))


def _cosine_vjp(g: Any, a: Any, b: Any) -> Any:
    na, nb = np.sqrt(a @ a), np.sqrt(b @ b)
    u, v = a / na, b / nb
    gap = u - v  # v - (u·v) u = -gap + |gap|²/2 u, without the subtraction of numbers that are nearly the same
    half = gap @ gap / 2
    return g * (gap - half * u) / na, g * (-gap - half * v) / nb


def _nearly_parallel(rng: np.random.Generator) -> tuple[Any, ...]:
    a = rng.normal(size=4)
    return a, a + 1e-4 * rng.normal(size=4)


noisy("1 - cosine of nearly parallel vectors", lambda a, b: 1 - _cosine(a, b), _cosine_vjp, _nearly_parallel)


def _angle_vjp(g: Any, a: Any, b: Any) -> Any:
    u, v = a / np.sqrt(a @ a), b / np.sqrt(b @ b)
    sine = math.sqrt((u - v) @ (u - v) * (1 - (u - v) @ (u - v) / 4))
    return _cosine_vjp(g / sine, a, b)


noisy("the angle between nearly parallel vectors", lambda a, b: np.arccos(_cosine(a, b)), _angle_vjp, _nearly_parallel)
noisy(
    "atan2 beside its branch",
    np.arctan2,
    lambda g, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)),
    lambda rng: (*signed(1e-3, 1e-1)(rng), rng.uniform(-2, -1, 4)),
)
for _size in (1e-3, 1e-6, 1e-12):

    def _unit_vjp(g: Any, x: Any) -> Any:
        n = np.sqrt((x * x).sum())
        return (g - x / n * (g @ x / n)) / n

    noisy(
        f"x / ‖x‖ at {_size:g}",
        lambda x: x / np.sqrt((x * x).sum()),
        _unit_vjp,
        lambda rng, size=_size: (size * rng.normal(size=4),),
        lambda x: x / tg.sqrt((x * x).sum()),
    )

# Probabilities ------------------------------------------------------------------------------------------------------


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sure(rng: np.random.Generator) -> tuple[Any, ...]:
    return (np.array([30.0, 0.5, 0.2, -0.3]) + rng.uniform(-1, 1, 4),)


def _loss_vjp(g: Any, x: Any) -> Any:
    """The one of class 0 as the sum of the others, which has all digits."""
    p = _softmax(x)
    p[0] = -p[1:].sum()
    return g * p


noisy(
    "log(sum(exp)) of a sure class",
    lambda x: np.log(np.exp(x).sum()),
    lambda g, x: g * _softmax(x),
    _sure,
    lambda x: tg.log(tg.exp(x).sum()),
)
noisy("cross-entropy of a sure class", lambda x: np.log(np.exp(x).sum()) - x[0], _loss_vjp, _sure)
noisy(
    "cross-entropy of a sure class, the gradient by p - 1",
    lambda x: np.log(np.exp(x).sum()) - x[0],
    lambda g, x: g * (_softmax(x) - np.array([1.0, 0.0, 0.0, 0.0])),
    _sure,
    lambda x: F.cross_entropy(x.reshape(1, 4), np.array([0])),
)
noisy(
    "-log(softmax) of a sure class",
    lambda x: -np.log(_softmax(x)[0]),
    _loss_vjp,
    _sure,
    lambda x: -tg.log(tg.softmax(x, -1)[0]),
)
noisy(
    "-log softmax of a sure class",
    lambda x: -(x - x.max() - np.log(np.exp(x - x.max()).sum()))[0],
    _loss_vjp,
    _sure,
    lambda x: -F.log_softmax(x, -1)[0],
)


def _softmax_vjp(g: Any, x: Any, k: float) -> Any:
    p = _softmax(k * x)
    return k * p * (g - (g * p).sum(-1, keepdims=True))


for _k in (1e2, 1e3):
    noisy(
        f"softmax of {_k:g} x",
        lambda x, k=_k: _softmax(k * x),
        lambda g, x, k=_k: _softmax_vjp(g, x, k),
        draws((2, 4), low=-0.1, high=0.1),
        lambda x, k=_k: tg.softmax(k * x, -1),
    )


def _kl(x: Any, y: Any) -> Any:
    p, q = _softmax(x), _softmax(y)
    return (p * (np.log(p) - np.log(q))).sum()


def _kl_vjp(g: Any, x: Any, y: Any) -> Any:
    p, d = _softmax(x), x - y
    d = d - (p * d).sum()
    q = _softmax(y)
    return g * p * d, -g * q * (np.expm1(d - np.log((q * np.exp(d)).sum())))


def _alike(rng: np.random.Generator) -> tuple[Any, ...]:
    x = rng.normal(size=4)
    return x, x + 1e-5 * rng.normal(size=4)


noisy("KL divergence of nearly the same", _kl, _kl_vjp, _alike)
_CENTRES = np.linspace(-1, 1, 5)


def _bumps(x: Any) -> Any:
    e = np.exp(-1e3 * (x[:, None] - _CENTRES) ** 2)
    return e / (e.sum(1, keepdims=True) + 1e-30)


def _bumps_vjp(g: Any, x: Any) -> Any:
    way = x[:, None] - _CENTRES
    e = np.exp(-1e3 * way**2)
    slopes, total = -2e3 * way * e, e.sum(1, keepdims=True) + 1e-30
    return (g * (slopes / total - e * slopes.sum(1, keepdims=True) / total**2)).sum(1)


noisy("narrow bumps, normalised, where they are flat", _bumps, _bumps_vjp, draws((3,), low=-1.0, high=1.0))
noisy(
    "narrow bumps, normalised, between two",
    _bumps,
    _bumps_vjp,
    lambda rng: ((_CENTRES[:3] + _CENTRES[1:4]) / 2 + rng.uniform(-1e-3, 1e-3, 3),),
)

# Layers and matrices ------------------------------------------------------------------------------------------------


def _layer_norm(x: Any, eps: float) -> Any:
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + eps)


def _layer_norm_vjp(g: Any, x: Any, eps: float) -> Any:
    c = x - x.mean(-1, keepdims=True)
    s = np.sqrt((c * c).mean(-1, keepdims=True) + eps)
    y = c / s
    return (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / s


for _about, _spread, _eps in ((1.0, 1e-6, 1e-5), (1e3, 1e-3, 1e-5), (1.0, 1e-4, 1e-12), (1e6, 1.0, 1e-5)):
    noisy(
        f"layer norm around {_about:g} ± {_spread:g}, eps {_eps:g}",
        lambda x, eps=_eps: _layer_norm(x, eps),
        lambda g, x, eps=_eps: _layer_norm_vjp(g, x, eps),
        lambda rng, about=_about, spread=_spread: (about + spread * rng.normal(size=(2, 4)),),
        lambda x, eps=_eps: F.layer_norm(x, 4, eps=eps),
    )


def _rms_vjp(g: Any, x: Any) -> Any:
    s = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    y = x / s
    return (g - y * (g * y).mean(-1, keepdims=True)) / s


for _about, _spread in ((1e3, 1e-3), (1e-7, 1e-7)):
    noisy(
        f"RMS norm around {_about:g} ± {_spread:g}",
        lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12),
        _rms_vjp,
        lambda rng, about=_about, spread=_spread: (about + spread * rng.normal(size=(2, 4)),),
        lambda x: F.rms_norm(x, 4, eps=1e-12),
    )


def _matrix(rng: np.random.Generator, condition: float, n: int = 3, definite: bool = False) -> Any:
    u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    return u * np.geomspace(1, 1 / condition, n) @ (u if definite else v).T


def _determinant(a: Any) -> Any:
    (a, b, c), (d, e, f), (g, h, i) = a
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _cofactors(g: Any, a: Any) -> Any:
    return g * np.stack([np.cross(a[1], a[2]), np.cross(a[2], a[0]), np.cross(a[0], a[1])])


def _inverse_vjp(g: Any, a: Any) -> Any:
    y = np.linalg.inv(a)
    return -y.T @ g @ y.T


def _solve_vjp(g: Any, a: Any, b: Any) -> Any:
    gb = np.linalg.solve(a.T, g)
    return -np.outer(gb, np.linalg.solve(a, b)), gb


def _cholesky_vjp(g: Any, a: Any) -> Any:
    low = np.linalg.cholesky((a + a.T) / 2)
    inner = np.tril(low.T @ g)
    inner[np.diag_indices(len(a))] /= 2
    inverse = np.linalg.inv(low)
    out = inverse.T @ inner @ inverse
    return (out + out.T) / 2


for _condition in (1e4, 1e6, 1e8):
    _any = lambda rng, k=_condition: (_matrix(rng, k),)
    noisy(f"determinant by cofactors, condition {_condition:g}", _determinant, _cofactors, _any, tg.linalg.det)
    noisy(f"inverse, condition {_condition:g}", np.linalg.inv, _inverse_vjp, _any, tg.linalg.inv)
    noisy(
        f"solve, condition {_condition:g}",
        np.linalg.solve,
        _solve_vjp,
        lambda rng, k=_condition: (_matrix(rng, k), rng.normal(size=3)),
        tg.linalg.solve,
    )
    noisy(
        f"Cholesky, condition {_condition:g}",
        lambda a: np.linalg.cholesky((a + a.T) / 2),
        _cholesky_vjp,
        lambda rng, k=_condition: (_matrix(rng, k, definite=True),),
        lambda a: tg.linalg.cholesky((a + a.T) / 2),
    )
