"""Programs with worker processes, run as programs of their own: a script, what it prints, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

LIMIT = 120.0  # seconds; only so that a bug gives a failure, and no test that never ends
PATHS = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])


def start(script: Path | str, *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start a script, or Python itself for ``"-"``, as the leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": PATHS},
    )


def finish(program: subprocess.Popen[str], text: str | None = None) -> tuple[str, str]:
    """What the program prints until it, and all processes that it has started, are gone: they share its output."""
    try:
        return program.communicate(text, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        raise
