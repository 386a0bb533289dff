"""For the oracle tests: one call, made with this library and with PyTorch, must agree in values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")


def assert_same(call: Callable[..., Any], *arrays: Any, tolerance: float = 1e-10) -> None:
    """`call(library, *tensors)` gives the same results, dtypes and gradients in both libraries.

    Floating arrays become tensors that require a gradient, others constant tensors; the gradient is that
    of a weighted sum of all floating results.
    """
    ours = [tg.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in arrays]
    mine, reference = _parts(call(tg, *ours)), _parts(call(torch, *theirs))
    assert len(mine) == len(reference)
    our_total: Any = tg.tensor(0.0, dtype=tg.float64)
    their_total: Any = torch.tensor(0.0, dtype=torch.float64)
    for a, b in zip(mine, reference, strict=True):
        if not isinstance(b, torch.Tensor):
            assert a == b
            continue
        assert a.shape == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype).removeprefix("torch.")
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
        if b.requires_grad:
            assert a.requires_grad
            weights = np.cos(np.arange(a.detach().numpy().size)).reshape(a.shape) + 1.5
            our_total = our_total + (a * weights).sum()
            their_total = their_total + (b * torch.tensor(weights)).sum()
    if not their_total.requires_grad:
        return
    our_total.backward()
    their_total.backward()
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(b, torch.Tensor) and b.requires_grad:
            found = np.zeros(a.shape) if a.grad is None else a.grad.numpy()
            expected = np.zeros(a.shape) if b.grad is None else b.grad.numpy(force=True)
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def _parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]
