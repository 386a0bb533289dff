"""Training on scikit-learn's handwritten digits, with a cost that is a sum over the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..autograd.modes import no_grad
from ..bench.problem.chosen import OPTIMIZERS
from ..data import DataLoader, Subset, TensorDataset, random_split
from ..dtypes import Array
from ..nn import Dropout, Linear, ReLU, Sequential
from ..nn.functional import cross_entropy
from ..ops.generator import manual_seed
from ..optim import Optimizer
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor
from .settings import Settings

SIDE = 8  # an image has 8 x 8 pixels
CLASSES = 10
HIDDEN = 256
TEST_SAMPLES = 360  # every fifth
NUDGED = 0.3  # the share of the images that are moved by a pixel in training


@dataclass(frozen=True)
class Epoch:
    """The result of one epoch: the cost per sample, and how many test samples are right after it."""

    number: int
    cost: float
    right: int
    tested: int

    @property
    def accuracy(self) -> float:
        """The share of the test samples that are right."""
        return self.right / self.tested


class Training:
    """One training run: the data, the model, the optimizer."""

    random: np.random.Generator
    train: Subset[tuple[Tensor, ...]]
    test_images: Tensor
    test_digits: Tensor
    loader: DataLoader
    model: Sequential
    optimizer: Optimizer

    def __init__(self, settings: Settings) -> None:
        from sklearn.datasets import load_digits

        manual_seed(settings.seed)
        self.settings = settings
        self.random = np.random.default_rng(settings.seed)
        images, digits = load_digits(return_X_y=True)
        scaled = (images / 8.0 - 1.0).astype(np.float32)  # 0 … 16 of the file becomes -1 … 1
        dataset = TensorDataset(scaled, digits.astype(np.int64))
        self.train, test = random_split(dataset, [len(dataset) - TEST_SAMPLES, TEST_SAMPLES])
        self.test_images, self.test_digits = dataset[test.indices]
        self.loader = DataLoader(self.train, batch_size=settings.batch_size, shuffle=True)
        self.model = Sequential(Linear(SIDE * SIDE, HIDDEN), ReLU(), Dropout(0.25), Linear(HIDDEN, CLASSES))
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.parameters(), lr=settings.rate)

    def epochs(self) -> Iterator[Epoch]:
        """Train, and yield the result of each epoch."""
        for number in range(1, self.settings.epochs + 1):
            # A cost that diverges is found by looking at it, so NumPy's warnings are off.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                cost = self.learn()
                right = int((self.answers(self.test_images) == self.test_digits.array).sum())
            yield Epoch(number, cost / len(self.train), right, TEST_SAMPLES)

    def learn(self) -> float:
        """One pass over the training data; returns the cost summed over its samples."""
        total = 0.0
        self.model.train()
        for images, digits in self.loader:
            cost = cross_entropy(self.model(nudge(images, self.random)), digits)  # the sum over the batch
            self.optimizer.zero_grad()
            cost.backward()
            self.optimizer.step(samples=len(digits))  # the mean is taken only here, over the actual number of samples
            total += cost.item()
        return total

    def logits(self, images: Tensor) -> Array:
        """The output of the model for the images, without a graph."""
        self.model.eval()
        with no_grad():
            output: Tensor = self.model(images)
            return output.numpy()

    def answers(self, images: Tensor) -> Array:
        """The digits that the model predicts for the images."""
        digits: Array = self.logits(images).argmax(axis=1)
        return digits

    def hard_samples(self) -> tuple[Tensor, Tensor]:
        """Ten test images and their digits: for each digit, the image that the model finds hardest."""
        digits = self.test_digits.array
        with no_grad():
            costs = cross_entropy(from_numpy(self.logits(self.test_images)), self.test_digits, reduction="none")
        chosen = [np.flatnonzero(digits == d)[costs.array[digits == d].argmax()] for d in range(CLASSES)]
        return self.test_images[chosen], self.test_digits[chosen]


def nudge(images: Tensor, random: np.random.Generator) -> Tensor:
    """Move some images by one pixel up, down, left or right, so that the model learns shapes, not places.

    Args:
        images: of shape (B, 64), -1 where there is no ink.
        random: selects the images to move, and the direction.
    """
    count = len(images)
    padded = np.full((count, SIDE + 2, SIDE + 2), -1.0, dtype=images.dtype)
    padded[:, 1:-1, 1:-1] = images.array.reshape(count, SIDE, SIDE)
    moved = random.random(count) < NUDGED
    step = np.array([(0, 1), (1, 0), (1, 2), (2, 1)])[random.integers(0, 4, count)]
    top, left = np.where(moved[:, None], step, 1).T
    line = np.arange(SIDE)
    rows, columns = top[:, None, None] + line[:, None], left[:, None, None] + line
    return from_numpy(padded[np.arange(count)[:, None, None], rows, columns].reshape(count, SIDE * SIDE))
