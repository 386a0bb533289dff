"""The gradient of a batch is a sum over its samples, however it is cut up: properties of random models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn, optim
from tinygrad_edu.data import DataLoader, TensorDataset

ACTIVATIONS = {"tanh": tg.tanh, "relu": tg.relu, "sigmoid": tg.sigmoid}
LOSSES = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss}

# The epsilons keep Adam and its like from blowing a gradient that is mere rounding up to a full step.
OPTIMIZERS = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "sgd with everything": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda params: optim.Adam(params, lr=0.1, eps=1e-2, weight_decay=0.1, amsgrad=True),
    "adamw": lambda params: optim.AdamW(params, lr=0.1, eps=1e-2),
    "rmsprop": lambda params: optim.RMSprop(params, lr=0.1, eps=1e-2, momentum=0.5),
    "adagrad": lambda params: optim.Adagrad(params, lr=0.1, eps=1e-2),
    "adadelta": lambda params: optim.Adadelta(params, eps=1e-2),
    "adamax": lambda params: optim.Adamax(params, lr=0.1, eps=1e-2),
    "nadam": lambda params: optim.NAdam(params, lr=0.1, eps=1e-2, weight_decay=0.1),
    "radam": lambda params: optim.RAdam(params, lr=0.1, eps=1e-2),
}


@dataclass
class Problem:
    """A multi-layer perceptron, a loss, and a batch for them, all in float64."""

    widths: list[int]
    activation: str
    loss: str
    tied: bool  # the hidden layers share one weight, so that it is used several times for each sample
    size: int
    seed: int

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.x = rng.normal(size=(self.size, self.widths[0]))
        classes = self.widths[-1]
        if self.loss == "mse":
            self.y = rng.normal(size=(self.size, classes))
        else:
            self.y = rng.integers(classes, size=self.size)
        if self.tied:
            self.widths[1:-1] = [self.widths[1]] * (len(self.widths) - 2)
        self.start = []
        for inputs, outputs in zip(self.widths[:-1], self.widths[1:], strict=True):
            self.start += [rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)]

    def parameters(self):
        params = [tg.tensor(array, requires_grad=True) for array in self.start]
        if self.tied:
            params[4:-2] = params[2:4] * ((len(params) - 6) // 2)
        return params

    def losses(self, params, x, y, reduction):
        h = tg.as_tensor(x)
        for i in range(0, len(params), 2):
            h = h @ params[i].T + params[i + 1]
            if i + 2 < len(params):
                h = ACTIVATIONS[self.activation](h)
        return LOSSES[self.loss](h, tg.as_tensor(y), reduction=reduction)

    def gradients(self, rows, reduction="sum", params=None):
        """The gradients of the samples `rows`, added to what `params` have already."""
        params = self.parameters() if params is None else params
        self.losses(params, self.x[rows], self.y[rows], reduction).backward()
        return [p.grad.array for p in params]

    def assert_equal(self, actual, expected, tolerance=1e-12):
        """Equal up to rounding, measured by what was added up rather than by what was left of it."""
        rows = [self.gradients([i]) for i in range(self.size)]
        for a, b, *parts in zip(actual, expected, *rows, strict=True):
            scale = sum(np.abs(part).max() for part in parts)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


@st.composite
def problems(draw, smallest=1):
    depth = draw(st.integers(1, 5))
    return Problem(
        widths=draw(st.lists(st.integers(1, 5), min_size=depth + 1, max_size=depth + 1)),
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        loss=draw(st.sampled_from(sorted(LOSSES))),
        tied=depth > 3 and draw(st.booleans()),
        size=draw(st.integers(smallest, 12)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@st.composite
def partitioned(draw, smallest=1):
    """A problem, and its samples shared out among up to five uneven parts."""
    problem = draw(problems(smallest))
    labels = draw(st.lists(st.integers(0, 4), min_size=problem.size, max_size=problem.size))
    parts = [[i for i, label in enumerate(labels) if label == part] for part in range(5)]
    return problem, [part for part in parts if part]


def unique(params):
    """The parameters without repetitions, as an optimizer wants them."""
    return list({id(p): p for p in params}.values())


@given(partitioned())
def test_the_gradient_of_a_batch_is_the_sum_over_the_parts_of_any_partition(case):
    problem, parts = case
    whole = problem.gradients(range(problem.size))
    one_by_one = [problem.gradients(part) for part in parts]
    problem.assert_equal([sum(column) for column in zip(*one_by_one, strict=True)], whole)
    accumulated = problem.parameters()
    for part in parts:
        problem.gradients(part, params=accumulated)
    problem.assert_equal([p.grad.array for p in accumulated], whole)


@given(problems())
def test_the_gradient_of_a_batch_is_the_sum_of_the_gradients_of_its_samples(problem):
    samples = [problem.gradients([i]) for i in range(problem.size)]
    whole = problem.gradients(range(problem.size))
    problem.assert_equal([sum(column) for column in zip(*samples, strict=True)], whole)


@given(partitioned(), st.sampled_from(sorted(OPTIMIZERS)))
def test_a_step_on_uneven_micro_batches_is_the_step_on_the_whole_batch(case, kind):
    problem, parts = case
    together, in_parts, by_mean = (problem.parameters() for _ in range(3))
    optimizers = [OPTIMIZERS[kind](unique(params)) for params in (together, in_parts, by_mean)]
    elements = 1 if problem.loss == "cross_entropy" else problem.widths[-1]  # per sample
    for _ in range(3):
        for optimizer in optimizers:
            optimizer.zero_grad()
        problem.gradients(range(problem.size), params=together)
        for part in parts:
            problem.gradients(part, params=in_parts)
        problem.gradients(range(problem.size), "mean", params=by_mean)
        optimizers[0].step(samples=problem.size * elements)
        optimizers[1].step(samples=problem.size * elements)
        optimizers[2].step()
    for a, b, c, start in zip(together, in_parts, by_mean, problem.start, strict=True):
        np.testing.assert_allclose(b.array, a.array, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(c.array, a.array, rtol=1e-9, atol=1e-9)
        assert a.shape == start.shape


@given(partitioned())
def test_the_mean_over_uneven_batches_weighted_by_their_sizes_is_the_full_mean(case):
    problem, parts = case
    whole = problem.gradients(range(problem.size), "mean")
    weighted = [np.zeros_like(g) for g in whole]
    value = 0.0
    for part in parts:
        weight = len(part) / problem.size
        for total, g in zip(weighted, problem.gradients(part, "mean"), strict=True):
            total += weight * g
        params = problem.parameters()
        value += weight * problem.losses(params, problem.x[part], problem.y[part], "mean").item()
    problem.assert_equal(weighted, whole)
    full = problem.losses(problem.parameters(), problem.x, problem.y, "mean").item()
    assert value == pytest.approx(full, rel=1e-12)


def test_the_plain_mean_over_uneven_batches_is_not_the_full_mean():
    problem = Problem([3, 2], "tanh", "mse", tied=False, size=5, seed=0)
    whole = problem.gradients(range(5), "mean")
    halves = [problem.gradients(rows, "mean") for rows in ([0], [1, 2, 3, 4])]
    assert not np.allclose((halves[0][0] + halves[1][0]) / 2, whole[0], rtol=1e-2)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(problem, random):
    order = list(range(problem.size))
    random.shuffle(order)
    problem.assert_equal(problem.gradients(order), problem.gradients(range(problem.size)))
    params = problem.parameters()
    losses = problem.losses(params, problem.x, problem.y, "none").array
    shuffled = problem.losses(params, problem.x[order], problem.y[order], "none").array
    np.testing.assert_allclose(shuffled, losses[order], rtol=1e-12, atol=1e-13)


@given(problems())
def test_sum_and_mean_differ_by_exactly_the_number_of_losses(problem):
    rows = range(problem.size)
    single = problem.losses(problem.parameters(), problem.x, problem.y, "none")
    count = single.array.size
    total = problem.losses(problem.parameters(), problem.x, problem.y, "sum").item()
    mean = problem.losses(problem.parameters(), problem.x, problem.y, "mean").item()
    assert total == pytest.approx(count * mean, rel=1e-14, abs=1e-300)
    assert total == pytest.approx(single.array.sum(), rel=1e-13, abs=1e-300)
    summed = problem.gradients(rows)
    problem.assert_equal([count * g for g in problem.gradients(rows, "mean")], summed)
    problem.assert_equal(problem.gradients(rows, "none"), summed)  # backward() of losses is that of their sum


@given(problems(), st.integers(1, 15), st.integers(0, 100), st.sampled_from([0, 2]))
def test_an_epoch_of_any_batch_size_gives_the_full_gradient(problem, batch_size, seed, workers):
    """A batch size that does not divide the data leaves a smaller last batch, and nothing else changes."""
    loader = DataLoader(
        TensorDataset(problem.x, problem.y),
        batch_size,
        shuffle=True,
        num_workers=workers,
        generator=tg.Generator().manual_seed(seed),
    )
    params = problem.parameters()
    seen = 0
    for x, y in loader:
        problem.losses(params, x, y, "sum").backward()
        seen += len(x)
    assert seen == problem.size
    problem.assert_equal([p.grad.array for p in params], problem.gradients(range(problem.size)))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.sampled_from([0, 2]))
def test_modules_add_up_over_uneven_batches(sizes, seed, ignored):
    """Also for sequences, a normalized and a shared layer, an embedding, and targets that do not count."""
    rng = np.random.default_rng(seed)
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Embedding(5, 4), shared, nn.LayerNorm(4), nn.ReLU(), shared, nn.Linear(4, 3)).double()
    tokens, targets = rng.integers(5, size=(sum(sizes), 2)), rng.integers(3, size=(sum(sizes), 2))

    def gradients(batches):
        model.zero_grad()
        for x, y in batches:
            scores = model(tg.tensor(x)).reshape(-1, 3)
            F.cross_entropy(scores, tg.tensor(y.reshape(-1)), ignore_index=ignored).backward()
        return [p.grad.array.copy() for p in model.parameters()]

    ends = np.cumsum(sizes)[:-1]
    whole = gradients([(tokens, targets)])
    parts = gradients(zip(np.split(tokens, ends), np.split(targets, ends), strict=True))
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
