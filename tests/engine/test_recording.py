"""How a call becomes a node: what is recorded, and what is kept."""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import versions
from tinygrad_edu.engine.callsite import line_of
from tinygrad_edu.engine.graph import Cotangents, Node, Unread
from tinygrad_edu.engine.observing import Observer, under
from tinygrad_edu.engine.recording import lift, make_tensor, pick
from tinygrad_edu.errors import DtypeError, ShapeError
from tinygrad_edu.sample_rules.families import elementwise


def op(function: Callable[..., Any], saves: Sequence[str] | None = None, rules: Any = None, **more: Any) -> Any:
    """An op of a function, whose rules, one for each of its parameters, pass the gradient on."""
    count = function.__code__.co_argcount + bool(function.__code__.co_flags & 4)
    rules = [lambda g, out, *args: g] * count if rules is None else rules
    return tg.primitive(vjps=() if "joint" in more else rules, saves=saves, name="tried", **more)(function)


def made(result: Any) -> Node:
    """The node behind a result."""
    assert isinstance(result.source, Node)
    return result.source


def doubles(count: int, tracked: Sequence[int] = ()) -> list[tg.Tensor]:
    """Tensors of two numbers, of which the tracked ones require a gradient."""
    return [tg.tensor(np.array([1.5, 2.0 + i]), requires_grad=i in tracked) for i in range(count)]


SMALL = {"dtype": tg.uint8}  # of which NumPy takes the square root in float16


def watched(*shape: int) -> tuple[tg.Tensor, weakref.ref[np.ndarray]]:
    """A tensor, and a weak reference that tells whether its array is still alive."""
    array = np.full(shape, 1.5)
    return tg.Tensor(array), weakref.ref(array)


def test_what_no_rule_reads_is_not_kept() -> None:
    w = tg.tensor(np.ones((2, 2)), requires_grad=True)
    x, seen = watched(2, 2)
    y = w + x
    del x
    assert seen() is None, "addition reads nothing"
    x, seen = watched(2, 2)
    y = w * x
    del x
    assert seen() is not None, "the rule for w reads x"
    a, seen = watched(2, 2)
    a.requires_grad = True
    y = a * 2.0
    del a
    assert seen() is None, "nothing reads a, since the other factor has no gradient"
    y.backward()


def test_nothing_is_recorded_without_need() -> None:
    x = tg.tensor([1.0, 2.0])
    assert (x * x).source is None
    x.requires_grad = True
    assert isinstance((x * x).source, Node)
    with tg.no_grad():
        assert (x * x).source is None
        assert x.sum(0).source is None


def test_recording_is_switched_off_for_one_thread_only() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with tg.no_grad():
            inside.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    recorded = (x * 2).requires_grad
    done.set()
    thread.join()
    assert recorded


def test_numpy_scalars_become_0d_arrays() -> None:
    total = tg.tensor([1.0, 2.0]).sum()
    assert isinstance(total.array, np.ndarray)
    assert total.shape == ()
    assert isinstance((total * 2).array, np.ndarray)
    assert isinstance(tg.tensor(2.0).exp().array, np.ndarray)


def test_broadcasting_errors_name_op_shapes_and_axis() -> None:
    with pytest.raises(
        ShapeError, match=r"add\(float32\[2, 3\], float32\[4\]\).*\(2, 3\) and \(4,\).*axis -1 is 3 against 4"
    ):
        tg.ones(2, 3) + tg.ones(4)
    with pytest.raises(ShapeError, match=r"mul.*axis -2 is 2 against 5"):
        tg.ones(2, 3) * tg.ones(5, 1)


def test_missing_and_unknown_arguments_are_type_errors() -> None:
    op = tg.primitive(vjps=(lambda g, out, x, axis: g, None))(lambda x, axis: x)
    with pytest.raises(TypeError, match="axis"):
        op(tg.ones(2))
    with pytest.raises(TypeError, match="wrong"):
        op(tg.ones(2), 0, wrong=1)


# ---- what is kept ----


NAMED = {
    1: lambda x: x + 0,
    2: lambda x, y: x + y,
    3: lambda x, y, z: x + y + z,
}


@pytest.mark.parametrize("count", NAMED)
def test_kept_is_what_the_rules_of_the_tracked_arguments_read_and_nothing_else(count: int) -> None:
    names = ("x", "y", "z")[:count]
    texts = [" ".join(c) for r in range(count + 2) for c in itertools.combinations((*names, "out"), r)]
    choices = itertools.product(texts, repeat=count) if count < 3 else zip(texts, texts[5:] + texts, texts[9:] + texts)
    tracked_ones = [c for r in range(1, count + 1) for c in itertools.combinations(range(count), r)]
    for saves in choices:
        call = op(NAMED[count], saves)
        for tracked in tracked_ones:
            arguments = doubles(count, tracked)
            result = call(*arguments)
            node = made(result)
            read = {name for i in tracked for name in saves[i].split()}
            for i, (name, value, argument) in enumerate(zip(names, node.args, arguments, strict=True)):
                if name in read:
                    assert value is argument.array
                elif i in tracked:
                    assert value is argument.source
                else:
                    assert value is None or (isinstance(value, Unread) and value.shape == (2,))
            assert node.out is (result.array if "out" in read else None)
            assert node.inputs == tuple([a.source for a in arguments])


def test_what_no_rule_reads_is_freed_for_three_arguments_and_more() -> None:
    three = op(NAMED[3], ("", "z", ""))
    gathered = op(lambda *arrays: sum(arrays), joint=lambda g, out, *args, needs: [g] * len(args), saves=("",))
    for call, read in ((three, {2}), (gathered, set())):
        tensors, seen = zip(*[watched(2) for _ in range(3)])
        for tensor in tensors[:2]:
            tensor.requires_grad = True
        result = call(*tensors)
        del tensors, tensor
        assert [i for i, alive in enumerate(seen) if alive() is not None] == sorted(read)
        result.backward()


def test_what_no_rule_reads_is_freed_where_there_are_several_results() -> None:
    halves = op(lambda x, y: (x + y, x - y), ("y", ""), rules=[lambda g, out, x, y: g.parts[0] * y, None])
    x, seen_x = watched(2)
    y, seen_y = watched(2)
    x.requires_grad = True
    first, second = halves(x, y)
    assert first.source.inputs[0] is second.source.inputs[0]
    del x, y
    assert seen_x() is None
    assert seen_y() is not None
    assert made(first).inputs[0].out is None


def test_a_plan_is_made_for_each_choice_of_tracked_arguments() -> None:
    call = op(NAMED[3], ("y", "z", "x"))
    for tracked in [(0,), (1,), (2,), (0, 1), (0,), (0, 1, 2), (2,)]:
        kept = [isinstance(value, np.ndarray) for value in made(call(*doubles(3, tracked))).args]
        assert kept == [2 in tracked, 0 in tracked, 1 in tracked]


def test_numbers_that_no_rule_reads_stay_what_they_are() -> None:
    x = doubles(1, [0])[0]
    assert made(op(NAMED[3], ("", "", ""))(x, 2.0, 3)).args == (x.source, 2.0, 3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_rule_finds_arguments_and_result_in_their_places(count: int) -> None:
    found = []

    def rule(g: Any, out: Any, *args: Any) -> Any:
        found.append((out, *args))
        return g

    x = doubles(count, range(count))
    result = op(NAMED[count], None, [rule] * count)(*x)
    result.backward()
    assert len(found) == count
    for out, *args in found:
        assert out is result.array
        assert [id(a) for a in args] == [id(t.array) for t in x]


# ---- which way a call goes ----


def test_ops_of_one_and_of_two_arrays_have_a_short_way() -> None:
    def way(call: Any) -> str:
        return str(call.__code__.co_qualname).split(".")[0]

    same = lambda g, out, *args: g
    assert way(op(NAMED[1], ("",))) == "_short_unary"
    assert way(op(NAMED[2], ("", ""))) == "_short_binary"
    assert way(op(NAMED[3], ("", "", ""))) == "_long_way"
    assert way(op(NAMED[2])) == "_long_way"  # where everything is kept, nothing is gained
    assert way(op(NAMED[2], ("", ""), [same, None])) == "_long_way"
    assert way(op(NAMED[2], ("", ""), [same])) == "_long_way"
    assert way(op(lambda x, y=1: x + y, ("", ""))) == "_long_way"
    assert way(op(lambda *x: x[0], ("",))) == "_long_way"


def test_the_first_ufunc_is_called_in_the_place_of_the_function() -> None:
    def body(*args: Any) -> Any:
        raise AssertionError("the function was called")

    first, other = np.frompyfunc(lambda x: x + 1, 1, 1), np.frompyfunc(lambda x: x + 2, 1, 1)
    call = op(lambda x: body(), ("",), numpy=(first, other))
    assert call(tg.tensor(np.array([1.0]))).tolist() == [2.0]
    assert op(lambda x: x + 3, ("",), numpy=(len, first))(tg.tensor(np.array([1.0]))).tolist() == [4.0]


def test_without_a_tensor_it_is_the_function() -> None:
    array = np.array([1.5, 2.0])
    for count, function in NAMED.items():
        for saves in (None, ("",) * count):
            result = op(function, saves)(*[array] * count)
            assert type(result) is np.ndarray
            assert result.tolist() == (array * count).tolist()


@pytest.mark.parametrize("saves", [None, ("", "")])
def test_a_tensor_may_stand_on_either_side(saves: Any) -> None:
    call = op(lambda x, y: x - y, saves)
    x, array = tg.tensor(np.array([5.0]), requires_grad=True), np.array([2.0])
    assert call(x, array).tolist() == [3.0]
    assert call(array, x).tolist() == [-3.0]
    assert made(call(x, array)).inputs == (x.source, None)
    assert made(call(array, x)).inputs == (None, x.source)


def test_arguments_are_filled_in_from_names_and_defaults() -> None:
    call = op(lambda x, n=3, *, shift=0.0: x * n + shift, rules=(lambda g, out, x, n: g * n, None))
    x = tg.tensor(np.array([2.0]), requires_grad=True)
    assert [call(x).item(), call(x, 4).item(), call(x=x, n=5).item()] == [6.0, 8.0, 10.0]
    assert made(call(x)).args == (x.array, 3)
    variadic = op(lambda first, *more: first + sum(more), joint=lambda g, out, *args, needs: [g] * len(args))
    assert [variadic(x).item(), variadic(x, x).item(), variadic(x, x, x).item()] == [2.0, 4.0, 6.0]
    with pytest.raises(TypeError, match="first"):
        variadic(more=x)


def test_all_arrays_of_a_variadic_op_are_recorded() -> None:
    tail = op(lambda axis, *arrays: sum(arrays), rules=[None, lambda g, out, *args: g])
    arrays = doubles(4, [0, 2, 3])
    assert made(tail(0, *arrays)).inputs == (None, arrays[0].source, None, arrays[2].source, arrays[3].source)
    head = op(lambda x, *rest: x, rules=[lambda g, out, *args: g, None])
    assert made(head(*arrays)).inputs == (arrays[0].source, None, None, None)
    joined = op(lambda *x: sum(x), saves=("x",), joint=lambda g, out, *args, needs: [g] * len(args))
    for tracked in ([0], [0, 1], [2]):
        arrays = doubles(3, tracked)
        assert [a is t.array for a, t in zip(made(joined(*arrays)).args, arrays)] == [True] * 3


def test_more_arrays_of_a_variadic_op_go_by_its_last_rule() -> None:
    call = op(lambda a, b, *arrays: sum(arrays), rules=[None, None, lambda g, out, *args: g])
    x = tg.tensor([0.5], requires_grad=True)
    node = made(call(0, np.array([7]), x, np.array([2]), tg.tensor([3])))
    assert node.dtype == np.float32
    assert [value.dtype for value in node.args[1:]] == [np.int64, np.float32, np.float32, np.float32]
    node = made(call(0, 0, np.array([1.5]), x))  # which is converted, then, as float64 comes out
    assert node.dtype == np.float64
    assert made(make_tensor(None, node.inputs[3])).op.name == "astype"


def test_an_argument_without_a_rule_is_a_constant() -> None:
    call = op(NAMED[2], None, [lambda g, out, x, y: g, None])
    x, y = doubles(2, [0, 1])
    assert made(call(x, y)).inputs == (x.source, None)
    assert call(x.detach(), y).source is None


def test_an_option_is_no_tensor_with_a_gradient() -> None:
    call = op(lambda x, slope: x * slope, None, [lambda g, out, x, slope: g * slope])
    x, slope = doubles(2, [0, 1])
    for tensor in (x, x.detach()):
        with pytest.raises(tg.GraphError, match=r"slope is a constant here.*lost: pass slope.detach\(\)"):
            call(tensor, slope=slope)
    assert call(x, slope=slope.detach()).requires_grad
    with tg.no_grad():
        assert not call(x, slope=slope).requires_grad


def test_an_op_without_any_rule_takes_tensors_with_gradients_for_constants() -> None:
    call = op(lambda x, height: np.floor(x / height), None, [])
    x, height = doubles(2, [0, 1])
    assert call(x, height).source is None


def test_an_option_among_any_number_of_them_is_named() -> None:
    call = op(lambda x, *extras: x + sum(extras), None, [lambda g, out, x, *extras: g])
    (x,) = doubles(1, [0])
    assert call(x, 1.0, 2.0, 3.0).requires_grad
    for extras in ((x,), (1.0, x), (1.0, 2.0, x)):
        with pytest.raises(tg.GraphError, match="extras is a constant here"):
            call(x, *extras)


# ---- dtypes ----


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_real_results_of_small_integers_are_computed_in_full_precision(count: int, kept: bool) -> None:
    function = {1: lambda x: np.sqrt(x), 2: lambda x, y: np.sqrt(x * y), 3: lambda x, y, z: np.sqrt(x * y * z)}[count]
    call = op(function, ("",) * count if kept else None)
    result = call(*[tg.tensor([3], **SMALL)] * count)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.array, [np.sqrt(3.0**count)], rtol=1e-7)
    if count == 2:
        for pair in ((tg.tensor([3], **SMALL), np.array([3], np.uint8)), (np.array([3], np.uint8), tg.tensor([3]))):
            np.testing.assert_allclose(call(*pair).array, [3.0], rtol=1e-7)
        for number in (call(tg.tensor([3], **SMALL), 100), call(100, tg.tensor([3], **SMALL))):  # 300 is no uint8
            np.testing.assert_allclose(number.array, [np.sqrt(300.0)], rtol=1e-7)


def test_small_integers_beside_a_floating_number_are_computed_as_numpy_does() -> None:
    x = tg.tensor([1, 2], **SMALL)
    for other in (np.float16(0.5), np.array([0.5], np.float16)):
        for result in (x * other, op(lambda x, y: x * y, ("y", "x"))(other, x)):
            assert result.dtype == np.float16
            assert result.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("tracked", [True, False])
def test_a_drift_to_float64_is_undone(count: int, kept: bool, tracked: bool) -> None:
    call = op(
        {1: lambda x: x * np.ones(1), 2: lambda x, y: x * y * np.ones(1), 3: lambda x, y, z: x * y * z * np.ones(1)}[
            count
        ],
        ("",) * count if kept else None,
    )
    x = tg.tensor([1.5], requires_grad=tracked)
    assert call(*[x] * count).dtype == np.float32
    wide = tg.tensor(np.array([1.5]), requires_grad=tracked)
    assert call(*[wide] * count).dtype == np.float64


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("first", [True, False])
def test_operands_are_kept_in_the_dtype_of_the_result(count: int, first: bool) -> None:
    everything = ("x y z out" if count == 3 else "x y out",) * count
    call = op({2: lambda x, y: x * y, 3: lambda x, y, z: x * y * z}[count], everything)
    for other in (tg.tensor([2, 3]), np.array([2, 3]), np.float64(2.5), np.int64(2)):
        x = tg.tensor([0.5, 1.5], requires_grad=True)
        arguments = [x, other] if first else [other, x]
        node = made(call(*arguments, *[1.0] * (count - 2)))
        assert node.dtype == np.float32
        constant = node.args[int(first)]
        assert isinstance(constant, np.ndarray)
        assert constant.dtype == np.float32
        assert node.args[int(not first)] is x.array
        assert node.args[2:] == (1.0,) * (count - 2)


@pytest.mark.parametrize("count", [2, 3])
def test_a_tracked_operand_of_another_dtype_is_converted_by_an_op(count: int) -> None:
    call = op({2: lambda x, y: x * y, 3: lambda x, y, z: x * y * z}[count], ("x y",) * count)
    x, y = tg.tensor([0.5], requires_grad=True), tg.tensor(np.array([2.0]), requires_grad=True)
    node = made(call(x, y, *[1] * (count - 2)))
    assert node.dtype == np.float64
    assert node.args[0].dtype == np.float64
    assert node.args[1] is y.array
    assert node.args[2:] == (1,) * (count - 2)
    assert node.inputs[1] is y.source
    assert (
        made(tg.Tensor(node.args[0]) if node.inputs[0] is x.source else make_tensor(None, node.inputs[0])).op.name
        == "astype"
    )
    assert made(make_tensor(None, node.inputs[0])).inputs[0] is x.source


def test_an_op_that_was_asked_for_a_dtype_gets_it_and_keeps_its_operands() -> None:
    call = op(lambda x, dtype: x.astype(dtype), None, [lambda g, out, x, dtype: g, None])
    x = tg.tensor([1.5], requires_grad=True)
    node = made(call(x, np.dtype(np.float64)))
    assert node.dtype == np.float64
    assert node.args[0] is x.array
    assert node.inputs[0] is x.source


def test_an_argument_that_has_no_derivative_keeps_its_dtype() -> None:
    call = op(lambda x, index: x * np.float64(1) * np.ones(2), None, [lambda g, out, x, index: g, None])
    index = tg.tensor([1, 0])
    node = made(call(tg.tensor([1.5, 2.5], requires_grad=True), index))
    assert node.dtype == np.float32
    assert node.args[1] is index.array
    joint = op(lambda x, index: x * np.ones(2), saves=("x index", ""), joint=lambda g, out, *args, needs: [g, None])
    assert made(joint(tg.tensor([1.5, 2.5], requires_grad=True), index)).args[1] is index.array


def test_none_in_the_place_of_an_operand_stays_none() -> None:
    call = op(lambda x, low, high: np.clip(x, low, high), ("x low high",) * 3)
    node = made(call(tg.tensor([0.5, 1.5], requires_grad=True), None, np.float64(1.0)))
    assert node.args[1] is None
    assert node.args[2].dtype == np.float32
    wide = made(call(tg.tensor(np.array([0.5, 1.5]), requires_grad=True), None, np.float64(1.0)))
    assert type(wide.args[2]) is np.float64


def test_a_tensor_is_two_references_and_no_dict() -> None:
    tensor = make_tensor(np.ones(2), None)
    assert not hasattr(tensor, "__dict__")
    assert weakref.ref(tensor)() is tensor


def test_numpy_numbers_turn_into_arrays_only_in_tensors() -> None:
    assert type(make_tensor(np.float64(2.0), None).array) is np.ndarray
    array = np.ones(2)
    assert make_tensor(array, None).array is array
    results = op(lambda x: (x.sum(), x), ("",))(tg.tensor(np.ones(3)))
    assert [type(part.array) for part in results] == [np.ndarray] * 2


# ---- views ----


def test_a_view_is_noted_with_the_step_that_leads_to_it() -> None:
    whole = tg.tensor(np.arange(4.0))
    head = op(lambda x, start, stop: x[start:stop], view=True)
    part = head(whole, 1, 3)
    assert part.view_.path[1:] == (head, (1, 3), None)
    assert part.view_.memory is whole.view_.memory
    parts = op(lambda x, at, _: (x[:at], x[at:]), view=True)
    first, second = parts(whole, 1, None)
    assert [piece.view_.path[1:] for piece in (first, second)] == [(parts, (1, None), 0), (parts, (1, None), 1)]
    assert first.view_.memory is second.view_.memory is whole.view_.memory
    tracked = tg.tensor(np.arange(4.0), requires_grad=True)
    assert head(tracked, 1, 3).view_.path[1:] == (head, (1, 3), None)


def test_a_view_of_an_op_that_does_not_say_so_is_not_noted() -> None:
    whole = tg.tensor(np.arange(4.0))
    for result in (op(lambda x, n: x[:n])(whole, 2), *op(lambda x, n: (x[:n], x[n:]))(whole, 2)):
        assert not hasattr(result, "view_")


# ---- errors ----


class Strange:
    """What passes for a tensor of another framework, as long as nobody computes with it."""

    __module__ = "torch"
    shape = ()
    dtype = "torch.float32"
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Any:
        return self

    __radd__ = __add__


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_tensors_of_other_frameworks_do_not_enter(count: int, kept: bool) -> None:
    call = op(NAMED[count], ("",) * count if kept else None)
    with pytest.raises(DtypeError, match=r"tried got a tensor of torch \(torch\.Strange\)"):
        call(*[Strange()] * count)
    with pytest.raises(DtypeError, match="tried got a tensor of torch"):
        call(*[1.0] * (count - 1), Strange())
    for beside in (tg.ones(2), tg.ones(2, requires_grad=True)) if count > 1 else ():
        with pytest.raises(DtypeError, match="tried got a tensor of torch"):
            call(*[beside] * (count - 1), Strange())
        with pytest.raises(DtypeError, match="tried got a tensor of torch"):
            call(Strange(), *[beside] * (count - 1))
    assert call(*[2.0] * count) == 2.0 * count


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_what_numpy_raises_is_told_with_the_op_and_its_arguments(count: int, kept: bool) -> None:
    def fail(*arrays: Any) -> Any:
        raise ValueError("no such axis")

    function = {1: lambda x: fail(), 2: lambda x, y: fail(), 3: lambda x, y, z: fail()}[count]
    call = op(function, ("",) * count if kept else None)
    described = ", ".join(["float64[2]"] * count).replace("[", r"\[").replace("]", r"\]")
    with pytest.raises(ShapeError, match=rf"tried\({described}\): no such axis") as caught:
        call(*doubles(count))
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(DtypeError, match="add"):
        tg.ones(2) + "text"


# ---- nodes ----


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_a_result_is_recorded_only_where_it_is_wanted(count: int, kept: bool, recording: bool) -> None:
    call = op(NAMED[count], ("",) * count if kept else None)
    for tracked in ([], [0], [count - 1], range(count)):
        with tg.set_grad_enabled(recording):
            result = call(*doubles(count, tracked))
        assert result.requires_grad == (recording and len(tracked) > 0)
        assert result.tolist() == sum(t.array for t in doubles(count)).tolist()


def test_a_node_knows_what_it_is_of() -> None:
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    node = made(x.sum(0))
    assert (node.op.name, node.shape, node.dtype, node.hooks) == ("sum_over", (3,), np.float64, None)
    assert node.clock == versions.now


def test_only_an_op_in_which_samples_may_meet_keeps_its_line() -> None:
    x, y = doubles(2, [0, 1])
    for count, function in NAMED.items():
        for saves in (None, ("",) * count):
            arguments = [x, y, x][:count]
            assert not hasattr(made(op(function, saves)(*arguments)), "where")
            assert not hasattr(made(op(function, saves, samples=elementwise)(*arguments)), "where")
            here = sys._getframe().f_lineno + 1
            node = made(op(function, saves, samples=tg.sample_rules.along_axis)(*arguments))
            assert line_of(node.where).startswith(f"{__file__}:{here}: node = made(")
    assert line_of(made(x.reshape(1, 2).mean(0)).where).startswith(__file__)


# ---- several results ----


def test_several_results_are_picked_out_of_one_node() -> None:
    @tg.primitive(vjps=(lambda g, out, x: g.parts[0] * 10 if g.parts[1] is None else g.parts[1],), saves=("out",))
    def both(x: Any) -> Any:
        return x + 1, x.sum()

    x = tg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    first, second = both(x)
    assert first.tolist() == [2.0, 3.0]
    assert second.tolist() == 3.0
    node = first.source.inputs[0]
    assert (node.shape, node.inputs, node.op.name) == ((), (x.source,), "both")
    assert [a is b.array for a, b in zip(node.out, (first, second), strict=True)] == [True, True]
    for index, part in enumerate((first, second)):
        chosen = made(part)
        assert (chosen.op.name, chosen.shape, chosen.dtype, chosen.clock) == (
            "pick",
            part.shape,
            part.dtype,
            node.clock,
        )
        assert chosen.inputs == chosen.args == (node,)
        assert (chosen.out, chosen.hooks, chosen.op.joint, chosen.op.fresh) == (None, None, None, False)
        assert (chosen.op.index, chosen.op.count) == (index, 2)
        cotangents = chosen.op.vjps[0]("g", None, node)
        assert isinstance(cotangents, Cotangents)
        assert cotangents.parts == (("g", None), (None, "g"))[index]
    (first * 3).backward()
    assert x.grad.tolist() == [30.0, 30.0]


def test_several_results_may_be_one_or_of_different_dtypes() -> None:
    x = doubles(1, [0])[0]
    (alone,) = op(lambda x: (x + 1,), ("",))(x)
    assert alone.tolist() == [2.5, 3.0]
    values, order = op(lambda x: (x, x.argsort()), ("",))(x)
    assert (values.dtype, order.dtype) == (np.float64, np.int64)
    assert values.source.inputs[0].dtype == np.float64


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_several_results_where_nothing_is_recorded(count: int, kept: bool) -> None:
    function = {1: lambda x: (x, x), 2: lambda x, y: (x, y), 3: lambda x, y, z: (x, z)}[count]
    call = op(function, ("",) * count if kept else None)
    assert [part.source for part in call(*doubles(count))] == [None, None]
    with tg.no_grad():
        assert [part.source for part in call(*doubles(count, [0]))] == [None, None]
    for tracked in ([0], [count - 1], range(count)):
        arguments = doubles(count, tracked)
        parts = call(*arguments)
        node = made(parts[0]).inputs[0]
        assert node is made(parts[1]).inputs[0]
        assert node.inputs == tuple([t.source for t in arguments])
        assert node.out is None or not kept
        assert [value is t.array for value, t in zip(node.args, arguments)] == [not kept] * count
    small = [tg.tensor([1.5])] * count
    drifting = op(
        {
            1: lambda x: (x * np.ones(1),) * 2,
            2: lambda x, y: (x * np.ones(1), y),
            3: lambda x, y, z: (x * np.ones(1), z),
        }[count],
        ("",) * count,
    )
    assert [part.dtype for part in drifting(*small)] == [np.float32] * 2


def test_a_node_with_several_results_keeps_its_line_if_samples_may_meet() -> None:
    x = doubles(1, [0])[0]
    mixing = op(lambda x: (x, x), ("",), samples=tg.sample_rules.along_axis)
    here = sys._getframe().f_lineno + 1
    first, _ = mixing(x)
    assert line_of(first.source.inputs[0].where) == f"{__file__}:{here}: first, _ = mixing(x)"
    assert not hasattr(op(lambda x: (x, x), ("",))(x)[0].source.inputs[0], "where")


# ---- for derivatives of derivatives ----


def test_a_lifted_node_gives_its_saved_values_as_tensors_of_the_graph() -> None:
    x, y = doubles(2, [0])
    result = op(lambda x, y: x * y, ("y out", "x"))(x, y)
    out, args = lift(made(result))
    assert out.array is result.array
    assert out.source is result.source
    assert args[0] is x.source  # no rule of a tracked argument reads it
    assert args[1] is y.array
    both = op(lambda x, y: x * y, ("y", "x"))(*doubles(2, [0, 1]))
    out, args = lift(made(both))
    assert out is None
    assert [a.source for a in args] == list(both.source.inputs)
    assert [a.array is kept for a, kept in zip(args, both.source.args)] == [True, True]


def test_a_lifted_node_gives_several_results_as_picked_tensors() -> None:
    x = doubles(1, [0])[0]
    first, second = op(lambda x: (x + 1, x - 1), ("out",))(x)
    node = first.source.inputs[0]
    out, (argument,) = lift(node)
    assert argument is x.source
    assert [part.array is p.array for part, p in zip(out, (first, second), strict=True)] == [True, True]
    assert [(made(part).inputs, part.source.op.index, part.source.op.count) for part in out] == [
        ((node,), 0, 2),
        ((node,), 1, 2),
    ]
    alone = pick(node, 1, second.array, 2)
    assert alone.array is second.array
    assert made(alone).inputs == (node,)


def test_a_missing_argument_names_the_op() -> None:
    with pytest.raises(TypeError, match=r"linear\(\): missing a required argument: 'weight'"):
        tg.linear(tg.ones(2, 3))


# ---- options that are left out, and observers ----


def test_options_that_are_left_out_are_filled_in() -> None:
    call = op(lambda x, n=3, k=2: x * n + k, rules=(lambda g, out, x, n, k: g * n,))
    x = doubles(1, [0])[0]
    for given, named, options in [((), {}, (3, 2)), ((5,), {}, (5, 2)), ((), {"k": 7}, (3, 7)), ((4, 6), {}, (4, 6))]:
        result = call(x, *given, **named)
        assert made(result).args == (x.array, *options)
        np.testing.assert_array_equal(result.array, x.array * options[0] + options[1])
    with pytest.raises(TypeError, match=r"^tried\(\): missing a required argument: 'x'"):
        call()
    with pytest.raises(TypeError, match=r"^tried\(\): too many positional arguments"):
        call(x, 1, 2, 3)


class Log(Observer):
    """Writes down what it sees."""

    def __init__(self) -> None:
        self.outs: list[Any] = []
        self.nodes: list[tuple[Any, ...]] = []

    def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
        self.outs.append(fn(*args))
        return self.outs[-1]

    def recorded(self, *event: Any) -> None:
        self.nodes.append(event)


@pytest.mark.parametrize("count", NAMED)
@pytest.mark.parametrize("kept", [True, False])
def test_an_observer_sees_the_computation_and_the_node(count: int, kept: bool) -> None:
    call, log = op(NAMED[count], ("",) * count if kept else None), Log()
    operands = (tg.tensor([1.0, 2.0], requires_grad=True), *[np.float64(2.0)] * (count - 1))
    expected = call(*operands)
    with under(log):
        result = call(*operands)
        call(*[value.detach() if isinstance(value, tg.Tensor) else value for value in operands])
        call(*[np.ones(2)] * count)
    assert [out.dtype for out in log.outs] == [np.float32] * 2  # widened by no number, inside the computation
    assert log.outs[0] is result.array
    np.testing.assert_array_equal(result.array, expected.array)
    ((node, given, out),) = log.nodes
    assert node is result.source
    assert given == operands
    assert out is result.array
    assert made(result).inputs == made(expected).inputs


def test_an_observer_sees_small_integers_computed_in_full_precision() -> None:
    log = Log()
    with under(log):
        result = tg.sqrt(tg.tensor([4], **SMALL))
    assert log.outs[0] is result.array
    assert result.dtype == np.float32


@pytest.mark.parametrize("saves", [None, ("",)])
def test_an_observer_sees_several_results_as_one_node(saves: Any) -> None:
    call, log = op(lambda x: (x + 1, np.float64(3.0)), saves), Log()
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with under(log):
        parts = call(x)
    ((node, given, out),) = log.nodes
    assert node is made(parts[0]).inputs[0]
    assert given == (x,)
    assert [a is part.array for a, part in zip(out, parts, strict=True)] == [True, True]
    assert [part.dtype for part in log.outs[0]] == [part.dtype for part in parts] == [np.float32] * 2


@pytest.mark.parametrize("observed", [False, True])
def test_operands_are_kept_in_the_dtype_of_the_result_whoever_watches(observed: bool) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with under(Log()) if observed else nullcontext():
        result = op(lambda x, y: x * y)(x, np.array([3, 4]))
    assert result.dtype == np.float32
    assert [value.dtype for value in made(result).args] == [np.float32] * 2


def test_errors_are_explained_whoever_watches() -> None:
    with under(Log()), pytest.raises(ShapeError, match=r"add.*\(2,\).*\(3,\)"):
        tg.ones(2) + tg.ones(3)
