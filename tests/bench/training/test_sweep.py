"""One batch size after the other."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bench.training.simulated import FIRST, TICK, Machine

from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.plan import Plan
from tinygrad_edu.bench.training.sweep import Found, sweep
from tinygrad_edu.bench.training.trainings import OutOfTime, Trainings
from tinygrad_edu.errors import SampleCouplingError

SIZES = (8, 16, 32, 64, 128, 256)


def swept(machine: Machine, told: list[Any] | None = None, **options: Any) -> tuple[Found, Trainings]:
    plan = Plan(SIZES, 1000, **{"target": machine.target, **options})
    budget = Budget(None, machine.clock.wall)
    trainings, found = Trainings(machine.start, budget), Found(plan, FIRST)
    tell = (lambda *words: None) if told is None else (lambda *words: told.append(words))
    sweep(trainings, found, clock=machine.clock, budget=budget, tell=tell, keep=lambda: None)
    return found, trainings


def test_each_batch_size_gets_its_own_rate_and_seeds() -> None:
    machine = Machine(scatter=0.05)
    found, _ = swept(machine, seeds=4)
    for size in SIZES:
        best = machine.best_rate(size)
        assert best / 2 <= found.tuned[size].rate <= 2 * best
        assert [run.seed for run in found.runs[size]] == found.plan.run_seeds
        assert {run.rate for run in found.runs[size]} == {found.tuned[size].rate}
        steps = [run.steps for run in found.runs[size]]
        assert steps == pytest.approx([machine.smin * (1 + machine.noise / size)] * 4, rel=0.35)


@pytest.mark.parametrize(("rule", "power"), [("constant", 0.0), ("sqrt", 0.5), ("linear", 1.0)])
def test_a_rule_starts_from_the_rate_of_the_middle(rule: str, power: float) -> None:
    machine = Machine()
    found, trainings = swept(machine, rule=rule)
    base = found.base.rate
    assert base == pytest.approx(machine.best_rate(32), rel=0.5)
    for size in SIZES:
        assert found.tuned[size].rate == pytest.approx(base * (size / 32) ** power)
        assert found.tuned[size].rates == {}
    tuned = [done for done in trainings.finished if done.seed in found.plan.tuning_seeds]
    assert {done.batch_size for done in tuned} == {found.plan.middle}


def test_a_rule_that_leads_too_far_is_reported_and_the_rest_goes_on() -> None:
    found, _ = swept(Machine(best_rate=lambda size: 0.2), rule="linear")
    assert {run.why for run in found.runs[256]} == {"diverged"}
    assert {run.why for run in found.runs[64]} == {""}
    assert not any(run.why for run in found.runs[8])


def test_without_a_target_it_is_what_a_short_training_reaches() -> None:
    machine = Machine(smin=100.0)
    found, trainings = swept(machine, target=None)
    ends = [done for done in trainings.finished if done.target is None]
    assert found.target == min(done.train_loss for done in ends)
    assert all(done.taken == found.plan.short for done in ends if done.why == "steps")
    assert f"a mean loss of {found.target:.4g}, which 300 steps with batches of 32" in found.notes[0]
    assert not any(run.why for size in SIZES for run in found.runs[size])


def test_a_target_that_is_given_is_no_decision_to_tell_of() -> None:
    found, _ = swept(Machine())
    assert found.target == 0.1
    assert found.notes == []


def test_slow_steps_are_timed_at_as_many_sizes_as_there_is_time_for() -> None:
    machine = Machine(overhead=0, per_sample=64)  # a round of all sizes takes 8 s
    budget = Budget(20.0, machine.clock.wall)
    trainings, found = Trainings(machine.start, budget), Found(Plan(SIZES, 1000, target=0.1), FIRST)
    told: list[float] = []
    tell = lambda *words: told.append(machine.now)
    with pytest.raises(OutOfTime):
        sweep(trainings, found, clock=machine.clock, budget=budget, tell=tell, keep=lambda: None)
    assert 2 <= len(found.timings) < len(SIZES)
    assert told[1] < 5.0


def test_steps_of_all_sizes_are_timed() -> None:
    found, _ = swept(Machine())
    assert {size: timing.median for size, timing in found.timings.items()} == {s: (64 + s) * TICK for s in SIZES}


def test_the_noise_is_measured_along_a_training_of_its_own() -> None:
    machine = Machine(noise=50.0)
    found, trainings = swept(machine)
    assert found.noise is not None
    assert found.noise.batch_size == 32
    assert found.noise.value == pytest.approx(50)
    assert found.noise.seed in found.plan.run_seeds
    steps = [checkpoint.step for checkpoint in found.noise.checkpoints]
    assert steps[0] == 0
    assert 20 <= len(steps) <= 46
    assert found.noise.checkpoints[0].loss == FIRST
    key = (32, found.noise.rate, found.noise.seed)
    assert machine.started.count(key) == 2
    assert [(done.batch_size, done.rate, done.seed) for done in trainings.finished].count(key) == 1


def test_coupled_samples_leave_a_reason_instead_of_noise() -> None:
    machine = Machine(coupled=SampleCouplingError("BatchNorm mixes the samples\nat line 3"))
    found, _ = swept(machine)
    assert found.noise is not None
    assert found.noise.checkpoints == []
    assert math.isnan(found.noise.value)
    assert found.noise.reason.endswith("on one another (they meet in 'norm' (Centre)): BatchNorm mixes the samples")
    assert len(found.runs) == len(SIZES)


def test_noise_is_measured_where_the_target_is_reached() -> None:
    found, _ = swept(Machine(best_rate=lambda size: 0.2 if size == 64 else 0.01), rule="constant")
    assert found.noise is not None
    assert not any(run.why for run in found.runs[found.noise.batch_size])


@pytest.mark.parametrize(
    ("machine", "first", "target", "reason"),
    [
        (Machine(), 0.05, 0.1, "The target, 0.1, is no lower than the loss before any training, 0.05"),
        (Machine(), math.nan, 0.1, "The loss of the new model is not a finite number"),
        (Machine(best_rate=lambda size: 1e-30), FIRST, 0.1, "No learning rate from"),
        (Machine(smin=math.inf), FIRST, None, "lowered the training loss"),
    ],
)
def test_nothing_to_find(machine: Machine, first: float, target: float | None, reason: str) -> None:
    found = Found(Plan(SIZES, 1000, target=target), first)
    budget = Budget(None, machine.clock.wall)
    trainings = Trainings(machine.start, budget)
    sweep(trainings, found, clock=machine.clock, budget=budget, tell=lambda *words: None, keep=lambda: None)
    assert reason in found.reason
    assert found.runs == {}


def test_progress_is_told() -> None:
    told: list[Any] = []
    swept(Machine(), told)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)
    assert [stage for stage, _ in told][:2] == ["timing steps", "looking for a learning rate"]
    assert "training with batches of 256" in [stage for stage, _ in told]


def test_batch_sizes_that_do_not_get_there_cost_little() -> None:
    def best(size: int) -> float:
        return 1e-30 if size == 256 else 0.2

    found, trainings = swept(Machine(best_rate=best))
    assert math.isnan(found.tuned[256].rate)
    assert found.runs[256] == []
    assert sum(done.taken for done in trainings.finished if done.batch_size == 256) < 100
