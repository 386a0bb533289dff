"""The texts and figures of each kind of result, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..results import Result
from .picture import Picture
from .pictures import advise as advise_pictures
from .pictures import speed as speed_pictures
from .pictures import train as train_pictures
from .table import Answer, Table
from .texts import advise as advise_texts
from .texts import speed as speed_texts
from .texts import train as train_texts

# The order of the figures.
ORDER = ("time", "seconds", "throughput", "latency", "split", "memory", "noise", "steps", "losses", "rates")


@dataclass(frozen=True)
class Kind:
    """What a report shows of a kind of result."""

    answer: Callable[[Any], Answer]
    tables: Callable[[Any], list[Table]]
    pictures: Callable[[Any], list[Picture]]


# If two results have a figure or a table of the same name, that of the later kind here is shown: it measured more.
THOROUGH = ("advise", "train", "speed")

KINDS: Mapping[str, Kind] = {
    "advise": Kind(advise_texts.answer, advise_texts.tables, advise_pictures.pictures),
    "speed": Kind(speed_texts.answer, speed_texts.tables, speed_pictures.pictures),
    "train": Kind(train_texts.answer, train_texts.tables, train_pictures.pictures),
}


def by_kind(results: Iterable[Result]) -> list[Result]:
    """Results in the order of kinds; those without a report are left out."""
    known = list(KINDS)
    return sorted((r for r in results if r.kind in KINDS), key=lambda result: known.index(result.kind))


def answers_of(results: Iterable[Result]) -> list[Answer]:
    """The conclusions of each result, the most important first."""
    return [KINDS[result.kind].answer(result) for result in results]


def tables_of(results: Iterable[Result]) -> list[Table]:
    """The tables of all results, each once."""
    found = [table for result in _by_thoroughness(results) for table in KINDS[result.kind].tables(result)]
    return list({table.title: table for table in found}.values())


def pictures_of(results: Iterable[Result]) -> list[Picture]:
    """The figures of all results, each once, the most important first."""
    found = [picture for result in _by_thoroughness(results) for picture in KINDS[result.kind].pictures(result)]
    return sorted({picture.name: picture for picture in found}.values(), key=lambda picture: ORDER.index(picture.name))


def _by_thoroughness(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: THOROUGH.index(result.kind))
