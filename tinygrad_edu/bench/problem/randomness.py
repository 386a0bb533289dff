"""Repeatable random numbers, without changing the generators of the calling program."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ...ops.generator import get_rng_state, manual_seed, set_rng_state


def seeded(seed: int) -> None:
    """Seed this library's default generator, NumPy's global one and Python's with any integer."""
    manual_seed(seed)
    np.random.seed(int(seed) % 2**32)  # noqa: NPY002 - a user's model may draw from it
    random.seed(int(seed))


def draws(seed: int) -> np.random.Generator:
    """A separate generator with any integer as seed.

    >>> draws(-1).integers(10) == draws(-1).integers(10)
    np.True_
    """
    return np.random.default_rng(int(seed) % 2**64)


@contextmanager
def preserved() -> Iterator[None]:
    """Restore the three generators at the end.

    >>> import tinygrad_edu as tg
    >>> _ = tg.manual_seed(0)
    >>> with preserved():
    ...     seeded(1)
    ...     _ = tg.rand(3)
    >>> tg.equal(tg.rand(2), tg.rand(2, generator=tg.Generator().manual_seed(0)))
    True
    """
    ours, numpys, pythons = get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        set_rng_state(ours)
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)
