"""A training that can be left after any step and taken up again; as a program, one that may be killed.

It has what is random in trainings: the order of the samples, what is done to them, and dropout.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu.optim import lr_scheduler


class Augmented(data.Dataset):
    """Samples that come out another way each time."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return tg.full((3,), float(index)) + tg.randn(3), tg.tensor([float(index % 2)])


class Training:
    """A training of three epochs over augmented samples in a random order, which can be left after any step.

    Args:
        workers: options of the loader.
        generator: whether the loader has one of its own.
    """

    def __init__(self, generator: bool = False, **workers: Any) -> None:
        self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.4), nn.Linear(4, 1))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.scheduler = lr_scheduler.OneCycleLR(self.optimizer, 0.1, total_steps=12)
        own = tg.Generator().manual_seed(5) if generator else None
        self.loader = data.DataLoader(Augmented(), batch_size=3, shuffle=True, generator=own, **workers)
        self.parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "loader": self.loader,
        }
        self.losses: list[float] = []
        self.epoch = 0

    def run(self, until: int | None = None, stepped: Callable[[], None] = lambda: None) -> io.BytesIO:
        """Train to the end, or for `until` steps in all; the checkpoint. After each step `stepped` is called."""
        for epoch in range(self.epoch, 3):
            self.epoch = epoch
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = nn.functional.binary_cross_entropy_with_logits(self.model(x), y)
                loss.backward()
                self.optimizer.step(samples=len(x))
                self.scheduler.step()
                self.losses.append(loss.item())
                stepped()
                if len(self.losses) == until:
                    return self.saved()
        return self.saved()

    def save(self, file: Any) -> None:
        tg.save_checkpoint(file, **self.parts, losses=self.losses, epoch=self.epoch)

    def saved(self) -> io.BytesIO:
        file = io.BytesIO()
        self.save(file)
        file.seek(0)
        return file

    def resume(self, file: Any) -> Training:
        extra = tg.load_checkpoint(file, **self.parts)
        self.losses, self.epoch = extra["losses"], extra["epoch"]
        return self


def main(path: str, workers: str) -> None:
    """Train to the end, from the checkpoint at `path` if there is one, and save it there after each step."""
    tg.manual_seed(3)
    training = Training(**json.loads(workers))
    if os.path.exists(path):
        training.resume(path)

    def stepped() -> None:
        training.save(path)
        print(len(training.losses), flush=True)

    training.run(stepped=stepped)
    training.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
