"""What the loss modules share: a reduction, and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

from ...tensors.tensor import Tensor
from ..op_module import OpModule, module_of
from .reduction import REDUCTIONS, check_reduction, in_former_words

K = TypeVar("K", bound="type[Loss]")


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
    """A loss with weights, a buffer, so that they are part of the module's state."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None, **options: Any) -> None:
        self.__dict__.update(options)
        self.__post_init__()
        self.register_buffer("weight", weight)


@dataclass_transform(eq_default=False)
def loss_of(function: Callable[..., Tensor]) -> Callable[[K], K]:
    """A decorator: `module_of`, with PyTorch's deprecated names of the reduction."""
    finish = module_of(function)

    def finish_loss(kind: K) -> K:
        made = finish(kind)
        made.__init__ = in_former_words(made.__init__)  # type: ignore[method-assign]
        return made

    return finish_loss
