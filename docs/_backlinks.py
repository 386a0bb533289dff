"""Sphinx extension: the links from a source file back to the reference.

viewcode takes it that all names of a file are documented in one module. Here `tinygrad_edu/nn/linear.py` has names that
are documented as `tinygrad_edu.nn.Linear` and others as `tinygrad_edu.nn.functional.linear`.
"""

import re
from typing import Any

from sphinx.application import Sphinx

BACK = re.compile(r'(<a class="viewcode-back" href=")([^"#]+)#([^"]+)"')


def anchor(name: str, anchors: set[str]) -> str:
    """The one of a page's anchors that is meant: this one, or the first that ends as it does."""
    if name in anchors:
        return name
    parts = name.split(".")
    for start in range(1, len(parts)):
        tail = "." + ".".join(parts[start:])
        for other in sorted(anchors):
            if other.endswith(tail):
                return other
    return ""


def mend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    if not pagename.startswith("_modules/") or "body" not in context:
        return
    documented: dict[str, set[str]] = {}
    for entry in app.env.get_domain("py").objects.values():  # type: ignore[attr-defined]
        if not entry.aliased:
            documented.setdefault(app.builder.get_relative_uri(pagename, entry.docname), set()).add(entry.node_id)

    def link(match: re.Match[str]) -> str:
        found = anchor(match[3], documented.get(match[2], set()))
        return f'{match[1]}{match[2]}{"#" + found if found else ""}"'

    context["body"] = BACK.sub(link, context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
