"""F.scaled_dot_product_attention: masks, dropout, samples, and what it refuses. Its numbers are those of the op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum, check_second_derivatives

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.nn.attention.scaled_dot_product import hides_later
from tinygrad_edu.ops import attention as file
from tinygrad_edu.testing import check_laws, gradcheck

Q, K, V = normal(2, 3, 4), normal(2, 5, 4, seed=1), normal(2, 5, 2, seed=2)
SEEN = np.array([[True, True, False, False, True]] * 3)
attend = F.scaled_dot_product_attention


def plain(q: Any, k: Any, v: Any, scale: float = 0.5, added: Any = 0.0) -> Any:
    return tg.softmax(tg.tensor(q @ np.swapaxes(k, -1, -2) * scale + added), -1).array @ v


def test_values() -> None:
    np.testing.assert_allclose(attend(tg.tensor(Q), K, V).array, plain(Q, K, V), rtol=1e-13)
    np.testing.assert_allclose(attend(tg.tensor(Q), K, V, scale=2.0).array, plain(Q, K, V, 2.0), rtol=1e-13)


def test_masks_of_booleans_and_of_numbers() -> None:
    hidden = np.where(SEEN, 0.0, -np.inf)
    for mask in (SEEN, tg.tensor(SEEN), hidden, tg.tensor(hidden.astype(np.float32)), SEEN[0]):
        np.testing.assert_allclose(attend(tg.tensor(Q), K, V, mask).array, plain(Q, K, V, added=hidden), rtol=1e-13)
    none = attend(tg.tensor(Q), K, V, np.zeros((3, 5), bool))
    assert not none.array.any()


def test_a_mask_has_a_gradient() -> None:
    gradcheck(lambda q, m: attend(q, K, V, m), (Q, normal(3, 5, seed=7)))
    gradcheck(lambda m: attend(tg.tensor(Q), K, V, m), (normal(5, seed=7),))


def test_heads_that_share_keys() -> None:
    q, k, v = normal(2, 6, 3, 4), normal(2, 2, 5, 4, seed=1), normal(2, 3, 5, 2, seed=2)
    out = attend(tg.tensor(q), k, v, enable_gqa=True)
    np.testing.assert_allclose(out.array, plain(q, k.repeat(3, 1), v.repeat(2, 1)), rtol=1e-13)


def test_laws() -> None:
    check_laws(lambda q, k, v: attend(q, k, v), (Q, K, V), batched=(0, 1, 2))
    check_laws(lambda q, k, v: attend(q, k, v, is_causal=True), (K, K, V), batched=(0, 1, 2))
    check_laws(lambda q, k, v: attend(q, k, v, SEEN), (Q, K, V), batched=(0, 1, 2))


def test_dropout_drops_weights_and_is_the_same_in_every_backward_pass() -> None:
    q, k = tg.tensor(np.zeros((200, 4)), requires_grad=True), np.zeros((50, 4))
    tg.manual_seed(0)
    out = attend(q, k, np.eye(50), dropout_p=0.25)
    values = np.unique(out.detach().array.round(12))
    np.testing.assert_allclose(values, [0, 1 / 50 / 0.75], rtol=1e-9)
    assert abs((out.detach().array == 0).mean() - 0.25) < 0.02
    assert not attend(q, k, np.eye(50), dropout_p=1.0).detach().array.any()

    def seeded(q: Any, k: Any, v: Any) -> Any:
        tg.manual_seed(1)
        return attend(q, k, v, dropout_p=0.4)

    gradcheck(seeded, (Q, K, V), order=2)
    check_laws(seeded, (Q, K, V), laws=["deterministic", "accumulate_twice_is_double"])


def test_float16_and_float32_stay_what_they_are() -> None:
    for dtype, digits in ((tg.float32, 1e-5), (tg.float16, 4e-3)):
        q, k, v = (tg.tensor(x, dtype=dtype, requires_grad=True) for x in (Q, K, V))
        out = attend(q, k, v, SEEN)
        assert out.dtype == dtype
        out.sum().backward()
        assert q.grad is not None
        assert q.grad.dtype == dtype
        np.testing.assert_allclose(out.detach().array, plain(Q, K, V, added=np.where(SEEN, 0, -np.inf)), atol=digits)


@pytest.mark.parametrize("causal", [False, True])
def test_samples_are_opened(causal: bool) -> None:
    x, w = normal(4, 3, 2), tg.tensor(normal(2, 2, seed=3), requires_grad=True)
    keys = tg.tensor(normal(1, 3, 2, seed=4), requires_grad=True)
    bias = tg.tensor(normal(3, 3, seed=5), requires_grad=True)

    def losses(first: int = 0, last: int = 4) -> Any:
        h = tg.tensor(x[first:last]) @ w
        out = attend(h, h, h, is_causal=True) if causal else attend(h, keys, h, bias)
        return (out**2).sum((1, 2))

    leaves = [w] if causal else [w, keys, bias]
    check_open_sum(losses, leaves, alone=lambda m: losses(m, m + 1))
    check_second_derivatives(losses, leaves)


def test_each_query_may_be_a_sample() -> None:
    w = tg.tensor(normal(2, 4), requires_grad=True)
    keys, values = (tg.tensor(normal(3, n, seed=n), requires_grad=True) for n in (4, 2))

    def losses(samples: slice = slice(0, 5)) -> Any:
        return (attend(tg.tensor(normal(5, 2, seed=9)[samples]) @ w, keys, values) ** 2).sum(1)

    check_open_sum(losses, [w, keys, values], alone=lambda m: losses(slice(m, m + 1)))


def test_what_samples_share_takes_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    walk = file._by_blocks
    monkeypatch.setattr(file, "_by_blocks", lambda *args: passes.append(1) or walk(*args))
    h = tg.tensor(normal(6, 2, 3, 2)) @ tg.tensor(normal(2, 2, seed=3), requires_grad=True)
    keys, bias = (tg.tensor(normal(*shape, seed=4), requires_grad=True) for shape in ((2, 3, 2), (3, 3)))
    (attend(h, keys, h, bias) ** 2).sum((1, 2, 3)).backward(per_sample=True)
    assert len(bias.sample_grads.norms()) == len(keys.sample_grads.norms()) == 6
    assert len(passes) == 1


def test_attention_among_samples_is_found() -> None:
    w = tg.tensor(normal(2, 2), requires_grad=True)
    h = tg.tensor(normal(5, 3, 2, seed=1)) @ w  # five samples, along axis 0
    turned = h.permute(1, 0, 2)
    out = attend(turned, turned, turned).permute(1, 0, 2)
    with pytest.raises(tg.SampleCouplingError, match="scaled_dot_product_attention"):
        (out**2).sum((1, 2)).backward(per_sample=True)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((Q[0, 0], K, V), {}, tg.ShapeError, r"query has shape \(4,\), it needs two axes or more"),
        ((Q, K[..., :3], V), {}, tg.ShapeError, r"query \(2, 3, 4\) and key \(2, 5, 3\) .* axis -1 is 4 and 3"),
        (
            (Q, K, V[:, :3]),
            {},
            tg.ShapeError,
            r"each key of \(2, 5, 4\) needs a value of \(2, 3, 2\): axis -2 is 5 and",
        ),
        ((Q, K[[0, 1, 1]], V), {}, tg.ShapeError, r"do not broadcast: sizes must be equal or 1\. Fewer heads in key"),
        (
            (Q, K, V),
            {"attn_mask": SEEN[:, :4]},
            tg.ShapeError,
            r"attn_mask of shape \(3, 4\) does not broadcast to .*2, 3, 5",
        ),
        ((Q, K, V), {"attn_mask": np.ones((4, 2, 3, 5), bool)}, tg.ShapeError, r"attn_mask of shape \(4, 2, 3, 5\)"),
        (
            (Q[:, None], K[:, None], V[:, None]),
            {"attn_mask": np.ones((2, 5), bool)},
            tg.ShapeError,
            r"One row for the keys of each sample\? Use attn_mask\[:, None, None\]",
        ),
        (
            (Q, K, V),
            {"attn_mask": np.ones((3, 5), int)},
            tg.DtypeError,
            r"attn_mask has dtype int64: it must be boolean, or",
        ),
        ((Q, K, V), {"attn_mask": SEEN, "is_causal": True}, ValueError, r"attn_mask and is_causal=True are two masks"),
        (
            (Q, K, V),
            {"dropout_p": 1.5},
            ValueError,
            r"scaled_dot_product_attention: dropout_p=1.5 is not a probability",
        ),
        ((Q.astype(np.float32), K, V), {}, tg.DtypeError, r"must have one floating dtype, they have float32, float64"),
        ((Q.astype(int), K.astype(int), V.astype(int)), {}, tg.DtypeError, r"one floating dtype, they have int64"),
        ((Q[[0, 1, 1]], K, V), {"enable_gqa": True}, tg.ShapeError, r"divides the heads of query \(3, 3, 4\), axis -3"),
    ],
)
def test_misfits(arguments: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        attend(*[tg.tensor(x) for x in arguments], **options)


def test_scale_has_no_gradient() -> None:
    with pytest.raises(tg.GraphError, match="scale is a constant here"):
        attend(tg.tensor(Q), K, V, scale=tg.tensor(0.1, requires_grad=True))  # type: ignore[arg-type]


def test_a_causal_mask_is_recognised() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    later = np.triu(np.ones((3, 3), bool), 1)
    for same in (mask, later, tg.tensor(later), later.tolist()):
        assert hides_later(same)
    for other in (None, ~later, later[None], np.zeros((3, 3)), mask.requires_grad_()):
        assert not hides_later(other)
