from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.timing.threads import VARIABLES, blas_pools, limited, threads_in_use


class Pools(ModuleType):
    """threadpoolctl with two libraries, as far as it is used."""

    def __init__(self) -> None:
        super().__init__("threadpoolctl")
        self.counts = {"/x/numpy.libs/libopenblas.so": 3, "/x/scipy.libs/libopenblas.so": 8}

    def threadpool_info(self) -> list[dict[str, Any]]:
        openmp = {"user_api": "openmp", "filepath": "/x/numpy.libs/libgomp.so", "num_threads": 64}
        return [openmp] + [{"user_api": "blas", "filepath": f, "num_threads": n} for f, n in self.counts.items()]

    @contextmanager
    def threadpool_limits(self, limits: int) -> Iterator[None]:
        before, self.counts = self.counts, dict.fromkeys(self.counts, limits)
        try:
            yield
        finally:
            self.counts = before


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Pools:
    made = Pools()
    monkeypatch.setitem(sys.modules, "threadpoolctl", made)
    return made


@pytest.fixture
def no_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_limit_holds_inside_and_goes_afterwards(pools: Pools) -> None:
    with limited(2):
        assert threads_in_use() == 2
    assert threads_in_use() == 3


def test_the_limit_goes_after_an_error(pools: Pools) -> None:
    with pytest.raises(KeyError), limited(1):
        raise KeyError
    assert threads_in_use() == 3


def test_none_needs_nothing_and_changes_nothing(no_pools: None) -> None:
    before = threads_in_use()
    with limited(None):
        assert threads_in_use() == before


def test_a_number_needs_threadpoolctl(no_pools: None) -> None:
    with pytest.raises(BenchError) as caught, limited(2):
        pass
    assert "threads=2 needs threadpoolctl, which is not installed. Run: pip install threadpoolctl (in" in str(
        caught.value
    )


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, "2"])
def test_no_number_of_threads(pools: Pools, threads: Any) -> None:
    with pytest.raises(BenchError, match=r"threads: got .*; give a number from 1 on"), limited(threads):
        pass


def test_numpys_own_blas_is_meant(pools: Pools) -> None:
    assert [pool["num_threads"] for pool in blas_pools()] == [3]
    pools.counts = {"/usr/lib/libblas.so": 5}
    assert threads_in_use() == 5


def test_the_environment_is_next(no_pools: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert threads_in_use() == 6
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert threads_in_use() == 4
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "all")
    assert threads_in_use() == 6


def test_all_cores_are_last(no_pools: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_edu.bench.timing.threads.os", SimpleNamespace(environ={}, cpu_count=lambda: 12))
    assert threads_in_use() == 12


def test_the_real_library_gives_the_limits_back() -> None:
    pytest.importorskip("threadpoolctl")
    before = blas_pools()
    with limited(1):
        assert all(pool["num_threads"] == 1 for pool in blas_pools())
    assert blas_pools() == before
