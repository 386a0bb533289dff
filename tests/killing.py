"""Kills a program again and again while it writes a file, and reports in what states that file was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

# In the process of its own that this runs in, `write` is what the program defined.
_DRIVER = """
import hashlib, json, os, random, signal, sys, time

path, step, moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
old = open(path, "rb").read()

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at_call(number):
    # write(), killed before the call of that number that it makes of any function written in C
    calls = 0
    def look(frame, event, argument):
        nonlocal calls
        if event == "c_call":
            calls += 1
            if calls == number:
                die()
    sys.setprofile(look)
    write()
    sys.setprofile(None)

def forever():
    while True:
        write()

def run(child, *arguments):
    process = os.fork()
    if not process:
        try:
            child(*arguments)
            os._exit(0)
        finally:
            os._exit(1)
    return process

write()  # what it imports is there from now on
found, most = {}, 0
def look():
    global most
    contents = open(path, "rb").read()
    found[hashlib.sha256(contents).hexdigest()] = found.get(hashlib.sha256(contents).hexdigest(), 0) + 1
    most = max(most, len(os.listdir(os.path.dirname(path))))

def restore():
    with open(path, "wb") as file:
        file.write(old)

number, status = 1, 9
while status == 9 and step:
    restore()
    status = os.waitstatus_to_exitcode(os.waitpid(run(at_call, number), 0)[1]) * -1
    look()
    number += step
assert status == 0 or not step, status  # the last one was not killed, and ended well

restore()
for _ in range(moments):
    process = run(forever)
    time.sleep(random.random() / 100)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    look()
print(json.dumps({"found": found, "most": most, "calls": number}))
"""


class Killed(NamedTuple):
    """What was found: how often which contents (by their SHA-256), the most files in the folder, the calls passed."""

    found: dict[str, int]
    most: int
    calls: int


def killed(program: str, path: Path, step: int = 1, moments: int = 0) -> Killed:
    """Kill a writer of `path`, and look at the file each time.

    Args:
        program: Python that defines ``write()``; `path` is known in it.
        path: the file, with what it holds before.
        step: kill it at every so many calls of a function in C; 0: at none.
        moments: then kill it at so many random moments, while it writes again and again.
    """
    source = f"path = {str(path)!r}\n{program}\n{_DRIVER}"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # whoever forks has one thread
    done = subprocess.run(
        [sys.executable, "-c", source, str(path), str(step), str(moments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return Killed(**report)
