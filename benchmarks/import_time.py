"""The time of `import tinygrad_edu` beyond `import numpy`, in new processes one after another.

    python benchmarks/import_time.py

The bytecode is written beforehand, into a separate folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _goals import against

ROOT = Path(__file__).parents[1]
GOAL = 60.0  # ms
PROGRAM = """
import sys, time
import numpy
before = len(sys.modules)
begin = time.perf_counter()
import tinygrad_edu
print((time.perf_counter() - begin) * 1e3, len(sys.modules) - before)
"""


def measured(cache: str) -> tuple[float, int]:
    """Milliseconds and modules of one import."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    milliseconds, modules = done.stdout.split()
    return float(milliseconds), int(modules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as cache:
        _, modules = measured(cache)
        times = [measured(cache)[0] for _ in range(runs)]
    # Other programs can only make it slower: the fastest run is the closest to the true time.
    fastest = f"fastest of {runs} runs {against(min(times), GOAL)} ms"
    print(f"{modules} modules; {fastest}, median {statistics.median(times):.2f} ms")


if __name__ == "__main__":
    main()
