"""Laws about backward passes: what only some of the cotangents, or another call in between, can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import LAWS, GradcheckError, check_laws
from tinygrad_edu.testing.laws.example import Example, NotApplicable
from tinygrad_edu.testing.subject import Foreign, of_function

X = np.random.default_rng(0).normal(size=(4, 3))
OUTPUTS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "a number": (lambda x: (x**2).sum(), lambda g, x: 2 * x * g),
    "a number for each row": (lambda x: (x**2).sum(1), lambda g, x: 2 * x * g[:, None]),
    "an array": (lambda x: x**2, lambda g, x: 2 * x * g),
}
HABITS: dict[str, Callable[[np.ndarray], Any]] = {
    "clips at ±10": lambda g: np.clip(g, -10, 10),
    "clips at ±1e4": lambda g: np.clip(g, -1e4, 1e4),
    "clips the length": lambda g: g / max(1.0, float(np.linalg.norm(g)) / 100),
    "drops what is small": lambda g: np.where(np.abs(g) < 1e-3, 0.0, g),
    "drops what is large": lambda g: np.where(np.abs(g) > 1e5, 0.0, g),
    "takes the absolute value": np.abs,
    "adds a little": lambda g: g + 1e-12,
    "rounds": lambda g: np.round(g, 6),
    "supposes 1": np.ones_like,
}


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("habit", HABITS)
def test_what_is_not_linear_is_found_whatever_the_output(habit: str, outputs: str) -> None:
    (forward, rule), change = OUTPUTS[outputs], HABITS[habit]
    f = with_backward(lambda g, ctx, x: rule(tg.tensor(np.asarray(change(g.array))), x), forward)
    for seed in range(3):
        with pytest.raises(GradcheckError) as caught:
            check_laws(f, X, seed=seed, laws="linear_in_cotangent")
        assert "linear_in_cotangent" in caught.value.report.violated


def test_the_scale_is_said() -> None:
    f = with_backward(lambda g, ctx, x: tg.clamp(2 * g, -50.0, 50.0), lambda x: 2 * x)
    with pytest.raises(GradcheckError, match=r"for 2\*\*20 u, divided by as much"):
        check_laws(f, X, laws="linear_in_cotangent")


def test_a_gradient_that_overflows_only_if_scaled_is_linear() -> None:
    assert check_laws(lambda x: x * 1e304, X, cotangent=np.ones(X.shape), laws="linear_in_cotangent").ok


class Remembered(tg.Function):
    """Keeps what it needs where the next call overwrites it."""

    kept: ClassVar[Any] = None

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        Remembered.kept = x
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * g * Remembered.kept


def squares(kept: dict[str, Any]) -> Callable[[Any], Any]:
    class Square(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            kept["x"] = x
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g * kept["x"]

    return Square.apply


class Layer(nn.Module):
    """Scales, and then squares by whichever function it is given."""

    def __init__(self, square: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.scale = nn.Parameter(tg.ones(3) * 1.5)
        self.kept: dict[str, Any] = {}
        self.square = square

    def forward(self, x: Any) -> Any:
        return (self.square or squares(self.kept))(x * self.scale)


class TestForwardsDoNotInterfere:
    """Another call before the backward pass changes nothing; `test_checking` has the plain case."""

    def test_a_function_that_keeps_them_in_a_memory_of_one_shape(self) -> None:
        memory = np.empty(X.shape)

        def forward(x: Any) -> Any:
            if x.shape == memory.shape:
                np.exp(x.array, out=memory)
            return tg.exp(x)

        f = with_backward(
            lambda g, ctx, x: g * tg.tensor(memory if x.shape == memory.shape else np.exp(x.array)), forward
        )
        with pytest.raises(GradcheckError, match="before the backward pass"):
            check_laws(f, X, laws="forwards_do_not_interfere")

    def test_a_backward_pass_that_raises_after_another_call(self) -> None:
        kept: dict[Any, Any] = {}

        class Last(tg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                kept.clear()
                kept[ctx] = x
                return x * x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return 2 * g * kept[ctx]

        with pytest.raises(GradcheckError, match="before the backward pass, it raised KeyError"):
            check_laws(Last.apply, X, laws="forwards_do_not_interfere")

    def test_a_pair_of_functions_in_numpy(self) -> None:
        kept: dict[str, Any] = {}

        def forward(x: np.ndarray) -> np.ndarray:
            kept["x"] = x
            return x * x

        law = LAWS["forwards_do_not_interfere"].function
        for vjp, words in ((lambda g, x: 2 * g * kept["x"], "the gradient of 'x'"), (lambda g, x: 2 * g * x, None)):
            subject = Foreign("square", forward, vjp, of_function(forward, X).inputs)
            example = Example(subject, [X], [np.ones(X.shape)], subject.values([X]), np.random.default_rng(0))
            text = law(example)
            assert (text is None) if words is None else (words in str(text))

    def test_a_module_of_a_function_that_keeps_its_last_arguments(self) -> None:
        with pytest.raises(GradcheckError) as caught:
            check_laws(Layer(Remembered.apply), X)
        assert list(caught.value.report.violated) == ["forwards_do_not_interfere"]

    def test_a_module_that_keeps_its_own_last_input(self) -> None:
        report = check_laws(Layer(), X)
        assert "the module itself keeps what its backward pass needs" in report.skipped["forwards_do_not_interfere"]

    def test_a_module_that_cannot_be_copied(self) -> None:
        layer = Layer()
        layer.kept["generator"] = (i for i in range(3))
        assert "forwards_do_not_interfere" in check_laws(layer, X).skipped

    def test_a_function_of_these_arguments_only(self) -> None:
        def picky(x: Any) -> Any:
            assert np.array_equal(x.array, X)
            return x * 2

        subject = of_function(picky, X)
        example = Example(subject, [X], [np.ones(X.shape)], [2 * X], np.random.default_rng(0))
        with pytest.raises(NotApplicable, match="cannot be called with other arguments"):
            LAWS["forwards_do_not_interfere"].function(example)


class TestAdjointIdentity:
    """It is not believed at once that a derivative and a gradient differ."""

    @pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
    def test_a_wrong_factor_is_seen_through_rounding(self, offset: float) -> None:
        f = with_backward(lambda g, ctx, x: 2.002 * g, lambda x: 2 * x)
        with pytest.raises(GradcheckError, match="⟨Jv, u⟩ is"):
            check_laws(lambda x: (f(x) + offset) - offset, X, laws="adjoint_identity")

    def test_where_steps_disagree_nothing_is_said(self) -> None:
        # Waves much shorter than any step: nothing but the gradient knows its derivative.
        report = check_laws(lambda x: tg.sin(1e9 * x), X, laws=["adjoint_identity", "deterministic"])
        assert report.held == ["deterministic"]
