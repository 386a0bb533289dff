"""Reports of results: tables in a terminal, figures, and an HTML page."""

from ... import absent as _absent
from ..results import Result as _Result
from .reports import fragment, html, show, tables, write

__all__ = ["fragment", "html", "show", "tables", "write"]

_Result.in_notebooks = fragment
_absent.explain_names(__name__)
