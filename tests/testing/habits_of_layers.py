"""Wrong habits of gradients that are written by hand: of layers, losses, and matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from testing.habits import HABITS, habit, rowwise
from testing.handwritten import Case, draws

__all__ = ["HABITS"]


def keep(f: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A reduction whose axis stays, with size 1."""
    return f(*args, keepdims=True, **options)


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# Products and broadcasting ------------------------------------------------------------------------------------------

linear = rowwise(
    "x W + b", lambda x, w, b: x @ w + b, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(0)), (4, 3), (3, 3), (3,)
)
habit("W not transposed", linear, lambda g, x, w, b: (g @ w, x.T @ g, g.sum(0)))
habit("x and g swapped in dW", linear, lambda g, x, w, b: (g @ w.T, g.T @ x, g.sum(0)))
habit("db by the mean", linear, lambda g, x, w, b: (g @ w.T, x.T @ g, g.mean(0)))
habit("db summed over the wrong axis", linear, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(1)[:3]))
habit("db of the first sample", linear, lambda g, x, w, b: (g @ w.T, x.T @ g, g[0]))
habit("db not summed", linear, lambda g, x, w, b: (g @ w.T, x.T @ g, g))
habit("db forgotten", linear, lambda g, x, w, b: (g @ w.T, x.T @ g, None))
habit("dW divided by the batch", linear, lambda g, x, w, b: (g @ w.T, x.T @ g / len(x), g.sum(0)))
habit("dx and dW swapped", linear, lambda g, x, w, b: (x.T @ g, g @ w.T, g.sum(0)))
habit("with weight decay", linear, lambda g, x, w, b: (g @ w.T, x.T @ g + 1e-4 * w, g.sum(0)))
habit("dW of the sum of samples", linear, lambda g, x, w, b: (g @ w.T, np.outer(x.sum(0), g.sum(0)), g.sum(0)))
added = rowwise("x + b", lambda x, b: x + b, lambda g, x, b: (1.0 * g, keep(g.sum, axis=1)), (3, 4), (3, 1))
habit("summed over the other axis", added, lambda g, x, b: (1.0 * g, keep(g.sum, axis=0)[:, :1] * np.ones((3, 1))))
habit("averaged, not summed", added, lambda g, x, b: (1.0 * g, keep(g.mean, axis=1)))
habit("the largest taken, not the sum", added, lambda g, x, b: (1.0 * g, keep(g.max, axis=1)))
product = rowwise("x y", lambda x, y: x * y, lambda g, x, y: (g * y, g * x), (3, 4), (3, 4))
habit("factors swapped", product, lambda g, x, y: (g * x, g * y))
habit("second input without g", product, lambda g, x, y: (g * y, x))
habit("second input None", product, lambda g, x, y: (g * y, None))
quotient = rowwise(
    "x / y", lambda x, y: x / (2.5 + y), lambda g, x, y: (g / (2.5 + y), -g * x / (2.5 + y) ** 2), (3, 4), (3, 4)
)
habit("sign of the divisor", quotient, lambda g, x, y: (g / (2.5 + y), g * x / (2.5 + y) ** 2))
habit("divisor not squared", quotient, lambda g, x, y: (g / (2.5 + y), -g * x / (2.5 + y)))
habit("not times x", quotient, lambda g, x, y: (g / (2.5 + y), -g / (2.5 + y) ** 2))
power = Case(
    "x^y",
    np.power,
    lambda g, x, y: (g * y * x ** (y - 1), g * x**y * np.log(x)),
    lambda rng: (rng.uniform(0.5, 2, 4), rng.uniform(0.5, 3, 4)),
)
habit(
    "the exponent as if it were an integer",
    power,
    lambda g, x, y: (g * np.floor(y) * x ** (y - 1), g * x**y * np.log(x)),
)
habit("no gradient of the exponent", power, lambda g, x, y: (g * y * x ** (y - 1), np.zeros_like(y)))
habit("no logarithm", power, lambda g, x, y: (g * y * x ** (y - 1), g * x**y))
matmul = rowwise(
    "stacked A B",
    lambda a, b: a @ b,
    lambda g, a, b: (g @ b.T, (a.transpose(0, 2, 1) @ g).sum(0)),
    (2, 3, 3),
    (3, 3),
)
habit("not summed over the stack", matmul, lambda g, a, b: (g @ b.T, (a.transpose(0, 2, 1) @ g)[0]))
habit("averaged over the stack", matmul, lambda g, a, b: (g @ b.T, (a.transpose(0, 2, 1) @ g).mean(0)))
habit("not transposed", matmul, lambda g, a, b: (g @ b, (a @ g).sum(0)))
quadratic = Case(
    "xᵀ A x", lambda x, a: x @ a @ x, lambda g, x, a: (g * (a + a.T) @ x, g * np.outer(x, x)), draws((4,), (4, 4))
)
habit("as if A were symmetric", quadratic, lambda g, x, a: (2 * g * a @ x, g * np.outer(x, x)))
habit("x used once", quadratic, lambda g, x, a: (g * a @ x, g * np.outer(x, x)))
mean = rowwise("mean of rows", lambda x: x.mean(1), lambda g, x: np.repeat(g[:, None], 4, 1) / 4, (4, 4))
habit("over the wrong axis", mean, lambda g, x: np.repeat(g[None, :], 4, 0) / 4)
habit("not divided", mean, lambda g, x: np.repeat(g[:, None], 4, 1))
habit("divided by all", mean, lambda g, x: np.repeat(g[:, None], 4, 1) / x.size)

# Normalisation ------------------------------------------------------------------------------------------------------

_EPS = 1e-5


def _normal(x: Any, axis: int) -> tuple[Any, Any, Any]:
    """What is centred, the standard deviation, and their quotient."""
    c = x - keep(x.mean, axis=axis)
    s = np.sqrt(keep((c * c).mean, axis=axis) + _EPS)
    return c, s, c / s


def _norm_vjp(g: Any, x: Any, axis: int, mean: float = 1.0, var: float = 1.0) -> Any:
    _, s, y = _normal(x, axis)
    return (g - mean * keep(g.mean, axis=axis) - var * y * keep((g * y).mean, axis=axis)) / s


for _name, _axis in (("layer norm", -1), ("batch norm", 0)):
    norm = rowwise(
        _name,
        lambda x, a=_axis: _normal(x, a)[2],
        lambda g, x, a=_axis: _norm_vjp(g, x, a),
        (4, 3) if _axis == 0 else (3, 4),
    )
    habit("mean held constant", norm, lambda g, x, a=_axis: _norm_vjp(g, x, a, mean=0))
    habit("variance held constant", norm, lambda g, x, a=_axis: _norm_vjp(g, x, a, var=0))
    habit("both held constant", norm, lambda g, x, a=_axis: _norm_vjp(g, x, a, 0, 0))
    habit("variance with n - 1", norm, lambda g, x, a=_axis: _norm_vjp(g, x, a, var=x.shape[a] / (x.shape[a] - 1)))
    habit("the other axis", norm, lambda g, x, a=_axis: _norm_vjp(g, x, -1 - a))
    habit(
        "eps outside of the root",
        norm,
        lambda g, x, a=_axis: (
            lambda c, s, y: (g - keep(g.mean, axis=a) - y * keep((g * y).mean, axis=a)) / (np.sqrt(s * s - _EPS) + _EPS)
        )(*_normal(x, a)),
    )
affine = rowwise(
    "layer norm with weight and bias",
    lambda x, w, b: _normal(x, -1)[2] * w + b,
    lambda g, x, w, b: (_norm_vjp(g * w, x, -1), (g * _normal(x, -1)[2]).sum(0), g.sum(0)),
    (3, 4),
    (4,),
    (4,),
)
habit(
    "weight left out of dx", affine, lambda g, x, w, b: (_norm_vjp(g, x, -1), (g * _normal(x, -1)[2]).sum(0), g.sum(0))
)
habit(
    "weight after the mean",
    affine,
    lambda g, x, w, b: (w * _norm_vjp(g, x, -1), (g * _normal(x, -1)[2]).sum(0), g.sum(0)),
)
habit("dw of x, not of the normalised", affine, lambda g, x, w, b: (_norm_vjp(g * w, x, -1), (g * x).sum(0), g.sum(0)))
variance = rowwise(
    "variance, n - 1", lambda x: x.var(1, ddof=1), lambda g, x: 2 / 3 * g[:, None] * (x - keep(x.mean, axis=1)), (3, 4)
)
habit("divided by n", variance, lambda g, x: 2 / 4 * g[:, None] * (x - keep(x.mean, axis=1)))
habit("not centred", variance, lambda g, x: 2 / 3 * g[:, None] * x)
length = rowwise(
    "‖x‖", lambda x: np.sqrt((x * x).sum(1)), lambda g, x: g[:, None] * x / keep(np.linalg.norm, x, axis=1), (3, 4)
)
habit("not divided by the norm", length, lambda g, x: g[:, None] * x)
habit("twice", length, lambda g, x: 2 * g[:, None] * x / keep(np.linalg.norm, x, axis=1))
habit("1e-6 added to the norm", length, lambda g, x: g[:, None] * x / (keep(np.linalg.norm, x, axis=1) + 1e-6))


def _unit(x: Any) -> Any:
    return x / keep(np.linalg.norm, x, axis=-1)


unit = rowwise(
    "x / ‖x‖",
    _unit,
    lambda g, x: (g - _unit(x) * keep((g * _unit(x)).sum, axis=-1)) / keep(np.linalg.norm, x, axis=-1),
    (3, 4),
)
habit("norm held constant", unit, lambda g, x: g / keep(np.linalg.norm, x, axis=-1))
habit("not divided at the end", unit, lambda g, x: g - _unit(x) * keep((g * _unit(x)).sum, axis=-1))


def _cosine_vjp(g: Any, x: Any, y: Any, own: float = 1.0) -> Any:
    u, v, n = _unit(x), _unit(y), keep(np.linalg.norm, x, axis=-1)
    return g[:, None] * (v - own * u * keep((u * v).sum, axis=-1)) / n


cosine = rowwise(
    "cosine similarity",
    lambda x, y: (_unit(x) * _unit(y)).sum(-1),
    lambda g, x, y: (_cosine_vjp(g, x, y), _cosine_vjp(g, y, x)),
    (3, 4),
    (3, 4),
)
habit("norms held constant", cosine, lambda g, x, y: (_cosine_vjp(g, x, y, 0), _cosine_vjp(g, y, x, 0)))
habit("norm of y held constant", cosine, lambda g, x, y: (_cosine_vjp(g, x, y), _cosine_vjp(g, y, x, 0)))
habit("same for both", cosine, lambda g, x, y: (_cosine_vjp(g, x, y), _cosine_vjp(g, x, y)))

# Losses -------------------------------------------------------------------------------------------------------------


def _softmax_vjp(g: Any, p: Any) -> Any:
    return p * (g - keep((g * p).sum, axis=-1))


softmax = rowwise("softmax", _softmax, lambda g, x: _softmax_vjp(g, _softmax(x)), (4, 4))
habit("diagonal only", softmax, lambda g, x: g * _softmax(x) * (1 - _softmax(x)))
habit("not times p", softmax, lambda g, x: g - keep((g * _softmax(x)).sum, axis=-1))
habit("sum without p", softmax, lambda g, x: _softmax(x) * (g - keep(g.sum, axis=-1)))
habit("mean, not sum", softmax, lambda g, x: _softmax(x) * (g - keep((g * _softmax(x)).mean, axis=-1)))
habit("over the other axis", softmax, lambda g, x: _softmax(x) * (g - keep((g * _softmax(x)).sum, axis=0)))
habit("the values of g as they are", softmax, lambda g, x: g * _softmax(x))
habit(
    "temperature forgotten",
    rowwise("softmax of x / ½", lambda x: _softmax(2 * x), lambda g, x: 2 * _softmax_vjp(g, _softmax(2 * x)), (3, 4)),
    lambda g, x: _softmax_vjp(g, _softmax(2 * x)),
)
log_softmax = rowwise(
    "log softmax", lambda x: np.log(_softmax(x)), lambda g, x: g - _softmax(x) * keep(g.sum, axis=-1), (3, 4)
)
habit("as of the loss", log_softmax, lambda g, x: g - _softmax(x))
habit("as of the softmax", log_softmax, lambda g, x: _softmax_vjp(g, _softmax(x)))
lse = rowwise(
    "logsumexp", lambda x: np.log(np.exp(x).sum(-1)), lambda g, x: g[:, None] * _softmax(x), (3, 4), draw=draws((3, 4))
)
habit("not divided", lse, lambda g, x: g[:, None] * np.exp(x))
habit("only of the largest", lse, lambda g, x: g[:, None] * (x == keep(x.max, axis=-1)))
habit("softmax over all", lse, lambda g, x: g[:, None] * np.exp(x) / np.exp(x).sum())
_LABELS = np.array([2, 0, 1, 2])
_ONE_HOT = np.eye(3)[_LABELS]


def _rows(x: Any) -> Any:
    return np.log(np.exp(x - keep(x.max, axis=1)).sum(1)) + x.max(1) - x[np.arange(4), _LABELS]


loss = rowwise("mean cross-entropy", lambda x: _rows(x).mean(), lambda g, x: g * (_softmax(x) - _ONE_HOT) / 4, (4, 3))
habit("not divided by the batch", loss, lambda g, x: g * (_softmax(x) - _ONE_HOT))
habit("divided by the classes", loss, lambda g, x: g * (_softmax(x) - _ONE_HOT) / 3)
habit("divided by all", loss, lambda g, x: g * (_softmax(x) - _ONE_HOT) / 12)
habit("g left out", loss, lambda g, x: (_softmax(x) - _ONE_HOT) / 4)
habit("sign", loss, lambda g, x: g * (_ONE_HOT - _softmax(x)) / 4)
habit("of the labelled class only", loss, lambda g, x: g * (_softmax(x) - 1) * _ONE_HOT / 4)
habit("one row of labels off", loss, lambda g, x: g * (_softmax(x) - np.roll(_ONE_HOT, 1, 0)) / 4)
smooth = rowwise(
    "cross-entropy with label smoothing",
    lambda x: 0.9 * _rows(x).mean() - 0.1 * np.log(_softmax(x)).mean(),
    lambda g, x: g * (_softmax(x) - 0.9 * _ONE_HOT - 0.1 / 3) / 4,
    (4, 3),
    draw=draws((4, 3)),
)
habit("smoothing forgotten", smooth, lambda g, x: g * (_softmax(x) - _ONE_HOT) / 4)
_TARGETS = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -2.0]])
mse = rowwise(
    "mean square error", lambda x: np.square(x - _TARGETS).mean(), lambda g, x: 2 * g * (x - _TARGETS) / 6, (2, 3)
)
habit("2 forgotten", mse, lambda g, x: g * (x - _TARGETS) / 6)
habit("divided by the batch only", mse, lambda g, x: 2 * g * (x - _TARGETS) / 2)
habit("gradient of the sum", mse, lambda g, x: 2 * g * (x - _TARGETS))
habit("target less prediction", mse, lambda g, x: 2 * g * (_TARGETS - x) / 6)
bce = rowwise(
    "binary cross-entropy of logits",
    lambda x: np.logaddexp(0, x) - 0.7 * x,
    lambda g, x: g * (0.5 * (1 + np.tanh(x / 2)) - 0.7),
    (3, 4),
)
habit("of hard labels", bce, lambda g, x: g * (0.5 * (1 + np.tanh(x / 2)) - 1))
habit("of probabilities, not logits", bce, lambda g, x: g * (x - 0.7) / (np.abs(x * (1 - x)) + 1e-7))
huber = rowwise(
    "Huber loss",
    lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
    lambda g, x: g * np.clip(x, -1, 1),
    (3, 4),
)
habit("never cut", huber, lambda g, x: g * x)
habit("sign forgotten", huber, lambda g, x: g * np.where(np.abs(x) < 1, x, 1))
hinge = rowwise("hinge loss", lambda x: np.maximum(0, 1 - x), lambda g, x: -g * (x < 1), (3, 4))
habit("sign", hinge, lambda g, x: g * (x < 1))
habit("at 0, not 1", hinge, lambda g, x: -g * (x < 0))

# Attention and recurrence -------------------------------------------------------------------------------------------


def _attention_vjp(scale: float = 0.5, normal: bool = True, swap: bool = False) -> Any:
    def vjp(g: Any, q: Any, k: Any, v: Any) -> Any:
        p = _softmax(q @ k.T / 2)
        dp = g @ v.T
        ds = scale * (_softmax_vjp(dp, p) if normal else p * dp)
        return (ds @ k, (ds if swap else ds.T) @ q, p.T @ g)

    return vjp


attention = rowwise("attention", lambda q, k, v: _softmax(q @ k.T / 2) @ v, _attention_vjp(), (3, 4), (3, 4), (3, 4))
habit("scale forgotten", attention, _attention_vjp(scale=1.0))
habit("softmax as if it were elementwise", attention, _attention_vjp(normal=False))
habit("scores not transposed for k", attention, _attention_vjp(swap=True))
habit(
    "v by p, not transposed",
    attention,
    lambda g, q, k, v: (*_attention_vjp()(g, q, k, v)[:2], _softmax(q @ k.T / 2) @ g),
)


def _states(x: Any, w: Any) -> Any:
    h = [np.zeros(3)]
    for one in x:
        h.append(np.tanh(one + h[-1] @ w))
    return h


def _recurrent_vjp(through: float = 1.0, before: int = 0, last: bool = False) -> Any:
    def vjp(g: Any, x: Any, w: Any) -> Any:
        h, dx, dw, dh = _states(x, w), np.zeros_like(x), np.zeros_like(w), g
        for t in reversed(range(len(x))):
            da = dh * (1 - h[t + 1] ** 2)
            dx[t] = da
            if not last or t == len(x) - 1:
                dw += np.outer(h[t + before], da)
            dh = through * (da @ w.T)
        return dx, dw

    return vjp


recurrent = rowwise("a recurrent net", lambda x, w: _states(x, w)[-1], _recurrent_vjp(), (4, 3), (3, 3))
habit("cut after one step", recurrent, _recurrent_vjp(through=0.0))
habit("the state after, not before", recurrent, _recurrent_vjp(before=1))
habit("dW of the last step only", recurrent, _recurrent_vjp(last=True))
tied = rowwise(
    "tanh(x W) Wᵀ", lambda x, w: np.tanh(x @ w) @ w.T, lambda g, x, w: _tied_vjp(g, x, w, 1, 1), (2, 3), (3, 4)
)


def _tied_vjp(g: Any, x: Any, w: Any, first: float, second: float) -> Any:
    h = np.tanh(x @ w)
    da = (g @ w) * (1 - h * h)
    return da @ w.T, first * x.T @ da + second * g.T @ h


habit("first use of W only", tied, lambda g, x, w: _tied_vjp(g, x, w, 1, 0))
habit("second use of W only", tied, lambda g, x, w: _tied_vjp(g, x, w, 0, 1))
residual = rowwise("x + tanh x", lambda x: x + np.tanh(x), lambda g, x: g * (2 - np.tanh(x) ** 2), (3, 4))
habit("the way around forgotten", residual, lambda g, x: g * (1 - np.tanh(x) ** 2))
_MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1.0]])
dropout = rowwise("dropout with a given mask", lambda x: x * _MASK / 0.75, lambda g, x: g * _MASK / 0.75, (3, 4))
habit("not scaled", dropout, lambda g, x: g * _MASK)
habit("no mask", dropout, lambda g, x: g / 0.75)
habit("another mask", dropout, lambda g, x: g * _MASK[::-1] / 0.75)
