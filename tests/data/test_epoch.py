"""An epoch: its order, which nothing else can change, and how far it is."""

import sys
import threading
from pathlib import Path

import pytest
from drawing_datasets import Lazy, Noisy, NoisyStream, noisy_collate, plain
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader
from tinygrad_edu.data.epoch import Epoch, Order
from tinygrad_edu.data.position import Place
from tinygrad_edu.data.workers.job import Task
from tinygrad_edu.data.workers.team import Reading

PACKAGE = str(Path(tg.__file__).parent)


def numbers(tasks):
    return [(task.batch, task.samples) for task in tasks]


def test_a_sampler_draws_from_a_generator_of_the_epochs_own():
    first = numbers(Order(Lazy(20), 3))
    tg.manual_seed(8)
    order = Order(Lazy(20), 3)
    other = []
    for task in order:
        tg.rand(3)
        other.append(tuple(task))
    assert other == first
    assert [batch for batch, _ in first] == list(range(20))
    assert numbers(Order(Lazy(20), 4)) != first
    tg.manual_seed(8)
    before = tg.get_rng_state()
    list(Order(Lazy(20), 3))
    assert tg.get_rng_state() == before


@given(st.integers(0, 8), st.data())
def test_skipping_asks_as_often_as_was_asked_and_gives_the_rest(size, data):
    drawn = data.draw(st.integers(0, size + 1))
    done = data.draw(st.integers(0, min(drawn, size)))
    generator = tg.Generator().manual_seed(1)
    whole = Order(Lazy(size, generator), 3)
    expected = numbers(whole)
    assert whole.drawn == size + 1
    again = Order(Lazy(size, generator.manual_seed(1)), 3)
    rest = again.skip(done, drawn)
    assert again.drawn == drawn
    assert numbers(rest) == expected[done:]


def test_a_sampler_at_its_end_is_not_asked_again():
    class Ending:
        def __iter__(self):
            yield 5
            asked.append(1)

    asked = []
    order = Order(Ending(), 0)
    assert list(order) == [Task(0, 5)]
    assert list(order) == []
    assert asked == [1]


def test_an_epoch_knows_how_far_it_is_and_ends_once():
    ends = []
    epoch = Epoch(Place(4, {}, batches=2), None, Reading(iter("ab"), ends.append, lambda: False))
    assert next(epoch) == "a"
    assert (epoch.place.batches, epoch.over) == (3, False)
    assert list(epoch) == ["b"]
    epoch.close()
    assert (epoch.place.batches, epoch.over, ends) == (4, True, [True])


def test_an_epoch_that_fails_is_over():
    def failing():
        yield "a"
        raise OSError("broken")

    ends = []
    epoch = Epoch(Place(4, {}), None, Reading(failing(), ends.append, lambda: False))
    assert next(epoch) == "a"
    with pytest.raises(OSError, match="broken"):
        next(epoch)
    assert (list(epoch), epoch.over, ends) == ([], True, [False])


def test_ctrl_c_while_an_epoch_ends_is_an_error_of_its_own():
    def release(healthy):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        next(Epoch(Place(4, {}), None, Reading(iter(()), release, lambda: False)))
    assert caught.value.__context__ is None


class Interrupting:
    """Inside the block, Ctrl-C is pressed when the `number`-th function of the library is called."""

    def __init__(self, number):
        self.left = number

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, kind, *_):
        sys.settrace(self.before)
        return kind is KeyboardInterrupt

    def __call__(self, frame, event, argument):
        ours = frame.f_code.co_filename.startswith(PACKAGE)  # what it does to Python's own functions is not our affair
        self.left -= ours
        if ours and self.left == 0:
            sys.settrace(None)
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("make", "pressed"),
    [
        (lambda: DataLoader(Noisy(3), 2, sampler=Lazy(3), collate_fn=noisy_collate), 100),
        (lambda: DataLoader(NoisyStream(3), 2), 60),
        (lambda: DataLoader(Noisy(3), 2, num_workers=1, sampler=Lazy(3)), 40),
    ],
)
def test_ctrl_c_at_any_call_leaves_the_default_generator_in_its_place(monkeypatch, make, pressed):
    """A checkpoint that is written after Ctrl-C has the program's random numbers, not those of a batch."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # Python lets no Ctrl-C out of a finalizer
    loader = make()
    whole = [plain(batch) for batch in loader]
    interrupted = 0
    for number in range(1, 10_000):
        tg.manual_seed(7)
        with Interrupting(number) as interrupting:
            for _ in loader:
                pass
        assert tg.initial_seed() == 7
        assert loader.state_dict()["epoch"] is None
        if interrupting.left > 0:
            break
        interrupted += 1
    assert interrupted > pressed
    assert len(whole) == len(list(loader))
    assert [t for t in threading.enumerate() if t.name.startswith("tinygrad_edu-loader")] == []
