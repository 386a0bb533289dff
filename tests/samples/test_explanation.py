"""One weight's gradient laid open: the rows are the samples' gradients, and they add up to `.grad`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.samples import Explanation

f64 = tg.float64
TIGHT: dict[str, float] = {"rtol": 1e-11, "atol": 1e-13}


def randn(*shape: int) -> tg.Tensor:
    return tg.randn(*shape, dtype=f64)


def leaf(*shape: int) -> tg.Tensor:
    return tg.randn(*shape, dtype=f64, requires_grad=True)


def layer() -> tuple[list[tg.Tensor], tg.Tensor]:
    w, b = leaf(3, 4), leaf(3)
    return [w, b], F.cross_entropy(F.linear(randn(5, 4), w, b), tg.tensor([0, 2, 1, 1, 0]), reduction="none")


def transposed() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(4, 3)
    return [w], F.tanh(randn(5, 3) @ w.T).sum(1)


def slices() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(6, 3)
    x = randn(5, 3)
    return [w], F.tanh(x @ w[1:5].T).sum(1) + F.tanh(x @ w[::2].reshape(3, 3)).sum(1)


def reversed_weight() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(3, 2)
    return [w], F.tanh(randn(5, 3) @ w[::-1]).sum(1)


def sequence() -> tuple[list[tg.Tensor], tg.Tensor]:
    w, b = leaf(2, 3), leaf(2)
    return [w, b], (F.linear(randn(4, 6, 3), w, b) ** 2).sum((1, 2))


def flattened() -> tuple[list[tg.Tensor], tg.Tensor]:
    w, b = leaf(2, 3), leaf(2)
    return [w, b], (F.linear(randn(4, 6, 3).reshape(24, 3), w, b) ** 2).reshape(4, 12).sum(1)


def recurrent() -> tuple[list[tg.Tensor], tg.Tensor]:
    w, u, b = leaf(3, 3), leaf(2, 3), leaf(3)
    x, h = randn(4, 5, 2), tg.zeros(4, 3, dtype=f64)
    for t in range(5):
        h = F.tanh(x[:, t] @ u + h @ w + b)
    return [w, u, b], h.sum(1)


def embedding() -> tuple[list[tg.Tensor], tg.Tensor]:
    table = leaf(5, 2)
    return [table], (F.embedding(tg.tensor([[0, 0, 2], [1, 2, 3], [3, 3, 3]]), table) ** 3).sum((1, 2))


def tied() -> tuple[list[tg.Tensor], tg.Tensor]:
    table = leaf(5, 2)
    ids = tg.tensor([[0, 1], [2, 2], [4, 0]])
    return [table], F.tanh(F.embedding(ids, table) @ table.T).sum((1, 2))


def normalized() -> tuple[list[tg.Tensor], tg.Tensor]:
    scale, shift = leaf(4), leaf(4)
    return [scale, shift], F.tanh(F.layer_norm(randn(5, 4), (4,), scale, shift)).sum(1)


def computed() -> tuple[list[tg.Tensor], tg.Tensor]:
    v, s = leaf(3, 4), leaf(3, 1)
    w = s * v / (v * v).sum(1, keepdim=True).sqrt()
    return [v, s], F.tanh(randn(5, 4) @ w.T).sum(1)


def computed_and_plain() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(3, 3)
    x = randn(5, 3)
    return [w], F.tanh(x @ w).sum(1) + F.tanh(x @ (w @ w)).sum(1)


def part_each() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(4, 3)
    return [w], (w * randn(4, 3)).sum(1)


def number() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf()
    return [w], F.tanh(w * randn(6))


def alone() -> tuple[list[tg.Tensor], tg.Tensor]:
    w = leaf(3, 4)
    return [w], F.tanh(randn(1, 4) @ w.T).sum(1)


MODELS = [
    layer,
    transposed,
    slices,
    reversed_weight,
    sequence,
    flattened,
    recurrent,
    embedding,
    tied,
    normalized,
    computed,
    computed_and_plain,
    part_each,
    number,
    alone,
]

Model = Callable[[], tuple[list[tg.Tensor], tg.Tensor]]


def places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(np.ndindex(*shape))


def check(explanation: Explanation, parameter: tg.Tensor) -> None:
    """All that holds of every explanation."""
    grads = parameter.sample_grads
    at = explanation.index
    products = grads[:].array[(slice(None), *at)]
    coefficients = grads.coefficients
    assert sorted(row.sample for row in explanation.rows) == list(range(len(grads)))
    for row in explanation.rows:
        np.testing.assert_allclose(row.product, products[row.sample], **TIGHT)
        assert row.coefficient == coefficients[row.sample]
        assert row.term == row.coefficient * row.product
        slots = explanation.slots(row.sample)
        assert len(slots) == row.slots
        np.testing.assert_allclose(sum(slot.product for slot in slots), row.product, **TIGHT)
        for part in [row, *slots]:
            if part.x is not None and part.delta is not None:
                np.testing.assert_allclose(part.x * part.delta, part.product, **TIGHT)
        if row.slots > 1:
            assert row.x is None
            assert row.delta is None
    sizes = [abs(row.term) for row in explanation.rows]
    assert sizes == sorted(sizes, reverse=True)
    total = sum(row.term for row in explanation.rows) + explanation.shared
    np.testing.assert_allclose(total, explanation.total, rtol=1e-11, atol=1e-13 * (1 + sum(sizes)))
    assert explanation.total == parameter.grad.array[at]  # type: ignore[union-attr]
    np.testing.assert_allclose(explanation.pull, sum(sizes), rtol=1e-12)
    if explanation.pull:
        shares = [row.share for row in explanation.rows if row.share is not None]
        assert len(shares) == len(sizes)
        np.testing.assert_allclose(sum(map(abs, shares)), 1, rtol=1e-12)
        assert all(np.sign(row.share) == np.sign(row.term) for row in explanation.rows)  # type: ignore[call-overload]
    else:
        assert all(row.share is None for row in explanation.rows)


@pytest.mark.parametrize("keep", ["factors", "dense"])
@pytest.mark.parametrize("model", MODELS)
def test_the_rows_are_the_samples_gradients_and_add_up(model: Model, keep: Any) -> None:
    parameters, losses = model()
    losses.backward(per_sample=True, keep=keep)
    for parameter in parameters:
        for at in places(parameter.shape):
            explanation = parameter.sample_grads.explain(at)
            assert explanation.index == at
            assert explanation.shared == 0.0
            check(explanation, parameter)


@pytest.mark.parametrize("model", MODELS)
def test_weights_a_penalty_and_several_passes(model: Model) -> None:
    parameters, losses = model()
    count = len(losses)
    losses.backward(tg.randn(count, dtype=f64), per_sample=True, retain_graph=True)
    losses.backward(per_sample=True)
    sum((p * p).sum() for p in parameters).backward()  # type: ignore[union-attr]
    for parameter in parameters:
        for at in places(parameter.shape):
            explanation = parameter.sample_grads.explain(at)
            assert len(explanation.rows) == 2 * count
            np.testing.assert_allclose(explanation.shared, 2 * parameter.array[at], rtol=1e-9, atol=1e-11)
            check(explanation, parameter)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([0, 2, 3, 6]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)
)
def test_any_layer(seed: int, b: int, t: int, i: int, o: int) -> None:
    rng = np.random.default_rng(seed)
    w = tg.tensor(rng.standard_normal((o, i)), requires_grad=True)
    x = tg.tensor(rng.standard_normal((b, t, i)))
    ((x @ w.T) ** 2).sum((1, 2)).backward(per_sample=True)
    at = (int(rng.integers(o)), int(rng.integers(i)))
    explanation = w.sample_grads.explain(at)
    check(explanation, w)
    for row in explanation.rows:
        assert [slot.x for slot in explanation.slots(row.sample)] == x.array[row.sample, :, at[1]].tolist()


def test_x_is_the_layers_input_and_delta_its_error_term() -> None:
    w, b = leaf(3, 4), leaf(3)
    x = randn(5, 4)
    out = F.linear(x, w, b)
    out.retain_grad()
    weights = randn(5)
    (out**2).sum(1).backward(weights, per_sample=True)
    for row in w.sample_grads.explain((2, 1)).rows:
        assert row.slots == 1
        assert row.x == x.array[row.sample, 1]
        assert row.delta == out.grad.array[row.sample, 2]  # type: ignore[union-attr]
    for row in b.sample_grads.explain(2).rows:
        assert (row.x, row.slots) == (1.0, 1)
        assert row.delta == out.grad.array[row.sample, 2]  # type: ignore[union-attr]


def test_in_float32_a_product_is_the_samples_gradient_to_the_last_bit() -> None:
    w = tg.randn(3, 4, requires_grad=True)
    F.tanh(tg.randn(50, 4) @ w.T).sum(1).backward(per_sample=True)
    grads = w.sample_grads
    for row in grads.explain((1, 2)).rows:
        assert row.product == grads[row.sample].array[1, 2]


def test_a_table_is_multiplied_with_one_where_it_was_looked_up() -> None:
    (table,), losses = embedding()
    losses.backward(per_sample=True)
    explanation = table.sample_grads.explain((0, 1))
    rows = {row.sample: row for row in explanation.rows}
    assert (rows[0].x, rows[0].slots) == (None, 2)  # twice by sample 0, and by no other
    assert (rows[1].x, rows[1].delta, rows[1].product, rows[1].slots) == (0.0, None, 0.0, 0)
    assert [slot.x for slot in explanation.slots(0)] == [1.0, 1.0]
    once = {row.sample: row for row in table.sample_grads.explain((1, 0)).rows}[1]
    assert (once.x, once.delta, once.slots) == (1.0, once.product, 1)


def test_only_products_where_nothing_else_is_known() -> None:
    for model, keep in ((computed, "factors"), (layer, "dense"), (alone, "factors")):
        (parameter, *_), losses = model()
        losses.backward(per_sample=True, keep=keep)  # type: ignore[arg-type]
        explanation = parameter.sample_grads.explain((1, 2))
        assert all((row.x, row.delta, row.slots) == (None, None, 1) for row in explanation.rows)
        assert re.search(r"^sample +product +share of pull$", str(explanation), re.MULTILINE)


def test_gradients_that_are_differentiable() -> None:
    parameters, losses = layer()
    losses.backward(per_sample=True, create_graph=True)
    for parameter in parameters:
        check(parameter.sample_grads.explain(tuple([0] * parameter.ndim)), parameter)


def test_clipping_gives_coefficients() -> None:
    model = nn.Linear(4, 3).double()
    (model(randn(6, 4)) ** 2).sum(1).backward(per_sample=True)
    grads = model.sample_grads()
    norms = grads.norms().array
    limit = float(np.median(norms))
    before = grads["weight"].explain((1, 2))
    assert "coefficient" not in str(before)
    grads.clip(limit)
    after = grads["weight"].explain((1, 2))
    check(after, model.weight)
    assert {row.sample: row.product for row in after.rows} == {row.sample: row.product for row in before.rows}
    for row in after.rows:
        np.testing.assert_allclose(row.coefficient, min(1.0, limit / norms[row.sample]), rtol=1e-12)
    assert re.search(r"^sample +x +δ +x·δ +coefficient +in \.grad +share of pull$", str(after), re.MULTILINE)


def test_clipping_beside_a_penalty() -> None:
    model = nn.Linear(4, 3).double()
    (model(randn(6, 4)) ** 2).sum(1).backward(per_sample=True)
    (model.weight**2).sum().backward()
    model.sample_grads().clip(0.1)
    explanation = model.weight.sample_grads.explain((0, 0))
    check(explanation, model.weight)
    np.testing.assert_allclose(explanation.shared, 2 * model.weight.array[0, 0], rtol=1e-10)
    assert re.search(r"^beside the samples +-?\d", str(explanation), re.MULTILINE)


def test_rounding_is_not_taken_for_a_penalty() -> None:
    w = tg.randn(4, 3, requires_grad=True)
    ((tg.randn(2000, 4) @ w) ** 2).sum(1).backward(per_sample=True)
    w.grad = w.grad.clone()  # type: ignore[union-attr]
    assert [w.sample_grads.explain(at).shared for at in places((4, 3))] == [0.0] * 12


def test_a_parameter_that_no_loss_depends_on() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0](tg.ones(3, 2)).sum(1).backward(per_sample=True)
    explanation = model.sample_grads()["1.weight"].explain((0, 0))
    assert (explanation.total, explanation.shared, len(explanation.rows)) == (0.0, 0.0, 3)
    assert {(row.x, row.delta, row.product, row.share, row.slots) for row in explanation.rows} == {
        (None, None, 0, None, 0)
    }


def test_an_empty_batch() -> None:
    w = leaf(2, 3)
    (tg.zeros(0, 3, dtype=f64) @ w.T).sum(1).backward(per_sample=True)
    explanation = w.sample_grads.explain((1, 1))
    assert (explanation.rows, explanation.total) == ([], 0.0)
    assert str(explanation).startswith(".grad[1, 1] is a sum over 0 samples")
    assert "total" in explanation._repr_html_()
    with pytest.raises(IndexError, match=r"slots\(\): there is no sample 0 among 0 samples"):
        explanation.slots(0)


def test_what_is_not_finite_comes_first() -> None:
    w = leaf(1)
    x = tg.tensor([[1.0], [np.nan], [5.0]], dtype=f64)
    (x @ w).backward(per_sample=True)
    explanation = w.sample_grads.explain(0)
    assert [row.sample for row in explanation.rows] == [1, 2, 0]
    assert [row.share for row in explanation.rows] == [None] * 3
    assert (explanation.shared, np.isnan(explanation.total)) == (0.0, True)
    assert "nan" in str(explanation)
    assert "<table" in explanation._repr_html_()


@pytest.mark.parametrize(
    ("index", "normalized"),
    [
        ((1, 2), (1, 2)),
        ((-1, -2), (1, 1)),
        ((np.int64(0), tg.tensor(1)), (0, 1)),
        ((slice(1, 2), 0), (1, 0)),
        ((..., 1, 2), (1, 2)),
        (np.eye(2, 3, dtype=bool) & [True, False, False], (0, 0)),
    ],
)
def test_an_index_selects_as_in_the_parameter(index: Any, normalized: tuple[int, ...]) -> None:
    w = leaf(2, 3)
    (randn(4, 3) @ w.T).sum(1).backward(per_sample=True)
    explanation = w.sample_grads.explain(index)
    assert explanation.index == normalized
    assert all(type(i) is int for i in explanation.index)
    assert explanation.total == w.grad.array[normalized]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("index", "what"),
    [
        (1, "index 1 selects an array of shape (3,) from"),
        ((..., 1), "index (Ellipsis, 1) selects an array of shape (2,) from"),
        (slice(None), "index slice(None, None, None) selects an array of shape (2, 3) from"),
        ((2, 0), "index (2, 0) does not fit (index 2 is out of bounds for axis 0 with size 2)"),
        ((0, 0, 0), "index (0, 0, 0) does not fit (too many indices for array"),
        (1.0, "index 1.0 does not fit (only integers, slices"),
        ([[0], [1, 2]], "index [[0], [1, 2]] does not fit ("),
    ],
)
def test_an_index_that_is_not_one_number(index: Any, what: str) -> None:
    w = leaf(2, 3)
    (randn(4, 3) @ w.T).sum(1).backward(per_sample=True)
    with pytest.raises(IndexError) as caught:
        w.sample_grads.explain(index)
    message = str(caught.value)
    assert message.startswith(f"explain(): {what}")
    assert message.endswith(" the parameter of shape (2, 3): select one number, such as explain((1, 2))")


def test_the_example_of_an_index_suits_the_parameter() -> None:
    for shape, example in (((3,), "such as explain(2)"), ((), "such as explain(())"), ((0,), "which has none")):
        w = tg.ones(*shape, dtype=f64, requires_grad=True)
        (w * tg.ones(4, *shape, dtype=f64)).reshape(4, -1 if 0 not in shape else 0).sum(1).backward(per_sample=True)
        with pytest.raises(IndexError, match=re.escape(example)):
            w.sample_grads.explain((0, 0))


def test_kept_norms_are_not_enough() -> None:
    (w, _), losses = layer()
    losses.backward(per_sample=True, keep="norms")
    with pytest.raises(tg.GraphError, match=r"sample_grads\.explain\(\): the backward pass kept norms only"):
        w.sample_grads.explain((0, 0))


def many(count: int, name: str = "") -> Explanation:
    """Sample m adds m + 1, but the last ten nothing."""
    x = np.arange(1.0, count + 1)
    x[-10:] = 0
    model = nn.Sequential()
    model.register_parameter(name or "w", nn.Parameter(tg.zeros(1, 1, dtype=f64)))
    (tg.tensor(x[:, None]) @ getattr(model, name or "w")).squeeze(1).backward(per_sample=True)
    return model.sample_grads()[name or "w"].explain((0, 0))


def test_the_table_of_a_large_batch_is_cut_and_still_adds_up() -> None:
    explanation = many(256)
    lines = str(explanation).splitlines()
    assert lines[:3] == [
        "w.grad[0, 0] is a sum over 256 samples",
        "",
        "sample              x      δ        x·δ  share of pull",
    ]
    assert len(lines) == 3 + 1 + 20 + 1 + 1 + 1
    shown = [float(line.split()[-2]) for line in lines[4:25]]
    assert lines[24].startswith("… 236 more samples, together ")
    assert float(lines[-1].split()[-2]) == pytest.approx(sum(shown), rel=1e-3)
    assert explanation.total == 246 * 247 / 2
    assert explanation.table(None).count("\n") == len(lines) + 235 - 1
    assert "… 256 samples, together" in explanation.table(0)
    assert len({len(line) for line in lines[2:]}) == 1


def test_a_cut_table_leaves_samples_that_add_nothing_to_the_last_line() -> None:
    lines = many(25).table(20).splitlines()
    assert lines[-3].split() == ["…", "10", "more", "samples,", "together", "0", "0.00%"]
    assert len(lines) == 3 + 1 + 15 + 1 + 1 + 1
    assert many(20).table(20).count("…") == 0


def test_one_row_too_many_is_shown_rather_than_added_up() -> None:
    explanation = many(15)
    assert "…" not in explanation.table(14)
    assert "… 10 more samples" in explanation.table(13)
    with pytest.raises(ValueError, match=r"table\(\): limit=-1, it must be 0 or more, or None for all rows"):
        explanation.table(-1)


def test_the_header_says_how_to_open_a_sum_over_slots() -> None:
    (w, _), losses = sequence()
    losses.backward(per_sample=True)
    text = str(w.sample_grads.explain((0, 0)))
    assert "see slots(sample)" in text
    assert re.search(r"^sample +slots +x·δ +share of pull$", text, re.MULTILINE)
    assert repr(w.sample_grads.explain((0, 0))) == text


def test_numbers_have_four_significant_digits() -> None:
    w = leaf(1)
    x = tg.tensor([[1 / 3], [12345.678], [1e-9], [1234.0]], dtype=f64)
    (x @ w).backward(per_sample=True)
    text = str(w.sample_grads.explain(0))
    for number in ("0.3333", "1.235e+04", "1.000e-09", " 1234 ", "90.91%"):
        assert number in text


def test_html_is_escaped_and_has_bars_of_both_signs() -> None:
    (w, _), losses = layer()
    losses.backward(per_sample=True)
    page = w.sample_grads.explain((1, 1))._repr_html_()
    assert page.count("<tr>") == 1 + 5 + 3  # the sums of both signs, and the total
    assert "rgba(31, 119, 180" in page
    assert "rgba(230, 115, 25" in page
    name = "<b>&w"
    page = many(300, name)._repr_html_()
    assert "&lt;b&gt;&amp;w.grad[0, 0]" in page
    assert "<b>" not in page
    assert '<th colspan="3">… 280 more samples, together</th>' in page


def test_a_large_parameter_is_explained_without_a_copy_for_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_edu.samples.opening.factors import Outer

    def refuse(*_: Any) -> None:
        raise AssertionError("the gradients were written out")

    w = tg.zeros(300, 400, requires_grad=True)
    (tg.ones(64, 400) @ w.T).sum(1).backward(per_sample=True)
    monkeypatch.setattr(Outer, "blocks", refuse)
    assert w.sample_grads.explain((299, 399)).total == 64.0


def cancelling() -> Explanation:
    w = leaf(1)
    (tg.tensor([[3.0], [-2.0], [1.0], [0.0], [-1.875]], dtype=f64) @ w).backward(per_sample=True)
    return w.sample_grads.explain(0, labels=["cat", "dog", "cat", "owl", "dog"])


def test_shares_are_of_all_the_pull_however_much_of_it_cancels() -> None:
    explanation = cancelling()
    assert (explanation.total, explanation.pull) == (0.125, 7.875)
    assert [row.share for row in explanation.rows] == [3 / 7.875, -2 / 7.875, -1.875 / 7.875, 1 / 7.875, 0.0]


def test_the_last_lines_show_how_much_cancels_and_what_is_left() -> None:
    lines = [line.split() for line in str(cancelling()).splitlines()]
    assert lines[-3:] == [
        ["pulled", "up", "4.000", "50.79%"],
        ["pulled", "down", "-3.875", "-49.21%"],
        ["total", "0.1250", "1.59%"],
    ]


def test_where_all_pull_one_way_there_is_only_the_total() -> None:
    text = str(many(15))
    assert "pulled" not in text
    assert text.splitlines()[-1].split()[-1] == "100.00%"


def test_beside_a_penalty_the_total_is_no_share_of_the_pull() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    model(tg.tensor([[1.0], [-3.0]], dtype=f64)).squeeze(1).backward(per_sample=True)
    (model.weight * 5).sum().backward()
    lines = [line.split() for line in str(model.weight.sample_grads.explain((0, 0))).splitlines()]
    assert lines[-2:] == [["beside", "the", "samples", "5.000"], ["total", "3.000"]]


def test_labels_have_a_column_beside_their_samples() -> None:
    explanation = cancelling()
    assert {row.sample: row.label for row in explanation.rows} == dict(enumerate(["cat", "dog", "cat", "owl", "dog"]))
    lines = str(explanation).splitlines()
    assert lines[2].split()[:2] == ["sample", "label"]
    assert lines[4].split()[:2] == ["0", "cat"]
    page = explanation._repr_html_()
    assert '<th>0</th><td class="text">cat</td>' in page
    assert '<th colspan="4">total</th>' in page


@pytest.mark.parametrize("labels", [tg.tensor([7, 1]), np.array([7, 1]), [7, 1], (label for label in "71")])
def test_labels_may_be_any_sequence(labels: Any) -> None:
    w = leaf(1)
    (randn(2, 1) @ w).backward(per_sample=True)
    rows = sorted(w.sample_grads.explain(0, labels).rows)
    assert [row.label for row in rows] == ["7", "1"]


def test_a_label_is_one_line_of_the_table() -> None:
    w = leaf(1)
    (randn(2, 1) @ w).backward(per_sample=True)
    explanation = w.sample_grads.explain(0, ["two\nlines", '<b>&\x1c"'])
    assert len(explanation.table().splitlines()) == 2 + len(w.sample_grads.explain(0).table().splitlines()) - 2
    assert {row.label for row in explanation.rows} == {"two lines", '<b>& "'}
    assert "<b>" not in explanation._repr_html_()


def test_labels_that_are_not_one_for_each_sample() -> None:
    w = leaf(1)
    (randn(2, 1) @ w).backward(per_sample=True)
    with pytest.raises(ValueError, match=r"explain\(\): 3 labels for 2 samples, there must be one for each"):
        w.sample_grads.explain(0, labels=[1, 2, 3])
    for wrong in (7, "ab", b"ab", {0: "a", 1: "b"}, {"a", "b"}, tg.tensor(1)):
        with pytest.raises(TypeError, match=r"explain\(\): labels must be a sequence with one for each sample, got"):
            w.sample_grads.explain(0, labels=wrong)
