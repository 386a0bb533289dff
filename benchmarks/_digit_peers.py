"""The examples on digits once more in PyTorch: the same weights at the start, the same batches and schedules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
import digits_cnn
import digits_vae
from _digits import Digits, load

import tinygrad_edu as tg

# A step on a batch, which returns its mean loss; and the score on the held-out images.
Program = tuple[Callable[[Any, Any], float], Callable[[], float]]


class TorchAutoencoder(nn.Module):
    """`Autoencoder` of examples/digits_vae.py."""

    def __init__(self, side: int) -> None:
        super().__init__()
        width, code = digits_vae.WIDTH, digits_vae.CODE
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(side * side, width), nn.ReLU())
        self.mean = nn.Linear(width, code)
        self.log_variance = nn.Linear(width, code)
        self.writer = nn.Sequential(nn.Linear(code, width), nn.ReLU(), nn.Linear(width, side * side))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What the images cost, summed over them."""
        hidden = self.reader(images)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        lost = F.binary_cross_entropy_with_logits(self.writer(codes), images.flatten(1), reduction="sum")
        return lost + (mean**2 + torch.exp(log_variance) - 1 - log_variance).sum() / 2


def torch_network(side: int) -> nn.Sequential:
    """`network` of examples/digits_cnn.py."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (side // 4) ** 2, 10),
    )


def cnn(steps: int) -> tuple[tg.data.DataLoader, Program, Program]:
    """The convolutional network; its score is the share of images that are misread."""
    learnt, held_out = load()
    side = learnt.images.shape[-1]
    ours, theirs = alike(digits_cnn.network(side), torch_network(side))
    unseen, truth = (torch.tensor(part.numpy()) for part in held_out)

    def our_score() -> float:
        with tg.no_grad():
            return (ours(held_out.images).argmax(1) != held_out.labels).float().mean().item()

    def their_score() -> float:
        with torch.no_grad():
            return (theirs(unseen).argmax(1) != truth).float().mean().item()

    here = stepper(tg, ours, lambda x, y: tg.nn.functional.cross_entropy(ours(x), y), digits_cnn.RATE, steps)
    there = stepper(torch, theirs, lambda x, y: F.cross_entropy(theirs(x), y), digits_cnn.RATE, steps)
    loader = batches(learnt, digits_cnn.BATCH_SIZE, steps, collate_fn=digits_cnn.moved)
    return loader, (here, our_score), (there, their_score)


def vae(steps: int) -> tuple[tg.data.DataLoader, Program, Program]:
    """The autoencoder; its score is the cost of a held-out image. Each draws noise of its own."""
    learnt, held_out = load()
    side = learnt.images.shape[-1]
    ours, theirs = alike(digits_vae.Autoencoder(side), TorchAutoencoder(side))
    unseen = torch.tensor(held_out.images.numpy())

    def our_score() -> float:
        with tg.no_grad():
            return ours(held_out.images).item() / len(unseen)

    def their_score() -> float:
        with torch.no_grad():
            return theirs(unseen).item() / len(unseen)

    here = stepper(tg, ours, lambda x, _: ours(x), digits_vae.RATE, steps)
    there = stepper(torch, theirs, lambda x, _: theirs(x) / len(x), digits_vae.RATE, steps)
    return batches(learnt, digits_vae.BATCH_SIZE, steps), (here, our_score), (there, their_score)


def epoch_length() -> int:
    """How many batches one pass over the images makes."""
    learnt, _ = load()
    return -(-len(learnt.labels) // digits_cnn.BATCH_SIZE)


def batches(learnt: Digits, size: int, steps: int, **options: Any) -> tg.data.DataLoader:
    """As many batches as there are steps, over as many passes as that takes."""
    dataset = tg.data.TensorDataset(*learnt)
    passes = tg.data.RandomSampler(dataset, num_samples=steps * size)
    return tg.data.DataLoader(dataset, size, sampler=passes, **options)


def alike(ours: tg.nn.Module, theirs: nn.Module) -> tuple[tg.nn.Module, nn.Module]:
    """Both, with the weights of ours."""
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    return ours, theirs


def stepper(library: Any, model: Any, cost: Callable[[Any, Any], Any], rate: float, steps: int) -> Any:
    """A step of one of the libraries. The cost is a sum over the batch here, and its mean there."""
    optimizer = library.optim.Adam(model.parameters())
    scheduler = library.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)

    def step(x: Any, y: Any) -> float:
        if library is torch:
            x, y = torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy())
        loss = cost(x, y)
        optimizer.zero_grad()
        loss.backward()
        if library is torch:
            optimizer.step()
        else:
            optimizer.step(samples=len(x))
        scheduler.step()
        return loss.item() if library is torch else loss.item() / len(x)

    return step
