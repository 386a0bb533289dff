"""Workers that are started anew each, as on Windows: slower to start, and otherwise the same."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
from worker_datasets import Doing

from tinygrad_edu.data.workers import processes
from tinygrad_edu.data.workers.job import Job, Task
from tinygrad_edu.data.workers.processes import ProcessWorkers


def test_spawned_workers_do_their_job_and_are_reported_when_they_die(monkeypatch, capfd):
    monkeypatch.setattr(processes, "SHARING", False)  # as on Windows
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    workers = ProcessWorkers(Job(Doing(), None, batched=False), 2, "spawn")
    workers.begin(0)
    calls = [(os.getpid,), (np.arange, 50_000), (os.getenv, "OPENBLAS_NUM_THREADS"), (int, "x"), (os._exit, 3)]
    for k, call in enumerate(calls):
        workers.submit(0, Task(k, call))
    assert workers.receive(0) != os.getpid()
    assert workers.receive(0).tolist() == list(range(50_000))
    assert workers.receive(0) == "1"
    with pytest.raises(ValueError, match="invalid literal"):
        workers.receive(0)
    with pytest.raises(RuntimeError, match="ended with exit code 3 while it read batch 4"):
        workers.receive(0)
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert multiprocessing.active_children() == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot wait here")
def test_ctrl_c_while_a_worker_starts_comes_after_it_and_ends_it(monkeypatch, capfd):
    start = multiprocessing.context.SpawnProcess.start

    def interrupted(process):
        start(process)
        os.kill(process.pid, signal.SIGINT)  # waits there until it is ignored
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ProcessWorkers(Job(Doing(), None, batched=False), 1, multiprocessing.get_context("spawn"))
    for process in multiprocessing.active_children():
        process.join()
    assert capfd.readouterr() == ("", "")
