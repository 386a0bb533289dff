"""The progress of a benchmark and the time left: shown on a terminal only."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TextIO

Tell = Callable[[str, float], None]  # the current stage, and the share of the budget spent


@contextmanager
def progress(seconds: float | None = None, file: TextIO | None = None) -> Iterator[Tell]:
    """Show a line with the current stage, a bar and the time left, until the end.

    Nothing is shown if the stream is not a terminal, or rich is not installed.

    Args:
        seconds: the budget; None shows the elapsed time instead.
        file: where to write; by default standard error.

    Yields:
        A function to call with the current stage and the share of the budget spent, from 0 to 1.

    >>> import io
    >>> with progress(60.0, io.StringIO()) as tell:
    ...     tell("timing steps", 0.5)
    """
    file = sys.stderr if file is None else file
    if not file.isatty() or find_spec("rich") is None:
        yield silent
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    known = seconds is not None and math.isfinite(seconds)
    time = TextColumn("{task.fields[left]}") if known else TimeElapsedColumn()
    console = Console(file=file, highlight=False)
    with Progress(TextColumn("{task.description}"), BarColumn(24), time, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0 if known else None, left="")

        def tell(text: str, spent: float) -> None:
            share = min(max(spent, 0.0), 1.0)
            left = _left((1 - share) * seconds) if seconds is not None and known else ""
            bar.update(task, description=escape(text), completed=share, left=left)

        yield tell


def silent(text: str, spent: float) -> None:
    """Do nothing."""


def _left(seconds: float) -> str:
    """The time left.

    >>> _left(45.0), _left(600.0)
    ('45 s left', '10 min left')
    """
    return f"{seconds / 60:.0f} min left" if seconds >= 120 else f"{seconds:.0f} s left"
