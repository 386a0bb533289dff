"""Schedules from your own functions, which give the factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...errors import describe
from ..optimizer import Optimizer
from .kept import check_kept, kept_by, take_kept
from .schedule import LRScheduler, per_group, require_number

Factor: TypeAlias = Callable[[int], float]
"""Gives the factor for an epoch."""


class _ByFunctions(LRScheduler):
    """What schedules share that ask a function for each group."""

    _factors: list[Factor]

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue later. A function is no part of it, but an object's attributes are."""
        return {**super().state_dict(), "lr_lambdas": [kept_by(factor) for factor in self._factors]}

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        check_kept(type(self).__name__, self._factors, state_dict["lr_lambdas"])

    def _take_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._take_state({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for factor, state in zip(self._factors, state_dict["lr_lambdas"]):
            take_kept(factor, state)


class LambdaLR(_ByFunctions):
    """The first learning rate times a function of the epoch.

    Args:
        optimizer: the optimizer.
        lr_lambda: gives the factor for an epoch; or one such function for each group.
        last_epoch: the index of the last finished epoch.

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
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
    ) -> None:
        self._factors = _functions("LambdaLR", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The first learning rate times the function's value."""
        factor = self._factors[group](epoch)
        require_number("LambdaLR: lr_lambda", factor, epoch, group)
        return base * factor


class MultiplicativeLR(_ByFunctions):
    """Times a function's value after every epoch: lr = lr₀·f(1)·f(2)·…·f(epoch).

    Args:
        optimizer: the optimizer whose learning rates are set.
        lr_lambda: f, which gives the factor for an epoch; or one such function for each group.
        last_epoch: the index of the last finished epoch; -1 to start.

    Attributes:
        products: for each group, the last epoch and the product of the factors up to it.

    Raises:
        ValueError: if there are not as many functions as groups.
        TypeError: if one is no function, or does not return a number.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], lr=8.0)
    >>> schedule = tg.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 1 / epoch)
    >>> for _ in range(3):
    ...     schedule.step()
    ...     print([round(lr, 4) for lr in schedule.get_last_lr()])
    [8.0]
    [4.0]
    [1.3333]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self._factors = _functions("MultiplicativeLR", optimizer, lr_lambda)
        # Of each group: up to which epoch, and the product so far.
        self.products: list[tuple[int, float]] = [(0, 1.0)] * len(self._factors)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The first learning rate times the product of the function's values."""
        done, product = self.products[group]
        if epoch < done:
            done, product = 0, 1.0
        for each in range(done + 1, epoch + 1):
            factor = self._factors[group](each)
            require_number("MultiplicativeLR: lr_lambda", factor, each, group)
            product *= factor
        self.products[group] = (epoch, product)
        return base * product


def _functions(owner: str, optimizer: Optimizer, given: Any) -> list[Factor]:
    """A function for each group of parameters."""
    found = per_group(owner, "lr_lambda", given, optimizer)
    for function in found:
        if not callable(function):
            raise TypeError(f"{owner}: lr_lambda must be a function of the epoch, got {describe(function)}")
    return found
