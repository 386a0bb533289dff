"""Numbers on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def number(kind: Callable[[str], Any], fits: Callable[[Any], bool], otherwise: str) -> Callable[[str], Any]:
    """A reader of numbers that fit; of anything else it says that it "is not" what `otherwise` says."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {otherwise}")
        return value

    return read
