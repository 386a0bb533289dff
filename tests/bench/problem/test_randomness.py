"""Generators: seeded from any integer, and given back as they were."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.bench.problem.randomness import draws, preserved, seeded


def drawn() -> tuple[float, float, float]:
    """A number of each of the three generators."""
    return tg.rand(1).item(), float(np.random.random()), random.random()  # noqa: NPY002


@given(st.integers())
def test_any_integer_is_a_seed(seed: int) -> None:
    with preserved():
        seeded(seed)
        first = drawn()
        seeded(seed)
        assert drawn() == first
    assert draws(seed).random() == draws(seed).random()


def test_numbers_of_numpy_are_seeds() -> None:
    with preserved():
        seeded(np.int64(3))  # type: ignore[arg-type]
        first = drawn()
        seeded(3)
        assert drawn() == first
    assert draws(np.int64(3)).random() == draws(3).random()  # type: ignore[arg-type]


def test_other_seeds_give_other_numbers() -> None:
    with preserved():
        seeded(0)
        first = drawn()
        seeded(1)
        assert all(a != b for a, b in zip(first, drawn()))
    assert draws(0).random() != draws(1).random()


@pytest.mark.parametrize("fails", [False, True])
def test_generators_go_on_as_if_nothing_had_happened(fails: bool) -> None:
    with preserved():
        seeded(5)
        expected = [drawn(), drawn()]
        seeded(5)
        found = [drawn()]
        try:
            with preserved():
                seeded(6)
                drawn()
                if fails:
                    raise KeyError
        except KeyError:
            pass
        found.append(drawn())
        assert found == expected
