"""Every op of the registry against the same demands: its rules, and what the engine asks of an op."""

from __future__ import annotations

import gc
import weakref
import zlib
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import TensorBase
from tinygrad_edu.engine.primitives import PRIMITIVES, Primitive
from tinygrad_edu.testing import gradcheck

OPS = {name: op for name, op in PRIMITIVES.items() if op.forward.__module__.startswith("tinygrad_edu.")}


class Draw:
    """Makes arrays for an op's cases: well separated values in its domain, in random order."""

    def __init__(self, op: Primitive, seed: int = 0) -> None:
        self.domain = op.domain
        self.rng = np.random.default_rng(seed + zlib.crc32(op.name.encode()))

    def __call__(self, *shape: int, low: float | None = None, high: float | None = None) -> np.ndarray:
        low = self.domain[0] if low is None else low
        high = self.domain[1] if high is None else high
        size = int(np.prod(shape))
        # The middles of equal cells, shaken a little: no two values alike, none at a cell's edge.
        values = low + (high - low) * (np.arange(size) + 0.3 + 0.4 * self.rng.random(size)) / max(size, 1)
        return self.rng.permutation(values).reshape(shape)


def cases(op: Primitive, seed: int = 0) -> list[tuple[Any, ...]]:
    draw = Draw(op, seed)
    if op.cases is not None:
        return [tuple(case) for case in op.cases(draw)]
    if len(op.parameters) == 1:
        return [(draw(2, 3),), (draw(),), (draw(0, 2),), (draw(1),)]
    if len(op.parameters) == 2:
        shapes = [
            ((2, 3), (2, 3)),
            ((2, 3), (3,)),
            ((2, 1), (1, 3)),
            ((), (2,)),
            ((2,), ()),
            ((0, 3), (3,)),
            ((1,), (2, 2)),
        ]
        return [(draw(*a), draw(*b)) for a, b in shapes]
    raise AssertionError(f"{op.name}: an op of {len(op.parameters)} parameters must bring its own cases")


def run(op: Primitive, *args: Any) -> Any:
    return OP_CALLS[op.name](*symmetrized(op, args))


def forward(op: Primitive, *args: Any) -> Any:
    return op.forward(*symmetrized(op, args))


def symmetrized(op: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, the first made symmetric where the op is one of symmetric matrices."""
    return ((args[0] + np.swapaxes(args[0], -1, -2)) / 2, *args[1:]) if op.symmetric else args


def floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def differentiable_arguments(op: Primitive, case: tuple[Any, ...]) -> list[int]:
    found = []
    for i, value in enumerate(case):
        rule = op.joint or (op.vjps[i] if i < len(op.vjps) else None)
        if rule is not None and floating(value):
            found.append(i)
    return found


def results(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)


def cotangents(out: Any, op: Primitive) -> list[np.ndarray]:
    rng = np.random.default_rng(7 + zlib.crc32(op.name.encode()))
    return [rng.uniform(0.5, 1.5, r.shape) * rng.choice([-1.0, 1.0], r.shape) for r in results(out)]


def leaves(case: tuple[Any, ...], wanted: list[int]) -> list[Any]:
    return [tg.tensor(v, requires_grad=True) if i in wanted else v for i, v in enumerate(case)]


def weighted(out: Any, weights: list[np.ndarray]) -> Any:
    """The sum of all results' elements, each times its weight."""
    total: Any = 0.0
    for part, weight in zip(results(out), weights, strict=True):
        total = total + (part * weight).sum()
    return total


OP_CALLS = {}
for _module in list(__import__("sys").modules.values()):
    if getattr(_module, "__name__", "").startswith("tinygrad_edu"):
        for _value in list(vars(_module).values()):
            _op = getattr(_value, "primitive", None)
            if isinstance(_op, Primitive):
                OP_CALLS[_op.name] = _value

CASES = [pytest.param(op, i, id=f"{name}-{i}") for name, op in OPS.items() for i in range(len(cases(op)))]
DIFFERENTIABLE = [p for p in CASES if p.values[0].differentiable]


def check(op: Primitive, number: int, order: int) -> None:
    """`gradcheck` of one case, at arguments away from kinks; a case without elements has only a shape to be right."""
    case = cases(op)[number]
    wanted = differentiable_arguments(op, case)
    assert wanted or not any(floating(v) and v.size for v in case), "a case with nothing to differentiate"
    outputs = results(forward(op, *case))
    if any(case[i].size for i in wanted) and any(out.size for out in outputs):
        report = gradcheck(lambda *args: results(run(op, *args)), case, wrt=wanted, order=order, allow_zero=True)
        assert not report.inconclusive, report
        return
    inputs = leaves(case, wanted)
    out = run(op, *inputs)
    tg.autograd.backward(list(results(out)), cotangents(out, op))
    assert [inputs[i].grad.shape for i in wanted] == [case[i].shape for i in wanted]


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_gradient_equals_the_numeric_one(op: Primitive, number: int) -> None:
    check(op, number, 1)


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_second_derivative_equals_the_numeric_one(op: Primitive, number: int) -> None:
    check(op, number, 2)


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_float32_stays_float32(op: Primitive, number: int) -> None:
    case = tuple(v.astype(np.float32) if floating(v) else v for v in cases(op)[number])
    if any(isinstance(v, np.dtype) and v == np.float64 for v in case):
        pytest.skip("the case asks for float64")
    wanted = differentiable_arguments(op, case)
    inputs = leaves(case, wanted)
    out = run(op, *inputs)
    assert all(r.dtype == np.float32 for r in results(out)), [r.dtype for r in results(out)]
    raw_types: list[np.dtype] = []
    for i in wanted:
        inputs[i].register_hook(lambda g: raw_types.append(g.dtype))
    tg.autograd.backward(list(results(out)))
    assert raw_types == [np.float32] * len(wanted), "a rule widened the gradient"


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_memory_layout_does_not_matter(op: Primitive, number: int) -> None:
    case = cases(op)[number]
    wanted = differentiable_arguments(op, case)

    def strided(value: np.ndarray) -> np.ndarray:
        """The same numbers, every second element of a reversed, transposed block."""
        block = np.zeros(tuple(2 * n for n in reversed(value.shape)))
        view = block[(..., *(slice(None, None, -2) for _ in block.shape))].T
        view[...] = value
        return view

    gradients = []
    for layout in (lambda v: v, strided):
        inputs = [tg.Tensor(layout(v)).requires_grad_() if i in wanted else v for i, v in enumerate(case)]
        out = run(op, *inputs)
        tg.autograd.backward(list(results(out)), cotangents(out, op))
        gradients.append([inputs[i].grad.array for i in wanted])
    for plain, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_gradients_share_no_memory_and_inputs_are_untouched(op: Primitive, number: int) -> None:
    case = cases(op)[number]
    wanted = differentiable_arguments(op, case)
    inputs = leaves(case, wanted)
    before = [v.array.copy() if isinstance(v, TensorBase) else v for v in inputs]
    out = run(op, *inputs)
    weights = cotangents(out, op)
    kept = [w.copy() for w in weights]
    tg.autograd.backward(list(results(out)), weights)
    arrays = [inputs[i].grad.array for i in wanted]
    others = [v.array for v in inputs if isinstance(v, TensorBase)] + [r.array for r in results(out)] + weights
    for i, array in enumerate(arrays):
        assert array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in arrays[:i] + others)
    for value, copy in zip(inputs, before, strict=True):
        if isinstance(value, TensorBase):
            np.testing.assert_array_equal(value.array, copy)
    for weight, copy in zip(weights, kept, strict=True):
        np.testing.assert_array_equal(weight, copy)


@pytest.mark.parametrize(("op", "number"), DIFFERENTIABLE)
def test_rules_are_linear_in_the_gradient(op: Primitive, number: int) -> None:
    case = cases(op)[number]
    wanted = differentiable_arguments(op, case)
    inputs = leaves(case, wanted)
    out = list(results(run(op, *inputs)))
    a, b = cotangents(tuple(out), op), [np.cos(np.arange(r.array.size)).reshape(r.shape) for r in out]

    def pull(seeds: list[np.ndarray]) -> list[np.ndarray]:
        found = tg.autograd.grad(out, [inputs[i] for i in wanted], seeds, retain_graph=True)
        return [g.array for g in found]

    both = pull([2 * u - 3 * v for u, v in zip(a, b, strict=True)])
    for total, x, y in zip(both, pull(a), pull(b), strict=True):
        np.testing.assert_allclose(total, 2 * x - 3 * y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("op", "number"), CASES)
def test_arrays_in_array_out(op: Primitive, number: int) -> None:
    case = cases(op)[number]
    for raw, expected in zip(results(run(op, *case)), results(forward(op, *case)), strict=True):
        assert not isinstance(raw, TensorBase)
        np.testing.assert_array_equal(raw, expected)


@pytest.mark.parametrize(("op", "number"), CASES)
def test_what_may_be_a_view_says_so(op: Primitive, number: int) -> None:
    case = cases(op)[number]
    arrays = [value for value in symmetrized(op, case) if isinstance(value, np.ndarray)]
    for out in results(op.forward(*case)):
        shared = [i for i, array in enumerate(arrays) if out is not array and np.may_share_memory(out, array)]
        assert shared == [] or (op.view and shared == [0]), f"{op.name}: view=True is missing"


@pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in OPS.items()])
def test_every_op_can_be_called_by_these_tests(op: Primitive) -> None:
    assert op.name in OP_CALLS, f"{op.name} is not importable from its module"
    found = cases(op)
    assert found, f"{op.name} brings no cases"
    if op.differentiable:
        covered = {i for case in found for i in differentiable_arguments(op, case)}
        with_rule = {i for i, rule in enumerate(op.vjps) if rule is not None}
        assert with_rule <= covered, f"{op.name}: no case differentiates arguments {with_rule - covered}"


@pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in OPS.items() if op.numpy])
def test_numpy_functions_on_tensors_are_the_op(op: Primitive) -> None:
    case = cases(op)[0]
    for function in op.numpy:
        expected = results(forward(op, *case))
        wrap = np.ndarray if not op.differentiable else ()
        tensors = [tg.Tensor(v) if floating(v) or isinstance(v, wrap) else v for v in symmetrized(op, case)]
        out = results(OP_CALLS[op.name](*tensors))
        assert all(isinstance(o, tg.Tensor) for o in out)
        for o, e in zip(out, expected, strict=True):
            np.testing.assert_array_equal(o.array, e)
        out = results(function(*tensors))
        for o, e in zip(out, expected, strict=True):
            np.testing.assert_array_equal(o.array, e)


@pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in OPS.items() if op.differentiable])
def test_graphs_of_any_order_are_freed_without_the_garbage_collector(op: Primitive) -> None:
    case = cases(op)[0]
    wanted = differentiable_arguments(op, case)
    gc.disable()
    try:
        inputs = leaves(case, wanted)
        out = run(op, *inputs)
        found = tg.autograd.grad(
            list(results(out)), [inputs[i] for i in wanted], cotangents(out, op), create_graph=True, allow_unused=True
        )
        tensors = [*results(out), *(g for g in found if g is not None), *(inputs[i] for i in wanted)]
        references = [weakref.ref(t) for t in tensors]
        del inputs, out, found, tensors
        assert [r() for r in references] == [None] * len(references)
    finally:
        gc.enable()
