"""Schedules: how the learning rate of each group changes from epoch to epoch.

Each schedule but the last is a function of a group's first learning rate and the number of the epoch, so
it can be read off at any time. One optimizer follows one schedule; `LambdaLR` expresses any combination.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from .optimizer import Optimizer
from .schedule import LRScheduler, Schedule, require_number

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "ReduceLROnPlateau",
    "StepLR",
]


class LambdaLR(LRScheduler):
    """The first learning rate times a function of the epoch.

    Args:
        optimizer: the optimizer.
        lr_lambda: gives the factor for an epoch; or one such function for each group.
        last_epoch: the number of the last epoch that is over.

    Raises:
        ValueError: if there are not as many functions as groups.
        TypeError: if a function does not return a number.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> warm_up = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: min(1.0, (epoch + 1) / 4))
    >>> for _ in range(4):
    ...     print(warm_up.get_last_lr())
    ...     warm_up.step()
    [2.0]
    [4.0]
    [6.0]
    [8.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        count = len(getattr(optimizer, "param_groups", ()))
        self._factors = [lr_lambda] * count if callable(lr_lambda) else list(lr_lambda)
        if len(self._factors) != count:
            raise ValueError(f"LambdaLR: {len(self._factors)} functions for {count} groups: give one, or one each")
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The first learning rate times the function's value."""
        factor = self._factors[group](epoch)
        require_number("LambdaLR: lr_lambda", factor, epoch, group)
        return base * factor


class StepLR(LRScheduler):
    """Times `gamma` after every `step_size` epochs: lr = lr₀·γ^⌊epoch / step_size⌋.

    Args:
        optimizer: whose groups' "lr" is set.
        step_size: how many epochs a learning rate lasts.
        gamma: the factor.
        last_epoch: the number of the last epoch that is over; -1 to begin.

    Raises:
        ValueError: if `step_size` is less than 1.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    >>> schedule.step()
    >>> optimizer.param_groups[0]["lr"]
    4.0
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size={step_size} must be at least one epoch")
        self.step_size: int = step_size
        self.gamma: float = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Falls by a factor every `step_size` epochs."""
        return float(base * self.gamma ** (epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Times `gamma` at each of the epochs in `milestones`.

    Args:
        optimizer: whose groups' "lr" is set.
        milestones: numbers of epochs.
        gamma: the factor.
        last_epoch: the number of the last epoch that is over; -1 to begin.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [4.0]
    [4.0]
    [2.0]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones: list[int] = sorted(milestones)
        self.gamma: float = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Falls by a factor for each milestone that is behind."""
        return float(base * self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(LRScheduler):
    """Times `gamma` after every epoch: lr = lr₀·γ^epoch.

    Args:
        optimizer: whose groups' "lr" is set.
        gamma: the factor.
        last_epoch: the number of the last epoch that is over; -1 to begin.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [4.0]
    [2.0]
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Falls by a factor every epoch."""
        return float(base * self.gamma**epoch)


class LinearLR(LRScheduler):
    """From `start_factor` to `end_factor` times the first learning rate, evenly over `total_iters` epochs.

    Args:
        optimizer: whose groups' "lr" is set.
        start_factor: the factor of epoch 0, above 0 and not above 1.
        end_factor: the factor from epoch `total_iters` on, from 0 to 1.
        total_iters: how many epochs it takes.
        last_epoch: the number of the last epoch that is over; -1 to begin.

    Raises:
        ValueError: for a factor or a number of epochs out of range.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> for _ in range(3):
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [4.0]
    [6.0]
    [8.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0.0 < start_factor <= 1.0 or not 0.0 <= end_factor <= 1.0 or total_iters < 1:
            raise ValueError(
                f"LinearLR: start_factor={start_factor}, end_factor={end_factor}, total_iters={total_iters}: "
                "the factors must be within 0 and 1, the first above 0, over at least one epoch"
            )
        self.start_factor: float = start_factor
        self.end_factor: float = end_factor
        self.total_iters: int = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """On the line from the first factor to the last."""
        part = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class CosineAnnealingLR(LRScheduler):
    """Down half a cosine to `eta_min`: lr = η + (lr₀ − η)·(1 + cos(π·epoch / T_max)) / 2.

    Args:
        optimizer: whose groups' "lr" is set.
        T_max: how many epochs it takes.
        eta_min: η, the last learning rate.
        last_epoch: the number of the last epoch that is over; -1 to begin.

    Raises:
        ValueError: if `T_max` is less than 1.

    Source: Loshchilov and Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts".

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule.step()
    >>> round(schedule.get_last_lr()[0], 12)
    4.0
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max={T_max} must be at least one epoch")
        self.T_max: int = T_max
        self.eta_min: float = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """On the cosine."""
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * epoch / self.T_max)) / 2.0


class ReduceLROnPlateau(Schedule):
    """Times `factor` when a measure has not improved for more than `patience` epochs.

    Args:
        optimizer: whose groups' "lr" is set.
        mode: "min" if smaller is better, else "max".
        factor: what the learning rate is multiplied by, below 1.
        patience: how many epochs without improvement are put up with.
        threshold: by what share the best value must be beaten to count as improvement.
        cooldown: for how many epochs after a reduction nothing is counted.
        min_lr: what the learning rate does not go below.

    Raises:
        ValueError: for a factor that is not below 1, or an unknown mode.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [4.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        *,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode={mode!r} must be 'min' or 'max'")
        if not 0.0 < factor < 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor={factor} must be > 0 and < 1")
        self.mode: str = mode
        self.factor: float = factor
        self.patience: int = patience
        self.threshold: float = threshold
        self.cooldown: int = cooldown
        self.min_lr: float = min_lr
        self.best: float = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs: int = 0
        self.cooldown_counter: int = 0

    def step(self, metrics: Any) -> None:
        """Take note of the measure of the epoch that is over."""
        value = float(metrics)
        limit = self.best * (1.0 - self.threshold if self.mode == "min" else 1.0 + self.threshold)
        if value < limit if self.mode == "min" else value > limit:
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)
