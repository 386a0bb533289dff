"""Reading ahead: the turns of the workers, the order, and how much is under way."""

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.data.workers.ahead import Ahead
from tinygrad_edu.data.workers.job import END, Task


class Obedient:
    """Workers that do what is submitted when it is asked for, and note how much is under way."""

    def __init__(self, do):
        self.do = do
        self.waiting = {}
        self.most = 0
        self.timeouts = set()

    def submit(self, worker, task):
        self.waiting.setdefault(worker, deque()).append(task)
        self.most = max(self.most, *map(len, self.waiting.values()))

    def receive(self, worker, timeout):
        self.timeouts.add(timeout)
        return self.do(worker, self.waiting[worker].popleft())


@given(st.integers(0, 20), st.integers(1, 4), st.integers(1, 4), st.integers(0, 5))
def test_batches_come_in_order_and_so_many_are_under_way(size, count, prefetch, first):
    workers = Obedient(lambda worker, task: (worker, task.batch))
    tasks = ((k % count, Task(k)) for k in range(first, first + size))
    ahead = Ahead(workers, count, tasks, prefetch, 3.0)
    assert sum(map(len, workers.waiting.values())) == min(size, count * prefetch)
    assert list(ahead) == [(k % count, k) for k in range(first, first + size)]
    assert workers.most <= prefetch
    assert workers.timeouts <= {3.0}
    assert list(ahead) == []


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 3))
def test_streams_take_turns_until_each_is_at_its_end(lengths, prefetch):
    workers = Obedient(lambda worker, task: (task.batch, worker) if task.batch < lengths[worker] else END)
    tasks = ((worker, Task(turn)) for turn in itertools.count() for worker in range(len(lengths)))
    ahead = Ahead(workers, len(lengths), tasks, prefetch, None)
    assert list(ahead) == sorted((turn, worker) for worker, n in enumerate(lengths) for turn in range(n))
    assert not any(workers.waiting.values())


def test_errors_come_in_their_turn():
    def do(worker, task):
        if task.batch == 2:
            raise OSError("broken")
        return task.batch

    ahead = Ahead(Obedient(do), 2, ((k % 2, Task(k)) for k in range(5)), 2, None)
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(OSError, match="broken"):
        next(ahead)
