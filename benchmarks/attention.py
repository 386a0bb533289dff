"""Attention against PyTorch: the function, an encoder layer, memory held, and per-sample norms.

    python benchmarks/attention.py

Everything is float32, forward and backward; equal results are checked first. PyTorch's function is, also on the CPU, a
kernel that recomputes the weights in the backward pass. Goals: the function and the layer take at most 1.2 times
PyTorch's time; with 256 positions or more, the memory held after the forward pass is at most a tenth of that of the
same computation in single ops; a step with per-sample norms takes at most 1.15 times a plain step.
"""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np
import torch
from _goals import against

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.bench.timing import Clock, Step, ratio, side_by_side

ROUNDS = 21


def composition(q: Any, k: Any, v: Any, is_causal: bool = False) -> Any:
    """What users would write without the function."""
    scores = (q @ k.mT) / math.sqrt(q.shape[-1])
    if is_causal:
        scores = scores + tg.nn.Transformer.generate_square_subsequent_mask(q.shape[-2])
    return scores.softmax(-1) @ v


def attention_step(function: Any, make: Any, arrays: list[Any], g: Any, **options: Any) -> Step:
    """Forward and backward of the function; the gradients are returned."""
    leaves = [make(x).requires_grad_() for x in arrays]
    seed = make(g)

    def step() -> object:
        function(*leaves, **options).backward(seed)
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return gradients

    return step


def layer_step(layer: Any, x: Any, g: Any) -> Step:
    """Forward and backward, with the gradient `g` of the result."""
    parameters = list(layer.parameters())

    def step() -> object:
        for p in parameters:
            p.grad = None
        layer(x).backward(g)
        return [p.grad for p in parameters]

    return step


def check_equal(steps: dict[str, Step]) -> None:
    first, *others = [[np.asarray(g.detach().numpy()) for g in step()] for step in steps.values()]
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * float(np.abs(theirs).max()))


def show(name: str, steps: dict[str, Step], goal: float, base: str = "torch") -> None:
    """Times of all contenders, and the ratio of each to the base."""
    check_equal(steps)
    timings = side_by_side(steps, clock=Clock(), rounds=ROUNDS)
    first = next(iter(timings.values()))
    times = " ".join(f"{timing.median * 1e6:9.0f}" for timing in timings.values())
    others = [ratio(first, timing) for key, timing in list(timings.items())[1:] if key != base]
    rest = " ".join(f"{value:6.2f}" for value in others)
    print(f"{name:28} {times}   {against(ratio(first, timings[base]), goal)} {rest}   {first.spread:5.1%}", flush=True)


def functions() -> None:
    print(
        f"\n{'scaled_dot_product_attention':28} {'ours':>9} {'torch':>9} {'composed':>9}   µs; ratios to both; spread"
    )
    rng = np.random.default_rng(0)
    for length in (16, 64, 256):
        for width in (16, 64):
            for causal in (False, True):
                arrays = [rng.normal(size=(8, 4, length, width)).astype(np.float32) for _ in range(3)]
                g = rng.normal(size=(8, 4, length, width)).astype(np.float32)
                theirs = torch.nn.functional.scaled_dot_product_attention
                steps = {
                    "tinygrad_edu": attention_step(
                        F.scaled_dot_product_attention, tg.tensor, arrays, g, is_causal=causal
                    ),
                    "torch": attention_step(theirs, torch.tensor, arrays, g, is_causal=causal),
                    "composed": attention_step(composition, tg.tensor, arrays, g, is_causal=causal),
                }
                show(f"(8·4, {length}, {width}){' causal' * causal}", steps, 1.2)


def encoder_layers() -> list[Any]:
    """A layer here and in PyTorch, with the same parameters."""
    layers = [
        library.nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True, activation="relu")
        for library in (tg, torch)
    ]
    layers[0].load_state_dict({name: value.numpy() for name, value in layers[1].state_dict().items()})
    return layers


def layers() -> None:
    print(f"\n{'encoder layer, d=64, heads=4':28} {'ours':>9} {'torch':>9}   µs; ratio; spread")
    for batch, length in ((8, 64), (32, 64), (32, 16), (8, 256)):
        x, g = np.random.default_rng(1).normal(size=(2, batch, length, 64)).astype(np.float32)
        ours, theirs = encoder_layers()
        steps = {
            "tinygrad_edu": layer_step(ours, tg.tensor(x), tg.tensor(g)),
            "torch": layer_step(theirs, torch.tensor(x), torch.tensor(g)),
        }
        show(f"B={batch}, T={length}", steps, 1.2)


def held(function: Any, length: int) -> float:
    """MiB in use after a forward pass."""
    arrays = [np.random.default_rng(0).normal(size=(8, 4, length, 16)).astype(np.float32) for _ in range(3)]
    leaves = [tg.tensor(x, requires_grad=True) for x in arrays]
    function(*leaves)
    tracemalloc.start()
    out = function(*leaves)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del out
    return size / 2**20


def memory() -> None:
    print(f"\n{'MiB held after forward':28} {'ours':>9} {'composed':>9}   ratio")
    for length in (16, 64, 256, 1024):
        ours, composed = held(F.scaled_dot_product_attention, length), held(composition, length)
        share = against(ours / composed, 0.1) if length >= 256 else f"{ours / composed:5.2f}"
        print(f"{f'(8·4, {length}, 16)':28} {ours:9.2f} {composed:9.2f}   {share}")


def per_sample() -> None:
    print(f"\n{'norms of all samples':28} {'norms':>9} {'plain':>9}   µs; ratio; spread")
    for length in (16, 64):
        x, g = np.random.default_rng(2).normal(size=(2, 64, length, 64)).astype(np.float32)
        layer, _ = encoder_layers()
        data, weights = tg.tensor(x), tg.tensor(g)

        def step(norms: bool, layer: Any = layer, data: Any = data, weights: Any = weights) -> object:
            for p in layer.parameters():
                p.grad = None
            (layer(data) * weights).sum((1, 2)).backward(per_sample=norms)
            if norms:
                layer.sample_grads().norms()
            return [p.grad for p in layer.parameters()]

        steps: dict[str, Step] = {"norms": lambda step=step: step(True), "plain": lambda step=step: step(False)}
        show(f"B=64, T={length}, d=64", steps, 1.15, "plain")


def main() -> None:
    torch.set_num_threads(1)
    print(f"Attention, forward and backward, float32, medians of {ROUNDS} rounds in turn")
    functions()
    layers()
    memory()
    per_sample()


if __name__ == "__main__":
    main()
