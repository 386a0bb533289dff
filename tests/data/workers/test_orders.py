"""What a worker finds as it is in the program."""

import os
import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.data.workers.orders import ONE_THREAD, State, Surroundings


def test_the_state_of_a_thread_can_be_taken_up_again():
    before = State.here()
    tg.set_default_dtype("float64")
    with tg.no_grad(), np.errstate(all="raise"):
        inside = State.here()
    before.adopt()
    assert State.here() == before
    assert tg.is_grad_enabled()
    assert tg.get_default_dtype() == np.float32
    try:
        inside.adopt()
        assert not tg.is_grad_enabled()
        assert tg.get_default_dtype() == np.float64
        assert set(np.geterr().values()) == {"raise"}
    finally:
        before.adopt()


def test_surroundings_are_taken_up_but_for_the_number_of_threads(monkeypatch, tmp_path):
    for name in ("A", "B"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setattr(sys, "path", ["", "/somewhere", Path("/ignored")])
    monkeypatch.setattr(sys, "argv", ["program", "--option"])
    monkeypatch.chdir(tmp_path)
    there = Surroundings.here()
    monkeypatch.setenv("B", "later")
    monkeypatch.setenv("C", "later")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.chdir("/")
    there.adopt()
    assert (os.environ["A"], os.environ["B"], "C" in os.environ) == ("before", "before", False)
    assert {os.environ[name] for name in ONE_THREAD} == {"1"}
    assert sys.path == [str(tmp_path), "/somewhere"]
    assert sys.argv == ["program", "--option"]
    assert os.getcwd() == str(tmp_path)
