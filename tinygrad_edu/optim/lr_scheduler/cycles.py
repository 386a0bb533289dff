"""Cyclic schedules: the learning rate rises and falls, and momentum does the opposite."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..optimizer import Optimizer
from ..options import require_count
from .kept import check_kept, kept_by, take_kept
from .schedule import LRScheduler, Schedule, per_group, require_number

Numbers: TypeAlias = float | Sequence[float]
"""One for all groups, or one for each."""


class _Cycles(LRScheduler):
    """What schedules share that may set the momentum as well."""

    def _begin(self, optimizer: Optimizer, cycle_momentum: bool, base_momentum: Numbers, max_momentum: Numbers) -> None:
        """Check the optimizer, and take note of the momenta."""
        Schedule.__init__(self, optimizer)
        name = type(self).__name__
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"{name}: cycle_momentum=True, but {type(optimizer).__name__} has neither momentum nor betas: "
                "write cycle_momentum=False"
            )
        self.cycle_momentum: bool = cycle_momentum
        self.base_momentums: list[float] = per_group(name, "base_momentum", base_momentum, optimizer)
        self.max_momentums: list[float] = per_group(name, "max_momentum", max_momentum, optimizer)


class CyclicLR(_Cycles):
    """Up and down between two learning rates, repeatedly: lr = low + (high − low)·h·a.

    The height h goes from 0 to 1 in `step_size_up` steps and back in `step_size_down`; what a is depends on the mode,
    in cycle number c (from 1) and step number t (from 0): 1 for "triangular", 1/2^(c−1) for "triangular2", γᵗ for
    "exp_range", or whatever `scale_fn` gives. The momentum goes the other way, max − (max − base)·h·a. Call `step()`
    after every batch.

    Source: Smith 2017, "Cyclical learning rates for training neural networks".

    Args:
        optimizer: the optimizer whose learning rate is set, and whose momentum, or first beta.
        base_lr: the lowest learning rate; or one for each group.
        max_lr: the highest; or one for each group.
        step_size_up: how many steps it takes to go up.
        step_size_down: how many to go down; as many as up if None.
        mode: "triangular", "triangular2" or "exp_range"; ignored if there is a `scale_fn`.
        gamma: γ.
        scale_fn: a function that gives a.
        scale_mode: "cycle" if `scale_fn` takes the number of the cycle, "iterations" if it takes that of the step.
        cycle_momentum: whether to set the momentum.
        base_momentum: the lowest momentum; or one for each group.
        max_momentum: the highest; or one for each group.
        last_epoch: the index of the last finished step; -1 to start.

    Attributes:
        min_lrs: the lowest learning rate of each group.
        max_lrs: the highest.

    Raises:
        ValueError: for an unknown mode, a length out of range, a list that does not fit the groups, or an optimizer
            without momentum where that is to be set.
        TypeError: if `scale_fn` does not return a number.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], momentum=0.9)
    >>> schedule = tg.optim.lr_scheduler.CyclicLR(optimizer, 1.0, 5.0, step_size_up=2, mode="triangular2")
    >>> for _ in range(7):
    ...     print(*schedule.get_last_lr(), end=" ")
    ...     schedule.step()
    1.0 3.0 5.0 3.0 1.0 2.0 3.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Numbers,
        max_lr: Numbers,
        step_size_up: float = 2000,
        step_size_down: float | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.8,
        max_momentum: Numbers = 0.9,
        last_epoch: int = -1,
    ) -> None:
        modes = ("triangular", "triangular2", "exp_range")
        if scale_fn is None and mode not in modes:
            raise ValueError(f"CyclicLR: mode={mode!r} must be one of {', '.join(modes)}, or give a scale_fn")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"CyclicLR: scale_mode={scale_mode!r} must be 'cycle' or 'iterations'")
        down = step_size_up if step_size_down is None else step_size_down
        if not step_size_up > 0 or not down >= 0:
            raise ValueError(
                f"CyclicLR: step_size_up={step_size_up}, step_size_down={step_size_down}: a cycle must go up in more "
                "than 0 steps, and down in 0 or more"
            )
        self._begin(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.min_lrs: list[float] = per_group("CyclicLR", "base_lr", base_lr, optimizer)
        self.max_lrs: list[float] = per_group("CyclicLR", "max_lr", max_lr, optimizer)
        self.step_size_up: float = step_size_up
        self.step_size_down: float = down
        self.mode: str = mode
        self.gamma: float = gamma
        self.scale_mode: str = scale_mode
        self._scale_fn = scale_fn
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, self.min_lrs):
                group.setdefault("initial_lr", low)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue later. `scale_fn` is no part of it, but its attributes are if it is an object."""
        return {**super().state_dict(), "scale_fn": kept_by(self._scale_fn)}

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        check_kept("CyclicLR", [self._scale_fn], [state_dict["scale_fn"]])

    def _take_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._take_state({key: value for key, value in state_dict.items() if key != "scale_fn"})
        take_kept(self._scale_fn, state_dict["scale_fn"])

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Between the lowest and the highest."""
        low = self.min_lrs[group]
        return low + (self.max_lrs[group] - low) * self._height(epoch)

    def momentum(self, epoch: int, group: int) -> float | None:
        """Between the highest and the lowest."""
        if not self.cycle_momentum:
            return None
        high = self.max_momentums[group]
        return high - (high - self.base_momentums[group]) * self._height(epoch)

    def _height(self, epoch: int) -> float:
        """How far up it is, of the distance between the lowest and the highest."""
        cycles, place = divmod(epoch, self.step_size_up + self.step_size_down)
        up = place <= self.step_size_up
        height = place / self.step_size_up if up else 1.0 - (place - self.step_size_up) / self.step_size_down
        if self._scale_fn is not None:
            scale = self._scale_fn(cycles + 1 if self.scale_mode == "cycle" else epoch)
            require_number("CyclicLR: scale_fn", scale, epoch, 0)
            return height * scale
        if self.mode == "triangular":
            return height
        return float(height * (0.5**cycles if self.mode == "triangular2" else self.gamma**epoch))


class OneCycleLR(_Cycles):
    """Once up to `max_lr` and down to nearly nothing, in a number of steps that is known.

    Between three corners: from max_lr / div_factor up to `max_lr` in the first `pct_start` of the steps, then down to
    max_lr / (div_factor·final_div_factor). With `three_phase` between four: down to where it began in as many steps as
    up, and in the rest to the lowest. The momentum goes from `max_momentum` to `base_momentum` and back meanwhile. Call
    `step()` after every batch.

    Source: Smith and Topin 2019, "Super-convergence: Very fast training of neural networks using large learning rates".

    Args:
        optimizer: the optimizer whose learning rate is set, and whose momentum, or first beta.
        max_lr: the highest learning rate; or one for each group.
        total_steps: the number of steps; if None, `epochs` times `steps_per_epoch`.
        epochs: the number of epochs.
        steps_per_epoch: the number of steps in each.
        pct_start: the part of the steps, from 0 to 1, in which the rate rises.
        anneal_strategy: "cos" to go from corner to corner along half a cosine, "linear" for straight lines.
        cycle_momentum: whether to set the momentum.
        base_momentum: the lowest momentum; or one for each group.
        max_momentum: the highest; or one for each group.
        div_factor: the highest rate over the first.
        final_div_factor: the first rate over the last.
        three_phase: whether to come back to the first rate before the lowest.
        last_epoch: the index of the last finished step; -1 to start.

    Attributes:
        corners: the epochs at which the phases begin and end.
        first_lrs: the first learning rate of each group.
        max_lrs: the highest.
        min_lrs: the last.

    Raises:
        ValueError: for a number of steps that is not known or out of range, another option out of range, a list that
            does not fit the groups, or an optimizer without momentum where that is to be set; and by `step()`, when
            the steps are used up.

    >>> import tinygrad_edu as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0])], momentum=0.9)
    >>> schedule = tg.optim.lr_scheduler.OneCycleLR(
    ...     optimizer, 8.0, 7, pct_start=3 / 7, anneal_strategy="linear", div_factor=4.0, final_div_factor=2.0
    ... )
    >>> for _ in range(7):
    ...     print(*schedule.get_last_lr(), end=" ")
    ...     schedule.step()
    2.0 5.0 8.0 6.25 4.5 2.75 1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Numbers,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.85,
        max_momentum: Numbers = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        steps = _steps(total_steps, epochs, steps_per_epoch)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'")
        if not 0.0 <= pct_start <= 1.0 or not div_factor > 0.0 or not final_div_factor > 0.0:
            raise ValueError(
                f"OneCycleLR: pct_start={pct_start}, div_factor={div_factor}, final_div_factor={final_div_factor}: the "
                "part must be within 0 and 1, the factors above 0"
            )
        self._begin(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.total_steps: int = steps
        self.anneal_strategy: str = anneal_strategy
        self.three_phase: bool = three_phase
        up = pct_start * steps
        self.corners: list[float] = [0.0, up - 1.0, *([2.0 * up - 2.0] if three_phase else []), steps - 1.0]
        self.max_lrs: list[float] = per_group("OneCycleLR", "max_lr", max_lr, optimizer)
        self.first_lrs: list[float] = [high / div_factor for high in self.max_lrs]
        self.min_lrs: list[float] = [first / final_div_factor for first in self.first_lrs]
        if last_epoch == -1:
            for group, first in zip(optimizer.param_groups, self.first_lrs):
                group["initial_lr"] = first
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """From the first to the highest to the lowest."""
        first = self.first_lrs[group]
        between = [first] if self.three_phase else []
        return self._on_the_way(epoch, [first, self.max_lrs[group], *between, self.min_lrs[group]])

    def momentum(self, epoch: int, group: int) -> float | None:
        """From the highest to the lowest and back."""
        if not self.cycle_momentum:
            return None
        high = self.max_momentums[group]
        return self._on_the_way(epoch, [high, self.base_momentums[group], high, high])

    def _on_the_way(self, epoch: int, values: list[float]) -> float:
        """Where a step is between the values at two corners; after the last corner, on along the same line."""
        if epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR.step(): step {epoch} of {self.total_steps}: the cycle is over. Give it as many steps as "
                "there are, total_steps=, or make another"
            )
        phase = min(bisect_left(self.corners, epoch, 1), len(self.corners) - 1)
        begin, end = self.corners[phase - 1 : phase + 1]
        part = (epoch - begin) / (end - begin) if end != begin else 1.0
        weight = part if self.anneal_strategy == "linear" else (1.0 - math.cos(math.pi * part)) / 2.0
        return values[phase - 1] + (values[phase] - values[phase - 1]) * weight


def _steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The number of steps in all."""
    if total_steps is not None:
        require_count("OneCycleLR", {"total_steps": total_steps}, "total_steps")
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("OneCycleLR: how many steps? Give total_steps, or both epochs and steps_per_epoch")
    require_count("OneCycleLR", {"epochs": epochs}, "epochs")
    require_count("OneCycleLR", {"steps_per_epoch": steps_per_epoch}, "steps_per_epoch")
    return epochs * steps_per_epoch
