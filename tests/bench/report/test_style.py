"""The style sheets."""

import re

import pytest

from tinygrad_edu.bench.report.style import PAGE, PIECE


@pytest.mark.parametrize("sheet", [PAGE, PIECE])
def test_every_variable_is_set_for_light_and_for_dark(sheet: str) -> None:
    light, dark = sheet.split("prefers-color-scheme:dark", 1)
    used = set(re.findall(r"var\((--\w+)\)", sheet))
    assert used <= set(re.findall(r"(--\w+):", light))
    assert used <= set(re.findall(r"(--\w+):", dark))


@pytest.mark.parametrize("sheet", [PAGE, PIECE])
def test_braces_are_balanced(sheet: str) -> None:
    assert sheet.count("{") == sheet.count("}")
