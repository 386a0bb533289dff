from __future__ import annotations

import tracemalloc

import numpy as np

from tinygrad_edu.bench.timing.reference import reference


def test_it_allocates_nothing_beyond_what_it_holds() -> None:
    work = reference()
    work()
    already = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        assert tracemalloc.get_traced_memory()[1] - before < 10_000
    finally:
        if not already:
            tracemalloc.stop()


def test_it_draws_from_no_generator_of_the_users() -> None:
    np.random.seed(3)  # noqa: NPY002
    reference()()
    first = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert np.random.random() == first  # noqa: NPY002
