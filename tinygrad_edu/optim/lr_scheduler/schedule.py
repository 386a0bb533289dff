"""The base class of schedules, and what every schedule has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...errors import StateError, describe, foreign, type_name
from ..optimizer import Optimizer
from ..options import number


class Schedule:
    """What a schedule is asked and told, whatever it follows."""

    def __init__(self, optimizer: Optimizer) -> None:
        given: object = optimizer
        if not isinstance(given, Optimizer):
            name = type(self).__name__
            raise TypeError(
                f"{name}: needs the optimizer whose rates it sets, got {foreign(given) or type_name(given)}"
            )
        self.optimizer = given

    def get_last_lr(self) -> list[float]:
        """The present learning rate of each group.

        >>> import tinygrad_edu as tg
        >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
        >>> tg.optim.lr_scheduler.StepLR(optimizer, step_size=1).get_last_lr()
        [8.0]
        """
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue later: numbers, no functions.

        Of an object that is called like a function it has the attributes whose names do not begin with ``_``.
        """
        return {
            key: list(value) if isinstance(value, list) else value
            for key, value in vars(self).items()
            if key != "optimizer" and not key.startswith("_")
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned. The learning rates are in the optimizer's own state.

        Raises:
            ValueError: if it is the state of another kind of schedule. Nothing is loaded then.
        """
        self._check_state(state_dict)
        self._take_state(state_dict)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        mine = self.state_dict()
        if state_dict.keys() != mine.keys():
            raise ValueError(
                f"{type(self).__name__}.load_state_dict(): the state has {', '.join(sorted(state_dict))}, "
                f"needed are {', '.join(sorted(mine))}"
            )

    def _take_state(self, state_dict: Mapping[str, Any]) -> None:
        for key, value in state_dict.items():
            setattr(self, key, list(value) if isinstance(value, list) else value)


def require_number(function: str, value: Any, epoch: int, group: int) -> None:
    """Raise TypeError for what a user's function returned, if it is no number."""
    if math.isnan(number(value)):
        hint = ". Does it end without a return?" if value is None else ""
        raise TypeError(
            f"{function} returned {describe(value)} for epoch {epoch} and group {group}, it must return a number{hint}"
        )


def per_group(owner: str, key: str, given: Any, optimizer: Optimizer) -> list[Any]:
    """One entry of an argument for each of the optimizer's groups.

    Args:
        owner: the schedule, for the error.
        key: the argument's name.
        given: one value for all groups, or a list or tuple with one for each.
        optimizer: whose groups.

    Raises:
        ValueError: if there are not as many as groups.
    """
    count = len(getattr(optimizer, "param_groups", ()))
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{owner}: {key} has {len(given)} entries for {count} groups: give one, or one each")
    return list(given)


class LRScheduler(Schedule):
    """Base class of the schedules: `step()`, after each epoch, sets the learning rates of the next one.

    A subclass writes `rate(base, epoch, group)`, and `momentum(epoch, group)` if it sets that as well. One written for
    PyTorch has `get_lr()` instead; it can be no part of other schedules, which ask for the rates of any epoch.

    Args:
        optimizer: the optimizer whose learning rates are set, at once for epoch 0; the first is kept as "initial_lr".
        last_epoch: the index of the last finished epoch; -1 to start.

    Attributes:
        base_lrs: the initial learning rate of each group.
        last_epoch: the number of the epoch whose rates are set.

    Raises:
        TypeError: if `optimizer` is not an Optimizer.
        StateError: if `last_epoch` says to go on, but the optimizer's groups do not know their "initial_lr".

    >>> import tinygrad_edu as tg
    >>> class Harmonic(tg.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, base, epoch, group):
    ...         return base / (1 + epoch)
    >>> schedule = Harmonic(tg.optim.SGD([tg.tensor([1.0])], lr=8.0))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [4.0]
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        super().__init__(optimizer)
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch >= 0 and "initial_lr" not in group:
                raise StateError(
                    f"{type(self).__name__}: last_epoch={last_epoch}, but group {index} of the optimizer has no "
                    "'initial_lr', which the first schedule notes: load the optimizer's state first, or leave "
                    "last_epoch out"
                )
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch: int = last_epoch
        self.step()

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        rates, epoch = state_dict["base_lrs"], state_dict["last_epoch"]
        if not isinstance(rates, list | tuple) or len(rates) != len(self.base_lrs) or math.isnan(number(epoch)):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict(): the state has base_lrs={rates!r} and last_epoch={epoch!r}, "
                f"needed are a rate for each of {len(self.base_lrs)} groups and the number of an epoch"
            )

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of an epoch, for a group that began with `base`."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(base, epoch, group)")

    def get_lr(self) -> list[float]:
        """The learning rate of each group in the epoch `last_epoch`."""
        return [self.rate(base, self.last_epoch, index) for index, base in enumerate(self.base_lrs)]

    def momentum(self, epoch: int, group: int) -> float | None:
        """The momentum of an epoch, which is "momentum" or the first of the "betas"; None to leave it alone."""
        return None

    def step(self) -> None:
        """Go on to the next epoch.

        Raises:
            TypeError: if a learning rate is not a number. Nothing is changed then.
            StateError: if the optimizer got another group since the schedule was made.
        """
        self._reach(self.last_epoch + 1)

    def _reach(self, epoch: int) -> None:
        """Set what belongs to an epoch."""
        groups = len(self.optimizer.param_groups)
        if groups != len(self.base_lrs):
            raise StateError(
                f"{type(self).__name__}: the optimizer has {groups} groups, and had {len(self.base_lrs)} when the "
                "schedule was made. Add all groups before: parameters without a gradient are left alone by step()"
            )
        before, self.last_epoch = self.last_epoch, epoch
        try:
            rates = self._checked(self.get_lr())
            momenta = [self.momentum(epoch, index) for index in range(len(rates))]
        except BaseException:
            self.last_epoch = before
            raise
        for group, rate, momentum in zip(self.optimizer.param_groups, rates, momenta):
            group["lr"] = rate
            if momentum is not None and "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif momentum is not None:
                group["momentum"] = momentum

    def _checked(self, rates: Any) -> list[float]:
        """What `get_lr` returned, if it is a number for each group."""
        name = type(self).__name__
        asked = f"{name}.rate()" if type(self).get_lr is LRScheduler.get_lr else f"{name}.get_lr()"
        checked = per_group(name, "the list of get_lr()", rates, self.optimizer)
        for index, rate in enumerate(checked):
            require_number(asked, rate, self.last_epoch, index)
        return checked
