"""The machine and the software that a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from ..._version import __version__
from .clock import Clock
from .threads import blas_pools

CPUINFO = Path("/proc/cpuinfo")


def environment(clock: Clock, threads: int) -> dict[str, Any]:
    """The environment that results depend on, as strings and numbers.

    Args:
        clock: the clock that times steps.
        threads: the number of BLAS threads.

    Returns:
        "processor", "cores" (that this process may use), "blas", "blas_version", "blas_core" (the processor that its
        code was chosen for; None without threadpoolctl), "threads", "clock", "python", "numpy", "tinygrad_edu", "os".

    >>> environment(Clock(), 2)["threads"]
    2
    """
    name, version, core = _blas()
    return {
        "processor": _processor(),
        "cores": _cores(),
        "blas": name,
        "blas_version": version,
        "blas_core": core,
        "threads": threads,
        "clock": clock.unit,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "tinygrad_edu": __version__,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _processor() -> str:
    """The name of the processor, if the system reports it."""
    if platform.system() == "Darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.stdout.strip():
            return asked.stdout.strip()
    try:
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine() or "unknown"


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Linux only
        return os.cpu_count() or 1


def _blas() -> tuple[str, str, str | None]:
    """Name, version and core type of NumPy's BLAS: of the library loaded, else of the one that NumPy was built with."""
    pools = blas_pools()
    if pools:
        pool = pools[0]
        return str(pool.get("internal_api")), str(pool.get("version")), pool.get("architecture")
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    name = str(blas.get("name", "unknown"))
    known = next((known for known in ("openblas", "mkl", "accelerate") if known in name), name)
    return known, str(blas.get("version", "unknown")), None
