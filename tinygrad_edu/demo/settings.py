"""The options of the demo, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass

BATCH_SIZE = 64
EPOCHS = 50

# For each optimizer, a learning rate that works well here.
LEARNING_RATES = {
    "sgd": 0.4,
    "momentum": 0.05,
    "adam": 0.002,
    "adamw": 0.002,
    "rmsprop": 0.001,
    "adagrad": 0.02,
}


@dataclass(frozen=True)
class Settings:
    """The options of one run; None for `lr` means the default of the optimizer."""

    seed: int = 0
    batch_size: int = BATCH_SIZE
    epochs: int = EPOCHS
    optimizer: str = "adam"
    lr: float | None = None

    @property
    def usual_rate(self) -> float:
        """The default learning rate of the optimizer."""
        return LEARNING_RATES[self.optimizer]

    @property
    def rate(self) -> float:
        """The learning rate of this run."""
        return self.usual_rate if self.lr is None else self.lr
