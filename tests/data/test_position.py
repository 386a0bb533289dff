"""The position of a loader: what is saved, loaded, and refused."""

import json

import numpy as np
from drawing_datasets import Counting, Lazy, Noisy, NoisyStream, Tape, noisy_collate, plain
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

SAMPLERS = {
    "in order": lambda n, g: None,
    "shuffled": lambda n, g: RandomSampler(range(n), generator=g),
    "with replacement": lambda n, g: RandomSampler(range(n), replacement=True, num_samples=n + 2, generator=g),
    "several orders": lambda n, g: RandomSampler(range(n), num_samples=2 * n + 1, generator=g),
    "weighted": lambda n, g: WeightedRandomSampler(np.arange(1, n + 1), n, generator=g),
    "subset": lambda n, g: SubsetRandomSampler(range(0, n, 2), generator=g),
    "drawn one by one": lambda n, g: Lazy(n, g),
    "with a state": lambda n, g: Counting(n),
}
GENERATORS = {
    "none": lambda seed: None,
    "the default one": lambda seed: tg.default_generator,
    "its own": lambda seed: tg.Generator().manual_seed(seed),
    "NumPy's": np.random.default_rng,
}


@st.composite
def makers(draw):
    """A function that makes equal loaders, with or without workers."""
    size = draw(st.integers(1, 9))
    batch_size = draw(st.sampled_from([None, 1, 2, 3, 10]))
    options = {"batch_size": batch_size, "drop_last": batch_size is not None and draw(st.booleans())}
    order = draw(st.sampled_from(["by the loader", *SAMPLERS]))
    generator = draw(st.sampled_from(list(GENERATORS)))
    batches_first = batch_size is not None and draw(st.booleans())
    collate = noisy_collate if batch_size is not None and draw(st.booleans()) else None
    persistent = draw(st.booleans())

    def make(num_workers, seed):
        own = GENERATORS[generator](seed)
        given = dict(options, num_workers=num_workers, collate_fn=collate, generator=own)
        given["persistent_workers"] = persistent and num_workers > 0
        if order == "by the loader":
            given["shuffle"] = True
        else:
            given["sampler"] = SAMPLERS[order](size, own)
        if batches_first and given.get("sampler") is not None:
            sampler = given.pop("sampler")
            given["batch_sampler"] = BatchSampler(sampler, given.pop("batch_size"), given.pop("drop_last"))
        return DataLoader(Noisy(size), **given)

    return make


@st.composite
def stream_makers(draw):
    size = draw(st.integers(1, 9))
    batch_size = draw(st.sampled_from([None, 1, 2, 3, 10]))
    drop_last = batch_size is not None and draw(st.booleans())
    kind, workers = draw(st.sampled_from([(NoisyStream, 0), (NoisyStream, 1), (NoisyStream, 3), (Tape, 0), (Tape, 1)]))

    def make(_, seed):
        return DataLoader(kind(size), batch_size, num_workers=workers, drop_last=drop_last)

    return make


def train(make, epochs, places, workers):
    """The batches of some epochs, with what the training draws; at each place another loader takes over."""
    tg.manual_seed(3)
    loader = make(workers[0], 5)
    log, saves = [], 0

    def take_over(loader):
        state = json.loads(json.dumps(loader.state_dict()))
        drawn = tg.get_rng_state()
        tg.manual_seed(1000 + saves)  # another program, which has drawn other numbers
        tg.rand(5)
        new = make(workers[saves % len(workers)], 77)
        new.load_state_dict(state)
        tg.set_rng_state(drawn)
        return new

    for epoch in range(epochs):
        if (epoch, None) in places:
            saves += 1
            loader = take_over(loader)
        batches = iter(loader)
        done = 0
        while True:
            if (epoch, done) in places:
                saves += 1
                loader = take_over(loader)
                batches = iter(loader)
            try:
                batch = next(batches)
            except StopIteration:
                break
            done += 1
            log.append((epoch, plain(batch), F.dropout(tg.ones(8)).tolist()))
    return log, saves


EPOCHS = 3
PLACES = st.sets(st.tuples(st.integers(0, EPOCHS - 1), st.one_of(st.none(), st.integers(0, 5))), min_size=1, max_size=4)
COUNTS = st.lists(st.integers(0, 3), min_size=1, max_size=3)


@given(makers(), PLACES, COUNTS)
def test_a_run_that_is_taken_over_equals_one_that_is_not(make, places, workers):
    """Whoever reads, in whatever order, wherever it is saved, and again: bit for bit, though the training draws too."""
    whole, _ = train(make, EPOCHS, set(), [0])
    parts, _ = train(make, EPOCHS, places, workers)
    assert parts == whole


@given(stream_makers(), PLACES)
def test_a_stream_that_is_taken_over_equals_one_that_is_not(make, places):
    whole, _ = train(make, EPOCHS, set(), [0])
    parts, _ = train(make, EPOCHS, places, [0])
    assert parts == whole
