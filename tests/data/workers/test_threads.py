"""Workers that are threads: what arrives, what holds inside them, and that none is left."""

import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
import warnings

import numpy as np
import pytest
from drawing_datasets import Noisy, noisy_collate, plain

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.data import DataLoader, Dataset, IterableDataset, get_worker_info
from tinygrad_edu.data.workers import threads
from tinygrad_edu.data.workers.job import Job, Task
from tinygrad_edu.data.workers.threads import ThreadWorkers
from tinygrad_edu.engine.observing import Observer, under

GUARD = 60  # seconds after which a test that hangs fails


class Computed(Dataset):
    """Sample i is what a function gives for i."""

    def __init__(self, fn, size=8):
        self.fn = fn
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return self.fn(i)


def loader(fn, size=8, num_workers=2, **options):
    return DataLoader(Computed(fn, size), batch_size=None, num_workers=num_workers, **options)


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("tinygrad_edu-loader")]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    gc.collect()
    assert readers() == []


@pytest.mark.parametrize(
    "options", [{}, {"num_workers": 1}, {"num_workers": 3}, {"prefetch_factor": 5, "num_workers": 2}]
)
def test_the_same_seed_gives_the_same_batches_whatever_the_workers(options):
    def epochs(**options):
        made = DataLoader(Noisy(9), 2, shuffle=True, collate_fn=noisy_collate, **options)
        return [[plain(batch) for batch in made] for _ in range(2)]

    tg.manual_seed(6)
    expected = epochs()
    tg.manual_seed(6)
    assert epochs(**options) == expected
    tg.manual_seed(7)
    assert epochs(**options) != expected


def test_each_task_is_done_by_its_worker_and_results_keep_their_order():
    workers = ThreadWorkers(Job(Computed(lambda i: (i, get_worker_info().id)), None, batched=False), 2)
    workers.begin(1)
    for number in range(6):
        workers.submit(number % 2, Task(number, number))
    assert [workers.receive(1) for _ in range(3)] == [(1, 1), (3, 1), (5, 1)]
    assert [workers.receive(0) for _ in range(3)] == [(0, 0), (2, 0), (4, 0)]
    workers.close()
    workers.close()


def test_a_new_epoch_drops_what_is_left_of_the_old_one():
    workers = ThreadWorkers(Job(Noisy(9), None, batched=False), 1)
    workers.begin(1)
    for number in range(4):
        workers.submit(0, Task(number, number))
    first = plain(workers.receive(0))
    workers.begin(1)
    workers.submit(0, Task(0, 0))
    assert plain(workers.receive(0)) == first
    workers.close()


def test_nobody_reads_what_nobody_waits_for():
    def read(i):
        began.release()
        assert go.wait(GUARD)
        seen.append(i)
        return i

    began, go, seen = threading.Semaphore(0), threading.Event(), []
    workers = ThreadWorkers(Job(Computed(read), None, batched=False), 1)
    workers.begin(1)
    for number in range(4):
        workers.submit(0, Task(number, number))
    assert began.acquire(timeout=GUARD)
    workers.begin(2)
    workers.submit(0, Task(0, 7))
    go.set()
    assert workers.receive(0) == 7
    assert seen == [0, 7]
    workers.close()


def test_an_error_arrives_in_its_turn_with_its_traceback_and_a_note():
    def broken_picture(i):
        if i == 4:
            raise OSError(f"picture {i} is cut off")
        return i

    batches = iter(loader(broken_picture))
    assert [next(batches) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="picture 4 is cut off") as raised:
        next(batches)
    assert "broken_picture" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert raised.value.__notes__ == ["DataLoader: in sample 4, worker 0 of 2"]
    assert readers() == []
    with pytest.raises(StopIteration):
        next(batches)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_exception_arrives_too(error):
    def leave(i):
        raise error

    with pytest.raises(error):
        list(loader(leave))


def test_an_error_in_worker_init_fn_arrives():
    def refuse(number):
        raise RuntimeError(f"worker {number} has no file")

    with pytest.raises(RuntimeError, match="worker 0 has no file") as raised:
        list(loader(abs, worker_init_fn=refuse))
    assert raised.value.__notes__ == ["DataLoader: at the start, worker 0 of 2"]
    assert readers() == []


def test_an_error_at_the_start_of_a_stream_arrives():
    with pytest.raises(NotImplementedError, match="IterableDataset does not define __iter__"):
        list(DataLoader(IterableDataset(), num_workers=2))


def leave_by_break(batches):
    for _ in batches:
        break


def leave_by_error(batches):
    try:
        for _ in batches:
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert readers() == []


def leave_by_close(batches):
    iterator = iter(batches)
    next(iterator)
    iterator.close()
    assert list(iterator) == []


def leave_by_deleting(batches):
    iterator = iter(batches)
    next(iterator)
    del iterator


def leave_unread(batches):
    iter(batches)


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error, leave_by_close, leave_by_deleting, leave_unread])
def test_no_thread_is_left_when_a_loop_is_left(leave):
    made = loader(abs, 50)
    leave(made)
    assert readers() == []
    assert list(made) == list(range(50))
    assert readers() == []


@pytest.mark.parametrize("leave", [list, leave_by_break, leave_by_close, leave_unread])
def test_persistent_workers_stay_as_long_as_the_loader(leave):
    init = []
    made = loader(lambda i: (i, threading.get_ident()), 20, persistent_workers=True, worker_init_fn=init.append)
    leave(made)
    assert len(readers()) == 2
    first, second = list(made), list(made)
    assert first == second
    assert [i for i, _ in first] == list(range(20))
    assert sorted(init) == [0, 1]
    left = readers()
    del made
    for thread in left:
        thread.join(GUARD)
    assert readers() == []


def test_persistent_workers_are_let_go_after_an_error():
    faults = [ZeroDivisionError]

    def fail_once(i):
        if faults and i == 3:
            raise faults.pop()
        return i

    made = loader(fail_once, persistent_workers=True)
    with pytest.raises(ZeroDivisionError):
        list(made)
    assert readers() == []
    assert list(made) == list(range(8))


@pytest.mark.parametrize("persistent", [False, True])
def test_two_loops_over_one_loader_do_not_disturb_each_other(persistent):
    made = loader(abs, 9, persistent_workers=persistent)
    assert list(zip(made, made, strict=True)) == [(i, i) for i in range(9)]
    outer = [(i, list(made)) for i in made]
    assert outer == [(i, list(range(9))) for i in range(9)]


def test_a_batch_that_does_not_come_in_time(monkeypatch):
    monkeypatch.setattr(threads, "PATIENCE", 0.0)
    come = threading.Event()
    batches = iter(loader(lambda i: come.wait(GUARD), timeout=0.01))
    (left, _) = readers()
    with pytest.raises(TimeoutError, match=r"worker 0 returned nothing for 0\.01 seconds"):
        next(batches)
    come.set()
    for thread in (left, *readers()):
        thread.join(GUARD)


def test_to_close_again_takes_no_more_patience(monkeypatch):
    monkeypatch.setattr(threads, "PATIENCE", 0.0)
    reads, come = threading.Event(), threading.Event()
    workers = ThreadWorkers(Job(Computed(lambda i: reads.set() or come.wait(GUARD)), None, False), 1)
    workers.begin(0)
    workers.submit(0, Task(0, 0))
    assert reads.wait(GUARD)
    (busy,) = readers()
    workers.close()
    monkeypatch.setattr(threads, "PATIENCE", 2 * GUARD)
    again = threading.Thread(target=workers.close)  # as the finalizer does at exit
    again.start()
    again.join(GUARD / 2)
    closed = not again.is_alive()
    come.set()
    for thread in (busy, again):
        thread.join(GUARD)
    assert closed


def test_a_finalizer_may_run_in_a_worker():
    made = [iter(loader(abs, 50))]

    def drop(i):
        made.clear()
        return i

    assert list(loader(drop)) == list(range(8))


def test_gradients_are_recorded_as_in_the_main_thread():
    w = tg.ones(2, requires_grad=True)
    made = loader(lambda i: w * i, 3)
    assert [batch.requires_grad for batch in made] == [True] * 3
    with tg.no_grad():
        assert [batch.requires_grad for batch in made] == [False] * 3
    assert [batch.requires_grad for batch in made] == [True] * 3
    kept = loader(lambda i: w * i, 6, num_workers=1, persistent_workers=True, prefetch_factor=1)
    batches = iter(kept)
    with tg.no_grad():
        next(batches), next(batches)  # which asks for the third
        assert not next(batches).requires_grad
    next(batches)
    assert next(batches).requires_grad


def test_numpys_errors_are_treated_as_in_the_main_thread():
    made = loader(lambda i: np.float32(1) / np.float32(i), 3)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(made)
    with np.errstate(divide="ignore"):
        assert list(made) == [np.inf, 1, 0.5]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        list(made)


def test_warnings_and_the_default_dtype_are_those_of_the_program():
    def warn(i):
        warnings.warn("a small sample", stacklevel=1)
        return tg.tensor([0.5]).dtype

    with pytest.warns(UserWarning, match="a small sample"):
        assert set(loader(warn, 3)) == {np.dtype("float32")}
    tg.set_default_dtype(tg.float64)
    try:
        with pytest.warns(UserWarning, match="a small sample"):
            assert set(loader(warn, 3)) == {np.dtype("float64")}
    finally:
        tg.set_default_dtype(tg.float32)


def test_observers_belong_to_their_thread():
    class Counting(Observer):
        def around(self, kind, op, fn, args):
            seen.append(threading.current_thread())
            return fn(*args)

    seen = []
    w = tg.ones(2)
    for count, threads_seen in ((0, {threading.main_thread()}), (2, set())):
        made = loader(lambda i: F.dropout(w * i, 0.5), num_workers=count)
        next(made_of := iter(made))  # the base seed is drawn in the main thread
        with under(Counting()):
            list(made_of)
        assert set(seen) == threads_seen
        seen.clear()


PROGRAM = """
import os, signal, sys, threading
import tinygrad_edu as tg

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program in the background does not have

class Numbers(tg.data.Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        if {interrupt} and i == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return i

def left():
    return [t.name for t in threading.enumerate() if t is not threading.main_thread()]

loader = tg.data.DataLoader(Numbers(), batch_size=1, num_workers=2, persistent_workers={persistent})
"""


def run(body, interrupt=False, persistent=False):
    program = PROGRAM.format(interrupt=interrupt, persistent=persistent) + body
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=GUARD, check=False)


CAUGHT = """
try:
    for batch in loader:
        pass
except KeyboardInterrupt:
    print("interrupted")
    del loader
    for t in threading.enumerate():
        if t is not threading.main_thread():
            t.join(60)
    print(left())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_ends_the_loop_and_the_threads():
    done = run(CAUGHT, interrupt=True, persistent=True)
    assert (done.stdout.split("\n")[:2], done.stderr, done.returncode) == (["interrupted", "[]"], "", 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_ends_the_program():
    done = run("for batch in loader: pass", interrupt=True)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.strip().endswith("KeyboardInterrupt")


ENDS = {
    "a live iterator": "batches = iter(loader); next(batches)",
    "one in a circle": "batches = iter(loader); next(batches); circle = [batches]; circle.append(circle)",
    "one in a generator": "walk = (batch for batch in loader); next(walk)",
    "an error": "batches = iter(loader); next(batches); raise SystemExit(0)",
}


@pytest.mark.parametrize("how", ENDS)
def test_the_program_ends_with_a_loop_that_does_not(how):
    done = run(ENDS[how], persistent=how == "an error")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
