"""blame: the op whose rule is wrong, and the line that called it."""

from __future__ import annotations

import numpy as np
import pytest
from ops import test_registry as registry
from testing.provoked import planted

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.diagnosis.blame import blame, random_call
from tinygrad_edu.testing.modules import check_module
from tinygrad_edu.testing.subject import Foreign, Input, of_function

rng = np.random.default_rng(0)
X, W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
SMALL = np.array([0.5, -1.0, 2.0, 0.25])


def blamed(f, *inputs, **options):
    subject = of_function(f, inputs)
    return blame(subject, subject.arrays(), np.random.default_rng(1), **options)


def net(x, w, v):
    h = tg.tanh(x @ w)  # a line
    p = F.softmax(h @ v, -1)  # another line
    return tg.log(p + 1.0).sum(0)


def test_nothing_is_wrong():
    right = "every op's own rule is right by itself, and nothing was found to be lost between them"
    assert blamed(net, X, W, V) == right


OPS = [
    pytest.param(op, case, id=f"{name}-{i}")
    for name, op in registry.OPS.items()
    if op.differentiable
    for i, case in enumerate(registry.cases(op))
    if (wanted := registry.differentiable_arguments(op, case)) and all(case[k].size for k in wanted)
]


@pytest.mark.parametrize(("op", "case"), OPS)
def test_no_op_of_the_library_is_blamed(op, case):
    wanted = registry.differentiable_arguments(op, case)
    case = registry.symmetrized(op, case)
    subject = of_function(lambda *args: registry.OP_CALLS[op.name](*args), list(case), wanted)
    assert blame(subject, subject.arrays(), np.random.default_rng(2)).startswith("every op's own rule is right")


@pytest.mark.parametrize(
    ("name", "line", "layer"),
    [
        ("tanh", "h = tg.tanh(x @ w)  # a line", "(3, 5)"),
        ("softmax", "p = F.softmax(h @ v, -1)  # another line", "(3, 2)"),
    ],
)
def test_the_op_and_the_line(name, line, layer):
    with planted(name, lambda part, *_: 2 * part):
        text = blamed(net, X, W, V)
    first, second, third = text.split("\n")
    assert first.startswith(f"the rule of {name!r} for argument 0 ('x'), called at ")
    assert "test_blame.py:" in first
    assert first.endswith(line)
    assert second.startswith("  by itself it gives ")
    assert second.endswith(f" of {layer}")
    assert third == "  it is 2 times the numeric derivative"


def test_the_argument_that_is_wrong():
    with planted("matmul", lambda part, *_: -part, index=1):
        assert blamed(net, X, W, V).startswith("the rule of 'matmul' for argument 1 ('y'), called at ")


def test_the_first_op_of_several():
    with planted("tanh", lambda part, *_: -part), planted("softmax", lambda part, *_: -part):
        assert blamed(net, X, W, V).startswith("the rule of 'tanh'")


def test_a_wrong_gradient_of_a_function_of_the_user():
    class Bias(tg.Function):
        @staticmethod
        def forward(ctx, x, b):
            return x + b

        @staticmethod
        def backward(ctx, g):
            return g, g[0]

    text = blamed(lambda x, b: Bias.apply(x, b), X, X[0])
    assert text.startswith("the rule of 'Bias' for argument 1 ('b'), called at ")
    assert "of the 3 elements of the result that depend on b[" in text
    assert (
        "2 do not count, all but row 0: is a sum over repeated uses (broadcasting, a repeated index) missing?" in text
    )


def test_an_op_that_is_different_each_time():
    @tg.primitive(vjps=(lambda g, out, x: g,), name="noisy")
    def noisy(x):
        return x + np.random.default_rng().normal(size=x.shape)

    text = blamed(lambda x: noisy(x) * 2.0, SMALL)
    assert text.startswith("'noisy', called at ")
    assert text.endswith("\n  for the same inputs it gives something else each time: fix its seed")


def test_numbers_that_are_different_each_time():
    subject = of_function(lambda x: x * tg.randn(4, dtype=tg.float64), [SMALL])
    text = random_call(subject, subject.arrays())
    assert text.startswith("'mul', called at ")
    assert text.endswith("\n  for the same inputs it is given something else each time: fix a seed")
    assert random_call(of_function(tg.exp, [SMALL]), [SMALL]) == ""


def test_a_rule_has_to_give_a_slope_between_those_on_both_sides_of_a_kink():
    x = np.array([0.0, 1.0, -2.0])
    with planted("abs", lambda part, g, out, x: np.where(x == 0, 3 * g, part)):
        text = blamed(lambda x: abs(x), x)
    assert text.startswith("the rule of 'abs' for argument 0 ('x'), called at ")
    assert " at a kink, where the slopes are " in text
    assert blamed(lambda x: abs(x), x).startswith("every op's own rule is right")


def test_a_symmetric_matrix():
    a = X @ X.T + np.eye(3)
    text = blamed(lambda a: tg.linalg.cholesky(a), a)
    assert "one takes a symmetric matrix, of which it reads a triangle: check it at (a + a.T) / 2" in text
    assert "It is 'cholesky', called at " in text


def test_float32_on_the_way():
    text = blamed(lambda x: x.float() * 2, SMALL)
    assert text.startswith("'astype', called at ")
    assert text.endswith("\n  it computes in float32, in which differences say little about a derivative")


def test_very_many_calls():
    def deep(x):
        for _ in range(300):
            x = tg.sin(x) * 1.01
        return tg.tanh(x)

    assert "(8 of 601 calls)" not in blamed(lambda x: tg.exp(x), SMALL)
    assert "of 601 calls)" in blamed(deep, SMALL)
    with planted("tanh", lambda part, *_: 2 * part):
        assert blamed(deep, SMALL).startswith("the rule of 'tanh'")


def test_the_layer():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    with planted("tanh", lambda part, *_: 1.5 * part), pytest.raises(GradcheckError) as caught:
        check_module(model, X)
    first = caught.value.report.blame.split("\n")[0]
    assert first.startswith("the rule of 'tanh' for argument 0 ('x'), in layer '1' (Tanh), called at ")
    assert first.endswith(": check_module(model, X)")


def test_second_derivatives():
    with (
        planted("sin", lambda part, g, out, x: g * tg.cos(getattr(x, "array", x))),
        pytest.raises(GradcheckError) as caught,
    ):
        gradcheck(lambda x: tg.sin(x), SMALL, order=2)
    assert caught.value.report.blame.startswith("the gradient of x[")
    assert "is lost on the way to argument 1 ('y') of 'mul'" in caught.value.report.blame


def test_there_is_no_graph_to_look_at():
    foreign = Foreign("f", lambda x: x, lambda g, x: g, [Input("x", SMALL, True)])
    assert blame(foreign, [SMALL], np.random.default_rng(0)) == ""
    assert random_call(foreign, [SMALL]) == ""
    assert blamed(lambda x: 2.0, SMALL) == ""


def test_rules_that_do_not_add_up_at_a_tie():
    with planted("maximum", lambda part, g, *_: g), planted("maximum", lambda part, g, *_: g, index=1):
        text = blamed(lambda x: tg.maximum(x, x * 1.0), SMALL)
    first, second = text.split("\n")
    assert first.startswith("the rules of 'maximum', called at ")
    assert second.startswith("  they do not add up at a tie: when x[0] moves they give ")
    assert blamed(lambda x: tg.maximum(x, x * 1.0), SMALL).startswith("every op's own rule is right")
