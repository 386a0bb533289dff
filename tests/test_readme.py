"""The README's examples run, and print what it says they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_examples_of_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    blocks = [block for block in BLOCK.findall(text) if block[0] != "console"]
    assert [kind for kind, _ in blocks] == ["python", "text"] * 7
    namespace: dict[str, object] = {}
    for (_, code), (_, stated) in zip(blocks[::2], blocks[1::2], strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), namespace)
        assert printed.getvalue() == stated


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make (\w+)`", README.read_text(encoding="utf-8")))))
def test_targets_that_the_readme_names(target: str) -> None:
    makefile = README.with_name("Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^):]+)\)", README.read_text(encoding="utf-8")))
def test_files_that_the_readme_links_to(path: str) -> None:
    assert (README.parent / path).exists()
