"""How wrong gradients are planted on purpose, with what they are seen, and by what they are looked for.

A `Fault` says where it is planted, how, and with which function and arguments it can be seen. Most are planted in a
rule of an op; some in the backward walk, or in a module's `forward`. The library is as before afterwards.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import TensorBase
from tinygrad_edu.engine.primitives import PRIMITIVES, Primitive
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing.checks import gradcheck, gradgradcheck
from tinygrad_edu.testing.comparison import check_float32
from tinygrad_edu.testing.laws.checking import check_laws
from tinygrad_edu.testing.modules import check_module, of_module
from tinygrad_edu.testing.subject import Subject, of_function

__all__ = [
    "FAULTS",
    "USES",
    "Fault",
    "Use",
    "add",
    "examine",
    "in_rule",
    "module",
    "numbers",
    "of",
    "of_part",
    "op",
    "plain",
    "rule",
    "scaled",
    "unary",
    "use",
]

Draw = Callable[[np.random.Generator], tuple[Any, ...]]
Plant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Use:
    """A function with its arguments.

    Attributes:
        name: what to call it.
        make: makes the function, or the module.
        draw: makes the arguments.
        kink: it is to be checked at a kink, where the gradient follows a convention.
        large: it has too many elements for the laws and for second derivatives.
    """

    name: str
    make: Callable[[], Any]
    draw: Draw
    kink: bool = False
    large: bool = False

    def arguments(self, seed: int) -> tuple[Any, ...]:
        return self.draw(np.random.default_rng([seed, zlib.crc32(self.name.encode())]))

    def subject(self, seed: int) -> Subject:
        f = self.make()
        return (
            of_module(f, self.arguments(seed)) if isinstance(f, tg.nn.Module) else of_function(f, self.arguments(seed))
        )


@dataclass(frozen=True)
class Fault:
    """One wrong gradient.

    Attributes:
        id: its name.
        family: the kind of mistake.
        where: the op, the module or the part of the engine that it is planted in.
        plant: plants it, until the context is left.
        use: what shows it.
        blame: the op that is to be named; None where no op's own rule is wrong.
        hint: what the hint is to say, as a regular expression; None where none applies.
    """

    id: str
    family: str
    where: str
    plant: Plant
    use: Use
    blame: str | None
    hint: str | None = None


def examine(use: Use, seed: int = 0, *, everything: bool = False) -> list[Exception]:
    """Check a function as properties do, by all checks there are; what fails, at first or (`everything`) at all."""
    f, arguments = use.make(), use.arguments(seed)
    failures: list[Exception] = []
    for check in _checks(use):
        try:
            check(f, arguments)
        except Exception as error:
            failures.append(error)
            if not everything:
                break
    return failures


def _checks(use: Use) -> list[Callable[[Any, Any], Any]]:
    def of(order: int, on_kink: Any) -> Callable[[Any, Any], Any]:
        def check(f: Any, arguments: Any) -> Any:
            if isinstance(f, tg.nn.Module):
                return check_module(f, *arguments, order=order, on_kink=on_kink, allow_zero=True)
            return (gradcheck if order == 1 else gradgradcheck)(f, arguments, on_kink=on_kink, allow_zero=True)

        return check

    if use.kink:
        return [of(1, "convention")]
    if use.large:
        return [of(1, "skip")]
    laws = lambda f, arguments: check_laws(f, arguments, allow_zero=True)
    return [of(1, "skip"), laws, of(2, "skip"), check_float32]


# ---------------------------------------------------------------------------------------------------- what is used

USES: dict[str, Use] = {}
_CALLS: dict[str, Any] = {}


def op(name: str) -> Any:
    """The op of that name, to be called."""
    if not _CALLS:
        for module in [m for k, m in sys.modules.items() if k.startswith("tinygrad_edu") and m is not None]:
            for value in list(vars(module).values()):
                primitive = getattr(value, "primitive", None)
                if isinstance(primitive, Primitive):
                    _CALLS[primitive.name] = value
    return _CALLS[name]


def numbers(rng: np.random.Generator, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
    """Well separated numbers in random order."""
    size = int(np.prod(shape))
    cells = low + (high - low) * (np.arange(size) + 0.3 + 0.4 * rng.random(size)) / max(size, 1)
    return rng.permutation(cells).reshape(shape)


def use(name: str, f: Any, *shapes: Any, low: float = -2.0, high: float = 2.0, **options: Any) -> Use:
    """A use of `f` on arrays of those shapes; what is not a shape is passed on, or called with the source of chance."""

    def draw(rng: np.random.Generator) -> tuple[Any, ...]:
        return tuple(
            numbers(rng, *s, low=low, high=high) if isinstance(s, tuple) else s(rng) if callable(s) else s
            for s in shapes
        )

    if name not in USES:
        USES[name] = Use(name, lambda: f, draw, **options)
    return USES[name]


def unary(name: str, *shape: int) -> Use:
    """The op of one array, on its domain."""
    low, high = PRIMITIVES[name].domain
    shape = shape or (3, 4)
    return use(f"{name}{shape}", lambda x: op(name)(x), shape, low=low, high=high)


def module(name: str, make: Callable[[], Any], *shapes: Any) -> Use:
    def made() -> Any:
        tg.manual_seed(3)
        return make()

    if name not in USES:
        plain = use(f"arguments of {name}", None, *shapes)
        del USES[plain.name]
        USES[name] = Use(name, made, plain.draw)
    return USES[name]


def binary(name: str, *shapes: tuple[int, ...]) -> Use:
    low, high = PRIMITIVES[name].domain
    a, b = shapes or ((3, 4), (3, 4))
    return use(f"{name}{a}{b}", lambda x, y: op(name)(x, y), a, b, low=low, high=high)


def square(rng: np.random.Generator) -> Any:
    return numbers(rng, 3, 3) + 4 * np.eye(3)


def symmetric(rng: np.random.Generator) -> Any:
    a = numbers(rng, 3, 3)
    return a @ a.T + np.diag([2.0, 4.0, 7.0])


_cuts = {
    "matmul": lambda: binary("matmul", (2, 3), (3, 4)),
    "matmul square": lambda: binary("matmul", (3, 3), (3, 3)),
    "linear": lambda: use("linear", lambda x, w, b: op("linear")(x, w, b), (4, 3), (3, 3), (3,)),
    "softmax": lambda: use("softmax", lambda x: tg.softmax(x, -1), (3, 4)),
    "log_softmax": lambda: use("log_softmax", lambda x: tg.log_softmax(x, -1), (3, 4)),
    "layer_norm": lambda: use("layer_norm", lambda x, w, b: tg.layer_norm(x, 5, w, b), (3, 5), (5,), (5,)),
    "rms_norm": lambda: use("rms_norm", lambda x, w: tg.rms_norm(x, 5, w), (3, 5), (5,)),
    "sum": lambda: use("sum", lambda x: tg.sum(x) * 1.5, (3, 4)),
    "sum_over": lambda: use("sum_over", lambda x: x.sum(1), (3, 4)),
    "sum_over -1": lambda: use("sum_over -1", lambda x: op("sum_over")(x, -1, False), (3, 4)),
    "mean": lambda: use("mean", lambda x: x.mean(1), (3, 5)),
    "mean -1": lambda: use("mean -1", lambda x: op("mean")(x, -1, False), (3, 5)),
    "var": lambda: use("var", lambda x: x.var(1), (3, 5)),
    "std": lambda: use("std", lambda x: x.std(1), (3, 5)),
    "norm": lambda: use("norm", lambda x: tg.norm(x, dim=1), (3, 4)),
    "prod": lambda: use("prod", lambda x: tg.prod(x, 1), (3, 4)),
    "logsumexp": lambda: use("logsumexp", lambda x: tg.logsumexp(x, 1), (3, 4)),
    "logsumexp -1": lambda: use("logsumexp -1", lambda x: op("logsumexp")(x, -1, False), (3, 4)),
    "cumsum": lambda: use("cumsum", lambda x: tg.cumsum(x, 1), (3, 5)),
    "cumprod": lambda: use("cumprod", lambda x: tg.cumprod(x, 1), (3, 5)),
    "roll": lambda: use("roll", lambda x: tg.roll(x, 2, 1), (3, 5)),
    "roll -1": lambda: use("roll -1", lambda x: op("roll")(x, 2, -1), (3, 5)),
    "flip": lambda: use("flip", lambda x: tg.flip(x, 1), (3, 5)),
    "flip -1": lambda: use("flip -1", lambda x: op("flip")(x, -1), (3, 5)),
    "pad": lambda: use("pad", lambda x: op("pad")(x, ((0, 0), (2, 1)), 0.0), (3, 5)),
    "diagonal": lambda: use("diagonal", lambda x: op("diagonal")(x, 1, 0, 1), (4, 4)),
    "tril": lambda: use("tril", lambda x: tg.tril(x), (4, 4)),
    "transpose": lambda: use("transpose", lambda x: op("transpose")(x, (1, 2, 0)), (3, 3, 3)),
    "reshape": lambda: use("reshape", lambda x: x.reshape((4, 3)), (3, 4)),
    "getitem": lambda: use("getitem", lambda x: x[1:4], (6, 2)),
    "gather rows": lambda: use("gather rows", lambda x: x[np.array([0, 2, 2, 4])], (6, 2)),
    "take_along": lambda: use("max", lambda x: tg.max(x, 1).values, (3, 5)),
    "sort": lambda: use("sort", lambda x: tg.sort(x, 1).values, (3, 5)),
    "topk": lambda: use("topk", lambda x: tg.topk(x, 2, 1).values, (3, 5)),
    "cat": lambda: use("cat", lambda x, y: tg.cat([x, y], 0), (3, 4), (2, 4)),
    "stack": lambda: use("stack", lambda x, y: tg.stack([x, y], 1), (3, 4), (3, 4)),
    "where": lambda: use("where", lambda x, y: tg.where(np.arange(12).reshape(3, 4) % 3 > 0, x, y), (3, 4), (3, 4)),
    "masked_fill": lambda: use("masked_fill", lambda x: x.masked_fill(tg.tensor(np.arange(4) > 1), 0.5), (3, 4)),
    "einsum": lambda: use("einsum", lambda x, y: tg.einsum("ij,jk->ik", x, y), (3, 3), (3, 3)),
    "solve": lambda: use("solve", lambda a, b: tg.linalg.solve(a, b), square, (3, 2)),
    "inv": lambda: use("inv", lambda a: tg.linalg.inv(a), square),
    "det": lambda: use("det", lambda a: tg.linalg.det(a), square),
    "slogdet": lambda: use("slogdet", lambda a: tg.linalg.slogdet(a)[1], square),
    "cholesky": lambda: use("cholesky", lambda a: tg.linalg.cholesky((a + a.T) / 2), symmetric),
    "svd": lambda: use("svd", lambda a: tuple(op("svd")(a, False))[1], square),
    "qr": lambda: use("qr", lambda a: tuple(op("qr")(a, "reduced")), square),
    "eigh": lambda: use("eigh", lambda a: tg.linalg.eigh((a + a.T) / 2).eigenvalues, symmetric),
    "split": lambda: use("split", lambda x: tuple(tg.split(x, 2, 1)), (3, 6)),
    "clip": lambda: use("clip", lambda x: tg.clamp(x, -0.9, 1.1), (3, 4)),
    "lerp": lambda: use("lerp", lambda x, y, w: op("lerp")(x, y, w), (3, 4), (3, 4), (3, 4)),
    "amax": lambda: use("amax", lambda x: tg.amax(x, 1), (3, 4)),
    "expand": lambda: use("expand", lambda x: op("broadcast_to")(x, (3, 4)), (4,)),
    "cross_entropy": lambda: use(
        "cross_entropy", lambda x: op("softmax_cross_entropy")(x, np.array([0, 2, 2, 1])), (4, 3)
    ),
    "chain": lambda: use("chain", lambda x: tg.tanh(tg.sin(x) * 1.5).sum(1), (3, 4)),
    "elu": lambda: use("elu", lambda x: F.elu(x), (3, 4)),
    "leaky_relu": lambda: use("leaky_relu", lambda x: F.leaky_relu(x, 0.1), (3, 4)),
    "softplus": lambda: use("softplus", lambda x: F.softplus(x), (3, 4)),
    "gelu": lambda: use("gelu", lambda x: F.gelu(x), (3, 4)),
}


def of(name: str) -> Use:
    """A use by its name: one of the list above, or an op of one or two arrays."""
    if name in _cuts:
        return _cuts[name]()
    return binary(name) if len(PRIMITIVES[name].parameters) == 2 else unary(name)


# ------------------------------------------------------------------------------------------------- how it is planted

Bad = Callable[..., Any]


@contextmanager
def attribute(thing: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(thing, name)
    setattr(thing, name, value)
    try:
        yield
    finally:
        setattr(thing, name, before)


def in_rule(name: str, bad: Callable[[], Bad], index: int = 0) -> Plant:
    """Put ``bad()(right, g, out, *args)`` in the place of an op's rule for one argument; `right` is that rule's answer.

    `right` is a function of no arguments, or of another `g` and perhaps other arguments.
    """

    @contextmanager
    def plant() -> Iterator[None]:
        primitive, wrong = PRIMITIVES[name], bad()
        if primitive.joint is not None:
            joint = primitive.joint

            def rule(g: Any, out: Any, *args: Any, needs: Any) -> Any:
                parts = list(joint(g, out, *args, needs=needs))
                if needs[index] is not None and parts[index] is not None:
                    right = lambda h=g, *a: joint(h, out, *(a or args), needs=needs)[index]
                    parts[index] = wrong(right, g, out, *args)
                return tuple(parts)

            with attribute(primitive, "joint", rule):
                yield
            return
        rules = list(primitive.vjps)
        old: Any = rules[index]
        rules[index] = lambda g, out, *args: wrong(lambda h=g, *a: old(h, out, *(a or args)), g, out, *args)
        with attribute(primitive, "vjps", tuple(rules)):
            yield

    return plant


def plain(value: Any) -> bool:
    """Whether a rule computes with arrays: a backward pass that is not differentiated itself."""
    return not isinstance(value, TensorBase)


def of_part(change: Callable[[Any], Any]) -> Callable[[], Bad]:
    """A wrong rule made of the right one: its answer, changed."""
    return lambda: lambda right, g, out, *args: change(right())


def scaled(k: float) -> Callable[[], Bad]:
    return of_part(lambda part: part * k)


FAULTS: list[Fault] = []


def add(
    family: str, label: str, where: str, plant: Plant, used: Use, blame: str | None = None, hint: str | None = None
) -> None:
    FAULTS.append(Fault(f"{family}: {label}", family, where, plant, used, blame, hint))


def rule(
    family: str,
    name: str,
    bad: Callable[[], Bad],
    used: str | Use | None = None,
    index: int = 0,
    hint: str | None = None,
    label: str = "",
    blame: bool = True,
) -> None:
    """A fault in a rule of the op `name`."""
    chosen = used if isinstance(used, Use) else of(used or name)
    number = f" {index}" if index else ""
    add(
        family,
        f"{name}{number}{label and ' '}{label}",
        name,
        in_rule(name, bad, index),
        chosen,
        blame * name or None,
        hint,
    )
