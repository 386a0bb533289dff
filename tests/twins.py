"""A module here and the same one in PyTorch: values, gradients and buffers must agree. In float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from made import uniform

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.trees import flatten

torch = pytest.importorskip("torch")

numbers = partial(uniform, low=-3.0, high=3.0)


def twins(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """The same module here and in PyTorch, with the same numbers."""
    ours, theirs = getattr(nn, name)(*args, **options).double(), getattr(torch.nn, name)(*args, **options).double()
    for i, (p, q) in enumerate(zip(ours.parameters(), theirs.parameters(), strict=True)):
        values = numbers(*p.shape, seed=10 + i)
        p.array[...] = values
        q.data[...] = torch.tensor(values)
    return ours, theirs


class Call:
    """A function with options, in the place of a module."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        self.function, self.options = function, options

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs, **self.options)

    def named_parameters(self) -> list[Any]:
        return []

    def named_buffers(self) -> list[Any]:
        return []


def compare(ours: Any, theirs: Any, *inputs: Any, tolerance: float = 1e-10) -> None:
    """Compare outputs (nested ones too), gradients by the inputs and by the parameters, and buffers afterwards.

    Inputs are arrays, which require a gradient if they are floating, or nested tuples and lists of arrays.
    """
    values, build = flatten(list(inputs))
    xs = [tg.tensor(x, requires_grad=x.dtype.kind == "f") for x in values]
    ys = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in values]
    mine, _ = flatten(ours(*build(xs)))
    other, _ = flatten(theirs(*build(ys)))
    assert len(mine) == len(other)
    for i, (out, expected) in enumerate(zip(mine, other, strict=True)):
        assert out.shape == tuple(expected.shape)
        assert str(out.dtype) == str(expected.dtype).removeprefix("torch.")
        close(out, expected, tolerance)
        if expected.requires_grad:
            seed = numbers(*out.shape, seed=99 + i)
            out.backward(seed, retain_graph=True)
            expected.backward(torch.tensor(seed), retain_graph=True)
    for x, y in zip(xs, ys, strict=True):
        if y.requires_grad:
            same_gradient(x, y, tolerance)
    for (name, p), (their_name, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == their_name
        same_gradient(p, q, tolerance)
    for (name, b), (their_name, c) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == their_name
        close(b, c, tolerance)


def same_gradient(mine: Any, other: Any, tolerance: float = 1e-10) -> None:
    """The gradients of two leaves agree; one that was not reached counts as zeros."""
    if mine.grad is not None and other.grad is not None:
        close(mine.grad, other.grad, tolerance)
    else:
        for leaf in (mine, other):
            assert leaf.grad is None or not leaf.grad.detach().numpy().any()


def close(mine: Any, other: Any, tolerance: float = 1e-10) -> None:
    """Two tensors agree, relative to the larger numbers in them, which count as no less than 1."""
    a, b = mine.detach().numpy(), other.detach().numpy()
    scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0.0))) if b.dtype.kind == "f" else 1.0
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)
