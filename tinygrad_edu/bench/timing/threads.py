"""The number of threads of NumPy's BLAS: read it, or limit it for a while."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import describe
from ..errors import BenchError, needed

# In the order in which BLAS libraries read them: once, when NumPy is imported.
VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Compute with so many threads, and restore the limits at the end.

    Args:
        threads: at least 1; None leaves the user's setting, and needs nothing installed.

    Raises:
        BenchError: if it is not such a number, or threadpoolctl is not installed.

    >>> with limited(None):
    ...     pass
    """
    if threads is None:
        yield
        return
    _check(threads)
    with needed("threadpoolctl", f"threads={threads}").threadpool_limits(limits=threads):
        yield


def _check(threads: Any) -> None:
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise BenchError(f"threads: got {describe(threads)}; give a number from 1 on, or None for what is set now")


def threads_in_use() -> int:
    """The current number of BLAS threads: from threadpoolctl, else from the environment, else all cores."""
    pools = blas_pools()
    if pools:
        return max(int(pool["num_threads"]) for pool in pools)
    for name in VARIABLES:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return os.cpu_count() or 1


def blas_pools() -> list[dict[str, Any]]:
    """What threadpoolctl reports about NumPy's BLAS; empty if it is not installed or finds none.

    If other libraries, such as SciPy, have loaded another BLAS, only NumPy's counts.
    """
    try:
        controller = importlib.import_module("threadpoolctl")
    except ImportError:
        return []
    pools = [pool for pool in controller.threadpool_info() if pool.get("user_api") == "blas"]
    return [pool for pool in pools if "numpy" in str(pool.get("filepath", ""))] or pools
