"""What is known of the BLAS library behind NumPy: found once, by asking, never by timing."""

from __future__ import annotations

import os
from typing import Final

import numpy as np


def one_thread() -> bool:
    """Whether OpenBLAS computes on one core, by the variables that it reads, in its order."""
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").strip()
        if value.isdecimal() and int(value):
            return int(value) == 1
    return os.cpu_count() == 1


def has_small_kernels() -> bool:
    """Whether a small product is computed where its operands lie, and on one core.

    OpenBLAS copies both operands of a large product into an order of its own. Of its kernels for x86, those that
    it calls SkylakeX (AVX-512) have others for small products, which do without. Whatever is not known says no.
    """
    try:
        config = np.show_config(mode="dicts")
        name = config["Build Dependencies"]["blas"]["name"]
        found = {*config["SIMD Extensions"]["baseline"], *config["SIMD Extensions"]["found"]}
    except Exception:  # a NumPy that says it elsewhere
        return False
    chosen = os.environ.get("OPENBLAS_CORETYPE", "").lower()
    at_work = chosen in ("", "skylakex", "cooperlake", "sapphirerapids")
    # Two names of one thing: that of NumPy 2.4 on, and the one before.
    return "openblas" in str(name).lower() and at_work and one_thread() and bool(found & {"X86_V4", "AVX512_SKX"})


SMALL_KERNELS: Final = has_small_kernels()
