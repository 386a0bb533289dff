from __future__ import annotations

import math
from typing import Any

import pytest
from bench.machine import Machine

from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.timing.clock import Budget, check_budget


def test_a_budget_is_spent_on_the_wall() -> None:
    machine = Machine()
    budget = Budget(3.0, machine.clock.wall)
    machine.work(2.0)
    assert (budget.left, budget.spent, budget.share) == (1.0, 2.0, 2 / 3)
    machine.work(2.0)
    assert (budget.left, budget.spent, budget.share) == (0.0, 4.0, 1.0)


def test_a_call_is_timed_on_the_wall() -> None:
    machine = Machine()
    assert machine.clock.took(lambda: machine.work(3.0)) == 3.0


def test_no_budget_is_never_spent() -> None:
    machine = Machine()
    budget = Budget(None, machine.clock.wall)
    machine.work(1e9)
    assert budget.left == math.inf
    assert budget.share == 0.0


def test_budgets_that_may_be_given() -> None:
    assert check_budget(None) is None
    assert check_budget(0.5) == 0.5
    assert check_budget(math.inf) == math.inf


@pytest.mark.parametrize("value", [0, -1.0, math.nan, True, "60"])
def test_budgets_that_may_not(value: Any) -> None:
    with pytest.raises(BenchError, match="budget: got"):
        check_budget(value)
