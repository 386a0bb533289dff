"""randomness: random numbers that only the gradients show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import GradcheckError, check_laws, check_module, gradcheck, gradient_property
from tinygrad_edu.testing.randomness import other_gradients
from tinygrad_edu.testing.subject import of_function

ZEROS = np.zeros((8, 8))
SAID = ": called again with the same inputs it gave other gradients: it draws random numbers"


def mask(shape: tuple[int, ...]) -> Any:
    return tg.tensor(2.0 * (np.random.default_rng().uniform(size=shape) > 0.5))


def masked(x: Any) -> Any:
    return tg.tanh(x) * mask(x.shape)


class Drop(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * tg.tensor(2.0 * (np.random.uniform(size=x.shape) > 0.5))  # noqa: NPY002


class Kept(tg.Function):
    """The numbers are drawn in forward, and read in backward."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mask = mask(x.shape)
        return x * ctx.mask

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.mask


class KeptInModule(nn.Module):
    def forward(self, x: Any) -> Any:
        layer = self

        class Masked(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                layer.mask = mask(x.shape)
                return x * layer.mask

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * layer.mask

        return Masked.apply(x)


@pytest.mark.parametrize(
    ("check", "op", "end"),
    [
        (lambda: gradcheck(masked, ZEROS), "'mul'", "for the same inputs it is given something else each time"),
        (lambda: gradcheck(masked, np.zeros(2000)), "'mul'", "it is given something else each time"),
        (lambda: gradcheck(Kept.apply, ZEROS), "'Kept'", "for the same inputs its rules give something else"),
        (lambda: check_module(nn.Sequential(nn.Tanh(), Drop()), ZEROS), "in layer '1' (Drop)", "given something else"),
        (lambda: check_module(nn.Sequential(KeptInModule()), ZEROS), "in layer '0' (KeptInModule)", "its rules give"),
    ],
    ids=["mask", "many numbers", "in a Function", "module", "in a module's Function"],
)
def test_numbers_that_are_drawn_without_a_seed_are_no_wrong_gradient(
    check: Callable[[], Any], op: str, end: str
) -> None:
    with pytest.raises(GradcheckError) as caught:
        check()
    text = str(caught.value)
    assert SAID in text.splitlines()[0]
    assert "the gradient is wrong" not in text
    assert "elements are wrong" not in text
    first, second = caught.value.report.blame.split("\n")
    assert op in first
    assert end in second


def test_in_a_property() -> None:
    with pytest.raises(GradcheckError, match="it gave other gradients: it draws random numbers"):
        gradient_property(given=st.just(ZEROS), profile="ci", laws=())(masked)()


def test_of_few_numbers_two_runs_may_be_the_same() -> None:
    drawn = iter([2.0, 2.0, 2.0, *np.tile([0.0, 2.0, 2.0], 1000)])

    def f(x: Any) -> Any:
        return x * next(drawn) if x.requires_grad else x * 1.0

    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, np.asarray(0.0))
    assert SAID in str(caught.value).splitlines()[0]
    assert "elements are wrong" not in str(caught.value)


def test_in_a_law() -> None:
    with pytest.raises(GradcheckError) as caught:
        check_laws(masked, ZEROS, laws=["deterministic"])
    assert ", when it is called again: does it draw random numbers?" in caught.value.report.violated["deterministic"]


def test_a_rule_that_draws_is_wrong() -> None:
    class Draws(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * mask(g.shape)

    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: Draws.apply(x), ZEROS)
    assert caught.value.report.verdict == "wrong"
    assert caught.value.report.blame.startswith("the rule of 'Draws'")


def test_a_rule_that_is_wrong_every_other_time_is_wrong() -> None:
    factors = iter(np.tile([1.0, 1.5], 10_000))

    class Alternates(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3 * next(factors)

    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: Alternates.apply(x), np.ones(3))
    assert caught.value.report.verdict == "wrong"


@pytest.mark.parametrize(("off", "differs"), [(0.0, False), (1e-16, False), (1e-10, True)])
def test_what_rounding_leaves_of_no_gradient_is_no_other_gradient(off: float, differs: bool) -> None:
    subject = of_function(lambda x: tg.softmax(x, 0), np.array([1.0, 2.0, 3.0]))
    arrays, ones = subject.arrays(), [np.ones(3)]
    gradients = [subject.gradients(arrays, ones)[0] + off]
    assert np.abs(gradients[0]).max() < 1e-9
    text = other_gradients(subject, arrays, subject.values(arrays), ones, gradients, lambda: gradients)
    assert bool(text) is differs


def test_gradients_that_are_not_finite_and_those_that_are_none() -> None:
    subject = of_function(lambda x, w: tg.sqrt(x), (np.zeros(3), np.ones(2)))
    arrays, ones = subject.arrays(), [np.ones(3)]
    with np.errstate(all="ignore"):
        values, gradients = subject.values(arrays), subject.gradients(arrays, ones)
        assert np.isinf(gradients[0]).all()  # type: ignore[arg-type]
        assert gradients[1] is None
        assert not other_gradients(subject, arrays, values, ones, gradients, lambda: gradients)
        filled = [gradients[0], np.zeros(2)]
        assert other_gradients(subject, arrays, values, ones, filled, lambda: filled)
