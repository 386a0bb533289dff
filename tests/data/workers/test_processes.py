"""Worker processes: what comes back from them, how they fail, and that nothing is left of them."""

import gc
import math
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from worker_datasets import (
    Counting,
    Doing,
    Drawing,
    Echo,
    Holding,
    Pair,
    Scribbling,
    Squares,
    be_stubborn,
    fail,
    kill_itself,
    refuse,
    state,
    strided,
    threads,
    unpicklable,
    wait_forever,
)

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader
from tinygrad_edu.data.workers import processes
from tinygrad_edu.data.workers.job import END, Job, Task
from tinygrad_edu.data.workers.processes import ProcessWorkers

LIMIT = 60.0  # seconds; only so that a bug gives a failure, and no test that never ends
linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


@contextmanager
def working(dataset, count=1, context=None, **job):
    workers = ProcessWorkers(Job(dataset, None, batched=False, **job), count, context)
    try:
        workers.begin(0)
        yield workers
    finally:
        workers.close()


def ask(workers, what, worker=0, batch=0):
    workers.submit(worker, Task(batch, what))
    return workers.receive(worker, LIMIT)


@pytest.fixture(scope="module")
def echo():
    with working(Echo()) as workers:
        yield workers


@pytest.fixture
def doing():
    with working(Doing()) as workers:
        yield workers


# What comes back


def same(a, b):
    """Whether two values are of the same types all the way down, and equal."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tg.Tensor):
        return a.requires_grad == b.requires_grad and same(a.array, b.array)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


NUMBERS = arrays(
    st.sampled_from(["f2", "f4", "f8", "i1", "u2", "i8", "?", "c8", "M8[s]", "U3", "S2"]),
    array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)
LAID_OUT = NUMBERS | NUMBERS.map(np.transpose) | NUMBERS.map(lambda a: a[..., ::2] if a.ndim else a)
TENSORS = arrays("f4", array_shapes(min_dims=0, min_side=0)).map(tg.Tensor)
LEAVES = LAID_OUT | TENSORS | st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
TREES = st.recursive(
    LEAVES,
    lambda tree: (
        st.lists(tree, max_size=3)
        | st.tuples(tree, tree)
        | st.builds(Pair, tree, tree)
        | st.dictionaries(st.text() | st.integers(), tree, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
@settings(max_examples=25)
def test_whatever_a_batch_holds_comes_back_as_it_was(echo, value):
    assert same(ask(echo, value), value)


def test_parameters_and_structured_arrays_come_back_too(echo):
    parameter = tg.nn.Parameter(tg.ones(2, 2))
    back = ask(echo, {"p": parameter, "r": np.zeros(2, [("a", "i4"), ("b", "f8")]), "o": np.array([{}, None])})
    assert type(back["p"]) is tg.nn.Parameter
    assert back["p"].requires_grad
    assert back["r"].dtype.names == ("a", "b")
    assert back["o"].tolist() == [{}, None]


def test_strided_arrays_come_back_with_their_dtype(doing):
    back = ask(doing, (strided, ">f4"))
    assert back.dtype == ">f4"
    assert back.tolist() == [[1, 3], [5, 7]]


@pytest.mark.parametrize("sizes", [[10, 100_000, 10, 1_000_000, 5], [0, 1, 0]])
def test_arrays_are_the_programs_own_however_the_memory_is_used_after_them(echo, sizes):
    batches = [ask(echo, [np.full(n, n, np.int64), tg.full((n,), 1.0)]) for n in sizes]
    for (numbers, tensor), n in zip(batches, sizes, strict=True):
        assert numbers.tolist() == [n] * n
        assert tensor.tolist() == [1.0] * n
        assert numbers.flags.writeable
        assert numbers.flags.aligned
        numbers[...] = -1
        tensor.array[...] = -1
    assert ask(echo, np.zeros(10)).tolist() == [0] * 10


def test_results_come_in_the_order_of_the_tasks_however_many_are_under_way():
    with working(Echo(), 2) as workers:
        for k in range(40):
            workers.submit(k % 2, Task(k, np.full(1000 * k, k)))
        for k in range(40):
            assert workers.receive(k % 2, LIMIT).tolist() == [k] * 1000 * k


def test_many_tasks_of_many_numbers_can_be_handed_over_before_any_result_is_asked_for(echo):
    numbers = list(range(200_000))  # more than a connection holds
    for k in range(5):
        echo.submit(0, Task(k, numbers))
    for _ in range(5):
        assert echo.receive(0, LIMIT) == numbers


def test_a_worker_has_the_dataset_for_itself_and_can_write_to_it():
    numbers = np.arange(10_000.0)
    with working(Scribbling(numbers), 2) as workers:
        total = numbers.sum()
        assert [ask(workers, 5, 0), ask(workers, 5, 0), ask(workers, 1, 1)] == [total + 5, total + 10, total + 1]
    assert numbers[0] == 0


def test_a_loader_gives_the_same_batches_with_processes_as_without(capfd):
    def batches(**options):
        tg.manual_seed(3)
        loader = DataLoader(Squares(23), batch_size=4, shuffle=True, **options)
        return [[(x.tolist(), y.tolist()) for x, y in loader] for _ in range(2)]

    expected = batches()
    assert batches(num_workers=2, worker_type="process", persistent_workers=True) == expected
    assert batches(num_workers=3, worker_type="process", multiprocessing_context="forkserver") == expected
    for _ in DataLoader(Squares(23), num_workers=2, worker_type="process"):
        break  # leaving the loop early is as good
    assert capfd.readouterr() == ("", "")


# Epochs


def test_results_of_an_epoch_that_was_left_are_not_those_of_the_next():
    with working(Echo(), 2) as workers:
        for epoch in range(3):
            workers.begin(epoch)
            for k in range(4):
                workers.submit(k % 2, Task(k, np.full(50_000, 10 * epoch + k)))
            assert workers.receive(0, LIMIT)[0] == 10 * epoch
            assert workers.receive(1, LIMIT)[0] == 10 * epoch + 1


def test_streams_are_read_from_their_start_in_each_epoch_and_end():
    with working(Counting(5), 2, iterable=True) as workers:
        for epoch in range(2):
            workers.begin(epoch)
            for worker, expected in enumerate([[0, 2, 4, END], [1, 3, END]]):
                for k, value in enumerate(expected):
                    workers.submit(worker, Task(k))
                    assert workers.receive(worker, LIMIT) == value


def test_random_numbers_belong_to_the_seed_and_to_the_batch():
    def drawn(seed, count):
        with working(Drawing(), count) as workers:
            workers.begin(seed)
            return [ask(workers, 0, k % count, k) for k in range(4)]

    first = drawn(1, 1)
    assert drawn(1, 3) == first
    numbers = {number for batch in first + drawn(2, 1) for number in batch}
    assert len(numbers) == 2 * 4 * 3


def test_a_worker_finds_the_switches_as_they_are_in_the_program(doing):
    assert ask(doing, (state,))[:2] == (np.float32, True)
    tg.set_default_dtype("float64")
    try:
        with tg.no_grad(), np.errstate(over="raise", under="print"):
            expected = np.float64, False, np.geterr()
            assert ask(doing, (state,)) == expected
    finally:
        tg.set_default_dtype("float32")
    assert ask(doing, (state,))[:2] == (np.float32, True)


# Errors


def test_an_exception_is_raised_as_what_it_was_and_shows_where(doing):
    with pytest.raises(tg.ShapeError, match=r"a row is missing(.|\n)*batch 7") as caught:
        ask(doing, (fail, tg.ShapeError("a row is missing")), batch=7)
    text = str(caught.value.__cause__)
    assert "worker_datasets.py" in text
    assert "raise error" in text
    assert ask(doing, (abs, -3)) == 3  # the worker goes on


def test_an_exception_that_cannot_be_pickled_is_told(doing):
    with pytest.raises(RuntimeError, match=r"Stubborn.*the door is shut because it is late") as caught:
        ask(doing, (be_stubborn, "the door is shut", "it is late"))
    assert "a note" in caught.value.__notes__
    assert "be_stubborn" in str(caught.value.__cause__)


def test_a_batch_that_cannot_be_pickled_is_an_error_that_says_so(doing):
    with pytest.raises(TypeError, match="generator") as caught:
        ask(doing, (unpicklable,), batch=3)
    (note,) = caught.value.__notes__
    assert "batch 3 cannot be pickled" in note
    assert 'worker_type="thread"' in note


class Unreadable:
    """What is no more to be read once it is pickled."""

    def __reduce__(self):
        return int, ("no number",)


def test_a_sample_number_that_a_worker_cannot_read_is_an_error_of_that_batch(echo):
    with pytest.raises(RuntimeError, match=r'cannot put together what it was sent(.|\n)*worker_type="thread"'):
        ask(echo, Unreadable())
    assert ask(echo, 1) == 1


def test_an_error_at_the_start_comes_with_each_workers_first_result():
    with working(Echo(), 2, worker_init_fn=refuse) as workers:
        for worker in range(2):
            with pytest.raises(ValueError, match=f"worker {worker} does not like to start"):
                ask(workers, 1, worker)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ((os._exit, 3), "ended with exit code 3"),
        ((kill_itself, signal.SIGKILL), r"was killed by SIGKILL \(.*memory"),
        ((kill_itself, signal.SIGSEGV), r"was killed by SIGSEGV \(.*compiled code"),
    ],
)
def test_a_worker_that_dies_is_reported(doing, end, said):
    doing.submit(0, Task(0, (abs, -1)))
    doing.submit(0, Task(1, end))
    doing.submit(0, Task(2, (abs, -2)))
    assert doing.receive(0) == 1  # what it had read before is there
    with pytest.raises(RuntimeError, match=rf"worker 0, process \d+, {said}.* while it read batch 1$"):
        doing.receive(0)
    with pytest.raises(RuntimeError, match="closed"):
        doing.submit(0, Task(3, (abs, -3)))


def test_one_worker_that_dies_is_the_end_of_the_others():
    with working(Doing(), 3) as workers:
        pids = [ask(workers, (os.getpid,), worker) for worker in range(3)]
        with pytest.raises(RuntimeError, match="exit code 1"):
            ask(workers, (os._exit, 1), 1)
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_timeout(monkeypatch, doing):
    monkeypatch.setattr(processes, "PATIENCE", 0.0)
    doing.submit(0, Task(0, (wait_forever,)))
    for _ in range(2):  # one may go on waiting
        with pytest.raises(TimeoutError, match=r"worker 0 returned nothing for 0.01 seconds"):
            doing.receive(0, 0.01)


def test_what_cannot_be_pickled_is_named_and_no_process_is_started(monkeypatch):
    monkeypatch.setattr(processes, "Forked", None)
    with pytest.raises(TypeError, match=r"""dataset\.held\['f'\] is a lambda.*worker_type="thread\""""):
        ProcessWorkers(Job(Holding({"f": lambda: 1}), None, batched=False), 1)


# The end


def left():
    """The descriptors that are open, and how many blocks this process sees: of memory that has no name in /dev/shm."""
    gc.collect()  # what other tests have left must not go away meanwhile
    maps = Path("/proc/self/maps").read_text()
    assert "/dev/shm" not in maps
    return set(os.listdir("/proc/self/fd")), maps.count("memfd:tinygrad_edu")


@linux
def test_nothing_is_left_after_closing():
    with working(Echo()) as workers:
        ask(workers, 1)  # the server is there from now on
    before = left()
    with working(Doing(), 2) as workers:
        pids = [ask(workers, (os.getpid,), worker) for worker in range(2)]
        ask(workers, (np.zeros, 100_000))
        workers.submit(0, Task(0, (np.zeros, 200_000)))  # nobody waits for this
        assert left()[1] > before[1]
        workers.close()
        workers.close()
    after = left()
    assert after[0] <= before[0]
    assert after[1] <= before[1]
    for pid in pids:
        with pytest.raises(ProcessLookupError):  # no zombie either
            os.kill(pid, 0)


def test_workers_that_nobody_holds_any_more_end():
    workers = ProcessWorkers(Job(Doing(), None, batched=False), 1)
    workers.begin(0)
    pid = ask(workers, (os.getpid,))
    del workers
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.0)
    with working(Doing()) as workers:
        pid = ask(workers, (os.getpid,))
        workers.submit(0, Task(0, (wait_forever,)))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ctrl_c_in_the_middle_of_a_message_closes_the_workers(doing, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.Inbox, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(doing, (abs, -1))
    with pytest.raises(RuntimeError, match="closed"):
        doing.begin(1)


@linux
def test_a_worker_ignores_ctrl_c_and_computes_in_one_thread(doing):
    os.kill(ask(doing, (os.getpid,)), signal.SIGINT)
    assert ask(doing, (abs, -1)) == 1
    assert ask(doing, (threads,)) == 2  # one reads, and one listens
    assert ask(doing, (os.getenv, "OPENBLAS_NUM_THREADS")) == "1"
    assert ask(doing, (os.getsid, 0)) != os.getsid(0)  # so Ctrl-C in a terminal does not even reach it
