from __future__ import annotations

import numpy as np
import pytest
from bench.machine import Machine

from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.timing.rounds import Rounds, Timing, ratio, ratio_interval, side_by_side


def test_each_contender_gets_a_figure_a_round() -> None:
    machine = Machine()
    timings = side_by_side({"a": machine.job(1e-3), "b": machine.job(3e-4)}, clock=machine.clock, rounds=7)
    np.testing.assert_allclose(timings["a"].seconds, [1e-3] * 7, rtol=1e-9)
    np.testing.assert_allclose(timings["b"].seconds, [3e-4] * 7, rtol=1e-9)


def test_a_turn_is_filled_with_calls() -> None:
    machine, calls = Machine(), {"short": 0, "long": 0}

    def counting(name: str, seconds: float) -> None:
        calls[name] += 1
        machine.work(seconds)

    side_by_side(
        {"short": lambda: counting("short", 1e-3), "long": lambda: counting("long", 0.5)},
        clock=machine.clock,
        rounds=10,
        warm_up=2,
        turn=5e-3,
    )
    assert calls == {"short": 2 + 12 * 5, "long": 2 + 12}


def test_the_order_changes_and_the_seed_decides_it() -> None:
    def orders(seed: int) -> list[str]:
        machine, seen = Machine(), []

        def turn(name: str) -> None:
            seen.append(name)
            machine.work(1.0)

        jobs = {name: (lambda name=name: turn(name)) for name in "abc"}
        side_by_side(jobs, clock=machine.clock, rounds=6, warm_up=0, seed=seed)
        rounds = ["".join(seen[i : i + 3]) for i in range(6, len(seen), 3)]
        assert all(sorted(r) == list("abc") for r in rounds)
        return rounds

    assert len(set(orders(0))) > 1
    assert orders(0) == orders(0)
    assert orders(0) != orders(1)


def test_a_slow_moment_cancels_in_the_ratio() -> None:
    machine = Machine()
    rng = np.random.default_rng(0)

    def drifting(seconds: float) -> None:
        machine.drift = 3.0 if machine.now % 0.3 < 0.22 else 1.0
        machine.work(seconds * (1 + 0.01 * rng.standard_normal()))

    timings = side_by_side({"a": lambda: drifting(2e-3), "b": lambda: drifting(1e-3)}, clock=machine.clock, rounds=41)
    assert timings["a"].spread > 0.2
    assert ratio(timings["a"], timings["b"]) == pytest.approx(2.0, rel=0.02)
    found = ratio_interval(timings["a"], timings["b"])
    assert found.low < 2.0 < found.high
    assert found.excludes(1.0)


def test_the_budget_is_kept() -> None:
    machine = Machine()
    budget = Budget(10.0, machine.clock.wall)
    timings = side_by_side(
        {"a": machine.job(0.7), "b": machine.job(0.2)}, clock=machine.clock, rounds=100, budget=budget
    )
    assert len(timings["a"].seconds) == len(timings["b"].seconds) > 2
    assert 9.0 < budget.spent <= 10.0


def test_one_round_comes_of_a_budget_that_is_spent() -> None:
    machine = Machine()
    budget = Budget(0.0, machine.clock.wall)
    timings = side_by_side({"a": machine.job(1.0)}, clock=machine.clock, budget=budget)
    assert timings["a"].seconds == [1.0]
    assert machine.now == 3.0  # two calls to see how long it takes, none to warm up


def test_an_interrupt_leaves_whole_rounds() -> None:
    machine, calls = Machine(), 0

    def interrupted() -> None:
        nonlocal calls
        calls += 1
        machine.work(1.0)
        if calls == 8:
            raise KeyboardInterrupt

    race = Rounds({"a": machine.job(1.0), "b": interrupted}, clock=machine.clock)
    with pytest.raises(KeyboardInterrupt):
        race.run(20, warm_up=1)
    assert [len(timing.seconds) for timing in race.timings.values()] == [4, 4]


def test_rounds_can_go_on() -> None:
    machine = Machine()
    race = Rounds({"a": machine.job(1.0)}, clock=machine.clock)
    race.run(2)
    race.run(3, warm_up=0)
    assert race.timings["a"].seconds == [1.0] * 5


def test_the_spread_of_one_round_is_none() -> None:
    assert Timing([2.0]).spread == 0.0
    assert Timing([2.0]).quartiles == (2.0, 2.0)


def test_ratios_need_equally_many_rounds() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(Timing([1.0, 2.0]), Timing([1.0]))
