"""explanation: what a failing report says of the cause."""

from __future__ import annotations

import re

import numpy as np
import pytest
from testing.provoked import failed, planted

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import PRIMITIVES
from tinygrad_edu.testing import gradcheck_vjp
from tinygrad_edu.testing.diagnosis import explanation as diagnosis

pytestmark = pytest.mark.usefixtures("patient")

SMALL = np.array([0.5, -1.0, 2.0, 0.25])


def wrong(x):
    return tg.exp(x) * tg.exp(x).detach()


def test_all_of_it_is_told():
    text = str(failed(wrong, SMALL))
    assert "\n  hint: it is 1/2 of the numeric derivative" in text
    assert "\nblame: the gradient of x[" in text
    assert "\nto reproduce:\n    " in text


def test_a_hint_is_not_repeated(monkeypatch):
    monkeypatch.setattr(PRIMITIVES["exp"], "vjps", (lambda g, out, x: 2 * g * out,))
    found = failed(lambda x: tg.exp(x), SMALL)
    assert found.findings[0].hint == "it is 2 times the numeric derivative"
    assert "times" not in found.blame


def test_what_goes_wrong_in_the_search_does_not_hide_the_failure(monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("oh no")

    for name in ("blame", "hint", "source"):
        monkeypatch.setattr(diagnosis, name, fails)
        text = str(failed(wrong, SMALL))
        assert text.startswith("wrong: the gradient is wrong")
        assert "(not found: RuntimeError: oh no)" in text
        assert "does not run" not in text


def test_no_hint_where_only_the_gradient_at_a_kink_is_wrong():
    with planted("abs", lambda part, g, out, x: np.where(x == 0, 3 * g, part)):
        found = failed(lambda x: abs(x), np.array([0.0, 1.0, -2.0]))
    assert found.findings[0].hint == ""
    assert "at a kink, where the slopes are " in found.blame


def test_a_backward_in_numpy_has_hints():
    vjp = lambda g, x, b: (g, g[0])
    check = lambda f, inputs: gradcheck_vjp(f, vjp, inputs)
    found = failed(lambda x, b: x + b, (np.ones((4, 3)), np.ones(3)), check)
    assert re.search(
        r"of the 4 elements of the result that depend on b\[\d\], 3 do not count, all but row 0", str(found)
    )
    assert found.blame == ""


def test_uses_of_an_input(monkeypatch):
    from tinygrad_edu.engine import backprop

    monkeypatch.setattr(backprop, "_add", lambda held, part, owned, plain: (part, False))
    found = failed(lambda x: tg.sin(x) + tg.sin(x) + tg.sin(x), SMALL)
    assert found.findings[0].hint == ("it is 1/3 of the numeric derivative: it is used 3 times, but counted once?")
    assert found.blame.endswith("the sum over the 3 uses of input 'x'")


def test_a_program_that_does_not_run_is_remarked_on(monkeypatch):
    monkeypatch.setattr(diagnosis, "source", lambda *args: "undefined_name\n")
    assert failed(wrong, SMALL).repro.startswith(
        "# this does not run by itself: NameError: name 'undefined_name' is not"
    )
    monkeypatch.setattr(diagnosis, "source", lambda *args: "1 + 1\n")
    assert failed(wrong, SMALL).repro.startswith("# this finds nothing wrong: ")
    monkeypatch.setattr(diagnosis, "_QUICK", 0.0)  # one that would take long is not tried
    assert failed(wrong, SMALL).repro == "1 + 1\n"


def test_the_registry_is_as_before(monkeypatch):
    before = dict(PRIMITIVES)
    program = "import tinygrad_edu as tg\n@tg.primitive(vjps=(None,))\ndef of_a_program(x):\n    return x\nassert False"
    monkeypatch.setattr(diagnosis, "source", lambda *args: program)
    assert failed(wrong, SMALL).repro == program
    assert before == PRIMITIVES


def test_nothing_is_explained_twice(monkeypatch):
    called = []
    explain = diagnosis.explain
    monkeypatch.setattr(diagnosis, "blame", lambda *args, **kwargs: called.append(1) or "it")
    assert failed(wrong, SMALL).blame == "it"
    assert called == [1]
    assert diagnosis.explain is explain


def test_random_numbers_are_blamed_though_nothing_can_be_compared():
    found = failed(lambda x: x * tg.randn(4, dtype=tg.float64), SMALL)
    assert not any(f.wrong.any() for f in found.findings)
    assert found.blame.startswith("'mul', called at ")
    assert found.blame.endswith("for the same inputs it is given something else each time: fix a seed")
