"""The README: its examples run and print what it says they print; its links, numbers and picture are right."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
PACKAGE = README.parent / "tinygrad_edu"
TEXT = README.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_examples_of_the_readme() -> None:
    blocks = [block for block in BLOCK.findall(TEXT) if block[0] != "console"]
    assert [kind for kind, _ in blocks] == ["python", "text"] * 3
    namespace: dict[str, object] = {}
    for (_, code), (_, stated) in zip(blocks[::2], blocks[1::2], strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), namespace)
        assert printed.getvalue() == stated


def test_it_fits_on_a_few_screens() -> None:
    assert len(TEXT.splitlines()) <= 200


def test_the_length_of_the_engine() -> None:
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in (PACKAGE / "engine").glob("*.py"))
    stated = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) lines", TEXT)]
    ours = [number for number in stated if number != 154]  # micrograd's, in the table
    assert len(ours) == len(stated) - 1 >= 3
    assert all(abs(number / lines - 1) < 0.1 for number in ours), lines


def test_the_length_of_the_package() -> None:
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in PACKAGE.rglob("*.py"))
    (stated,) = re.findall(r"; all: ([\d,]+) ", TEXT)
    assert abs(int(stated.replace(",", "")) / lines - 1) < 0.1, lines


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake (\w+)(?:`|  )", TEXT))))
def test_targets_that_the_readme_names(target: str) -> None:
    makefile = README.with_name("Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^):]+)\)", TEXT))))
def test_files_that_the_readme_links_to(path: str) -> None:
    assert (README.parent / path).exists()


def test_the_picture_is_there_in_both_themes_and_is_described() -> None:
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', TEXT)
    assert sorted(Path(picture).name for picture in pictures) == ["opened-sum-dark.svg", "opened-sum-light.svg"]
    for picture in pictures:
        svg = (README.parent / picture).read_text(encoding="utf-8")
        assert svg.startswith("<?xml")
        assert svg.rstrip().endswith("</svg>")
    (alt,) = re.findall(r'<img [^>]*alt="([^"]+)"', TEXT)
    assert len(alt.split()) > 15
