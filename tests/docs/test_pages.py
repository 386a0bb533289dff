"""What a reader sees of the code on a page is all of it, and it runs when it is copied. `make pages` runs this."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("myst_nb")
pytest.importorskip("nbclient")

import built_docs  # puts the extensions on the path
import nbformat
from _notebooks import has_notebook
from built_docs import DOCS, EXTENSIONS, HTML, ROOT, cells, needs_the_build, pages, prose

PYTHON = os.environ.get("PAGES_PYTHON", "")  # that of the clean environment; the Makefile makes it
WITH_CODE = [page for page in pages() if cells(page)]
MADE_TABLES = {"api/primitives"}  # pages that are the output of code which nobody is to copy
# Packages that a page may speak of and the clean environment does not have, and pages whose blocks tests/oracle runs.
OTHER_LIBRARIES = re.compile(r"\b(torch|jax|autograd|opacus)\b")
RUN_ELSEWHERE = {"weights-and-pytorch"}

# A block of Python in any of the forms in which one can be written.
NOT_RUN = re.compile(
    r"^[ >]*(`{3,}|~{3,}|:{3,})(?:\{(?:code-block|code|sourcecode)\} *)?(?:python3?|py|ipython3?|pycon)\s*\n"
    r"(.*?)^[ >]*\1$",
    re.MULTILINE | re.DOTALL,
)

# What the page of questions answers: words that one of its headings has.
QUESTIONS = {
    "which x goes with which δ": r"which.*\bx\b.*δ",
    "δ by hand, at the output and in a hidden layer": r"δ.*output.*hidden layer",
    "is x averaged": r"is x averaged",
    "is the error averaged": r"error averaged",
    "sum of Δw or of δ": r"(add up|sum).*(weight change|Δw).*(δ|error term)",
    "sum or mean": r"sum or mean",
    "does a batch save work": r"save work",
    "a weight estimate for each input": r"weight estimate",
    "averaging weights": r"average the weights",
    "sum of updates": r"sum of the updates",
    "E's gradient and the observation": r"gradient.*observation",
    "when E itself changes": r"when.*\bE\b.*change",
    "an uneven last batch": r"uneven",
    "inputs and weights": r"depend on.*inputs.*weights",
    "the gradient with respect to the input": r"gradient with respect to the input",
    "full batch, mini-batch, single sample": r"full batch.*mini-batch.*single",
    "why about 32": r"why.*32",
    "rates": r"learning rate.*1e-3.*1e-2",
    "when to stop": r"stop training",
    "why shuffle": r"why shuffle",
}


@pytest.mark.parametrize("page", sorted(set(WITH_CODE) - MADE_TABLES))
def test_no_code_is_hidden(page: str) -> None:
    hidden = [cell.line for cell in cells(page) if cell.hidden]
    assert not hidden, f"docs/{page}.md hides the code in lines {hidden}"


@pytest.mark.parametrize(
    ("front", "cell"),
    [
        ("", ":tags: [remove-cell]"),
        ("", ":tags: [remove_input, hide-output]"),
        ("", "---\nmystnb:\n  remove_code_source: true\n---"),
        ("mystnb:\n  remove_code_source: true\n", ""),
    ],
)
def test_code_may_be_hidden_in_many_ways(front: str, cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = f"---\nfile_format: mystnb\nkernelspec:\n  name: python3\n{front}---\n\n# T\n\n"
    text = f"{head}```{{code-cell}} ipython3\n{cell}\n\n1\n```\n"
    monkeypatch.setattr(built_docs, "pages", lambda: {"planted": text})
    assert [cell.hidden for cell in cells("planted")] == [True]
    assert not has_notebook(text)


def test_no_setting_hides_code() -> None:
    assert "remove_code_source" not in (DOCS / "conf.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", WITH_CODE)
def test_no_code_imports_a_helper_of_the_documentation(page: str) -> None:
    helpers = {path.stem for folder in (DOCS, EXTENSIONS) for path in folder.glob("*.py")}
    helpers |= {path.parent.name for path in EXTENSIONS.glob("*/__init__.py")}
    for cell in cells(page):
        imported = re.findall(r"^\s*(?:from|import)\s+(.+)", cell.code, re.MULTILINE)
        assert not helpers & set(re.findall(r"\w+", " ".join(imported))), f"docs/{page}.md, line {cell.line}"


@pytest.mark.parametrize("page", pages())
def test_code_that_is_not_run_is_for_other_libraries(page: str) -> None:
    """A block of Python that the build does not run, no test would miss if it were wrong."""
    if page.startswith("design/") or page in RUN_ELSEWHERE:
        return
    for _, block in NOT_RUN.findall(pages()[page]):
        assert OTHER_LIBRARIES.search(block), f"docs/{page}.md: make this a code-cell:\n{block}"


@pytest.mark.parametrize(
    "planted",
    ["```python\nx\n```", "~~~py\nx\n~~~", "> ```ipython3\n> x\n> ```", "  ````{code-block} python\n  x\n  ````"],
)
def test_code_that_is_not_run_is_found_in_every_form(planted: str) -> None:
    ((_, block),) = NOT_RUN.findall(f"before\n\n{planted}\n\nafter\n")
    assert block.strip("> \n") == "x"


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_have_an_answer(question: str) -> None:
    sections = re.split(r"^(?=#{2,3} )", pages()["questions"], flags=re.MULTILINE)
    answers = [s for s in sections if re.search(QUESTIONS[question], s.split("\n")[0], re.IGNORECASE)]
    assert answers, f"no heading of docs/questions.md asks: {question}"
    assert any("```{code-cell}" in answer for answer in answers), "the answer has no code"
    assert any(re.search(r"\]\([\w/.#-]+\)|\{(doc|ref)\}`", answer) for answer in answers), "the answer links nowhere"


def test_every_question_has_code_and_leads_on() -> None:
    questions = re.split(r"^(?=#{2,3} )", pages()["questions"], flags=re.MULTILINE)[1:]
    asked = {part.split("\n")[0]: part for part in questions if part.startswith("### ")}
    assert len(asked) >= len(QUESTIONS)
    assert [heading for heading in asked if not heading.endswith("?")] == []
    assert [heading for heading, part in asked.items() if "```{code-cell}" not in part] == []
    assert [heading for heading, part in asked.items() if not re.search(r"\]\([\w/.#-]+\)|\{(doc|ref)\}`", part)] == []


def test_pages_are_in_the_menu() -> None:
    menus = "\n".join(re.findall(r"^```\{toctree\}\n(.*?)^```$", "\n".join(pages().values()), re.MULTILINE | re.DOTALL))
    listed = set(menus.split())
    missing = [
        page for page in pages() if page != "index" and page.rpartition("/")[2] not in listed and page not in listed
    ]
    assert [page for page in missing if page.rpartition("/")[2] != "index"] == []


@pytest.mark.parametrize("page", WITH_CODE)
def test_pages_with_code_say_what_they_are_about(page: str) -> None:
    assert re.search(r"^# .+\n\n\S", prose(page), re.MULTILINE), "a title, and text below it"


# In a clean environment


def _clean(variables: dict[str, str]) -> dict[str, str]:
    """The environment of a reader who has activated his: nothing leads into the checkout, and warnings are as usual."""
    left = {key: value for key, value in variables.items() if key not in ("PYTHONPATH", "PYTHONWARNINGS", "PYTHONHOME")}
    return left | {"PATH": os.pathsep.join([str(Path(PYTHON).parent), variables["PATH"]])}


@pytest.fixture
def clean() -> dict[str, str]:
    if not PYTHON:
        pytest.skip("there is no clean environment: make pages")
    return _clean(dict(os.environ))


def test_the_environment_is_clean(clean: dict[str, str], tmp_path: Path) -> None:
    program = "import sys, tinygrad_edu; print(tinygrad_edu.__file__, *sys.path, sep='\\n')"
    found = subprocess.run([PYTHON, "-c", program], cwd=tmp_path, env=clean, text=True, capture_output=True, check=True)
    places = found.stdout.split("\n")
    assert "site-packages" in places[0]
    assert not [place for place in places if place.startswith((f"{ROOT}/docs", f"{ROOT}/tests", f"{ROOT}/tinygrad"))]
    assert str(ROOT) not in places


def _notebooks() -> list[str]:
    """Those that the build wrote; the longest first, so that the last do not take long."""
    return [str(p.relative_to(HTML / "notebooks").with_suffix("")) for p in _by_size()]


def _by_size() -> list[Path]:
    return sorted((HTML / "notebooks").rglob("*.ipynb"), key=lambda p: (-p.read_text(encoding="utf-8").count("\n"), p))


@needs_the_build()
def test_every_page_with_code_can_be_downloaded() -> None:
    assert sorted(_notebooks()) == sorted(set(WITH_CODE) - MADE_TABLES)
    for page in _notebooks():
        notebook = nbformat.read(HTML / "notebooks" / f"{page}.ipynb", as_version=4)
        assert "pip install" in notebook.cells[0].source
        assert [c.source for c in notebook.cells if c.cell_type == "code"] == [cell.code for cell in cells(page)]
        if page == "index":  # a way in, and not a page to be run
            continue
        html = (HTML / f"{page}.html").read_text(encoding="utf-8")
        assert re.search(rf'<a href="(\.\./)*notebooks/{re.escape(page)}\.ipynb" download', html)


@needs_the_build()
@pytest.mark.parametrize("page", _notebooks())
def test_the_code_of_a_page_runs_when_it_is_copied(page: str, clean: dict[str, str], tmp_path: Path) -> None:
    path, folder, kernels = tmp_path / "page.ipynb", tmp_path / "empty", tmp_path / "kernels"
    shutil.copy(HTML / "notebooks" / f"{page}.ipynb", path)
    folder.mkdir()
    (kernels / "clean").mkdir(parents=True)
    kernel = {"argv": [PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "clean"}
    (kernels / "clean" / "kernel.json").write_text(json.dumps(kernel | {"language": "python"}))
    command = [sys.executable, ROOT / "tests" / "running_notebooks.py", path, "clean", folder]
    ended = subprocess.run(command, env=clean | {"JUPYTER_PATH": str(tmp_path)}, capture_output=True, text=True)
    notebook = nbformat.read(path, as_version=4)
    if ended.returncode:
        pytest.fail(_failure(page, notebook) or ended.stderr, pytrace=False)
    for cell, ran in zip(cells(page), (c for c in notebook.cells if c.cell_type == "code"), strict=True):
        raised = any(output.output_type == "error" for output in ran.outputs)
        assert raised or "raises-exception" not in cell.tags, f"docs/{page}.md, line {cell.line}: this was to fail"


def _failure(page: str, notebook: Any) -> str:
    """Where and why a notebook stopped; empty if no cell is to blame."""
    ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, (cell, result) in enumerate(zip(cells(page), ran, strict=True), start=1):
        for output in result.outputs:
            if output.output_type == "error" and "raises-exception" not in cell.tags:
                traceback = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
                inside = re.findall(r"Cell\s*In\s*\[\d+\],? line (\d+)", traceback)
                line = cell.line + int(inside[-1]) - 1 if inside else cell.line
                code = pages()[page].splitlines()[line - 1].strip()
                return f"docs/{page}.md, cell {number}, line {line}: {code}\n{output.ename}: {output.evalue}"
    return ""
