"""Where workers are forked from; and that nothing is left of them, however a program ends."""

import os
import signal
import sys

import pytest
from worker_datasets import Doing
from worker_programs import finish, start

from tinygrad_edu.data.workers import forking
from tinygrad_edu.data.workers.job import Job, Task
from tinygrad_edu.data.workers.processes import ProcessWorkers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked here")

PROGRAM = """
import os, sys
from worker_datasets import Doing
from tinygrad_edu.data import DataLoader
from tinygrad_edu.data.workers.job import Job, Task
from tinygrad_edu.data.workers.processes import ProcessWorkers

workers = ProcessWorkers(Job(Doing(), None, batched=False), 2)
workers.begin(0)
for worker in range(2):
    workers.submit(worker, Task(0, (os.getpid,)))
    workers.receive(worker)
"""


def doing(count=1):
    workers = ProcessWorkers(Job(Doing(), None, batched=False), count)
    workers.begin(0)
    return workers


def ask(workers, *call, worker=0):
    workers.submit(worker, Task(0, call))
    return workers.receive(worker)


def test_all_workers_of_a_program_are_forked_from_one_process_that_is_no_fork_of_it():
    parents = []
    for _ in range(2):
        workers = doing(2)
        parents += [ask(workers, os.getppid, worker=worker) for worker in range(2)]
        workers.close()
    assert len(set(parents)) == 1
    assert parents[0] != os.getpid()


def test_a_program_whose_server_is_gone_gets_another_one():
    orphan = doing()
    os.kill(ask(orphan, os.getppid), signal.SIGKILL)
    forking._server._process.wait()
    assert ask(orphan, abs, -1) == 1  # the worker itself is there still
    other = doing()
    assert ask(other, abs, -2) == 2
    with pytest.raises(RuntimeError, match=r"ended, like the process that it was forked from"):
        ask(orphan, os._exit, 1)
    other.close()


def program(tmp_path, text):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM + text)
    return start(script)


def test_a_program_that_ends_with_workers_at_work_leaves_nothing_and_says_nothing(tmp_path):
    running = program(tmp_path, "workers.submit(0, Task(1, (abs, -1)))\nprint('end')")
    assert finish(running) == ("end\n", "")
    assert running.returncode == 0


def test_workers_end_when_the_program_is_killed_even_those_at_work(tmp_path):
    text = "from worker_datasets import wait_forever\nworkers.submit(0, Task(1, (wait_forever,)))\n"
    running = program(tmp_path, text + "print('now', flush=True)\nworkers.receive(0)")
    assert running.stdout.readline() == "now\n"
    running.kill()
    assert finish(running) == ("", "")  # which all of them have closed


def test_a_fork_of_the_program_ends_without_ending_the_workers(tmp_path):
    text = """
child = os.fork()
if child == 0:
    sys.exit(0)  # runs what is to be run at exit
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
workers.submit(0, Task(1, (abs, -5)))
print(workers.receive(0))
"""
    assert finish(program(tmp_path, text)) == ("0\n5\n", "")


def test_a_fork_that_goes_on_does_not_keep_the_program_from_its_end(tmp_path):
    text = """
import signal
child = os.fork()
if child == 0:
    os.closerange(0, 3)
    signal.pause()
workers.submit(0, Task(1, (os.getppid,)))
server = workers.receive(0)
print(child, server, flush=True)
"""
    running = program(tmp_path, text)
    out, err = finish(running)
    child, server = map(int, out.split())
    os.kill(child, signal.SIGKILL)
    assert (err, running.returncode) == ("", 0)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


@pytest.mark.parametrize("when", ["__setstate__", "__getitem__"])
def test_ctrl_c_ends_a_program_with_its_own_traceback_alone(tmp_path, when):
    # The dataset itself sends the signal to the program's group: as it arrives in a worker, or is read.
    script = tmp_path / "program.py"
    script.write_text(f"""
import os
from tinygrad_edu.data import DataLoader
from worker_datasets import Interrupting

print("start", flush=True)
for batch in DataLoader(Interrupting(os.getpid(), {when!r}), num_workers=1, worker_type="process"):
    pass
print("not reached")
""")
    running = start(script)
    out, err = finish(running)
    assert out == "start\n"
    assert err.count("Traceback") == 1
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert running.returncode == -signal.SIGINT


def test_a_server_that_cannot_start_is_no_endless_wait(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    monkeypatch.setattr(forking, "_server", None)
    workers = doing()
    with pytest.raises(RuntimeError, match="worker 0 could not be started"):
        ask(workers, abs, -1)
