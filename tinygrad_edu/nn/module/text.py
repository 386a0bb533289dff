"""The text of a module: its name, with its parts below."""

from __future__ import annotations


def tree_text(name: str, extra: str, children: list[tuple[str, str]]) -> str:
    """A module's name, its extra text, and its children indented below."""
    if not children:
        return f"{name}({extra})"
    lines = [line for line in extra.split("\n") if line]
    lines += [f"{label}: {text}" for label, text in children]
    body = "\n".join(lines).replace("\n", "\n  ")
    return f"{name}(\n  {body}\n)"
