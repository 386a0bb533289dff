"""A loader's team: workers that are hired, kept, and let go."""

import itertools
import os

import pytest

from tinygrad_edu.data.workers.job import END, Job, Task
from tinygrad_edu.data.workers.team import Team


class Hands:
    """Workers that note what happens to them."""

    def __init__(self):
        self.log = []

    def begin(self, base_seed):
        self.log.append(base_seed)

    def submit(self, worker, task):
        self.log.append((worker, task.batch))

    def receive(self, worker, timeout):
        return END

    def close(self):
        self.log.append("closed")


def team(count=2, **options):
    hired = []

    def hire():
        hired.append(Hands())
        return hired[-1]

    return Team(Job("abc", None, batched=False), count, hire, **options), hired


def test_without_workers_the_main_thread_reads():
    alone, hired = team(0)
    assert list(alone.read(1, iter([Task(0, 2), Task(1, 0)])).batches) == ["c", "a"]
    assert hired == []


def test_workers_take_turns_and_are_let_go():
    two, hired = team(prefetch=1)
    reading = two.read(5, (Task(k, k) for k in itertools.count(3)))
    assert hired[0].log == [5, (1, 3), (0, 4)]
    reading.release(True)
    assert hired[0].log[-1] == "closed"


def test_streams_are_read_by_all_workers():
    two, hired = team(prefetch=2)
    two.read_stream(5)
    assert hired[0].log == [5, (0, 0), (1, 0), (0, 1), (1, 1)]


def test_persistent_workers_are_kept_unless_something_went_wrong():
    two, hired = team(persistent=True, prefetch=1)
    two.read(1, iter([])).release(True)
    again = two.read(2, iter([]))
    assert len(hired) == 1
    assert hired[0].log == [1, 2]
    meanwhile = two.read(3, iter([]))
    assert len(hired) == 2
    again.release(True)
    meanwhile.release(True)
    assert (hired[0].log, hired[1].log) == ([1, 2], [3, "closed"])
    two.read(4, iter([])).release(False)
    assert hired[0].log == [1, 2, 4, "closed"]
    two.read(5, iter([])).release(True)
    two.dismiss()
    assert (len(hired), hired[2].log) == (3, [5, "closed"])


def test_workers_are_let_go_if_the_epoch_cannot_begin():
    two, hired = team(persistent=True)
    with pytest.raises(ZeroDivisionError):
        two.read(1, (1 // 0 for _ in range(3)))
    assert hired[0].log == [1, "closed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_workers_that_are_kept_are_not_those_of_a_fork(monkeypatch):
    two, hired = team(persistent=True, prefetch=1)
    two.read(1, iter([])).release(True)
    running = two.read(2, iter([Task(0, 0)]))
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a fork
    with pytest.raises(RuntimeError, match="fork of the one in which the loop began"):
        next(running.batches)
    two.read(3, iter([])).release(True)
    running.release(True)
    two.read(4, iter([])).release(True)
    assert [hands.log for hands in hired] == [[1, 2, (0, 0), "closed"], [3, 4]]
