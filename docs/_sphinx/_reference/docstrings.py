"""What Sphinx is told while it reads docstrings: how to write them, and what of them to leave out."""

from __future__ import annotations

import re
from typing import Any

from . import names


def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let docstrings be plain text: outside of code and examples, |x|, *args and p_ are just that."""
    if what == "property" and lines:
        lines[0] = lines[0].replace(": ", " \N{EN DASH} ", 1)  # napoleon takes what is before a colon for a type
    code = False  # in an indented block behind a colon and an empty line
    for i, line in enumerate(lines):
        code = (code and not line.strip()) or _begins_code(lines, i) or (code and line.startswith("    "))
        if code or line.lstrip().startswith((">>>", "...")):
            continue
        parts = re.split(r"(^ +\w+: |`+[^`]*`+)", line)  # names in a list: left to napoleon
        for j in range(0, len(parts), 2):
            parts[j] = re.sub(r"(?<!\\)(\*(?=\S)|\||_(?=\W|$))", r"\\\1", parts[j])
        lines[i] = "".join(parts)
        if _begins_code(lines, i + 2):
            lines[i] += ":"  # what reStructuredText calls a literal block


def _begins_code(lines: list[str], i: int) -> bool:
    """Whether an indented block begins here, below a line of text that ends in a colon."""
    if not 2 <= i < len(lines) or lines[i - 1].strip() or not lines[i].startswith("    "):
        return False
    return lines[i - 2].endswith(":") and not lines[i - 2].startswith(" ")


def returns_tensor(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """An op is annotated for the arrays that it computes with; what a caller gets is a Tensor."""
    if not hasattr(obj, "primitive"):
        return None
    named = signature and re.sub(r"(~?typing\.)?\bAny\b", "Operand", signature)  # the alias, not what it stands for
    plain = (returned or "").rpartition(".")[2] in ("Operand", "Any")
    return named, "Tensor" if plain else returned


def public_bases(app: Any, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    """Show the nearest base class that is public, and each only once."""
    shown: list[Any] = []
    for base in bases:
        kind = getattr(base, "__origin__", base)  # Dataset of Dataset[T]
        if names.is_ours(kind) and kind not in names.public_classes():
            base = next((c for c in kind.__mro__ if c in names.public_classes() or not names.is_ours(c)), object)
        if base not in shown and getattr(base, "__name__", "") != "Generic":
            shown.append(base)
    bases[:] = [base for base in shown if base is not object] or [object]
