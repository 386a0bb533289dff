"""The command `tinygrad-edu bench`: its subcommands and options, and what it prints, saves and returns."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from ..bench.errors import BenchError
from ..bench.loading import load
from ..bench.problem.builtin import DATA, MODELS
from ..bench.problem.chosen import OPTIMIZERS, Chosen
from ..bench.problem.sizes import parse_sizes
from ..bench.results import Result
from ..bench.timing.clock import Budget
from .numbers import number

WORDS = ("advise", "speed", "train", "report", "compare")

WIDEST = 100  # characters: longer lines are hard to read
LEAST = 0.1  # of the budget that a benchmark always gets, however long reading the data took
ANSWER, REGRESSION, USAGE, NO_ANSWER, INTERRUPTED = 0, 1, 2, 3, 130


_count = number(int, lambda value: value > 0, "a whole number from 1 on")
_seconds = number(float, lambda value: 0 < value < math.inf, "a number of seconds above 0")


def add_bench(commands: Any) -> None:
    """Add the subcommands to the parser of `tinygrad-edu`."""
    parser = commands.add_parser(
        "bench",
        help="which batch size to use for a model, and why",
        description="Finds which batch size to use, and says why. Without a second word, this is `advise`. Model and "
        "data are built-in ones unless you name others. The exit status is 0 with an answer, 1 after an error or a "
        "regression, 2 for a wrong command line, 3 without an answer, and 130 if interrupted. What is known by then is "
        "printed and saved.",
    )
    words = parser.add_subparsers(dest="word", metavar="WORD", title="words", required=True)
    advise = _word(words, "advise", "the batch size and the learning rate with which a loss is reached soonest")
    _shared(advise, budget=60.0)
    advise.add_argument("--target-loss", type=float, metavar="X", help="the mean training loss to reach")

    speed = _word(words, "speed", "what a step costs at each batch size, in time and memory")
    _shared(speed, budget=60.0)

    train = _word(words, "train", "steps, samples and seconds to a loss at each batch size, over several seeds")
    _shared(train, budget=None)
    add = train.add_argument
    add("--target-loss", type=float, metavar="X", help="the mean training loss to reach")
    add("--seeds", type=_count, default=3, metavar="N", help="training runs for each batch size (default %(default)s)")
    add(
        "--max-epochs",
        type=_count,
        default=50,
        metavar="N",
        help="the most epochs of a training run (default %(default)s)",
    )
    add(
        "--lr-rule",
        choices=["tune", "constant", "sqrt", "linear"],
        default="tune",
        help="a learning rate tuned for each batch size, or scaled from one (default %(default)s)",
    )

    report = _word(words, "report", "tables, pictures and a page of what was measured")
    report.add_argument("folder", metavar="FOLDER", type=Path, help="where `-o` saved results")
    report.add_argument(
        "--format",
        default="table",
        metavar="table,svg,html",
        help="what to write, separated by commas (default %(default)s)",
    )

    compare = _word(words, "compare", "whether steps have become slower between two results")
    compare.add_argument("old", metavar="OLD.json", type=Path, help="the earlier result")
    compare.add_argument("new", metavar="NEW.json", type=Path, help="the later result")


def _word(words: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = words.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    return parser


def _shared(parser: argparse.ArgumentParser, budget: float | None) -> None:
    """The options that advise, speed and train have in common."""
    add = parser.add_argument
    add("--model", default="mlp", metavar="NAME", help=f"{', '.join(MODELS)}, or path.py:name (default %(default)s)")
    add(
        "--loss",
        metavar="NAME",
        help="a loss of nn.functional or nn, or path.py:name (default: what suits the targets)",
    )
    add(
        "--data",
        default="digits",
        metavar="NAME",
        help=f"{', '.join(DATA)}, a .npz file with x and y, or path.py:name (default %(default)s)",
    )
    add("--test-data", metavar="NAME", help="held-out data, named in the same way (default: a fifth of the data)")
    add(
        "--optimizer",
        default="sgd",
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)}, or path.py:name (default %(default)s)",
    )
    add("--batch-sizes", type=_sizes, metavar="LIST", help="32,64,128 or 1:4096:x2 (default: chosen while measuring)")
    add("--threads", type=_count, metavar="N", help="threads of the BLAS library (default: unchanged)")
    add("--seed", type=int, default=0, metavar="N", help="seed of all random numbers (default %(default)s)")
    limit = "no limit" if budget is None else f"{budget:g}"
    add(
        "--budget",
        type=_seconds,
        default=budget,
        metavar="SECONDS",
        help=f"how many seconds it may take (default {limit})",
    )
    add("--mem-limit", type=_bytes, metavar="SIZE", help="memory that a step may use, such as 500MB or 2GB")
    add(
        "-o", "--output", type=Path, metavar="FOLDER", help="save the result in this folder, for `report` and `compare`"
    )
    add("--json", action="store_true", help="print the result as JSON, and nothing else")
    add("--dry-run", action="store_true", help="say what would run, and about how long it would take")


def bench(options: argparse.Namespace) -> int:
    """Run the command, and return the exit status."""
    try:
        if options.word == "report":
            return _report(options.folder, options.format)
        if options.word == "compare":
            return _compare(options.old, options.new)
        if options.output is not None and not options.dry_run:
            _check_folder(options.output)
        printed = redirect_stdout(sys.stderr) if options.json else nullcontext()
        with printed, Chosen() as chosen:  # what the user's own files print is not JSON
            found = _measured(options, chosen)
        return _told(found, options)
    except BenchError as error:
        print(f"tinygrad-edu bench: {error}", file=sys.stderr)
        return USAGE


def _measured(options: argparse.Namespace, chosen: Chosen) -> Result | str:
    """What `advise`, `speed` or `train` finds, or what it would do."""
    from ..bench.dry_run import dry_run
    from ..bench.progress import progress

    running = Budget(options.budget)
    given = _given(options, chosen)
    if options.budget is not None:  # reading the data is part of what a person waits for
        given["budget"] = max(running.left, LEAST * options.budget)
    if options.dry_run:
        return dry_run(options.word, **given)
    model, loss, data = (given.pop(name) for name in ("model", "loss_fn", "data"))
    from ..bench import advise, speed, train

    functions: dict[str, Callable[..., Result]] = {"advise": advise, "speed": speed, "train": train}
    if options.word == "train":
        given["save"] = options.output  # after each training run, and resumed from there
    with progress(given["budget"]) as tell:
        return functions[options.word](model, loss, data, tell=tell, **given)


def _told(result: Result | str, options: argparse.Namespace) -> int:
    """Print and save the result, and return the exit status."""
    if isinstance(result, str):
        print(json.dumps({"plan": result.splitlines()}, ensure_ascii=False) if options.json else result)
        return ANSWER
    if options.output is not None:
        path = result.save(options.output)
        print(f"Saved in {path}; pictures: tinygrad-edu bench report {options.output} --format html", file=sys.stderr)
    print(result.to_json() if options.json else _wrapped(str(result)))
    if result.interrupted:
        again = "; the same command continues from there" if options.word == "train" and options.output else ""
        print(f"Stopped: these are the results so far{again}.", file=sys.stderr)
        return INTERRUPTED
    return ANSWER if result.answered else NO_ANSWER


def _wrapped(text: str) -> str:
    """Wrap sentences to the terminal; leave tables, whose cells are two spaces apart, as they are."""
    width = min(shutil.get_terminal_size().columns, WIDEST) if sys.stdout.isatty() else WIDEST
    return "\n".join(line if "  " in line.strip() else textwrap.fill(line, width) for line in text.splitlines())


def _given(options: argparse.Namespace, chosen: Chosen) -> dict[str, Any]:
    """The arguments of the function to call."""
    data = chosen.data(options.data)
    given = {
        "model": chosen.model(options.model, data),
        "loss_fn": chosen.loss(options.loss),
        "data": data,
        "optimizer": chosen.optimizer(options.optimizer),
        "test_data": None if options.test_data is None else chosen.data(options.test_data, "--test-data"),
        "batch_sizes": options.batch_sizes,
        "threads": options.threads,
        "memory_limit": options.mem_limit,
        "budget": options.budget,
        "seed": options.seed,
        "names": {"model": options.model, "data": options.data},
    }
    if options.word != "speed":
        given["target_loss"] = options.target_loss
    if options.word == "train":
        given |= {"seeds": options.seeds, "max_epochs": options.max_epochs, "lr_rule": options.lr_rule}
    return given


def _report(folder: Path, formats: str) -> int:
    from ..bench import report

    wanted = [word.strip() for word in formats.split(",") if word.strip()]
    for path in report.write(folder, wanted):
        print(path)
    return ANSWER


def _compare(old: Path, new: Path) -> int:
    from ..bench.comparison import compare

    found = compare(load(old), load(new))
    print(found)
    return REGRESSION if found.regression else ANSWER


def _check_folder(folder: Path) -> None:
    """Raise an error now, not after an hour, if results cannot be saved there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BenchError(f"-o {folder}: cannot save there: {error.strerror or error}") from error


def _sizes(text: str) -> list[int]:
    try:
        return parse_sizes(text)
    except BenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _bytes(text: str) -> int:
    """A size such as 500MB, 2GB or 1.5GiB, in bytes."""
    units = {"": 1, "B": 1}
    for power, letter in enumerate("KMGT", 1):
        units |= {letter: 1000**power, f"{letter}B": 1000**power, f"{letter}IB": 1024**power}
    number = text.rstrip("BIKMGTbikmgt ")
    try:
        value = int(float(number) * units[text[len(number) :].strip().upper()])
    except (ValueError, KeyError):
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give bytes, or such as 500MB, 2GB, 1.5GiB")
    return value
