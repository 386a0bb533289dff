"""Right gradients of functions in which rounding is large: none is called wrong."""

from __future__ import annotations

from typing import Any

import pytest
from testing.handwritten import Case, by_library, by_vjp, verdict
from testing.noisy_arrays import NOISY

SEEDS = 5


def named(chosen: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in chosen]


@pytest.mark.parametrize("case", named(list(NOISY.values())))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_written_by_hand(case: Case) -> None:
    for seed in range(SEEDS):
        says, words = verdict(by_vjp, case, seed)
        assert says != "wrong", words


@pytest.mark.parametrize("case", named([case for case in NOISY.values() if case.library is not None]))
def test_made_of_the_librarys_ops(case: Case) -> None:
    for seed in range(SEEDS):
        says, words = verdict(by_library, case, seed)
        assert says != "wrong", words


def test_there_are_many() -> None:
    assert len(NOISY) >= 80
