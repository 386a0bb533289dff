"""A step that divides by another number than that of the samples says so, and one that is right says nothing."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.autograd.tallies import Tally
from tinygrad_edu.engine.graph import Leaf
from tinygrad_edu.nn import functional as F
from tinygrad_edu.optim.counting import objection

B, T, C = 6, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(B, 5))
Y = RNG.integers(0, C, B)
TOKENS = RNG.normal(size=(B, T, 5))
LABELS = RNG.integers(0, C, (B, T))


def squares(c: Case) -> tg.Tensor:
    return F.mse_loss(c.model(X), np.ones((B, C)), reduction="none")


class Case:
    """A model, its optimizer, and losses of it."""

    def __init__(self, out: int = C, **options: Any) -> None:
        tg.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(5, 7, dtype="float64"), nn.Tanh(), nn.Linear(7, out, dtype="float64"))
        self.optimizer = optim.SGD(self.model.parameters(), lr=1e-3, **options)

    def loss(self, reduction: str = "sum", rows: Any = slice(None)) -> tg.Tensor:
        return F.cross_entropy(self.model(X[rows]), Y[rows], reduction=reduction)

    def logits(self) -> tg.Tensor:
        """One row of scores for each token."""
        return self.model(TOKENS)

    def penalty(self) -> Any:
        return 0.01 * sum([(p**2).sum() for p in self.model.parameters()])

    def scale(self, factor: float) -> None:
        for p in self.model.parameters():
            p.grad.mul_(factor)


def said(case: Case, samples: Any = None) -> list[str]:
    """What one step warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case.optimizer.step(samples=samples)
    assert all(w.category is tg.SampleCountWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


# A sum, and no number said

SUMS: dict[str, Callable[[Case], Any]] = {
    "a sum": lambda c: c.loss(),
    "negative": lambda c: -c.loss(),
    "the losses": lambda c: c.loss("none"),
    "added up": lambda c: c.loss("none").sum(),
    "the mean of one number": lambda c: c.loss().mean(),
    "with a penalty": lambda c: c.loss() + c.penalty(),
    "less a constant": lambda c: c.loss() - 3.0,
    "in parts": lambda c: sum([c.loss(rows=rows) for rows in (slice(0, 2), slice(2, B))]),
    "in a list": lambda c: tg.stack([c.loss(), c.loss()]).sum(),
    "sums within a sample": lambda c: squares(c).sum(1),
    "turned": lambda c: squares(c).T.sum(),
    "errors squared": lambda c: F.mse_loss(c.model(X), np.ones((B, C))),
    "by a column": lambda c: F.binary_cross_entropy_with_logits(c.model(X)[:, :1].squeeze(1), np.ones(B)),
    "with weights": lambda c: F.cross_entropy(c.model(X), Y, np.full(C, 2.0)),
    "smoothed": lambda c: F.cross_entropy(c.model(X), Y, label_smoothing=0.1),
    "probabilities": lambda c: F.cross_entropy(c.model(X), np.full((B, C), 1 / C)),
    "log-probabilities": lambda c: F.nll_loss(F.log_softmax(c.model(X), 1), Y),
    "divergence": lambda c: F.kl_div(F.log_softmax(c.model(X), 1), np.full((B, C), 1 / C)),
    "absolute": lambda c: F.l1_loss(c.model(X), np.ones((B, C))),
    "huber": lambda c: F.huber_loss(c.model(X), np.ones((B, C))),
    "a module": lambda c: nn.CrossEntropyLoss()(c.model(X), tg.tensor(Y)),
    "tokens": lambda c: F.cross_entropy(c.logits().movedim(-1, 1), LABELS),
    "tokens in a row": lambda c: F.cross_entropy(c.logits().reshape(-1, C), LABELS.reshape(-1)),
    "step by step": lambda c: sum([F.cross_entropy(c.logits()[:, t], LABELS[:, t]) for t in range(T)]),
    "by hand, one for each": lambda c: ((c.model(X) - 1.0) ** 2).sum(1),
}


@pytest.mark.parametrize("loss", SUMS.values(), ids=SUMS)
def test_a_sum_without_samples_is_named_once(loss: Callable[[Case], tg.Tensor]) -> None:
    case = Case()
    loss(case).backward()
    (text,) = said(case)
    assert text.startswith("SGD.step(): the gradients are ")
    assert "Write optimizer.step(samples=" in text
    assert 'reduction="mean" in the loss; step(samples=1) if you want the sum' in text
    assert said(case) == []
    again = Case()
    loss(again).backward()
    assert said(again, samples=1) == []


def test_what_it_says() -> None:
    case = Case()
    case.loss().backward()
    assert said(case) == [
        "SGD.step(): the gradients are sums over 6 samples, 6 times those of the mean loss. Write "
        'optimizer.step(samples=6), with the number of samples of each step, or reduction="mean" in the loss; '
        "step(samples=1) if you want the sum"
    ]
    case = Case()
    F.cross_entropy(case.logits().movedim(-1, 1), LABELS).backward()
    assert "sums over 6 samples (6 to 24, depending on what counts as a sample), 6 times" in said(case)[0]


def test_a_warning_that_is_an_error_changes_nothing_and_comes_again() -> None:
    case = Case()
    case.loss().backward()
    before = [p.array.copy() for p in case.model.parameters()]
    for _ in range(2):
        with pytest.raises(tg.SampleCountWarning, match="sums over 6 samples"):
            case.optimizer.step()
    for p, array in zip(case.model.parameters(), before):
        np.testing.assert_array_equal(p.array, array)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
def test_every_optimizer_and_a_closure(kind: str) -> None:
    case = Case()
    optimizer = getattr(optim, kind)(case.model.parameters(), lr=1e-3)

    def closure() -> tg.Tensor:
        optimizer.zero_grad()
        loss = case.loss()
        loss.backward()
        return loss

    with pytest.warns(tg.SampleCountWarning, match=rf"^{kind}\.step\(\): the gradients are sums over 6 samples"):
        optimizer.step(closure)
    optimizer.step(closure, samples=B)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 3))
def test_passes_add_up(sizes: list[int], losses: int) -> None:
    """Parts of a batch, each with one loss or several: their sum is right, and so is each size times the losses."""
    total = sum(sizes)
    x, y = np.ones((total, 5)), np.zeros(total, int)
    for samples in (total, total * losses):
        case, start = Case(), 0
        for size in sizes:
            rows = slice(start, start := start + size)
            sum([F.cross_entropy(case.model(x[rows]), y[rows]) for _ in range(losses)]).backward()
        assert said(case, samples) == []
    assert bool(said(case)) == (min(sizes) > 1)
    (text,) = said(case, total * losses + 1)
    assert text.startswith(f"SGD.step(samples={total * losses + 1}): the gradients are sums over {total} samples")


# A number that is said


@pytest.mark.parametrize("samples", [B + 1, 2 * B, B - 1, B - 2, 1000, B + 0.5])
def test_another_number_is_named(samples: float) -> None:
    case = Case()
    case.loss().backward()
    (text,) = said(case, samples)
    assert text.startswith(f"SGD.step(samples={samples:g}): the gradients are sums over 6 samples. Pass the number of ")
    assert "step(samples=6)" in text
    assert said(case, samples) == []


def test_the_size_of_a_batch_that_is_smaller_than_the_others() -> None:
    case = Case()
    for rows, expected in ((slice(0, 4), 0), (slice(4, 6), 1)):
        case.optimizer.zero_grad()
        case.loss(rows=rows).backward()
        assert len(said(case, 4)) == expected


@pytest.mark.parametrize("mean", ["mean", "none", "own", "batchmean", "penalty"])
def test_a_mean_is_not_divided_again(mean: str) -> None:
    for samples, expected in ((None, 0), (1, 0), (B, 1)):
        case = Case()
        if mean == "mean":
            case.loss("mean").backward()
        elif mean == "none":
            case.loss("none").mean().backward()
        elif mean == "own":
            ((case.model(X) - 1.0) ** 2).mean().backward()
        elif mean == "batchmean":
            F.kl_div(F.log_softmax(case.model(X), 1), np.full((B, C), 1 / C), reduction="batchmean").backward()
        else:
            (case.loss("mean") + case.penalty()).backward()
        texts = said(case, samples)
        assert len(texts) == expected
        for text in texts:
            assert text.startswith(
                "SGD.step(samples=6): the gradients are a mean, already divided by the number of samples"
            )
            assert "this divides twice" in text


def test_means_that_were_accumulated_count_one_each() -> None:
    case = Case()
    for rows in (slice(0, 3), slice(3, 6)):
        case.loss("mean", rows).backward()
    assert said(case, 2) == []
    assert "the gradients are a sum of 2 means" in said(case, B)[0]


def test_a_mixture_is_named() -> None:
    for passes in (1, 2):
        for samples in (None, B, 2):
            case = Case()
            parts = [case.loss(), case.loss("mean")]
            for root in [parts[0] + parts[1]] if passes == 1 else parts:
                root.backward()
            (text,) = said(case, samples)
            assert "the gradients add up sums over 6 samples and a mean, and no number of samples is right" in text
    case = Case()
    logits = case.model(X)
    (F.cross_entropy(logits, Y) + F.mse_loss(logits, np.zeros((B, C)), reduction="mean")).backward()
    assert "add up" in said(case, B)[0]


@pytest.mark.parametrize("samples", [None, B])
def test_a_sum_in_one_network_and_a_mean_in_the_other(samples: Any) -> None:
    """Each in a group of its own or not: what is right for one is wrong for the other."""
    for groups in (1, 2):
        one, two = Case(), Case()
        models = [list(case.model.parameters()) for case in (two, one)]
        one.optimizer = optim.SGD([{"params": m} for m in models] if groups == 2 else [*models[0], *models[1]])
        one.loss().backward()
        two.loss("mean").backward()
        (text,) = said(one, samples)
        assert ("sums over 6 samples" if samples is None else "this divides twice") in text


def test_a_mixture_over_one_sample_is_none() -> None:
    case = Case()
    (case.loss(rows=slice(1)) + case.loss("mean", slice(1))).backward()
    assert said(case) == []


# Nothing is said of what is right


def scaled_later(c: Case) -> None:
    c.loss().backward()
    c.scale(1 / B)


def by_numpy(c: Case) -> None:
    c.loss().backward()
    for p in c.model.parameters():
        p.grad.array /= B


def by_numpy_beside_zeros(c: Case) -> None:
    """The first number of the first gradient is 0 before and after."""
    F.mse_loss(c.model(X)[:, 1:], np.ones((B, C - 1))).backward()
    for p in c.model.parameters():
        p.grad.array /= B


def assigned(c: Case) -> None:
    c.loss().backward()
    for p in c.model.parameters():
        p.grad = p.grad / B


def by_hooks(c: Case) -> None:
    for p in c.model.parameters():
        p.register_hook(lambda g: g / B)
    c.loss().backward()


def after_hooks(c: Case) -> None:
    for p in c.model.parameters():
        p.register_post_accumulate_grad_hook(lambda p: p.grad.div_(B))
    c.loss().backward()


def in_graph(c: Case) -> None:
    loss = c.loss()
    loss.register_hook(lambda g: g / B)
    loss.backward()


def by_grad(c: Case) -> None:
    parameters = list(c.model.parameters())
    for p, g in zip(parameters, tg.autograd.grad(c.loss(), parameters)):
        p.grad = g / B


def all_reduced(c: Case) -> None:
    """As by MPI, in place: this worker's six and the others' fourteen."""
    c.loss().backward()
    for p in c.model.parameters():
        p.grad.detach().numpy()[...] *= 20 / 6


def weighted(c: Case) -> None:
    c.loss("none").backward(per_sample=True, weights=np.full(B, 1 / B))


def rows_of_ones(c: Case) -> None:
    for row in range(B):
        c.loss(rows=slice(row, row + 1)).backward()


def two_models(c: Case) -> None:
    """The first one's is a mean, which its own optimizer does not divide."""
    other = Case()
    (F.mse_loss(other.model(X), np.ones((B, C)), reduction="mean") + F.mse_loss(c.model(X), np.ones((B, C)))).backward()
    assert said(other) == []


def shared_layers(c: Case) -> None:
    """A sum through one head and a mean through the other: what the heads have is of one kind."""
    heads = [nn.Linear(7, C, dtype="float64") for _ in range(2)]
    h = c.model[1](c.model[0](X))
    (F.cross_entropy(heads[0](h), Y) + F.cross_entropy(heads[1](h), Y, reduction="mean")).backward()
    c.optimizer = optim.SGD(heads[0].parameters())


def orthogonal(c: Case) -> tg.Tensor:
    weight = c.model[0].weight
    return F.mse_loss(weight.T @ weight, np.eye(5))


def small(c: Case) -> tg.Tensor:
    vector = nn.utils.parameters_to_vector(c.model.parameters())
    return F.mse_loss(vector, np.zeros(len(vector)))


def steps(c: Case) -> list[tg.Tensor]:
    """The states of a recurrent network, one for each time."""
    first, states = c.model[0], [c.model[1](c.model[0](TOKENS[:, 0]))]
    for t in range(1, T):
        states.append((first(TOKENS[:, t]) + states[-1]).tanh())
    return states


def over_time(change: Callable[[Case, tg.Tensor], tg.Tensor]) -> Callable[[Case], None]:
    """A loss of each token of each sequence, time by time, after something that joins two results."""

    def run(c: Case) -> None:
        h = change(c, tg.cat(steps(c)))
        F.cross_entropy(h @ c.model[2].weight.T + c.model[2].bias, LABELS.T.reshape(-1)).backward()

    return run


def tokens(change: Callable[[Any], tg.Tensor]) -> Callable[[Case], None]:
    def run(c: Case) -> None:
        h = c.model[1](c.model[0](TOKENS)).reshape(-1, 7)
        F.cross_entropy(c.model[2](change(h)), LABELS.reshape(-1)).backward()

    return run


def some_tokens(c: Case) -> None:
    h = c.model[1](c.model[0](TOKENS))[LABELS > 0]
    F.cross_entropy(c.model[2](h + h.tanh()), LABELS[LABELS > 0]).backward()


def ragged(c: Case, joined: bool) -> None:
    """Sequences of several lengths."""
    parts = [np.ones((length, 5)) for length in (6, 7, 9, 8)]
    for h in [tg.cat([c.model(part) for part in parts])] if joined else [c.model(part) for part in parts]:
        F.cross_entropy(h, np.zeros(len(h), int)).backward()


def by_hand(c: Case) -> None:
    weight, bias = tg.ones(C, 4, requires_grad=True), tg.ones(C, requires_grad=True)
    c.optimizer = optim.SGD([weight, bias])
    F.mse_loss(weight @ tg.ones(4) + bias, np.zeros(C)).backward()


def by_hand_in_layers(c: Case) -> None:
    first, second = tg.ones(7, 5, requires_grad=True), tg.ones(C, 7, requires_grad=True)
    c.optimizer = optim.SGD([first, second])
    F.mse_loss(second @ (first @ tg.ones(5)).tanh(), np.zeros(C)).backward()


def views(c: Case) -> None:
    F.cross_entropy(c.model(np.concatenate([X, X + 0.1])), np.concatenate([Y, Y])).backward()


KNOWN = np.array([True, False, True, True, False, True])
FOUR = int(KNOWN.sum())
COLUMN = KNOWN[:, None].astype(float)

RIGHT: dict[str, tuple[Callable[[Case], Any], Sequence[Any]]] = {
    "the mean": (lambda c: c.loss("mean").backward(), [None, 1]),
    "the sum": (lambda c: c.loss().backward(), [B, float(B), np.float32(B), 1]),
    "one sample": (lambda c: c.loss(rows=slice(1)).backward(), [None, 1]),
    "no sample": (lambda c: c.loss(rows=slice(0)).backward(), [None, 1]),
    "divided": (lambda c: (c.loss() / B).backward(), [None]),
    "multiplied": (lambda c: (c.loss() * (1 / B)).backward(), [None]),
    "divided, with a penalty": (lambda c: (c.loss() / B + c.penalty()).backward(), [None]),
    "divided by a mask's sum": (lambda c: ((c.loss("none") * (Y > 0)).sum() / (Y > 0).sum()).backward(), [None]),
    "each divided": (lambda c: (c.loss("none") / B).backward(), [None]),
    "seeded": (lambda c: c.loss("none").backward(np.full(B, 1 / B)), [None]),
    "seeded, one number": (lambda c: c.loss().backward(1 / B), [None]),
    "seeds of several": (lambda c: tg.autograd.backward([c.loss()], [1 / B]), [None]),
    "weights of samples": (weighted, [None, 1.0]),
    "weights of classes": (
        lambda c: F.cross_entropy(c.model(X), Y, np.array([0.5, 2.0, 1.0])).backward(),
        [B, float(np.array([0.5, 2.0, 1.0])[Y].sum())],
    ),
    "weights that divide": (lambda c: F.cross_entropy(c.model(X), Y, np.full(C, 1 / B)).backward(), [None]),
    "weights of terms": (
        lambda c: F.binary_cross_entropy_with_logits(c.model(X), np.ones((B, C)), np.full(C, 1 / B)).backward(),
        [None, B],
    ),
    "ignored": (lambda c: F.cross_entropy(c.model(X), np.where(Y > 0, Y, -100)).backward(), [B, int((Y > 0).sum())]),
    "tokens": (lambda c: F.cross_entropy(c.logits().movedim(-1, 1), LABELS).backward(), [B, B * T]),
    "tokens in a row": (
        lambda c: F.cross_entropy(c.logits().reshape(-1, C), LABELS.reshape(-1)).backward(),
        [B, B * T],
    ),
    "picked tokens": (
        lambda c: F.cross_entropy(c.logits()[LABELS > 0], LABELS[LABELS > 0]).backward(),
        [B, int((LABELS > 0).sum())],
    ),
    "picked rows": (lambda c: F.cross_entropy(c.model(X)[Y > 0], Y[Y > 0]).backward(), [B, int((Y > 0).sum())]),
    "step by step": (
        lambda c: sum([F.cross_entropy(c.logits()[:, t], LABELS[:, t]) for t in range(T)]).backward(),
        [B, B * T],
    ),
    "elements": (lambda c: F.mse_loss(c.model(X), np.ones((B, C))).backward(), [B, B * C]),
    "one vector": (lambda c: F.mse_loss(c.model(X[0]), np.ones(C)).backward(), [None, 1]),
    "one vector of probabilities": (
        lambda c: F.binary_cross_entropy(c.model(X[0]).sigmoid(), np.ones(C)).backward(),
        [None, 1],
    ),
    "sample by sample": (rows_of_ones, [None, B]),
    "two losses": (lambda c: (c.loss() + c.loss()).backward(), [B, 2 * B]),
    "two passes": (lambda c: [c.loss().backward(), c.loss().backward()], [B, 2 * B]),
    "two means": (lambda c: (c.loss("mean") + c.loss("mean")).backward(), [None, 1, 2]),
    "a mean of sums": (lambda c: tg.stack([c.loss(), c.loss()]).mean().backward(), [None, B, 2 * B]),
    "a penalty": (lambda c: (c.loss() + c.penalty()).backward(), [B]),
    "a penalty times n": (lambda c: (c.loss() + B * c.penalty()).backward(), [B]),
    "a penalty of its own": (lambda c: [c.loss().backward(), c.penalty().backward()], [B]),
    "a mean of the weights": (lambda c: (c.loss() + (c.model[0].weight ** 2).mean()).backward(), [B]),
    "a sum by hand": (lambda c: ((c.model(X) - 1) ** 2).sum().backward(), [None, B, B * C]),
    "a sum and a mean by hand": (
        lambda c: (((c.model(X) - 1) ** 2).sum() + (c.model[0].weight ** 2).mean()).backward(),
        [B],
    ),
    "more by hand": (lambda c: [c.loss().backward(), ((c.model(X[:2]) - 1) ** 2).sum().backward()], [B + 2]),
    "policy gradient": (lambda c: (c.loss("none") * np.linspace(-1, 1, B)).sum().backward(), [None, B]),
    "samples": (lambda c: c.loss("none").backward(per_sample=True), [B]),
    "scaled later": (scaled_later, [None]),
    "by NumPy": (by_numpy, [None]),
    "by NumPy, beside zeros": (by_numpy_beside_zeros, [None]),
    "assigned": (assigned, [None]),
    "by hooks": (by_hooks, [None]),
    "by hooks afterwards": (after_hooks, [None]),
    "by a hook in the graph": (in_graph, [None]),
    "by autograd.grad": (by_grad, [None]),
    "all-reduced": (all_reduced, [20]),
    "some losses": (lambda c: c.loss("none")[KNOWN].sum().backward(), [None, FOUR, B]),
    "masked losses": (lambda c: tg.masked_select(c.loss("none"), tg.tensor(KNOWN)).sum().backward(), [FOUR]),
    "the first losses": (lambda c: c.loss("none")[:4].sum().backward(), [4]),
    "the first part": (lambda c: c.loss("none").split([4, 2])[0].sum().backward(), [4]),
    "the first loss": (lambda c: c.loss("none")[0].backward(), [None, 1]),
    "two of the losses": (lambda c: (c.loss("none")[0] + c.loss("none")[3]).backward(), [2]),
    "drawn again": (lambda c: c.loss("none")[RNG.integers(0, B, 20)].sum().backward(), [20]),
    "the mean for each number": (lambda c: squares(c).mean(0).backward(), [None]),
    "the means' sum": (lambda c: squares(c).mean(0).sum().backward(), [None]),
    "means of several": (
        lambda c: tg.stack([c.loss("none") for _ in range(3)]).mean(1).sum().backward(),
        [None],
    ),
    "the sums' mean": (lambda c: squares(c).sum(0).mean().backward(), [None, B]),
    "the sums' mean by hand": (lambda c: ((c.model(X) - 1) ** 2).sum(0).mean().backward(), [None, B]),
    "the means by hand": (lambda c: ((c.model(X) - 1) ** 2).mean(0).backward(), [None]),
    "time by time": (over_time(lambda c, h: h), [B, B * T]),
    "time by time, normalized": (over_time(lambda c, h: F.layer_norm(h, 7)), [B]),
    "time by time, twice": (over_time(lambda c, h: h + h.tanh()), [B]),
    "times stacked": (
        lambda c: F.cross_entropy(c.model[2](tg.stack(steps(c))).movedim(-1, 1), LABELS.T).backward(),
        [B, B * T],
    ),
    "tokens, and a layer": (tokens(lambda h: h), [B]),
    "tokens, normalized": (tokens(lambda h: F.layer_norm(h, 7)), [B]),
    "tokens, residual": (tokens(lambda h: h + h.tanh()), [B]),
    "tokens, with a temperature": (tokens(lambda h: h / tg.tensor(2.0, requires_grad=True)), [B]),
    "some tokens, and a layer": (some_tokens, [B, int((LABELS > 0).sum())]),
    "sequence by sequence": (lambda c: ragged(c, joined=False), [4, 30]),
    "sequences joined": (lambda c: ragged(c, joined=True), [4, 30]),
    "two views": (views, [2 * B]),
    "two models": (two_models, [B]),
    "two heads": (shared_layers, [B]),
    "a mean and a penalty": (lambda c: (c.loss("mean") + orthogonal(c) + small(c)).backward(), [None]),
    "a mean, then a penalty": (lambda c: [c.loss("mean").backward(), orthogonal(c).backward()], [None]),
    "a penalty of all": (lambda c: [c.loss("mean").backward(), small(c).backward()], [None]),
    "only a penalty": (lambda c: small(c).backward(), [None]),
    "masked": (lambda c: F.mse_loss(c.model(X) * COLUMN, np.ones((B, C)) * COLUMN).backward(), [FOUR, B]),
    "filled": (
        lambda c: F.mse_loss(c.model(X).masked_fill(~KNOWN[:, None], 0.0), COLUMN * np.ones(C)).backward(),
        [FOUR],
    ),
    "rows of zeros": (lambda c: F.cross_entropy(c.model(X), COLUMN * np.full((B, C), 1 / C)).backward(), [FOUR, B]),
    "one vector by hand": (by_hand, [None, 1]),
    "one vector by hand, in layers": (by_hand_in_layers, [None, 1]),
    "no gradient": (lambda c: None, [None, B]),
    "zeros": (lambda c: [c.loss().backward(), c.optimizer.zero_grad(set_to_none=False)], [None, B]),
}


@pytest.mark.parametrize("run", [run for run, _ in RIGHT.values()], ids=RIGHT)
def test_nothing_is_said_of_what_is_right(run: Callable[[Case], Any]) -> None:
    for samples in dict(RIGHT.values())[run]:
        case = Case()
        run(case)
        assert said(case, samples) == [], samples


def test_what_is_clipped_stands_for_as_many() -> None:
    for clip in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
        case = Case()
        case.loss().backward()
        clip(case.model.parameters(), 1e-2)
        assert said(case, B) == []
        assert "sums over 6 samples" in said(case)[0]
        assert "sums over 6 samples" in said(case, 7)[0]
    case = Case()
    case.loss("none").backward(per_sample=True)
    case.model.sample_grads().clip(0.1)
    assert said(case, B) == []
    assert "sums over 6 samples" in said(case)[0]


def test_gradients_that_others_changed_and_a_pass_added_to() -> None:
    case = Case()
    case.loss().backward()
    case.scale(0.9)
    case.loss().backward()
    assert said(case, 100) == []
    assert "sums over 6 samples" in said(case)[0]


def test_two_networks_against_each_other() -> None:
    """The second one's pass leaves gradients in the first, which are cleared before they are used."""
    one, two = Case(), Case(out=5)
    for _ in range(2):
        one.optimizer.zero_grad()
        one.loss().backward()
        F.cross_entropy(one.model(two.model(X)), Y).backward()
        assert said(one, B) == []
        two.optimizer.zero_grad()
        F.cross_entropy(one.model(two.model(X)), Y).backward()
        assert said(two, B) == []


def test_frozen_parameters_and_groups() -> None:
    case = Case()
    case.model[0].requires_grad_(False)
    case.optimizer.add_param_group({"params": [tg.ones(2, requires_grad=True)]})
    case.loss().backward()
    assert said(case, B) == []
    assert "sums over 6 samples" in said(case)[0]


def test_a_vector_of_independent_numbers_is_no_batch() -> None:
    w = tg.tensor([3.0, 4.0], requires_grad=True)
    (w**2).backward()
    optim.SGD([w]).step()
    F.mse_loss(w, tg.zeros(2)).backward()
    optim.SGD([w]).step()


def test_the_gradient_that_was_left_in_a_copy_is_not_judged() -> None:
    case = Case()
    case.loss().backward()
    twin = copy.deepcopy(case.model)
    optim.SGD(twin.parameters()).step()


def _by_row(case: Case, rows: Any) -> tg.Tensor:
    return sum([case.loss(rows=slice(row, row + 1)) for row in range(B)[rows]])  # type: ignore[return-value]


WAYS: dict[str, Callable[[Case, Any], Any]] = {
    "sum": lambda c, rows: c.loss(rows=rows),
    "none": lambda c, rows: c.loss("none", rows),
    "summed": lambda c, rows: c.loss("none", rows).sum(),
    "one by one": _by_row,
    "picked": lambda c, rows: F.cross_entropy(c.model(X)[rows], Y[rows]),
    "squares": lambda c, rows: F.mse_loss(c.model(X[rows]), np.ones((len(X[rows]), C))),
    "by hand": lambda c, rows: ((c.model(X[rows]) - 1) ** 2).sum(),
    "by hand, each": lambda c, rows: ((c.model(X[rows]) - 1) ** 2).sum(1),
    "half": lambda c, rows: 0.5 * c.loss(rows=rows),
    "a penalty": lambda c, rows: c.loss(rows=rows) + c.penalty(),
    "twice": lambda c, rows: c.loss(rows=rows) + c.loss(rows=rows),
}


@given(
    st.lists(st.integers(0, B), max_size=3).map(lambda cuts: sorted({0, B, *cuts})),
    st.data(),
    st.sampled_from(["not", "norm", "value", "by others"]),
    st.booleans(),
)
def test_any_way_to_the_sum_of_a_batch_may_be_divided_by_its_size(
    cuts: list[int], data: st.DataObject, clipped: str, zeroed: bool
) -> None:
    case = Case()
    if zeroed:
        case.loss().backward()
        case.optimizer.zero_grad(set_to_none=False)
    for start, stop in itertools.pairwise(cuts):
        loss = WAYS[data.draw(st.sampled_from(sorted(WAYS)))](case, slice(start, stop))
        loss.backward(per_sample=loss.shape != () and data.draw(st.booleans()))
    if clipped == "norm":
        nn.utils.clip_grad_norm_(case.model.parameters(), 0.1)
    elif clipped == "value":
        nn.utils.clip_grad_value_(case.model.parameters(), 0.1)
    elif clipped == "by others":
        case.scale(2.0)
    assert said(case, B) == []


@given(st.integers(1, 4), st.booleans(), st.booleans())
def test_any_means_may_be_divided_by_their_number(count: int, penalised: bool, own: bool) -> None:
    case = Case()
    for _ in range(count):
        loss = ((case.model(X) - 1) ** 2).mean() if own else case.loss("mean")
        (loss + case.penalty() if penalised else loss).backward()
    for samples in (None, 1, count):
        assert said(case, samples) == []


# What is asked, number by number


def kind(samples, shape=(3,), **known):
    """What `objection` finds wrong with a tally of which this is known."""
    leaf = Leaf(shape, np.dtype(np.float64))
    leaf.grad = tg.tensor(np.zeros(shape))
    tally = Tally()
    for name, value in known.items():
        setattr(tally, name, value)
    tally.stamp([leaf])
    found = objection(tally, leaf, samples)
    return None if found is None else found[0]


def test_means_are_not_to_be_divided_again():
    for means in ({"means": 2}, {"own_means": 2}, {"means": 1, "own_means": 1}):
        assert [kind(samples, **means) for samples in (None, 1, 2, 2 * (1 + 1e-6), 2.5, 3)] == [None] * 4 + [
            "twice"
        ] * 2
    assert kind(3, own_means=2, more=True) is None
    assert [kind(None, means=1, low=low, high=low, model=(1, 2)) for low in (0, 1, 2)] == [None, None, "mixed"]
    assert kind(None, means=1, low=2, high=2) is None  # they may be of two models


@pytest.mark.parametrize(
    ("means", "way_out"), [(1, "leave samples= out"), (2, "write samples=2"), (3, "write samples=3")]
)
def test_the_way_out_of_dividing_twice(means, way_out):
    leaf = Leaf((), np.dtype(np.float64))
    leaf.grad = tg.tensor(0.0)
    tally = Tally()
    tally.means = means
    tally.stamp([leaf])
    found = objection(tally, leaf, 100)
    assert found is not None
    assert f'With reduction="mean", or after assign_mean(), {way_out};' in found[1]


def test_sums_are_divided_by_what_they_are_sums_over():
    exact = {"low": 4, "likely": 4, "high": 4}
    edge = 4e-6  # one part in a million, for sums of weights
    for samples in (1, 4, 4 + edge / 2, 4 - edge / 2, 4 * (1 + 1e-6), 4 * (1 - 1e-6)):
        assert kind(samples, **exact) is None
    assert [kind(samples, **exact) for samples in (2, 3, 4 - 3 * edge, 4 + 3 * edge, 8)] == ["wrong"] * 5
    assert kind(3, **exact, certain=False) is kind(3, **exact, sums=3) is None
    between = {"low": 2, "likely": 3, "high": 5}
    assert [kind(samples, **between) for samples in (1.25, 2, 4, 5, 6)] == ["wrong", None, None, None, "wrong"]
    for more in ({"more": True}, {"rows": 1}, {"own_means": 1}):  # then there may be more samples, and no fewer
        assert [kind(samples, **exact, **more) for samples in (3, 4, 5)] == ["wrong", None, None]
    assert [kind(None, low=low, likely=low, high=low) for low in (1, 2)] == [None, "forgotten"]


def test_rows_of_a_sum_are_forgotten_samples_unless_they_are_the_parameters_own():
    assert [kind(None, rows=rows) for rows in (0, 1, 2, 3, 4)] == [None, None, "forgotten", None, "forgotten"]
    assert kind(None, (2, 5), rows=2) is None
    assert kind(None, (), rows=2) == "forgotten"
    assert kind(2, rows=2) is None
