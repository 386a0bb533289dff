"""The role `anchor`: a place in a table that the search and links find by the full name of a Python object."""

from __future__ import annotations

from typing import Any

from docutils import nodes


def anchor(
    role: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """The last part of a full name, as code, with the full name in the index of objects."""
    document = inliner.document
    node = nodes.literal(text, text.rpartition(".")[2], ids=[text], classes=["xref", "py"])
    document.note_explicit_target(node)
    python = document.settings.env.get_domain("py")
    kind = "method" if ".Tensor." in text else "function"
    python.note_object(text, kind, text, location=(document["source"], lineno))
    return [node], []
