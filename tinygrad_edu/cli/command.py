"""The command line: `tinygrad-edu demo`, `check` and `bench`."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from .._version import __version__
from ..absent import not_installed
from ..demo.settings import BATCH_SIZE, EPOCHS, LEARNING_RATES, Settings
from .bench import WORDS, add_bench, bench
from .check import add_check, check
from .numbers import number

DEMO_NEEDS = ("rich", "sklearn")

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
TERMINATED = 143  # and for one that SIGTERM ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments after the program's name; None for those of this process.

    Returns:
        The exit status: 0 if all went well, 1 if not, 2 if there was nothing to check or to benchmark, 3 if a benchmark
        has no answer, 130 if interrupted, 143 after SIGTERM.

    Raises:
        SystemExit: after `--help` and `--version`, and with status 2 if the command line is wrong.

    >>> from tinygrad_edu.cli import main
    >>> main([])  # doctest: +ELLIPSIS
    usage: tinygrad-edu ...
    0
    """
    parser = _parser()
    options = parser.parse_args(_with_word(sys.argv[1:] if argv is None else argv))
    if options.command is None:
        parser.print_help()
        return 0
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # also print in a terminal without Greek letters
    try:
        with _ending_on_request():
            return _run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # such as a full disk
        print(f"tinygrad-edu {options.command}: {error}", file=sys.stderr)
        return 1


def _with_word(argv: Sequence[str]) -> Sequence[str]:
    """`bench` without a second word is `bench advise`."""
    if not argv or argv[0] != "bench" or (len(argv) > 1 and argv[1] in (*WORDS, "-h", "--help")):
        return argv
    return ["bench", "advise", *argv[1:]]


@contextmanager
def _ending_on_request() -> Iterator[None]:
    """Let SIGTERM end the program normally, so that the terminal gets its cursor back."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may do this
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(options: argparse.Namespace) -> int:
    if options.command == "check":
        return check(
            options.target,
            shapes=options.shape,
            seed=options.seed,
            mode=options.mode,
            order=options.order,
            rtol=options.rtol,
            vjp=options.vjp,
            jac=options.jac,
        )
    if options.command == "bench":
        return bench(options)
    return _demo(Settings(options.seed, options.batch_size, options.epochs, options.optimizer, options.lr))


def _demo(settings: Settings) -> int:
    missing = [module for module in DEMO_NEEDS if find_spec(module) is None]
    if missing:
        print(not_installed("tinygrad-edu demo", missing, "demo"), file=sys.stderr)
        return 1
    from .. import demo

    try:
        demo.run(settings)
    except demo.Diverged as error:
        print(f"tinygrad-edu demo: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygrad-edu",
        description="Deep learning on NumPy: see what each sample of a batch contributes to the gradient.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    demo = commands.add_parser(
        "demo",
        help="train a model on handwritten digits and open one of its gradients",
        description="Trains a small network on scikit-learn's handwritten digits, then shows the gradient "
        "of one weight as the sum of what each sample contributes. The same options give the same numbers.",
    )
    rates = ", ".join(f"{name} {lr:g}" for name, lr in LEARNING_RATES.items())
    add = demo.add_argument
    add("--seed", type=_whole(0), default=0, metavar="N", help="seed of all random numbers (default 0)")
    add(
        "--batch-size",
        type=_whole(1),
        default=BATCH_SIZE,
        metavar="N",
        help="samples per step (default %(default)s)",
    )
    add(
        "--epochs",
        type=_whole(1),
        default=EPOCHS,
        metavar="N",
        help="passes over the data (default %(default)s)",
    )
    add("--optimizer", choices=list(LEARNING_RATES), default="adam", help="the optimizer (default %(default)s)")
    add("--lr", type=_rate, default=None, metavar="X", help=f"the learning rate (default: {rates})")
    add_check(commands)
    add_bench(commands)
    return parser


def _whole(least: int) -> Callable[[str], int]:
    return number(int, lambda value: value >= least, f"allowed: give a whole number, {least} or larger")


_rate = number(float, lambda value: 0.0 < value < math.inf, "allowed: give a number larger than 0, such as 0.01")
