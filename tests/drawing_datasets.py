"""Datasets whose samples are drawn at random, and streams: what worker processes can import."""

from __future__ import annotations

import itertools

import numpy as np

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.data import Dataset, IterableDataset, Sampler, default_collate, get_worker_info


class Noisy(Dataset):
    """Sample i is i, a random number, and a vector of ones with a dropout."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return i, tg.rand(()), F.dropout(tg.ones(6), 0.5), float(tg.normal(0.0, 1.0, size=()).item())


def noisy_collate(samples):
    """The batch, and random numbers of its own."""
    return [*default_collate(samples), tg.randperm(20)]


class NoisyStream(IterableDataset):
    """Numbers with noise, in an order that is drawn at the start; each worker has its share."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __iter__(self):
        info = get_worker_info()
        seed = info.seed - info.id if info else int(tg.randint(99, ()))  # the same in all workers
        order = tg.randperm(self.size, generator=tg.Generator().manual_seed(seed)).tolist()
        mine = itertools.islice(order, info.id, None, info.num_workers) if info else order
        return ((i, tg.rand(())) for i in mine)


class Tape(IterableDataset):
    """Numbers from a place on, which it remembers, with noise; each pass begins where the one before did not get to."""

    def __init__(self, size):
        self.size = size
        self.place = 0
        self.passes = 0
        self.read = 0

    def __iter__(self):
        while self.place < self.size:
            self.place += 1
            self.read += 1
            yield self.place - 1 + 100 * self.passes, tg.rand(())
        self.place = 0
        self.passes += 1

    def state_dict(self):
        return {"place": self.place, "passes": self.passes}

    def load_state_dict(self, state):
        if state["place"] > self.size:
            raise ValueError(f"the tape ends at {self.size}")
        self.place, self.passes = state["place"], state["passes"]


class Lazy(Sampler):
    """Draws each number when it is asked for it."""

    def __init__(self, size, generator=None):
        self.size = size
        self.generator = generator

    def __iter__(self):
        for _ in range(self.size):
            yield int(tg.randint(self.size, (), generator=self.generator))

    def __len__(self):
        return self.size


class Counting(Sampler):
    """Another order in each pass, by a count of passes. It saves its own dict, and keeps the one that it is given."""

    def __init__(self, size, sampler=None):
        self.size = size
        self.state = {"passes": 0}
        self.sampler = sampler

    def __iter__(self):
        self.state["passes"] += 1
        return iter(np.random.default_rng(self.state["passes"]).permutation(self.size).tolist())

    def __len__(self):
        return self.size

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        if state["passes"] < 0:
            raise ValueError("the count of passes is negative")
        self.state = state


def plain(batch):
    """A batch as lists and numbers."""
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [plain(part) for part in batch]
    return batch.tolist() if hasattr(batch, "tolist") else batch
