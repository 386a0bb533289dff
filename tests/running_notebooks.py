"""Runs a notebook, and writes into it what came out, also if a cell fails.

    python running_notebooks.py NOTEBOOK KERNEL FOLDER

A program of its own: what a kernel leaves behind, sockets and event loops, is gone when it ends.
"""

from __future__ import annotations

import sys
from pathlib import Path


def run(path: Path, kernel: str, folder: str) -> int:
    """0 if all cells ran, or failed as their tags say; 1 otherwise."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name=kernel, resources={"metadata": {"path": folder}})
    try:
        client.execute()
    except CellExecutionError:
        return 1
    finally:
        nbformat.write(notebook, path)
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), *sys.argv[2:]))
