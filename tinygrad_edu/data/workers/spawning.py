"""Worker processes that are started anew each, where the system is not one to fork: on Windows and macOS."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .child import work
from .orders import ONE_THREAD

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class Spawned:
    """A worker process, started by `multiprocessing`. It is used like `Forked`, and starts as long as an import takes.

    Attributes:
        connection: to talk to it.
    """

    def __init__(self) -> None:
        from multiprocessing import get_context

        context = get_context("spawn")
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), daemon=True)
        try:
            with _one_thread(), _undisturbed():
                self._process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    def join(self, timeout: float) -> bool:
        """Wait for its end; whether it came in time."""
        self._process.join(timeout)
        return self._process.exitcode is not None

    def exit_code(self) -> int | None:
        """Wait for its end: the exit code, or minus the number of a signal."""
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        """End it at once, if it runs."""
        self._process.kill()

    def hang_up(self) -> None:
        """End the connection."""
        self.connection.close()

    def close(self) -> None:
        """Close what belongs to it. It must have ended."""
        self.connection.close()
        self._process.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait, here and in a process that starts meanwhile: there until that process ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # which would let Ctrl-C through if it had to start its own process first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that start meanwhile compute in one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
