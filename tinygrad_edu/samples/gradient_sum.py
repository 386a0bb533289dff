"""Gradient sums: a gradient as a sum and counts; micro-batches, uneven batches and workers merge by adding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tallies import mean_assigned
from ..engine.recording import make_tensor
from ..errors import GraphError, ShapeError
from .noise import NoiseScale

if TYPE_CHECKING:
    from ..engine.typing import Tensor
    from .models import Model, Opened


@dataclass(frozen=True, eq=False, repr=False)
class GradientSum:
    """The sum of samples' gradients, with its counts: (Σ w g, Σ w, Σ w², n, Σ w‖g‖²).

    Sums are merged by adding, in any order and grouping, with the same result up to rounding. Only the merged sum is
    divided. So a batch that comes in parts of different sizes has the mean of the whole batch; the mean of the parts'
    means would be a different one. `GradientSum()` is the sum over nothing. A sum never changes, and it can be pickled.

    Attributes:
        gradients: Σ w g of each parameter, by name. A name that is not there counts as 0.
        weight: Σ w, which is the number of samples unless they had weights.
        weight_squares: Σ w².
        count: n, the number of samples.
        square_norms: Σ w‖g‖², with the norm over all parameters.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> parts = []
    >>> for x in ([[1.0], [2.0], [3.0]], [[6.0]]):  # one batch in uneven parts
    ...     model.zero_grad()
    ...     model(tg.tensor(x)).squeeze(1).backward(per_sample=True)
    ...     parts.append(tg.samples.GradientSum.of(model))
    >>> whole = sum(parts)
    >>> whole
    GradientSum(4 samples of weight 4, 1 parameters: weight)
    >>> whole.mean()
    {'weight': tensor([[3.]])}
    """

    gradients: Mapping[str, Tensor] = field(default_factory=dict)
    weight: float = 0.0
    weight_squares: float = 0.0
    count: int = 0
    square_norms: float = 0.0

    @classmethod
    def of(cls, model: Model | Opened) -> GradientSum:
        """The sum over all samples of a model's per-sample backward passes since the last `zero_grad`.

        In a pass with ``weights=`` the samples have these weights, otherwise each has the weight 1. Only the samples
        are included, not what else `.grad` holds, and they are as they were before `clip`. Parameters that do not
        affect the losses are left out.

        Args:
            model: the model, or what its `sample_grads()` returned.

        Raises:
            GraphError: if there was no per-sample pass; if one kept norms only, unless all did and `.grad` is the sum.
            ValueError: if a weight is negative or not finite.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(1, 1, bias=False)
        >>> model(tg.tensor([[1.0], [4.0]])).squeeze(1).backward(per_sample=True, weights=[3.0, 1.0])
        >>> total = tg.samples.GradientSum.of(model)
        >>> total.weight, total.weight_squares, total.square_norms, total.mean()
        (4.0, 10.0, 19.0, {'weight': tensor([[1.75]])})
        """
        grads = model.sample_grads() if hasattr(model, "sample_grads") else model
        return grads.sums("GradientSum.of()")  # type: ignore[no-any-return]

    @property
    def effective_count(self) -> float:
        """(Σ w)² / Σ w²: how many samples with equal weights would be as informative; n if all weights are equal."""
        return self.weight * self.weight / self.weight_squares if self.weight_squares else 0.0

    def __repr__(self) -> str:
        names = f": {', '.join(self.gradients)}" if self.gradients else ""
        return f"GradientSum({self.count} samples of weight {self.weight:g}, {len(self.gradients)} parameters{names})"

    def merge(self, *others: GradientSum) -> GradientSum:
        """The sum over the samples of this and of all others, none of which changes.

        Raises:
            ShapeError: if a parameter has different shapes.
            TypeError: for anything that is not a GradientSum.

        >>> import tinygrad_edu as tg
        >>> one = tg.samples.GradientSum({"w": tg.tensor([1.0])}, 1, 1, 1, 1.0)
        >>> two = tg.samples.GradientSum({"w": tg.tensor([5.0])}, 1, 1, 1, 25.0)
        >>> one.merge(two, two).gradients["w"]
        tensor([11.])
        """
        parts: list[Any] = [self, *others]
        arrays: dict[str, list[Tensor]] = {}
        for part in parts:
            if not isinstance(part, GradientSum):
                raise TypeError(
                    f"merge() needs GradientSums, got {type(part).__name__}: make one with GradientSum.of(model)"
                )
            for name, gradient in part.gradients.items():
                arrays.setdefault(name, []).append(gradient)
        for name, own in arrays.items():
            shapes = list(dict.fromkeys(gradient.shape for gradient in own))
            if len(shapes) > 1:
                raise ShapeError(
                    f"merge(): {name!r} has the shapes {' and '.join(map(str, shapes))}: these are sums of different "
                    "models. Nothing was changed"
                )
        return GradientSum(
            {name: _added(own) for name, own in arrays.items()},
            sum([part.weight for part in parts]),
            sum([part.weight_squares for part in parts]),
            sum([part.count for part in parts]),
            sum([part.square_norms for part in parts]),
        )

    def __add__(self, other: object) -> GradientSum:
        return self.merge(other) if isinstance(other, GradientSum) else NotImplemented

    def __radd__(self, other: object) -> GradientSum:
        # The 0 that the built-in sum() starts from.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def mean(self) -> dict[str, Tensor]:
        """Σ w g / Σ w of each parameter, by name.

        Raises:
            ValueError: if there is no sample, or all weights are 0.

        >>> import tinygrad_edu as tg
        >>> tg.samples.GradientSum({"w": tg.tensor([6.0])}, 4, 4, 4, 10.0).mean()
        {'w': tensor([1.5])}
        """
        if not self.weight:
            why = f"the weights of all {self.count} samples are 0" if self.count else "there is no sample"
            raise ValueError(f"the mean of a GradientSum divides by the sum of the weights, but {why}: skip the step")
        return {name: make_tensor(gradient.array / self.weight, None) for name, gradient in self.gradients.items()}

    def noise_scale(self, *, population: int | None = None) -> NoiseScale:
        """The batch size at which the noise of the gradient equals the gradient; see `NoiseScale`.

        The weights are assumed not to depend on the gradients. With fewer than two samples of a weight above 0 the
        result is not usable, and says so.

        Args:
            population: n, if all samples, whatever they were merged from, are one draw without replacement from n, such
                as the parts of a batch of an epoch; None if they were drawn with replacement, come from a stream, or if
                each part was drawn by itself and may have samples of another.

        Raises:
            ValueError: if there are more samples than that.
            TypeError: if it is not an integer.

        >>> import tinygrad_edu as tg
        >>> tg.samples.GradientSum({"w": tg.tensor([6.0])}, 3, 3, 3, 14.0).noise_scale().trace  # of 1, 2 and 3
        1.0
        """
        total = float(sum([np.square(gradient.array, dtype=np.float64).sum() for gradient in self.gradients.values()]))
        return NoiseScale.from_weighted_sums(
            self.square_norms, total, self.weight, self.weight_squares, self.count, population=population
        )

    def assign_mean(self, model: Model) -> None:
        """Put the mean into every `.grad`, so that `optimizer.step()` takes the step of the mean loss.

        It replaces what `.grad` held, and what was kept of the samples. The `.grad` of a parameter without a sum is
        None then, as if the loss did not depend on it. Add the gradient of a penalty afterwards. Leave `samples=`
        out of the step, which would divide a second time, and warns.

        Args:
            model: a model with parameters of these names and shapes.

        Raises:
            ValueError: if there is no weight to divide by, or the model has no parameter with one of the names.
            ShapeError: if a parameter has another shape.
            GraphError: if a parameter does not require a gradient. Nothing is changed by any of these.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(1, 1, bias=False)
        >>> model(tg.tensor([[1.0], [2.0], [6.0]])).squeeze(1).backward(per_sample=True)
        >>> tg.samples.GradientSum.of(model).assign_mean(model)
        >>> model.weight.grad
        tensor([[3.]])
        """
        means = self.mean()
        parameters = dict(model.named_parameters())
        for name, mean in means.items():
            if name not in parameters:
                raise ValueError(f"assign_mean(): the model has no parameter {name!r}; it has {', '.join(parameters)}")
            parameter = parameters[name]
            if parameter.shape != mean.shape:
                raise ShapeError(
                    f"assign_mean(): the sum of {name!r} has shape {mean.shape}, the parameter {parameter.shape}"
                )
            if not parameter.requires_grad:
                raise GraphError(f"assign_mean(): {name!r} does not require a gradient: set requires_grad=True first")
        for name, parameter in parameters.items():
            parameter.grad = None
            if name in means:
                parameter.grad = means[name].astype(parameter.dtype)
        mean_assigned([parameters[name].source for name in means])  # type: ignore[misc]


def _added(gradients: list[Tensor]) -> Tensor:
    first, *rest = gradients
    return make_tensor(sum([gradient.array for gradient in rest], first.array), None) if rest else first
