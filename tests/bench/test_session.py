"""What every benchmark begins with."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu import nn, optim
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.session import session

X = np.random.default_rng(0).normal(size=(200, 2000)).astype(np.float32)
Y = np.arange(200) % 3


def begun(**options):
    return session(lambda: nn.Linear(2000, 3), None, (X, Y), optimizer=optim.SGD, **options)


def test_memory_that_leaves_room_for_few_samples_limits_the_batch():
    with begun(memory_limit=500_000) as now:
        assert 1 <= now.largest < 100
        assert f"batches of up to {now.largest} are predicted to fit" in now.notes[-2]
        assert f"losses are compared over {now.largest} samples" in now.notes[-1]
        assert len(now.problem.judged[1]) == now.largest  # looks at the loss keep to the limit as well
        assert now.sizes([1, 100]) == [1]
    with begun(memory_limit=10**9) as now:
        assert now.largest == 160


def test_memory_that_leaves_room_for_none_is_an_error():
    with pytest.raises(BenchError, match="a step with a single sample takes"), begun(memory_limit=500):
        pass


def test_seeds_are_integers_of_any_make():
    with begun(seed=np.int64(3)) as now:
        assert len(now.problem.train) == 160
    with pytest.raises(BenchError, match=r"seed='0'"), begun(seed="0"):
        pass
