"""The time of one small op: a chain of 40 multiply/add on 4 numbers, forward and backward, against PyTorch.

    python benchmarks/overhead.py

Three kinds of operand: Python numbers, constant tensors, tensors that require a gradient themselves. The goal is at
most half of PyTorch's time per op.
"""

from __future__ import annotations

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

LENGTH = 40


def chain(x, factor, term, one, leaves) -> Step:
    def step() -> object:
        h = x
        for _ in range(LENGTH // 2):
            h = h * factor
            h = h + term
        h.backward(one)
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return gradients

    return step


def contenders(kind: str) -> dict[str, Step]:
    steps = {}
    for name, make, ones in (
        ("tinygrad_edu", lambda v, g: tg.tensor(np.full(4, v, np.float32), requires_grad=g), tg.ones(4)),
        ("torch", lambda v, g: torch.full((4,), v, requires_grad=g), torch.ones(4)),
    ):
        x = make(1.0, True)
        if kind == "numbers":
            operands, leaves = (1.01, 0.1), [x]
        else:
            operands = make(1.01, kind == "leaves"), make(0.1, kind == "leaves")
            leaves = [x, *(operands if kind == "leaves" else ())]
        steps[name] = chain(x, *operands, ones, leaves)
    return steps


def main() -> None:
    torch.set_num_threads(1)
    print(f"Time per op, forward and backward, of a chain of {LENGTH} ops on 4 float32 numbers; goal ≤ 0.50×\n")
    print(f"{'operands':10} {'tinygrad_edu':>13} {'torch':>9}   ratio (goal)   spread")
    for kind in ("numbers", "constants", "leaves"):
        steps = contenders(kind)
        results = [[np.asarray(g.tolist()) for g in step()] for step in steps.values()]
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
        timings = side_by_side(steps, clock=Clock(), rounds=41)
        ours, theirs = timings.values()
        micro = [t.median / LENGTH * 1e6 for t in (ours, theirs)]
        print(
            f"{kind:10} {micro[0]:10.2f} µs {micro[1]:6.2f} µs   {against(ratio(ours, theirs), 0.5)}"
            f"   {max(ours.spread, theirs.spread):5.1%}"
        )


if __name__ == "__main__":
    main()
