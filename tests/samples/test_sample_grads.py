"""SampleGrads: what one parameter's opened gradient answers, in which shapes and dtypes, and what it refuses."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from matrix_losses import (
    LOSSES,
    assert_close,
    elementwise_losses,
    layer_losses,
    normalised_losses,
    opened,
    sequence_losses,
    table_losses,
    two_kinds_of_losses,
)

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import Cost, SampleGrads, sample_grads
from tinygrad_edu.samples.opening.open_sum import OpenSum
from tinygrad_edu.samples.results import cosines, root, size_in_words


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("build", LOSSES)
@pytest.mark.parametrize("options", [{}, {"keep": "dense"}, {"create_graph": True}], ids=str)
def test_every_answer_is_that_of_the_written_out_gradients(build, dtype, options):
    _, s, dense = opened(build, dtype, **options)
    tolerance = 1e-11 if dtype == "float64" else 3e-5
    flat = dense.reshape(6, 12).astype(np.float64)
    w, v = np.random.default_rng(0).normal(size=6), np.random.default_rng(0).normal(size=(4, 3))
    lengths = np.sqrt((flat**2).sum(1))
    expected = {
        "norms": (s.norms(), lengths),
        "gram": (s.gram(), flat @ flat.T),
        "cosine": (s.cosine(), flat @ flat.T / np.outer(lengths, lengths)),
        "sum": (s.sum(), dense.sum(0)),
        "mean": (s.mean(), dense.mean(0)),
        "weighted_sum": (s.weighted_sum(w), np.tensordot(w, dense, 1)),
        "dot": (s.dot(v), flat @ v.reshape(-1)),
        "variance": (s.variance(), dense.var(0, ddof=1)),
        "variance of all": (s.variance(unbiased=False), dense.var(0)),
        "materialize": (s.materialize(), dense),
    }
    for actual, right in expected.values():
        assert_close(actual, right, tolerance)
        assert actual.dtype == dtype
    assert (s.shape, s.dtype, len(s)) == ((4, 3), np.dtype(dtype), 6)


def test_numbers_that_others_have_published():
    theta = tg.tensor([3.0], requires_grad=True, dtype="float64")
    losses = 0.5 * (tg.tensor([[0.0], [7.0], [-2.0]], dtype="float64") - theta) ** 2
    losses.sum(1).backward(per_sample=True)
    assert losses.reshape(-1).tolist() == [4.5, 8.0, 12.5]
    assert theta.sample_grads.norms().tolist() == [3.0, 4.0, 5.0]
    assert theta.sample_grads.sum().tolist() == [4.0]
    table = tg.zeros(3, 1, dtype="float64", requires_grad=True)
    pulls = tg.tensor([[0.2, 0.2], [0.3, 0.1], [0.3, 0.1]], dtype="float64")
    (table[np.array([[1, 1], [2, 0], [2, 0]])].squeeze(2) * pulls).sum(1).backward(per_sample=True)
    np.testing.assert_allclose(table.sample_grads.norms().array, [0.4, 0.1**0.5, 0.1**0.5], rtol=1e-12)


def test_the_formulas_of_linear_and_logistic_regression():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(7, 3)), rng.normal(size=3)
    for y, losses, errors in [
        (rng.normal(size=7), lambda z, y: 0.5 * (z - y) ** 2, lambda z, y: z - y),
        (
            rng.integers(0, 2, 7) * 1.0,
            lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
            lambda z, y: 1 / (1 + np.exp(-z)) - y,
        ),
    ]:
        parameter = tg.tensor(w, requires_grad=True)
        losses(tg.tensor(x) @ parameter, tg.tensor(y)).backward(per_sample=True)
        assert_close(parameter.sample_grads[:], errors(x @ w, y)[:, None] * x)


# Indexing


@pytest.mark.parametrize(
    "index",
    [
        3,
        -1,
        np.int64(2),
        slice(2, 5),
        slice(None),
        slice(None, None, -2),
        slice(4, 2),
        [0, 2],
        [5, -1, 5],
        [],
        np.array([[0, 1], [2, 0]]),
        np.array([True, False, True, True, False, False]),
        np.zeros(6, bool),
        ...,
    ],
    ids=str,
)
def test_indexing_is_that_of_the_written_out_gradients(index):
    for build in (layer_losses, table_losses, two_kinds_of_losses):
        _, s, dense = opened(build)
        right = dense[np.array(index, np.intp) if isinstance(index, list) else index]
        assert_close(s[index], right)
        assert s[index].dtype == np.float64


def test_indexing_by_tensors_and_by_a_loop():
    _, s, dense = opened()
    assert_close(s[tg.tensor([4, 0])], dense[[4, 0]])
    assert_close(s[s.norms() > 1.0], dense[np.sqrt((dense**2).sum((1, 2))) > 1.0])
    assert_close(s[s.norms().argmax()], dense[np.argmax((dense**2).sum((1, 2)))])
    assert len(list(s)) == 6
    for mine, right in zip(s, dense, strict=True):
        assert_close(mine, right)


@pytest.mark.parametrize("index", [6, -7, [0, 6], np.ones(5, bool), (0, 0)], ids=str)
def test_a_sample_that_is_not_there(index):
    _, s, _ = opened()
    with pytest.raises(IndexError, match="there are 6 samples"):
        s[index]


def test_a_sample_whose_part_belongs_to_another_pass():
    """A parameter is 0 for the samples of passes that it had no part in, however they are asked for."""
    model = nn.Linear(3, 2, dtype="float64")
    model(tg.randn(4, 3, dtype="float64")).sum(1).backward(per_sample=True)
    (tg.ones(4, 2, dtype="float64") * model.bias).sum(1).backward(per_sample=True)
    weight = model.sample_grads()["weight"]
    assert len(weight) == 8
    assert not weight[4:].array.any()
    assert not weight[5].array.any()
    assert_close(tg.cat(list(weight.materialize(block=4))), weight.materialize().array)


# Written out


@pytest.mark.parametrize("block", [1, 2, 4, 6, 100])
@pytest.mark.parametrize("build", LOSSES)
def test_blocks_follow_one_another(build, block):
    _, s, dense = opened(build)
    blocks = s.materialize(block=block)
    assert isinstance(blocks, Iterator)
    found = list(blocks)
    assert [len(b) for b in found] == [len(dense[i : i + block]) for i in range(0, 6, block)]
    assert_close(tg.cat(found), dense)


def test_a_block_has_at_least_one_sample():
    _, s, _ = opened()
    with pytest.raises(ValueError, match=r"materialize\(\): block=0, it must be at least 1"):
        s.materialize(block=0)


def test_what_would_not_fit_is_refused_with_the_way_out(monkeypatch):
    _, s, dense = opened()
    monkeypatch.setattr(sample_grads, "MEMORY_LIMIT", 200)  # two gradients of 96 bytes
    with monkeypatch.context() as patch:
        patch.setattr(OpenSum, "blocks", lambda *_: pytest.fail("something was computed"))
        with pytest.raises(MemoryError) as caught:
            s.materialize()
        with pytest.raises(MemoryError, match=r"sample_grads\[\.\.\.\] of 3 gradients"):
            s[:3]
    assert str(caught.value) == (
        "materialize() of 6 gradients of shape (4, 3) takes 576 bytes: go through them in blocks, "
        "materialize(block=2), or ask for norms(), gram() or weighted_sum(w), which need none of them in full"
    )
    assert_close(tg.cat(list(s.materialize(block=2))), dense)
    assert_close(s[2:4], dense[2:4])
    monkeypatch.setattr(sample_grads, "MEMORY_LIMIT", 576)
    assert_close(s.materialize(), dense)
    monkeypatch.setattr(sample_grads, "MEMORY_LIMIT", 1)
    with pytest.raises(MemoryError, match=r"materialize\(block=1\)"):
        s.materialize()


@pytest.mark.parametrize(("build", "times"), [(lambda w: layer_losses(w, 40), 1.1), (sequence_losses, 1.5)])
def test_gradients_are_written_out_once(build, times):
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    big = tg.zeros(4000, 3, dtype="float64", requires_grad=True)
    layer = (F.linear(tg.randn(40, 3, dtype="float64"), big)).sum(1)
    (layer + build(w)[:1]).backward(per_sample=True)
    tracemalloc.start()
    try:
        found = big.sample_grads.materialize()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < times * found.array.nbytes


@pytest.mark.parametrize("keep", ["factors", "dense"])
@pytest.mark.parametrize("build", LOSSES)
def test_results_are_in_memory_of_their_own(build, keep):
    """Whatever is done to a result, the next answer is the same."""
    w, s, dense = opened(build, keep=keep)
    ask = [
        s.norms,
        s.gram,
        s.cosine,
        s.sum,
        s.mean,
        s.variance,
        s.materialize,
        lambda: s.dot(np.ones((4, 3))),
        lambda: s.weighted_sum(np.ones(6)),
        lambda: s[2],
        lambda: s[1:4],
        lambda: s[[3, 0]],
        lambda: next(s.materialize(block=6)),
        lambda: w.shared_grad,
    ]
    before = [question().array.copy() for question in ask]
    for question in ask:
        question().array.fill(np.nan)
    s.weights.fill(np.nan)
    s.coefficients.fill(np.nan)
    for question, right in zip(ask, before, strict=True):
        np.testing.assert_array_equal(question().array, right)
    np.testing.assert_allclose(w.grad.array, dense.sum(0), rtol=1e-11)


def test_arguments_stay_as_they_are():
    _, s, _ = opened()
    w, v = np.arange(6.0), np.ones((4, 3))
    s.weighted_sum(w).array.fill(0)
    s.dot(v).array.fill(0)
    assert (w == np.arange(6.0)).all()
    assert (v == 1).all()


# Arguments


@pytest.mark.parametrize("w", [[1.0] * 5, 1.0, np.ones((6, 1)), tg.ones(7)], ids=str)
def test_weights_of_another_shape(w):
    _, s, _ = opened()
    with pytest.raises(tg.ShapeError) as caught:
        s.weighted_sum(w)
    assert str(caught.value) == (
        f"weighted_sum(): w has shape {np.shape(w)}, it needs one number for each of 6 samples"
    )


def test_a_direction_of_another_shape():
    _, s, _ = opened()
    with pytest.raises(tg.ShapeError, match=r"^dot\(\): direction has shape \(3, 4\), the parameter \(4, 3\)$"):
        s.dot(np.ones((3, 4)))
    model = nn.Linear(3, 4)
    model(tg.ones(2, 3)).sum(1).backward(per_sample=True)
    with pytest.raises(tg.ShapeError, match=r"the parameter 'bias' \(4,\)"):
        model.sample_grads()["bias"].dot([1.0])


def test_weights_and_directions_of_any_kind():
    w, s, dense = opened()
    assert_close(s.weighted_sum([1, 0, 0, 0, 0, -1]), dense[0] - dense[5])
    assert_close(s.weighted_sum(tg.tensor([True, False, False, False, False, True])), dense[0] + dense[5])
    assert_close(s.dot(w.detach()), (dense * w.array).sum((1, 2)))
    assert_close(s.dot(w), (dense * w.array).sum((1, 2)))
    assert_close(s.dot(np.ones((4, 3), int).tolist()), dense.sum((1, 2)))


def test_weights_that_require_a_gradient():
    _, s, dense = opened()
    u = tg.ones(6, dtype="float64", requires_grad=True)
    s.weighted_sum(u).sum().backward()
    assert_close(u.grad, dense.sum((1, 2)))


# Statistics


def nearly_constant(kind):
    """Losses that are linear in w, and their gradients, which are large and hardly vary over the samples."""
    rng = np.random.default_rng(0)
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    x, d = 1e5 + rng.normal(size=(6, 2, 3)), 1.0 + 1e-6 * rng.normal(size=(6, 2, 4))
    if kind == "layer":
        return w, (F.linear(tg.tensor(x[:, 0]), w) * tg.tensor(d[:, 0])).sum(1), d[:, 0, :, None] * x[:, 0, None]
    if kind == "sequence":
        return w, (F.linear(tg.tensor(x), w) * tg.tensor(d)).sum((1, 2)), np.einsum("bto,bti->boi", d, x)
    if kind == "table":
        dense = np.zeros((6, 4, 3))
        dense[:, 1:3] = x
        return w, (w[np.array([[1, 2]] * 6)] * tg.tensor(x)).sum((1, 2)), dense
    return w, (w * tg.tensor(x[:, :1])).sum((1, 2)), np.broadcast_to(x[:, :1], (6, 4, 3))


@pytest.mark.parametrize("kind", ["layer", "sequence", "table", "full gradients"])
@pytest.mark.parametrize("unbiased", [True, False])
def test_the_variance_of_gradients_that_hardly_vary(kind, unbiased):
    w, losses, dense = nearly_constant(kind)
    losses.backward(per_sample=True)
    centred = dense.astype(np.longdouble) - dense.astype(np.longdouble).mean(0)
    right = ((centred**2).sum(0) / (6 - unbiased)).astype(np.float64)
    np.testing.assert_allclose(w.sample_grads.variance(unbiased).array, right, rtol=1e-9)


def test_the_variance_of_constant_gradients_is_next_to_nothing():
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    F.linear(tg.ones(5, 3, dtype="float64") * 0.1, w).sum(1).backward(per_sample=True)
    variance = w.sample_grads.variance().array
    assert (variance >= 0).all()
    assert (variance < 1e-30).all()


@pytest.mark.parametrize(("samples", "unbiased", "least"), [(1, True, 2), (0, True, 2), (0, False, 1)])
def test_the_variance_of_too_few_samples(samples, unbiased, least):
    w = tg.ones(4, 3, requires_grad=True)
    layer_losses(w, samples).backward(per_sample=True)
    with pytest.raises(ValueError, match=rf"unbiased={unbiased}\) of {samples} samples: it needs at least {least}"):
        w.sample_grads.variance(unbiased)


def test_the_variance_of_one_sample_among_all_is_zero():
    w = tg.ones(4, 3, requires_grad=True)
    layer_losses(w, 1).backward(per_sample=True)
    assert not w.sample_grads.variance(unbiased=False).array.any()


def test_no_samples_at_all():
    w = tg.ones(4, 3, requires_grad=True)
    layer_losses(w, 0).backward(per_sample=True)
    s = w.sample_grads
    assert len(s) == 0
    assert s.norms().shape == s.dot(np.ones((4, 3))).shape == (0,)
    assert s.gram().shape == s.cosine().shape == (0, 0)
    assert s.materialize().shape == s[:].shape == (0, 4, 3)
    assert s.sum().tolist() == s.weighted_sum([]).tolist() == np.zeros((4, 3)).tolist()
    assert list(s.materialize(block=3)) == []
    with pytest.raises(ValueError, match=r"mean\(\) of no samples: the batch was empty"):
        s.mean()
    with pytest.raises(IndexError, match="there are 0 samples"):
        s[0]


def test_the_cosine_of_gradients_that_are_zero_is_zero():
    w = tg.zeros(2, dtype="float64", requires_grad=True)
    x = tg.tensor([[1.0, 0.0], [0.0, 0.0], [-2.0, 0.0], [3.0, 3.0]], dtype="float64")
    (x @ w).backward(per_sample=True)
    half = 0.5**0.5
    right = [[1.0, 0.0, -1.0, half], [0.0] * 4, [-1.0, 0.0, 1.0, -half], [half, 0.0, -half, 1.0]]
    assert_close(w.sample_grads.cosine(), np.array(right), 1e-12)


def test_the_cosine_of_small_and_large_gradients():
    w = tg.zeros(2, requires_grad=True)
    (tg.tensor([[1e-18, 0.0], [0.0, 1e18], [1e18, 1e18]]) @ w).backward(per_sample=True)
    half = 0.5**0.5
    assert_close(w.sample_grads.cosine(), np.array([[1, 0, half], [0, 1, half], [half, half, 1]]), 1e-6)


def test_the_derivative_of_a_length_of_zero_is_zero():
    x = tg.zeros(3, dtype="float64", requires_grad=True)
    root((x * tg.tensor([1.0, 2.0, 3.0], dtype="float64")) ** 2).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    gram = tg.zeros(2, 2, dtype="float64", requires_grad=True)
    cosines(gram).sum().backward()
    assert np.isfinite(gram.grad.array).all()


def test_a_penalty_on_the_lengths_is_differentiable():
    w = tg.randn(3, dtype="float64", requires_grad=True)
    x = tg.randn(5, 3, dtype="float64")
    ((x @ w) ** 2).backward(per_sample=True, create_graph=True)
    norms = w.sample_grads.norms()  # 2 |x·w| ‖x‖
    z = x.array @ w.array
    assert_close(norms, 2 * np.abs(z) * np.sqrt((x.array**2).sum(1)))
    w.grad = None
    norms.sum().backward()
    assert_close(w.grad, (2 * np.sign(z) * np.sqrt((x.array**2).sum(1))) @ x.array)


# dtypes


def test_float16_parameters():
    rng = np.random.default_rng(0)
    w = tg.tensor(rng.normal(size=(4, 3)), requires_grad=True, dtype="float16")
    x = rng.normal(size=(300, 3)).astype(np.float16)
    F.linear(tg.tensor(x), w).sum(1).backward(per_sample=True)
    s = w.sample_grads
    dense = np.broadcast_to(x[:, None].astype(np.float64), (300, 4, 3))
    small = np.abs(x).max(1).argmin()
    for actual, right in [
        (s.norms(), np.sqrt((dense**2).sum((1, 2)))),
        (s.sum(), dense.sum(0)),
        (s.mean(), dense.mean(0)),
        (s.weighted_sum(np.full(300, 1e-6)), 1e-6 * dense.sum(0)),  # weights that float16 would round
        (s.weighted_sum(np.where(np.arange(300) == small, 7e4, 0)), 7e4 * dense[small]),  # or cannot hold
        (s.variance(), dense.var(0, ddof=1)),
        (s[:5], dense[:5]),
    ]:
        assert actual.dtype == np.float16
        np.testing.assert_allclose(actual.array, right, rtol=4e-3, atol=1e-6)


def test_the_dtype_is_the_parameters_whatever_the_data_is():
    for dtype, data in [("float32", "float64"), ("float64", "float32")]:
        w = tg.randn(4, 3, dtype=dtype, requires_grad=True)
        x = tg.randn(6, 3, dtype=data)
        (F.linear(x, w) ** 2).sum(1).backward(per_sample=True)
        s = w.sample_grads
        results = [s.norms(), s.gram(), s.sum(), s.variance(), s.materialize(), s[0], next(s.materialize(block=2))]
        assert {str(r.dtype) for r in results} == {dtype}
        np.testing.assert_allclose(s.sum().array, w.grad.array, rtol=1e-5)


# What it says of itself


def test_repr():
    model = nn.Linear(3, 4)
    model(tg.ones(5, 3)).sum(1).backward(per_sample=True)
    assert repr(model.weight.sample_grads) == "SampleGrads(5 samples of shape (4, 3))"
    assert repr(model.sample_grads()["weight"]) == "SampleGrads(of 'weight', 5 samples of shape (4, 3))"
    assert isinstance(model.weight.sample_grads, SampleGrads)


@pytest.mark.parametrize(
    ("build", "kept", "uses", "route"),
    [
        (layer_losses, ("outer products",), 1, "factors"),
        (sequence_losses, ("outer products",), 1, "factors"),
        (lambda w: layer_losses(w) + sequence_losses(w), ("outer products",), 2, "factors"),
        (table_losses, ("rows of a table",), 1, "factors"),
        (elementwise_losses, ("full gradients",), 1, "factors"),
        (lambda w: layer_losses(w) + table_losses(w), ("outer products", "rows of a table"), 2, "factors"),
        (two_kinds_of_losses, ("outer products", "full gradients"), 2, "blocks"),
        (normalised_losses, ("outer products",), 1, "blocks"),
    ],
)
def test_what_it_costs(build, kept, uses, route):
    _, s, _ = opened(build)
    cost = s.cost()
    assert isinstance(cost, Cost)
    assert (sorted(cost.kept), cost.uses, cost.route, cost.dense_bytes) == (sorted(kept), uses, route, 576)
    assert cost.bytes >= 6 * 8 * uses
    assert ("backward pass for each sample" in cost.seeded) == (build is normalised_losses)


def test_what_is_kept_is_what_it_costs():
    w = tg.randn(4, 3, requires_grad=True)
    layer_losses(w).backward(per_sample=True)
    assert w.sample_grads.cost().bytes == 6 * (4 + 3) * 4 + 6 * 8  # two sides in float32, and whose they are
    w.grad = None
    layer_losses(w).backward(per_sample=True, keep="norms")
    cost = w.sample_grads.cost()
    assert cost == Cost(("norms",), 1, "norms", 48, 6 * 12 * 4)
    assert str(cost) == "kept: norms, 48 bytes (full gradients: 288 bytes); uses: 1"
    w.grad = None
    layer_losses(w).backward(per_sample=True, keep="dense")
    assert w.sample_grads.cost().kept == ("full gradients",)
    assert w.sample_grads.cost().bytes == 288 + 48
    assert str(w.sample_grads.cost()) == "kept: full gradients, 336 bytes; uses: 1; norms from factors"


def test_what_is_seeded_sample_by_sample_says_why():
    w = tg.randn(4, 3, dtype="float64", requires_grad=True)
    h = F.linear(tg.randn(6, 3, dtype="float64"), w)
    ((h - h.mean(0)) ** 2).sum(1).backward(per_sample=True, coupled=True)
    cost = w.sample_grads.cost()
    assert "samples coupled by mean" in cost.seeded
    assert cost.seeded in str(cost)
    assert len(set(cost.seeded.split("; "))) == len(cost.seeded.split("; "))


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (2.5 * 2**20, "2.5 MiB"), (3 * 2**40, "3072.0 GiB")],
)
def test_sizes_in_words(count, words):
    assert size_in_words(count) == words


# Where there is nothing


def test_a_parameter_without_per_sample_gradients():
    w = tg.ones(2, requires_grad=True)
    with pytest.raises(tg.GraphError) as caught:
        w.sample_grads
    assert str(caught.value) == (
        "sample_grads: this tensor of shape (2,) has none: no loss has been differentiated with respect to "
        "it since its gradient was last cleared. Call losses.backward(per_sample=True), with one loss for each sample"
    )
    with pytest.raises(tg.GraphError, match="has none"):
        w.shared_grad
    (w * w).backward()
    with pytest.raises(tg.GraphError, match=r"its \.grad comes from backward\(\) without per_sample=True"):
        w.sample_grads


def test_tensors_that_have_no_gradient_of_their_own():
    w = tg.ones(2, requires_grad=True)
    with pytest.raises(
        tg.GraphError, match="for leaves only, such as parameters: this tensor was computed from others"
    ):
        (w * 2).sample_grads
    with pytest.raises(tg.GraphError, match="does not require a gradient: set requires_grad=True first"):
        tg.ones(2).sample_grads


def clear_one(w):
    w.grad = None


def clear_by_optimizer(w):
    tg.optim.SGD([w], lr=0.1).zero_grad()


def clear_to_zeros(w):
    tg.optim.SGD([w], lr=0.1).zero_grad(set_to_none=False)


@pytest.mark.parametrize("clear", [clear_one, clear_by_optimizer, clear_to_zeros])
def test_nothing_is_left_after_the_gradients_were_cleared(clear):
    w, _, _ = opened()
    clear(w)
    with pytest.raises(tg.GraphError, match="has none: "):
        w.sample_grads
    layer_losses(w, 2).backward(per_sample=True)
    assert len(w.sample_grads) == 2
    assert_close(w.shared_grad, np.zeros((4, 3)))
