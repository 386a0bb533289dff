"""The gradient of one weight, split into what each sample contributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dtypes import Array
from ..nn import Linear, Module
from ..nn.functional import cross_entropy, softmax
from ..tensors.tensor import Tensor


@dataclass(frozen=True)
class OpenedGradient:
    """One weight's gradient as a sum over samples; the arrays have one entry per sample.

    Attributes:
        output, unit: the weight leads from this unit of the layer below to this output.
        digits: what the samples show.
        probabilities: the probability that the model gives to the digit of that output, for each sample.
        x: what each sample sends into the weight.
        delta: the derivative of each sample's cost with respect to that output.
        gradient: what backward() left in the weight's `.grad`.
    """

    output: int
    unit: int
    digits: Array
    probabilities: Array
    x: Array
    delta: Array
    gradient: float

    @property
    def terms(self) -> Array:
        """What each sample contributes."""
        return self.x * self.delta

    @property
    def total(self) -> float:
        """The sum of the contributions."""
        return float(self.terms.sum())


def open_gradient(model: Module, images: Tensor, digits: Tensor) -> OpenedGradient:
    """Split the gradient of the weight of the last layer at which the samples pull hardest.

    Works in float64, so that the sum and the gradient agree to far more digits than are shown. The model
    stays in float64, in evaluation mode, with the gradients of this batch.

    Args:
        model: its last layer is a Linear.
        images: a batch of shape (B, inputs).
        digits: the digits that they show, integers of shape (B,).

    Raises:
        AssertionError: if the parts do not add up to the gradient.
    """
    model.double().eval()
    model.zero_grad()
    layer = [module for module in model.modules() if isinstance(module, Linear)][-1]
    logits = model(images.double())
    cross_entropy(logits, digits, reduction="none").backward(per_sample=True)

    opened = layer.weight.sample_grads
    pull = np.abs(opened.materialize().numpy()).sum(0)  # of each weight, Σ |x·δ|
    row, column = (int(i) for i in np.unravel_index(pull.argmax(), pull.shape))
    explanation = opened.explain((row, column))
    terms = sorted(explanation.rows)  # by the sample's number
    found = OpenedGradient(
        output=row,
        unit=column,
        digits=digits.numpy(),
        probabilities=softmax(logits.detach(), 1).numpy()[:, row],
        x=np.array([term.x for term in terms]),
        delta=np.array([term.delta for term in terms]),
        gradient=explanation.total,
    )
    np.testing.assert_allclose(found.total, found.gradient, rtol=0, atol=1e-12 * np.abs(found.terms).sum())
    return found
