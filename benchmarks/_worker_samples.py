"""Datasets for `loader_workers.py`, in a separate module, as worker processes import only this one."""

from __future__ import annotations

import numpy as np


class Rows:
    """Samples that take no time: rows of 784 float32 numbers."""

    def __init__(self, size: int) -> None:
        self.rows = np.random.default_rng(0).standard_normal((size, 784), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.rows[index]


class Words:
    """Samples that take time in Python: the words of a text, counted in a dict and hashed into 512 features."""

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(0)
        words = [f"word{i}" for i in range(1000)]
        self.texts = [" ".join(rng.choice(words, 50)) for _ in range(min(size, 64))]
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> np.ndarray:
        counts: dict[str, int] = {}
        for word in self.texts[index % len(self.texts)].split():
            counts[word] = counts.get(word, 0) + 1
        vector = np.zeros(512, np.float32)
        for word, count in counts.items():
            vector[sum(word.encode()) * 31 % 512] += count
        return vector
