"""Run the tests as other machines would: with older instruction sets, on every Python, beside other work.

    make portable                # all runs
    make portable ARGS=--one     # the oldest instruction set on the newest Python

NumPy and OpenBLAS choose code that suits the processor. Both can be told to take that of an older one, if this
processor has all that the older one has. Every CPython from 3.11 that is on the PATH or among pyenv's versions takes
part, in an environment of its own: .venv for the one that `make` uses, .venv-3.13 and the like for others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUSY = "beside two busy loops"

# Prints the version of a Python in which an environment can be made.
VERSION = """
import ensurepip, sys, venv
if sys.implementation.name == "cpython" and sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final":
    print("{}.{}".format(*sys.version_info))
"""

# Prints for which instruction sets NumPy has code beside the code that runs anywhere, and which the processor has.
FEATURES = """
import json
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatch, __cpu_features__ as features
print(json.dumps([dispatch, [name for name, there in features.items() if there]]))
"""

# OpenBLAS 0.3.34 crashes in this on a Zen 4 that is told to be a Haswell (OpenBLAS issues 6013 and 6021).
PRODUCT = "import numpy; a = numpy.ones((512, 512)); print((a @ a == 512).all())"

AVX512 = re.compile(r"X86_V4|AVX512.*")  # NumPy 2.4 names groups of instruction sets, NumPy 2.2 each one
AVX2 = re.compile(rf"X86_V3|AVX2|FMA3|F16C|{AVX512.pattern}")


def kernels(dispatch: list[str], there: list[str]) -> dict[str, dict[str, str]]:
    """The environment variables that make this processor an older one; the oldest one is the last."""
    optional = [name for name in dispatch if name in there]  # to switch off any other one is a warning or an error
    found = {}
    if "AVX2" in there:
        found["Haswell"] = {"OPENBLAS_CORETYPE": "Haswell", **without(AVX512, optional)}
    if "AVX" in there:
        found["Sandy Bridge"] = {"OPENBLAS_CORETYPE": "SANDYBRIDGE", **without(AVX2, optional)}
    return found or {"without NumPy's faster code": without(re.compile(".*"), optional)}


def without(pattern: re.Pattern[str], features: list[str]) -> dict[str, str]:
    names = " ".join(filter(pattern.fullmatch, features))
    return {"NPY_DISABLE_CPU_FEATURES": names} if names else {}


def pythons(default: str) -> dict[str, str]:
    """The Pythons that are there, one of each version, the newest first: {"3.13": its path, ...}."""
    paths = [default]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        paths += [str(path) for path in sorted(Path(folder or ".").glob("python3.*")) if path.suffix[1:].isdigit()]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    paths += map(str, sorted(pyenv.glob("versions/*/bin/python")))
    found: dict[str, str] = {}
    for path in paths:
        found.setdefault(printed_by(path, VERSION).strip(), path)
    found.pop("", None)
    return dict(sorted(found.items(), key=lambda item: -int(item[0].split(".")[1])))


def printed_by(python: str, program: str, **variables: str) -> str:
    """What a program prints, and nothing if it fails."""
    command, environment = [python, "-W", "error", "-c", program], {**os.environ, **variables}
    try:
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def make(target: str, python: str, folder: str, variables: dict[str, str]) -> bool:
    outer = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "ARGS")  # what the `make` that runs this program was told
    kept = {name: value for name, value in os.environ.items() if name not in outer}
    command = ["make", target, f"PYTHON={python}", f"VENV={folder}"]
    return subprocess.run(command, cwd=ROOT, env={**kept, **variables}, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", action="store_true", help="only the oldest instruction set on the newest Python")
    parser.add_argument("--python", default=sys.executable, help="the Python of the environment VENV")
    parser.add_argument("--venv", default=".venv")
    asked = parser.parse_args()
    found = pythons(asked.python)
    print("Found:", *(f"Python {version} ({path})" for version, path in found.items()), sep="\n  ", flush=True)
    ended, passed = [], []
    for version, python in found.items():
        folder = asked.venv if python == asked.python else f"{asked.venv}-{version}"
        if not make(f"{folder}/.test", python, folder, {}):
            ended.append(f"Python {version}: not run, because its environment could not be set up")
            continue
        runs = kernels(*json.loads(printed_by(f"{folder}/bin/python", FEATURES)))
        for how, variables in runs.items():
            if not printed_by(f"{folder}/bin/python", PRODUCT, **variables):
                variables.pop("OPENBLAS_CORETYPE", None)
                ended.append(f"Python {version}, {how}: OpenBLAS runs as it is, because it crashes if told otherwise")
        if asked.one:
            runs = dict(list(runs.items())[-1:])
        elif not passed:
            runs[BUSY] = {}
        for how, variables in runs.items():
            print(f"\n==== Python {version}, {how} {variables or ''}", flush=True)
            begin = time.monotonic()
            with busy_loops(2) if how == BUSY else contextlib.nullcontext():
                passed.append(make("test", python, folder, variables))
            result = "passed" if passed[-1] else "FAILED"
            ended.append(f"Python {version}, {how}: {result} after {time.monotonic() - begin:.0f} s")
        if asked.one:
            break
    print("", *ended, sep="\n")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
