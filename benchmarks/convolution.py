"""Convolution against PyTorch: forward, gradient of weight and of input, a layer's forward and backward.

    python benchmarks/convolution.py
    python benchmarks/convolution.py --only 3x3 --rounds 51

One thread, float32. Goal: at most 1.1 times PyTorch's time. The results are compared before anything is timed.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side
from tinygrad_edu.ops.convolution import convolve, convolve_transposed, correlate
from tinygrad_edu.ops.windows import Windows

GOAL = 1.1


class Shape(NamedTuple):
    """A convolution: the batch, the channels, the size of images and kernel along each axis, and options."""

    n: int
    c: int
    o: int
    sizes: tuple[int, ...]
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


SHAPES = {
    "16×32×26×26 to 64, 3×3": Shape(16, 32, 64, (26, 26), 3),
    "64×1×28×28 to 32, 3×3": Shape(64, 1, 32, (28, 28), 3),
    "16×64×16×16 to 64, 3×3": Shape(16, 64, 64, (16, 16), 3, padding=1),
    "64×16×13×13 to 32, 3×3": Shape(64, 16, 32, (13, 13), 3),
    "32×128×8×8 to 128, 3×3": Shape(32, 128, 128, (8, 8), 3, padding=1),
    "32×128×4×4 to 256, 3×3": Shape(32, 128, 256, (4, 4), 3, padding=1),
    "16×64×32×32 to 64, stride 2": Shape(16, 64, 64, (32, 32), 3, stride=2, padding=1),
    "8×3×64×64 to 64, 7×7, stride 2": Shape(8, 3, 64, (64, 64), 7, stride=2, padding=3),
    "16×64×16×16 to 128, 1×1": Shape(16, 64, 128, (16, 16), 1),
    "16×64×32×32 depthwise, 3×3": Shape(16, 64, 64, (32, 32), 3, padding=1, groups=64),
    "16×256×8×8 depthwise, 3×3": Shape(16, 256, 256, (8, 8), 3, padding=1, groups=256),
    "16×32×256 to 64, 5": Shape(16, 32, 64, (256,), 5),
    "32×64×32 to 64, 3": Shape(32, 64, 64, (32,), 3, padding=1),
    "2×8×16×16×16 to 16, 3×3×3": Shape(2, 8, 16, (16, 16, 16), 3),
}


def steps_of(shape: Shape, rng: np.random.Generator) -> dict[str, tuple[Step, Step]]:
    """For each measurement, our step and PyTorch's; each returns one or several arrays."""
    axes = len(shape.sizes)
    windows = Windows((shape.kernel,) * axes, (shape.stride,) * axes, ((shape.padding,) * 2,) * axes, (1,) * axes)
    counts, groups = windows.counts(shape.sizes), shape.groups

    def normal(*sizes: int) -> Any:
        return rng.normal(size=sizes).astype(np.float32)

    x, g = normal(shape.n, shape.c, *shape.sizes), normal(shape.n, shape.o, *counts)
    w, b = normal(shape.o, shape.c // groups, *windows.kernel), normal(shape.o)
    tx, tg_, tw, tb = (torch.from_numpy(a) for a in (x, g, w, b))
    forward = getattr(torch.nn.functional, f"conv{axes}d")
    options = windows.stride, (shape.padding,) * axes, windows.dilation

    def theirs(by_input: bool, by_weight: bool) -> Any:
        found = torch.ops.aten.convolution_backward(
            tg_, tx, tw, [shape.o], *options, False, [0] * axes, groups, (by_input, by_weight, False)
        )
        return found[0] if by_input else found[1]

    def their_forward() -> Any:
        with torch.no_grad():
            return forward(tx, tw, tb, *options, groups)

    return {
        "forward": (lambda: convolve(x, w, b, windows, groups), their_forward),
        "weight gradient": (lambda: correlate(x, g, windows, groups), lambda: theirs(False, True)),
        "input gradient": (
            lambda: convolve_transposed(g, w, None, windows, shape.sizes, groups),
            lambda: theirs(True, False),
        ),
        "whole": whole(shape, [x, w, b, g]),
    }


def whole(shape: Shape, arrays: list[Any]) -> tuple[Step, Step]:
    """Forward and backward of a function of tensors, with respect to input, weight and bias."""
    name = f"conv{len(shape.sizes)}d"
    options = {"stride": shape.stride, "padding": shape.padding, "groups": shape.groups}

    def step(function: Any, make: Any) -> Step:
        *inputs, g = (make(a.copy()) for a in arrays)
        for tensor in inputs:
            tensor.requires_grad_()

        def run() -> Any:
            for tensor in inputs:
                tensor.grad = None
            function(*inputs, **options).backward(g)
            return [tensor.grad for tensor in inputs]

        return run

    ours = step(getattr(tg.nn.functional, name), tg.from_numpy)
    return ours, step(getattr(torch.nn.functional, name), torch.from_numpy)


def check_equal(ours: Any, theirs: Any) -> None:
    """Check that arrays are equal up to rounding in float32, relative to the largest number."""
    mine, other = (found if isinstance(found, list) else [found] for found in (ours, theirs))
    for a, b in zip(mine, other, strict=True):
        a, b = np.asarray(getattr(a, "array", a)), b.numpy()
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only shapes whose name contains this")
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("Convolution, float32, one thread; milliseconds, ours / PyTorch's (goal)\n")
    for name, shape in SHAPES.items():
        if options.only not in name:
            continue
        for question, (ours, theirs) in steps_of(shape, np.random.default_rng(0)).items():
            check_equal(ours(), theirs())
            timings = side_by_side({"ours": ours, "theirs": theirs}, clock=Clock(), rounds=options.rounds, turn=1e-2)
            mine, other = timings["ours"], timings["theirs"]
            print(
                f"{name:32} {question:10} {mine.median * 1e3:8.2f} {other.median * 1e3:8.2f}   "
                f"{against(ratio(mine, other), GOAL)}   {max(mine.spread, other.spread):6.1%}"
            )


if __name__ == "__main__":
    main()
