"""Worker processes that are forked from a server: from a process that has nothing else to do.

The server is a Python that is started anew, with this library imported and one BLAS thread, so that no thread is lost
when it forks. Starting it takes as long as `import tinygrad_edu`, once in a program; a fork of it is a worker within
milliseconds. It has its own session: Ctrl-C in a terminal reaches neither it nor a worker, however early.

The fork server of `multiprocessing` is one for all who use it: to start workers as fast, and to be as quiet at Ctrl-C,
it would have to compute in one thread, and to ignore Ctrl-C, in the processes of others as well.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
import weakref
from typing import NoReturn

from .child import work
from .orders import ONE_THREAD, Surroundings

NUMBER = struct.Struct("q")  # how a process id and an exit code are written


class Forked:
    """A worker process, forked from the server.

    Attributes:
        connection: to talk to it.
    """

    def __init__(self) -> None:
        from multiprocessing.connection import Connection

        ours, theirs = socket.socketpair()
        self._news, report = os.pipe()  # from the server: first the process id, in the end the exit code
        self.connection: Connection = Connection(ours.detach())
        self._pid: int | None = None
        self._code: int | None = None
        try:
            _request(theirs.fileno(), report)
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(report)

    @property
    def pid(self) -> int | None:
        """Its process id; None if the server ended before it could fork."""
        if self._pid is None:
            self._pid = self._read()
        return self._pid

    def join(self, timeout: float) -> bool:
        """Wait for its end; whether it came in time."""
        from multiprocessing.connection import wait

        return self.pid is None or self._code is not None or bool(wait([self._news], timeout))

    def exit_code(self) -> int | None:
        """Wait for its end: the exit code, or minus the number of a signal; None if the server ended before it."""
        if self._code is None and self.pid is not None:
            self._code = self._read()
        return self._code

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.pid is not None and not self.join(0):
            os.kill(self.pid, signal.SIGKILL)

    def hang_up(self) -> None:
        """End the connection, also if a fork of this process has it open still."""
        if not self.connection.closed:
            _shut(socket.socket(fileno=os.dup(self.connection.fileno())))

    def close(self) -> None:
        """Close the descriptors."""
        self.connection.close()
        if self._news >= 0:
            os.close(self._news)
            self._news = -1

    def _read(self) -> int | None:
        data = os.read(self._news, NUMBER.size)
        return NUMBER.unpack(data)[0] if data else None


class _Server:
    """The server, seen from the program."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.process_id = os.getpid()  # a fork of this program needs a server of its own
        self._socket = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *(f"-W{option}" for option in sys.warnoptions), "-c", _program(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,
            )
        self.end = weakref.finalize(self, _end, ours, self._process, self.process_id)

    def fork(self, *descriptors: int) -> None:
        """Ask for a worker that gets these descriptors."""
        try:
            socket.send_fds(self._socket, [b"f"], descriptors)
        except BrokenPipeError:
            pass  # the server has just ended: so has the worker, as it were

    def runs(self) -> bool:
        """Whether it is there for this process."""
        return self.process_id == os.getpid() and self._process.poll() is None


def _program(descriptor: int) -> str:
    path = Surroundings.here().path
    return f"import sys; sys.path[:] = {path}; from {__name__} import serve; serve({descriptor})"


def _end(ours: socket.socket, process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        _shut(ours)
        process.wait()
    else:
        ours.close()
        process.returncode = 0  # it is no child of this process, which cannot wait for it


def _shut(end: socket.socket) -> None:
    """End the connection, and close this end of it."""
    with end, contextlib.suppress(OSError):  # the other end may be gone
        end.shutdown(socket.SHUT_RDWR)


_server: _Server | None = None
_starting = threading.Lock()


def _request(*descriptors: int) -> None:
    """Ask the server for a worker; start the server if there is none."""
    global _server
    with _starting:
        if _server is None or not _server.runs():
            _server = _Server()
        server = _server
    server.fork(*descriptors)


def serve(descriptor: int) -> NoReturn:
    """Be the server: fork a worker at each request, report the ends of workers, and end with the program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # what is here stays: the memory is shared with all workers as long as nobody writes to it
    code = 1
    try:
        serving = _Serving(socket.socket(fileno=descriptor))
        serving.until_the_end()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # no worker may get from here to the end of the program


class _Serving:
    """The server, seen from within."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._reports: dict[int, int] = {}  # of each worker that runs: where its exit code is to be written
        self._ends, wakeup = socket.socketpair()
        for end in (self._ends, wakeup):
            end.setblocking(False)
        self._wakeup = wakeup
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal with a handler is written to the wakeup descriptor
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)

    def until_the_end(self) -> None:
        """Serve until the program is gone, and then end the workers that it left."""
        from multiprocessing.connection import wait

        more = True
        while more:
            ready = wait([self._requests, self._ends])
            if self._ends in ready:
                self._ends.recv(4096)
                self._report()
            if self._requests in ready:
                more = self._fork()
        for worker in self._reports:
            os.kill(worker, signal.SIGKILL)

    def _fork(self) -> bool:
        """Fork a worker, if one is asked for; False if nobody can ask any more."""
        message, descriptors, _, _ = socket.recv_fds(self._requests, 1, 2)
        if not message:
            return False
        connection, report = descriptors
        try:
            worker = os.fork()
        except OSError:  # there are too many processes: the program sees that the descriptors are closed
            traceback.print_exc()
            os.close(report)
        else:
            if worker == 0:
                self._become_worker(connection, report)
            _write(report, worker)
            self._reports[worker] = report
        os.close(connection)
        return True

    def _become_worker(self, connection: int, report: int) -> NoReturn:
        from multiprocessing.connection import Connection

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._requests, self._ends, self._wakeup):
            end.close()
        for other in (report, *self._reports.values()):
            os.close(other)
        work(Connection(connection))

    def _report(self) -> None:
        """Write down the exit codes of the workers that have ended."""
        while self._reports:
            worker, status = os.waitpid(-1, os.WNOHANG)
            if not worker:
                return
            report = self._reports.pop(worker)
            _write(report, os.waitstatus_to_exitcode(status))
            os.close(report)


def _write(descriptor: int, number: int) -> None:
    try:
        os.write(descriptor, NUMBER.pack(number))
    except BrokenPipeError:
        pass  # the program is gone
