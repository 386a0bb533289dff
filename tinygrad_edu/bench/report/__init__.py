"""Reports of results: tables in a terminal, pictures, and a page of HTML."""

from ..results import Result
from .reports import fragment, html, show, tables, write

__all__ = ["fragment", "html", "show", "tables", "write"]

Result.in_notebooks = fragment
