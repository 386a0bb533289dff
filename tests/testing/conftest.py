"""Every test draws the same numbers, whichever tests ran before it, and finds the same, however long that takes."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.testing import diagnosis, shrink


@pytest.fixture(autouse=True)
def fresh_numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's `rng` begins anew."""
    if isinstance(getattr(request.module, "rng", None), np.random.Generator):
        monkeypatch.setattr(request.module, "rng", np.random.default_rng(1))


@pytest.fixture(autouse=True)
def no_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not tried where it would take long is tried."""
    monkeypatch.setattr(diagnosis, "_QUICK", np.inf)
    monkeypatch.setattr(shrink, "_SECONDS", np.inf)
    monkeypatch.setattr(shrink, "_SLOW", np.inf)
