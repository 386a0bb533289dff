"""What is benchmarked: a model, its loss, data and an optimizer, tried out before anything is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...autograd.modes import is_grad_enabled
from ...errors import describe
from ...nn.module.module import Module
from ...optim import SGD, Optimizer
from ..errors import BenchError
from .losses import SampleLosses, loss_for, name_of, needs, takes
from .models import dtype_of, maker
from .randomness import draws, preserved
from .samples import Samples
from .trial import try_batch, try_step

JUDGED = 1024  # training samples over which the loss is evaluated
UNREAD = (
    "held out: a fifth at random, whatever its classes, as reading all targets takes long; with a list of them as "
    "dataset.targets, each class has its share"
)


@dataclass(frozen=True, eq=False)
class Problem:
    """A model, a loss, data and an optimizer that fit together, all as copies of the user's.

    Attributes:
        make: makes a new model from a seed.
        losses: computes one loss for each sample from output and targets.
        optimizer: makes an optimizer, ``optimizer(params, lr=rate)``.
        train: the training samples.
        test: the held-out samples; None if there are too few.
        judged: a fixed part of the training data, as one batch, over which losses are compared.
        names: the names of model, loss, optimizer and data.
        notes: choices made for the user.
        gradual: whether steps are proportional to the gradient: plain SGD without momentum.
        sums: whether the rate for a summed loss is that for a mean loss divided by the batch size: SGD of any kind.
    """

    make: Callable[[int], Module]
    losses: SampleLosses
    optimizer: Callable[..., Optimizer]
    train: Samples
    test: Samples | None
    judged: tuple[Any, Any]
    names: dict[str, str]
    notes: tuple[str, ...] = ()
    gradual: bool = True
    test_batch: tuple[Any, Any] | None = field(default=None, repr=False)
    sums: bool = True

    @classmethod
    def of(
        cls,
        model: Any,
        loss_fn: Any,
        data: Any,
        *,
        optimizer: Any = SGD,
        test_data: Any = None,
        hold_out: bool = True,
        seed: int = 0,
        names: dict[str, str] | None = None,
    ) -> Problem:
        """Read the user's arguments, and run one small batch.

        Args:
            model: a class or function without arguments, called for each run, or a module, which is copied.
            loss_fn: see `SampleLosses`; None for cross-entropy with integer targets and squared error with others.
            data: (x, y), a dataset of such pairs, or a DataLoader.
            optimizer: a class of `optim`, or a function of (params, lr=rate) that returns an optimizer.
            test_data: like `data`; None holds out a fifth of the data.
            hold_out: whether to hold out samples; if not, all of them are for training.
            seed: the seed that selects the held-out samples and `judged`.
            names: other names for the report, for ``"model"`` and ``"data"``.

        Raises:
            BenchError: if the arguments do not fit together. Errors raised by the user's own code are passed on.
        """
        if not is_grad_enabled():
            raise BenchError("gradients are switched off, so nothing can be trained: call it outside tg.no_grad()")
        with preserved():
            samples = Samples.of(data)
            given = None if test_data is None else Samples.of(test_data, "test_data", least=1)
            make = maker(model)
            built = make(seed)
            dtype = dtype_of(built)
            samples, notes = _as(samples, dtype)
            train, test = samples, None if given is None else _as(given, dtype)[0]
            if given is None and hold_out:
                train, test = samples.hold_out(seed)
            if given is None and hold_out and samples.unread:
                notes.append(UNREAD)
            rng = draws(seed)
            numbers = [np.sort(rng.permutation(len(part))[:JUDGED]) for part in (train, test) if part is not None]
            judged = train.batch(numbers[0])
            tested = None if test is None else test.batch(numbers[1])
            if loss_fn is None:
                loss_fn = loss_for(judged[1])
                notes.append(f"loss: {name_of(loss_fn)}, as the targets are {judged[1].dtype}")
            losses = SampleLosses(loss_fn)
            known = {
                "model": name_of(model),
                "loss": losses.name,
                "optimizer": name_of(optimizer),
                "data": type(data).__name__ if not isinstance(data, tuple | list) else "arrays",
                **(names or {}),
            }
            try_batch(built, losses, train, numbers[0], judged, known)
            if test is not None and tested is not None:
                try_batch(built, losses, test, numbers[1], tested, known)
            notes += try_step(built, losses, train, known)
            stepper = _stepper(optimizer, built)
            sums = type(stepper) is SGD
            gradual = sums and not any(group.get("momentum") for group in stepper.param_groups)
        return cls(make, losses, optimizer, train, test, judged, known, tuple(notes), gradual, tested, sums)

    def lighter(self, most: int) -> Problem:
        """The same, with losses compared over at most so many samples, to save time."""
        rng = draws(0)

        def fewer(part: Samples, batch: tuple[Any, Any]) -> tuple[Any, Any]:
            if len(batch[1]) <= most:
                return batch
            return part.batch(np.sort(rng.permutation(len(part))[:most]))

        tested = self.test_batch
        if self.test is not None and tested is not None:
            tested = fewer(self.test, tested)
        return replace(self, judged=fewer(self.train, self.judged), test_batch=tested)

    def about(self) -> dict[str, Any]:
        """Its description in a result: names, dtype and sizes."""
        with preserved():
            model = self.make(0)
        return {
            **self.names,
            "dtype": str(dtype_of(model)),
            "parameters": sum(p.array.size for p in model.parameters()),
            "samples": len(self.train),
            "held_out": 0 if self.test is None else len(self.test),
        }


def _as(samples: Samples, dtype: np.dtype[Any]) -> tuple[Samples, list[str]]:
    """The samples in the floating dtype of the parameters, and notes on the conversion."""
    other = sorted(str(found) for found in samples.floats() - {dtype})
    if not other:
        return samples, []
    return samples.cast(dtype), [f"{samples.name}: {', '.join(other)} cast to {dtype}, the dtype of the parameters"]


def _stepper(optimizer: Any, model: Module) -> Optimizer:
    """Make an optimizer once, to check that this works and that it uses the learning rate."""
    if isinstance(optimizer, Optimizer):
        kind = type(optimizer).__name__
        raise BenchError(
            f"optimizer is an object of class {kind}: give the class, optim.{kind}, or partial(optim.{kind}, …)"
        )
    if not callable(optimizer):
        raise BenchError(f"optimizer: got {describe(optimizer)}; give a class such as optim.SGD")
    name = name_of(optimizer)
    if not takes(optimizer, "lr"):
        raise BenchError(f"optimizer: {name} takes no learning rate: write it as a function of (params, lr)")
    more = [argument for argument in needs(optimizer)[1:] if argument != "lr"]
    if more:
        raise BenchError(f"optimizer: {name} needs {', '.join(more)} as well: give them by functools.partial")
    parameters = list(model.parameters())
    made = optimizer(parameters, lr=1e-3)
    if not isinstance(made, Optimizer):
        raise BenchError(f"optimizer: {name}(params, lr=rate) returned {describe(made)}, not an optimizer of optim")
    other = optimizer(parameters, lr=2e-3)
    if [group["lr"] for group in made.param_groups] == [group["lr"] for group in other.param_groups]:
        raise BenchError(f"optimizer: {name}(params, lr=rate) ignores the learning rate: pass lr on")
    return made
