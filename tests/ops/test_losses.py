"""Binary cross-entropy as an op: certain answers cost much, but nothing infinite."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.ops.losses import binary_cross_entropy


def test_logarithms_are_bounded() -> None:
    p = tg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    losses = binary_cross_entropy(p, tg.tensor([0.0, 1.0, 1.0, 0.0]))
    assert losses.tolist() == [0.0, 0.0, 100.0, 100.0]
    losses.backward()
    assert p.grad is not None
    assert np.isfinite(p.grad.array).all()
    assert (np.sign(p.grad.array) == [0, 0, -1, 1]).all()
