"""What is said of the BLAS library follows from what NumPy and the environment say; whatever is unknown says no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_edu.ops.blas import has_small_kernels, one_thread

VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")


def config(name: str, *found: str) -> dict[str, Any]:
    return {"Build Dependencies": {"blas": {"name": name}}, "SIMD Extensions": {"baseline": ["X86_V2"], "found": found}}


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which OpenBLAS has one thread and nothing said of its kernels."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("said", "cores", "one"),
    [
        ((None, None, None), 1, True),
        ((None, None, None), 4, False),
        ((None, None, None), None, False),
        (("1", None, None), 4, True),
        (("2", "1", "1"), 4, False),
        ((None, "1", "4"), 4, True),
        ((None, None, "1"), 4, True),
        (("0", None, "1"), 4, True),
        (("many", "", " 1 "), 4, True),
    ],
)
def test_the_first_variable_that_names_a_number_counts(
    monkeypatch: pytest.MonkeyPatch, said: tuple[str | None, ...], cores: int | None, one: bool
) -> None:
    for variable, value in zip(VARIABLES, said, strict=True):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert one_thread() is one


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("scipy-openblas", ["X86_V3", "X86_V4"], True),
        ("openblas64", ["AVX2", "AVX512_SKX"], True),
        ("scipy-openblas", ["X86_V3"], False),
        ("accelerate", ["X86_V4"], False),
        ("mkl-sdl", ["X86_V4"], False),
        ("scipy-openblas", ["ASIMD", "SVE"], False),
    ],
)
def test_openblas_on_avx512_has_small_kernels(
    one: pytest.MonkeyPatch, name: str, found: list[str], expected: bool
) -> None:
    one.setattr(np, "show_config", lambda mode: config(name, *found))
    assert has_small_kernels() is expected


@pytest.mark.parametrize(("core", "expected"), [("SkylakeX", True), ("Cooperlake", True), ("Haswell", False)])
def test_kernels_that_were_asked_for(one: pytest.MonkeyPatch, core: str, expected: bool) -> None:
    one.setattr(np, "show_config", lambda mode: config("openblas", "X86_V4"))
    one.setenv("OPENBLAS_CORETYPE", core)
    assert has_small_kernels() is expected


def test_with_several_threads_there_are_none(one: pytest.MonkeyPatch) -> None:
    one.setattr(np, "show_config", lambda mode: config("openblas", "X86_V4"))
    one.setenv("OPENBLAS_NUM_THREADS", "2")
    assert has_small_kernels() is False


@pytest.mark.parametrize("answer", [None, {}, {"Build Dependencies": {}}, config("openblas") | {"SIMD Extensions": 3}])
def test_a_numpy_that_says_nothing_has_none(one: pytest.MonkeyPatch, answer: Any) -> None:
    one.setattr(np, "show_config", lambda mode: answer)
    assert has_small_kernels() is False
