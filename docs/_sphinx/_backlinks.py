"""Links from the source code back to the reference lead to where a name is described, or are left out.

`sphinx.ext.viewcode` writes one for each name, by a module that it was imported from. A name that is described
elsewhere, or as part of something else, has no such anchor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_LINK = re.compile(
    r'(?P<block><div class="viewcode-block" id="(?P<own>[^"]*)">\n)'
    r'<a class="viewcode-back" href="[^"#]*#(?P<name>[^"]*)">.*?</a>\n?'
)


def mended(html: str, places: Mapping[str, tuple[str, str]], address: Callable[[str], str]) -> str:
    """The page of a module with links that are whole.

    Args:
        html: the page.
        places: for each name that is described, on which page, and at which anchor.
        address: of a page, as seen from this one.

    >>> block = '<div class="viewcode-block" id="{0}">\\n<a class="viewcode-back" href="x.html#m.{0}">[docs]</a>'
    >>> places = {"ops.f": ("api/ops", "ops.f")}
    >>> print(mended(block.format("f") + block.format("g"), places, lambda page: f"{page}.html"))
    <div class="viewcode-block" id="f">
    <a class="viewcode-back" href="api/ops.html#ops.f">[docs]</a><div class="viewcode-block" id="g">
    <BLANKLINE>
    """

    def link(match: re.Match[str]) -> str:
        own = match["own"]
        found = [match["name"]] if match["name"] in places else [key for key in places if key.endswith(f".{own}")]
        if len({places[key] for key in found}) != 1:
            return match["block"]
        page, anchor = places[found[0]]
        return f'{match["block"]}<a class="viewcode-back" href="{address(page)}#{anchor}">[docs]</a>'

    return _LINK.sub(link, html)


def mend(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mend the links of a page of source code."""
    if page.startswith("_modules/") and "body" in context:
        objects = app.env.get_domain("py").objects
        places = {name: (entry.docname, entry.node_id) for name, entry in objects.items()}
        context["body"] = mended(context["body"], places, lambda target: app.builder.get_relative_uri(page, target))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx through conf.py."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
