"""What all tests share: hypothesis without time limits, and a fresh, known state for each test."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tinygrad_edu as tg

# These machines are shared: a slow moment must not fail a property.
# Each run draws other examples; `--hypothesis-profile=thorough` draws many at once.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000)
settings.load_profile("default")


# A shell starts what runs in the background deaf to Ctrl-C, and programs that the tests start would be so, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """The tests stay to the end: so that the garbage collector need not go through all of them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _known_state() -> Iterator[None]:
    """Seed the default generator, and demand that a test leaves the library's switches as it found them."""
    tg.manual_seed(0)
    yield
    assert tg.is_grad_enabled(), "the test left gradients switched off"
    assert tg.get_default_dtype() == np.float32, "the test left another default dtype"
