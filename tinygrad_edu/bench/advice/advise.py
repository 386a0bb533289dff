"""Choose a batch size: `advise` finds it, with its learning rate and the reason."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from ...optim import SGD
from ..problem import TIMING_RATE, Problem, Run
from ..progress import Tell, silent
from ..runs.target import check_target
from ..session import Session, session
from .advice import Advice
from .findings import Findings
from .investigate import investigate
from .lab import Lab
from .reason import best_known_rate, explain

LOOK = 1 / 1500  # of the budget: the most that one evaluation of the loss may take; there are some thousand
FEWEST = 128  # samples that the loss is always taken over


def advise(
    model: Any,
    loss_fn: Any,
    data: Any,
    *,
    optimizer: Any = SGD,
    test_data: Any = None,
    target_loss: float | None = None,
    batch_sizes: Sequence[int] | None = None,
    budget: float | None = 60.0,
    threads: int | None = None,
    memory_limit: int | None = None,
    seed: int = 0,
    names: dict[str, str] | None = None,
    tell: Tell | None = None,
) -> Advice:
    """Find the batch size that reaches a training loss soonest, its learning rate, and the reason.

    The best batch size is the geometric mean of two numbers: B* = √(N·a/b). The first is a property of the machine:
    a/b, the batch size at which the overhead of a step, a, and its arithmetic, b for each sample, take the same time.
    The second is a property of the data: the gradient noise scale N. Steps are timed to find a and b. N is measured in
    two ways: from the per-sample gradients of a copy of the model while it is trained, and by racing several batch
    sizes to the same loss. At last, the learning rate for the answer is found by running it. If there is no answer,
    `batch_size` is None and `reason` says why. Ctrl-C returns the answer so far.

    Args:
        model: a class or function without arguments, called for each training run, or a module, which is copied.
        loss_fn: a loss of `nn.functional` or `nn`, or a function of (output, target) that returns one loss for each
            sample, (B,). None for cross-entropy with integer targets and squared error with others.
        data: (x, y), a dataset of such pairs, or a `DataLoader`.
        optimizer: a class of `optim`, or a function of (params, lr=rate) that returns an optimizer.
        test_data: like `data`; None holds out a fifth of the data, with its share of each class.
        target_loss: the mean loss per sample to reach, in evaluation mode, over a fixed part of the training data; None
            for the loss that a first training run ends with.
        batch_sizes: those to choose from; None for the powers of two.
        budget: seconds of wall time; None for no limit.
        threads: threads of the BLAS library; None keeps the current setting.
        memory_limit: bytes that a step may use; batches that need more are not tried.
        seed: the seed of all random numbers.
        names: what to call the ``"model"`` and the ``"data"`` in the result.
        tell: a function that is called with the current stage and the share of the budget spent.

    Raises:
        BenchError: if the arguments do not fit together. Errors raised by the user's own code are passed on.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import bench
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 4)).astype("float32")
    >>> y = (x.sum(1) + rng.normal(size=500) > 0).astype(int)
    >>> advice = bench.advise(lambda: tg.nn.Linear(4, 2), None, (x, y), budget=1.0)
    >>> advice.complete, len(advice.reason) > 100
    (True, True)
    """
    check_target(target_loss)
    with session(
        model,
        loss_fn,
        data,
        optimizer=optimizer,
        test_data=test_data,
        budget=budget,
        threads=threads,
        memory_limit=memory_limit,
        seed=seed,
        names=names,
    ) as now:
        problem, allowed = _affordable(now), now.sizes(batch_sizes)
        lab = Lab(
            functools.partial(Run, problem),
            now.largest,
            problem.gradual,
            now.clock,
            now.budget,
            seed,
            allowed,
            tell or silent,
        )
        found = Findings(now.largest, problem.gradual, allowed, threads=now.environment["threads"])
        stopped = ""
        try:
            investigate(lab, found, target_loss)
        except KeyboardInterrupt:
            stopped, found.interrupted = "interrupt", True
        return conclude(
            found,
            stopped=stopped,
            problem=problem.about(),
            settings={
                "seed": seed,
                "budget": budget,
                "batch_sizes": allowed or None,
                "target_loss": target_loss,
                "threads": threads,
                "memory_limit": memory_limit,
            },
            environment=now.environment,
            notes=now.notes,
            probe_batch=lab.usual,
        )


def _affordable(now: Session) -> Problem:
    """The problem, with fewer samples to compare losses over if evaluating all of them takes long."""
    run, count = Run(now.problem, 1, TIMING_RATE, 0), len(now.problem.judged[1])
    took = now.clock.took(run.loss)
    most = count if took <= LOOK * now.budget.seconds else int(count * LOOK * now.budget.seconds / took)
    if most >= count or count <= FEWEST:
        return now.problem
    most = max(most, FEWEST)
    now.notes.append(
        f"losses are compared over {most} samples, and the noise scale is measured on as many: more take too long"
    )
    return now.problem.lighter(most)


def conclude(found: Findings, *, stopped: str = "", **about: Any) -> Advice:
    """The answer from what was found."""
    answer = found.answer
    rate = math.nan if answer is None else best_known_rate(found)
    return Advice(
        batch_size=answer.size if answer else None,
        low=answer.low if answer else None,
        high=answer.high if answer else None,
        learning_rate=_known(float(f"{rate:.2g}")),
        reason=explain(found),
        target_loss=_known(found.target),
        optimum=answer.best if answer else None,
        noise_from_gradients=_known(found.noise_from_gradients),
        noise_from_race=_known(found.noise_from_race),
        noise=_known(found.noise),
        step_cost=found.cost,
        probe_rate=_known(found.probing.rate),
        checkpoints=found.probing.checkpoints,
        race=found.lanes,
        rates=found.final.rates if found.final else {},
        complete=not stopped,
        stopped=stopped,
        **about,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
