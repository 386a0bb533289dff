"""Numbers on the command line: those that fit, and what is said of anything else."""

from __future__ import annotations

import argparse
import re

import pytest

from tinygrad_edu.cli.numbers import number

even = number(int, lambda value: value % 2 == 0, "an even number")


@pytest.mark.parametrize("text", ["4", "0", "-2"])
def test_a_number_that_fits(text: str) -> None:
    assert even(text) == int(text)


@pytest.mark.parametrize("text", ["3", "two", "2.0", ""])
def test_anything_else(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(f"{text!r} is not an even number")):
        even(text)
