"""Load results of any kind from files and folders."""

from __future__ import annotations

from pathlib import Path

from .advice.advice import Advice
from .errors import BenchError
from .latency.result import SpeedResult
from .results import Result
from .training.result import TrainResult

# All kinds: `Result.from_json` can read a kind once its class has been imported.
KINDS = (Advice, SpeedResult, TrainResult)
NAMES = [f"{kind.kind}.json" for kind in KINDS]  # of files in a folder


def load(path: str | Path) -> Result:
    """Read the result in a file, or the only result in a folder.

    Raises:
        BenchError: if it cannot be read or is not a result of this schema; if a folder has no result, or several.
    """
    path = Path(path)
    if path.is_dir():
        path = _only(path)
    try:
        return Result.from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, BenchError) as error:  # ValueError: not UTF-8
        raise BenchError(f"{path}: {error}") from error


def files_in(folder: Path) -> list[Path]:
    """The files of all results in a folder."""
    return [folder / name for name in NAMES if (folder / name).exists()]


def _only(folder: Path) -> Path:
    """The file of the only result in a folder."""
    found = files_in(folder)
    if not found:
        raise BenchError(f"{folder}: there is no result in it, such as {', '.join(NAMES)}")
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise BenchError(f"{folder}: there are several results: name one of {names}")
    return found[0]
