"""In the place of all clocks of the benchmark one that moves on whenever somebody looks at it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tinygrad_edu.bench.timing import clock


class Ticking:
    """A clock that moves on by five milliseconds with each look at it: budgets end soon."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks * 5e-3


@pytest.fixture(autouse=True)
def ticking(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    """The one clock that all others are."""
    one = Ticking()
    coarse = SimpleNamespace(resolution=1e-9)
    fake = SimpleNamespace(perf_counter=one, process_time=one, get_clock_info=lambda name: coarse)
    monkeypatch.setattr(clock, "time", fake)
    return one
