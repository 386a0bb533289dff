"""Per-sample gradients of one parameter."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.graph import Leaf, array_of
from ..engine.recording import make_tensor
from ..errors import GraphError, ShapeError
from .cost import FULL, Cost
from .explanation import Explanation, explain
from .opened import Kept
from .opening.arrays import stacked, tracked
from .opening.factors import Dense, Outer, Rows
from .opening.open_sum import OpenSum
from .results import centred_squares, cosines, in_dtype, root, size_in_words

if TYPE_CHECKING:
    from ..engine.typing import Tensor


MEMORY_LIMIT = 2**30
"""The largest result that is computed, in bytes: set it to what your machine can hold."""

_KINDS = {Outer: "outer products", Rows: "rows of a table", Dense: FULL}


class SampleGrads(Kept):
    """The gradient of one parameter, opened into one term for each sample of the batch.

    `len()` is the number of samples. The terms are those that `.grad` is the sum of: with ``weights=`` in the
    backward pass, each is multiplied by its weight. The samples of several passes before `zero_grad` follow one
    another. No gradient is computed in full unless you ask for it.

    Attributes:
        shape: that of the parameter.
        dtype: that of the parameter.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> x = tg.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    >>> (x @ w).backward(per_sample=True)
    >>> w.grad, w.sample_grads.norms()
    (tensor([4., 5.]), tensor([1., 1., 5.]))
    """

    def __repr__(self) -> str:
        named = f"of {self.name!r}, " if self.name else ""
        return f"SampleGrads({named}{len(self)} samples of shape {self.shape})"

    def norms(self) -> Tensor:
        """The norm of each sample's gradient, ‖g_m‖: shape (B,).

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(1, requires_grad=True)
        >>> (0.5 * (w - tg.tensor([[3.0], [4.0]])) ** 2).sum(1).backward(per_sample=True)
        >>> w.sample_grads.norms()
        tensor([3., 4.])
        """
        return self._tensor(root(self.squares()))

    def gram(self) -> Tensor:
        """The inner products of all pairs of samples' gradients, ⟨g_m, g_n⟩: shape (B, B).

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.gram()
        tensor([[1., 1.],
                [1., 2.]])
        """
        return self._tensor(self.open_sum("sample_grads.gram()").gram())

    def cosine(self) -> Tensor:
        """The cosine between all pairs of samples' gradients: shape (B, B); 0 where one of them is zero.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [-3.0, 0.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.cosine()
        tensor([[ 1., -1.],
                [-1.,  1.]])
        """
        return self._tensor(cosines(self.open_sum("sample_grads.cosine()").gram()))

    def sum(self) -> Tensor:
        """The sum of all samples' gradients, of the parameter's shape: what the passes added to `.grad`.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.sum()
        tensor([2., 1.])
        """
        return self.total("sample_grads.sum()")

    def mean(self) -> Tensor:
        """The sum divided by the number of samples; or, with ``weights=``, by the sum of the weights: Σ w g / Σ w.

        Raises:
            ValueError: if there is no sample, or the weights add up to 0.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.mean()
        tensor([1. , 0.5])
        """
        if not len(self):
            raise ValueError("mean() of no samples: the batch was empty")
        total = self.weights.sum()
        if not in_dtype(total, np.float64):
            raise ValueError(
                f"mean() divides by the sum of the weights, and the weights of the {len(self)} samples add up to 0"
            )
        return self._weighted(np.ones(len(self)) / total, "sample_grads.mean()")

    def weighted_sum(self, w: Any) -> Tensor:
        """Σ_m w_m g_m, of the parameter's shape: one matrix product for a layer, whatever the number of samples.

        Args:
            w: one number for each sample, shape (B,).

        Raises:
            ShapeError: if `w` has another shape.

        >>> import tinygrad_edu as tg
        >>> v = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ v).backward(per_sample=True)
        >>> v.sample_grads.weighted_sum([1.0, -1.0])
        tensor([ 0., -1.])
        """
        array = w if tracked(w) else np.asarray(w)
        if array.shape != (len(self),):
            raise ShapeError(
                f"weighted_sum(): w has shape {array.shape}, it needs one number for each of {len(self)} samples"
            )
        return self._weighted(array, "sample_grads.weighted_sum()")

    def dot(self, direction: Any) -> Tensor:
        """⟨g_m, direction⟩ of each sample: shape (B,).

        Args:
            direction: of the parameter's shape.

        Raises:
            ShapeError: if it has another shape.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.dot([0.0, 2.0])
        tensor([0., 2.])
        """
        array = in_dtype(direction, np.result_type(self.dtype, np.float32))
        if array.shape != self.shape:
            named = f"parameter {self.name!r}" if self.name else "parameter"
            raise ShapeError(f"dot(): direction has shape {array.shape}, the {named} {self.shape}")
        return self._tensor(self.open_sum("sample_grads.dot()").dots(array))

    def variance(self, unbiased: bool = True) -> Tensor:
        """The variance over the samples of each entry of the gradient, of the parameter's shape.

        Args:
            unbiased: divide by B - 1 instead of B.

        Raises:
            ValueError: if there are too few samples.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.variance()
        tensor([0. , 0.5])
        """
        n = len(self)
        if n < 1 + unbiased:
            raise ValueError(f"variance(unbiased={unbiased}) of {n} samples: it needs at least {1 + unbiased}")
        return self._tensor(centred_squares(self.open_sum("sample_grads.variance()")) / (n - unbiased))

    def materialize(self, block: int | None = None) -> Any:
        """The gradients of all samples in full: a Tensor of shape (B, *shape).

        Args:
            block: return an iterator over blocks of this many samples instead: Tensors of shape
                (≤ block, *shape), of which only one is in memory at a time.

        Raises:
            MemoryError: if they would take more than `tg.samples.sample_grads.MEMORY_LIMIT` bytes; never with `block`.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.materialize()
        tensor([[1., 0.],
                [1., 1.]])
        """
        whole = self.open_sum("sample_grads.materialize()")
        if block is not None:
            if block < 1:
                raise ValueError(f"materialize(): block={block}, it must be at least 1")
            return map(partial(self._of_its_own, whole), whole.each_block(block))
        self._refuse_too_many("materialize()", len(self))
        return self._of_its_own(whole, whole.blocks(0, len(self)))

    def __getitem__(self, m: Any) -> Tensor:
        """The gradient of sample `m`, of the parameter's shape; of several for a slice, a list or a mask.

        Raises:
            IndexError: if there is no such sample.
            MemoryError: as from `materialize`.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 1.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads[-1]
        tensor([1., 1.])
        """
        whole = self.open_sum("sample_grads.[]")
        try:
            chosen = np.arange(len(self))[array_of(m)]
        except IndexError as error:
            raise IndexError(f"sample_grads[...]: {error}; there are {len(self)} samples") from None
        if not np.ndim(chosen):
            return self._tensor(whole.blocks(int(chosen), int(chosen) + 1)[0])
        flat = chosen.reshape(-1)
        self._refuse_too_many("sample_grads[...]", flat.size)
        if flat.size and (flat == np.arange(flat[0], flat[0] + flat.size)).all():
            found = self._of_its_own(whole, whole.blocks(int(flat[0]), int(flat[-1]) + 1))
        else:
            rows = [whole.blocks(i, i + 1)[0] for i in flat.tolist()]
            found = self._tensor(stacked(rows, self.shape, self.dtype))
        return found if chosen.ndim == 1 else found.reshape((*chosen.shape, *self.shape))

    def explain(self, index: Any, labels: Any = None) -> Explanation:
        """The gradient of one weight as a sum: a row for each sample, the largest first, and the total.

        `tinygrad_edu.viz.sum_bars` draws it.

        Args:
            index: the index of one entry of the parameter, as in ``weight[index]``.
            labels: what each sample is, for a column of the table: a sequence with a number or text for each.

        Raises:
            IndexError: if `index` does not select one number.
            ValueError: if there is not one label for each sample.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.tensor([[1.0, 0.0], [1.0, 4.0]]) @ w).backward(per_sample=True)
        >>> w.sample_grads.explain(1).total
        4.0
        """
        return explain(self, index, labels)

    def cost(self) -> Cost:
        """What is kept, how many bytes it takes, and what norms are computed from.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (tg.ones(3, 2) @ w).backward(per_sample=True)
        >>> w.sample_grads.cost().uses
        1
        """
        seeded = []
        factors = [factor for part in self._parts for factor in part.factors or ()]
        counts = [part.run.count for part in self._parts if part.factors is None]
        for part in self._parts:
            if any(not factor.placement.isometric for factor in part.factors or ()):
                seeded.append(
                    "a small backward pass for each sample, through what is computed from the parameter alone"
                )
            seeded += [
                f"{name!r} has no sample rule: a backward pass for each sample below it" for name in part.run.unruled
            ]
            seeded += [f"samples coupled by {what}" for what in part.run.coupled]
        dense = len(self) * math.prod(self.shape) * self.dtype.itemsize
        uses = sum(part.uses for part in self._parts)
        held = sum(factor.bytes for factor in factors) + sum(8 * count for count in counts)
        if counts:
            kept, route = ("norms", *dict.fromkeys([_KINDS[type(factor)] for factor in factors])), "norms"
        else:
            whole = self.open_sum("sample_grads.cost()")
            kept, route = tuple([_KINDS[type(factor)] for factor in whole.factors]), whole.route
        return Cost(kept, uses, route, held, dense, "; ".join(dict.fromkeys(seeded)))

    def _of_its_own(self, whole: OpenSum, found: Any) -> Tensor:
        """Gradients as a Tensor, in memory of its own: a factor may have them as they are."""
        if tracked(found) or found.dtype != self.dtype or whole.holds(found):
            return self._tensor(found)
        return make_tensor(found, None)

    def _refuse_too_many(self, caller: str, count: int) -> None:
        each = math.prod(self.shape) * self.dtype.itemsize
        if count * each > MEMORY_LIMIT:
            raise MemoryError(
                f"{caller} of {count} gradients of shape {self.shape} takes {size_in_words(count * each)}: go "
                f"through them in blocks, materialize(block={max(1, MEMORY_LIMIT // each)}), or ask for norms(), "
                "gram() or weighted_sum(w), which need none of them in full"
            )


def of_leaf(leaf: Any) -> SampleGrads:
    """What per-sample passes have kept of a leaf.

    Raises:
        GraphError: if there is nothing.
    """
    if not isinstance(leaf, Leaf):
        raise GraphError("sample_grads exist for leaves only, such as parameters: this tensor was computed from others")
    if leaf.kept:
        return SampleGrads(leaf, leaf.kept)
    if leaf.grad is None:
        reason = "no loss has been differentiated with respect to it since its gradient was last cleared"
    else:
        reason = "its .grad comes from backward() without per_sample=True"
    raise GraphError(
        f"sample_grads: this tensor of shape {leaf.shape} has none: {reason}. Call "
        "losses.backward(per_sample=True), with one loss for each sample"
    )
