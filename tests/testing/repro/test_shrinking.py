"""shrink: smaller inputs that fail as well."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.testing.checks import check_again
from tinygrad_edu.testing.options import Options
from tinygrad_edu.testing.repro import shrinking as shrink
from tinygrad_edu.testing.repro.shrinking import smaller
from tinygrad_edu.testing.subject import of_function

pytestmark = pytest.mark.usefixtures("patient")

rng = np.random.default_rng(0)


def check(subject):
    return check_again(subject, Options())


def shrunk(f, inputs, own=0, numbers=60):
    subject = of_function(f, inputs)
    return smaller(subject, check(subject), check, own, numbers)


def test_axes_of_one_size_are_cut_together():
    x, w, b = rng.normal(size=(50, 7)), rng.normal(size=(7, 12)), rng.normal(size=(12,))
    found = shrunk(lambda x, w, b: (x @ w + b) * (x @ w).detach(), (x, w, b))
    assert [given.value.shape for given in found.inputs] == [(1, 1), (1, 1), (1,)]
    assert any(f.wrong.any() for f in check(found).findings)


def test_the_wrong_element_is_kept():
    x = rng.normal(size=200)
    x[77] = 9.0
    found = shrunk(lambda x: x * x + (x - x.detach()) * (x.array > 5), (x,))
    np.testing.assert_array_equal(found.inputs[0].value, [9.0])


def test_only_what_fails_is_taken():
    x = rng.normal(size=(100,))
    found = shrunk(lambda x: x * x.detach() if len(x) > 2 else x * x, (x,))
    assert found.inputs[0].value.shape == (3,)
    assert shrunk(lambda x: x * x.detach() if len(x) > 4 else x * x, (x,)) is None


def test_a_function_that_fails_on_smaller_inputs():
    x = rng.normal(size=(100,))
    assert shrunk(lambda x: x.reshape(10, 10) * x.reshape(10, 10).detach(), (x,)) is None


def test_parameters_are_not_cut():
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(80, 3))
    found = shrunk(lambda w, x: (x @ w) * (x @ w).detach(), (w, x), own=1)
    assert [given.value.shape for given in found.inputs] == [(3, 2), (1, 3)]


def test_it_gives_up_where_nothing_is_wrong_or_it_would_take_long(monkeypatch):
    x = rng.normal(size=(100,))
    assert shrunk(lambda x: x * x, (x,)) is None
    for limit in ("_SECONDS", "_SLOW"):
        with monkeypatch.context() as patch:
            patch.setattr(shrink, limit, 0.0)
            assert shrunk(lambda x: x * x.detach(), (x,)) is None
    assert shrunk(lambda x: x * x.detach(), (x,)) is not None
