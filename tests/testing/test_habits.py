"""Wrong habits of gradients written by hand: each is caught, whatever the seed; the right one beside it is not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from testing.habits_of_arrays import HABITS
from testing.handwritten import Case, Habit, by_laws, by_property, by_vjp, verdict

SEEDS = 2

RIGHT = list({habit.right.name: habit.right for habit in HABITS.values()}.values())


def named(chosen: list[Any]) -> list[Any]:
    return [pytest.param(one, id=one.name) for one in chosen]


@pytest.mark.parametrize("habit", named(list(HABITS.values())))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_is_caught(habit: Habit) -> None:
    """By one check at each of the seeds; those that take longer are tried last."""
    for check in (by_vjp, by_laws, partial(by_property, max_examples=600, laws=())):
        if all(verdict(check, habit, seed)[0] == "wrong" for seed in range(SEEDS)):
            return
    raise AssertionError("no check calls it wrong at all the seeds")


@pytest.mark.parametrize("case", named(RIGHT))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_right_one_is_not_accused(case: Case) -> None:
    for seed in range(SEEDS):
        for check in (by_vjp, by_laws):
            says, words = verdict(check, case, seed)
            assert says != "wrong", words


def test_there_are_many() -> None:
    assert len(HABITS) >= 250
