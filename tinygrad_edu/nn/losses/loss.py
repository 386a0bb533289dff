"""What the losses as modules share: a reduction, and weights."""

from __future__ import annotations

from typing import Any

from ...tensors.tensor import Tensor
from ..op_module import OpModule
from .reduction import REDUCTIONS, check_reduction


class Loss(OpModule):
    """A loss with a reduction, which is checked when the loss is made."""

    reduction: str
    _reductions: tuple[str, ...] = REDUCTIONS

    def __post_init__(self) -> None:
        super().__post_init__()
        check_reduction(type(self).__name__, self.reduction, self._reductions)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss."""
        out: Tensor = self._function(input, target, **self._arguments())
        return out

    def extra_repr(self) -> str:
        """The reduction."""
        return f"reduction={self.reduction!r}"


class WeightedLoss(Loss):
    """A loss with weights, which are a buffer, so that they belong to the module's state."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None, **options: Any) -> None:
        self.__dict__.update(options)
        self.__post_init__()
        self.register_buffer("weight", weight)
