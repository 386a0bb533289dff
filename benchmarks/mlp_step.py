"""One training step of a 784-256-10 network at several batch sizes: this library, PyTorch, NumPy by hand.

    python benchmarks/mlp_step.py

A step is forward, cross-entropy (summed), backward and SGD. "By hand" is the same step written in NumPy with every
array allocated beforehand. Goals: at most 0.8 times PyTorch's time, and 1.15 times that by hand.
"""

from __future__ import annotations

import argparse
import itertools

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

LR = 1e-5
SIZES = (784, 256, 10)


def initial(rng: np.random.Generator) -> list[np.ndarray]:
    """Weight and bias of the two layers, in PyTorch's layout."""
    arrays = []
    for n_in, n_out in itertools.pairwise(SIZES):
        arrays.append((rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)).astype(np.float32))
        arrays.append(np.zeros(n_out, np.float32))
    return arrays


def step_in_tinygrad(start: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[Step, list[np.ndarray]]:
    nn = tg.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    for p, value in zip(model.parameters(), start, strict=True):
        p.data.copy_(tg.tensor(value))
    optimizer = tg.optim.SGD(model.parameters(), lr=LR)
    inputs, targets = tg.from_numpy(x), tg.from_numpy(y)

    def step() -> object:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step(samples=1)  # of the sum
        return loss

    return step, [p.array for p in model.parameters()]


def step_in_torch(start: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[Step, list[np.ndarray]]:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    with torch.no_grad():
        for p, value in zip(model.parameters(), start, strict=True):
            p.copy_(torch.from_numpy(value))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> object:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets, reduction="sum")
        loss.backward()
        optimizer.step()
        return loss

    return step, [p.detach().numpy() for p in model.parameters()]


def step_by_hand(start: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[Step, list[np.ndarray]]:
    w1, b1, w2, b2 = parameters = [value.copy() for value in start]
    n = len(x)
    h, dh = np.empty((n, 256), np.float32), np.empty((n, 256), np.float32)
    z, column, positive = np.empty((n, 10), np.float32), np.empty((n, 1), np.float32), np.empty((n, 256), bool)
    dw1, db1, dw2, db2 = gradients = [np.empty_like(value) for value in start]
    rows = np.arange(n)

    def step() -> object:
        np.dot(x, w1.T, out=h)
        np.add(h, b1, out=h)
        np.maximum(h, 0, out=h)
        np.dot(h, w2.T, out=z)
        np.add(z, b2, out=z)
        np.max(z, axis=1, keepdims=True, out=column)
        np.subtract(z, column, out=z)
        at_target = z[rows, y].sum()
        np.exp(z, out=z)
        np.sum(z, axis=1, keepdims=True, out=column)
        loss = np.log(column).sum() - at_target
        np.divide(z, column, out=z)
        z[rows, y] -= 1
        np.dot(z.T, h, out=dw2)
        np.sum(z, axis=0, out=db2)
        np.dot(z, w2, out=dh)
        np.greater(h, 0, out=positive)
        np.multiply(dh, positive, out=dh)
        np.dot(dh.T, x, out=dw1)
        np.sum(dh, axis=0, out=db1)
        for p, g in zip(parameters, gradients, strict=True):
            np.multiply(g, LR, out=g)
            np.subtract(p, g, out=p)
        return loss

    return step, parameters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32, 128, 512, 2048])
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("One step of a 784-256-10 network, float32, one thread\n")
    print(
        f"{'batch':>5} {'tinygrad_edu':>13} {'torch':>10} {'by hand':>10}   / torch (goal)  / by hand (goal)   spread"
    )
    for size in options.batch_sizes:
        rng = np.random.default_rng(size)
        start = initial(rng)
        x = rng.normal(size=(size, 784)).astype(np.float32)
        y = rng.integers(0, 10, size)
        makers = {"tinygrad_edu": step_in_tinygrad, "torch": step_in_torch, "by hand": step_by_hand}
        made = {name: make(start, x, y) for name, make in makers.items()}
        losses = [step().item() for step, _ in made.values()]
        np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
        for _, parameters in made.values():
            for ours, reference in zip(parameters, made["tinygrad_edu"][1], strict=True):
                np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-6)
        timings = side_by_side(
            {name: step for name, (step, _) in made.items()}, clock=Clock(), rounds=options.rounds, turn=1e-2
        )
        ours, theirs, hand = timings.values()
        micro = [t.median * 1e6 for t in (ours, theirs, hand)]
        print(
            f"{size:5} {micro[0]:10.0f} µs {micro[1]:7.0f} µs {micro[2]:7.0f} µs   {against(ratio(ours, theirs), 0.8)}"
            f"   {against(ratio(ours, hand), 1.15)}      {max(t.spread for t in timings.values()):5.1%}"
        )


if __name__ == "__main__":
    main()
