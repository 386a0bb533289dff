"""Links from the source code back to the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DOCS / "_sphinx")
    _backlinks = pytest.importorskip("_backlinks", reason="the sources of the documentation are not here")

PLACES = {"pkg.nn.Linear": ("api/layers", "pkg.nn.Linear"), "pkg.a.f": ("api/a", "f"), "pkg.b.f": ("api/b", "f")}


def mended(own: str, name: str) -> str:
    block = f'<div class="viewcode-block" id="{own}">\n<a class="viewcode-back" href="../x.html#{name}">[docs]</a>'
    return _backlinks.mended(f"{block}\n<span>code</span></div>", PLACES, lambda page: f"../{page}.html")


@pytest.mark.parametrize("name", ["pkg.nn.Linear", "pkg.nn.functional.Linear"])
def test_they_lead_to_where_a_name_is_described(name: str) -> None:
    assert 'href="../api/layers.html#pkg.nn.Linear">[docs]</a>' in mended("Linear", name)


@pytest.mark.parametrize(("own", "name"), [("f", "pkg.c.f"), ("g", "pkg.a.g")])
def test_where_that_is_unknown_there_is_none(own: str, name: str) -> None:
    assert mended(own, name) == f'<div class="viewcode-block" id="{own}">\n<span>code</span></div>'
