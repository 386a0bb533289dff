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


def test_a_module_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(BenchError) as caught:
        needed("no_such_library.part", "A plot")
    install = 'pip install no_such_library (in a checkout: pip install ".[bench]")'
    assert str(caught.value) == f"A plot needs no_such_library, which is not installed. Run: {install}"
    assert isinstance(caught.value.__cause__, ImportError)


def test_other_extras_can_be_named() -> None:
    with pytest.raises(BenchError, match=r'"\.\[bench,mnist\]"'):
        needed("no_such_library", "The data 'mnist'", "bench,mnist")
