"""Set one BLAS thread: import this before NumPy and PyTorch, which read these variables when imported."""

from __future__ import annotations

import os
import sys

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    if "numpy" in sys.modules and _name not in os.environ:
        raise ImportError(f"{_name} must be set before NumPy is imported: import _threads first")
    os.environ.setdefault(_name, "1")
