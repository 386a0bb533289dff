"""What all examples need and none is about: options, progress, checkpoints, Ctrl-C.

options = arguments(__doc__, checkpoint="program.ckpt").parse_args()
…
session = Session(options, total=len(loader), model=model, optimizer=optimizer, loader=loader)
for inputs, targets in session.track(loader):
    …
    session.show(loss=loss.item() / len(inputs))
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

LINES = 10  # about how many lines a run prints
SAVE_EVERY = 30.0  # seconds: no more is lost if the machine goes off
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C has ended


def missing(package: str) -> SystemExit:
    """To be raised where a package is not installed."""
    return SystemExit(f'{package} is not installed. In the checkout, type: pip install ".[examples]"')


try:
    import tinygrad_edu as tg
except ModuleNotFoundError as error:
    raise missing(str(error.name)) from None


def arguments(doc: str, checkpoint: str) -> argparse.ArgumentParser:
    """A parser with the options that all examples have; a program adds its own.

    Args:
        doc: the program's docstring, which is what `--help` says of it.
        checkpoint: the name of the file in which a run is kept.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: %(default)s)")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path(checkpoint),
        metavar="PATH",
        help="the run's file (default: %(default)s)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint; after the last step, show it")
    return parser


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
        self.epoch = 0
        self.seconds = 0.0
        self.interrupted = False
        self.shown: dict[str, list[float]] = {}  # since the last line
        self.means: dict[str, float] = {}
        if options.resume:
            self._restore()
        self.first = self.step
        self.began = self.saved = time.perf_counter()
        self.started = self.began - self.seconds
        self.screen = _Screen(total)

    def epochs(self, number: int) -> Iterator[int]:
        """The numbers of the epochs from 0 on, beginning with the one that is not done.

        Ctrl-C between two of them is as good as in the first step of the next.
        """
        with _on_interrupt(self._interrupt):
            for epoch in range(self.epoch, number):
                self.epoch = epoch
                yield epoch

    def track(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches, one after the other. When the loop comes back for the next, a step is done.

        Ctrl-C ends the program after the running step, and keeps what was learnt; a second one ends it at once.
        """
        if self.step >= self.total:
            return  # it goes on from the end: all is done
        with _on_interrupt(self._interrupt), self.screen:
            for batch in batches:
                yield batch
                self._done()

    def show(self, **values: float) -> None:
        """Numbers to be shown with the progress: their mean since the last line."""
        for name, value in values.items():
            self.shown.setdefault(name, []).append(value)

    def save(self) -> None:
        """Write the checkpoint; `track` does so twice a minute, at Ctrl-C and at the end."""
        state = {"step": self.step, "epoch": self.epoch, "total": self.total, "seconds": self.seconds}
        tg.save_checkpoint(self.path, **self.parts, **state)
        self.saved = time.perf_counter()

    def _restore(self) -> None:
        if not self.path.exists():
            raise SystemExit(
                f"There is no {self.path} to resume from: leave --resume out, or name it with --checkpoint."
            )
        try:
            state = tg.load_checkpoint(self.path, **self.parts)
        except tg.TinygradError as error:  # the file is broken, or of another program
            raise SystemExit(str(error)) from None
        if state["total"] != self.total:
            raise SystemExit(
                f"{self.path} is of a run of {state['total']} steps, and this one has {self.total}: give it the "
                "options of that run, or leave --resume out."
            )
        self.step, self.epoch, self.seconds = state["step"], state["epoch"], state["seconds"]

    def _done(self) -> None:
        """After a step: progress, and what Ctrl-C has asked for."""
        self.step += 1
        now = time.perf_counter()
        self.seconds = now - self.started
        left = (self.total - self.step) * (now - self.began) / (self.step - self.first)
        line = self.step % max(1, self.total // LINES) == 0 or self.step in (self.first + 1, self.total)
        self.means |= {name: sum(values) / len(values) for name, values in self.shown.items()}
        self.screen.tell(self.step, self.means, left, line)
        if line:
            self.shown = {}
        if self.interrupted or self.step == self.total or now - self.saved > SAVE_EVERY:
            self.save()
        if self.interrupted and self.step < self.total:
            self.screen.stop()
            again = sys.argv if "--resume" in sys.argv else [*sys.argv, "--resume"]
            print(f"Stopped after step {self.step} of {self.total}. To go on, type: python {shlex.join(again)}")
            raise SystemExit(INTERRUPTED)

    def _interrupt(self, *_: Any) -> None:
        if self.interrupted:
            raise SystemExit(INTERRUPTED)
        self.interrupted = True


class _Screen:
    """Some lines; on a terminal also a bar below them, if rich is installed."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.bar: Any = None
        if sys.stdout.isatty() and find_spec("rich") is not None:
            from rich.progress import BarColumn, Progress, TextColumn

            self.bar = Progress(BarColumn(24), TextColumn("{task.description}", markup=False), transient=True)
            self.task = self.bar.add_task("", total=total)

    def __enter__(self) -> None:
        if self.bar is not None:
            self.bar.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()

    def tell(self, step: int, values: dict[str, float], left: float, line: bool) -> None:
        """Show how far the run is; with `line`, in a line that stays."""
        texts = [f"step {step:{len(str(self.total))}} of {self.total}"]
        texts += [f"{name.replace('_', ' ')} {value:.3f}" for name, value in values.items()]
        texts.append(f"{left / 60:.0f} min left" if left >= 120 else f"{left:3.0f} s left")
        text = "   ".join(texts)
        if self.bar is not None:
            self.bar.update(self.task, completed=step, description=text)
        if line:
            print(text, flush=True)


@contextmanager
def _on_interrupt(handler: Any) -> Iterator[None]:
    """Ctrl-C calls `handler` meanwhile. (Python allows that in the main thread alone.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
