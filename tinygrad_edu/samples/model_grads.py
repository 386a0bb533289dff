"""Per-sample gradients of a model: of all its parameters together."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tallies import held, more_in, stamp, was_altered
from ..engine.graph import Leaf
from ..engine.recording import make_tensor
from ..engine.versions import mark_changed
from ..errors import GraphError
from . import tables
from .cost import FULL
from .gradient_sum import GradientSum
from .noise import NoiseScale
from .opening.arrays import Products
from .opening.passes import Part, Pass
from .results import cosines, in_dtype, root, size_in_words, tensor_of
from .sample_grads import SampleGrads

if TYPE_CHECKING:
    from ..engine.typing import Tensor


class ModelSampleGrads(Mapping[str, SampleGrads]):
    """The per-sample gradients of a model: a mapping from parameter names to `SampleGrads`.

    Its methods treat all parameters together: the whole gradient of a sample is one long vector. The gradient of a
    parameter that does not affect the loss is 0.

    Attributes:
        count: how many samples there are.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(2, 1)
    >>> x, y = tg.ones(3, 2), tg.zeros(3)
    >>> ((model(x).squeeze(1) - y) ** 2).backward(per_sample=True)
    >>> model.sample_grads()
    ModelSampleGrads(3 samples, 2 parameters: weight, bias)
    """

    def __init__(self, parameters: Iterable[tuple[str, Tensor]]) -> None:
        self._leaves: dict[str, Leaf] = {}
        for name, parameter in parameters:
            if isinstance(parameter.source, Leaf) and parameter.source not in self._leaves.values():
                self._leaves[name] = parameter.source
        self._seen = {name: leaf.kept for name, leaf in self._leaves.items()}
        runs = {part.run.number: part.run for leaf in self._leaves.values() for part in leaf.kept or ()}
        if not runs:
            raise GraphError(
                "sample_grads(): there was no per-sample backward pass since the last zero_grad(). Call "
                "losses.backward(per_sample=True), with one loss for each sample"
            )
        self._runs: list[Pass] = [runs[number] for number in sorted(runs)]
        self._grads = {name: SampleGrads(leaf, self._parts(leaf), name) for name, leaf in self._leaves.items()}
        self.count: int = sum(run.count for run in self._runs)

    def _parts(self, leaf: Leaf) -> list[Part]:
        """What was kept of a leaf, with nothing for passes that it had no part in."""
        own = {part.run.number: part for part in leaf.kept or ()}
        return [own.get(run.number) or Part.nothing(run) for run in self._runs]

    def __getitem__(self, name: str) -> SampleGrads:
        try:
            return self._grads[name]
        except KeyError:
            raise KeyError(f"{name!r}: the parameters are {', '.join(self._grads)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._grads)

    def __len__(self) -> int:
        return len(self._grads)

    def __repr__(self) -> str:
        return f"ModelSampleGrads({self.count} samples, {len(self)} parameters: {', '.join(self)})"

    def norms(self) -> Tensor:
        """The norm of each sample's whole gradient: shape (B,).

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[2.0, 2.0], [4.0, 8.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().norms()  # of (x, 1)
        tensor([3., 9.])
        """
        return self._tensor(root(self.squares()))

    def squares(self) -> Any:
        """The squared lengths, float64: an array (B,), or a Tensor where the factors are differentiable."""
        products = Products()  # a layer's weight and bias have the same errors
        return sum([grads.squares(products) for grads in self.values()], np.zeros(self.count))

    def gram(self) -> Tensor:
        """The inner products of all pairs of samples' whole gradients: shape (B, B).

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [2.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().gram()
        tensor([[2., 3.],
                [3., 9.]])
        """
        return self._tensor(self._gram())

    def cosine(self) -> Tensor:
        """The cosine between all pairs of samples' whole gradients: shape (B, B); 0 where one of them is zero.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1, bias=False)
        >>> model(tg.tensor([[3.0, 4.0], [0.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().cosine()
        tensor([[1. , 0.8],
                [0.8, 1. ]])
        """
        return self._tensor(cosines(self._gram()))

    def sum(self) -> dict[str, Tensor]:
        """The sum of the samples' gradients, for each parameter.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [2.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().sum()
        {'weight': tensor([[3., 2.]]), 'bias': tensor([2.])}
        """
        return {name: grads.sum() for name, grads in self.items()}

    def mean(self) -> dict[str, Tensor]:
        """The mean of the samples' gradients, for each parameter; with weights Σ w g / Σ w, as in `GradientSum.mean`.

        Raises:
            ValueError: if there is no sample, or the weights add up to 0.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [2.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().mean()
        {'weight': tensor([[1.5, 1. ]]), 'bias': tensor([1.])}
        """
        return {name: grads.mean() for name, grads in self.items()}

    def weighted_sum(self, w: Any) -> dict[str, Tensor]:
        """Σ_m w_m g_m, for each parameter.

        Args:
            w: one number for each sample, shape (B,).

        Raises:
            ShapeError: if `w` has another shape.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [2.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().weighted_sum([1.0, -1.0])
        {'weight': tensor([[-1., -2.]]), 'bias': tensor([0.])}
        """
        return {name: grads.weighted_sum(w) for name, grads in self.items()}

    def dot(self, direction: Mapping[str, Any]) -> Tensor:
        """⟨g_m, direction⟩ of each sample: shape (B,).

        Args:
            direction: an array for each parameter, by name; a name left out counts as 0.

        Raises:
            KeyError: for a name that no parameter has.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [2.0, 2.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().dot({"bias": [1.0]})
        tensor([1., 1.])
        """
        dots = [self[name].dot(array) for name, array in direction.items()]
        total: Any = sum(dots[1:], dots[0]) if dots else np.zeros(self.count)
        return self._tensor(total)

    def clip(self, max_norm: float) -> Tensor:
        """Limit what each sample can contribute: put Σ_m min(1, max_norm / ‖g_m‖) g_m into every `.grad`.

        No second backward pass is needed. What `.grad` holds apart from the samples (`shared_grad`) stays. Clipping
        again starts from the samples' own gradients, not from the clipped ones.

        Args:
            max_norm: the largest norm that a sample's whole gradient may have.

        Returns:
            The norms before clipping, shape (B,).

        Raises:
            ValueError: if `max_norm` is negative or NaN, or a sample's gradient is not finite. Nothing is changed then.
            GraphError: if only norms were kept; if there was another backward pass or `zero_grad` since these
                were taken from the model; if anything but backward passes has changed `.grad`. Nothing is changed then.

        Source: Abadi et al., "Deep Learning with Differential Privacy" (2016), algorithm 1.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1, bias=False)
        >>> model(tg.tensor([[3.0, 4.0], [0.0, 1.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().clip(1.0)
        tensor([5., 1.])
        >>> model.weight.grad
        tensor([[0.6, 1.8]])
        """
        limit = float(max_norm)
        if not limit >= 0:
            raise ValueError(f"clip(): max_norm={max_norm} must be 0 or more")
        for name, leaf in self._leaves.items():
            if leaf.kept is not self._seen[name]:
                raise GraphError(
                    f"clip(): {name!r} had another backward pass, or its gradient was cleared, since these per-sample "
                    "gradients were taken: call model.sample_grads() again"
                )
            if leaf.kept and was_altered(leaf, leaf.kept[0].run.number):
                raise GraphError(
                    f"clip(): the .grad of {name!r} was changed by something other than a backward pass, so it is "
                    "not known what it holds apart from the samples. Clip before that change, or run the backward pass "
                    "again after zero_grad()"
                )
        norms = np.sqrt(in_dtype(self.squares(), np.float64))
        if not np.isfinite(norms).all():
            wrong = np.flatnonzero(~np.isfinite(norms))
            raise ValueError(
                f"clip(): the gradients of {len(wrong)} samples are not finite, the first is that of sample "
                f"{wrong[0]}. Nothing was changed; look for the cause with tg.detect_anomaly()"
            )
        self._apply(np.divide(limit, norms, out=np.ones(self.count), where=norms > limit))
        return self._tensor(norms)

    def _apply(self, coefficients: Any) -> None:
        """Put Σ_m coefficients[m] g_m, and what is shared, into every `.grad`."""
        sums = {name: grads.open_sum("sample_grads.clip()") for name, grads in self.items()}
        rest = {name: None if grads.is_grad() else grads.shared() for name, grads in self.items()}
        counted = held(self._leaves.values())
        for name, whole in sums.items():
            leaf = self._leaves[name]
            if leaf.grad is None:
                continue
            if leaf.grad.source is not None:  # part of a graph, so never changed in place
                leaf.grad = make_tensor(np.empty(leaf.shape, leaf.dtype), None)
            whole.weighted_into(coefficients, leaf.grad.array)
            shared = rest[name]
            if shared is not None:
                leaf.grad.array += shared.array
            mark_changed(leaf.grad.array)
        stamp(counted, altered=False)
        more_in([self._leaves[name] for name, shared in rest.items() if shared is not None])
        start = 0
        for i, run in enumerate(self._runs):
            own = copy.copy(run)  # other models may have had a part in the same pass
            own.coefficients = coefficients[start : start + run.count]
            start += run.count
            for grads in self.values():
                grads._parts[i].run = own

    def noise_scale(self, *, population: int | None = None) -> NoiseScale:
        """The batch size at which the noise of the gradient equals the gradient, estimated from this batch.

        `tg.samples.NoiseScale` says what it means, and when it is not usable; for a single sample it never is.

        Args:
            population: the size n of the data set, if the samples were drawn from it without replacement; None if they
                were drawn with replacement or come from a stream.

        Raises:
            ValueError: if there are more samples than that.
            TypeError: if it is not an integer.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(1, 1, bias=False)
        >>> model(tg.tensor([[1.0], [2.0], [3.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads().noise_scale().usable
        True
        """
        return self.sums("sample_grads().noise_scale()").noise_scale(population=population)

    def to_frame(self) -> Any:
        """The norms as a pandas DataFrame: a row for each sample, a column for each parameter, and the total.

        Raises:
            ImportError: if pandas is not installed.
        """
        return tables.to_frame(self, self.norms())

    def plot(self, ax: Any = None) -> Any:
        """A heat map of the norms, samples across and parameters down.

        Args:
            ax: the matplotlib axes to draw on; a new figure without them.

        Returns:
            The axes.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        return tables.plot(self, self.count, ax)

    def cost(self) -> str:
        """A line for each parameter: what is kept, how many bytes it takes, and what norms are computed from.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1, bias=False)
        >>> model(tg.ones(3, 2)).squeeze(1).backward(per_sample=True)
        >>> print(model.sample_grads().cost())
        weight  kept: outer products, 60 bytes (full gradients: 24 bytes); uses: 1; norms from factors
        total   60 bytes (full gradients: 24 bytes)
        """
        costs = {name: grads.cost() for name, grads in self.items()}
        width = max(len(name) for name in [*costs, "total"])
        lines = [f"{name:{width}}  {cost}" for name, cost in costs.items()]
        total = size_in_words(sum(cost.bytes for cost in costs.values()))
        full = size_in_words(sum(cost.dense_bytes for cost in costs.values()))
        return "\n".join([*lines, f"{'total':{width}}  {total} ({FULL}: {full})"])

    def sums(self, caller: str) -> GradientSum:
        """What they add up to; `caller` is whom an error names.

        Raises:
            GraphError, ValueError: as from `GradientSum.of`.
        """
        weights = in_dtype(next(iter(self.values())).weights, np.float64)
        wrong = np.flatnonzero(~((weights >= 0) & (weights < math.inf)))
        if wrong.size:
            raise ValueError(
                f"{caller}: sample {wrong[0]} has the weight {weights[wrong[0]]:g}: weights must be 0 or "
                "more. If it is a factor of the loss, multiply the losses by it and leave weights= out"
            )
        squares = in_dtype(self.squares(), np.float64)  # of w g
        counted = weights > 0
        return GradientSum(
            {name: one.total(caller).detach() for name, one in self.items() if one.cost().uses},
            float(weights.sum()),
            float(np.square(weights).sum()),
            self.count,
            float((squares[counted] / weights[counted]).sum()),
        )

    def _gram(self) -> Any:
        products = Products()
        grams = (grads.open_sum("sample_grads.gram()").gram(products) for grads in self.values())  # one at a time
        return sum(grams, np.zeros((self.count, self.count)))

    def _tensor(self, value: Any) -> Tensor:
        return tensor_of(value, np.result_type(*{leaf.dtype for leaf in self._leaves.values()}))
