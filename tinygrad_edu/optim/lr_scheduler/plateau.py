"""Reducing on a plateau: a schedule that waits until a measure no longer improves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import describe
from ..optimizer import Optimizer
from .schedule import Schedule, per_group


class ReduceLROnPlateau(Schedule):
    """Times `factor` when a measure has not improved for more than `patience` epochs.

    Args:
        optimizer: the optimizer whose learning rates are set.
        mode: "min" if smaller is better, else "max".
        factor: what the learning rate is multiplied by, below 1.
        patience: how many epochs without improvement are allowed.
        threshold: by how much the best value must be beaten to count as improvement.
        threshold_mode: "rel" if `threshold` is a share of the best value, "abs" if it is a difference.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the lowest learning rate; or one for each group.
        eps: a reduction by no more than this is not made.

    Attributes:
        min_lrs: the lowest learning rate of each group.
        best: the best value of the measure so far.
        num_bad_epochs: how many epochs in a row have not improved it.
        cooldown_counter: how many epochs of the cooldown are left.

    Raises:
        ValueError: for a factor that is not below 1, an unknown mode, or another number of `min_lr` than of groups.

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
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        for key, value, known in (("mode", mode, ("min", "max")), ("threshold_mode", threshold_mode, ("rel", "abs"))):
            if value not in known:
                raise ValueError(f"ReduceLROnPlateau: {key}={value!r} must be {known[0]!r} or {known[1]!r}")
        if not 0.0 < factor < 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor={factor} must be > 0 and < 1")
        self.mode: str = mode
        self.factor: float = factor
        self.patience: int = patience
        self.threshold: float = threshold
        self.threshold_mode: str = threshold_mode
        self.cooldown: int = cooldown
        self._min_lr = min_lr
        self.min_lrs: list[float] = per_group("ReduceLROnPlateau", "min_lr", min_lr, optimizer)
        self.eps: float = eps
        self.best: float = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs: int = 0
        self.cooldown_counter: int = 0

    def step(self, metrics: Any) -> None:
        """Record the measure of the epoch that has just finished.

        Raises:
            ValueError: if the optimizer got another group, for which the list `min_lr` has nothing.
            TypeError: if it is not a single number.
        """
        try:
            value = float(metrics)
        except (TypeError, ValueError):
            raise TypeError(
                f"ReduceLROnPlateau.step(): metrics is one number, such as the loss, got {describe(metrics)}"
            ) from None
        if len(self.min_lrs) != len(self.optimizer.param_groups):
            self.min_lrs = per_group("ReduceLROnPlateau", "min_lr", self._min_lr, self.optimizer)
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lrs):
                lower = max(group["lr"] * self.factor, least)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def _is_better(self, value: float) -> bool:
        down = self.mode == "min"
        if self.threshold_mode == "rel":
            limit = self.best * (1.0 - self.threshold if down else 1.0 + self.threshold)
        else:
            limit = self.best - self.threshold if down else self.best + self.threshold
        return value < limit if down else value > limit
