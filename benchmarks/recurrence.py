"""A step of a recurrent layer, forward and backward, against PyTorch; and the cost of per-sample norms.

    python benchmarks/recurrence.py

One layer of 128 features in and out, float32, one thread, batch first. Both have the same parameters and the same
incoming gradient. Goals: at most PyTorch's time; for the LSTM, per-sample norms in at most 1.2 times a plain step.
"""

from __future__ import annotations

import argparse

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

FEATURES = 128


def steps(name: str, batch: int, length: int) -> dict[str, Step]:
    """A step here, one in PyTorch with the same results, and one here with per-sample gradients."""
    ours = getattr(tg.nn, name)(FEATURES, FEATURES, batch_first=True)
    theirs = getattr(torch.nn, name)(FEATURES, FEATURES, batch_first=True)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    x, g = [rng.normal(size=(batch, length, FEATURES)).astype(np.float32) for _ in range(2)]
    mine, other = [tg.from_numpy(a) for a in (x, g)], [torch.from_numpy(a) for a in (x, g)]

    def here() -> object:
        ours.zero_grad()
        losses = (ours(mine[0])[0] * mine[1]).sum((1, 2))
        losses.backward()
        return losses

    def there() -> object:
        theirs.zero_grad()
        losses = (theirs(other[0])[0] * other[1]).sum((1, 2))
        losses.sum().backward()
        return losses

    def opened() -> object:
        ours.zero_grad()
        losses = (ours(mine[0])[0] * mine[1]).sum((1, 2))
        losses.backward(per_sample=True, keep="norms")
        return [p.sample_grads.norms() for p in ours.parameters()]

    for step in (here, there):
        step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        expected = q.grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    return {"here": here, "there": there, "opened": opened}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--lengths", type=int, nargs="+", default=[28, 100])
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("A step of one recurrent layer, 128 features, float32, one thread\n")
    print("layer  steps  batch   tinygrad_edu        torch   / torch (goal)   norms / plain (goal)   spread")
    for name in ("LSTM", "GRU", "RNN"):
        for length in options.lengths:
            for batch in options.batch_sizes:
                made = steps(name, batch, length)
                timings = side_by_side(made, clock=Clock.for_threads(1), rounds=options.rounds, turn=1e-2)
                here, there, opened = timings.values()
                print(
                    f"{name:5} {length:6} {batch:6} {here.median * 1e3:11.2f} ms {there.median * 1e3:9.2f} ms   "
                    f"{against(ratio(here, there), 1.0)}     {against(ratio(opened, here), 1.2)}            "
                    f"{max(t.spread for t in timings.values()):5.1%}"
                )


if __name__ == "__main__":
    main()
