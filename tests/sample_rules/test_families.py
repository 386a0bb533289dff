"""Sample rules: every op of the registry against what its gradients say of who belongs to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made import normal, parameter
from ops.test_registry import OP_CALLS, cases, differentiable_arguments, leaves, results, run
from per_sample import (
    RULED,
    Call,
    call_of,
    calls,
    check_open_sum,
    fitted,
    gradient_of,
    ids_of,
    one_hot_passes,
    owners_for,
    people,
    variants,
)

import tinygrad_edu as tg
from tinygrad_edu.engine.backprop import apply_vjp
from tinygrad_edu.engine.primitives import PRIMITIVES, Primitive
from tinygrad_edu.ops.indexing import _put_add as put_add
from tinygrad_edu.ops.indexing import plain_index
from tinygrad_edu.sample_rules.families import Choosing, Contraction, Moving, Overwriting
from tinygrad_edu.sample_rules.ids import CROWD, Use
from tinygrad_edu.sample_rules.rule import SampleRule


def nonzero(array: np.ndarray) -> np.ndarray:
    """Where an array is neither zero nor what rounding leaves of numbers like its largest one."""
    return np.abs(array) > 1e-12 * max(1.0, np.abs(array).max(initial=0.0))


def reached(call: Call, ids: tuple[Any, ...]) -> list[dict[int, np.ndarray]]:
    """For each argument, and each sample, which elements get a gradient from that sample's part of the results."""
    found: list[dict[int, np.ndarray]] = [{} for _ in call.node.inputs]
    for m in people(ids):
        parts = apply_vjp(call.node, gradient_of(call, ids, m), call.node.inputs, None)
        for i, (link, part) in enumerate(zip(call.node.inputs, parts)):  # rules may be fewer
            if link is not None:
                found[i][m] = nonzero(fitted(part, link.shape))
    return found


def check_rule(call: Call, ids: tuple[Any, ...]) -> None:
    """What the rule says of the arguments is so: no other sample's gradient reaches an element."""
    rule, own = call.node.op.samples, ids if call.several else ids[0]
    touched = reached(call, ids)
    for found in (rule.ids_of(call.node, own), rule.exactly(call.node, own)):
        _check_found(call, found, touched, f"{call.node.op.name}, ids {ids}")


def _check_found(call: Call, found: Any, touched: list[dict[int, np.ndarray]], what: str) -> None:
    for i, by_sample in enumerate(touched):
        link = call.node.inputs[i]
        if link is None:
            continue
        own = found[i]
        if isinstance(own, Use):
            assert own is not Use.MIXED or call.node.op.samples.mixing, f"{what}: mixed, and no line was kept"
            continue
        assert isinstance(own, np.ndarray), f"{what}: argument {i} belongs to {own!r}"
        assert own.ndim == len(link.shape), f"{what}: argument {i} of shape {link.shape}, ids {own.shape}"
        assert all(n in (1, full) for n, full in zip(own.shape, link.shape, strict=True)), what
        for m, elements in by_sample.items():
            assert not (elements & (own != m) & (own < CROWD)).any(), (
                f"{what}: sample {m} reaches more of argument {i} than its own"
            )


# Ops that take, move or overwrite elements and do not compute: who uses which can be known exactly.
TAKING = [p for p in RULED if isinstance(p.values[0].samples, Moving | Choosing | Overwriting)]


@pytest.mark.parametrize("op", TAKING)
def test_exactly_takes_nothing_for_a_samples_own_that_it_does_not_use(op: Primitive) -> None:
    for call in calls(op):
        for ids in owners_for(call):
            found = op.samples.exactly(call.node, ids if call.several else ids[0])
            for i, by_sample in enumerate(reached(call, ids)):
                for m, elements in by_sample.items():
                    if isinstance(found[i], np.ndarray):
                        assert not ((found[i] == m) & ~elements).any(), f"{op.name}, ids {ids}, argument {i}"


@pytest.mark.parametrize("op", RULED)
def test_no_other_samples_gradient_reaches_an_argument(op: Primitive) -> None:
    checked = 0
    for call in calls(op):
        for ids in owners_for(call):
            check_rule(call, ids)
            checked += 1
    assert checked, f"{op.name}: no case has anything to differentiate"


# The place that these read depends on all elements along the axis, though their derivative does not show it.
CHOOSING = {"cummax", "cummin", "kthvalue", "max", "median", "min", "sort", "topk"}
# At one point a derivative that is zero by chance looks like none at all, and these rules rightly do not look at it;
# the cofactor of a 1x1 matrix is 1; weights along a normalised axis could be told apart, but the input cannot.
GIVE_UP = {"clip", "floor_divide", "fmod", "maximum", "minimum", "remainder", "where"}
GIVE_UP |= {"cofactor", "eigh", "layer_norm", "rms_norm", "svd"}


@pytest.mark.parametrize("op", [p for p in RULED if p.values[0].name not in GIVE_UP | CHOOSING])
def test_no_rule_gives_up_where_each_element_has_one_sample(op: Primitive) -> None:
    for call in calls(op):
        if any(not r.size for r in call.results):
            continue
        for ids in owners_for(call, all_kinds=False):
            found = ids_of(call, ids)
            for argument, touched in enumerate(reached(call, ids)):
                if touched and isinstance(found[argument], Use) and touched[0].size:
                    several = sum(t.astype(int) for t in touched.values()) > 1
                    assert several.any(), f"{op.name}: argument {argument}, ids {ids}, {found[argument]}"


def losses_along(axis: int, out: Any) -> Any:
    """One loss for each place along an axis of the results: what stands there, weighted and summed."""
    total: Any = None
    sizes = [r.shape[axis] for r in results(out) if r.ndim > axis]
    for k, part in enumerate(results(out)):
        weights = np.random.default_rng(k).normal(size=part.shape)
        if part.ndim > axis and part.shape[axis] == sizes[0]:
            term = (part * weights).sum(tuple(i for i in range(part.ndim) if i != axis))
        elif not sizes:
            term = part * np.arange(1.0, 4.0)
        else:
            continue
        total = term if total is None else total + term
    return total


@pytest.mark.parametrize("op", RULED)
def test_open_sum_equals_one_hot_passes(op: Primitive) -> None:
    """For leaves and for computed arguments; samples are found to be coupled only where they meet."""
    checked = 0
    for case in cases(op):
        wanted = differentiable_arguments(op, case)
        if not wanted:
            continue
        inputs = leaves(case, wanted)
        tracked = [inputs[i] for i in wanted]
        axes = range(max(1, *[r.ndim for r in results(run(op, *inputs))]))
        for axis in axes:
            for computed in (False, True):
                checked += 1

                def losses(axis: int = axis, computed: bool = computed, inputs: list[Any] = inputs) -> Any:
                    given = [v * 0.999 if computed and isinstance(v, tg.Tensor) else v for v in inputs]
                    return losses_along(axis, run(op, *given))

                try:
                    check_open_sum(losses, tracked)
                except tg.SampleCouplingError:
                    assert computed or op.symmetric, f"{op.name}: a parameter couples nothing"
                    meets = [nonzero(e).sum(0) > 1 for e in one_hot_passes(losses(), tracked)]
                    met = op.name in CHOOSING or any(m.any() or not m.size for m in meets)
                    assert met, f"{op.name}, axis {axis}: samples do not meet"
                    check_open_sum(losses, tracked, coupled=True)
    assert checked, f"{op.name}: no case has anything to differentiate"


def test_every_differentiable_op_has_a_sample_rule_and_is_checked_here() -> None:
    library = {n for n, op in PRIMITIVES.items() if op.forward.__module__.startswith("tinygrad_edu.")}
    differentiable = {name for name in library if PRIMITIVES[name].differentiable}
    assert [name for name in differentiable if not isinstance(PRIMITIVES[name].samples, SampleRule)] == []
    assert differentiable == {p.values[0].name for p in RULED}


@pytest.mark.parametrize("op", RULED)
def test_permuting_ops_move_each_element_to_one_place(op: Primitive) -> None:
    for call in calls(op):
        if op.samples.permutes(call.node):
            link = call.node.inputs[0]
            places = np.arange(int(np.prod(link.shape))).reshape(link.shape)
            moved = op.forward(places, *call.node.args[1:])
            assert len(np.unique(moved)) == np.asarray(moved).size
            assert np.isin(moved, places).all()


@pytest.mark.parametrize("op", [p for p in RULED if isinstance(p.values[0].samples, Contraction)])
def test_contractions_are_what_their_letters_say(op: Primitive) -> None:
    for case in cases(op):
        inputs = leaves(case, differentiable_arguments(op, case))
        call = call_of(run(op, *inputs))
        terms = op.samples.terms(call.node)
        arrays = [v.array if isinstance(v, tg.Tensor) else v for v in inputs]
        total: Any = 0.0
        alone = [i for i, letters in enumerate(terms.inputs) if letters is not None and not terms.partners[i]]
        factors = [i for i, letters in enumerate(terms.inputs) if letters is not None and terms.partners[i]]
        size = dict(zip(terms.output, call.results[0].shape, strict=True))
        for group in ([factors] if factors else []) + [[i] for i in alone]:
            if any(arrays[i] is None for i in group):
                continue
            assert all(set(terms.partners[i]) == set(group) - {i} for i in group)
            present = "".join(c for c in terms.output if any(c in terms.inputs[i] for i in group))
            spec = ",".join(terms.inputs[i] for i in group) + "->" + present
            part = np.einsum(spec, *[arrays[i] for i in group])
            total = total + part.reshape([part.shape[present.index(c)] if c in present else 1 for c in size])
        np.testing.assert_allclose(
            np.broadcast_to(total, call.results[0].shape), call.results[0], rtol=1e-12, atol=1e-12
        )


def test_results_that_pass_a_module_with_hooks_keep_their_samples() -> None:
    a, b = (tg.tensor(np.random.default_rng(i).normal(size=(3, 2)), requires_grad=True) for i in range(2))
    call = call_of(OP_CALLS["boundary"](a, b))
    for ids in owners_for(call):
        check_rule(call, ids)


def an_index(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    basic = hnp.basic_indices(shape, allow_newaxis=True, max_dims=4)
    return basic | hnp.integer_array_indices(shape) | hnp.arrays(bool, shape)


@settings(max_examples=50)
@given(st.data())
def test_reading_and_writing_by_any_index(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=3))
    index = data.draw(an_index(shape))
    x = tg.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    value = tg.tensor(np.random.default_rng(1).normal(size=x[index].shape), requires_grad=True)
    ways: list[Callable[[], Any]] = [
        lambda: x[index],
        lambda: tg.set_item(x, index, value),
        lambda: put_add(value, shape, plain_index(index)),
    ]
    for way in ways:
        for ids in variants(way().shape):
            check_rule(call_of(way()), (ids,))
        for axis in range(way().ndim):
            check_open_sum(lambda way=way, axis=axis: losses_along(axis, way()), [x, value])


ROWS = np.arange(4)

FREE: dict[str, Callable[[Any], Any]] = {
    "beside a diagonal": lambda h: tg.einsum("ii->i", h) + (h * (1 - np.eye(4))).sum(0),
    "overwritten": lambda h: tg.set_item(h, (ROWS, ROWS), 1.0).tanh().sum(1) + h[ROWS, ROWS].flip(0),
    "written twice": lambda h: (
        tg.set_item(np.zeros(4), np.array([1, 1, 2, 3]), h[0] * 2)
        + tg.set_item(np.zeros(4), slice(3, 4), h[np.array([0]), np.array([0])])
    ),
}


@pytest.mark.parametrize("losses", FREE.values(), ids=FREE.keys())
def test_elements_that_one_use_leaves_out_are_free_for_another(losses: Callable[[Any], Any]) -> None:
    p = parameter(4, 4)
    check_open_sum(lambda: losses(p.tanh()), [p])


# An op of the user


@tg.primitive(
    vjps=(lambda g, out, x, fill: g[0] + g[2],),
    saves=("",),
    name="beside_a_constant",
    samples=tg.sample_rules.moving,
)
def beside_a_constant(x: Any, fill: float) -> Any:
    return np.stack([x, np.full_like(x, fill), x])


def test_an_op_of_the_user_that_moves_elements_beside_constants() -> None:
    x, w = tg.tensor(normal(5, 3)), parameter(3, 2, seed=1)
    for fill in (0.0, 7.0):
        check_open_sum(lambda fill=fill: (beside_a_constant(w, fill) * np.arange(1.0, 3.0)).tanh().sum((1, 2)), [w])
        check_open_sum(lambda fill=fill: (x @ beside_a_constant(w, fill)[0]).tanh().sum(1), [w])
    kept = w.sample_grads.cost()
    assert kept.seeded  # it is not known that each element goes to one place alone
