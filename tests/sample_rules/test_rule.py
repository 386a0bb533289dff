"""Sample rules: what is so of every one of them, and what becomes of ops that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made import normal, parameter
from per_sample import Centred, check_open_sum

import tinygrad_edu as tg
from tinygrad_edu.sample_rules.ids import Use
from tinygrad_edu.sample_rules.rule import value_of

X, W, BIAS = tg.tensor(normal(5, 3)), parameter(3, 2, seed=1), parameter(2, seed=2)

# A rule that says no more than it must


class Least(tg.sample_rules.SampleRule):
    def ids_of(self, node: Any, ids: Any) -> Any:
        return [ids, Use.SHARED]


@tg.primitive(
    vjps=(lambda g, out, x, scale: g * scale, lambda g, out, x, scale: g * x),
    saves=("scale", "x"),
    name="scaled_by_least",
    samples=Least(),
)
def scaled(x: Any, scale: Any) -> Any:
    return x * scale


def test_who_owns_what_is_all_that_a_rule_must_say() -> None:
    scale = parameter(2, seed=3)
    check_open_sum(lambda: scaled(X @ W, scale).tanh().sum(1), [W, scale])
    for leaf in (W, scale):
        assert leaf.sample_grads.cost().seeded == ""


def test_of_what_a_rule_does_not_say_the_careful_is_taken() -> None:
    rule, node = Least(), scaled(X @ W, BIAS).source
    ids = np.arange(5)[:, None]
    assert rule.exactly(node, ids) == rule.ids_of(node, ids)
    assert rule.mixing
    assert rule.makes is tg.sample_rules.Makes.NUMBERS
    assert not rule.permutes(node)
    assert rule.reorders(node) is None
    assert not rule.looks_up(node)
    assert rule.contribution(node, 1, ids, X, ()) is None
    with pytest.raises(NotImplementedError):
        tg.sample_rules.SampleRule().ids_of(node, ids)


def test_an_op_keeps_the_line_that_called_it_unless_its_rule_says_that_no_samples_meet_there() -> None:
    code, _ = scaled(X @ W, BIAS).source.where
    assert code.co_filename == __file__
    assert not hasattr(ruled_cube(W).source, "where")


def test_an_argument_of_a_call_is_found_by_its_name() -> None:
    y = parameter(2, 3)
    for result, axis in ((y.softmax(0), 0), (y.softmax(dim=1), 1)):
        assert value_of(result.source, "axis") == axis


# Ops of the user, with and without a rule


@tg.primitive(vjps=(lambda g, out, x: g * (3 * x * x),), saves=("x",), name="unruled_cube")
def unruled_cube(x: Any) -> Any:
    return x**3


@tg.primitive(
    vjps=(lambda g, out, x: g * (3 * x * x),),
    saves=("x",),
    name="ruled_cube",
    samples=tg.sample_rules.elementwise,
)
def ruled_cube(x: Any) -> Any:
    return x**3


class Cube(tg.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Powers(tg.Function):
    """Two results; an op of which nothing is known may use all samples for each."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        return x * y, x * x * y

    @staticmethod
    def backward(ctx: Any, first: Any, second: Any) -> Any:
        x, y = ctx.saved_tensors
        return first * y + second * 2 * x * y, first * x + second * x * x


UNRULED: dict[str, Callable[[Any], Any]] = {
    "primitive": lambda cube: cube(X @ W + BIAS).sum(1),
    "at the losses": lambda cube: cube((X @ W + BIAS).sum(1)),
    "with a way around": lambda cube: (X @ W + cube(X @ W + BIAS)).sum(1),
    "between layers": lambda cube: (cube(X @ W + BIAS) @ W.T).tanh().sum(1),
    "of a parameter": lambda cube: ((X @ cube(W)) * BIAS).sum(1),
    "of a parameter itself": lambda cube: X[:, 0] * cube(BIAS).sum() + X[:, 1] * BIAS[0],
    "twice": lambda cube: cube(cube(X @ W * 0.3 + BIAS)).sum(1),
}


@pytest.mark.parametrize("use", UNRULED.values(), ids=UNRULED.keys())
@pytest.mark.parametrize("cube", [unruled_cube, ruled_cube, Cube.apply], ids=["unruled", "ruled", "Function"])
def test_an_op_of_the_user_is_exact_with_and_without_a_rule(cube: Any, use: Callable[[Any], Any]) -> None:
    check_open_sum(lambda: use(cube), [W, BIAS])


@pytest.mark.parametrize("index", [0, 1, None])
def test_a_function_of_several_results_is_exact(index: int | None) -> None:
    def losses() -> Any:
        first, second = Powers.apply(X @ W, BIAS)
        return (first.sin() + second if index is None else (first, second)[index]).sum(1)

    check_open_sum(losses, [W, BIAS])


def test_cost_says_which_op_has_no_rule() -> None:
    for cube, name in ((unruled_cube, "unruled_cube"), (Cube.apply, "Cube")):
        W.grad = None
        cube(X @ W).sum(1).backward(per_sample=True)
        cost = W.sample_grads.cost()
        assert f"{name!r} has no sample rule: a backward pass for each sample below it" in cost.seeded
        assert cost.route == "blocks"
        assert cost.seeded in str(cost)
    W.grad = None
    ruled_cube(X @ W).sum(1).backward(per_sample=True)
    assert W.sample_grads.cost().seeded == ""
    assert W.sample_grads.cost().route == "factors"
    W.grad = None


def test_an_op_without_a_rule_couples_nothing_that_it_is_not_known_to_couple() -> None:
    """Nothing is known of it: its samples may or may not meet, and every derivative is exact either way."""
    check_open_sum(lambda: ((Centred.apply(X @ W) + BIAS) ** 3).sum(1), [W, BIAS])
