"""What all examples need and none is about: options, progress, checkpoints, Ctrl-C.

options = arguments(__doc__, checkpoint="program.ckpt").parse_args()
…
session = Session(options, total=epochs * len(loader), model=model, optimizer=optimizer, loader=loader)
for inputs, targets in session.track(loader):
    …
    session.show(loss=loss.item() / len(inputs))
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import tinygrad_edu as tg

T = TypeVar("T")

LINES = 10  # about how many lines a run prints
SAVE_EVERY = 30.0  # seconds: no more is lost if the machine goes off
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C has ended


def arguments(doc: str | None, checkpoint: str) -> argparse.ArgumentParser:
    """A parser with the options that all examples have; a program adds its own.

    Args:
        doc: the program's docstring, which is what `--help` says of it.
        checkpoint: the name of the file in which a run is kept.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: %(default)s)")
    parser.add_argument(
        "--checkpoint", type=file, default=checkpoint, metavar="PATH", help="the run's file (default: %(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint; after the last step, show it")
    return parser


def file(text: str) -> Path:
    """A file in a folder that exists, for `add_argument(type=file)`: known before the training, not after it."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        reason = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        raise argparse.ArgumentTypeError(f"{text} {reason}")
    return path


def count(text: str) -> int:
    """A positive integer, for `add_argument(type=count)`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive integer")
    return int(text)


def positive(text: str) -> float:
    """A number above zero, for `add_argument(type=positive)`."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return number


class Session:
    """A run of so many steps, which shows how far it is, can be interrupted, and goes on where it was.

    A run that goes on gives what it would have given without the break, to the last bit. With `--resume` the session
    restores the parts at once, so that it is made after all of them, and right before the loop.

    Args:
        options: what the parser of `arguments` found.
        total: the steps of the whole run, over all epochs.
        parts: what is kept in the checkpoint beside the random numbers: model, optimizer, scheduler, loader.

    Attributes:
        step: how many steps are done.
        seconds: how long they took, those before a break included.
    """

    def __init__(self, options: argparse.Namespace, total: int, **parts: Any) -> None:
        self.path: Path = options.checkpoint
        self.total = total
        self.parts = parts
        self.step = 0
        self.seconds = 0.0
        self.interrupted = False
        self.shown: dict[str, list[float]] = {}  # since the last line
        if options.resume:
            self._restore()
        self.saved = time.perf_counter()
        self.began = self.saved - self.seconds
        self.bar = _bar()
        if self.bar is not None:
            self.task = self.bar.add_task("", total=total, completed=self.step)

    def track(self, loader: Iterable[T]) -> Iterator[T]:
        """The batches, pass after pass, until all steps are done. When the loop comes back for the next, a step is.

        Ctrl-C ends the program after the running step, and keeps what was learnt; a second one ends it at once.
        """
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self.bar or nullcontext():
                while self.step < self.total:
                    for batch in loader:
                        yield batch
                        self._done()
        finally:
            signal.signal(signal.SIGINT, before)

    def show(self, **values: float) -> None:
        """Numbers to be shown with the progress: their mean since the last line."""
        for name, value in values.items():
            self.shown.setdefault(name, []).append(value)

    def _done(self) -> None:
        """After a step: progress, now and then the checkpoint, and what Ctrl-C has asked for."""
        self.step += 1
        now = time.perf_counter()
        self.seconds = now - self.began
        self._tell()
        if self.interrupted or self.step == self.total or now - self.saved > SAVE_EVERY:
            tg.save_checkpoint(self.path, **self.parts, step=self.step, total=self.total, seconds=self.seconds)
            self.saved = now
        if self.interrupted and self.step < self.total:
            if self.bar is not None:
                self.bar.stop()
            again = sys.argv if "--resume" in sys.argv else [*sys.argv, "--resume"]
            print(f"Stopped after step {self.step} of {self.total}. To go on, type: python {shlex.join(again)}")
            raise SystemExit(INTERRUPTED)

    def _tell(self) -> None:
        """How far the run is: in a line now and then, and in the bar, which has the time left by itself."""
        means = "   ".join(f"{name} {sum(values) / len(values):.3f}" for name, values in self.shown.items())
        if self.bar is not None:
            self.bar.update(self.task, completed=self.step, description=means)
        if self.step in (1, self.total) or self.step % max(1, self.total // LINES) == 0:
            left = (self.total - self.step) * self.seconds / self.step
            print(f"step {self.step:{len(str(self.total))}} of {self.total}   {means}   {left:3.0f} s left", flush=True)
            self.shown = {}

    def _interrupt(self, *_: Any) -> None:
        if self.interrupted:
            raise SystemExit(INTERRUPTED)
        self.interrupted = True

    def _restore(self) -> None:
        if not self.path.exists():
            raise SystemExit(f"There is no {self.path} to resume from: leave --resume out, or see --checkpoint.")
        try:
            state = tg.load_checkpoint(self.path, **self.parts)
        except tg.TinygradError as error:  # the file is broken, or of another program
            raise SystemExit(f"{str(error).splitlines()[0]} Is {self.path} of this program?") from None
        if state.get("total") != self.total:
            raise SystemExit(
                f"{self.path} is of a run of {state.get('total')} steps, and this one has {self.total}: give it the "
                "options of that run, or leave --resume out."
            )
        self.step, self.seconds = state["step"], state["seconds"]


def _bar() -> Any:
    """A bar with the time left, on a terminal where rich is installed."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        return None
    from rich.progress import Progress

    return Progress(transient=True)
