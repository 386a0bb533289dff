"""Which training runs are timed, in what order, and for how long, within a budget and a memory limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from ...errors import TinygradError
from ..problem import TIMING_RATE, Problem
from ..timing.clock import Budget, Clock
from ..timing.memory import Memory, memory_of
from ..timing.reference import REFERENCE
from ..timing.rounds import TURN, Rounds, Timing
from ..timing.rounds import Step as Work
from ..timing.steps import SplitStep, Steps, with_norms
from .result import again, norms, step

ROUNDS = 101  # enough to find a slowdown of 5 % where times vary by 3 %
WANTED = 10  # rounds that default batch sizes must leave time for
FEWEST = 6  # rounds that are enough for an interval
FEW = 4  # batch sizes from which the largest is left out, rather than those between
SPLIT_ROUNDS = 3
TRYING = 0.1  # of the budget left: the most that the first steps of a run may take
ASKED_TRYING = 0.25  # where the user named the batch size


class Start(Protocol):
    """Starts a training run, as the class `Run` does."""

    def __call__(self, problem: Problem, batch_size: int, rate: float, seed: int, *, even: bool) -> Steps:
        """A new training."""


class Sweep:
    """Training runs with several batch sizes, timed within a budget; an interrupt keeps what is known.

    Args:
        problem: what is trained.
        seed: the seed of weights, batches and the order of the turns.
        clock: the clock that times.
        budget: how long everything may take.
        start: starts a training run.
        asked: whether the user chose the batch sizes.

    Attributes:
        complete: whether everything asked for was timed.
        notes: what was left out, and why.
        memory: the memory that training takes.
        runs: the training runs, by batch size.
        norms_absent: why there are no steps with norms.
        splits: the steps part by part, by batch size.
        twice: the batch size of the control.
    """

    def __init__(self, problem: Problem, seed: int, clock: Clock, budget: Budget, start: Start, *, asked: bool) -> None:
        self.complete: bool = True
        self.notes: list[str] = []
        self.memory: Memory | None = None
        self.runs: dict[int, Steps] = {}
        self.norms_absent: str = ""
        self.splits: dict[int, SplitStep] = {}
        self.twice: int = 0
        self._problem, self._seed, self._clock, self._budget = problem, seed, clock, budget
        self._start, self._asked = start, asked
        self._took: dict[int, tuple[float, float]] = {}  # wall-clock seconds of a step, and of one with norms
        self._timed: dict[str, Timing] = {}

    @property
    def timings(self) -> dict[str, Timing]:
        """Seconds, one number for each whole round, by the names of `result`."""
        return {name: Timing(timing.seconds[: self.done]) for name, timing in self._timed.items()}

    @property
    def done(self) -> int:
        """The number of whole rounds: an interrupt may cut one short."""
        return min((len(timing.seconds) for timing in self._timed.values()), default=0)

    def measure_memory(self, limit: float, why: str) -> None:
        """Measure the memory of training with small batches. `limit` and `why` are those of `memory_within`."""
        budget = self._budget.part(0.15 * self._budget.left)
        self.memory = memory_of(self._training, len(self._problem.train), limit=limit, why=why, budget=budget)

    def prepare(self, sizes: list[int]) -> None:
        """Start the runs, take a few steps, and leave out what would not fit into memory or budget."""
        problem: TinygradError | None = None
        slow: list[int] = []
        for place, size in enumerate(sizes):
            if self._too_large(size):
                self._leave_out(sizes[place:], "they are predicted to need more memory than the others leave")
                break
            if self._too_slow(size):
                slow = sizes[place:]
                break
            try:
                run = self._training(size)
                run.step()
                self._took[size] = (self._clock.took(run.step), self._try_norms(run, size))
                self.runs[size] = run
            except TinygradError as error:
                problem = error
                self._leave_out([size], str(error))
        if not self.runs and problem is not None:
            raise problem
        slow = self._beyond_budget() + slow
        if slow:
            self._leave_out(slow, "the budget is too short for them")

    def split(self) -> None:
        """Time the parts of the steps."""
        self.splits = {size: SplitStep(run, self._clock.busy) for size, run in self.runs.items()}
        rounds = Rounds(self.splits, clock=self._clock, seed=self._seed)
        rounds.run(SPLIT_ROUNDS, warm_up=0, budget=self._budget.part(0.5 * self._budget.left))

    def time(self, other_work: Work, each_round: Callable[[], object] = lambda: None) -> None:
        """Time all of them side by side; `each_round` is called before each round."""
        if not self.runs:
            return
        contenders: dict[str, Work] = {REFERENCE: other_work}
        for size, run in self.runs.items():
            contenders[step(size)] = run.step
            if not self.norms_absent and math.isfinite(self._took[size][1]):
                contenders[norms(size)] = with_norms(run)
        self.twice = list(self.runs)[len(self.runs) // 2]
        contenders[again(self.twice)] = self._training(self.twice).step
        rounds = Rounds(contenders, clock=self._clock, seed=self._seed)
        self._timed = rounds.timings
        short = self._round() * 20.0 > self._budget.left
        rounds.run(ROUNDS, warm_up=1 if short else 3, budget=self._budget, before=each_round)

    def _training(self, size: int) -> Steps:
        """A new training."""
        return self._start(self._problem, size, TIMING_RATE, self._seed, even=True)

    def _try_norms(self, run: Steps, size: int) -> float:
        """Seconds of a step with norms; NaN where there is none."""
        if self.norms_absent:
            return math.nan
        try:
            return self._clock.took(with_norms(run))
        except TinygradError as error:
            self.norms_absent = " ".join(str(error).split())
            return math.nan

    def _too_large(self, size: int) -> bool:
        """Whether this run, beside the others, may need more memory than the limit."""
        memory = self.memory
        if memory is None or math.isnan(memory.limit) or math.isnan(memory.at(size)):
            return False
        return memory.at(size) + memory.base * (len(self.runs) + 1) > memory.limit

    def _too_slow(self, size: int) -> bool:
        """Whether trying it may take much of the time left."""
        if not self.runs:
            return False
        known = [(tried, sum(part for part in self._took[tried] if math.isfinite(part))) for tried in self.runs]
        (largest, seconds), (smaller, less) = known[-1], known[-2] if len(known) > 1 else (0, 0.0)
        each = max(0.0, seconds - less) / (largest - smaller)
        trying = ASKED_TRYING if self._asked else TRYING
        return 1.5 * (seconds + each * (size - largest)) > trying * self._budget.left

    def _beyond_budget(self) -> list[int]:
        """Drop batch sizes until the rounds fit into the budget: first every second default one, then the largest."""
        dropped: list[int] = []
        while len(self.runs) > 1 and not self._fits():
            sizes = list(self.runs)
            thinned = sizes[1::2] if len(sizes) > FEW and not self._asked else sizes[-1:]
            dropped += thinned
            for size in thinned:
                del self.runs[size]
        return sorted(dropped)

    def _fits(self) -> bool:
        """Whether there is time for enough rounds."""
        rounds = FEWEST if self._asked else WANTED
        # a round to warm up and two calls of everything come before
        return (rounds + 3) * self._round() + self._splitting() <= self._budget.left

    def _round(self) -> float:
        """Seconds that a round takes."""
        steps = [part for size in self.runs for part in self._took[size] if math.isfinite(part)]
        control = self._took[list(self.runs)[len(self.runs) // 2]][0]
        return sum(max(TURN, seconds) for seconds in (*steps, control, TURN))

    def _splitting(self) -> float:
        return (SPLIT_ROUNDS + 2) * sum(max(TURN, self._took[size][0]) for size in self.runs)

    def _leave_out(self, sizes: list[int], why: str) -> None:
        self.notes.append(f"left out: {listed(sizes)}, as {why}")
        self.complete = self.complete and not self._asked


def listed(sizes: list[int]) -> str:
    """Batch sizes in a sentence.

    >>> listed([8]), listed([8, 16])
    ('batch size 8', 'batch sizes 8, 16')
    """
    return f"batch size{'s' if len(sizes) > 1 else ''} {', '.join(str(size) for size in sizes)}"
