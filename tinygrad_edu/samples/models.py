"""What the samples' side needs of a model: no more than any module has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class Opened(Protocol):
    """The samples' gradients of a model, as `ModelSampleGrads` has them."""

    def sums(self, caller: str) -> Any:
        """What they add up to, as a `GradientSum`; `caller` is whom an error names."""


class Model(Protocol):
    """A module, as `tg.nn.Module` is one."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The prediction."""

    def parameters(self) -> Iterable[Tensor]:
        """What is learned."""

    def named_parameters(self) -> Iterable[tuple[str, Tensor]]:
        """The same with names."""

    def modules(self) -> Iterable[Any]:
        """The module itself, and all inside it; each has an attribute `training`."""

    def eval(self) -> Any:
        """Put all of them in evaluation mode."""

    def sample_grads(self) -> Opened:
        """What per-sample passes have kept of the parameters."""
