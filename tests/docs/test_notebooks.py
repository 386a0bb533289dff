"""Pages become notebooks that Jupyter shows: what is MyST's own turns into Markdown, and the code stays as it is."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("myst_nb")

import built_docs  # noqa: F401  (puts the extensions on the path)
import nbformat
from _notebooks import Converter, Links, has_notebook, notebook

HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n"
CODE = "```{code-cell} ipython3\n"


def markdown(text: str, folder: Path = Path(), **links: Any) -> str:
    return Converter(folder, folder, Links(**links)).markdown(text)


def page(text: str, folder: Path = Path(), **links: Any) -> nbformat.NotebookNode:
    made = notebook(HEAD + text, "page", folder, folder, Links(**links))
    nbformat.validate(made)
    return made


@pytest.mark.parametrize(
    "text",
    [
        "Plain *text*, **bold**, and `code`.",
        "A formula $a_i = \\sum_j w_{ij} x_j$ and one below:\n\n$$\na = b\n$$",
        "- a list\n- of two\n\n1. and\n2. numbers",
        "| a | b |\n| --- | --- |\n| `x` | $y$ |",
        "```python\nx = {y: `1`}[a](b)\n```",
        "    indented = [code](b.md)",
        "[elsewhere](https://example.org/a_b)",
        "It costs \\$5 or `{doc}` in code, and $5 or $6 in text.",
        "> quoted",
    ],
)
def test_markdown_stays_as_it_is(text: str) -> None:
    assert markdown(text) == text.strip("\n")


def test_names_in_the_code_are_code() -> None:
    assert (
        markdown("{py:func}`tinygrad_edu.sum` and {py:meth}`~tinygrad_edu.Tensor.sum`")
        == "`tinygrad_edu.sum` and `sum`"
    )
    assert markdown("{py:class}`a layer <tinygrad_edu.nn.Linear>`") == "`a layer`"


def test_words_of_the_glossary_are_their_text() -> None:
    assert markdown("the {term}`error terms <error term>` of a {term}`batch`") == "the error terms of a batch"
    assert markdown("{index}`learning rate <pair: rate; step>`, {math}`x^2`") == "learning rate, $x^2$"


def test_roles_may_go_over_the_end_of_a_line() -> None:
    assert markdown("see {doc}`the\npage <page>` and [the\nother](other.md)") == "see the\npage and the\nother"


def test_other_pages_are_named_and_linked_where_they_are_published() -> None:
    text = "[Data](data.md), {doc}`models`, {ref}`a rule <rules>`, [*it*](data.md#sizes)"
    titles = {"models": "Models"}
    assert markdown(text, title=lambda role, target: titles.get(target)) == "Data, Models, a rule, *it*"
    there = markdown(text, address=lambda target: f"https://x.org/{target.replace('.md', '.html')}")
    assert there == (
        "[Data](https://x.org/data.html), [models](https://x.org/models.html), a rule, [*it*](https://x.org/data.html#sizes)"
    )


def test_headings_of_the_page_are_linked_as_jupyter_names_them() -> None:
    assert markdown("[above](#sample-rules)", slugs={"sample-rules": "Sample rules"}) == "[above](#Sample-rules)"
    assert markdown("[above](#nowhere)") == "above"


def test_labels_and_comments_are_left_out() -> None:
    assert markdown("before\n\n(a-label)=\n## Title\n\n% a comment\n\nafter") == "before\n\n## Title\n\nafter"


@pytest.mark.parametrize("fence", ["```", ":::"])
def test_boxes_become_quotations(fence: str) -> None:
    text = f"{fence}{{note}}\nRead {{doc}}`data`.\n\nTwice.\n{fence}\n\nafter"
    assert markdown(text) == "> **Note**\n>\n> Read data.\n>\n> Twice.\n\nafter"
    assert markdown(f"{fence}{{admonition}} Why *x*\n:class: tip\nSo.\n{fence}") == "> **Why *x***\n>\n> So."


def test_a_box_in_a_list_stays_in_the_list() -> None:
    assert markdown("- one\n\n  ```{tip}\n  two\n  ```") == "- one\n\n  > **Tip**\n  >\n  > two"


def test_blocks_of_code_keep_their_language() -> None:
    assert markdown("```{code-block} sh\n:caption: run\nmake docs\n```") == "```sh\nmake docs\n```"


def test_formulas_in_a_directive() -> None:
    assert markdown("```{math}\na = b\n```") == "$$\na = b\n$$"


def test_what_only_a_built_page_can_show_is_left_out() -> None:
    assert markdown("a\n\n```{index} gradient\n```\n\n```{toctree}\nb\n```\n\nc") == "a\n\nc"


def test_definitions() -> None:
    assert (
        markdown("*word*\n: its meaning, see {term}`that`\n\nafter") == "***word***\n\nits meaning, see that\n\nafter"
    )


def test_source_files_are_shown(tmp_path: Path) -> None:
    (tmp_path / "walk.py").write_text("import os\n\n\ndef walk():\n    return `1`[a](b)\n\n\ndef run():\n    pass\n")
    shown = markdown("```{literalinclude} walk.py\n:lines: 4-5\n:caption: walk.py\n```", tmp_path)
    assert shown == "```python\ndef walk():\n    return `1`[a](b)\n```"


def test_parts_of_other_pages_are_included_with_their_own_paths(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "dot.svg").write_text("<svg/>")
    (tmp_path / "README.md").write_text("no\n<!-- a -->\n{doc}`yes` ![dot](dot.svg)\n<!-- b -->\nno\n")
    text = '```{include} ../README.md\n:start-after: "<!-- a -->"\n:end-before: "<!-- b -->"\n```'
    assert markdown(text, tmp_path / "docs") == "yes ![dot](attachment:dot.svg)"


def test_pictures_go_with_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "dot.svg").write_text("<svg/>")
    made = page("# T\n\n![a dot](dot.svg)\n\n```{figure} dot.svg\n:alt: the same\nBelow it.\n```", tmp_path)
    (cell,) = made.cells[1:]
    assert cell.source == "# T\n\n![a dot](attachment:dot.svg)\n\n![the same](attachment:dot.svg)\n\nBelow it."
    assert base64.b64decode(cell.attachments["dot.svg"]["image/svg+xml"]) == b"<svg/>"


def test_code_stays_as_it_is() -> None:
    code = "x = {1: `2`}\n\n\n!ls {doc}`x`"
    made = page(f"# T\n\n{CODE}---\ntags: [hide-input]\nmystnb:\n  image:\n    alt: a dot\n---\n{code}\n```\n\nend")
    assert [cell.cell_type for cell in made.cells] == ["markdown", "markdown", "code", "markdown"]
    assert made.cells[2].source == code
    assert made.cells[2].metadata == {"tags": ["hide-input"]}
    assert made.cells[2].outputs == []
    assert made.cells[2].execution_count is None


def test_the_first_cell_says_how_to_install() -> None:
    assert 'pip install ".[docs-examples]"' in page("# A title\n\ntext").cells[0].source
    assert "*A title*" in page("# A title\n\ntext").cells[0].source


def test_the_same_page_gives_the_same_file() -> None:
    text = f"# T\n\n{CODE}1\n```\n\nmore\n\n{CODE}2\n```"
    assert nbformat.writes(page(text)) == nbformat.writes(page(text))
    assert len({cell.id for cell in page(text).cells}) == 5
    assert page(text).metadata.kernelspec.name == "python3"


def test_pages_that_hide_code_have_no_notebook() -> None:
    assert has_notebook(f"{HEAD}# T\n\n{CODE}1\n```")
    assert has_notebook(f"{HEAD}# T\n\n{CODE}:tags: [hide-input]\n\n1\n```")
    assert not has_notebook(f"{HEAD}# T\n\n{CODE}:tags: [remove-input]\n\n1\n```")
    assert not has_notebook(f"{HEAD}# T\n\nno code")
    assert not has_notebook("# T\n\na page like any other")
