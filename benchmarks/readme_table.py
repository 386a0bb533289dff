"""The figures of the table in README.md: a training step and per-sample gradient norms, beside other libraries.

    python benchmarks/readme_table.py

The network is 784-256-10 with ReLU, the batch has 32 samples, the cost is half the squared error (micrograd has no
`exp`, which cross-entropy needs), all in float32, on one core. A step is forward, backward and SGD. Before anything is
timed, weights after a step and norms are compared. Norms come with the gradient of the sum in every library but Opacus'
ghost norms.

What is not installed is left out: `pip install --group peers` (pip 25.1 or newer) brings it. micrograd works on one
number at a time, and has a graph for each sample: it is run once, with two samples, and its time is multiplied by 16.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

LR = 1e-5
SIZES = (784, 256, 10)
BATCH = 32
FEW = 2  # samples for micrograd
US = "tinygrad_edu"


class Task:
    """Weights as (outputs, inputs) and biases, layer by layer, and a batch."""

    def __init__(self, batch: int = BATCH) -> None:
        rng = np.random.default_rng(0)
        self.start: list[np.ndarray] = []
        for n_in, n_out in itertools.pairwise(SIZES):
            self.start.append((rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)).astype(np.float32))
            self.start.append(np.zeros(n_out, np.float32))
        self.x = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32)[:batch]
        self.t = np.eye(SIZES[-1], dtype=np.float32)[rng.integers(0, SIZES[-1], BATCH)][:batch]


# A contender makes two calls: one takes a step and returns the weights after it, the other returns the norms.
Calls = tuple[Callable[[], Any], Callable[[], Any]]


def in_tinygrad(task: Task) -> Calls:
    nn = tg.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    for p, value in zip(model.parameters(), task.start, strict=True):
        p.data.copy_(tg.tensor(value))
    optimizer = tg.optim.SGD(model.parameters(), lr=LR)
    x, t = tg.from_numpy(task.x), tg.from_numpy(task.t)

    def step() -> Any:
        optimizer.zero_grad()
        (nn.functional.mse_loss(model(x), t) / 2).backward()
        optimizer.step(samples=1)  # of the sum
        return [p.array for p in model.parameters()]

    def norms() -> Any:
        optimizer.zero_grad()
        (nn.functional.mse_loss(model(x), t, reduction="none").sum(1) / 2).backward(per_sample=True)
        return model.sample_grads().norms().numpy()

    return step, norms


def _torch_model(task: Task) -> tuple[Any, Any, Any]:
    import torch

    torch.set_num_threads(1)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    with torch.no_grad():
        for p, value in zip(model.parameters(), task.start, strict=True):
            p.copy_(torch.from_numpy(value))
    return model, torch.from_numpy(task.x), torch.from_numpy(task.t)


def _torch_cost(model: Any, x: Any, t: Any) -> Any:
    import torch

    return torch.nn.functional.mse_loss(model(x), t, reduction="sum") / 2


def in_torch(task: Task, ghost: bool = False) -> Calls:
    """PyTorch; the norms by Opacus, from per-sample gradients or as ghost norms."""
    import torch
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping

    model, x, t = _torch_model(task)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)

    def step() -> Any:
        optimizer.zero_grad()
        _torch_cost(model, x, t).backward()
        optimizer.step()
        return [p.detach().numpy() for p in model.parameters()]

    kind = GradSampleModuleFastGradientClipping if ghost else GradSampleModule
    wrapped = kind(_torch_model(task)[0], loss_reduction="sum")

    def norms() -> Any:
        wrapped.zero_grad()
        _torch_cost(wrapped, x, t).backward()
        if ghost:
            return wrapped.get_norm_sample().numpy()
        found = torch.stack([p.grad_sample.flatten(1).norm(dim=1) for p in wrapped.parameters()]).norm(dim=0)
        for p in wrapped.parameters():
            p.grad_sample = None
        return found.numpy()

    return step, norms


def in_torch_with_ghosts(task: Task) -> Calls:
    return in_torch(task, ghost=True)


def in_jax(task: Task) -> Calls:
    """JAX, compiled; compiling is not timed."""
    import jax
    import jax.numpy as jnp

    def cost(parameters: Any, x: Any, t: Any) -> Any:
        w1, b1, w2, b2 = parameters
        return jnp.square(jnp.maximum(x @ w1.T + b1, 0) @ w2.T + b2 - t).sum() / 2

    @jax.jit
    def update(parameters: Any, x: Any, t: Any) -> Any:
        return [p - LR * g for p, g in zip(parameters, jax.grad(cost)(parameters, x, t), strict=True)]

    @jax.jit
    def norms_and_sum(parameters: Any, x: Any, t: Any) -> Any:
        each = jax.vmap(jax.grad(cost), (None, 0, 0))(parameters, x, t)
        squares = sum(jnp.square(g).reshape(len(x), -1).sum(1) for g in each)
        return jnp.sqrt(squares), [g.sum(0) for g in each]

    start = [jnp.asarray(value) for value in task.start]
    x, t = jnp.asarray(task.x), jnp.asarray(task.t)
    now = [start]

    def step() -> Any:
        now[0] = jax.block_until_ready(update(now[0], x, t))
        return now[0]

    return step, lambda: jax.block_until_ready(norms_and_sum(start, x, t))[0]


def in_micrograd(task: Task) -> Calls:
    from micrograd.nn import MLP

    model = MLP(SIZES[0], list(SIZES[1:]))
    sys.setrecursionlimit(10_000)  # it traverses a sum of 784 products by recursion

    def load() -> None:
        for layer, (w, b) in zip(model.layers, zip(task.start[::2], task.start[1::2], strict=True), strict=True):
            for neuron, row, bias in zip(layer.neurons, w.tolist(), b.tolist(), strict=True):
                neuron.b.data = bias
                for value, number in zip(neuron.w, row, strict=True):
                    value.data = number

    def backward(x: list[float], t: list[float]) -> None:
        out = model(x)
        (sum((o - want) ** 2 for o, want in zip(out, t, strict=True)) * 0.5).backward()

    def step() -> Any:
        load()
        model.zero_grad()
        for x, t in zip(task.x.tolist(), task.t.tolist(), strict=True):
            backward(x, t)
        for p in model.parameters():
            p.data -= LR * p.grad
        found = []
        for layer in model.layers:
            found.append(np.array([[value.data for value in neuron.w] for neuron in layer.neurons]))
            found.append(np.array([neuron.b.data for neuron in layer.neurons]))
        return found

    def norms() -> Any:
        load()
        found = []
        for x, t in zip(task.x.tolist(), task.t.tolist(), strict=True):
            model.zero_grad()
            backward(x, t)
            found.append(np.sqrt(sum(p.grad**2 for p in model.parameters())))
        return np.array(found)

    return step, norms


CONTENDERS: dict[str, tuple[str, Callable[[Task], Calls]]] = {
    US: ("tinygrad_edu", in_tinygrad),
    "PyTorch, Opacus": ("opacus", in_torch),
    "PyTorch, Opacus' ghost norms": ("opacus", in_torch_with_ghosts),
    "JAX, jit": ("jax", in_jax),
    "micrograd": ("micrograd", in_micrograd),
}
ONCE = "micrograd"


def check(name: str, calls: Calls, ours: tuple[Any, Any]) -> None:
    """Check that a first step and the norms agree with this library."""
    for found, expected in zip(calls[0](), ours[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(calls[1](), ours[1], rtol=1e-4, err_msg=name)


def results_of(calls: Calls) -> tuple[Any, Any]:
    """The weights after the first step, and the norms before it."""
    norms = calls[1]()
    return [w.copy() for w in calls[0]()], norms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    # Opacus' hooks meet a model whose inputs want no gradient; PyTorch says so at every step.
    warnings.filterwarnings("ignore", message="Full backward hook is firing")
    if hasattr(os, "sched_setaffinity"):  # JAX has no other way to use one thread only
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    skipped = {name for name, (module, _) in CONTENDERS.items() if importlib.util.find_spec(module) is None}
    for name in sorted(skipped):
        print(f"{name} is not installed, so it is left out: pip install --group peers")
    task = Task()
    made = {name: make(task) for name, (_, make) in CONTENDERS.items() if name not in skipped | {ONCE}}
    ours = results_of(made[US])
    for name, calls in made.items():
        if name != US:
            check(name, calls, ours)
    print(f"784-256-10, batch {BATCH}, float32, one core; theirs / ours is the median of the ratios of turns\n")
    print(f"{'':30} {'a step':>10} {'theirs / ours':>14} {'norms':>12} {'theirs / ours':>14}")
    medians = report(made, options.rounds)
    if ONCE not in skipped:
        once(medians)


def report(made: dict[str, Calls], rounds: int) -> list[float]:
    clock = Clock.for_threads(1)
    timings = []
    for which in (0, 1):
        steps: dict[str, Step] = {name: calls[which] for name, calls in made.items()}
        timings.append(side_by_side(steps, clock=clock, rounds=rounds, turn=2e-2))
    for name in made:
        cells = []
        for found in timings:
            cells.append(f"{found[name].median * 1e6:9.0f} µs")
            cells.append(f"{ratio(found[name], found[US]):14.2f}")
        print(f"{name:30} {' '.join(cells)}")
    return [found[US].median for found in timings]


def once(medians: list[float]) -> None:
    """The row of micrograd: a few samples, checked, with the time scaled to the batch."""
    clock = Clock.for_threads(1)
    task = Task(FEW)
    cells, results = [], []
    for call, median in zip(in_micrograd(task), medians, strict=True):
        begin = clock.busy()
        results.append(call())
        seconds = (clock.busy() - begin) * BATCH / FEW
        cells.append(f"{seconds:10.1f} s {seconds / median:14,.0f}")
    check(ONCE, (lambda: results[0], lambda: results[1]), results_of(in_tinygrad(task)))
    print(f"{ONCE:30} {' '.join(cells)}")


if __name__ == "__main__":
    main()
