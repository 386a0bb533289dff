"""Every test draws the same numbers, whichever tests ran before it, and finds the same, however long that takes."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.testing.diagnosis import explanation as diagnosis
from tinygrad_edu.testing.repro import shrinking as shrink


@pytest.fixture(autouse=True)
def fresh_numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's `rng` begins anew."""
    if isinstance(getattr(request.module, "rng", None), np.random.Generator):
        monkeypatch.setattr(request.module, "rng", np.random.default_rng(1))


@pytest.fixture(autouse=True)
def no_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a check tries only where it is quick it does not try at all: most tests look at other things."""
    monkeypatch.setattr(diagnosis, "_QUICK", 0.0)
    monkeypatch.setattr(shrink, "_SECONDS", 0.0)


@pytest.fixture
def patient(no_clocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries all of that: whether the program that reproduces a failure does so, and smaller inputs."""
    monkeypatch.setattr(diagnosis, "_QUICK", np.inf)
    monkeypatch.setattr(shrink, "_SECONDS", np.inf)
    monkeypatch.setattr(shrink, "_SLOW", np.inf)
