"""Writes the pages of the reference: one entry for every public name, grouped by the file that defines it.

Nothing is listed by hand, so nothing can be missing: `pages.py` says which files go on which page, and what stands in
the entries are the docstrings. The pages are made anew by every build, in api/generated.
"""

from __future__ import annotations

from typing import Any


def setup(app: Any) -> None:
    """Called by Sphinx through conf.py."""
    from . import anchors, docstrings, writing

    app.add_role("anchor", anchors.anchor)
    app.connect("builder-inited", lambda app: writing.write_pages())
    app.connect("source-read", writing.link_back)
    app.connect("autodoc-process-bases", docstrings.public_bases)
    app.connect("autodoc-process-signature", docstrings.returns_tensor)
    app.connect("autodoc-process-docstring", docstrings.escape, priority=100)  # before the sections are recognised
