"""What per-sample backward passes have kept of one parameter, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tallies import is_sum_of
from ..engine.graph import Leaf
from ..errors import GraphError
from .opening.arrays import Products
from .opening.open_sum import OpenSum
from .results import in_dtype, tensor_of

if TYPE_CHECKING:
    from ..engine.typing import Tensor
    from .opening.passes import Part


class Kept:
    """What the passes have kept of a leaf: the part of `SampleGrads` that other files build on.

    Attributes:
        shape: that of the parameter.
        dtype: that of the parameter.
        name: the parameter's; empty if it is not known.
    """

    def __init__(self, leaf: Leaf, parts: list[Part], name: str = "") -> None:
        self._leaf = leaf
        self._parts = parts
        self.name: str = name
        self._sum: OpenSum | None = None
        self._squares: Any = None
        self.shape: tuple[int, ...] = leaf.shape
        self.dtype: np.dtype[Any] = leaf.dtype

    def __len__(self) -> int:
        return sum(part.run.count for part in self._parts)

    @property
    def grad(self) -> Any:
        """The array of `.grad`; None if there is none."""
        return None if self._leaf.grad is None else self._leaf.grad.array

    @property
    def written_out(self) -> bool:
        """Whether a pass has kept gradients written out; that of a batch of one is no sum, and was not taken apart."""
        return any(part.run.keep == "dense" or part.run.count == 1 for part in self._parts)

    @property
    def weights(self) -> Any:
        """The weights of the backward passes, (B,): an array, or a Tensor where they are differentiable."""
        return np.concatenate([part.run.weights for part in self._parts])

    @property
    def coefficients(self) -> Any:
        """The factor of each sample's gradient in `.grad`, 1 unless gradients were clipped; an array (B,)."""
        return np.concatenate([part.run.coefficients for part in self._parts])

    def squares(self, products: Products | None = None) -> Any:
        """‖g_m‖², float64, (B,): an array, or a Tensor where the factors are differentiable."""
        if self._squares is None:
            if any(part.factors is None for part in self._parts):
                self._check_kept("sample_grads.norms()")
                self._squares = np.concatenate([self._squares_of(part) for part in self._parts])
            else:
                self._squares = self.open_sum("sample_grads.norms()").squares(products)
        return self._squares

    def open_sum(self, caller: str) -> OpenSum:
        """The factors of all passes together; `caller` is whom an error names.

        Raises:
            GraphError: if only norms were kept, or something that was kept has been overwritten.
        """
        self._check_kept(caller)
        if self._sum is None:
            factors = []
            before = 0
            for part in self._parts:
                if part.factors is None:
                    raise GraphError(f"{caller}: {self._norms_kept()}. {self._instead_of_norms()}")
                factors += [factor.shifted(before) for factor in part.factors]
                before += part.run.count
            self._sum = OpenSum(factors, before, self.shape, self.dtype)
        return self._sum

    def is_grad(self) -> bool:
        """Whether `.grad` is just the sum of these gradients, as far as is known."""
        return is_sum_of(self._leaf, [part.run.number for part in self._parts if part.uses])

    def total(self, caller: str) -> Tensor:
        """The sum of all samples' gradients; `caller` is as for `open_sum`.

        Raises:
            GraphError: as from `open_sum`, unless `.grad` is known to be that sum.
        """
        if any(part.factors is not None for part in self._parts):
            return self._weighted(np.ones(len(self)), caller)
        if self.is_grad():
            return self._tensor(self._leaf.grad.array)  # it holds just that
        if not any(part.uses for part in self._parts):
            return self._tensor(np.zeros(self.shape))
        raise GraphError(
            f"{caller}: {self._norms_kept()}, and .grad no longer holds just the sum of their samples' gradients. "
            "Use them before anything else changes .grad, or pass keep='factors' to backward()"
        )

    def shared(self) -> Tensor | None:
        """What `.grad` holds beside the samples; see `Tensor.shared_grad`."""
        grad = self._leaf.grad
        if grad is None:
            return None
        whole = self.open_sum("sample_grads.shared_grad")
        return self._tensor(grad.array - in_dtype(whole.weighted(self.coefficients), self.dtype))

    def _weighted(self, w: Any, caller: str) -> Tensor:
        return self._tensor(self.open_sum(caller).weighted(w.astype(np.result_type(self.dtype, np.float32))))

    def _norms_kept(self) -> str:
        """Which of the passes kept norms only."""
        passes, norms = len(self._parts), sum(part.factors is None for part in self._parts)
        if passes == 1:
            return "the backward pass kept norms only (keep='norms')"
        which = f"{norms} of the {passes}" if norms < passes else f"the {passes}"
        return f"{which} backward passes since the last zero_grad() kept norms only (keep='norms')"

    def _instead_of_norms(self) -> str:
        if len(self._parts) == 1:
            return "Pass keep='factors' to backward(), or run it again with weights= for a weighted sum"
        return (
            "Call zero_grad() between passes, so that their samples stay apart, or pass keep='factors' to all of them"
        )

    def _check_kept(self, caller: str) -> None:
        if any(part.overwritten() for part in self._parts):
            raise GraphError(
                f"{caller}: an array that the per-sample gradients are made of, such as a layer's input, "
                "was overwritten in place after the backward pass: they would be wrong. Use them before the in-place "
                "change, or change a copy (x.clone())"
            )

    def _squares_of(self, part: Part) -> Any:
        """The squared norms of one pass."""
        if part.factors is None:
            return part.squares
        return OpenSum(part.factors, part.run.count, self.shape, self.dtype).squares()

    def _tensor(self, value: Any) -> Tensor:
        return tensor_of(value, self.dtype)
