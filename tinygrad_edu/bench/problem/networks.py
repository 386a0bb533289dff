"""The built-in models, each made for the data that it has to learn."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...dtypes import Array
from ...nn import (
    LSTM,
    Conv2d,
    Embedding,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parameter,
    ReLU,
    Sequential,
    Transformer,
    TransformerEncoderLayer,
    Unflatten,
)
from ...ops.random import randn
from ...tensors.tensor import Tensor
from ..errors import BenchError

HIDDEN = 256
CHANNELS = 16
WIDTH = 64  # of the models for sequences
MOST_CLASSES = 1000  # that fewer samples may have

Maker = Callable[[], Module]


def mlp(x: Array, y: Array) -> Maker:
    """Return a function that makes networks with one hidden layer of 256 units; the data set the other widths.

    Args:
        x: inputs of shape (n, …), which are flattened.
        y: integer classes (n,), with one output each; or numbers of shape (n, …), with one output for each number of a
            sample.

    Raises:
        BenchError: if the integers of y are not classes from 0 on, or there are several per sample.

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
    integers = y.dtype.kind in "iub"
    if integers and y.ndim > 1:
        raise BenchError(
            f"--model mlp learns one class per sample, and y has integers of shape {y.shape}. For sequences use "
            "--model lstm or transformer; if they are numbers, y.astype(np.float32)"
        )
    outputs = _class_count("mlp", y) if integers else math.prod(y.shape[1:])

    def make() -> Module:
        layers: list[Module] = [Flatten(), Linear(inputs, HIDDEN), ReLU(), Linear(HIDDEN, outputs)]
        if not integers and y.shape[1:] != (outputs,):
            layers.append(Unflatten(1, y.shape[1:]) if y.ndim > 1 else Flatten(0))  # the shape of the targets
        return Sequential(*layers)

    return make


def cnn(x: Array, y: Array) -> Maker:
    """Return a function that makes networks of two 3 x 3 convolutions, each followed by 2 x 2 pooling.

    Args:
        x: images of shape (n, channels, height, width), or (n, height, width).
        y: integer classes (n,).

    Raises:
        BenchError: if these are not images of at least 4 x 4 pixels, or not classes.

    >>> import numpy as np
    >>> cnn(np.zeros((5, 1, 8, 8)), np.array([0, 2, 1, 0, 2]))()(np.zeros((5, 1, 8, 8), np.float32)).shape
    (5, 3)
    """
    shape = x.shape[1:] if x.ndim == 4 else (1, *x.shape[1:])
    if x.dtype.kind != "f" or len(shape) != 3 or min(shape) < 1 or min(shape[1:]) < 4:
        raise BenchError(
            f"--model cnn takes images of shape (n, channels, height, width), of 4 x 4 pixels or more; x is {x.dtype} "
            f"of shape {x.shape}. Take --data digits or mnist, or x.reshape(-1, 1, height, width)"
        )
    if y.dtype.kind not in "iub" or y.ndim != 1:
        raise BenchError(f"--model cnn learns one class per sample: y must be integers of shape (n,); it is {_told(y)}")
    channels, height, width = shape
    classes = _class_count("cnn", y)

    def make() -> Module:
        front: list[Module] = [Unflatten(1, (1, height))] if x.ndim == 3 else []
        return Sequential(
            *front,
            Conv2d(channels, CHANNELS, 3, padding=1),
            ReLU(),
            MaxPool2d(2),
            Conv2d(CHANNELS, 2 * CHANNELS, 3, padding=1),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Linear(2 * CHANNELS * (height // 4) * (width // 4), classes),
        )

    return make


def lstm(x: Array, y: Array) -> Maker:
    """Return a function that makes models which read a sequence from left to right and predict each next symbol.

    Args:
        x: sequences of integers from 0 on, (n, length).
        y: the integer to predict at each position, (n, length).

    Raises:
        BenchError: if these are not such sequences.
    """
    return _for_sequences("lstm", _Reader, x, y)


def transformer(x: Array, y: Array) -> Maker:
    """Return a function that makes models of one transformer block, in which each position attends to earlier ones.

    Args:
        x: sequences of integers from 0 on, (n, length).
        y: the integer to predict at each position, (n, length).

    Raises:
        BenchError: if these are not such sequences.
    """
    return _for_sequences("transformer", _Block, x, y)


class _Reader(Module):
    """Embedding, LSTM and a score for each symbol."""

    def __init__(self, symbols: int, length: int) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, WIDTH)
        self.lstm = LSTM(WIDTH, WIDTH, batch_first=True)
        self.scores = Linear(WIDTH, symbols)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of shape (n, symbols, length), as cross-entropy expects."""
        states, _ = self.lstm(self.embedding(x))
        scores: Tensor = self.scores(states)
        return scores.mT


class _Block(Module):
    """Embedding of symbols and positions, one transformer block and a score for each symbol."""

    def __init__(self, symbols: int, length: int) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, WIDTH)
        self.places = Parameter(0.02 * randn(length, WIDTH))
        self.block = TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.scores = Linear(WIDTH, symbols)
        self.register_buffer("mask", Transformer.generate_square_subsequent_mask(length), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of shape (n, symbols, length), as cross-entropy expects."""
        states = self.block(self.embedding(x) + self.places, src_mask=self.mask, is_causal=True)
        scores: Tensor = self.scores(states)
        return scores.mT


def _for_sequences(name: str, kind: Callable[[int, int], Module], x: Array, y: Array) -> Maker:
    """Return a function that makes models of this kind for sequences of integers."""
    fits = x.ndim == 2 and x.shape == y.shape and x.shape[1] > 0 and {x.dtype.kind, y.dtype.kind} <= set("iu")
    if not fits:
        raise BenchError(
            f"--model {name} takes sequences of integers x of shape (n, length), and y of the same shape: the next "
            f"integer at each position. x is {_told(x)}, y {_told(y)}. Take --data text"
        )
    symbols = max(_class_count(name, x), _class_count(name, y))
    return lambda: kind(symbols, x.shape[1])


def _told(values: Array) -> str:
    return f"{values.dtype} of shape {values.shape}"


def _class_count(model: str, y: Array) -> int:
    if not y.size:
        return 1
    count = int(y.max()) + 1
    if count > max(len(y), MOST_CLASSES):
        raise BenchError(
            f"--model {model} has an output for each class, and the labels run to {count - 1} for {len(y)} samples. "
            "Count the classes from 0, y = np.unique(y, return_inverse=True)[1]; if they are numbers, "
            "y.astype(np.float32)"
        )
    return max(count, 1)
