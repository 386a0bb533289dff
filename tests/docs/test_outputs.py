"""Which of the printed outputs are tables, and which are text."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
pytest.importorskip("docutils")
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DOCS / "_sphinx")
    _outputs = pytest.importorskip("_outputs", reason="the sources of the documentation are not here")

TABLE = "batch  rate  epochs\n    1  0.03       2\n   32   0.6       3\n"
ERROR = "the gradient is wrong\nblame: the rule of 'Affine'\n  worst: b[0]  analytic 2.98  numeric 14.9\n  hint: 1/5\n"


def test_rows_with_gaps_are_a_table() -> None:
    assert _outputs.is_table(TABLE)


@pytest.mark.parametrize("text", [ERROR, "", "one  line", f"a  b\nc  {'word ' * 30}\n"])
def test_sentences_are_none(text: str) -> None:
    assert not _outputs.is_table(text)


def test_tables_among_outputs_are_marked() -> None:
    from docutils import nodes
    from docutils.utils import new_document

    page = new_document("page")
    blocks = [
        nodes.literal_block("", text, classes=list(classes))
        for text, classes in [(TABLE, ["output"]), (ERROR, ["output"]), (TABLE, [])]
    ]
    page += blocks
    _outputs.mark(None, page, "page")
    assert [block["classes"] for block in blocks] == [["output", "columns"], ["output"], []]
