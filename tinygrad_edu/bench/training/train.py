"""Training at many batch sizes, to one loss."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...optim import SGD
from ..errors import BenchError, needed
from ..problem import TIMING_RATE, Run
from ..progress import Tell, silent
from ..session import session
from ..timing.clock import Budget, Clock
from ..timing.rounds import Timing
from .conclusion import conclude
from .plan import Plan
from .result import TrainResult
from .resume import check_same
from .sweep import Found, sweep
from .trainings import OutOfTime, Start, Trainings

Save = Callable[[TrainResult], object]


def train(
    model: Any,
    loss_fn: Any,
    data: Any,
    *,
    target_loss: float | None = None,
    batch_sizes: Sequence[int] | None = None,
    optimizer: Any = SGD,
    lr_rule: str = "tune",
    seeds: int = 3,
    max_epochs: float = 50,
    test_data: Any = None,
    budget: float | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    seed: int = 0,
    names: dict[str, str] | None = None,
    resume: TrainResult | None = None,
    save: str | Path | Save | None = None,
    tell: Tell | None = None,
) -> TrainResult:
    """Train to one loss with many batch sizes, and report how many steps, samples and seconds each takes.

    For each batch size, a learning rate is found by trial, with separate seeds. Several training runs with this rate
    follow. The trade-off between steps and samples is fitted to these runs, and the noise scale is measured along one
    of them. Everything except the times is determined by the arguments. Ctrl-C and the end of the budget return what is
    known by then.

    Args:
        model: a class or function without arguments, called for each training run, or a module, which is copied.
        loss_fn: a loss of `F` or `nn`, or a function of (output, target) that returns one loss for each sample, (B,);
            None for cross-entropy with integer targets and squared error with others.
        data: (x, y), a dataset of such pairs, or a DataLoader.
        target_loss: the mean loss per training sample to reach, in evaluation mode; None for the loss that a short run
            with the middle batch size reaches, which is then stated in `notes`.
        batch_sizes: None for powers of two, up to 2048 or the number of training samples.
        optimizer: a class of `optim`, or a function of (params, lr=rate) that returns an optimizer.
        lr_rule: "tune" for a search with each batch size. With "constant", "sqrt" or "linear" there is one search, with
            the middle batch size, and the rates of the others follow from it.
        seeds: the number of training runs reported for each batch size.
        max_epochs: epochs after which a run is given up, but never before 500 steps.
        test_data: like `data`; None holds out a fifth of the data.
        budget: seconds of wall time; None for no limit.
        threads: threads of the BLAS library; None keeps the current setting.
        memory_limit: bytes that training may use; batches that need more are left out.
        seed: the seed of all random numbers.
        names: what to call the ``"model"`` and the ``"data"`` in the result.
        resume: the result of the same call when it was interrupted; its training runs are not repeated.
        save: a folder in which ``train.json`` is written after each training run, and from which it is resumed if it
            exists; or a function that is called with the result so far.
        tell: a function that is called with the current stage and the share of the batch sizes that are done.

    Raises:
        BenchError: if the arguments do not fit together, `resume` is from a different call, or SciPy is not installed.
            Errors raised by the user's own code are passed on.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import bench
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(100, 3))
    >>> y = (x.sum(1, keepdims=True) + rng.normal(size=(100, 1))).astype("float32")
    >>> result = bench.train(lambda: tg.nn.Linear(3, 1), None, (x, y), target_loss=1.5, batch_sizes=[4, 64], seeds=1)
    >>> [(row.batch_size, row.runs[0].train_loss <= 1.5) for row in result.sizes]
    [(4, True), (64, True)]
    """
    needed("scipy.optimize", "bench.train, which fits a curve,")
    before, keep = _kept(resume, save)
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
        problem = now.problem
        plan = Plan.of(
            now.sizes(batch_sizes) if batch_sizes is not None else None,
            len(problem.train),
            now.largest,
            rule=lr_rule,
            target=target_loss,
            seeds=seeds,
            seed=seed,
            max_epochs=max_epochs,
            gradual=problem.gradual,
            sums=problem.sums,
        )
        return train_with(
            functools.partial(Run, problem),
            plan,
            problem=problem.about(),
            settings={"budget": budget, "threads": threads, "memory_limit": memory_limit},
            environment=now.environment,
            notes=now.notes,
            clock=now.clock,
            budget=now.budget,
            resume=before,
            save=keep,
            tell=tell or silent,
        )


def train_with(
    start: Start,
    plan: Plan,
    *,
    clock: Clock,
    budget: Budget,
    resume: TrainResult | None = None,
    save: Save | None = None,
    tell: Tell = silent,
    **about: Any,
) -> TrainResult:
    """Do what `train` does, with anything that can be trained.

    Args:
        start: starts a training run from batch size, rate and seed; the same three give the same run.
        plan: what to train.
        clock, budget, resume, tell: see `train`.
        save: called with the result so far after each training run.
        about: problem, settings, environment and notes of a `Result`; the options of the plan are added to the
            settings.
    """
    about["settings"] = {**_settings(plan), **about["settings"]}
    first_loss = start(plan.middle, TIMING_RATE, plan.seed).loss()
    found = Found(plan, first_loss)
    if resume is not None:
        check_same(resume, about["problem"], about["settings"], first_loss)
        found.noise = resume.noise if resume.noise.batch_size else None
        if resume.environment == about["environment"]:
            found.timings = {size: Timing(seconds) for size, seconds in resume.timings.items()}

    def keep() -> None:
        if save is not None:
            save(conclude(trainings, found, stopped="", complete=False, **about))

    trainings = Trainings(start, budget, resume.trainings if resume is not None else (), keep)
    stopped = ""
    try:
        sweep(trainings, found, clock=clock, budget=budget, tell=tell, keep=keep)
    except KeyboardInterrupt:
        stopped = "interrupt"
    except OutOfTime:
        stopped = "budget"
    result = conclude(trainings, found, stopped=stopped, complete=not stopped, **about)
    if save is not None:
        save(result)
    return result


def _settings(plan: Plan) -> dict[str, Any]:
    return {
        "batch_sizes": list(plan.batch_sizes),
        "target_loss": plan.target,
        "lr_rule": plan.rule,
        "seeds": plan.seeds,
        "seed": plan.seed,
        "max_epochs": plan.max_epochs,
    }


def _kept(resume: TrainResult | None, save: str | Path | Save | None) -> tuple[TrainResult | None, Save | None]:
    """The earlier result, and the function to call with the new one."""
    if not isinstance(save, str | Path):
        return resume, save
    file = Path(save) / f"{TrainResult.kind}.json"
    if resume is None and file.exists():
        try:
            resume = TrainResult.from_json(file.read_text(encoding="utf-8"))
        except (BenchError, OSError, UnicodeDecodeError) as error:
            raise BenchError(
                f"{file} cannot be resumed from: {error}. Move it away, or save in another folder"
            ) from error

    def keep(result: TrainResult) -> None:
        result.save(save)

    return resume, keep
