"""A run that goes on from a checkpoint equals one that was never interrupted, bit for bit."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training
from hypothesis import given, settings
from hypothesis import strategies as st
from killing import killed
from optimizers import KINDS
from training import Training

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import lr_scheduler


class Run:
    """A model, its optimizer and schedule, made anew, and the steps of a training.

    Args:
        model: makes the model.
        optimizer: makes the optimizer of the model's parameters.
        schedule: makes the schedule of that optimizer.
        every: how many backward passes a step has.
    """

    def __init__(
        self,
        model: Callable[[], nn.Module],
        optimizer: Callable[[Any], Any],
        schedule: Callable[[Any], Any] = lambda optimizer: None,
        every: int = 1,
    ) -> None:
        self.model = model()
        self.optimizer = optimizer(self.model)
        self.schedule = schedule(self.optimizer)
        self.every = every
        self.done = 0

    @property
    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.schedule}

    def go(self, passes: int) -> Run:
        for _ in range(passes):
            x, y = tg.randn(4, 6), tg.randn(4, 2)
            self.done += 1
            if isinstance(self.optimizer, optim.LBFGS):
                self.optimizer.step(lambda x=x, y=y: self.loss(x, y), samples=4)
            else:
                self.loss(x, y, forget=self.done % self.every == 1 % self.every)
                if self.done % self.every == 0:
                    nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
                    self.optimizer.step(samples=4 * self.every)
            if isinstance(self.schedule, lr_scheduler.ReduceLROnPlateau):
                self.schedule.step(self.done % 3)
            elif self.schedule is not None:
                self.schedule.step()
        return self

    def loss(self, x: Any, y: Any, forget: bool = True) -> Any:
        if forget:
            self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(x).float(), y)
        loss.backward()
        return loss

    def saved(self) -> io.BytesIO:
        file = io.BytesIO()
        tg.save_checkpoint(file, **self.parts, done=self.done)
        file.seek(0)
        return file

    def resume(self, file: io.BytesIO) -> Run:
        self.done = tg.load_checkpoint(file, **self.parts)["done"]
        return self


def check(make: Callable[[], Run], before: int, after: int) -> None:
    """Compare a run that goes on, in objects made anew, with one that is not interrupted."""
    tg.manual_seed(before)
    whole = make().go(before)
    file = whole.saved()
    uninterrupted = whole.go(after).saved().getvalue()
    tg.manual_seed(99)
    resumed = make().resume(file).go(after)
    same = resumed.saved().getvalue() == uninterrupted  # of which nobody wants to see the difference
    assert same


def dense() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.3), nn.Tanh(), nn.Linear(5, 2))


def groups(model: nn.Module) -> list[dict[str, Any]]:
    """Two groups, of which one has options of its own."""
    parameters = list(model.parameters())
    return [{"params": parameters[:2], "lr": 0.03}, {"params": parameters[2:]}]


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    **{name: lambda m, make=make: make(groups(m), lr=0.01, weight_decay=0.1) for name, make in KINDS.items()},
    "maximize": lambda m: optim.Adam(m.parameters(), lr=0.01, maximize=True),
    "rates that are no floats": lambda m: optim.SGD(
        [{**groups(m)[0], "lr": tg.tensor(0.01)}, {**groups(m)[1], "lr": np.float32(0.01)}], momentum=np.float64(0.9)
    ),
    "named": lambda m: optim.AdamW(m.named_parameters()),
    "lbfgs": lambda m: optim.LBFGS(m.parameters(), lr=0.1, max_iter=3, history_size=2),
    "lbfgs with a search": lambda m: optim.LBFGS(m.parameters(), max_iter=3, line_search_fn="strong_wolfe"),
}
counts = given(before=st.integers(0, 5), after=st.integers(1, 4))


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
@settings(max_examples=5)
@counts
def test_every_optimizer(make: Callable[[Any], Any], before: int, after: int) -> None:
    check(lambda: Run(dense, make), before, after)


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("dtype", [tg.float16, tg.float64], ids=str)
def test_a_model_that_is_converted_between_two_steps(make: Callable[..., Any], dtype: Any) -> None:
    def converted(run: Run) -> Run:
        run.model.to(dtype)
        return run

    def run() -> Run:
        return Run(lambda: nn.Linear(6, 2), lambda m: make(m.parameters(), lr=0.01))

    for after in (0, 1):  # steps of the converted model before the checkpoint
        tg.manual_seed(0)
        whole = converted(run().go(2)).go(after)
        file = whole.saved()
        uninterrupted = whole.go(2).saved().getvalue()
        same = converted(run()).resume(file).go(2).saved().getvalue() == uninterrupted
        assert same


def test_no_optimizer_is_forgotten() -> None:
    kinds = {type(make(dense())) for make in OPTIMIZERS.values()}
    known = {kind for kind in vars(optim).values() if isinstance(kind, type) and issubclass(kind, optim.Optimizer)}
    assert kinds == known - {optim.Optimizer}


class Noisy:
    """A factor that remembers what it gave, and gives another one each time."""

    def __init__(self) -> None:
        self.factors = [1.0]

    def __call__(self, epoch: int) -> float:
        self.factors.append(self.factors[-1] * 0.75 + 0.1)
        return self.factors[-1]


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "milestones": lambda o: lr_scheduler.MultiStepLR(o, [2, 3], 0.5),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "linear": lambda o: lr_scheduler.LinearLR(o, 0.3),
    "constant": lambda o: lr_scheduler.ConstantLR(o, 0.3, 3),
    "polynomial": lambda o: lr_scheduler.PolynomialLR(o, 9, 1.5),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 7),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2),
    "function": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "objects": lambda o: lr_scheduler.LambdaLR(o, [Noisy(), Noisy()]),
    "products": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 1 - 1 / (3 + t)),
    "products of objects": lambda o: lr_scheduler.MultiplicativeLR(o, [Noisy(), Noisy()]),
    "cycles": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9),
    "cycles scaled by an object": lambda o: lr_scheduler.CyclicLR(o, [0.01, 0.02], 0.1, 2, scale_fn=Noisy()),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.1, 20, three_phase=True),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1),
    "sequence": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.3), lr_scheduler.MultiplicativeLR(o, lambda t: 0.9)], [3]
    ),
    "chain": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.OneCycleLR(o, 0.1, 20), lr_scheduler.LambdaLR(o, [Noisy(), Noisy()])]
    ),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES.keys())
@settings(max_examples=5)
@counts
def test_every_schedule(make: Callable[[Any], Any], before: int, after: int) -> None:
    check(lambda: Run(dense, lambda m: optim.NAdam(groups(m), lr=0.01), make), before, after)


def test_no_schedule_is_forgotten() -> None:
    kinds = {type(make(optim.SGD(groups(dense()), momentum=0.9))) for make in SCHEDULES.values()}
    known = {getattr(lr_scheduler, name) for name in lr_scheduler.__all__}
    assert kinds == known - {lr_scheduler.LRScheduler}


class Rows(nn.Module):
    """Parts whose input has three axes, on rows that are seen as sequences of 3 steps with 2 features."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, x: Any) -> Any:
        out = self.parts(x.reshape(4, 3, 2))
        return (out[0] if isinstance(out, tuple) else out).reshape(4, -1)[:, :2]


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, 2))
    model[2].weight = model[0].weight
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "statistics": lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)),
    "a mean of all statistics": lambda: nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2, momentum=None)),
    "statistics of instances": lambda: Rows(nn.InstanceNorm1d(3, affine=True, track_running_stats=True)),
    "a recurrent one with dropout": lambda: Rows(nn.LSTM(2, 3, num_layers=2, dropout=0.4, batch_first=True)),
    "attention with dropout": lambda: Rows(nn.TransformerEncoderLayer(2, 1, 4, dropout=0.3, batch_first=True)),
    "convolution": lambda: Rows(nn.Conv1d(3, 4, 2), nn.Dropout1d(0.5), nn.RReLU(), nn.ConvTranspose1d(4, 1, 2)),
    "lengths and directions": lambda: nn.utils.weight_norm(nn.Linear(6, 2)),
    "parametrized": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(6, 2)),
    "lazy": lambda: nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.Dropout(0.5), nn.LazyLinear(2)),
    "tied": tied,
    "half precision": lambda: dense().half(),
    "double precision": lambda: dense().double(),
    "partly frozen": lambda: nn.Sequential(nn.Linear(6, 5).requires_grad_(False), nn.AlphaDropout(), nn.Linear(5, 2)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
@settings(max_examples=5)
@given(before=st.integers(1, 4), after=st.integers(1, 3), every=st.integers(1, 3))
def test_every_kind_of_model(make: Callable[[], nn.Module], before: int, after: int, every: int) -> None:
    check(lambda: Run(make, lambda m: optim.Adam(m.parameters(), lr=0.01, eps=1e-4), every=every), before, after)


# In the middle of an epoch


WORKERS: dict[str, dict[str, Any]] = {
    "none": {},
    "threads": {"num_workers": 2},
    "threads that stay": {"num_workers": 3, "persistent_workers": True},
    "processes": {"num_workers": 2, "worker_type": "process", "persistent_workers": True},
}


@pytest.mark.parametrize("generator", [False, True])
@pytest.mark.parametrize(
    ("before", "after"),
    [("none", "none"), ("none", "processes"), ("threads", "threads that stay"), ("processes", "threads")],
)
@settings(max_examples=2)
@given(steps=st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(sorted))
def test_in_the_middle_of_an_epoch(before: str, after: str, generator: bool, steps: list[int]) -> None:
    tg.manual_seed(3)
    file = Training(generator, **WORKERS[before]).run(until=steps[0])
    for step in steps[1:]:
        file = Training(generator, **WORKERS[after]).resume(file).run(until=step)
    tg.manual_seed(4)
    assert Training(generator, **WORKERS[after]).resume(file).run().getvalue() == whole(generator)


@functools.cache
def whole(generator: bool) -> bytes:
    """The checkpoint at the end of an uninterrupted training."""
    tg.manual_seed(3)
    return Training(generator).run().getvalue()


# Killed

POSIX = pytest.mark.skipif(os.name != "posix", reason="programs are killed by signals")


@POSIX
@pytest.mark.parametrize("kind", ["none", "threads", "processes"])
def test_a_training_that_is_killed_again_and_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    program = [sys.executable, training.__file__, str(path), json.dumps(WORKERS[kind])]
    kills, finished = 0, False
    while not finished:
        with subprocess.Popen(program, stdout=subprocess.PIPE) as run:
            for _ in range(random.randint(2, 7)):  # steps, and then a moment in the one that follows
                finished = not run.stdout.readline()
            if not finished:
                run.kill()
                kills += 1
        assert run.returncode == (0 if finished else -signal.SIGKILL)
    assert kills
    assert path.read_bytes() == whole(False)
    assert os.listdir(tmp_path) == [path.name]


@POSIX
def test_a_checkpoint_that_is_being_written_when_the_program_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
import tinygrad_edu as tg
from training import Training

tg.manual_seed(3)
training = Training()
training.run(until=2)
former = training.saved().getvalue()
training.run(until=5)

def write():
    training.save(path)
"""
    names: dict[str, Any] = {"path": "unused"}
    exec(program, names)
    path = tmp_path / "run.ckpt"
    path.write_bytes(names["former"])
    found = killed(program, path, step=97, moments=10).found
    contents = names["former"], names["training"].saved().getvalue()
    assert {hashlib.sha256(content).hexdigest() for content in contents} == found.keys()
    for content in contents:
        Training().resume(io.BytesIO(content))
