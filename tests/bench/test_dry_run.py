"""What would run: the sizes, the limits, and about how long."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu import nn, optim
from tinygrad_edu.bench.dry_run import dry_run
from tinygrad_edu.bench.errors import BenchError

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(500, 4)).astype(np.float32), np.arange(500) % 3


def planned(word, **options):
    return dry_run(word, lambda: nn.Linear(4, 3), None, DATA, **{"optimizer": optim.SGD, "budget": 60.0, **options})


def test_it_says_what_goes_in():
    text = planned("advise")
    assert "(15 parameters, float32) on arrays: 400 samples to learn from, 100 held out; cross_entropy, SGD" in text
    assert "a step takes about" in text
    assert text.splitlines()[-1] == "loss: cross_entropy, as the targets are int64"


@pytest.mark.parametrize(
    ("word", "sizes"),
    [
        ("advise", "race batches of 8, 32, 128, 400"),
        ("speed", "time batches of 1, 2, 4, 8, 16, 32, 64, 128, 256 in turn"),
        ("train", "run batches of 8, 16, 32, 64, 128, 256: 3 training runs of each"),
    ],
)
def test_the_sizes_are_those_that_would_be_taken(word, sizes):
    assert sizes in planned(word)


@pytest.mark.parametrize("word", ["advise", "speed", "train"])
def test_sizes_that_are_named_are_taken_and_checked(word):
    assert "batches of 20, 100" in planned(word, batch_sizes=[100, 20])
    with pytest.raises(BenchError, match="401"):
        planned(word, batch_sizes=[401])


def test_a_limit_of_memory_is_heeded():
    wide = RNG.normal(size=(500, 2000)).astype(np.float32), DATA[1]
    text = dry_run("train", lambda: nn.Linear(2000, 3), None, wide, optimizer=optim.SGD, memory_limit=500_000)
    assert "predicted to fit into 488 KiB" in text
    assert "256" not in text.split("run batches of")[1].split(":")[0]


def test_the_budget_is_the_most():
    # Each look at the clock of these tests takes 5 ms: trainings would take minutes.
    assert "but at most 7 seconds, the budget" in planned("advise", budget=7.0)
    assert "at most" not in planned("train", budget=None).split("would run")[1]
