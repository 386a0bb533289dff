"""Peak memory of per-sample norms and clipping in a wide network, against a plain step.

    python benchmarks/per_sample_memory.py

The network is 5120-2560-1280 at batch 32 in float32, with cross-entropy over 1280 classes. tracemalloc, to which NumPy
reports its arrays, measures the peak of a step (forward, backward and what follows) above parameters and data, without
gradients at the start. The goal is at most 1.1 times a plain step.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Step

SIZES = (5120, 2560, 1280)
MAX_NORM = 1.0


class Steps:
    def __init__(self, batch: int) -> None:
        tg.manual_seed(0)
        nn = tg.nn
        self.model = nn.Sequential(nn.Linear(SIZES[0], SIZES[1]), nn.ReLU(), nn.Linear(SIZES[1], SIZES[2]))
        rng = np.random.default_rng(0)
        self.x = tg.from_numpy(rng.normal(size=(batch, SIZES[0])).astype(np.float32))
        self.y = tg.from_numpy(rng.integers(0, SIZES[2], batch))

    def losses(self) -> tg.Tensor:
        return tg.nn.functional.cross_entropy(self.model(self.x), self.y, reduction="none")

    def plain(self) -> object:
        return self.losses().backward()

    def norms(self) -> tg.Tensor:
        self.losses().backward(per_sample=True)
        return self.model.sample_grads().norms()

    def clipped(self) -> tg.Tensor:
        self.losses().backward(per_sample=True)
        grads = self.model.sample_grads()
        norms = grads.norms()
        grads.clip(MAX_NORM)
        return norms

    def gradients(self) -> list[np.ndarray]:
        found = [p.grad.array.copy() for p in self.model.parameters() if p.grad is not None]
        self.model.zero_grad()
        return found


def check(steps: Steps) -> None:
    """Check the norms against one backward pass per sample, and clipping against a pass with weighted losses."""
    norms = steps.clipped().array
    clipped = steps.gradients()
    for m in (0, len(norms) - 1):
        steps.losses()[m].backward()
        alone = np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in steps.gradients()))
        np.testing.assert_allclose(norms[m], alone, rtol=1e-4)
    steps.losses().backward(tg.tensor(np.minimum(1, MAX_NORM / norms)))
    for one, other in zip(clipped, steps.gradients(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())


def peak(step: Step, steps: Steps) -> float:
    """Peak MiB above the memory in use before the step."""
    steps.model.zero_grad()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    result = step()
    _, highest = tracemalloc.get_traced_memory()
    del result
    return (highest - before) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=32)
    batch = parser.parse_args().batch_size
    steps = Steps(batch)
    check(steps)
    tracemalloc.start()
    for step in (steps.plain, steps.norms, steps.clipped):
        peak(step, steps)  # what a first step allocates and keeps does not count
    written_out = batch * sum(p.array.nbytes for p in steps.model.parameters()) / 2**20
    print(f"Peak memory of a step of {'-'.join(map(str, SIZES))}, batch {batch}, float32\n")
    plain = peak(steps.plain, steps)
    norms = peak(steps.norms, steps)
    clipped = peak(steps.clipped, steps)
    print(f"plain                        {plain:7.1f} MiB")
    print(f"with norms                   {norms:7.1f} MiB   {against(norms / plain, 1.1)}")
    print(f"with norms and clipping      {clipped:7.1f} MiB   {against(clipped / plain, 1.1)}")
    print(f"all gradients written out  {written_out:9.1f} MiB   (their size alone, not run)")


if __name__ == "__main__":
    main()
