"""Combined schedules: one after the other, or each on top of the one before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence, Sized
from typing import Any

from ...errors import describe, type_name
from ..optimizer import Optimizer
from .schedule import LRScheduler, Schedule


class _Combined(LRScheduler):
    """What schedules made of others share. These are asked for their rates, and not stepped themselves."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], last_epoch: int) -> None:
        self._schedulers = list(schedulers)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue later, that of the parts included."""
        return {**super().state_dict(), "schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        states = state_dict["schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict(): the state is of {len(states)} schedules, this one is made "
                f"of {len(self._schedulers)}"
            )
        for scheduler, state in zip(self._schedulers, states):
            scheduler._check_state(state)

    def _take_state(self, state_dict: Mapping[str, Any]) -> None:
        own = {key: value for key, value in state_dict.items() if key != "schedulers"}
        super()._take_state(own)
        for scheduler, state in zip(self._schedulers, state_dict["schedulers"]):
            scheduler._take_state(state)


class SequentialLR(_Combined):
    """One schedule after the other: each begins at a milestone, with its epoch 0.

    Each starts from the initial learning rate, not from where the previous one ended. Do not call `step` on the parts.
    (In PyTorch only a `MultiplicativeLR` continues from where the previous one ended.)

    Args:
        optimizer: the optimizer whose learning rates are set.
        schedulers: schedules of this optimizer.
        milestones: the epochs at which the second begins, the third, and so on.
        last_epoch: the index of the last finished epoch; -1 to start.

    Raises:
        ValueError: if there are no schedules, or one of another optimizer, or a `ReduceLROnPlateau`; if the milestones
            are not in order, or not one fewer than the schedules.
        TypeError: for something that is not a schedule.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> parts = [LinearLR(optimizer, 0.25, total_iters=3), ExponentialLR(optimizer, gamma=0.5)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[3])
    >>> for _ in range(6):
    ...     print(schedule.get_last_lr())
    ...     schedule.step()
    [2.0]
    [4.0]
    [6.0]
    [8.0]
    [4.0]
    [2.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        _require_parts("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ValueError(
                f"SequentialLR: milestones={list(milestones)} for {len(schedulers)} schedules: give the epochs at "
                f"which the second begins and those after it, {len(schedulers) - 1} in all, in order"
            )
        self.milestones: list[int] = list(milestones)
        super().__init__(optimizer, schedulers, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """That of the schedule whose turn it is."""
        scheduler, own_epoch = self._turn(epoch)
        return scheduler.rate(base, own_epoch, group)

    def momentum(self, epoch: int, group: int) -> float | None:
        """That of the schedule whose turn it is."""
        scheduler, own_epoch = self._turn(epoch)
        return scheduler.momentum(own_epoch, group)

    def _turn(self, epoch: int) -> tuple[LRScheduler, int]:
        """Whose turn it is, and which epoch that is for it."""
        index = bisect_right(self.milestones, epoch)
        return self._schedulers[index], epoch - self.milestones[index - 1] if index else epoch


class ChainedScheduler(_Combined):
    """Several schedules at once: each is applied to the learning rate that the previous one gives.

    Factors multiply. `CyclicLR` and `OneCycleLR` set rates directly, so they must come first. Do not call `step` on the
    parts. (In PyTorch each changes the current rate instead: there most factors multiply as well, but a `LambdaLR`
    undoes what comes before it, and so does a `SequentialLR` at its milestones.)

    Args:
        schedulers: schedules of one optimizer, at the same epoch.
        optimizer: their optimizer; may be left out.

    Raises:
        ValueError: if there are no schedules, if they are of different optimizers or at different epochs, or for a
            `ReduceLROnPlateau`.
        TypeError: for something that is not a schedule.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> parts = [ConstantLR(optimizer, factor=0.25, total_iters=2), ExponentialLR(optimizer, gamma=0.5)]
    >>> schedule = ChainedScheduler(parts)
    >>> for _ in range(4):
    ...     print(schedule.get_last_lr())
    ...     schedule.step()
    [2.0]
    [1.0]
    [2.0]
    [1.0]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        _require_parts("ChainedScheduler", schedulers, optimizer)
        epochs = [scheduler.last_epoch for scheduler in schedulers]
        if min(epochs) != max(epochs):
            raise ValueError(f"ChainedScheduler: its schedules are at epochs {epochs}: make all begin with the same")
        super().__init__(schedulers[0].optimizer, schedulers, epochs[0] - 1)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """That of the last schedule, applied to that of the one before, and so on."""
        for scheduler in self._schedulers:
            base = scheduler.rate(base, epoch, group)
        return base

    def momentum(self, epoch: int, group: int) -> float | None:
        """That of the last schedule that sets it."""
        found = [scheduler.momentum(epoch, group) for scheduler in self._schedulers]
        return next((momentum for momentum in reversed(found) if momentum is not None), None)


def _require_parts(owner: str, schedulers: Sequence[Any], optimizer: Optimizer | None) -> None:
    """Raise unless these are schedules that can be combined."""
    if not isinstance(schedulers, Sized):
        raise TypeError(f"{owner}: schedulers is a {type_name(schedulers)}, and must be a list of schedules")
    if not len(schedulers):
        raise ValueError(f"{owner}: there is no schedule to combine: give at least one")
    for index, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, Schedule):
            raise TypeError(f"{owner}: number {index} is no schedule but {describe(scheduler)}")
        if not isinstance(scheduler, LRScheduler):
            raise ValueError(
                f"{owner}: number {index} is a {type(scheduler).__name__}, whose step() takes a measure: step it "
                "by itself"
            )
        if scheduler.optimizer is not (optimizer or schedulers[0].optimizer):
            raise ValueError(f"{owner}: number {index} is a schedule of another optimizer: make all of the same")
