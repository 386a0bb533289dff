"""Wrong habits of gradients that are written by hand, each beside the right one: functions of numbers, and of arrays.

Those of layers and matrices are in `habits_of_layers.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from testing.handwritten import Case, Draw, Habit, draws

__all__ = ["HABITS", "Case", "given", "habit", "rowwise", "stateful"]

HABITS: dict[str, Habit] = {}
"""By name: a file that is imported under two names adds nothing."""


def habit(name: str, right: Case, wrong: Callable[..., Any]) -> None:
    """One that has no memory."""
    HABITS[f"{right.name}: {name}"] = Habit(f"{right.name}: {name}", right, lambda: (right.forward, wrong))


def stateful(name: str, right: Case, plant: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]) -> None:
    """One that remembers earlier calls."""
    HABITS[f"{right.name}: {name}"] = Habit(f"{right.name}: {name}", right, plant)


def given(*shapes: Any, **options: Any) -> Callable[[], Any]:
    """Tensors for a property: each of a shape, or with a strategy for it."""

    def make() -> Any:
        from hypothesis import strategies as st

        from tinygrad_edu.testing.strategies import tensors

        return st.tuples(*[tensors(shape, **options) for shape in shapes])

    return make


def unary(
    name: str,
    f: Callable[[Any], Any],
    slope: Callable[[Any], Any],
    low: float = -2.0,
    high: float = 2.0,
    domain: str | None = None,
) -> Case:
    """A function of each number by itself, with its slope."""
    shape, options = (3, 4), {} if domain is None else {"domain": domain}
    return Case(name, f, lambda g, x: g * slope(x), draws(shape, low=low, high=high), given=given(shape, **options))


def slopes(case: Case, **wrong: Callable[[Any], Any]) -> None:
    """Slopes that are wrong, by what is wrong with them, with underscores for spaces."""
    for name, slope in wrong.items():
        habit(name.replace("_", " "), case, lambda g, x, slope=slope: g * slope(x))


# What is done to any rule -------------------------------------------------------------------------------------------

square = unary("x²", lambda x: x * x, lambda x: 2 * x)
slopes(
    square,
    factor_forgotten=lambda x: x,
    sign=lambda x: -2 * x,
    off_by_a_millionth=lambda x: 2 * x * (1 + 1e-6),
    only_the_size_of_x=lambda x: 2 * np.abs(x),
    a_constant_added=lambda x: 2 * x + 1e-3,
    the_value_itself=lambda x: x * x,
    the_second_derivative=lambda x: 2 * np.ones_like(x),
    in_float16=lambda x: (2 * x).astype(np.float16).astype(float),
    rounded_to_4_decimals=lambda x: np.round(2 * x, 4),
    wrong_for_negative_x=lambda x: np.where(x < 0, -2 * x, 2 * x),
    wrong_beyond_1=lambda x: np.where(np.abs(x) > 1, 2.0 * np.sign(x), 2 * x),
    one_for_all=lambda x: 2 * x.mean() * np.ones_like(x),
    by_a_difference_with_a_large_step=lambda x: ((x + 1e-3) ** 2 - x**2) / 1e-3,
    by_a_difference_with_step_1e_6=lambda x: ((x + 1e-6) ** 2 - x**2) / 1e-6,
)
habit("g ignored", square, lambda g, x: 2 * x)
habit("g added", square, lambda g, x: 2 * x + g)
habit("|g|", square, lambda g, x: 2 * x * np.abs(g))
habit("g squared", square, lambda g, x: 2 * x * g * g)
habit("the sign of g", square, lambda g, x: 2 * x * np.sign(g))
habit("g summed first", square, lambda g, x: 2 * x * g.sum())
habit("the mean of g", square, lambda g, x: 2 * x * g.mean())
habit("g of the first row", square, lambda g, x: 2 * x * g[:1])
habit("g in reverse order", square, lambda g, x: 2 * x * g[::-1])
habit("negative g dropped", square, lambda g, x: 2 * x * np.maximum(g, 0))
habit("clipped at ±1", square, lambda g, x: np.clip(2 * x * g, -1, 1))
habit("clipped by norm", square, lambda g, x: 2 * x * g * min(1.0, 1 / np.linalg.norm(2 * x * g)))
habit("g divided by the batch", square, lambda g, x: 2 * x * g / len(x))
habit("small gradients dropped", square, lambda g, x: np.where(np.abs(2 * x * g) < 0.1, 0.0, 2 * x * g))
habit("the last row forgotten", square, lambda g, x: np.concatenate([2 * x[:-1] * g[:-1], 0 * x[-1:]]))
habit("one element wrong", square, lambda g, x: 2 * x * g + 0.1 * (np.arange(x.size).reshape(x.shape) == 5))
habit("x is overwritten", square, lambda g, x: np.multiply(x, 2 * g, out=x))
habit("flat", square, lambda g, x: (2 * x * g).reshape(-1))
habit("summed", square, lambda g, x: (2 * x * g).sum())
habit("None", square, lambda g, x: None)
habit("zeros", square, lambda g, x: np.zeros_like(x))
habit(
    "as if x were C-contiguous",
    square,
    lambda g, x: 2 * g * np.frombuffer(x.base if x.base is not None else x)[: x.size].reshape(x.shape),
)
habit("wrong if x is not contiguous", square, lambda g, x: 2 * x * g * (1.0 if x.flags.c_contiguous else 2.0))
habit("wrong if g is not contiguous", square, lambda g, x: 2 * x * g * (1.0 if g.flags.c_contiguous else 2.0))

steep = unary("30 x", lambda x: 30 * x, lambda x: 30.0)
habit("clipped at ±10", steep, lambda g, x: np.clip(30 * g, -10, 10))
small = unary("x / 4096", lambda x: x / 4096, lambda x: 1 / 4096)
habit("less than 1e-3 dropped", small, lambda g, x: np.where(np.abs(g / 4096) < 1e-3, 0.0, g / 4096))

# Memory of earlier calls --------------------------------------------------------------------------------------------


def _cached() -> Any:
    kept: list[Any] = []

    def forward(x: Any) -> Any:
        kept[:] = [x.copy()]
        return x * x

    return forward, lambda g, x: 2 * kept[0] * g


def _cached_once() -> Any:
    kept: list[Any] = []

    def backward(g: Any, x: Any) -> Any:
        kept[:] = kept or [2 * x]
        return kept[0] * g

    return square.forward, backward


def _adding_up() -> Any:
    total: list[Any] = [0.0]

    def backward(g: Any, x: Any) -> Any:
        total[0] = total[0] + 2 * x * g
        return total[0] * 1.0

    return square.forward, backward


def _counting(wrong: Callable[[int], bool]) -> Callable[[], Any]:
    def plant() -> Any:
        calls = [0]

        def backward(g: Any, x: Any) -> Any:
            calls[0] += 1
            return 2 * x * g * (3.0 if wrong(calls[0]) else 1.0)

        return square.forward, backward

    return plant


def _one_buffer() -> Any:
    room: dict[Any, Any] = {}

    def backward(g: Any, x: Any) -> Any:
        out = room.setdefault(x.shape, np.empty(x.shape))
        return np.multiply(2 * x, g, out=out)

    return square.forward, backward


def _random() -> Any:
    rng = np.random.default_rng(0)
    return square.forward, lambda g, x: 2 * x * g * (rng.uniform(size=x.shape) < 0.9)


stateful("the x of the last forward pass", square, _cached)
stateful("the x of the first backward pass", square, _cached_once)
stateful("adds up over calls", square, _adding_up)
stateful("right only at the first call", square, _counting(lambda k: k > 1))
stateful("right from the second call on", square, _counting(lambda k: k == 1))
stateful("right only every third call", square, _counting(lambda k: k % 3 != 1))
stateful("wrong every third call", square, _counting(lambda k: k % 3 == 0))
stateful("one buffer for all results", square, _one_buffer)
stateful("some dropped by chance", square, _random)

# Where it is looked at ----------------------------------------------------------------------------------------------

far = unary("sin", np.sin, np.cos)
slopes(
    far,
    wrong_beyond_3=lambda x: np.where(np.abs(x) > 3, 0.0, np.cos(x)),
    wrong_beyond_1000=lambda x: np.where(np.abs(x) > 1e3, 1.0, np.cos(x)),
    wrong_below_a_thousandth=lambda x: np.where((np.abs(x) < 1e-3) & (x != 0), 0.0, np.cos(x)),
    wrong_at_0=lambda x: np.where(x == 0, 0.0, np.cos(x)),
    by_its_series=lambda x: sum([(-1) ** n * x ** (2 * n) / math.factorial(2 * n) for n in range(6)]),
)


def _batches() -> Any:
    from hypothesis import strategies as st

    from tinygrad_edu.testing.strategies import tensors

    return tensors(st.tuples(st.integers(1, 8), st.just(2)))


batched = Case("a batch of x²", lambda x: x * x, lambda g, x: 2 * x * g, draws((5, 2)), given=_batches)
habit("right only for a batch of 1", batched, lambda g, x: 2 * x * g if len(x) == 1 else 2 * x * g / len(x))
habit("wrong for a batch of 1", batched, lambda g, x: 2 * x * g if len(x) > 1 else 2 * x)
habit(
    "wrong for more than 4",
    batched,
    lambda g, x: 2 * x * g if len(x) <= 4 else 2 * x * np.where(np.arange(len(x)) < 4, 1.0, 0.0)[:, None] * g,
)
habit("the gradient of the mean", batched, lambda g, x: 2 * x * g / len(x))
large = Case("tanh of 256×256", np.tanh, lambda g, x: g / np.cosh(x) ** 2, draws((256, 256)))


def _one_wrong(g: Any, x: Any) -> Any:
    out = g / np.cosh(x) ** 2
    out[101, 17] *= 1.1
    return out


habit("one element wrong by a tenth", large, _one_wrong)

# Functions of numbers -----------------------------------------------------------------------------------------------

relu = unary("relu", lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0)
slopes(relu, seven_at_0=lambda x: np.where(x == 0, 7.0, x > 0), always_1=np.ones_like, above_1=lambda x: (x > 1) * 1.0)
habit("the mask of g", relu, lambda g, x: g * (g > 0))
habit("x in place of the mask", relu, lambda g, x: g * np.maximum(x, 0))
kinked = Case(
    relu.name + " at 0", relu.forward, relu.vjp, lambda rng: (rng.integers(-1, 2, (3, 4)) * 1.0,), given=relu.given
)
habit("7 at 0", kinked, lambda g, x: g * np.where(x == 0, 7.0, x > 0))
absolute = unary("|x|", np.abs, np.sign)
slopes(absolute, always_1=np.ones_like, never_negative=lambda x: (x > 0) * 1.0, x_itself=lambda x: x)
leaky = unary("leaky relu", lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01))
slopes(
    leaky,
    plain_relu=lambda x: (x > 0) * 1.0,
    a_tenth=lambda x: np.where(x > 0, 1.0, 0.1),
    slope_negated=lambda x: np.where(x > 0, 1.0, -0.01),
)
hard = unary("hard sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), lambda x: (np.abs(x) < 3) / 6)
slopes(
    hard,
    a_sixth_in_float32=lambda x: (np.abs(x) < 3) * float(np.float32(1 / 6)),
    a_fifth=lambda x: (np.abs(x) < 2.5) / 5,
)
clip = unary("clip at ±1", lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1) * 1.0)
slopes(
    clip,
    straight_through=np.ones_like,
    one_side_only=lambda x: (x < 1) * 1.0,
    other_limits=lambda x: (np.abs(x) < 1.5) * 1.0,
)


def _sigmoid(x: Any) -> Any:
    return 0.5 * (1 + np.tanh(x / 2))


def _bell(x: Any) -> Any:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


_erf = np.vectorize(math.erf, otypes=[float])


def _phi(x: Any) -> Any:
    return 0.5 * (1 + _erf(x / math.sqrt(2)))


sigmoid = unary("sigmoid", _sigmoid, lambda x: 0.25 / np.cosh(np.clip(x, -700, 700) / 2) ** 2)
slopes(
    sigmoid,
    x_in_place_of_y=lambda x: x * (1 - x),
    one_plus_y=lambda x: _sigmoid(x) * (1 + _sigmoid(x)),
    y_only=_sigmoid,
    not_finite_far_out=lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
)
tanh = unary("tanh", np.tanh, lambda x: np.cosh(np.clip(x, -300, 300)) ** -2)
slopes(
    tanh,
    x_in_place_of_y=lambda x: 1 - x * x,
    one_minus_y=lambda x: 1 - np.tanh(x),
    one_plus_y2=lambda x: 1 + np.tanh(x) ** 2,
)
exp = unary("exp", np.exp, np.exp)
slopes(exp, as_a_power=lambda x: x * np.exp(x - 1), clipped=lambda x: np.exp(np.minimum(x, 1.0)))
log = unary("log", np.log, lambda x: 1 / x, 0.2, 3.0, "positive")
slopes(
    log,
    kept_from_0_by_1e_3=lambda x: 1 / (x + 1e-3),
    kept_from_0_by_1e_7=lambda x: 1 / (x + 1e-7),
    base_10=lambda x: 1 / (x * math.log(10)),
)
sqrt = unary("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x), 0.2, 3.0, "positive")
slopes(sqrt, half_forgotten=lambda x: 1 / np.sqrt(x), kept_from_0=lambda x: 0.5 / (np.sqrt(x) + 1e-6))
power = unary("x³", lambda x: x**3, lambda x: 3 * x**2)
slopes(
    power,
    exponent_not_lowered=lambda x: 3 * x**3,
    lowered_twice=lambda x: 3 * x,
    no_factor=lambda x: x**2,
    as_exp_log=lambda x: 3 * np.exp(2 * np.log(x)),
)
sine = unary("sin(2x)", lambda x: np.sin(2 * x), lambda x: 2 * np.cos(2 * x))
slopes(
    sine,
    chain_rule_forgotten=lambda x: np.cos(2 * x),
    inner_argument=lambda x: 2 * np.cos(x),
    sign_of_the_cosine=lambda x: -2 * np.cos(2 * x),
)
silu = unary("x sigmoid(x)", lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))))
slopes(silu, product_rule_forgotten=_sigmoid, the_other_half=lambda x: x * _sigmoid(x) * (1 - _sigmoid(x)))
_SLOPE_OF_INNER = lambda x: 0.7978845608028654 * (1 + 3 * 0.044715 * x**2)
_INNER = lambda x: 0.7978845608028654 * (x + 0.044715 * x**3)
gelu_tanh = unary(
    "gelu by tanh",
    lambda x: 0.5 * x * (1 + np.tanh(_INNER(x))),
    lambda x: 0.5 * (1 + np.tanh(_INNER(x))) + 0.5 * x * (1 - np.tanh(_INNER(x)) ** 2) * _SLOPE_OF_INNER(x),
)
slopes(
    gelu_tanh,
    that_of_the_exact_one=lambda x: _phi(x) + x * _bell(x),
    inner_slope_1=lambda x: 0.5 * (1 + np.tanh(_INNER(x))) + 0.5 * x * (1 - np.tanh(_INNER(x)) ** 2),
)
gelu = unary("gelu", lambda x: x * _phi(x), lambda x: _phi(x) + x * _bell(x))
slopes(
    gelu,
    that_of_the_one_by_tanh=lambda x: (
        0.5 * (1 + np.tanh(_INNER(x))) + 0.5 * x * (1 - np.tanh(_INNER(x)) ** 2) * _SLOPE_OF_INNER(x)
    ),
    that_of_x_sigmoid=lambda x: _sigmoid(1.702 * x) * (1 + 1.702 * x * (1 - _sigmoid(1.702 * x))),
    only_phi=_phi,
)
softplus = unary("softplus with beta 3", lambda x: np.logaddexp(0, 3 * x) / 3, lambda x: _sigmoid(3 * x))
slopes(
    softplus, beta_forgotten=_sigmoid, times_beta=lambda x: 3 * _sigmoid(3 * x), over_beta=lambda x: _sigmoid(3 * x) / 3
)
elu = unary(
    "elu with alpha ½",
    lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0))),
    lambda x: np.where(x > 0, 1.0, 0.5 * np.exp(np.minimum(x, 0))),
)
slopes(
    elu,
    alpha_forgotten=lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0))),
    the_value=lambda x: np.where(x > 0, 1.0, 0.5 * np.expm1(np.minimum(x, 0))),
)
_A, _S = 1.6732632423543772, 1.0507009873554805
selu = unary(
    "selu",
    lambda x: _S * np.where(x > 0, x, _A * np.expm1(np.minimum(x, 0))),
    lambda x: _S * np.where(x > 0, 1.0, _A * np.exp(np.minimum(x, 0))),
)
slopes(
    selu,
    scale_forgotten=lambda x: np.where(x > 0, 1.0, _A * np.exp(np.minimum(x, 0))),
    constants_of_4_digits=lambda x: 1.0507 * np.where(x > 0, 1.0, 1.6733 * np.exp(np.minimum(x, 0))),
)
xlogx = Case(
    "x log x, 0 at 0",
    lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0.0),
    lambda g, x: g * (1 + np.log(x)),
    draws((3, 4), low=0.2, high=3.0),
    given=given((3, 4), domain="positive"),
)
slopes(xlogx, log_only=np.log, one_minus_log=lambda x: 1 - np.log(x))
floored = Case(
    "⌊4x⌋",
    lambda x: np.floor(4 * x),
    lambda g, x: 0.0 * x,
    lambda rng: (rng.integers(-8, 9, 6) / 4 + 0.1,),
    given=given((3, 4)),
)
habit("straight through", floored, lambda g, x: 4 * g)
for _name, _f in (("round", np.round), ("sign", np.sign)):
    stepped = Case(
        f"{_name}(3x) + x",
        lambda x, f=_f: f(3 * x) + x,
        lambda g, x: 1.0 * g,
        lambda rng: (rng.integers(-3, 3, 6) + rng.uniform(0.05, 0.12, 6),),
        given=given((3, 4)),
    )
    habit("straight through", stepped, lambda g, x: 4 * g)
half = unary("x · stop(x)", lambda x: x * x, lambda x: 2 * x)
habit("one branch detached", half, lambda g, x: x * g)
origin = Case(
    "√(|x|³)",
    lambda x: np.abs(x) ** 1.5,
    lambda g, x: 1.5 * g * np.sign(x) * np.sqrt(np.abs(x)),
    lambda rng: (np.where(np.arange(6) == 2, 0.0, rng.uniform(0.5, 2, 6)),),
)
habit("0/0 at 0", origin, lambda g, x: 1.5 * g * np.abs(x) ** 2.5 / x / np.abs(x))
quartic = Case(
    "‖x‖⁴",
    lambda x: (x @ x) ** 2,
    lambda g, x: 4 * g * (x @ x) * x,
    lambda rng: (rng.uniform(0.5, 2, 4),),
    given=given((4,)),
)
habit(
    "0/0 where all are 0",
    quartic,
    lambda g, x: 4 * g * np.linalg.norm(x) ** 4 * x / np.linalg.norm(x) / np.linalg.norm(x),
)


def rowwise(
    name: str, f: Callable[..., Any], vjp: Callable[..., Any], *shapes: tuple[int, ...], draw: Draw | None = None
) -> Case:
    """A function of arrays of these shapes."""
    return Case(name, f, vjp, draw or draws(*shapes), given=given(*shapes) if draw is None else None)
