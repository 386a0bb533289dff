"""The quality of the advice on batch sizes, compared with tuned sweeps, on problems of many kinds.

    python benchmarks/batch_size_advice.py [--problems NAME …] [--budget 60] [--seed 0]

For each problem, `bench.advise` gives a batch size and a learning rate within its budget. Then `bench.train` runs every
power of two from 8 to 1024 to the same loss, with a rate tuned for each, over five seeds that were not used in tuning.
The regret is the time to the target with the advice, divided by the best time of the sweep: once for the batch size
with its own best rate, and once with the advised rate. Goals: geometric means of at most 1.10 and 1.20, and at worst
1.4 and 1.6. The best of several noisy times is a lucky one, so even perfect advice would show some regret.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import bench, nn, optim
from tinygrad_edu.bench.problem import Problem, Run
from tinygrad_edu.bench.runs.target import until

SEEDS = 5
SIZES = [2**k for k in range(3, 11)]

momentum = functools.partial(optim.SGD, momentum=0.9)


def net(*sizes: int) -> Callable[[], nn.Module]:
    """Linear layers with ReLU between them."""

    def make() -> nn.Module:
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return make


def problems() -> dict[str, tuple[Any, Any, Any]]:
    """Model, data and optimizer, by name."""
    from sklearn import datasets

    def scaled(data: Any) -> tuple[Any, Any]:
        x, y = data
        return (x - x.mean(0)) / (x.std(0) + 1e-9), y

    def column(data: Any) -> tuple[Any, Any]:
        x, y = scaled(data)
        return x, ((y - y.mean()) / y.std())[:, None]

    x, y = datasets.load_digits(return_X_y=True)
    digits = (x / 8 - 1, y)
    rng = np.random.default_rng(0)
    noisy = (digits[0], np.where(rng.random(len(y)) < 0.2, rng.integers(0, 10, len(y)), y))
    cancer = scaled(datasets.load_breast_cancer(return_X_y=True))
    rows = functools.partial(datasets.make_classification, n_features=20, n_informative=10, random_state=0)
    return {
        "digits-sgd": (net(64, 256, 10), digits, optim.SGD),
        "digits-momentum": (net(64, 256, 10), digits, momentum),
        "digits-adam": (net(64, 256, 10), digits, optim.Adam),
        "digits-linear": (net(64, 10), digits, optim.SGD),
        "digits-noisy": (net(64, 64, 10), noisy, optim.SGD),
        "digits-wide": (net(64, 1024, 10), digits, optim.SGD),
        "digits-deep": (net(64, 64, 64, 64, 64, 10), digits, optim.Adam),
        "cancer-linear": (net(30, 2), cancer, optim.SGD),
        "cancer-adam": (net(30, 32, 2), cancer, optim.Adam),
        "diabetes": (net(10, 32, 1), column(datasets.load_diabetes(return_X_y=True)), optim.SGD),
        "friedman": (net(10, 64, 1), column(datasets.make_friedman1(5000, random_state=0)), optim.SGD),
        "rows-sgd": (net(20, 64, 2), scaled(rows(100_000)), optim.SGD),
        "rows-adamw": (net(20, 64, 64, 2), scaled(rows(20_000)), optim.AdamW),
        "rows-rmsprop": (net(20, 128, 2), scaled(rows(5_000, flip_y=0.1)), optim.RMSprop),
    }


def regrets(name: str, model: Any, data: Any, optimizer: Any, options: argparse.Namespace) -> tuple[float, float]:
    """The regret of the batch size, without and with the advised rate; prints a line."""
    begin = time.perf_counter()
    advice = bench.advise(model, None, data, optimizer=optimizer, budget=options.budget, seed=options.seed)
    took = time.perf_counter() - begin
    if advice.batch_size is None or advice.learning_rate is None:
        print(f"{name:16} no answer: {advice.reason}")
        return math.inf, math.inf
    problem = Problem.of(model, None, data, optimizer=optimizer, seed=options.seed)
    sizes = sorted({size for size in SIZES if size <= len(problem.train)} | {advice.batch_size})
    sweep = bench.train(
        model,
        None,
        data,
        optimizer=optimizer,
        target_loss=advice.target_loss,
        batch_sizes=sizes,
        seeds=SEEDS,
        max_epochs=1000,
        seed=options.seed,  # selects the held-out samples, and those over which the loss is taken
    )
    times = {row.batch_size: row.seconds for row in sweep.sizes if math.isfinite(row.seconds)}
    latency = next(row.latency for row in sweep.sizes if row.batch_size == advice.batch_size)
    given = latency * steps_with(problem, advice, options.seed + 2000)
    own = min(times.get(advice.batch_size, math.inf), given)
    best_size = min(times, key=times.__getitem__)
    best = min(times[best_size], own)
    noises = [value or math.nan for value in (advice.noise_from_gradients, advice.noise_from_race)]
    print(
        f"{name:16} {advice.batch_size:6} {best_size:6} {own / best:8.2f} {given / best:8.2f} "
        f"{advice.learning_rate:9.3g} {noises[0]:9.0f} {noises[1]:7.0f} {best:9.3f} s {took:7.0f} s",
        flush=True,
    )
    return own / best, given / best


def steps_with(problem: Problem, advice: bench.Advice, seed: int) -> float:
    """The median number of steps to the target, over five seeds, with the advised batch size and rate."""
    expected = min((steps for steps in advice.rates.values() if math.isfinite(steps)), default=1000.0)
    found = []
    for offset in range(SEEDS):
        run = Run(problem, advice.batch_size or 1, advice.learning_rate or 0.0, seed + 10 * offset)
        most = math.ceil(20 * expected)
        found.append(until(run, advice.target_loss or 0.0, most=most, every=max(1, round(expected / 40))))
    return statistics.median(one.steps if one.finished else math.inf for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=None, metavar="NAME")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'':16} {'batch':>6} {'best':>6} {'regret':>8} {'+ rate':>8} {'rate':>9} {'N grads':>9} {'N race':>7}")
    found = [
        regrets(name, *problem, options)
        for name, problem in problems().items()
        if options.problems is None or name in options.problems
    ]
    for label, values, mean, worst in (
        ("batch size", [own for own, _ in found], 1.10, 1.4),
        ("with its rate", [given for _, given in found], 1.20, 1.6),
    ):
        print(
            f"{label}: geometric mean {statistics.geometric_mean(values):.3f} (goal {mean:.2f}), "
            f"worst {max(values):.2f} (goal {worst:.2f})"
        )


if __name__ == "__main__":
    main()
