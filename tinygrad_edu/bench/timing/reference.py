"""A fixed piece of work, timed in the same rounds as everything else, to compare two runs on a machine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

REFERENCE = "reference"  # its name in the rounds
SIDE = 320  # of the matrices: 66 million floating-point operations
LENGTH = 1 << 21  # of the vectors: 16 MiB read and written, more than a core's own cache holds


def reference() -> Callable[[], None]:
    """A NumPy product and a pass over memory, 1 to 3 ms on today's machines; a call allocates nothing.

    >>> reference()()
    """
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, SIDE, SIDE), dtype=np.float32)
    product = np.empty_like(a)
    source = rng.standard_normal(LENGTH, dtype=np.float32)
    target = np.empty_like(source)

    def work() -> None:
        np.matmul(a, b, out=product)
        np.multiply(source, 0.5, out=target)

    return work
