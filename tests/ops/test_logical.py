"""Questions about many elements at once."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg


def test_questions():
    x = tg.tensor([[1, 0], [2, 3]])
    assert x.all(1).tolist() == [False, True]
    assert x.any().item() is True
    assert x.count_nonzero(0).tolist() == [2, 1]
    assert tg.tensor(np.zeros(0)).all().item() is True
