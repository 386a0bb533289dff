"""Decay and warm-up: the initial learning rate, scaled by a factor that depends on the epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ..optimizer import Optimizer
from .schedule import LRScheduler


class StepLR(LRScheduler):
    """Times `gamma` after every `step_size` epochs: lr = lr₀·γ^⌊epoch / step_size⌋.

    Args:
        optimizer: the optimizer whose learning rates are set.
        step_size: how many epochs a learning rate lasts.
        gamma: the factor.
        last_epoch: the index of the last finished epoch; -1 to start.

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
        optimizer: the optimizer whose learning rates are set.
        milestones: numbers of epochs.
        gamma: the factor.
        last_epoch: the index of the last finished epoch; -1 to start.

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
        if not isinstance(milestones, Iterable):
            raise TypeError(f"MultiStepLR: milestones={milestones!r} must be numbers of epochs, such as [30, 80]")
        self.milestones: list[int] = sorted(milestones)
        self.gamma: float = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Falls by a factor for each milestone that is behind."""
        return float(base * self.gamma ** bisect_right(self.milestones, epoch))


class ExponentialLR(LRScheduler):
    """Times `gamma` after every epoch: lr = lr₀·γ^epoch.

    Args:
        optimizer: the optimizer whose learning rates are set.
        gamma: the factor.
        last_epoch: the index of the last finished epoch; -1 to start.

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
        optimizer: the optimizer whose learning rates are set.
        start_factor: the factor of epoch 0, above 0 and not above 1.
        end_factor: the factor from epoch `total_iters` on, from 0 to 1.
        total_iters: how many epochs it takes.
        last_epoch: the index of the last finished epoch; -1 to start.

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


class ConstantLR(LRScheduler):
    """Times `factor` at first, and the first learning rate itself from epoch `total_iters` on.

    Args:
        optimizer: the optimizer whose learning rates are set.
        factor: the factor, from 0 to 1.
        total_iters: for how many epochs.
        last_epoch: the index of the last finished epoch; -1 to start.

    Raises:
        ValueError: for a factor or a number of epochs out of range.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> for _ in range(3):
    ...     print(schedule.get_last_lr())
    ...     schedule.step()
    [4.0]
    [4.0]
    [8.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0.0 <= factor <= 1.0 or total_iters < 1:
            raise ValueError(
                f"ConstantLR: factor={factor}, total_iters={total_iters}: the factor must be within 0 and 1, over at "
                "least one epoch"
            )
        self.factor: float = factor
        self.total_iters: int = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The factor, and then no more."""
        return base * self.factor if epoch < self.total_iters else base


class PolynomialLR(LRScheduler):
    """Down to 0 in `total_iters` epochs: lr = lr₀·(1 − epoch / total_iters)^power.

    Args:
        optimizer: the optimizer whose learning rates are set.
        total_iters: how many epochs it takes.
        power: 1 for a straight line; the greater, the faster at first.
        last_epoch: the index of the last finished epoch; -1 to start.

    Raises:
        ValueError: for a number of epochs or a power out of range.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2.0)
    >>> for _ in range(2):
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [2.0]
    [0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        if total_iters < 1 or not power >= 0.0:
            raise ValueError(
                f"PolynomialLR: total_iters={total_iters}, power={power}: it must take at least one epoch, and the "
                "power must be >= 0"
            )
        self.total_iters: int = total_iters
        self.power: float = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """A power of the part that is left."""
        return float(base * (1.0 - min(epoch, self.total_iters) / self.total_iters) ** self.power)
