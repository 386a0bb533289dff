"""What all examples share: options, progress, checkpoints, Ctrl-C.

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
SAVE_EVERY = 30.0  # seconds: no more is lost if the machine shuts down
INTERRUPTED = 130  # the exit status that shells expect after Ctrl-C


def arguments(doc: str | None, checkpoint: str) -> argparse.ArgumentParser:
    """Make a parser with the options of all examples; each program adds its own.

    Args:
        doc: the docstring of the program, shown by `--help`.
        checkpoint: the default file in which a run is saved.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    parser.add_argument(
        "--checkpoint",
        type=file,
        default=checkpoint,
        metavar="PATH",
        help="the file that saves the run (default: %(default)s)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue from the checkpoint; after the last step, only show the result"
    )
    return parser


def file(text: str) -> Path:
    """A file in an existing folder, for `add_argument(type=file)`: errors come before the training, not after it."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        reason = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        raise argparse.ArgumentTypeError(f"{text} {reason}")
    return path


def count(text: str) -> int:
    """A positive integer, for `add_argument(type=count)`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def positive(text: str) -> float:
    """A number above zero, for `add_argument(type=positive)`."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


class Session:
    """A run of a given number of steps, which shows its progress, and can be interrupted and resumed.

    A resumed run gives the same result as one without a break, to the last bit. With `--resume`, the session restores
    the parts immediately, so create it after all of them, right before the loop.

    Args:
        options: the parsed options of `arguments`.
        total: the number of steps of the whole run, over all epochs.
        parts: what the checkpoint saves in addition to the random numbers: model, optimizer, scheduler, loader.

    Attributes:
        step: the number of steps done.
        seconds: the time of these steps, including those before a break.
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
        """Yield batches, epoch after epoch, until all steps are done; each iteration of the loop is a step.

        Ctrl-C ends the program after the current step, and saves the run; a second one ends it immediately.
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
        """Show numbers with the progress: their mean since the last line."""
        for name, value in values.items():
            self.shown.setdefault(name, []).append(value)

    def _done(self) -> None:
        """After a step, show the progress, sometimes save the checkpoint, and handle Ctrl-C."""
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
            print(f"Stopped after step {self.step} of {self.total}. To continue, type: python {shlex.join(again)}")
            raise SystemExit(INTERRUPTED)

    def _tell(self) -> None:
        """Show the progress: sometimes in a line, and in the bar, which adds the time left."""
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
            raise SystemExit(f"There is no {self.path} to resume from: leave --resume out, or set --checkpoint.")
        try:
            state = tg.load_checkpoint(self.path, **self.parts)
        except tg.TinygradError as error:  # the file is damaged, or from another program
            raise SystemExit(f"{str(error).splitlines()[0]} Is {self.path} from this program?") from None
        if state.get("total") != self.total:
            raise SystemExit(
                f"{self.path} is from a run of {state.get('total')} steps, and this one has {self.total}: use the "
                "options of that run, or leave --resume out."
            )
        self.step, self.seconds = state["step"], state["seconds"]


def _bar() -> Any:
    """A progress bar with the time left, on a terminal if rich is installed."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        return None
    from rich.progress import Progress

    return Progress(transient=True)
