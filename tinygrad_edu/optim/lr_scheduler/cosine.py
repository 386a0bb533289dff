"""Cosine schedules: down half a cosine, once or repeatedly."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from ..options import number, require_count
from .schedule import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """Down half a cosine to `eta_min`: lr = η + (lr₀ − η)·(1 + cos(π·epoch / T_max)) / 2.

    Args:
        optimizer: the optimizer whose learning rates are set.
        T_max: how many epochs it takes.
        eta_min: η, the last learning rate.
        last_epoch: the index of the last finished epoch; -1 to start.

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


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down half a cosine, repeatedly: lr = η + (lr₀ − η)·(1 + cos(π·t / T)) / 2.

    Here t counts from the last restart. The first time T is `T_0` epochs, then `T_mult` times as many as before.

    Args:
        optimizer: the optimizer whose learning rates are set.
        T_0: how many epochs the first cosine takes.
        T_mult: how many times longer each takes than the one before.
        eta_min: η, the lowest learning rate.
        last_epoch: the index of the last finished epoch; -1 to start.

    Attributes:
        fraction: how far the last `step(epoch)` was past the beginning of its epoch.

    Raises:
        ValueError: if `T_0` or `T_mult` is not a whole number >= 1.

    Source: Loshchilov and Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts".

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for epoch in (0.5, 1, 1.5, 2):  # steps within epochs
    ...     schedule.step(epoch)
    ...     print([round(lr, 2) for lr in schedule.get_last_lr()])
    [6.83]
    [4.0]
    [1.17]
    [8.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            require_count("CosineAnnealingWarmRestarts", {name: value}, name)
        if math.isnan(number(eta_min)):
            raise ValueError(f"CosineAnnealingWarmRestarts: eta_min={eta_min!r} is not a number")
        self.T_0: int = T_0
        self.T_mult: int = T_mult
        self.eta_min: float = eta_min
        self.fraction: float = 0.0  # of an epoch, by which the last step was beyond its beginning
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """On the cosine that this epoch is in."""
        since, length = epoch + self.fraction, self.T_0
        if self.T_mult == 1:
            since %= length
        while since >= length:
            since -= length
            length *= self.T_mult
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * since / length)) / 2.0

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to any point in time.

        Args:
            epoch: the point, also between epochs, such as epoch + batch / batches; one epoch further if None.

        Raises:
            ValueError: if `epoch` is not a number >= 0. Nothing is changed then.
        """
        if epoch is None:
            self._reach(self.last_epoch + 1)
            return
        if not 0.0 <= number(epoch) < math.inf:
            raise ValueError(f"CosineAnnealingWarmRestarts.step(epoch={epoch!r}): it must be a finite number >= 0")
        whole = math.floor(number(epoch))
        self.fraction = number(epoch) - whole
        self._reach(whole)
