"""The wrong gradients that a checker has to find, family by family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from testing.planting import (
    FAULTS,
    Fault,
    Use,
    add,
    attribute,
    examine,
    module,
    numbers,
    of,
    of_part,
    op,
    plain,
    rule,
    scaled,
    unary,
    use,
)

import tinygrad_edu as tg
from tinygrad_edu.engine import backprop
from tinygrad_edu.engine.graph import Cotangents
from tinygrad_edu.engine.primitives import PRIMITIVES
from tinygrad_edu.nn import functional as F

__all__ = ["FAULTS", "Fault", "Use", "examine"]

FAULTS.clear()  # pytest may import this file under a second name

# A constant that is wrong -------------------------------------------------------------------------------------------

for _name in ("exp", "log", "sqrt", "tanh", "matmul", "sum", "logsumexp", "softmax", "layer_norm", "inv"):
    rule("factor 2", _name, scaled(2.0), hint="it is 2 times")
for _name in (
    "sin",
    "sigmoid",
    "square",
    "linear",
    "cumsum",
    "rms_norm",
    "det",
    "gelu",
    "svd",
    "eigh",
    "cholesky",
    "amax",
):
    rule("factor 1.1", _name, scaled(1.1), hint=r"it is 11/10 (of|times)")
for _name in ("atan", "erf", "log1p", "prod", "norm", "cross_entropy", "log_softmax"):
    _op = {"cross_entropy": "softmax_cross_entropy"}.get(_name, _name)
    rule("factor 1 + 1e-4", _op, scaled(1 + 1e-4), _name, hint=r"it is 1\.0001 times")
rule("factor 1 + 1e-4", "einsum", scaled(1 + 1e-4), index=1, hint=r"it is 1\.0001 times")
rule("factor 1 + 1e-4", "solve", scaled(1 + 1e-4), index=1, hint=r"it is 1\.0001 times")
for _name in ("cosh", "softplus", "matmul", "mean"):
    rule("factor 1 + 1e-6", _name, scaled(1 + 1e-6), hint="agree to 6 digits")
for _name in ("cos", "acos", "neg", "erfc", "reciprocal", "rsqrt", "cumprod", "var", "slogdet", "qr"):
    rule("sign", _name, of_part(lambda part: -part), hint="the sign is wrong")
rule("sign", "sub", of_part(lambda part: -part), index=1, hint="the sign is wrong")
rule("sign", "div", of_part(lambda part: -part), index=1, hint="the sign is wrong")

# A term, or a factor, that is missing -------------------------------------------------------------------------------

_MISSING: list[tuple[str, int, Any, str | None]] = [
    ("tanh", 0, lambda g, out, x: g + 0, "factor is missing"),
    ("sigmoid", 0, lambda g, out, x: g * out, "factor is missing"),
    ("exp", 0, lambda g, out, x: g + 0, "factor is missing"),
    ("square", 0, lambda g, out, x: g * x, r"it is 1/2 of"),
    ("mul", 0, lambda g, out, x, y: g + 0, "factor is missing"),
    ("div", 0, lambda g, out, x, y: g + 0, "factor (is missing|too many)"),
    ("div", 1, lambda g, out, x, y: -g * out, "factor (is missing|too many)"),
    ("log2", 0, lambda g, out, x: g / x, r"log\(2\)"),
    ("log10", 0, lambda g, out, x: g / x, r"log\(10\)"),
    ("expm1", 0, lambda g, out, x: g * out, None),
    ("log1p", 0, lambda g, out, x: g / x, None),
    ("atan2", 0, lambda g, out, y, x: g / x, None),
    ("softmax", 0, lambda g, out, x, axis: g * out, None),
    ("log_softmax", 0, lambda g, out, x, axis: g + 0, None),
    ("silu", 0, lambda g, out, x: g * tg.sigmoid(x), None),
    ("gelu", 0, lambda g, out, x: g * (0.5 * tg.erfc(-np.sqrt(0.5) * x)), None),
    ("mish", 0, lambda g, out, x: g * np.tanh(F.softplus(x)), None),
    ("logaddexp", 0, lambda g, out, x, y: g + 0, None),
    ("rsqrt", 0, lambda g, out, x: -0.5 * g * out, None),
    ("logsumexp", 0, lambda g, out, x, axis, keepdims: np.expand_dims(g, 1) + 0 * x, None),
]
for _name, _index, _bad, _hint in _MISSING:
    rule("missing term", _name, lambda bad=_bad: lambda right, g, *args: bad(g, *args), index=_index, hint=_hint)


def _layer_norm_without(term: str) -> Any:
    def bad(right: Any, g: Any, out: Any, x: Any, weight: Any, *rest: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        scale = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        normal, h = centred * scale, g * weight
        if term == "mean":
            return (h - normal * (h * normal).mean(-1, keepdims=True)) * scale
        if term == "along":
            return (h - h.mean(-1, keepdims=True)) * scale
        return h * scale

    return lambda: bad


for _term in ("mean", "along", "both"):
    rule("missing term", "layer_norm", _layer_norm_without(_term), label=f"without {_term}")
rule(
    "missing term",
    "rms_norm",
    lambda: lambda right, g, out, x, weight, count, eps: g * weight / np.sqrt((x * x).mean(-1, keepdims=True) + eps),
)

# Transposed, moved, off by one --------------------------------------------------------------------------------------

_turn = of_part(lambda part: np.swapaxes(part, -1, -2))
for _name, _use, _index in (
    ("matmul", "matmul square", 0),
    ("matmul", "matmul square", 1),
    ("linear", "linear", 1),
    ("inv", "inv", 0),
    ("det", "det", 0),
    ("slogdet", "slogdet", 0),
    ("solve", "solve", 0),
    ("qr", "qr", 0),
):
    rule("transposed", _name, _turn, _use, _index, hint="transposed")
rule("transposed", "einsum", _turn, index=1, hint="transposed")
rule("transposed", "transpose", lambda: lambda right, g, out, a, axes: np.transpose(g, axes), hint="transposed|places")
rule(
    "transposed",
    "reshape",
    lambda: lambda right, g, out, x, shape: np.transpose(g).reshape(x.shape),
    hint="transposed order|places",
)

_shift = lambda by, axis: of_part(lambda part: np.roll(part, by, axis))
for _name, _axis in (("roll", 1), ("flip", 1), ("pad", 1), ("diagonal", 0), ("getitem", 0), ("cumsum", 1)):
    rule("off by one", _name, _shift(1, _axis), hint="shifted by 1|places")
rule("off by one", "tril", lambda: lambda right, g, out, m, k: np.tril(g, k - 1), hint="no gradient arrives")
rule("off by one", "concatenate", _shift(1, 0), "cat", 1, hint="shifted by 1|places|reversed")
rule("off by one", "stack", _shift(-1, 1), index=1, hint="shifted by 1|places")
rule("off by one", "split", _shift(1, 1), hint="shifted by 1|places")
rule("off by one", "sort", _shift(1, 1), hint="shifted by 1|places")
rule("off by one", "flip", of_part(lambda part: np.flip(part, 1)), "flip", label="not at all", hint="reversed|flip")
rule(
    "off by one",
    "roll",
    lambda: lambda right, g, out, a, shift, axis: np.roll(g, shift, axis),
    label="the other way",
    hint="shifted",
)
rule("off by one", "cumsum", lambda: lambda right, g, out, x, axis, reverse: right() - g, label="exclusive")
rule("off by one", "cumsum", lambda: lambda right, g, out, x, axis, reverse: np.cumsum(g, 1), label="forwards")

# Sums over what was broadcast, or used several times ----------------------------------------------------------------


@contextmanager
def _wrong_sum(kind: str) -> Iterator[None]:
    right = backprop.sum_to_shape

    def wrong(g: Any, shape: tuple[int, ...]) -> Any:
        total = right(g, shape)
        if kind == "mean":
            return total * (total.size / g.size)
        if kind == "scalar" and shape == ():
            return g.reshape((-1,))[0]
        if kind == "first" and total.size < g.size and shape:
            ones = (0,) * (len(g.shape) - len(shape)) + tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)
            return g[ones]
        return total

    with attribute(backprop, "sum_to_shape", wrong):
        yield


_BROADCAST = {
    "row": use("add row", lambda x, b: x * 1.5 + b, (4, 3), (3,)),
    "column": use("mul column", lambda x, s: x * s, (3, 4), (3, 1)),
    "difference": use("sub column", lambda x, m: (x - m) ** 2, (3, 4), (3, 1)),
    "scale": use("div scale", lambda x, s: tg.tanh(x / s), (3, 4), (1, 4), low=0.5),
    "layer_norm": of("layer_norm"),
}
for _kind in ("mean", "first"):
    for _name, _use in _BROADCAST.items():
        add(
            "un-summed broadcast",
            f"{_kind}, {_name}",
            "walk",
            lambda kind=_kind: _wrong_sum(kind),
            _use,
            hint=None if _kind == "first" else "division by|1/[34] of",
        )
_SCALARS = (
    use("times a scalar", lambda x, s: x * s, (3, 4), ()),
    use("plus a scalar", lambda x, s: tg.sin(x + s), (3, 4), ()),
    use("power of a scalar", lambda x, s: x**s, (3, 4), (), low=0.5),
)
for _use in _SCALARS:
    for _kind in ("scalar", "mean"):
        add("un-summed scalar", f"{_use.name}, {_kind}", "walk", lambda kind=_kind: _wrong_sum(kind), _use)


@contextmanager
def _wrong_accumulation(kind: str) -> Iterator[None]:
    def wrong(held: Any, part: Any, owned: bool, plain: bool) -> tuple[Any, bool]:
        if part is None or held is None:
            return held if part is None else part, owned
        total = {"first": held, "last": part, "mean": (held + part) * 0.5, "difference": held - part}[kind]
        return total * 1.0, plain

    with attribute(backprop, "_add", wrong):
        yield


_REUSE = (
    use("x * x", lambda x: x * x, (3, 4)),
    use("residual", lambda x: x + tg.tanh(x), (3, 4)),
    use("tied weight", lambda x, w: tg.tanh(x @ w) @ w, (2, 3), (3, 3)),
)
for _kind in ("first", "last", "mean", "difference"):
    for _use in _REUSE:
        add("dropped accumulation", f"{_kind}, {_use.name}", "walk", lambda kind=_kind: _wrong_accumulation(kind), _use)
for _name, _use, _index in (("getitem", "gather rows", 0), ("broadcast_to", "expand", 0), ("linear", "linear", 2)):
    _bad = {
        "getitem": lambda: lambda right, g, out, x, index: tg.where(right() == 0, 0.0, 0.5 * right()),
        "broadcast_to": lambda: lambda right, g, out, x, shape: g[0] + 0,
        "linear": lambda: lambda right, g, *args: g[0] + 0,
    }[_name]
    rule("un-summed axis", _name, _bad, _use, _index)
rule("un-summed axis", "linear", lambda: lambda right, g, out, x, w, b: np.expand_dims(g[0], 1) * x[0], index=1)
rule("un-summed axis", "layer_norm", lambda: lambda right, g, *args: right()[0], index=1)
rule("un-summed axis", "layer_norm", lambda: lambda right, g, *args: right()[-1], index=2)
rule("un-summed axis", "softmax", lambda: lambda right, g, out, x, axis: out * (g - g * out), label="without sum")

# 1/n ----------------------------------------------------------------------------------------------------------------

rule("missing 1/n", "mean", scaled(5.0), hint="division by 5")
rule("missing 1/n", "var", scaled(4.0), hint="4 times")
rule("missing 1/n", "var", scaled(4 / 5), label="n for n - 1", hint="n and n - 1|4/5")
rule("missing 1/n", "std", scaled(4.0), hint="4 times")
rule("missing 1/n", "linear", scaled(1 / 4), index=1, label="a mean over the batch", hint="division by 4|1/4")
rule("missing 1/n", "linear", scaled(1 / 4), index=2, label="a mean over the batch", hint="division by 4|1/4")
rule("missing 1/n", "matmul", scaled(1 / 3), hint="1/3 of|division by 3")
rule("missing 1/n", "sum_over", scaled(1 / 4), hint="division by 4")

# Masks at ties and kinks --------------------------------------------------------------------------------------------


def _at(x: Any, places: Any, value: float) -> Any:
    x = x.copy()
    x[places] = value
    return x


def _kinked(name: str, f: Any, value: float) -> Use:
    return use(f"{name} at a kink", f, lambda rng: _at(numbers(rng, 3, 4), (slice(None), 1), value), kink=True)


_at_kink = lambda level, k: lambda: lambda right, g, out, x, *args: np.where(x == level, k * g, right())
rule("tie or kink", "leaky_relu", _at_kink(0, -0.1), _kinked("leaky_relu", lambda x: F.leaky_relu(x, 0.1), 0.0))
rule("tie or kink", "abs", _at_kink(0, 2.0), _kinked("abs", lambda x: tg.abs(x), 0.0))
rule("tie or kink", "clip", _at_kink(1.1, 2.0), _kinked("clip", lambda x: tg.clamp(x, -0.9, 1.1), 1.1))
rule("tie or kink", "softshrink", _at_kink(0.5, -1.0), _kinked("softshrink", lambda x: F.softshrink(x), 0.5))
rule("tie or kink", "elu", _at_kink(0, 3.0), _kinked("elu", lambda x: F.elu(x, 2.0), 0.0))
rule("tie or kink", "hardswish", _at_kink(-3, 0.5), _kinked("hardswish", lambda x: F.hardswish(x), -3.0))
rule(
    "tie or kink",
    "minimum",
    lambda: lambda right, g, out, x, y: np.where(x == y, -0.5 * g, right()),
    use(
        "minimum at a tie",
        lambda x, y: tg.minimum(x, y),
        lambda rng: np.arange(12.0).reshape(3, 4),
        lambda rng: np.arange(12.0).reshape(3, 4) * 1.0,
        kink=True,
    ),
)
rule(
    "tie or kink",
    "maximum",
    lambda: lambda right, g, out, x, y: np.where(x == y, 1.5 * g, right()),
    use(
        "maximum at a tie",
        lambda x, y: tg.maximum(x, y),
        lambda rng: np.arange(12.0).reshape(3, 4),
        lambda rng: np.arange(12.0).reshape(3, 4) * 1.0,
        kink=True,
    ),
)
_FULL = lambda: lambda right, g, out, x, y: np.where(x == y, g, right())
rule(
    "tie or kink",
    "maximum",
    _FULL,
    use("maximum of equals", lambda x: tg.maximum(x, x * 1.0), (3, 4)),
    label="counted twice",
    blame=False,
)
rule(
    "tie or kink",
    "minimum",
    _FULL,
    use("minimum of equals", lambda x: tg.minimum(x, x * 1.0), (3, 4)),
    label="counted twice",
    blame=False,
)
rule(
    "tie or kink",
    "amax",
    lambda: lambda right, g, out, x, axis, keep: np.where(right() != 0, np.expand_dims(g, 1), 0),
    use("amax of equals", lambda x: tg.amax(tg.cat([x, x], 1), 1), (3, 4)),
    label="not shared",
    blame=False,
)

# Gradients that share memory, and memory that is written to ---------------------------------------------------------


@contextmanager
def _called_fresh(name: str) -> Iterator[None]:
    with attribute(PRIMITIVES[name], "fresh", True):
        yield


for _name, _use in (
    ("transpose", use("plain transpose", lambda x: x.T, (3, 4))),
    ("reshape", use("plain reshape", lambda x: x.reshape((4, 3)), (3, 4))),
):
    add("aliased gradient", _name, _name, lambda name=_name: _called_fresh(name), _use)
_hold = lambda which: lambda: lambda right, g, out, *args: which(right, g, out, *args)
rule(
    "aliased gradient",
    "exp",
    _hold(lambda right, g, out, x: np.multiply(g, out, out=out) if plain(g) else right()),
    label="into the result",
)
rule(
    "aliased gradient",
    "tanh",
    _hold(lambda right, g, out, x: np.multiply(right(), 1.0, out=out) if plain(g) else right()),
    label="into the result",
)


def _in_place(what: str) -> Any:
    def bad(right: Any, g: Any, out: Any, x: Any, *rest: Any) -> Any:
        if not plain(g):
            return right()
        answer = np.array(right())
        if what == "input" and isinstance(x, np.ndarray):
            x *= 1 + 1e-3
        if what == "result" and out is not None:
            out *= 1 + 1e-3
        if what == "cotangent" and g.flags.writeable:
            g *= 1.5
        return answer

    return lambda: bad


for _name in ("sin", "log", "square", "matmul", "softplus"):
    rule("input mutated", _name, _in_place("input"))
for _name in ("exp", "tanh", "softmax"):
    rule("result mutated", _name, _in_place("result"))
for _name in ("sin", "mul", "sigmoid", "linear"):
    rule("cotangent mutated", _name, _in_place("cotangent"))
rule("cotangent mutated", "tanh", _in_place("cotangent"), _REUSE[1], label="of a residual")

# No gradient, or one too much ---------------------------------------------------------------------------------------

rule("detached", "tanh", lambda: lambda right, g, *args: np.zeros_like(g), "chain", hint="no gradient arrives")
for _name, _use, _index in (
    ("matmul", "matmul", 1),
    ("linear", "linear", 2),
    ("layer_norm", "layer_norm", 1),
    ("add", _BROADCAST["row"], 1),
    ("where", "where", 2),
    ("lerp", "lerp", 2),
    ("pow", _SCALARS[2], 1),
):
    rule("detached", _name, lambda: lambda right, *args: None, _use, _index, hint="no gradient arrives")


@contextmanager
def _forward(kind: type, wrong: Any) -> Iterator[None]:
    right: Any = kind.forward  # type: ignore[attr-defined]
    with attribute(kind, "forward", lambda self, *args: wrong(self, right, *args)):
        yield


_MODULES = {
    "Linear": module("Linear", lambda: tg.nn.Linear(3, 2), (4, 3)),
    "LayerNorm": module("LayerNorm", lambda: tg.nn.LayerNorm(4), (3, 4)),
    "RMSNorm": module("RMSNorm", lambda: tg.nn.RMSNorm(4), (3, 4)),
    "PReLU": module("PReLU", lambda: tg.nn.PReLU(), (3, 4)),
    "Tanh": module(
        "Sequential", lambda: tg.nn.Sequential(tg.nn.Linear(3, 3), tg.nn.Tanh(), tg.nn.Linear(3, 2)), (4, 3)
    ),
}
for _name, _use in _MODULES.items():
    _kind = getattr(tg.nn, _name)
    add(
        "detached",
        f"half of nn.{_name}",
        f"nn.{_name}",
        lambda kind=_kind: _forward(kind, lambda self, right, x: (y := right(self, x)) * 0.5 + y.detach() * 0.5),
        _use,
        hint="1/2 of" if _name != "Tanh" else None,
    )
    add(
        "factor 1.1",
        f"nn.{_name}",
        f"nn.{_name}",
        lambda kind=_kind: _forward(kind, lambda self, right, x: (y := right(self, x)) * 1.1 - y.detach() * 0.1),
        _use,
        hint="11/10" if _name != "Tanh" else None,
    )
add(
    "detached",
    "nn.Linear weight",
    "nn.Linear",
    lambda: _forward(tg.nn.Linear, lambda self, right, x: F.linear(x, self.weight.detach(), self.bias)),
    _MODULES["Linear"],
    hint="no gradient arrives",
)
add(
    "detached",
    "nn.LayerNorm input",
    "nn.LayerNorm",
    lambda: _forward(tg.nn.LayerNorm, lambda self, right, x: right(self, x.detach())),
    _MODULES["LayerNorm"],
    hint="no gradient arrives",
)
rule("unused gets a gradient", "where", lambda: lambda right, g, *args: g + 0, index=1, hint="it should be zero")
rule("unused gets a gradient", "where", lambda: lambda right, g, *args: g + 0, index=2, hint="it should be zero")
rule("unused gets a gradient", "masked_fill", lambda: lambda right, g, *args: g + 0, hint="it should be zero")
rule("unused gets a gradient", "relu", lambda: lambda right, g, *args: g + 0, hint="it should be zero")
rule("unused gets a gradient", "clip", lambda: lambda right, g, *args: g + 0, hint="it should be zero")
for _name in ("getitem", "topk", "max", "diagonal", "tril"):
    rule(
        "unused gets a gradient",
        _name,
        lambda: lambda right, *args: np.where(right() == 0, 1e-3, right()),
        "take_along" if _name == "max" else _name,
        hint="it should be zero",
    )

# Precision ----------------------------------------------------------------------------------------------------------

_wide = of_part(
    lambda part: (
        part * np.ones((), np.float64).reshape((1,) * len(part.shape)) if not plain(part) else part.astype(np.float64)
    )
)
for _name in ("sin", "matmul", "softmax", "mean", "layer_norm"):
    rule("float32 becomes float64", _name, _wide)
for _dtype in ("float32", "float16"):
    for _name in ("exp", "sum_over", "matmul", "cumsum"):
        rule(
            f"computed in {_dtype}",
            _name,
            of_part(lambda part, dtype=_dtype: part.astype(dtype).astype(part.dtype) if plain(part) else part),
            hint="digits" if _dtype == "float32" else None,
        )
for _name, _short, _full in (("log2", 0.6931, float(np.log(2))), ("log10", 2.3026, float(np.log(10)))):
    rule("constant of few digits", _name, scaled(_full / _short), hint="digits|1.00")
rule("constant of few digits", "erf", scaled(1.12838 / 1.1283791670955126), hint="digits|1.00")

# Wrong somewhere, or sometimes --------------------------------------------------------------------------------------


def _spoiled(place: int, k: float) -> Any:
    def bad(part: Any) -> Any:
        mask = np.ones(part.shape)
        mask.reshape(-1)[place % mask.size] = k
        return part * mask.astype(part.dtype)

    return of_part(bad)


for _name in ("sin", "mul", "softmax"):
    _big: Any = (4, 16384) if _name != "softmax" else (256, 256)
    _f: Any = {"mul": lambda x: x * 1.5, "softmax": lambda x: tg.softmax(x, -1)}.get(_name, op(_name))
    _use = use(f"large {_name}", _f, _big, large=True)
    rule("one of 65,536", _name, _spoiled(40_000, 1.1), _use)
for _name in ("sin", "matmul", "cumsum", "softmax", "linear"):
    rule("one element", _name, _spoiled(5, 1.1))
_WHERE: dict[str, tuple[Any, str | None]] = {
    "negative": (lambda x: x < 0, r"< 0|negative"),
    "beyond 1.5": (lambda x: x > 1.5, None),
    "small": (lambda x: abs(x) < 0.4, None),
}
for _label, (_where, _hint) in _WHERE.items():
    for _name in ("sin", "sigmoid", "square", "erf"):
        _bad = lambda where=_where, name=_name: (
            lambda right, g, out, x: (
                right() * np.where(where(np.log(out / (1 - out)) if name == "sigmoid" else x), 1.1, 1.0).astype(g.dtype)
            )
        )
        rule(f"wrong where {_label}", _name, _bad, unary(_name, 4, 6), hint=_hint)
_sized = lambda test: lambda: lambda right, g, out, x, *args: right() * 1.5 if test(x, g) else right()
for _name, _use, _test in (
    ("mean", use("mean of one", lambda x: x.mean(1), (3, 1)), lambda x, g: x.shape[1] == 1),
    ("cumsum", use("cumsum of one", lambda x: tg.cumsum(x, 1), (3, 1)), lambda x, g: g.shape[1] == 1),
    ("matmul", use("one row", lambda x, w: x @ w, (1, 3), (3, 2)), lambda x, g: g.shape[0] == 1),
    ("matmul", use("one column", lambda x, w: x @ w, (2, 3), (3, 1)), lambda x, g: g.shape[1] == 1),
    ("logsumexp", use("logsumexp of one", lambda x: tg.logsumexp(x, 1), (3, 1)), lambda x, g: x.shape[1] == 1),
):
    rule("wrong at size 1", _name, _sized(_test), _use, label=_use.name, hint="3/2|1.5")


def _refuses_empty(right: Any, g: Any, out: Any, *args: Any) -> Any:
    part = right()
    if not part.size:
        raise ZeroDivisionError("division by zero")
    return part


for _name, _use in (
    ("concatenate", use("cat of nothing", lambda x, y: tg.cat([x, y], 0), (0, 3), (2, 3))),
    ("add", use("nothing added", lambda x, y: (x + 1.0).sum() + tg.sin(y), (0, 3), (2,))),
    ("matmul", use("product of nothing", lambda x, y, z: x @ y + z, (2, 0), (0, 3), (3,))),
    ("sum_over", use("sum of nothing", lambda x, y: x.sum(0) + y * 2.0, (0, 3), (3,))),
):
    rule("wrong at size 0", _name, lambda: _refuses_empty, _use, int(_name == "concatenate"))
_contiguous = lambda: lambda right, g, out, *args: right() if not plain(g) or g.flags.c_contiguous else right() * 1.1
_by_memory = lambda: (
    lambda right, g, out, x, *args: (
        right() if not plain(g) else (right(np.ascontiguousarray(g)).ravel() * 0 + right(g).ravel("K")).reshape(x.shape)
    )
)
for _name in ("sin", "exp", "log", "mul", "matmul", "softmax"):
    rule("wrong on non-contiguous", _name, _contiguous, label="cotangent", blame=False)
for _name in ("sin", "square", "erf"):
    rule("wrong on non-contiguous", _name, _by_memory, label="order of memory", blame=False)

# Wrong rules that no single comparison shows ------------------------------------------------------------------------

_held = lambda: lambda right, g, out, *args: right() if plain(g) else right(g.detach()) * 1.0 + 0.0 * g
for _name in ("sin", "exp", "tanh", "mul", "softmax"):
    rule("second order only", _name, _held, label="g detached", blame=False)
_constant = lambda: (
    lambda right, g, out, *args: (
        right() if plain(g) else right(g, *[a.detach() if hasattr(a, "detach") else a for a in args])
    )
)
for _name in ("sin", "log", "square", "mul", "matmul", "erf"):
    rule("second order only", _name, _constant, label="arguments detached", blame=False)
_once = lambda k: lambda: lambda right, g, out, *args: right() if plain(g) else right() * k
for _name in ("square", "log", "sigmoid", "matmul", "linear", "logsumexp"):
    rule("second order only", _name, _once(1.1), label="another factor", blame=False)
for _name in ("sin", "matmul", "softmax", "sum_over", "cumsum"):
    rule("not linear", _name, lambda: lambda right, g, *args: right(g * abs(g)), label="g |g|", hint="not linear")
for _name in ("exp", "linear", "mean"):
    rule(
        "not linear",
        _name,
        lambda: lambda right, g, *args: right(np.clip(g, -1.6, 1.6)) if plain(g) else right(),
        label="clipped",
        blame=False,
    )
for _name in ("tanh", "layer_norm"):
    rule("not linear", _name, of_part(lambda part: part + 1e-3), label="plus 0.001")


def _every_other(k: float) -> Any:
    def bad() -> Any:
        calls = [0]

        def wrong(right: Any, *args: Any) -> Any:
            calls[0] += 1
            return right() * (k if calls[0] % 2 == 0 else 1.0)

        return wrong

    return bad


def _noisy(size: float) -> Any:
    def bad() -> Any:
        rng = np.random.default_rng(0)
        return lambda right, *args: right() * (1.0 + size * float(rng.normal()))

    return bad


for _name in ("sin", "matmul", "cumsum"):
    rule("not deterministic", _name, _every_other(1.1), label="every other time", blame=False)
for _name in ("exp", "softmax", "sum_over"):
    rule("not deterministic", _name, _noisy(1e-5), label="noise", blame=False)

# Batches, several results, axes, shapes -----------------------------------------------------------------------------

for _name, _use, _index in (
    ("sin", "sin", 0),
    ("matmul", "matmul", 0),
    ("linear", "linear", 0),
    ("softmax", "softmax", 0),
    ("layer_norm", "layer_norm", 0),
):
    rule(
        "mixes samples",
        _name,
        of_part(lambda part: np.roll(part, 1, 0)),
        _use,
        _index,
        hint="shifted|places|order|reversed",
    )
for _name in ("exp", "cross_entropy", "rms_norm"):
    rule(
        "mixes samples",
        {"cross_entropy": "softmax_cross_entropy"}.get(_name, _name),
        of_part(lambda part: part + 0.01 * (part.sum(0, keepdims=True) - part)),
        _name,
        label="leaks",
    )
rule("wrong in batches", "linear", _sized(lambda x, g: g.shape[0] > 1), index=1, hint="3/2|1.5")
rule("wrong in batches", "matmul", _sized(lambda x, g: g.shape[0] > 1), index=1, hint="3/2|1.5")
rule(
    "wrong in batches",
    "softmax",
    lambda: lambda right, g, out, x, axis: out * (g - (g * out).sum(0, keepdims=True)),
    label="other axis",
)
rule(
    "wrong in batches",
    "log_softmax",
    lambda: lambda right, g, out, x, axis: g - np.exp(out) * g.sum(0, keepdims=True),
    label="other axis",
)


def _result(number: int, k: float) -> Any:
    def bad(right: Any, g: Any, *args: Any) -> Any:
        parts = [None if p is None else p * k if i == number else p for i, p in enumerate(g.parts)]
        return right(Cotangents(parts))

    return lambda: bad


for _name, _number in (("split", 1), ("split", 2), ("qr", 1), ("qr", 0), ("slogdet", 1)):
    rule("one of several results", _name, _result(_number, 1.1), label=f"result {_number}")
rule("one of several results", "split", _result(0, 0.0), label="result 0 lost")
for _name in ("sum_over", "mean", "logsumexp", "roll", "flip"):
    rule(
        "wrong for a negative axis",
        _name,
        lambda: (
            lambda right, g, out, x, *args: (
                right() * 1.5 if any(isinstance(a, int) and a < 0 for a in args) else right()
            )
        ),
        f"{_name} -1",
        hint="3/2|1.5",
    )
for _name, _change in (
    ("sin", lambda part: part.reshape((-1,))),
    ("matmul", lambda part: part.T),
    ("softmax", lambda part: part[:, :-1]),
    ("linear", lambda part: part[..., None]),
    ("cumsum", lambda part: part[1:]),
):
    rule("wrong shape", _name, of_part(_change))

# What needs the right arguments to be seen --------------------------------------------------------------------------


@contextmanager
def _in_place_sums() -> Iterator[None]:
    right = backprop._add

    def wrong(held: Any, part: Any, owned: bool, plain: bool) -> tuple[Any, bool]:
        writeable = getattr(getattr(held, "flags", None), "writeable", False)
        return right(held, part, owned or writeable, plain)

    with attribute(backprop, "_add", wrong):
        yield


for _use in (
    use("sum and difference", lambda x, y: ((x + y) * 1.0 + x, y * 1.0), (3, 4), (3, 4)),
    use("x + x + sin x", lambda x: x + x + tg.sin(x), (3, 4)),
):
    add("sums in place", _use.name, "walk", _in_place_sums, _use)


@contextmanager
def _second_use_lost() -> Iterator[None]:
    right = backprop.apply_vjp

    def wrong(node: Any, g: Any, needs: Any, lift: Any) -> Any:
        parts = list(right(node, g, needs, lift))
        return [p if needs[i] not in needs[:i] else None for i, p in enumerate(parts)]

    with attribute(backprop, "apply_vjp", wrong):
        yield


for _name in ("mul", "hypot", "logaddexp"):
    add("same tensor twice", _name, "walk", _second_use_lost, of(_name))
add("same tensor twice", "matmul", "walk", _second_use_lost, of("matmul square"))
add("same tensor twice", "stack", "walk", _second_use_lost, of("stack"))


def _stale() -> Any:
    kept: dict[Any, Any] = {}

    def bad(right: Any, g: Any, out: Any, *args: Any) -> Any:
        if not plain(g):
            return right()
        return g * kept.setdefault(g.shape, right(np.ones_like(g)))

    return bad


for _name in ("sin", "sigmoid", "erf", "square"):
    rule("remembers the first call", _name, _stale, blame=False)
for _name, _use, _index, _other in (
    ("layer_norm", "layer_norm", 0, 1),
    ("layer_norm", "layer_norm", 1, 0),
    ("rms_norm", "rms_norm", 0, 1),
    ("solve", "solve", 1, 0),
):

    @contextmanager
    def _beside(name: str = _name, index: int = _index, other: int = _other) -> Iterator[None]:
        right: Any = PRIMITIVES[name].joint

        def joint(g: Any, out: Any, *args: Any, needs: Any) -> Any:
            parts = list(right(g, out, *args, needs=needs))
            if needs[other] is None and parts[index] is not None:
                parts[index] = parts[index] * 1.5
            return tuple(parts)

        with attribute(PRIMITIVES[name], "joint", joint):
            yield

    add("wrong beside a constant", f"{_name} {_index}", _name, _beside, of(_use))
_zeros = lambda: lambda right, g, *args: right() * 1.5 if plain(g) and (g == 0).any() and g.any() else right()
for _name, _shape in (("sin", (3, 4)), ("exp", (5, 8)), ("square", (30, 40))):
    rule("wrong if the cotangent has zeros", _name, _zeros, unary(_name, *_shape), blame=False)
rule(
    "wrong if the cotangent has zeros",
    "matmul",
    _zeros,
    use("larger matmul", lambda x, y: x @ y, (8, 6), (6, 8)),
    blame=False,
)
_stride = lambda: lambda right, g, *args: right() * 1.5 if plain(g) and g.size > 1 and 0 in g.strides else right()
for _name in ("sin", "matmul", "softmax", "mul"):
    rule("wrong for a broadcast cotangent", _name, _stride, blame=False)


def _missing_is_one(right: Any, g: Any, out: Any, x: Any, cuts: Any, axis: int) -> Any:
    if not any(p is None for p in g.parts):
        return right()
    shape = next(p for p in g.parts if p is not None).shape
    return right(Cotangents([np.ones(shape) if p is None else p for p in g.parts]))


rule("wrong if a result is not used", "split", lambda: _missing_is_one, blame=False)
rule(
    "wrong if a result is not used",
    "qr",
    lambda: lambda right, g, *args: right() * 2.0 if any(p is None for p in g.parts) else right(),
    blame=False,
)
_rows = use("linear of 5", lambda x, w, b: op("linear")(x, w, b), (5, 3), (2, 3), (2,))
rule("remainder dropped", "linear", lambda: lambda right, g, out, x, w, b: g[:4].T @ x[:4], _rows, 1)
rule("remainder dropped", "linear", lambda: lambda right, g, out, x, w, b: g[:4].sum(0), _rows, 2)
rule(
    "remainder dropped",
    "cumsum",
    lambda: lambda right, g, out, x, axis, reverse: np.where(np.arange(2000) == 1999, 0.0, right()),
    use("long cumsum", lambda x: tg.cumsum(x, 1), (1, 2000), large=True),
)
rule(
    "wrong in blocks",
    "cumsum",
    lambda: lambda right, g, out, x, axis, reverse: right() - np.where(np.arange(2000) < 1024, g[:, 1024:].sum(), 0.0),
    use("long cumsum", None),
)
for _name in ("sin", "exp", "sigmoid"):
    rule(
        "wrong at 0-d",
        _name,
        lambda: lambda right, g, *args: right() if g.shape else right() * 1.5,
        use(f"{_name} of a number", lambda x, name=_name: op(name)(x), ()),
        hint="3/2",
    )
_eighths = lambda rng: rng.permutation(np.arange(-16, 16) / 8.0)[:12].reshape(3, 4)
for _name in ("sin", "square", "erf"):
    rule(
        "wrong at integers",
        _name,
        lambda: lambda right, g, out, x: np.where(x == np.rint(x), 1.1, 1.0).astype(g.dtype) * right(),
        use(f"{_name} of eighths", lambda x, name=_name: op(name)(x), _eighths),
        hint="11/10",
    )
_wide_range = {"low": -100.0, "high": 100.0}
rule(
    "float32 overflow",
    "softplus",
    lambda: lambda right, g, out, x, *args: g * (np.exp(x) / (1 + np.exp(x))),
    use("softplus far out", lambda x: F.softplus(x, threshold=1000.0), (3, 4), **_wide_range),
)
rule(
    "float32 overflow",
    "logsumexp",
    lambda: lambda right, g, out, x, axis, keep: np.expand_dims(g, 1) * np.exp(x) / np.exp(x).sum(1, keepdims=True),
    use("logsumexp far out", lambda x: tg.logsumexp(x, 1), (3, 4), low=80.0, high=100.0),
)
for _k in (1e-3, 1e-5):
    rule("one of 65,536", "sin", _spoiled(123, 1 + _k), use("large sin", None), label=f"by {_k:g}")


@contextmanager
def _sample_rule(name: str, other: str) -> Iterator[None]:
    with attribute(PRIMITIVES[name], "samples", PRIMITIVES[other].samples):
        yield


for _name, _other in (("matmul", "sin"), ("linear", "sin")):
    add("wrong sample rule", _name, _name, lambda name=_name, other=_other: _sample_rule(name, other), of(_name))
