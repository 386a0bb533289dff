"""Running trainings, and remembering them."""

from __future__ import annotations

import math

import pytest
from bench.training.simulated import TICK, Machine

from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.training.trainings import OutOfTime, Training, Trainings

ASKED = Training(32, 0.2, 7, 0.1, 100, 1)  # at the best rate: 40 steps


def trainings(machine: Machine, seconds: float | None = None) -> Trainings:
    return Trainings(machine.start, Budget(seconds, machine.clock.wall))


def test_a_training_to_the_target() -> None:
    done = trainings(Machine()).run(ASKED)
    assert done.key == ASKED.key
    assert done.steps == pytest.approx(40)
    assert done.taken in (40, 41)
    assert done.train_loss <= 0.1 * (1 + 1e-9)
    assert done.test_loss == pytest.approx(1.5 * done.train_loss)
    assert done.why == ""


def test_a_training_without_a_target_goes_on_to_the_end() -> None:
    done = trainings(Machine()).run(Training(32, 0.2, 7, None, 80, 5))
    assert (done.taken, done.why) == (80, "steps")
    assert done.train_loss == pytest.approx(0.1**2 / 2)


def test_a_training_that_diverges_is_reported() -> None:
    done = trainings(Machine()).run(Training(32, 0.8, 7, 0.1, 100, 3))
    assert (done.taken, done.why) == (1, "diverged")
    assert math.isnan(done.steps)
    assert math.isnan(done.train_loss)


def test_nothing_is_run_twice() -> None:
    machine = Machine()
    first = trainings(machine)
    done = first.run(ASKED)
    assert first.run(Training(*ASKED.key)) is done
    again = Trainings(machine.start, Budget(None, machine.clock.wall), first.finished)
    assert again.run(ASKED) is done
    assert len(machine.started) == 1
    for other in (Training(16, *ASKED.key[1:]), Training(*ASKED.key[:2], 8, *ASKED.key[3:])):
        again.run(other)
    assert len(machine.started) == 3
    assert len(again.finished) == 3


def test_each_one_that_finishes_is_told_of() -> None:
    machine, kept = Machine(), []
    runner = Trainings(machine.start, Budget(None, machine.clock.wall), (), lambda: kept.append(len(runner.finished)))
    runner.run(ASKED)
    runner.run(ASKED)
    runner.run(Training(64, 0.2, 7, 0.1, 100, 1))
    assert kept == [1, 2]


def test_a_training_that_runs_out_of_time_is_lost_but_for_how_far_it_came() -> None:
    machine = Machine()
    runner = trainings(machine, 10 * (64 + 32) * TICK)
    with pytest.raises(OutOfTime):
        runner.run(ASKED)
    assert runner.finished == []
    assert runner.cut is not None
    assert (runner.cut.key, runner.cut.taken, runner.cut.why) == (ASKED.key, 10, "budget")
    with pytest.raises(OutOfTime):
        runner.run(ASKED)
    assert len(machine.started) == 1  # none is begun without time


def test_an_interrupted_training_is_not_remembered() -> None:
    machine = Machine(stop_at=20)
    runner = trainings(machine)
    with pytest.raises(KeyboardInterrupt):
        runner.run(ASKED)
    assert runner.finished == []


def test_somebody_looks_on() -> None:
    seen: list[tuple[int, float]] = []
    runner = trainings(Machine())
    runner.watch(Training(32, 0.2, 7, 0.1, 100, 10), lambda learner, taken, loss: seen.append((taken, loss)))
    assert [taken for taken, _ in seen] in ([0, 10, 20, 30, 40], [0, 10, 20, 30, 40, 50])
    assert seen[2][1] == pytest.approx(math.sqrt(0.2))
    assert runner.finished == []
