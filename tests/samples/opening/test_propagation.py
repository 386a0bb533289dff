"""Following samples through the graph: coupled ones are found and named, all others are left alone."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from per_sample import check_open_sum, one_hot_passes

import tinygrad_edu as tg
from tinygrad_edu.errors import spoken
from tinygrad_edu.nn import functional as F

B, T, D = 5, 3, 4
PERM = np.array([2, 0, 1, 4, 3])
IDS = np.array([[1, 1, 2], [0, 2, 2], [6, 5, 4], [3, 3, 3], [1, 0, 6]])
LABELS = np.array([0, 1, 2, 3, 0])
MASK = np.arange(T) < np.array([1, 3, 2, 0, 3])[:, None]


def setting() -> SimpleNamespace:
    """Inputs, and leaves: weights, a table E of 7 rows, and one row of theta for each sample."""
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> Any:
        return tg.tensor(rng.normal(size=shape) * 0.7, requires_grad=True)

    p = SimpleNamespace(W=leaf(3, D), H=leaf(D, D), U=leaf(D, D), E=leaf(7, D), theta=leaf(B, D), b=leaf(D), r=leaf(7))
    p.leaves = list(vars(p).values())
    p.x = tg.tensor(rng.normal(size=(B, 3)))
    p.by_sample = tg.tensor(rng.normal(size=(B, T, 3)))
    p.by_time = tg.tensor(rng.normal(size=(T, B, 3)))
    p.h = lambda: (p.x @ p.W).tanh()
    p.ht = lambda: (p.by_sample @ p.W).tanh()  # (B, T, D)
    p.th = lambda: (p.by_time @ p.W).tanh()  # (T, B, D)
    return p


def rows(z: Any) -> Any:
    """A loss for each row."""
    return (np.sin(z) * 1.3 + z).reshape(z.shape[0], int(np.prod(z.shape[1:]))).sum(1)


def middle(z: Any) -> Any:
    """A loss for each place of axis 1, of three."""
    return (np.sin(z) * 1.3 + z).sum((0, 2))


def normalized(z: Any) -> Any:
    return z / z.norm(dim=1, keepdim=True)


# What mixes the rows of h, (B, D): the op to be named, and a function whose only line is to be named.
COUPLED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "centred": ("mean", lambda h: h - h.mean(0)),
    "centred, keepdim": ("mean", lambda h: h - h.mean(0, keepdim=True)),
    "centred by all": ("mean", lambda h: h - h.mean()),
    "divided by the sum": ("sum_over", lambda h: h / (h.sum(0) + 9)),
    "scaled": ("std", lambda h: h / h.std(0)),
    "batch norm": ("var", lambda h: (h - h.mean(0)) / (h.var(0) + 1e-5).sqrt()),
    "var_mean": ("var", lambda h: h / tg.var_mean(h, dim=0)[0]),
    "mean of some": ("mean", lambda h: h - h[np.array([3, 1, 2])].mean(0)),
    "mean of a mask": ("mean", lambda h: h - h[LABELS > 0].mean(0)),
    "mean by a product": ("matmul", lambda h: h - tg.full((1, B), 1 / B, dtype=tg.float64) @ h),
    "contrastive": ("matmul", lambda h: h @ h.T),
    "contrastive, normalized": ("matmul", lambda h: normalized(h) @ normalized(h).T),
    "contrastive, F.normalize": ("matmul", lambda h: F.normalize(h, dim=1) @ F.normalize(h, dim=1).T),
    "contrastive, einsum": ("einsum", lambda h: tg.einsum("md,nd->mn", h, h)),
    "info NCE": ("matmul", lambda h: np.diagonal((h @ h.T).log_softmax(1))[:, None]),
    "covariance": ("matmul", lambda h: h @ (h.T @ h)),
    "attention": ("matmul", lambda h: (h @ h.T).softmax(-1) @ h),
    "permuted": ("getitem", lambda h: h * h[PERM]),
    "permuted twice": ("getitem", lambda h: h[PERM] * h[np.argsort(PERM)]),
    "neighbours": ("getitem", lambda h: h[:, None] - h[np.array([[1, 2], [0, 2], [0, 1], [0, 4], [3, 0]])]),
    "flipped": ("flip", lambda h: h * h.flip(0)),
    "reversed": ("getitem", lambda h: h * h[::-1]),
    "rolled": ("roll", lambda h: h * h.roll(1, 0)),
    "rolled, added first": ("roll", lambda h: h.roll(1, 0) + h),
    "either": ("flip", lambda h: tg.where(h > 0, h, h.flip(0))),
    "cumsum": ("cumsum", lambda h: h.cumsum(0)),
    "cumprod": ("cumprod", lambda h: h.cumprod(0)),
    "logcumsumexp": ("logcumsumexp", lambda h: tg.logcumsumexp(h, 0)),
    "cummax": ("cummax", lambda h: tg.cummax(h, 0).values),
    "cummin": ("cummin", lambda h: tg.cummin(h, 0).values),
    "sort": ("sort", lambda h: tg.sort(h, 0).values),
    "sort, descending": ("sort", lambda h: h.sort(0, descending=True).values),
    "msort": ("sort", lambda h: tg.msort(h)),
    "np.sort": ("sort", lambda h: np.sort(h, axis=0)),
    "topk": ("topk", lambda h: h.topk(B - 1, 0).values),
    "beside the topk": ("topk", lambda h: h * h.topk(1, 0).values),
    "beside the median": ("median", lambda h: h - h.median(0).values),
    "beside NumPy's median": ("median", lambda h: h - np.median(h, axis=0)),
    "beside the median of all": ("lower_median", lambda h: h - h.median()),
    "beside kthvalue": ("kthvalue", lambda h: h - tg.kthvalue(h, 2, 0).values),
    "beside the max": ("max", lambda h: h - h.max(0).values),
    "beside the min": ("min", lambda h: h - h.min(0, keepdim=True).values),
    "beside amax": ("amax", lambda h: h - h.amax(0)),
    "beside the first": ("sub", lambda h: h - h[0]),
    "softmax": ("softmax", lambda h: h.softmax(0)),
    "log_softmax": ("log_softmax", lambda h: h.log_softmax(0)),
    "logsumexp": ("logsumexp", lambda h: h - h.logsumexp(0)),
    "norm": ("norm", lambda h: h / h.norm(dim=0)),
    "norm of all": ("norm", lambda h: h / h.norm()),
    "product": ("prod", lambda h: h * h.prod(0)),
    "pairs": ("sub", lambda h: h[:, None] - h[None, :]),
    "pairs, squared distances": ("sub", lambda h: ((h.unsqueeze(1) - h.unsqueeze(0)) ** 2).sum(-1)),
    "outer": ("mul", lambda h: tg.outer(h[:, 0], h[:, 1])),
    "diff": ("getitem", lambda h: tg.diff(h, dim=0, prepend=h[:1])),
    "shifted": ("getitem", lambda h: h[1:] - h[:-1]),
    "overwritten": ("getitem", lambda h: tg.set_item(h, 0, h[1])),
    "layer_norm over the batch": ("layer_norm", lambda h: F.layer_norm(h.T, (B,)).T),
    "inverse": ("inv", lambda h: tg.linalg.inv(h[:D] + 3 * np.eye(D))[np.array([0, 1, 2, 3, 3])] * h),
    "rows one by one": ("mean", lambda h: tg.stack([np.sin(h[m] - h.mean(0)).sum() for m in range(B)])[:, None]),
    "rows, mean once": ("mean", lambda h: (lambda c: tg.stack([h[m] * c for m in range(B)]))(h.mean(0))),
    "rows by unbind": ("mean", lambda h: tg.stack([row * h.mean(0) for row in h.unbind(0)])),
    "rows by iteration": ("mean", lambda h: tg.stack([row - h.mean(0) for row in h])),
    "rows by slices": ("mean", lambda h: tg.cat([h[m : m + 1] - h.mean(0) for m in range(B)])),
    "then looked up": ("mean", lambda h: (h - h.mean(0))[np.array([3, 1, 2])]),
    "then picked": ("mean", lambda h: (h - h.mean(0)).log_softmax(1)[np.arange(B), LABELS][:, None]),
}


def coupled_losses(name: str) -> tuple[SimpleNamespace, Callable[[], Any]]:
    p = setting()
    return p, lambda: rows(COUPLED[name][1](p.h()))


def line(function: Any) -> str:
    code = function.__code__
    return (
        f"{code.co_filename}:{code.co_firstlineno}: {linecache.getline(code.co_filename, code.co_firstlineno).strip()}"
    )


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_samples_raise_and_nothing_has_changed(name: str) -> None:
    op, mix = COUPLED[name]
    p, make = coupled_losses(name)
    losses = make()
    with pytest.raises(
        tg.SampleCouplingError, match=rf"^the samples are coupled by '{re.escape(spoken(op))}'"
    ) as caught:
        losses.backward(per_sample=True)
    error = caught.value
    assert error.op == op
    assert error.where == line(mix)
    assert f"\n  called at {error.where}\n" in str(error)
    assert "detach()" in str(error)
    assert "coupled=True" in str(error)
    for leaf in p.leaves:
        assert leaf.grad is None
        assert leaf.source.kept is None
        assert not leaf.source.hooks
    seed = np.arange(1.0, len(losses.array) + 1)
    losses.backward(seed)
    expected = one_hot_passes(make(), [p.W])[0]
    np.testing.assert_allclose(p.W.grad.array, np.einsum("m,mij->ij", seed, expected), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_gradients_are_those_of_one_hot_passes(name: str) -> None:
    p, make = coupled_losses(name)
    check_open_sum(make, p.leaves, coupled=True)
    p.W.grad = None
    make().backward(per_sample=True, coupled=True)
    assert f"samples coupled by {spoken(COUPLED[name][0])}, {line(COUPLED[name][1])}" in p.W.sample_grads.cost().seeded


COUPLED_ELSEWHERE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "batch and time flattened": (
        "mean",
        lambda p: rows((lambda z: (z - z.mean(0)).reshape(B, -1))(p.ht().reshape(-1, D))),
    ),
    "mean over batch and time": ("mean", lambda p: rows((lambda z: z - z.mean((0, 1)))(p.ht()))),
    "time first": ("mean", lambda p: middle((lambda z: z - z.mean(1, keepdim=True))(p.th()))),
    "time first, sorted": ("sort", lambda p: middle(p.th().sort(1).values)),
    "time first, flattened scan": ("cumsum", lambda p: middle(p.th().reshape(-1, D).cumsum(0).reshape(T, B, D))),
    "samples in columns": ("mean", lambda p: rows((lambda z: z - z.mean(1, keepdim=True))(p.h().T).T)),
    "the losses' own mean": ("mean", lambda p: (lambda z: z - z.mean())(rows(p.h() @ p.H))),
    "the losses' own softmax": ("softmax", lambda p: rows(p.h() @ p.H).softmax(0)),
    "a penalty on the batch": ("matmul", lambda p: (lambda z: rows(z) + ((z.T @ z) ** 2).sum())(p.h())),
    "the scores' pairs": ("sub", lambda p: (lambda s: (s[:, None] - s[None, :]).sigmoid().sum(1))(p.h().sum(1))),
    "normalized parameters of samples": ("norm", lambda p: rows(p.h() * (lambda t: t / t.norm())(p.theta * 1.5))),
}


@pytest.mark.parametrize("name", COUPLED_ELSEWHERE)
def test_coupled_samples_are_found_wherever_the_batch_lies(name: str) -> None:
    op, losses_of = COUPLED_ELSEWHERE[name]
    p = setting()
    with pytest.raises(tg.SampleCouplingError) as caught:
        losses_of(p).backward(per_sample=True)
    assert (caught.value.op, caught.value.where) == (op, line(losses_of))
    assert all(leaf.grad is None for leaf in p.leaves)
    check_open_sum(lambda: losses_of(p), p.leaves, coupled=True)


def test_all_couplings_of_a_pass_are_listed_by_its_cost() -> None:
    p = setting()

    def two(z: Any) -> Any:
        left = z.softmax(0)
        right = p.theta * 1.5
        return left * right / right.sum(0)

    rows(two(p.h())).backward(per_sample=True, coupled=True)
    seeded = p.W.sample_grads.cost().seeded
    assert "softmax" in seeded
    assert "coupled by sum," in seeded


# What keeps samples apart.


def recurrent(p: Any) -> Any:
    state = tg.zeros(B, D, dtype=tg.float64)
    states = []
    for t in range(T):
        state = (p.by_time[t] @ p.W + state @ p.H + p.b).tanh()
        states.append(state)
    return middle(tg.stack(states) @ p.U)


def siamese(split: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def losses(p: Any) -> Any:
        one, other = split((tg.cat([p.x, p.x * 0.5 + 1]) @ p.W).tanh())
        return ((one - other) ** 2).sum(1) + (one * other).sum(1)

    return losses


def symmetric(z: Any) -> Any:
    """A positive definite matrix for each row."""
    return z[:, :, None] * z[:, None, :] + np.diag(np.arange(1.0, D + 1))


def ragged(p: Any) -> Any:
    lengths = [2, 0, 3, 1, 4]
    flat = tg.tensor(np.random.default_rng(3).normal(size=(sum(lengths), 3)))
    owner = tg.tensor(np.repeat(np.arange(B), lengths))
    return tg.zeros(B, dtype=tg.float64).scatter_add(0, owner, np.sin(flat @ p.W).sum(1))


def ragged_parts(p: Any) -> Any:
    lengths = [2, 1, 3, 1, 4]
    flat = tg.tensor(np.random.default_rng(3).normal(size=(sum(lengths), 3)))
    return tg.stack([np.sin(part).sum() for part in (flat @ p.W).tanh().split(lengths)])


def padded(p: Any) -> Any:
    tokens = np.sin(p.ht()[MASK] @ p.H)
    return rows(tg.set_item(tg.zeros(B, T, D, dtype=tg.float64), MASK, tokens))


def detached_batch_norm(p: Any) -> Any:
    z = p.h()
    constant = z.detach()
    return rows((z - constant.mean(0)) / (constant.var(0) + 1e-5).sqrt())


def gradient_penalty(p: Any) -> Any:
    x = tg.tensor(p.x.array, requires_grad=True)
    (g,) = tg.autograd.grad(((x @ p.W).tanh() @ p.H).tanh().sum(), x, create_graph=True)
    return (g**2).sum(1)


def heads(p: Any) -> Any:
    q = p.ht().reshape(B, T, 2, D // 2).transpose(1, 2)
    return rows(((q @ q.transpose(-1, -2)).softmax(-1) @ q).transpose(1, 2).reshape(B, T, D) @ p.H)


def with_parts(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """`function` of the results of an op with several."""
    return lambda p: function(p, p.h())


def through(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The losses of what a function makes of h."""
    return lambda p: rows(function(p.h()))


def weighted(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The losses of h times what a function makes of the weight H."""
    return lambda p: rows(p.h() @ function(p.H))


def looked_up(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """The losses of what a function reads from a table that was computed."""
    return lambda p: rows(function(p.E * 2.0))


ALONG_OTHER_AXES = {
    "cumsum": through(lambda h: h.cumsum(1)),
    "cumprod": through(lambda h: h.cumprod(1)),
    "logcumsumexp": through(lambda h: tg.logcumsumexp(h, 1)),
    "cummax": through(lambda h: tg.cummax(h, 1).values),
    "cummin": through(lambda h: tg.cummin(h, 1).values),
    "sort": through(lambda h: h.sort(1, descending=True).values),
    "np.sort": through(lambda h: np.sort(h, axis=1)),
    "topk": through(lambda h: h.topk(2, 1).values),
    "median": through(lambda h: h - h.median(1, keepdim=True).values),
    "np.median": through(lambda h: np.median(h, axis=1)[:, None] * h),
    "kthvalue": through(lambda h: h.kthvalue(2, 1, keepdim=True).values * h),
    "max": through(lambda h: h - h.max(1, keepdim=True).values),
    "min": through(lambda h: h.min(1).values),
    "amax": through(lambda h: h / (h.amax(1, keepdim=True) + 2)),
    "softmax": through(lambda h: h.softmax(1)),
    "log_softmax": through(lambda h: h.log_softmax(-1)),
    "logsumexp": through(lambda h: h - h.logsumexp(1, keepdim=True)),
    "mean": through(lambda h: h - h.mean(1, keepdim=True)),
    "var": through(lambda h: h / h.std(1, keepdim=True)),
    "norm": through(normalized),
    "layer_norm": lambda p: rows(F.layer_norm(p.h(), (D,), p.b, p.b)),
    "diff": through(lambda h: h.diff(dim=1)),
    "flip": through(lambda h: h * h.flip(1)),
    "roll": through(lambda h: h * h.roll(1, 1)),
    "permutation": through(lambda h: h * h[:, [2, 0, 1, 3]]),
    "pairs": through(lambda h: h[:, :, None] - h[:, None, :]),
    "einsum": through(lambda h: tg.einsum("mi,mj->mij", h, h)),
    "gram": lambda p: rows(p.ht() @ p.ht().transpose(1, 2)),
    "attention": lambda p: rows((p.ht() @ p.ht().transpose(1, 2)).softmax(-1) @ p.ht()),
    "attention of heads": heads,
    "the diagonal of a Gram matrix": lambda p: (lambda z: np.diagonal(z @ z.T))(p.h()),
}

LAYOUTS = {
    "time first": lambda p: middle(p.th() @ p.H),
    "time first, softmax over time": lambda p: middle(p.th().softmax(0) @ p.H),
    "time first, centred over time": lambda p: middle((lambda z: z - z.mean(0))(p.th())),
    "time first, sorted by time": lambda p: middle(p.th().sort(0).values),
    "time first, running sums": lambda p: middle(p.th().cumsum(0)),
    "time first, transposed": lambda p: rows(p.th().transpose(0, 1) @ p.H),
    "time first, flattened": lambda p: middle((p.th().reshape(T * B, D) @ p.H).reshape(T, B, D)),
    "recurrent": recurrent,
    "flattened": lambda p: rows((p.ht().reshape(-1, D) @ p.H).tanh().reshape(B, T, D)),
    "flattened losses": lambda p: np.sin(p.ht().reshape(-1, D) @ p.H).sum(1).reshape(B, T).sum(1),
    "expanded": lambda p: middle(p.h()[None].expand(T, B, D) @ p.H),
    "repeated": lambda p: np.sin(p.h().repeat_interleave(3, 0) @ p.H).sum(1).reshape(B, 3).sum(1),
    "tiled": lambda p: np.sin(np.tile(p.h(), (3, 1)) @ p.H).sum(1).reshape(3, B).sum(0),
    "views side by side": through(lambda h: tg.stack([h, h * 2, h.flip(1)], 1)),
    "features side by side": through(lambda h: tg.cat([h, h**2], 1)),
    "permuted once": lambda p: rows(p.h()[PERM] @ p.H),
    "permuted and back": lambda p: rows((p.h()[PERM] @ p.H).tanh()[np.argsort(PERM)] + p.h()),
    "losses permuted": lambda p: rows(p.h() @ p.H)[PERM],
    "written in another order": lambda p: rows(tg.set_item(tg.zeros(B, D, dtype=tg.float64), PERM, p.h())),
    "some of them": lambda p: rows(p.h()[LABELS > 0] @ p.H),
    "two halves, two weights": lambda p: rows((lambda a, c: tg.cat([a @ p.H, c @ p.U]))(*p.h().split([2, 3]))),
    "siamese, chunk": siamese(lambda z: z.chunk(2)),
    "siamese, split": siamese(lambda z: z.split(B)),
    "siamese, slices": siamese(lambda z: (z[:B], z[B:])),
    "siamese, reshape": siamese(lambda z: z.reshape(2, B, D).unbind(0)),
    "siamese, indices": siamese(lambda z: (z[np.arange(B)], z[np.arange(B) + B])),
    "ragged": ragged,
    "ragged, in parts": ragged_parts,
    "padded": padded,
    "rows one by one": lambda p: tg.stack([np.sin(row @ p.H).sum() for row in p.h().unbind(0)]),
    "changed in place": through(lambda h: (lambda z: (z.__setitem__((slice(None), 0), z[:, 1]), z)[1])(h.clone())),
}


def written(way: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The losses of a copy of h into which `way` has written rows of h."""

    def losses(p: Any) -> Any:
        h = p.h()
        y = h * 1.0
        way(y, h)
        return rows(y)

    return losses


SOME = np.array([3, 0])

WRITTEN_BACK = {
    "a row": written(lambda y, h: y.__setitem__(0, h[0] * 3)),
    "a row as it is": written(lambda y, h: y.__setitem__(2, h[2])),
    "a row, read several times": written(lambda y, h: y.__setitem__(0, h[0] * h[0].sum() + h[:1].sum())),
    "row by row": written(lambda y, h: [y.__setitem__(m, np.sin(h[m])) for m in range(B)]),
    "a slice": written(lambda y, h: y.__setitem__(slice(1, None), h[1:])),
    "a slice of one": written(lambda y, h: y.__setitem__(slice(1, 2), h[1] * 2)),
    "an array of places": written(lambda y, h: y.__setitem__(SOME, h[SOME] * 2)),
    "a mask": written(lambda y, h: y.__setitem__(LABELS > 0, h[LABELS > 0] * 2)),
    "index_copy": written(lambda y, h: y.index_copy_(0, SOME, h[SOME] * 2)),
    "index_add": written(lambda y, h: y.index_add_(0, SOME, h[SOME] * 2)),
    "scatter": written(lambda y, h: y.scatter_(0, SOME[:, None] + np.zeros((1, D), int), h[SOME] * 2)),
    "from its own rows": written(lambda y, h: y.__setitem__(0, y[0] * y[0].sum())),
}

SHARED = {
    "rows of a table": looked_up(lambda t: t[IDS]),
    "a table read twice": lambda p: rows((lambda t: t[IDS].mean(1) @ t.T)(p.E * 2.0)),
    "each sample another row, and the table": looked_up(lambda t: t[np.array([4, 2, 6, 0, 1])] @ t.T),
    "the same of a normalized table": lambda p: rows((lambda t: t[PERM] @ t.T)(F.normalize(p.E, dim=1))),
    "the same, in columns": lambda p: rows((lambda t: t[:, PERM].T @ t)(p.E.T * 2.0)),
    "the same, one by one": looked_up(lambda t: tg.stack([np.sin(t[i] @ t.T) for i in (4, 2, 6, 0, 1)])),
    "np.take": looked_up(lambda t: np.take(t, IDS, axis=0)),
    "embedding": lambda p: rows(F.embedding(tg.tensor(IDS), p.E) @ p.H),
    "tied embedding": lambda p: rows(F.embedding(tg.tensor(PERM), p.E).tanh() @ p.E.T),
    "gather": looked_up(lambda t: t.gather(0, tg.tensor(IDS % 7))),
    "cut points": lambda p: rows((lambda cut: (cut[PERM + 1] - cut[PERM])[:, None] * p.h())(np.exp(p.r).cumsum(0))),
    "a loop over samples": lambda p: (lambda h, v: tg.stack([np.sin(h[m] @ v).sum() for m in range(B)]))(p.h(), p.H.T),
    "a loop, computed weight": lambda p: (lambda v: tg.stack([np.sin(p.h()[m] @ v).sum() for m in range(B)]))(
        p.H * 2.0
    ),
    "a loop, parts of weights": lambda p: tg.stack([np.sin(p.h()[m] @ (p.H * 2.0)[:, :2]).sum() for m in range(B)]),
    "experts": lambda p: rows(p.h()[:, None] @ tg.stack([p.H, p.U * 2, p.H - p.U])[np.array([0, 2, 1, 0, 1])]),
    "experts, and their norm": lambda p: (
        lambda w: tg.stack([np.sin(p.h()[m] @ w[e]).sum() + w.norm() for m, e in enumerate([0, 2, 1, 0, 1])])
    )(tg.stack([p.H, p.U * 2, p.H - p.U])),
    "W / W.norm()": weighted(lambda w: w / w.norm()),
    "W / W.norm(dim=0)": weighted(lambda w: w / w.norm(dim=0)),
    "softmax(W, 0)": weighted(lambda w: w.softmax(0)),
    "centred W": weighted(lambda w: w - w.mean(0)),
    "sorted W": weighted(lambda w: w.sort(0).values),
    "W + W.T": weighted(lambda w: w + w.T),
    "W @ W.T": weighted(lambda w: w @ w.T),
    "inverse of W": weighted(lambda w: tg.linalg.inv(w + 3 * np.eye(D))),
    "two weights": lambda p: rows(p.h() * (p.H @ p.U).sum()),
    "theta, a row for each sample": lambda p: rows(p.h() * p.theta),
    "normalized rows of theta": lambda p: rows(p.h() * normalized(p.theta * 1.5)),
    "theta by its own norm": lambda p: rows(p.h() * p.theta / p.theta.norm()),
    "detached batch norm": detached_batch_norm,
    "detached neighbours": through(lambda h: h * h.detach()[PERM]),
    "a penalty for all": lambda p: rows(p.h()) + (p.H * 2.0).norm(),
    "gradient penalty": gradient_penalty,
}

SEVERAL_RESULTS = {
    "split": with_parts(lambda p, h: rows(h.split(2, 1)[0] * h.split(2, 1)[1])),
    "chunk": lambda p: rows((lambda a, c: a * c.sigmoid())(*(p.x @ p.W).chunk(2, -1))),
    "unbind": with_parts(lambda p, h: rows((lambda a, b, c, d: a * c + b)(*h.unbind(1)))),
    "eigh": with_parts(
        lambda p, h: (lambda r: np.sin(r[0]).sum(1) + (r[1] ** 2)[:, 0, 0])(tg.linalg.eigh(symmetric(h)))
    ),
    "eigenvalues": with_parts(lambda p, h: rows(tg.linalg.eigh(symmetric(h))[0])),
    "svd": with_parts(lambda p, h: (lambda r: rows(r[1]) + (r[2] ** 2)[:, 0, 1])(tg.linalg.svd(symmetric(h)))),
    "slogdet": with_parts(lambda p, h: tg.linalg.slogdet(symmetric(h))[1]),
    "cholesky": with_parts(lambda p, h: rows(tg.linalg.cholesky(symmetric(h)))),
    "solve": with_parts(lambda p, h: rows(tg.linalg.solve(symmetric(h), h[:, :, None]))),
    "solve a shared system": with_parts(lambda p, h: rows(tg.linalg.solve(p.H + 3 * np.eye(D), h[:, :, None]))),
    "max with indices": with_parts(lambda p, h: rows((lambda r: r.values[:, None] * p.H[r.indices])(h.max(1)))),
    "cross_entropy": with_parts(lambda p, h: F.cross_entropy(h @ p.H, tg.tensor(LABELS), reduction="none")),
    "log-probabilities picked": with_parts(lambda p, h: -(h @ p.H).log_softmax(1)[np.arange(B), LABELS]),
}


def check_apart(losses_of: Callable[[Any], Any]) -> None:
    p = setting()
    check_open_sum(lambda: losses_of(p), p.leaves)


@pytest.mark.parametrize("name", ALONG_OTHER_AXES)
def test_along_other_axes_samples_stay_apart(name: str) -> None:
    check_apart(ALONG_OTHER_AXES[name])


@pytest.mark.parametrize("name", LAYOUTS)
def test_samples_stay_apart_however_the_batch_is_laid_out(name: str) -> None:
    check_apart(LAYOUTS[name])


@pytest.mark.parametrize("name", WRITTEN_BACK)
def test_rows_written_back_stay_their_samples(name: str) -> None:
    check_apart(WRITTEN_BACK[name])


@pytest.mark.parametrize("name", SHARED)
def test_what_samples_share_does_not_couple_them(name: str) -> None:
    check_apart(SHARED[name])


@pytest.mark.parametrize("name", SEVERAL_RESULTS)
def test_ops_with_several_results_keep_samples_apart(name: str) -> None:
    check_apart(SEVERAL_RESULTS[name])


ONE_OR_NONE = ["divided by the sum", "contrastive", "flipped", "cumsum", "softmax", "pairs", "norm", "sort", "roll"]


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("name", [name for name in COUPLED if name in ONE_OR_NONE])
def test_one_sample_or_none_is_not_coupled(name: str, count: int) -> None:
    p = setting()
    check_open_sum(lambda: rows(COUPLED[name][1](p.h()[:count])), p.leaves)


# Programs that hypothesis writes: steps on a value (…, batch, …), of which it is told where the batch lies.


def _other(z: Any, axis: int) -> int:
    """An axis beside the batch."""
    return 0 if axis else z.ndim - 1


def _moved_to_front(z: Any, axis: int) -> tuple[Any, int]:
    return z.transpose(0, axis), 0


def _flattened(z: Any, axis: int) -> tuple[Any, int]:
    z = z.transpose(0, axis)
    return np.sin(z.reshape(-1, z.shape[-1]) * 1.5).reshape(z.shape), 0


def _split(z: Any, axis: int) -> tuple[Any, int]:
    other = _other(z, axis)
    one, rest = z.split([1, z.shape[other] - 1], other)
    return tg.cat([rest, np.sin(one)], other), axis


APART: dict[str, Callable[[Any, int], tuple[Any, int]]] = {
    "sin": lambda z, axis: (np.sin(z * 1.5), axis),
    "square": lambda z, axis: (np.tanh(z * z), axis),
    "front": _moved_to_front,
    "back": lambda z, axis: (z.transpose(axis, -1), z.ndim - 1),
    "flatten": _flattened,
    "softmax": lambda z, axis: (z.softmax(_other(z, axis)), axis),
    "centre": lambda z, axis: (z - z.mean(_other(z, axis), keepdim=True), axis),
    "cumsum": lambda z, axis: (z.cumsum(_other(z, axis)), axis),
    "sort": lambda z, axis: (z.sort(_other(z, axis)).values + z, axis),
    "flip": lambda z, axis: (np.tanh(z * z.flip(_other(z, axis)) + z), axis),
    "double": lambda z, axis: (tg.cat([z, np.sin(z)], _other(z, axis)), axis),
    "split": _split,
    "stack": lambda z, axis: (np.tanh(tg.stack([z, z * 2]).sum(0) * z), axis),
    "shuffle": lambda z, axis: (z[(slice(None),) * axis + (np.roll(np.arange(z.shape[axis]), 1),)], axis),
}

ACROSS: dict[str, Callable[[Any, int], Any]] = {
    "centre": lambda z, axis: z - z.mean(axis, keepdim=True),
    "scale": lambda z, axis: z / (z.var(axis, keepdim=True) + 0.1).sqrt(),
    "softmax": lambda z, axis: z.softmax(axis) + 0.0,
    "cumsum": lambda z, axis: z.cumsum(axis),
    "flip": lambda z, axis: z * z.flip(axis),
    "roll": lambda z, axis: z + z.roll(1, axis),
    "first": lambda z, axis: z * z[(slice(None),) * axis + (slice(1),)],
    "max": lambda z, axis: z - z.max(axis, keepdim=True).values,
}


def inputs(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [tg.tensor(rng.normal(size=shape), requires_grad=True) for shape in [(4, 2, 3), (3, 3)]]


def run_program(leaves: list[Any], steps: list[str], across: str = "", place: int = 0) -> Any:
    """The losses that these steps make of a batch of four; `across` is what couples its samples before one of them."""
    x, w = leaves
    z, axis = np.tanh(x @ w) + x, 0
    for number, step in enumerate(steps):
        if across and place % len(steps) == number:
            z = ACROSS[across](z, axis)
        z, axis = APART[step](z, axis)
    weights = np.random.default_rng(7).normal(size=[1 if i == axis else n for i, n in enumerate(z.shape)])
    return (z * weights).sum(tuple(i for i in range(z.ndim) if i != axis))


programs = st.lists(st.sampled_from(sorted(APART)), min_size=1, max_size=6)


@settings(max_examples=60)
@given(programs, st.integers(0, 5))
def test_programs_that_keep_samples_apart_are_followed_exactly(steps: list[str], seed: int) -> None:
    leaves = inputs(seed)
    check_open_sum(lambda: run_program(leaves, steps), leaves, tolerance=1e-10)


@settings(max_examples=60)
@given(programs, st.sampled_from(sorted(ACROSS)), st.integers(0, 5), st.integers(0, 5))
def test_programs_that_couple_samples_are_found_out(steps: list[str], across: str, place: int, seed: int) -> None:
    leaves = inputs(seed)
    losses = run_program(leaves, steps, across, place)
    expected = one_hot_passes(losses, leaves)
    reached = (np.abs(expected[0]).max((2, 3)) > 1e-9).sum(1)
    if (reached > 1).any():  # else a later step took the coupling away again, as a sum of all shares does
        with pytest.raises(tg.SampleCouplingError) as caught:
            losses.backward(per_sample=True)
        assert "test_propagation.py" in caught.value.where
        assert all(leaf.grad is None and leaf.source.kept is None for leaf in leaves)
    losses.backward(per_sample=True, coupled=True)
    for leaf, wanted in zip(leaves, expected, strict=True):
        np.testing.assert_allclose(leaf.sample_grads.materialize().array, wanted, rtol=1e-10, atol=1e-11)
