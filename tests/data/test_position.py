"""The position of a loader: what is saved, loaded, and refused."""

import copy
import json
from contextlib import suppress

import numpy as np
import pytest
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


PROCESSES = {"num_workers": 2, "worker_type": "process"}
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


def shuffled(size=10, batch_size=3, **options):
    return DataLoader(Noisy(size), batch_size, shuffle=True, **options)


def after(loader, number):
    """The state of a loader of which so many batches have been taken."""
    batches = iter(loader)
    for _ in range(number):
        next(batches)
    return loader.state_dict()


def test_what_is_skipped_is_not_read():
    class Noting(Noisy):
        def __getitem__(self, i):
            read.append(i)
            return super().__getitem__(i)

    read = []
    loader = DataLoader(Noting(20), 2, shuffle=True)
    loader.load_state_dict(after(shuffled(20, 2, num_workers=2), 7))
    assert len(list(loader)) == 3
    assert len(read) == 6


def test_a_stream_with_a_state_goes_on_where_it_was():
    first, second = (DataLoader(Tape(20), 3) for _ in range(2))
    second.load_state_dict(after(first, 4))
    assert [plain(numbers) for numbers, _ in second] == [[12, 13, 14], [15, 16, 17], [18, 19]]
    assert second.dataset.read == 8
    assert plain(next(iter(second)))[0] == [100, 101, 102]


def test_a_skipped_pass_leaves_the_default_generator_alone():
    state = after(shuffled(), 2)
    loader = shuffled()
    loader.load_state_dict(state)
    before = tg.get_rng_state()
    list(loader)
    assert tg.get_rng_state() == before


def test_an_epoch_is_over_with_the_loop():
    loader = shuffled()
    assert loader.state_dict()["epoch"] is None
    for _ in loader:
        assert loader.state_dict()["epoch"]["batches"] == 1
        break
    assert loader.state_dict()["epoch"] is None
    batches = iter(loader)
    assert loader.state_dict()["epoch"]["batches"] == 0
    list(batches)
    assert loader.state_dict()["epoch"] is None
    with suppress(ZeroDivisionError):
        for _ in loader:
            raise ZeroDivisionError
    assert loader.state_dict()["epoch"] is None


def test_the_position_is_that_of_the_loop_that_began_last():
    loader = shuffled()
    outer = iter(loader)
    next(outer)
    inner = iter(loader)
    next(inner), next(inner)
    assert loader.state_dict()["epoch"]["batches"] == 2
    inner.close()
    with pytest.raises(RuntimeError, match="one that began earlier is not: which position is meant is not clear"):
        loader.state_dict()
    outer.close()
    assert loader.state_dict()["epoch"] is None


def test_a_loaded_state_can_be_saved_again_and_is_nobody_elses():
    state = after(shuffled(generator=tg.Generator().manual_seed(4)), 2)
    loader = shuffled(generator=tg.Generator())
    loader.load_state_dict(state)
    assert loader.state_dict() == state
    expected = copy.deepcopy(state)
    state["epoch"]["start"]["generators"].clear()
    state["now"]["generators"][0]["state"]["state"]["state"] = 0
    assert loader.state_dict() == expected
    list(loader)


def test_states_between_epochs_hold_the_generators():
    one, two = (shuffled(generator=tg.Generator().manual_seed(seed)) for seed in (1, 2))
    list(one)
    two.load_state_dict(one.state_dict())
    assert list(map(plain, two)) == list(map(plain, one))


def damaged():
    """Changes of a state, and what is said of each."""
    return [
        (lambda s: s.clear(), "not what state_dict"),
        (lambda s: s.update(loader=99), "not what state_dict"),
        (lambda s: s.pop("epoch"), "'epoch' is missing"),
        (lambda s: s.update(epoch=3), "'epoch' is missing, or not a"),
        (lambda s: s.pop("now"), "'now' is missing"),
        (lambda s: s["now"].pop("generators"), "'generators' is missing"),
        (lambda s: s["now"]["generators"].clear(), "0 generators of its own, this loader has 1"),
        (lambda s: s["now"]["generators"][0].pop("state"), "the state of a generator in it is damaged"),
        (lambda s: s["epoch"]["start"]["generators"][0]["state"].update(bit_generator="MT19937"), "is damaged"),
        (lambda s: s["epoch"]["start"]["generators"][0]["state"]["state"].update(inc="x"), "is damaged"),
        (lambda s: s["epoch"]["start"]["stateful"].append({}), "1 samplers or datasets with a state_dict, this"),
        (lambda s: s["epoch"].pop("base_seed"), "'base_seed' is missing"),
        (lambda s: s["epoch"].update(base_seed=-1), "base_seed -1"),
        (lambda s: s["epoch"].update(batches=2.0), "'batches' is missing, or not a int"),
        (lambda s: s["epoch"].update(batches=True), "'batches' is missing, or not a int"),
        (lambda s: s["epoch"].update(batches=-1), "-1 batches handed out"),
        (lambda s: s["epoch"].update(batches=3), "3 batches handed out, 2 drawn"),
        (lambda s: s["epoch"].update(drawn=10**12), "1000000000000 drawn, of 4"),
        (lambda s: s["make"].pop("order"), "'make' is not what"),
        (lambda s: s.update(make=None), "'make' is not what"),
    ]


@pytest.mark.parametrize(("damage", "said"), damaged())
def test_a_damaged_state_is_refused_and_nothing_changes(damage, said):
    generator = tg.Generator().manual_seed(4)
    state = after(shuffled(generator=generator), 2)
    damage(state)
    loader = shuffled(generator=tg.Generator().manual_seed(8))
    before = loader.state_dict()
    with pytest.raises(ValueError, match=f"DataLoader.load_state_dict: the state cannot be restored: .*{said}"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


@pytest.mark.parametrize("foreign", [None, [], {}, {"epoch": None}, 7, tg.Generator().get_state()])
def test_what_is_no_state_of_a_loader_is_refused(foreign):
    with pytest.raises(ValueError, match=r"it is not what state_dict\(\) of a DataLoader returned"):
        shuffled().load_state_dict(foreign)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: shuffled(11), "samples is 10 in it, and 11 in this loader"),
        (lambda: shuffled(10, 4), "batch_size is 3 in it, and 4 in this loader"),
        (lambda: shuffled(drop_last=True), "drop_last is False in it, and True"),
        (lambda: DataLoader(Noisy(10), 3), "'BatchSampler of RandomSampler' in it, and 'BatchSampler of Sequential"),
        (lambda: shuffled(generator=tg.Generator()), "0 generators of its own, this loader has 1"),
        (lambda: DataLoader(NoisyStream(10), 3), "order is 'BatchSampler of RandomSampler' in it|'make'"),
    ],
)
def test_the_state_of_another_loader_is_refused(other, said):
    state = after(shuffled(), 2)
    loader = other()
    before = loader.state_dict()
    with pytest.raises(ValueError, match=said):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


def test_a_stream_needs_the_same_number_of_workers():
    state = after(DataLoader(NoisyStream(10), 3, num_workers=2), 2)
    with pytest.raises(ValueError, match="num_workers is 2 in it, and 3 in this loader"):
        DataLoader(NoisyStream(10), 3, num_workers=3).load_state_dict(state)


def test_what_one_sampler_refuses_changes_none():
    def two(passes):
        outer = Counting(6, Counting(6))
        outer.state["passes"] = outer.sampler.state["passes"] = passes
        return DataLoader(Noisy(6), sampler=outer, generator=tg.Generator().manual_seed(passes))

    state = after(two(1), 2)
    state["epoch"]["start"]["stateful"][1]["passes"] = -1
    loader = two(5)
    before = loader.state_dict()
    with pytest.raises(ValueError, match="the count of passes is negative"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


def test_what_a_sampler_does_with_its_state_leaves_the_saved_one_as_it_was():
    state = after(DataLoader(Noisy(6), sampler=Counting(6)), 2)
    expected = copy.deepcopy(state)
    loader = DataLoader(Noisy(6), sampler=Counting(6))
    loader.load_state_dict(state)
    iter(loader)
    assert state == expected
    loader.load_state_dict(state)
    batches = iter(loader)
    next(batches)
    assert loader.state_dict()["epoch"]["start"] == state["epoch"]["start"]
    batches.close()


def test_a_state_is_taken_up_by_processes():
    whole = shuffled(generator=tg.Generator().manual_seed(1))
    state = after(whole, 2)
    alike, others = (shuffled(generator=tg.Generator(), **options) for options in ({}, PROCESSES))
    for loader in (alike, others):
        loader.load_state_dict(state)
    assert [plain(batch) for batch in others] == [plain(batch) for batch in alike]


def test_workers_that_stay_get_the_state_of_the_stream():
    def loader():
        return DataLoader(Tape(4), 2, persistent_workers=True, **PROCESSES | {"num_workers": 1})

    source, used = loader(), loader()
    source.dataset.passes = 5
    assert plain(next(iter(used)))[0] == [0, 1]
    used.load_state_dict(source.state_dict())
    assert plain(next(iter(used)))[0] == [500, 501]


def test_a_loader_can_be_copied_when_a_loop_has_run():
    loader = shuffled(num_workers=1, persistent_workers=True, generator=tg.Generator().manual_seed(2))
    list(loader)
    other = copy.deepcopy(loader)
    assert list(map(plain, other)) == list(map(plain, loader))


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("batch_size", [3, None])
def test_nothing_is_left_of_a_stream_after_its_last_batch(size, batch_size):
    """Though the stream may have turned back to its start, as the last batch was not full."""
    loader, other = (DataLoader(Tape(size), batch_size) for _ in range(2))
    other.load_state_dict(after(loader, -(-size // (batch_size or 1))))
    assert list(other) == []
    assert plain(next(iter(other)))[0] == (100 if batch_size is None else [100, 101, 102])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_generator_may_serve_others_as_well(workers):
    """The training takes its noise from the generator that shuffles."""

    def run(*halts):
        generator = tg.Generator().manual_seed(6)
        loader = shuffled(num_workers=workers, generator=generator)
        log = []
        for epoch in range(2):
            batches = iter(loader)
            for step in range(len(loader)):
                if (epoch, step) in halts:
                    state = loader.state_dict()
                    generator = tg.Generator()
                    loader = shuffled(num_workers=workers, generator=generator)
                    loader.load_state_dict(state)
                    batches = iter(loader)
                log.append((plain(next(batches)), tg.rand(3, generator=generator).tolist()))
            assert list(batches) == []
        return log

    assert run((0, 0), (0, 2), (1, 3)) == run()
