"""What says that a library is missing."""

from __future__ import annotations

import math

import pytest

from tinygrad_edu import TinygradError
from tinygrad_edu.bench.errors import BenchError, needed


def test_it_is_caught_as_a_value_error_and_as_one_of_ours() -> None:
    assert issubclass(BenchError, ValueError)
    assert issubclass(BenchError, TinygradError)


def test_a_module_that_is_there_is_the_module() -> None:
    assert needed("math", "a root") is math


def test_a_module_that_is_missing_names_the_extra() -> None:
    with pytest.raises(BenchError) as caught:
        needed("no_such_library.part", "A plot")
    said = str(caught.value)
    assert said.startswith("A plot needs no_such_library, which this Python does not have")
    assert 'pip install "tinygrad-edu[bench]"' in said
    assert 'pip install ".[bench]"' in said
    assert isinstance(caught.value.__cause__, ImportError)


def test_other_extras_can_be_named() -> None:
    with pytest.raises(BenchError, match=r'"tinygrad-edu\[bench,mnist\]"'):
        needed("no_such_library", "The data 'mnist'", "bench,mnist")
