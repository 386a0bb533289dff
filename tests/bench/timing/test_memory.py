from __future__ import annotations

import math
import sys
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bench.machine import Machine

import tinygrad_edu as tg
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.timing import memory
from tinygrad_edu.bench.timing import memory as module
from tinygrad_edu.bench.timing.clock import Budget
from tinygrad_edu.bench.timing.memory import memory_of, memory_within, peak_of

MIB = 1024**2


class Trainings:
    """Hold `fixed` bytes; keep `each` a sample from forward to backward, which adds `more`; then take `once`."""

    def __init__(self, fixed: int = MIB, once: int = 0, each: int = MIB // 4, more: int = 0) -> None:
        self.fixed, self.once, self.each, self.more = fixed, once, each, more
        self.started: list[int] = []

    def __call__(self, size: int) -> OneTraining:
        self.started.append(size)
        return OneTraining(self, size)


class OneTraining:
    def __init__(self, kind: Trainings, size: int) -> None:
        self.kind, self.size = kind, size
        self.model: Any = np.zeros(kind.fixed, np.uint8)

    def step(self) -> None:
        self.update(self.size)

    def load(self) -> tuple[range, range]:
        np.zeros(self.kind.once, np.uint8)
        return range(self.size), range(self.size)

    def forward(self, x: range, y: range) -> list[Any]:
        return [np.zeros(self.kind.each * self.size, np.uint8)]

    def backward(self, losses: list[Any]) -> None:
        np.zeros(self.kind.more * self.size, np.uint8)
        losses.clear()

    def update(self, count: int) -> None:
        np.zeros(self.kind.once, np.uint8)


@pytest.fixture(autouse=True)
def _traced_as_before() -> Any:
    already = tracemalloc.is_tracing()
    yield
    assert tracemalloc.is_tracing() == already


def test_the_peak_of_a_call() -> None:
    def step() -> None:
        first = np.zeros(3 * MIB, np.uint8)
        del first
        np.zeros(2 * MIB, np.uint8)

    assert peak_of(step) == pytest.approx(3 * MIB, rel=0.01)


def test_the_line_is_found() -> None:
    found = memory_of(Trainings(each=MIB // 2), 10_000, limit=101 * MIB)
    assert found.batch_sizes == [1, 2, 4, 8, 16]  # at 16 samples 9 MiB, more than four times the 1.5 MiB of one
    np.testing.assert_allclose(found.peaks, [(1 + b / 2) * MIB for b in found.batch_sizes], rtol=0.01)
    assert found.base == pytest.approx(MIB, rel=0.02)
    assert found.per_sample == pytest.approx(MIB / 2, rel=0.01)
    assert found.largest == pytest.approx(200, rel=0.01)
    assert found.at(8) == found.peaks[3]
    assert found.at(1000) == pytest.approx(501 * MIB, rel=0.01)


def test_small_batches_that_say_nothing_of_large_ones_do_not_mislead() -> None:
    trainings = Trainings(fixed=MIB, once=64 * MIB, each=MIB // 64)  # the samples rule from 4096 on
    found = memory_of(trainings, 10_000, limit=1000 * MIB)
    assert found.at(512) == pytest.approx(65 * MIB, rel=0.01)
    assert found.at(2048) == pytest.approx(65 * MIB, rel=0.01)
    assert found.at(8192) == pytest.approx(129 * MIB, rel=0.02)
    assert found.largest == pytest.approx(999 * 64, rel=0.02)


def test_what_the_backward_pass_adds_counts() -> None:
    found = memory_of(Trainings(each=MIB // 4, more=MIB // 4), 10_000, limit=101 * MIB)
    assert found.per_sample == pytest.approx(MIB / 2, rel=0.01)


def test_a_limit_below_a_single_sample() -> None:
    found = memory_of(Trainings(once=64 * MIB, each=100), 10_000, limit=60 * MIB)
    assert found.largest in (0, None)


def test_what_is_there_only_while_a_training_is_made_does_not_count() -> None:
    def start(size: int) -> OneTraining:
        np.zeros(20 * MIB, np.uint8)
        return Trainings()(size)

    assert memory_of(start, 4).peaks[0] == pytest.approx(1.25 * MIB, rel=0.02)


@pytest.fixture
def no_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """These trainings are small: what is true of large ones shall be true of them."""
    monkeypatch.setattr(memory, "HARMLESS", 0)


def test_small_batches_are_measured_whatever_the_limit() -> None:
    found = memory_of(Trainings(), 1000, limit=1.3 * MIB)  # a single sample takes 1.25 MiB
    assert len(found.batch_sizes) >= 4
    assert found.largest == 1


@pytest.mark.usefixtures("no_harmless")
def test_it_stays_far_below_the_limit() -> None:
    trainings = Trainings(fixed=MIB, each=MIB)
    found = memory_of(trainings, 10_000, limit=20 * MIB)
    assert found.batch_sizes == [1, 2, 4]  # 5 MiB; twice the growth and more would be over half of the limit
    assert found.largest == pytest.approx(19, abs=1)


def test_it_stays_within_the_data_and_the_budget() -> None:
    trainings = Trainings(each=100)
    assert memory_of(trainings, 5).batch_sizes == [1, 2, 4]
    machine = Machine()

    def start(size: int) -> OneTraining:
        machine.work(size)
        return trainings(size)

    budget = Budget(16.0, machine.clock.wall)
    assert memory_of(start, 1000, budget=budget).batch_sizes == [1, 2, 4, 8]  # 8 would end at 15 s, 16 at 31 s
    assert budget.spent <= 16.0


def test_no_limit_no_prediction() -> None:
    found = memory_of(Trainings(), 8, why="nobody knows")
    assert (found.largest, found.why) == (None, "nobody knows")
    assert found.per_sample == pytest.approx(MIB / 4, rel=0.01)


def test_a_peak_that_does_not_grow() -> None:
    found = memory_of(Trainings(once=MIB, each=0), 4, limit=100.0 * MIB)
    assert found.largest is None or found.largest > 10_000


@pytest.mark.usefixtures("no_harmless")
def test_a_limit_that_leaves_one_size_to_be_measured_is_kept() -> None:
    below = memory_of(Trainings(), 1000, limit=1.0 * MIB)  # a single sample takes 1.25 MiB
    assert (below.batch_sizes, below.largest) == ([1], 0)
    tight = memory_of(Trainings(), 1000, limit=2.0 * MIB)  # two could take 2.5 MiB
    assert (tight.batch_sizes, tight.largest) == ([1], 1)
    assert tight.at(2) > tight.limit
    assert math.isnan(memory_of(Trainings(), 1, limit=2.0 * MIB * 9).per_sample)  # there is no other size to measure
    known = memory_of(Trainings(), 1000, limit=2.6 * MIB)
    assert known.batch_sizes == [1, 2]
    assert known.largest == 6


def test_one_measured_size_gives_no_line() -> None:
    found = memory_of(Trainings(), 1)
    assert found.largest is None
    assert "no two batch sizes" in found.why
    assert math.isnan(found.at(2))


def test_a_size_that_is_not_possible_is_passed_over() -> None:
    trainings = Trainings()

    def start(size: int) -> OneTraining:
        if size == 1:
            raise tg.ShapeError("more than one sample is needed")
        return trainings(size)

    assert memory_of(start, 8).batch_sizes == [2, 4, 8]


def test_errors_of_the_users_code_come_through_and_tracing_ends() -> None:
    def start(size: int) -> OneTraining:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        memory_of(start, 8)


def test_a_program_that_traces_goes_on_tracing() -> None:
    already = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        kept = np.zeros(MIB, np.uint8)
        assert peak_of(lambda: np.zeros(MIB, np.uint8)) == pytest.approx(MIB, rel=0.01)
        memory_of(Trainings(), 2)
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traced_memory()[0] >= kept.nbytes  # and nothing was forgotten
    finally:
        if not already:
            tracemalloc.stop()


def test_a_limit_in_bytes() -> None:
    assert memory_within(2.0 * MIB) == (2.0 * MIB, "")


def test_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=123))
    monkeypatch.setattr(module, "needed", lambda name, purpose: fake)
    assert memory_within(None) == (123.0, "")


def test_without_psutil_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    limit, why = memory_within(None)
    assert math.isnan(limit)
    assert "psutil" in why
    assert "memory_limit" in why


@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan, True, "2G"])
def test_no_limit_at_all(limit: Any) -> None:
    with pytest.raises(BenchError, match="memory_limit: got"):
        memory_within(limit)
