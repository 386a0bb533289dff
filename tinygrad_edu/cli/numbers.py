"""Numbers on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def number(kind: Callable[[str], Any], fits: Callable[[Any], bool], otherwise: str) -> Callable[[str], Any]:
    """Return a function that reads numbers that fit; its error says that other text "is not" `otherwise`."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {otherwise}")
        return value

    return read
