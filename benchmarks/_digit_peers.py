"""The examples on handwritten digits, once more in PyTorch: the same data, models, steps and schedules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils import data

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from _digits import load

CODE = 20


def _digits() -> list[list[torch.Tensor]]:
    """The images and labels to learn from, then those that are held out."""
    return [[torch.from_numpy(part.numpy().copy()) for part in digits] for digits in load()]


def _moved(samples: list[Any]) -> list[torch.Tensor]:
    images, labels = data.default_collate(samples)
    n, _, side, _ = images.shape
    most = max(1, side // 14)
    padded = F.pad(images, (most, most, most, most))
    top, left = torch.randint(0, 2 * most + 1, (2, n, 1, 1))
    rows, columns = top + torch.arange(side)[:, None], left + torch.arange(side)
    return [padded[torch.arange(n)[:, None, None], 0, rows, columns][:, None], labels]


def cnn(seed: int, epochs: int) -> float:
    """examples/digits_cnn.py: the share of the held-out images that are read right."""
    torch.manual_seed(seed)
    (images, labels), (unseen, truth) = _digits()
    loader = data.DataLoader(data.TensorDataset(images, labels), batch_size=64, shuffle=True, collate_fn=_moved)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (images.shape[-1] // 4) ** 2, 10),
    )
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=epochs * len(loader))
    for _ in range(epochs):
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return (model(unseen).argmax(1) == truth).float().mean().item()


class Autoencoder(nn.Module):
    """That of examples/digits_vae.py."""

    def __init__(self, side: int, hidden: int = 400) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Flatten(), nn.Linear(side * side, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, CODE)
        self.log_variance = nn.Linear(hidden, CODE)
        self.write = nn.Sequential(nn.Linear(CODE, hidden), nn.ReLU(), nn.Linear(hidden, side * side))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What the images cost, summed over them."""
        hidden = self.read(images)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        lost = F.binary_cross_entropy_with_logits(self.write(codes), images.flatten(1), reduction="sum")
        return lost + (mean**2 + torch.exp(log_variance) - log_variance - 1).sum() / 2


def vae(seed: int, epochs: int) -> float:
    """examples/digits_vae.py: what a held-out image costs, in nats."""
    torch.manual_seed(seed)
    (images, _), (unseen, _) = _digits()
    loader = data.DataLoader(data.TensorDataset(images), batch_size=64, shuffle=True)
    model = Autoencoder(side=images.shape[-1])
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=epochs * len(loader))
    for _ in range(epochs):
        for (x,) in loader:
            loss = model(x) / len(x)  # the mean over the batch
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return model(unseen).item() / len(unseen)
