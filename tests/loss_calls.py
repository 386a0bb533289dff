"""Calls of every loss of `nn.functional`, with all of its options, in float64.

No number lies at a kink. Floating arrays are what a gradient is taken by; targets that have none are integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from made import rng, uniform

MODULES = {
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cosine_embedding_loss": "CosineEmbeddingLoss",
    "cross_entropy": "CrossEntropyLoss",
    "gaussian_nll_loss": "GaussianNLLLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "l1_loss": "L1Loss",
    "margin_ranking_loss": "MarginRankingLoss",
    "mse_loss": "MSELoss",
    "multi_margin_loss": "MultiMarginLoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "nll_loss": "NLLLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "smooth_l1_loss": "SmoothL1Loss",
    "soft_margin_loss": "SoftMarginLoss",
    "triplet_margin_loss": "TripletMarginLoss",
    "triplet_margin_with_distance_loss": "TripletMarginWithDistanceLoss",
}
"""The module of each function."""

CLASSES = np.array([3, 0, 2, 2, 1])
LISTED = np.array([[3, 0, -1, 1], [1, -1, 2, 2], [-1, 0, 0, 0], [0, 1, 2, 3], [2, 2, 1, -1]])
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25])


class LossCall(NamedTuple):
    """A loss, the arrays that it is called with, and its options; those that are arrays become tensors."""

    function: str
    arrays: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is called among the tests."""
        shapes = "x".join(map(str, self.arrays[0].shape)) or "one"
        options = [f"{k}={'array' if isinstance(v, np.ndarray) else v}" for k, v in self.options.items()]
        return "-".join([self.function, shapes, *options])


def signs(*shape: int) -> Any:
    """An array of 1 and -1."""
    return rng(5).choice([1, -1], size=shape)


def some(shape: tuple[int, ...], seed: int = 0, low: float = -2.0, high: float = 2.0) -> Any:
    """Numbers that are uniform from `low` to `high`."""
    return np.asarray(uniform(*shape, seed=seed, low=low, high=high))


def of_numbers() -> Iterator[LossCall]:
    """Losses of numbers and targets, element by element."""
    for shape in [(5, 4), (3,), ()]:
        arrays = some(shape), some(shape, 1)
        for name in ("mse_loss", "l1_loss", "huber_loss"):
            for options in ({}, {"weight": some(shape, 2, 0.1)}):
                yield LossCall(name, arrays, options)
        for beta in (1.0, 0.3, 0.0):
            yield LossCall("smooth_l1_loss", arrays, {"beta": beta})
        yield LossCall("huber_loss", arrays, {"delta": 0.4})
        counts = some(shape, 1, 0.2, 4.0)
        for log_input, full in product((True, False), repeat=2):
            rates = some(shape) if log_input else some(shape, 0, 0.1, 3.0)
            yield LossCall("poisson_nll_loss", (rates, counts), {"log_input": log_input, "full": full})
        yield LossCall("poisson_nll_loss", (some(shape, 0, 0.1, 3.0), counts), {"log_input": False, "eps": 0.5})
        for options in ({}, {"margin": 0.4}):
            yield LossCall("hinge_embedding_loss", (some(shape), signs(*shape)), options)
            yield LossCall("margin_ranking_loss", (some(shape), some(shape, 1), signs(*shape)), options)
        yield LossCall("margin_ranking_loss", (some(shape), some(shape, 1), some(shape, 2)), {"margin": -0.2})
        yield LossCall("soft_margin_loss", (some(shape), signs(*shape)), {})


def of_distributions() -> Iterator[LossCall]:
    """Losses of normal distributions, with variances of all shapes."""
    for shape, variances in [
        ((5, 4), [(5, 4), (5, 1), (1, 4), (5,)]),
        ((2, 3, 4), [(2, 3, 4), (2, 3, 1), (2, 1, 4), (2, 3)]),
        ((3,), [(3,), (1,), ()]),
        ((), [()]),
    ]:
        for var, full in product(variances, (False, True)):
            yield LossCall("gaussian_nll_loss", (some(shape), some(shape, 1), some(var, 2, 0.1)), {"full": full})
    yield LossCall("gaussian_nll_loss", (some((5, 4)), some((5, 4), 1), some((5, 4), 2, 0.0)), {"eps": 0.7})
    yield LossCall("gaussian_nll_loss", (some((5, 4)), some((5, 4), 1)), {"var": 0.5})


def of_probabilities() -> Iterator[LossCall]:
    """Losses of probabilities, their logarithms, and scores of yes-or-no questions."""
    for shape in [(5, 4), (4,), (2, 3, 4)]:
        scores, chances = some(shape), some(shape, 0, 0.05, 0.95)
        target = some(shape, 1, 0.05, 0.95)
        for weight in (None, some((4,), 7, 0.1), some(shape, 7, 0.1)):
            options = {} if weight is None else {"weight": weight}
            yield LossCall("binary_cross_entropy", (chances, target), options)
            yield LossCall("binary_cross_entropy_with_logits", (scores, target), options)
            yield LossCall("multilabel_soft_margin_loss", (scores, target), options)
            yield LossCall("binary_cross_entropy_with_logits", (scores, target), {**options, "pos_weight": WEIGHTS})
        yield LossCall("kl_div", (scores, target), {})
        yield LossCall("kl_div", (scores, np.log(target)), {"log_target": True})


def of_classes() -> Iterator[LossCall]:
    """Losses of scores and class indices, or probabilities."""
    for shape in [(5, 4), (4,), (2, 4, 3), (2, 4, 3, 2)]:
        scores, indices = some(shape), np.resize(CLASSES, shape[:1] + shape[2:] if len(shape) > 1 else ())
        for weight, ignored in product((None, WEIGHTS), (-100, 2)):
            options: dict[str, Any] = {"ignore_index": ignored}
            options |= {} if weight is None else {"weight": weight}
            yield LossCall("nll_loss", (scores - 3, indices), options)
            for smoothing in (0.0, 0.2):
                yield LossCall("cross_entropy", (scores, indices), {**options, "label_smoothing": smoothing})
        for weight, smoothing in product((None, WEIGHTS), (0.0, 0.2)):
            options = {"label_smoothing": smoothing} | ({} if weight is None else {"weight": weight})
            yield LossCall("cross_entropy", (scores, some(shape, 1, 0.0, 1.0)), options)
    for shape in [(5, 4), (4,)]:
        indices = CLASSES if len(shape) > 1 else np.array(2)
        for p, margin, weight in product((1, 2), (1.0, 0.3), (None, WEIGHTS)):
            options = {"p": p, "margin": margin} | ({} if weight is None else {"weight": weight})
            yield LossCall("multi_margin_loss", (some(shape), indices), options)
        yield LossCall("multilabel_margin_loss", (some(shape), LISTED if len(shape) > 1 else LISTED[0]), {})


def of_vectors() -> Iterator[LossCall]:
    """Losses of pairs and triplets of vectors."""
    for shape in [(5, 4), (4,)]:
        for margin in (0.0, 0.3, -0.5):
            arrays = some(shape), some(shape, 1), signs(*shape[:-1])
            yield LossCall("cosine_embedding_loss", arrays, {"margin": margin})
    for shape in [(5, 4), (4,), (2, 3, 4)]:
        triplet = some(shape), some(shape, 1), some(shape, 2)
        for swap in (False, True):
            yield LossCall("triplet_margin_with_distance_loss", triplet, {"swap": swap, "margin": 0.7})
            for p in (2.0, 1.0, 3.0, np.inf):
                yield LossCall("triplet_margin_loss", triplet, {"p": p, "swap": swap})
        yield LossCall("triplet_margin_loss", triplet, {"margin": 2.5, "eps": 0.1})


CALLS = [*of_numbers(), *of_distributions(), *of_probabilities(), *of_classes(), *of_vectors()]
IDS = [call.name for call in CALLS]


def typical() -> dict[str, LossCall]:
    """One call of each loss, of a batch of five samples."""
    found: dict[str, LossCall] = {}
    for call in CALLS:
        if call.arrays[0].shape == (5, 4):
            found.setdefault(call.function, call)
    return found
