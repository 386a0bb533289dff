"""Watching the engine: what observers see of a computation, and that they change nothing of it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.autograd import observing
from tinygrad_edu.engine.graph import Cotangents, Node
from tinygrad_edu.engine.observing import Observer, mode, under, watched
from tinygrad_edu.engine.recording import make_tensor


class Log(Observer):
    """Writes down what it sees."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.args: list[tuple[Any, ...]] = []
        self.outs: list[Any] = []

    def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
        self.seen.append((kind, getattr(op, "name", op)))
        self.args.append(args)
        self.outs.append(fn(*args))
        return self.outs[-1]


def two_parts(x: Any) -> Any:
    return tg.split(x, 1)


def test_a_node_is_shown_with_what_it_was_given_and_gave() -> None:
    x, seen = leaf(1.0, 2.0), []
    with observing(lambda *event: seen.append(event)):
        y = x * 2
        z = y.sum(0, keepdims=True)
        tg.tensor([1.0]) + 1
    (first, operands, out), (second, given, _) = seen
    assert (first, second) == (y.source, z.source)
    assert operands[0] is x
    assert operands[1:] == (2,)
    assert out is y.array
    assert given[0] is y
    assert given[1:] == (0, True)


def test_several_results_are_one_call() -> None:
    x, seen = leaf(1.0, 2.0), []
    with observing(lambda *event: seen.append(event)):
        parts = two_parts(x)
    ((node, operands, out),) = seen
    assert isinstance(node, Node)
    assert node is parts[0].source.inputs[0]
    assert operands[0] is x
    assert [a is part.array for a, part in zip(out, parts, strict=True)] == [True, True]


def test_a_function_of_the_users_own_is_one_call() -> None:
    class Both(tg.Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor, x + factor

        @staticmethod
        def backward(ctx, g, h):
            return g + h, None

    class One(tg.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x, seen = leaf(1.0, 2.0), []
    with observing(lambda *event: seen.append(event)):
        both = Both.apply(x, 3)
        one = One.apply(x)
    (node, operands, out), (second, _, single) = seen
    assert node.op.name == "Both"
    assert operands == (x, 3)
    assert [a is part.array for a, part in zip(out, both, strict=True)] == [True, True]
    assert second is one.source
    assert single is one.array


def test_what_is_not_recorded_is_not_shown() -> None:
    x, seen = leaf(1.0), []
    with observing(lambda *event: seen.append(event)):
        with tg.no_grad():
            x * 2
        x.detach() * 2
        assert seen == []
        with tg.no_grad(), tg.enable_grad():
            x * 2
        tg.set_grad_enabled(False)
        tg.set_grad_enabled(True)
        x * 2
    x * 2
    assert [node.op.name for node, _, _ in seen] == ["mul", "mul"]


def test_observers_nest() -> None:
    x, outer, inner = leaf(1.0), [], []
    with observing(lambda node, *rest: outer.append(node.op.name)):
        with observing(lambda node, *rest: inner.append(node.op.name)):
            x * 2
        x + 2
        with pytest.raises(RuntimeError), observing(lambda node, *rest: inner.append(node.op.name)):
            raise RuntimeError
        x - 2
    assert (outer, inner) == (["mul", "add", "sub"], ["mul"])
    assert watched == []
    assert mode.observers == ()


def test_the_outer_observer_is_around_the_inner_one() -> None:
    order = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
            order.append(f"{self.name} begins")
            out = fn(*args)
            order.append(f"{self.name} ends")
            return out

    with under(Named("outer")), under(Named("inner")):
        leaf(1.0) * 2
    assert order == ["outer begins", "inner begins", "inner ends", "outer ends"]


def test_one_observer_twice() -> None:
    log = Log()
    with under(log), under(log):
        leaf(1.0) * 2
    assert log.seen == [("forward", "mul")] * 2
    assert watched == []


def test_an_observer_belongs_to_its_thread() -> None:
    log, other = Log(), threading.Thread(target=lambda: leaf(1.0) * 2)
    with under(log):
        other.start()
        other.join()
    assert log.seen == []


def test_what_an_observer_computes_is_not_shown_to_it() -> None:
    x, seen = leaf(1.0), []

    def look(node: Node, operands: Any, out: Any) -> None:
        seen.append(node.op.name)
        assert (operands[0] * 3).requires_grad
        assert (operands[0] * 4).requires_grad

    with observing(look):
        x * 2
        x + 2
    assert seen == ["mul", "add"]


def test_an_observer_that_raises_leaves_all_as_it_was() -> None:
    x, seen = leaf(1.0), []

    def refuse(*event: Any) -> None:
        raise ValueError("enough")

    with observing(lambda *event: seen.append(event)):
        with pytest.raises(ValueError, match="enough"), observing(refuse):
            x * 2
        x * 2
    assert len(seen) == 1
    assert watched == []


def test_each_computation_of_a_step_is_seen_once() -> None:
    x, log = leaf(1.0, 2.0), Log()
    with under(log):
        ((x * 3).exp() / 2).sum().backward()
    assert log.seen == [
        ("forward", "mul"),
        ("forward", "exp"),
        ("forward", "div"),
        ("forward", "sum"),
        ("backward", "sum"),
        ("backward", "div"),
        ("backward", "exp"),
        ("backward", "mul"),
    ]
    np.testing.assert_allclose(x.grad.numpy(), 1.5 * np.exp(3 * x.detach().numpy()), rtol=1e-14)


def test_forward_computations_are_of_arrays_alone_and_end_in_the_dtype_of_the_result() -> None:
    single = tg.tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    log = Log()
    with under(log):
        results = [
            single * np.float64(2.0),
            tg.sqrt(tg.tensor([1, 4], dtype=tg.uint8)),
            leaf(2.0)[0] * 3,
            single.max(0),
        ]
    flat = [part for out in log.outs for part in (out if isinstance(out, tuple) else (out,))]
    assert all(type(part) is np.ndarray for part in flat)
    assert flat[0].dtype == results[0].dtype == np.float32
    assert flat[1].dtype == results[1].dtype == np.float32
    assert not any(isinstance(value, tg.Tensor) for args in log.args for value in args)
    assert all(any(part is value.array for part in flat) for value in results[:3])


def test_computing_again_from_the_arguments_gives_the_same() -> None:
    class Again(Log):
        def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
            out = super().around(kind, op, fn, args)
            self.pairs.append((out, fn(*args)))
            return out

        pairs: list[Any] = []

    model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.LayerNorm(4), tg.nn.GELU(), tg.nn.Linear(4, 2))
    x, log = tg.randn(5, 3), Again()
    with under(log):
        tg.nn.functional.cross_entropy(model(x), tg.tensor([0, 1, 1, 0, 1])).backward()
    assert {kind for kind, _ in log.seen} == {"forward", "backward"}
    for one, other in log.pairs:
        for a, b in zip(flattened(one), flattened(other), strict=True):
            np.testing.assert_array_equal(a, b)


def flattened(value: Any) -> list[Any]:
    if isinstance(value, Cotangents):
        value = value.parts
    parts = value if isinstance(value, tuple | list) else [value]
    return [part for part in parts if part is not None]


def test_rules_get_the_gradient_the_result_and_the_arguments() -> None:
    x, log = leaf(1.0, 2.0), Log()
    y = tg.exp(x)
    z = tg.split(y, 1)[0] * 2
    with under(log):
        z.backward()
    assert log.seen == [("backward", "mul"), ("backward", "pick"), ("backward", "split"), ("backward", "exp")]
    g, out, _ = log.args[3]
    np.testing.assert_array_equal(g, [2.0, 0.0])
    assert out is y.array
    assert isinstance(log.args[2][0], Cotangents)


def test_a_backward_pass_that_is_recorded_shows_its_ops() -> None:
    x, log = leaf(3.0), Log()
    y = x * x * x
    with under(log):
        tg.autograd.grad(y, x, create_graph=True)
    assert ("backward", "mul") in log.seen
    assert ("forward", "mul") in log.seen
    assert any(isinstance(args[0], tg.Tensor) for args in log.args)


def test_an_observer_may_give_another_result() -> None:
    class Rounded(Observer):
        def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
            return np.round(fn(*args)) if kind == "forward" else fn(*args)

    x = leaf(1.4)
    with under(Rounded()):
        assert (x * 1).item() == 1.0


def test_errors_are_told_as_without_an_observer() -> None:
    log = Log()
    with under(log), pytest.raises(tg.ShapeError, match=r"add.*\(2,\).*\(3,\)"):
        leaf(1.0, 2.0) + leaf(1.0, 2.0, 3.0)
    with under(log), pytest.raises(TypeError, match="mul"):
        leaf(1.0).mul()  # type: ignore[call-arg]


def test_subclasses_of_arrays_pass_through() -> None:
    class Marked(np.ndarray):
        pass

    def marked(*shape: int) -> Any:
        return make_tensor(np.ones(shape).view(Marked), None)

    w = marked(3, 2)
    w.requires_grad = True
    for observers in ([], [Observer()]):
        w.grad = None
        with ExitStack() as stack:
            for observer in observers:
                stack.enter_context(under(observer))
            h = tg.tanh(marked(4, 3) @ w) * 2
            ((h - h.mean(0)) ** 2).sum().backward()
        assert type(h.array) is Marked
        assert type(w.grad.array) is Marked


def test_random_numbers_are_seen_where_they_are_drawn() -> None:
    log = Log()
    with under(log):
        x = tg.randn(2, 3)
        tg.nn.functional.dropout(x, 0.5)
        tg.randperm(4)
        tg.nn.Linear(2, 2)
        list(tg.data.RandomSampler(range(3)))
    drawn = [op for kind, op in log.seen if kind == "random"]
    assert drawn == ["standard_normal", "random", "permutation", "uniform", "uniform", "integers", "permutation"]
    first = next(out for (kind, _), out in zip(log.seen, log.outs, strict=True) if kind == "random")
    np.testing.assert_array_equal(first, x.numpy())


def test_blocks_may_end_in_any_order() -> None:
    x, log = leaf(1.0), []
    first, second = (observing(lambda *event, name=name: log.append(name)) for name in "ab")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    x * 2
    second.__exit__(None, None, None)
    x * 2
    assert log == ["b"]
    assert watched == []


def test_a_block_may_end_in_another_thread() -> None:
    x, log = leaf(1.0), []
    block = observing(lambda *event: log.append(event))
    block.__enter__()
    other = threading.Thread(target=block.__exit__, args=(None, None, None))
    other.start()
    other.join()
    with observing(lambda *event: None):
        x * 2
    assert log == []
    assert watched == []


def test_a_block_may_end_and_begin_while_an_observer_is_told() -> None:
    x, log, blocks = leaf(1.0), [], []

    def once(*event: Any) -> None:
        log.append("once")
        blocks.pop().__exit__(None, None, None)
        blocks.append(observing(lambda *event: log.append("next")))
        blocks[0].__enter__()

    blocks.append(observing(once))
    blocks[0].__enter__()
    x * 2
    x * 2
    blocks[0].__exit__(None, None, None)
    x * 2
    assert log == ["once", "next"]


def test_an_observers_own_error_is_told_as_it_is() -> None:
    class Refusing(Observer):
        def around(self, kind: str, op: Any, fn: Any, args: tuple[Any, ...]) -> Any:
            raise TypeError("mine")

    x = leaf(1.0, 2.0)
    y = x * 2
    for call in (lambda: tg.ones(2, 2) @ x, y.backward):
        with under(Refusing()), pytest.raises(TypeError, match=r"^mine$") as caught:
            call()
        assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("other", [np.array([30, 50, 70]), np.array([30.0, 50.0, 70.0])])
def test_gradients_keep_their_digits_and_dtypes_when_observed(dtype: Any, other: Any) -> None:
    gradients = []
    for observers in ([], [Observer()]):
        x = tg.tensor(np.ones(3), dtype=dtype, requires_grad=True)
        came = []
        with ExitStack() as stack:
            for observer in observers:
                stack.enter_context(under(observer))
            y = x * tg.tensor(other)
            y.register_hook(came.append)
            (y * other / other / other).backward()
        gradients.append((x.grad.tolist(), [g.dtype for g in came]))
    assert gradients[0] == gradients[1]
