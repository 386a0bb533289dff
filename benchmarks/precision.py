"""How precise are float16 and float32? Results and gradients of all functions against float64, beside PyTorch's.

Each function gets numbers of ordinary size and, where sensible, numbers of all magnitudes of the dtype. It is also
computed in float64, and the difference is counted in ulps: the distance of two neighbouring numbers of the dtype. For
elementwise functions, this is an ulp of the exact result. If many numbers enter a result, this would be unfair: when
terms cancel, the rounding errors of the terms remain. Then it is an ulp of the sum of the magnitudes of the terms
(`ADDED`), of the largest result in the same row (`ROW`), or of the largest result (`ALL`, for inverted or decomposed
matrices). The gradient of a probability is p times a difference that may nearly vanish: then it is an ulp of the
largest p of the row (`PROBABILITY`).

Rounding the exact result costs 0.5. The goal is: never more than 4 times PyTorch's error, or than 4 times 0.5.

    python benchmarks/precision.py [part of a name]
"""

from __future__ import annotations

import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import _threads  # noqa: F401  first: it sets the number of threads

# ruff: isort: split
import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import TensorBase
from tinygrad_edu.engine.observing import mode
from tinygrad_edu.engine.primitives import PRIMITIVES, Primitive
from tinygrad_edu.engine.recording import recorder

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

ELEMENT, ROW, ADDED, ALL, PROBABILITY = "element", "row", "added", "all", "probability"
DTYPES = (np.dtype(np.float16), np.dtype(np.float32))
GOAL = 4.0
DRAWS = 5
SHAPE = (12, 40)
LONG = (3, 5000)

Numbers = Callable[[np.random.Generator, Any], Any]


def between(low: float, high: float, shape: tuple[int, ...] = SHAPE) -> Numbers:
    """Numbers evenly spread over an interval."""
    return lambda rng, dtype: rng.uniform(low, high, shape)


def sizes(low: float = 0.0, high: float = 1.0, signs: bool = True) -> Numbers:
    """Numbers of all magnitudes: from the `low` to the `high` share of the exponents of the dtype."""

    def numbers(rng: np.random.Generator, dtype: Any) -> Any:
        least, most = np.log2(np.finfo(dtype).tiny), np.log2(np.finfo(dtype).max)
        powers = rng.uniform(least + low * (most - least), least + high * (most - least), SHAPE)
        return np.exp2(powers) * (rng.choice([-1, 1], SHAPE) if signs else 1)

    return numbers


def rows(low: float = 0.15, high: float = 0.9) -> Numbers:
    """Rows of normal numbers, each row with its own scale."""

    def numbers(rng: np.random.Generator, dtype: Any) -> Any:
        least, most = np.log2(np.finfo(dtype).tiny), np.log2(np.finfo(dtype).max)
        powers = np.linspace(least + low * (most - least), least + high * (most - least), SHAPE[0])
        return np.exp2(powers)[:, None] * rng.uniform(0.25, 1.75, SHAPE) * rng.choice([-1, 1], SHAPE)

    return numbers


def whole(high: int, shape: tuple[int, ...]) -> Numbers:
    """Integers below `high`."""
    return lambda rng, dtype: rng.integers(0, high, shape)


def matrix(n: int, symmetric: bool = False) -> Numbers:
    """A well-conditioned matrix: random, with a strong diagonal."""

    def numbers(rng: np.random.Generator, dtype: Any) -> Any:
        x = rng.uniform(-1, 1, (n, n))
        return (x + x.T if symmetric else x) + np.diag(n + np.arange(n) * 1.0)

    return numbers


@dataclass
class Case:
    """A function in both libraries, `call(library, *tensors)`, and its arguments."""

    name: str
    call: Callable[..., Any]
    inputs: tuple[Numbers, ...]
    measure: str = ELEMENT
    sizes: str = "ordinary"


SMALL = between(-4, 4)
ANY = sizes()
POSITIVE = sizes(signs=False)
MIDDLE = sizes(0.3, 0.7)


def _elementwise() -> Iterator[Case]:
    real, near = [SMALL, ANY], [SMALL]
    above, unit, inside = [between(0.1, 4), POSITIVE], [between(0.01, 0.99)], [between(-0.98, 0.98), sizes(0, 0.48)]
    table: dict[str, list[Numbers]] = {
        **dict.fromkeys(["exp", "exp2", "expm1", "sinh", "cosh", "tanh", "sin", "cos", "atan", "asinh", "erf"], real),
        **dict.fromkeys(["neg", "square", "abs", "sign", "floor", "ceil", "trunc", "round", "frac", "sigmoid"], real),
        **dict.fromkeys(["log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"], above),
        **dict.fromkeys(["asin", "acos", "atanh"], inside),
        "erfc": near, "tan": [between(-1.4, 1.4)], "acosh": [between(1.1, 9)], "logit": unit, "nan_to_num": real,
    }  # fmt: skip
    for name, draws in table.items():
        for draw in draws:
            yield Case(name, lambda lib, x, name=name: getattr(lib, name)(x), (draw,), sizes=_sizes(draw, draws))
    for name in (
        "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "logsigmoid",
        "hardtanh", "hardsigmoid", "hardswish", "softsign", "tanhshrink", "hardshrink", "softshrink",
    ):  # fmt: skip
        for draw in real:
            call = lambda lib, x, name=name: getattr(lib.nn.functional, name)(x)
            yield Case(name, call, (draw,), sizes=_sizes(draw, real))
    yield Case("gelu tanh", lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), (SMALL,))
    yield Case("gelu tanh", lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), (ANY,), sizes="all")
    yield Case("celu 0.5", lambda lib, x: lib.nn.functional.celu(x, 0.5), (SMALL,))
    yield Case("softplus 3", lambda lib, x: lib.nn.functional.softplus(x, 3.0), (SMALL,))
    yield Case("threshold", lambda lib, x: lib.nn.functional.threshold(x, 0.1, 20.0), (ANY,), sizes="all")
    yield Case("glu", lambda lib, x: lib.nn.functional.glu(x), (SMALL,))
    yield Case("prelu", lambda lib, x, w: lib.nn.functional.prelu(x, w), (SMALL, between(0.1, 0.4, (40,))), ALL)


def _sizes(draw: Any, draws: Any) -> str:
    return "ordinary" if draw is draws[0] else "all"


def _binary() -> Iterator[Case]:
    for name in ("add", "sub", "mul", "div", "maximum", "minimum", "hypot", "atan2", "logaddexp", "fmod", "remainder"):
        call = lambda lib, x, y, name=name: getattr(lib, name)(x, y)
        yield Case(name, call, (between(-4, 4), between(0.5, 4)), ROW if name in ("add", "sub") else ELEMENT)
        if name not in ("fmod", "remainder"):
            measure = ROW if name in ("add", "sub") else ELEMENT
            yield Case(name, call, (MIDDLE, MIDDLE), measure, sizes="all")
    yield Case("pow", lambda lib, x, y: x**y, (between(0.1, 4), between(-3, 3)))
    for power in (2, 3, 0.5, -1, -1.5):
        yield Case(f"pow {power}", lambda lib, x, p=power: x**p, (between(0.1, 4),))
    yield Case("2 pow", lambda lib, x: 2.0**x, (SMALL,))
    yield Case("xlogy", lambda lib, x, y: lib.xlogy(x, y), (between(0, 4), between(0.1, 4)))
    yield Case("lerp", lambda lib, x, y, w: lib.lerp(x, y, w), (between(0, 1), between(2, 3), between(0.1, 0.9)))
    yield Case("addcmul", lambda lib, x, y, z: lib.addcmul(x, y, z, value=0.3), (between(1, 2),) * 3)
    yield Case("addcdiv", lambda lib, x, y, z: lib.addcdiv(x, y, z, value=0.3), (between(1, 2),) * 3)
    yield Case("clamp", lambda lib, x: lib.clamp(x, -1.5, 0.7), (SMALL,))
    yield Case("where", lambda lib, x, y: lib.where(x > y, x, y), (SMALL, SMALL))
    yield Case("masked_fill", lambda lib, x: x.masked_fill(x > 1, 3.0), (SMALL,))
    yield Case("add, broadcast", lambda lib, x, b: x + b, (between(1, 2, (5000, 3)), between(0, 1, (3,))), ADDED)
    yield Case("mul, broadcast", lambda lib, x, b: x * b, (between(1, 2, (5000, 3)), between(0, 1, (3,))), ADDED)
    yield Case("mul, broadcast rows", lambda lib, x, b: x * b, (between(1, 2, LONG), between(0, 1, (3, 1))), ADDED)


def _reductions() -> Iterator[Case]:
    for name in ("sum", "mean", "nansum", "nanmean"):
        for dim in (None, 0, 1):
            for shape in (LONG, LONG[::-1]):
                high = 4 if name in ("mean", "nanmean") else 1
                call = lambda lib, x, name=name, dim=dim: getattr(lib, name)(x, dim=dim)
                yield Case(f"{name} dim={dim} of {shape}", call, (between(-1, high, shape),), ADDED)
        yield Case(name, lambda lib, x, name=name: getattr(lib, name)(x, dim=1), (rows(0.1, 0.8),), ADDED, "all")
    for name in ("var", "std", "logsumexp", "amax", "amin"):
        for dim in (0, 1):
            for shape in (LONG, LONG[::-1]):
                call = lambda lib, x, name=name, dim=dim: getattr(lib, name)(x, dim=dim)
                yield Case(f"{name} dim={dim} of {shape}", call, (between(-4, 4, shape),), ALL)
    yield Case("var, far from 0", lambda lib, x: lib.var(x, dim=1), (between(60, 64),), ROW)
    yield Case("std, far from 0", lambda lib, x: lib.std(x, dim=1), (between(60, 64),), ROW)
    yield Case("var", lambda lib, x: lib.var(x, dim=1), (rows(0.3, 0.7),), ROW, "all")
    yield Case("std", lambda lib, x: lib.std(x, dim=1), (rows(),), ROW, "all")
    yield Case("logsumexp", lambda lib, x: lib.logsumexp(x, dim=1), (rows(),), ROW, "all")
    yield Case("prod", lambda lib, x: lib.prod(x, dim=1), (between(0.8, 1.25),))
    yield Case("cumsum", lambda lib, x: lib.cumsum(x, dim=1), (between(-1, 1, LONG),), ADDED)
    yield Case("cumsum dim=0", lambda lib, x: lib.cumsum(x, dim=0), (between(-1, 1, LONG[::-1]),), ADDED)
    yield Case("cumprod", lambda lib, x: lib.cumprod(x, dim=1), (between(0.8, 1.25),))
    yield Case("logcumsumexp", lambda lib, x: lib.logcumsumexp(x, dim=1), (SMALL,), ROW)
    yield Case("cummax", lambda lib, x: lib.cummax(x, dim=1)[0], (SMALL,), ADDED)
    yield Case("diff", lambda lib, x: lib.diff(x, n=2, dim=1), (SMALL,), ROW)
    for name in ("softmax", "log_softmax", "softmin"):
        call = lambda lib, x, name=name: getattr(lib.nn.functional, name)(x, dim=1)
        for draw, label in ((SMALL, ""), (between(-4, 4, (400, 5)), ", few classes"), (between(-4, 4, LONG), ", many")):
            yield Case(name + label, call, (draw,), ROW if name == "log_softmax" else PROBABILITY)
        yield Case(name, call, (rows(0.3),), ROW if name == "log_softmax" else PROBABILITY, "all")
    for p in (0.5, 1, 2, 3, -1, -2, float("inf")):
        call = lambda lib, x, p=p: lib.norm(x, p, dim=1)
        yield Case(f"norm p={p}", call, (SMALL,), ROW)
        yield Case(f"norm p={p}", call, (rows(0.15, 0.8) if p == 0.5 else rows(),), ROW, "all")
    yield Case("norm of many", lambda lib, x: lib.norm(x), (between(-4, 4, LONG),), ALL)
    yield Case("linalg.vector_norm", lambda lib, x: lib.linalg.vector_norm(x, dim=1), (rows(),), ROW, "all")
    yield Case("linalg.norm fro", lambda lib, x: lib.linalg.matrix_norm(x), (SMALL,), ALL)
    yield Case("linalg.norm 1", lambda lib, x: lib.linalg.matrix_norm(x, 1), (between(-4, 4, (5000, 3)),), ALL)
    for name in ("median", "sort", "topk"):
        args = {"median": (1,), "sort": (1,), "topk": (3, 1)}[name]
        yield Case(name, lambda lib, x, name=name, args=args: getattr(lib, name)(x, *args)[0], (SMALL,), ADDED)


def _normalisations() -> Iterator[Case]:
    weights = between(0.5, 1.5, (40,)), between(-1, 1, (40,))
    for draw, label in ((SMALL, "ordinary"), (rows(), "all")):
        ln = lambda lib, x: lib.nn.functional.layer_norm(x, (40,))
        yield Case("layer_norm", ln, (draw,), ROW, label)
        yield Case("rms_norm", lambda lib, x: lib.nn.functional.rms_norm(x, (40,), eps=1e-5), (draw,), ROW, label)
        yield Case("normalize", lambda lib, x: lib.nn.functional.normalize(x, dim=1), (draw,), ROW, label)
        cos = lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y, dim=1)
        yield Case("cosine_similarity", cos, (draw, draw), ROW, label)
        distance = lambda lib, x, y: lib.nn.functional.pairwise_distance(x, y)
        yield Case("pairwise_distance", distance, (draw, draw), ROW, label)
    yield Case(
        "layer_norm, scaled", lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (40,), w, b), (SMALL, *weights), ALL
    )
    yield Case("rms_norm, scaled", lambda lib, x, w: lib.nn.functional.rms_norm(x, (40,), w), (SMALL, weights[0]), ALL)
    yield Case(
        "layer_norm of many", lambda lib, x: lib.nn.functional.layer_norm(x, (5000,)), (between(-4, 4, LONG),), ROW
    )
    yield Case("layer_norm, far from 0", ln, (between(60, 64),), ROW)


def _losses() -> Iterator[Case]:
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        for reduction in ("sum", "mean", "none"):
            call = lambda lib, x, t, name=name, r=reduction: getattr(lib.nn.functional, name)(x, t, reduction=r)
            yield Case(f"{name} {reduction}", call, (SMALL, SMALL), ROW)
    targets = whole(40, SHAPE[:1])
    for reduction in ("sum", "mean", "none"):
        ce = lambda lib, x, t, r=reduction: lib.nn.functional.cross_entropy(x, t, reduction=r)
        yield Case(f"cross_entropy {reduction}", ce, (SMALL, targets), ROW)
    few = between(-9, 9, (400, 5)), whole(5, (400,))
    yield Case("cross_entropy, few classes", ce, few, ROW)
    yield Case("cross_entropy", ce, (rows(0.3), targets), ROW, "all")
    large = lambda rng, dtype: (1e6 if dtype == np.float32 else 1e3) + rng.integers(-3, 3, SHAPE) * 1.0
    yield Case("cross_entropy, large logits", ce, (large, targets), ROW)
    ce = lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="sum", label_smoothing=0.1)
    yield Case("cross_entropy, smoothed", ce, (SMALL, targets), ROW)
    nll = lambda lib, x, t: lib.nn.functional.nll_loss(lib.nn.functional.log_softmax(x, 1), t, reduction="none")
    yield Case("nll_loss of log_softmax", nll, (SMALL, targets), ROW)
    bce = lambda lib, x, t: lib.nn.functional.binary_cross_entropy(x, t, reduction="none")
    yield Case("binary_cross_entropy", bce, (between(0.01, 0.99), between(0, 1)), ROW)
    for target in (0, 1):
        logits = lambda lib, x, t=target: lib.nn.functional.binary_cross_entropy_with_logits(
            x, 0 * x.detach() + t, reduction="none"
        )
        yield Case(f"bce_with_logits, target {target}", logits, (between(-40, 40),))
    weighted = lambda lib, x, t, w: lib.nn.functional.binary_cross_entropy_with_logits(
        x, t, reduction="none", pos_weight=w.detach()
    )
    yield Case("bce_with_logits, pos_weight", weighted, (SMALL, between(0, 1), between(1, 3, (40,))), ALL)
    kl = lambda lib, x, t: lib.nn.functional.kl_div(x, t, reduction="sum")
    yield Case("kl_div", kl, (between(-4, 0), between(0.1, 1)), ROW)


def _products() -> Iterator[Case]:
    for a, b in (((30, 300), (300, 20)), ((4, 5, 300), (4, 300, 6)), ((300,), (300,)), ((5000, 3), (3, 4))):
        yield Case(f"matmul {a} {b}", lambda lib, x, y: x @ y, (between(-1, 1, a), between(-1, 1, b)), ADDED)
    linear = lambda lib, x, w, b: lib.nn.functional.linear(x, w, b)
    yield Case("linear", linear, (between(-1, 1, (5000, 3)), between(-1, 1, (4, 3)), between(-1, 1, (4,))), ADDED)
    for text, a, b in (
        ("ij,jk->ik", (9, 300), (300, 8)),
        ("bij,bkj->bik", (3, 4, 300), (3, 5, 300)),
        ("ij,ij->j", (300, 4), (300, 4)),
        ("ij,ij->", (30, 40), (30, 40)),
    ):
        call = lambda lib, x, y, text=text: lib.einsum(text, x, y)
        yield Case(f"einsum {text}", call, (between(-1, 1, a), between(-1, 1, b)), ADDED)
    bilinear = lambda lib, x, y, w: lib.nn.functional.bilinear(x, y, w)
    yield Case(
        "bilinear", bilinear, (between(-1, 1, (50, 3)), between(-1, 1, (50, 4)), between(-1, 1, (5, 3, 4))), ADDED
    )
    index = whole(4, (3000,))
    yield Case("embedding", lambda lib, i, w: lib.nn.functional.embedding(i, w), (index, between(-1, 1, (4, 3))), ADDED)
    yield Case("index, repeated", lambda lib, x, i: x[i], (between(-1, 1, (4, 3)), index), ADDED)
    spread = lambda lib, x, i: lib.zeros(4, dtype=x.dtype).scatter_add(0, i, x)
    yield Case("scatter_add", spread, (between(0, 1, (3000,)), index), ADDED)
    yield Case("gather", lambda lib, x, i: x.gather(0, i), (between(-1, 1, (4,)), index), ADDED)


def _matrices() -> Iterator[Case]:
    for name in ("inv", "det", "cholesky", "eigvalsh", "svdvals", "pinv"):
        call = lambda lib, x, name=name: getattr(lib.linalg, name)(x)
        yield Case(f"linalg.{name}", call, (matrix(6, name in ("cholesky", "eigvalsh")),), ALL)
    yield Case("linalg.slogdet", lambda lib, x: lib.linalg.slogdet(x)[1], (matrix(6),), ALL)
    yield Case("linalg.solve", lambda lib, x, b: lib.linalg.solve(x, b), (matrix(6), between(-1, 1, (6, 2))), ALL)
    yield Case("linalg.eigh", lambda lib, x: abs(lib.linalg.eigh(x)[1]), (matrix(6, True),), ALL)
    yield Case("linalg.qr", lambda lib, x: abs(lib.linalg.qr(x)[1]), (matrix(6),), ALL)
    yield Case("linalg.svd", lambda lib, x: abs(lib.linalg.svd(x)[0]), (matrix(6),), ALL)
    yield Case("linalg.norm nuc", lambda lib, x: lib.linalg.matrix_norm(x, "nuc"), (matrix(6),), ALL)


def cases() -> list[Case]:
    """All of them."""
    groups = (_elementwise, _binary, _reductions, _normalisations, _losses, _products, _matrices)
    return [case for group in groups for case in group()]


# Running a case


@dataclass
class Numbered:
    """The result of one run: the value, and the gradient of each floating argument."""

    value: Any
    gradients: list[Any]


def run(library: Any, call: Callable[..., Any], arrays: list[Any]) -> Numbered:
    """Value and gradients of `call` on `arrays`, in the dtype of the floating ones."""
    tensors = [library.tensor(a) for a in arrays]
    wanted = [t for t, a in zip(tensors, arrays) if a.dtype.kind == "f"]
    for tensor in wanted:
        tensor.requires_grad_()
    out = call(library, *tensors)
    if library is tg and out.dtype != wanted[0].dtype:
        raise AssertionError(f"{wanted[0].dtype} became {out.dtype}")
    if out.requires_grad:
        out.backward(library.tensor(_cotangent(tuple(out.shape)).astype(wanted[0].detach().numpy().dtype)))
    gradients = [None if t.grad is None else t.grad.numpy() for t in wanted]
    return Numbered(out.detach().numpy(), [np.zeros(t.shape) if g is None else g for t, g in zip(wanted, gradients)])


def _cotangent(shape: tuple[int, ...]) -> Any:
    """The incoming gradient: numbers near 1 that are exact in float16."""
    return 0.75 + (np.arange(int(np.prod(shape))) % 5).reshape(shape) / 8


def errors(case: Case, dtype: Any, library: Any) -> tuple[float, float] | None:
    """The worst error of the value and of the gradients, in ulps; None if the library has no such function."""
    found = [_errors_once(case, dtype, library, draw) for draw in range(DRAWS)]
    some = [pair for pair in found if pair is not None]
    return (max(value for value, _ in some), max(slope for _, slope in some)) if some else None


def _errors_once(case: Case, dtype: Any, library: Any, draw: int) -> tuple[float, float] | None:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()) + draw)
    exact = [np.asarray(numbers(rng, dtype)) for numbers in case.inputs]
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in exact]
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            got = run(library, case.call, arrays)
        except (tg.DtypeError, RuntimeError, NotImplementedError) as error:
            if any(
                text in str(error)
                for text in ("not implemented", "unsupported", "Low precision", "expected a tensor with", "Half")
            ):
                return None
            raise
        wanted = run(tg, case.call, wide)
        terms = run(tg, case.call, [np.abs(a) for a in wide]) if case.measure == ADDED else wanted
        value = ulps(got.value, wanted.value, unit(terms.value, case.measure, dtype), dtype)
        slopes = [
            ulps(g, w, unit(wanted.value if case.measure == PROBABILITY else t, case.measure, dtype), dtype)
            for g, w, t in zip(got.gradients, wanted.gradients, terms.gradients)
        ]
    return value, max(slopes, default=0.0)


def unit(size: Any, measure: str, dtype: Any) -> Any:
    """One ulp of the number with which an error is compared."""
    size = np.minimum(np.abs(np.nan_to_num(size, nan=0.0)), np.float64(np.finfo(dtype).max))
    if measure in (ROW, PROBABILITY) and size.ndim:
        size = size.max(-1, keepdims=True)
    elif measure == ALL:
        size = size.max(initial=0.0)
    return np.spacing(size.astype(dtype)).astype(np.float64)


def ulps(got: Any, exact: Any, one: Any, dtype: Any) -> float:
    """The largest difference; infinite if one overflows and the other does not."""
    got = np.asarray(got, np.float64)
    rounded = exact.astype(dtype).astype(np.float64)
    same = (got == rounded) | np.isnan(rounded)
    error = np.where(same, np.where(np.isfinite(rounded), np.abs(got - exact), 0), np.abs(got - exact)) / one
    error = np.where(np.isnan(error), np.where(same, 0, np.inf), error)
    return float(error.max(initial=0.0))


# The ops of the registry that no case reaches


def reached(all_cases: list[Case]) -> set[str]:
    """The names of the ops that the cases record."""
    names: set[str] = set()
    mode.recording = lambda node, out: names.add(node.op.name)
    try:
        for case in all_cases:
            errors(case, np.dtype(np.float32), tg)
    finally:
        mode.recording = True
    return names


def own_cases(op: Primitive) -> list[tuple[Any, ...]]:
    """Arguments for an op from its registration, as in the tests."""
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))

    def draw(*shape: int, low: float | None = None, high: float | None = None) -> Any:
        return rng.uniform(op.domain[0] if low is None else low, op.domain[1] if high is None else high, shape)

    if op.cases is not None:
        return [tuple(case) for case in op.cases(draw)]
    return [tuple(draw(3, 4) for _ in op.parameters)]


def own_errors(op: Primitive, dtype: Any) -> tuple[float, float] | tuple[None, None]:
    """As `errors`, for an op of the registry by itself; ulps of the largest result."""
    worst = 0.0, 0.0
    for case in own_cases(op):
        if any(isinstance(a, np.dtype) for a in case):
            continue
        places = [i for i, a in enumerate(case) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]

        def call(library: Any, *tensors: Any, case: Any = case, places: Any = places) -> Any:
            args = list(case)
            for place, tensor in zip(places, tensors, strict=True):
                args[place] = tensor
            out = recorder(op)(*args)
            parts = [part for part in (out if isinstance(out, tuple) else (out,)) if isinstance(part, TensorBase)]
            return next(part for part in parts if part.dtype.kind == "f")

        if places and not (op.symmetric and len(case[0].shape) < 2):
            one = Case(op.name, call, tuple(lambda rng, dtype, a=case[i]: a for i in places), ALL)
            try:
                found = errors(one, dtype, tg)
            except StopIteration:  # it returns no real numbers
                return worst
            if found is None:
                return None, None
            worst = max(worst[0], found[0]), max(worst[1], found[1])
    return worst


# The tables


def shown(error: float | None) -> str:
    """An error with two digits."""
    if error is None:
        return "n/a"
    return f"{error:.1f}" if error < 100 else f"{error:.0e}" if np.isfinite(error) else "inf"


def too_large(ours: tuple[float, float] | None, theirs: tuple[float, float] | None) -> bool:
    """Whether our error is more than 4 times PyTorch's, or only PyTorch has the function."""
    if ours is None or theirs is None:
        return ours is not theirs and ours is None
    return any(a > GOAL * max(b, 0.5) for a, b in zip(ours, theirs))


def main(wanted: str = "") -> None:
    """Print the table, and below it the functions that miss the goal."""
    chosen = [case for case in cases() if wanted in case.name]
    print("| function | sizes | float16 value | float16 gradient | float32 value | float32 gradient |")
    print("| --- | --- | --- | --- | --- | --- |")
    missed = []
    for case in chosen:
        cells = []
        for dtype in DTYPES:
            ours: Any = errors(case, dtype, tg)
            theirs = errors(case, dtype, torch) if torch is not None else None
            if too_large(ours, theirs):
                missed.append(f"{case.name} ({case.sizes}, {dtype})")
            cells += [f"{shown(a)} / {shown(b)}" for a, b in zip(ours or (None, None), theirs or (None, None))]
        print(f"| {case.name} | {case.sizes} | {' | '.join(cells)} |", flush=True)
    print(f"\nAbove 4 times PyTorch's error: {len(missed)}", *missed, sep="\n  ")
    if not wanted:
        registry()


def registry() -> None:
    """Print the ops that the table above does not cover: nearly all of them just move numbers."""
    names = reached(cases())
    rest = [op for name, op in PRIMITIVES.items() if name not in names and op.differentiable]
    print("\n| other op | float16 value | float16 gradient | float32 value | float32 gradient |")
    print("| --- | --- | --- | --- | --- |")
    for op in rest:
        cells = [shown(e) for dtype in DTYPES for e in own_errors(op, dtype)]
        print(f"| {op.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(*sys.argv[1:2])
