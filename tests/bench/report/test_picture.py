"""A picture and its sentences."""

import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.picture import Picture

PICTURE = Picture("time", "Time", "Read this.", "A line.", lambda canvas: canvas.line([1, 2], [1, 2]))


def test_ids_of_both_widths_are_apart() -> None:
    assert 'id="time-' in PICTURE.svg()
    assert 'id="time-wide-' in PICTURE.svg(wide=True)


def test_a_file_says_what_it_shows() -> None:
    assert "<title>Time. A line.</title>" in PICTURE.file()
