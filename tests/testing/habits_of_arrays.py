"""Wrong habits of gradients that are written by hand: of matrices, convolutions, and ops that move numbers about.

`HABITS` has those of the other two files as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from testing.habits import habit, rowwise
from testing.habits_of_layers import HABITS
from testing.handwritten import Case, Draw, draws

__all__ = ["HABITS"]

# Matrices -----------------------------------------------------------------------------------------------------------

_I = np.eye(3)


def _near_one(rng: np.random.Generator) -> tuple[Any, ...]:
    return (2 * _I + rng.uniform(-0.5, 0.5, (3, 3)),)


def _symmetric(rng: np.random.Generator) -> tuple[Any, ...]:
    a = rng.uniform(-0.2, 0.2, (3, 3))
    return (np.diag([1.0, 2.5, 4.0]) + a + a.T,)


def _inv_vjp(g: Any, a: Any) -> Any:
    y = np.linalg.inv(a)
    return -y.T @ g @ y.T


inverse = Case("inverse", np.linalg.inv, _inv_vjp, _near_one)
habit("sign", inverse, lambda g, a: -_inv_vjp(g, a))
habit("not transposed", inverse, lambda g, a: -np.linalg.inv(a) @ g @ np.linalg.inv(a))
habit("elementwise", inverse, lambda g, a: -g * np.linalg.inv(a) ** 2)
habit("one factor", inverse, lambda g, a: -np.linalg.inv(a).T @ g)


def _solve_vjp(g: Any, a: Any, b: Any, transposed: bool = True) -> Any:
    gb = np.linalg.solve(a.T if transposed else a, g)
    return -np.outer(gb, np.linalg.solve(a, b)), gb


solve = Case("solve", np.linalg.solve, _solve_vjp, lambda rng: (*_near_one(rng), rng.uniform(-2, 2, 3)))
habit("A not transposed", solve, lambda g, a, b: _solve_vjp(g, a, b, False))
habit("b, not the solution", solve, lambda g, a, b: (-np.outer(_solve_vjp(g, a, b)[1], b), _solve_vjp(g, a, b)[1]))
habit("outer product the other way", solve, lambda g, a, b: (_solve_vjp(g, a, b)[0].T, _solve_vjp(g, a, b)[1]))
habit("no gradient of A", solve, lambda g, a, b: (None, _solve_vjp(g, a, b)[1]))
det = Case("determinant", np.linalg.det, lambda g, a: g * np.linalg.det(a) * np.linalg.inv(a).T, _near_one)
habit("not transposed", det, lambda g, a: g * np.linalg.det(a) * np.linalg.inv(a))
habit("as of its logarithm", det, lambda g, a: g * np.linalg.inv(a).T)
logdet = Case("log determinant", lambda a: np.linalg.slogdet(a)[1], lambda g, a: g * np.linalg.inv(a).T, _near_one)
habit("as of the determinant", logdet, lambda g, a: g * np.linalg.det(a) * np.linalg.inv(a).T)
habit("not transposed", logdet, lambda g, a: g * np.linalg.inv(a))
trace = Case("trace of A²", lambda a: np.trace(a @ a), lambda g, a: 2 * g * a.T, draws((3, 3)))
habit("not transposed", trace, lambda g, a: 2 * g * a)
habit("diagonal only", trace, lambda g, a: 2 * g * a * _I)


def _low(a: Any) -> Any:
    return np.linalg.cholesky((a + a.T) / 2)


def _cholesky_vjp(g: Any, a: Any, half: float = 0.5, both: bool = True, lower: bool = True) -> Any:
    y = _low(a)
    inner = np.tril(y.T @ g) if lower else y.T @ g
    inner[np.diag_indices(3)] *= half
    out = np.linalg.inv(y).T @ inner @ np.linalg.inv(y)
    return (out + out.T) / 2 if both else out


cholesky = Case("Cholesky", _low, _cholesky_vjp, _symmetric)
habit("diagonal not halved", cholesky, lambda g, a: _cholesky_vjp(g, a, half=1.0))
habit("not made symmetric", cholesky, lambda g, a: _cholesky_vjp(g, a, both=False))
habit("not made lower triangular", cholesky, lambda g, a: _cholesky_vjp(g, a, lower=False))


def _values_vjp(g: Any, a: Any) -> Any:
    v = np.linalg.eigh((a + a.T) / 2)[1]
    return v * g @ v.T


eigenvalues = Case("eigenvalues", lambda a: np.linalg.eigvalsh((a + a.T) / 2), _values_vjp, _symmetric)
habit("vectors in rows", eigenvalues, lambda g, a: (lambda v: v.T * g @ v)(np.linalg.eigh((a + a.T) / 2)[1]))
habit("in descending order", eigenvalues, lambda g, a: _values_vjp(g[::-1], a))
habit("diagonal only", eigenvalues, lambda g, a: _values_vjp(g, a) * _I)


def _singular_vjp(g: Any, a: Any) -> Any:
    u, _, v = np.linalg.svd(a)
    return u * g @ v


singular = Case("singular values", lambda a: np.linalg.svd(a, compute_uv=False), _singular_vjp, _near_one)
habit("V not transposed", singular, lambda g, a: (lambda u, s, v: u * g @ v.T)(*np.linalg.svd(a)))
habit("transposed", singular, lambda g, a: _singular_vjp(g, a).T)

# Convolution and pooling --------------------------------------------------------------------------------------------


def _windows(x: Any, k: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, k, axis=-1)


def _conv_vjp(g: Any, x: Any, w: Any, flip: bool = True, reverse: bool = False) -> Any:
    dx = np.zeros_like(x)
    for j in range(len(w)):
        dx[:, j : j + g.shape[1]] += g * w[j if flip else -1 - j]
    dw = np.einsum("nt,ntk->k", g, _windows(x, len(w)))
    return dx, dw[::-1] if reverse else dw


conv = rowwise("convolution", lambda x, w: _windows(x, 3) @ w, _conv_vjp, (2, 6), (3,))
habit("kernel the wrong way round", conv, lambda g, x, w: _conv_vjp(g, x, w, flip=False))
habit("dw the wrong way round", conv, lambda g, x, w: _conv_vjp(g, x, w, reverse=True))
habit("dw of the last sample", conv, lambda g, x, w: (_conv_vjp(g, x, w)[0], _conv_vjp(g[-1:], x[-1:], w)[1]))
habit("dw averaged over samples", conv, lambda g, x, w: (_conv_vjp(g, x, w)[0], _conv_vjp(g, x, w)[1] / 2))


def _overwritten(g: Any, x: Any, w: Any) -> Any:
    dx = np.zeros_like(x)
    for t in range(g.shape[1]):
        dx[:, t : t + 3] = g[:, t : t + 1] * w
    return dx, _conv_vjp(g, x, w)[1]


habit("overlaps overwritten", conv, _overwritten)
habit(
    "edges forgotten",
    conv,
    lambda g, x, w: (np.pad(_conv_vjp(g, x, w)[0][:, 2:-2], ((0, 0), (2, 2))), _conv_vjp(g, x, w)[1]),
)


def _distinct(*shape: int) -> Draw:
    """Numbers that are apart from each other."""
    size = int(np.prod(shape))
    return lambda rng: ((rng.permutation(size).reshape(shape) - size / 2 + rng.uniform(-0.3, 0.3, shape)) / 4,)


def _pooled_vjp(g: Any, x: Any) -> Any:
    parts = x.reshape(len(x), 3, 2)
    first = np.arange(2) == parts.argmax(2)[..., None]
    return (first * g[..., None]).reshape(len(x), 6)


pool = Case("max pooling", lambda x: x.reshape(len(x), 3, 2).max(2), _pooled_vjp, _distinct(2, 6))
habit("shared among all", pool, lambda g, x: np.repeat(g, 2, 1) / 2)
habit("to all", pool, lambda g, x: np.repeat(g, 2, 1))
habit("always the first", pool, lambda g, x: (np.arange(2) == 0) * g[..., None] * np.ones((len(x), 3, 2)))
habit("times the largest", pool, lambda g, x: _pooled_vjp(g, x) * x)
average = rowwise(
    "average pooling", lambda x: x.reshape(len(x), 3, 2).mean(2), lambda g, x: np.repeat(g, 2, 1) / 2, (2, 6)
)
habit("not divided", average, lambda g, x: np.repeat(g, 2, 1))
habit("tiled, not repeated", average, lambda g, x: np.tile(g, (1, 2)) / 2)
upsampled = rowwise(
    "each number twice", lambda x: np.repeat(x, 2, 1), lambda g, x: g.reshape(len(x), 3, 2).sum(2), (2, 3)
)
habit("one of the two", upsampled, lambda g, x: g[:, ::2].copy())
habit("averaged", upsampled, lambda g, x: g.reshape(len(x), 3, 2).mean(2))
habit("as if tiled", upsampled, lambda g, x: g[:, :3] + g[:, 3:])

# Places -------------------------------------------------------------------------------------------------------------

_IDS = np.array([0, 2, 2, 1, 2])


def _scattered(g: Any, x: Any) -> Any:
    out = np.zeros_like(x)
    np.add.at(out, _IDS, g)
    return out


def _written(change: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
    def vjp(g: Any, x: Any) -> Any:
        out = np.zeros_like(x)
        change(out, g)
        return out

    return vjp


def _assign(out: Any, g: Any) -> None:
    out[_IDS] = g


def _add(out: Any, g: Any) -> None:
    out[_IDS] += g


embedding = rowwise("embedding", lambda w: w[_IDS], _scattered, (4, 3))
habit("duplicates overwritten", embedding, _written(_assign))
habit("duplicates added once, by +=", embedding, _written(_add))
habit(
    "divided by how often",
    embedding,
    lambda g, w: _scattered(g, w) / np.maximum(np.bincount(_IDS, minlength=4), 1)[:, None],
)
_COLUMNS = np.array([[0, 0], [2, 1], [1, 1]])


def _gather_vjp(g: Any, x: Any) -> Any:
    out = np.zeros_like(x)
    np.add.at(out, (np.arange(3)[:, None], _COLUMNS), g)
    return out


gather = rowwise("gather", lambda x: np.take_along_axis(x, _COLUMNS, 1), _gather_vjp, (3, 3))
habit(
    "duplicates overwritten",
    gather,
    lambda g, x: (lambda out: (np.put_along_axis(out, _COLUMNS, g, 1), out)[1])(np.zeros_like(x)),
)
habit("of the other axis", gather, lambda g, x: _gather_vjp(g, x).T)
ordered = Case("sort", np.sort, lambda g, x: g[np.argsort(np.argsort(x))], _distinct(6))
habit("not undone", ordered, lambda g, x: 1.0 * g)
habit("order applied, not undone", ordered, lambda g, x: g[np.argsort(x)])
cumsum = rowwise("cumsum", lambda x: np.cumsum(x, 1), lambda g, x: np.cumsum(g[:, ::-1], 1)[:, ::-1].copy(), (2, 4))
habit("not reversed", cumsum, lambda g, x: np.cumsum(g, 1))
habit("elementwise", cumsum, lambda g, x: 1.0 * g)
habit("without itself", cumsum, lambda g, x: np.cumsum(g[:, ::-1], 1)[:, ::-1] - g)


def _cumprod_vjp(g: Any, x: Any) -> Any:
    return np.cumsum((g * np.cumprod(x))[::-1])[::-1] / x


cumprod = Case("cumprod", np.cumprod, _cumprod_vjp, draws((5,), low=0.5, high=2.0))
habit("not reversed", cumprod, lambda g, x: np.cumsum(g * np.cumprod(x)) / x)
habit("not divided", cumprod, lambda g, x: _cumprod_vjp(g, x) * x)
prod = Case("product of all", np.prod, lambda g, x: g * np.prod(x) / x, draws((4,), low=0.5, high=2.0))
habit("not divided", prod, lambda g, x: g * np.prod(x) * np.ones(4))
habit("by the neighbours", prod, lambda g, x: g * np.roll(x, 1) * np.roll(x, -1))
zero_in = Case(
    "product of rows with a 0",
    lambda x: x.prod(1),
    lambda g, x: g[:, None] * np.stack([np.delete(x, k, 1).prod(1) for k in range(3)], 1),
    lambda rng: (rng.uniform(0.5, 2, (2, 3)) * np.array([[1, 0, 1], [1, 1, 1]]),),
)
habit("0/0 at the 0", zero_in, lambda g, x: g[:, None] * x.prod(1, keepdims=True) / x)
_CHOICE = np.array([True, False, True, True])
where = rowwise("where", lambda x, y: np.where(_CHOICE, x, y), lambda g, x, y: (g * _CHOICE, g * ~_CHOICE), (4,), (4,))
habit("the same for both", where, lambda g, x, y: (g * _CHOICE, g * _CHOICE))
habit("swapped", where, lambda g, x, y: (g * ~_CHOICE, g * _CHOICE))
habit("to both", where, lambda g, x, y: (1.0 * g, 1.0 * g))
largest = Case(
    "largest of rows", lambda x: x.max(1), lambda g, x: g[:, None] * (x == x.max(1, keepdims=True)), _distinct(3, 4)
)
habit("shared among all", largest, lambda g, x: g[:, None] * np.ones_like(x) / 4)
habit("largest of all", largest, lambda g, x: g[:, None] * (x == x.max()))
habit("smallest", largest, lambda g, x: g[:, None] * (x == x.min(1, keepdims=True)))


def _tied(rng: np.random.Generator) -> tuple[Any, ...]:
    x = rng.uniform(-2, 1, (3, 4))
    x[0, :2] = 2.0
    return (x,)


def _first_of(g: Any, x: Any) -> Any:
    return g[:, None] * (np.arange(4) == x.argmax(1)[:, None])


tied = Case("largest of rows, of which two are the same", lambda x: x.max(1), _first_of, _tied)
habit("1 for both", tied, lambda g, x: g[:, None] * (x == x.max(1, keepdims=True)))
pair = Case(
    "larger of two",
    np.maximum,
    lambda g, x, y: (g * (x > y), g * (x <= y)),
    draws((4,), (4,)),
)
habit("swapped", pair, lambda g, x, y: (g * (x <= y), g * (x > y)))
habit("to both", pair, lambda g, x, y: (1.0 * g, 1.0 * g))
turned = rowwise(
    "transposed, times rows",
    lambda x: x.T * np.arange(1.0, 4.0),
    lambda g, x: (g * np.arange(1.0, 4.0)).T.copy(),
    (3, 3),
)
habit("not turned back", turned, lambda g, x: g * np.arange(1.0, 4.0))
habit("rows for columns", turned, lambda g, x: g.T * np.arange(1.0, 4.0))
reshaped = rowwise(
    "reshaped in the order of Fortran",
    lambda x: x.reshape(3, 2, order="F"),
    lambda g, x: g.reshape(2, 3, order="F"),
    (2, 3),
)
habit("back in the order of C", reshaped, lambda g, x: g.reshape(2, 3))
rolled = rowwise("rolled", lambda x: np.roll(x, 1), lambda g, x: np.roll(g, -1), (5,))
habit("further", rolled, lambda g, x: np.roll(g, 1))
padded = rowwise(
    "padded by its edges",
    lambda x: np.pad(x, 1, mode="edge"),
    lambda g, x: g[1:-1] + np.r_[g[0], np.zeros(len(x) - 2), g[-1]],
    (4,),
)
habit("cut off", padded, lambda g, x: g[1:-1].copy())
joined = rowwise(
    "joined", lambda x, y: np.concatenate([x, y]), lambda g, x, y: (g[:3].copy(), g[3:].copy()), (3,), (2,)
)
habit("cut in the wrong place", joined, lambda g, x, y: (g[-3:].copy(), g[:2].copy()))
squares = rowwise(
    "squared differences of all pairs",
    lambda x: np.square(x[:, None] - x).sum(),
    lambda g, x: 4 * g * (len(x) * x - x.sum()),
    (4,),
)
habit("each pair once", squares, lambda g, x: 2 * g * (len(x) * x - x.sum()))
einsum = rowwise(
    "Σ x_ij y_jk z_k",
    lambda x, y, z: x @ y @ z,
    lambda g, x, y, z: (np.outer(g, y @ z), np.outer(x.T @ g, z), (x @ y).T @ g),
    (3, 3),
    (3, 3),
    (3,),
)
habit("second and third as if alone", einsum, lambda g, x, y, z: (np.outer(g, y @ z), np.outer(g, z), (x @ y).T @ g))
habit("the middle transposed", einsum, lambda g, x, y, z: (np.outer(g, y @ z), np.outer(z, x.T @ g), (x @ y).T @ g))
interpolated = Case(
    "between places",
    lambda t, v: v[np.floor(t).astype(int)] * (1 - t % 1) + v[np.floor(t).astype(int) + 1] * (t % 1),
    lambda g, t, v: _between_vjp(g, t, v),
    lambda rng: (rng.integers(0, 4, 5) + rng.uniform(0.1, 0.9, 5), rng.uniform(-2, 2, 6)),
)


def _between_vjp(g: Any, t: Any, v: Any, overwrite: bool = False, nearest: bool = False) -> Any:
    k, part = np.floor(t).astype(int), t % 1
    dv = np.zeros_like(v)
    if overwrite:
        dv[k] = g * (1 - part)
        dv[k + 1] += g * part
    else:
        np.add.at(dv, k, g * (1.0 if nearest else 1 - part))
        np.add.at(dv, k + 1, g * (0.0 if nearest else part))
    return g * (v[k + 1] - v[k]), dv


habit("to the nearest place only", interpolated, lambda g, t, v: _between_vjp(g, t, v, nearest=True))
habit("no gradient of the place", interpolated, lambda g, t, v: (None, _between_vjp(g, t, v)[1]))
