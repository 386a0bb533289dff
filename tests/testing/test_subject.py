"""Subject: a function, a module or a pair (forward, vjp) as one thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing.subject import Foreign, Input, Subject, Written, floating_outputs, name_of, of_function

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def product(x: Any, w: Any) -> Any:
    return x * w


def test_the_names_of_inputs_are_those_of_the_parameters() -> None:
    assert [i.name for i in of_function(product, (X, X)).inputs] == ["x", "w"]
    assert [i.name for i in of_function(lambda *parts: parts[0], (X, X)).inputs] == ["parts[0]", "parts[1]"]
    assert [i.name for i in of_function(product, (X, X), names=["a", "b"]).inputs] == ["a", "b"]


def test_a_single_argument_needs_no_tuple() -> None:
    assert len(of_function(tg.tanh, X).inputs) == len(of_function(tg.tanh, (X,)).inputs) == 1
    assert len(of_function(tg.tanh, tg.tensor(X)).inputs) == 1


@pytest.mark.parametrize(
    ("value", "checked"),
    [
        (X, True),
        (X.astype(np.float32), True),
        (X.astype(np.float16), True),
        (tg.tensor(X), True),
        (2.5, True),
        ([1.0, 2.0], True),
        ([[1, 2.0], [3, 4]], True),
        (np.array([1, 2]), False),
        (np.array([True]), False),
        (3, False),
        (True, False),
        ("mean", False),
        (None, False),
        ([1, 2], False),
        ((0, 1), False),
        (slice(None), False),
    ],
)
def test_real_numbers_are_checked_and_everything_else_is_passed_on(value: Any, checked: bool) -> None:
    (given,) = of_function(lambda v: v, (value,)).inputs
    assert given.checked is checked
    if not checked and not isinstance(value, np.ndarray):
        assert given.value is value


def test_arguments_reach_the_function_as_they_should() -> None:
    seen: list[Any] = []

    def f(x: Any, index: Any, axis: Any, scale: Any) -> Any:
        seen.append((x, index, axis, scale))
        return x[index].sum(axis) * scale

    subject = of_function(f, (X.astype(np.float32), np.array([0, 1, 1]), 0, 0.5), wrt="x")
    (value,) = subject.values(subject.arrays())
    np.testing.assert_array_equal(value, X[[0, 1, 1]].sum(0) * 0.5)
    x, index, axis, scale = seen[0]
    assert isinstance(x, tg.Tensor)
    assert x.dtype == np.float64
    assert isinstance(index, tg.Tensor)
    assert index.dtype == np.int64
    assert axis == 0
    assert scale == 0.5
    assert isinstance(scale, float)  # not by wrt, so as it was given


@pytest.mark.parametrize(
    ("wrt", "checked"),
    [(None, [0, 1]), (0, [0]), (-1, [1]), ("w", [1]), (["x", "w"], [0, 1]), ([1, "x"], [0, 1]), ([], [])],
)
def test_wrt_by_name_and_place(wrt: Any, checked: list[int]) -> None:
    assert of_function(product, (X, X), wrt).checked == checked


@pytest.mark.parametrize("wrt", [2, -3, "y", [0, "z"]])
def test_wrt_that_there_is_not(wrt: Any) -> None:
    with pytest.raises(ValueError, match=r"wrt=.*the inputs are x, w"):
        of_function(product, (X, X), wrt)


def test_values_and_gradients() -> None:
    subject = of_function(product, (X, X + 1))
    (value,) = subject.values(subject.arrays())
    np.testing.assert_array_equal(value, X * (X + 1))
    for found, expected in zip(subject.gradients(subject.arrays(), [2 * X]), [2 * X * (X + 1), 2 * X * X], strict=True):
        np.testing.assert_allclose(found, expected)
    assert subject.used[0] == 2


def test_an_input_that_is_not_used_has_no_gradient() -> None:
    subject = of_function(lambda x, w: x * 2, (X, X))
    found = subject.gradients(subject.arrays(), [X])
    assert found[1] is None
    np.testing.assert_array_equal(found[0], 2 * X)


def test_an_output_that_depends_on_nothing_is_passed_over() -> None:
    subject = of_function(lambda x: (tg.ones(2, dtype=tg.float64), x * x), X)
    (found,) = subject.gradients(subject.arrays(), [np.ones(2), X])
    np.testing.assert_allclose(found, 2 * X * X)
    subject = of_function(lambda x: x.detach(), X)
    assert subject.gradients(subject.arrays(), [X]) == [None]


def test_the_graph_stays_for_another_cotangent() -> None:
    subject = of_function(tg.exp, X)
    results, leaves = subject.outputs(subject.arrays())
    first, second = (subject.pull(results, leaves, [c * X])[0] for c in (1, 2))
    np.testing.assert_allclose(second, 2 * first)


def test_the_inputs_are_copied() -> None:
    def spoil(x: Any) -> Any:
        x.array[...] = 0.0
        return x * 1

    given = X.copy()
    subject = of_function(spoil, given)
    subject.values(subject.arrays())
    subject.outputs(subject.arrays())
    np.testing.assert_array_equal(given, X)


def test_no_grad_around_a_check_does_not_matter() -> None:
    subject = of_function(tg.square, X)
    with tg.no_grad():
        (found,) = subject.gradients(subject.arrays(), [np.ones(X.shape)])
    np.testing.assert_array_equal(found, 2 * X)


def test_outputs_in_containers_are_taken_in_order() -> None:
    parts = {"a": (X, [np.ones(2)]), "b": tg.tensor([3.0]), "c": np.array([1, 2]), "d": None, "e": "text", "f": 2.5}
    assert [o.shape for o in floating_outputs(parts)] == [(2, 3), (2,), (1,), ()]


def test_what_a_thing_is_called() -> None:
    assert name_of(product) == "product"
    assert name_of(tg.nn.Linear(2, 3)) == "Linear"


class TestForeign:
    """A forward and a backward of somebody else's."""

    inputs = (Input("x", X, True), Input("n", 3, False), Input("w", X + 1, True))

    def test_plain_arrays_go_in(self) -> None:
        def forward(x: Any, n: Any, w: Any) -> Any:
            assert type(x) is np.ndarray
            assert n == 3
            return n * x * w

        subject = Foreign("f", forward, lambda g, x, n, w: (n * g * w, None, n * g * x), self.inputs)
        assert isinstance(subject, Subject)
        np.testing.assert_array_equal(subject.values(subject.arrays())[0], 3 * X * (X + 1))
        by_x, by_w = subject.gradients(subject.arrays(), [np.ones(X.shape)])
        np.testing.assert_array_equal(by_x, 3 * (X + 1))
        np.testing.assert_array_equal(by_w, 3 * X)

    def test_several_outputs_get_a_tuple_of_cotangents(self) -> None:
        def vjp(g: Any, x: Any, n: Any, w: Any) -> Any:
            first, second = g
            return first + second, None, None

        subject = Foreign("f", lambda x, n, w: (x, x), vjp, self.inputs)
        by_x, by_w = subject.gradients(subject.arrays(), [X, X])
        np.testing.assert_array_equal(by_x, 2 * X)
        assert by_w is None

    def test_its_graph_has_the_gradients_of_its_backward(self) -> None:
        calls: list[Any] = []

        def vjp(g: Any, x: Any, n: Any, w: Any) -> Any:
            calls.append(g)
            return n * g[0] * w, None, n * g[0] * x + g[1]["w"]

        subject = Foreign("f", lambda x, n, w: (n * x * w, {"w": w, "n": n}), vjp, self.inputs)
        results, leaves = subject.outputs(subject.arrays())
        assert [out.shape for out in results] == [X.shape, X.shape]
        for _ in range(2):
            by_x, by_w = subject.pull(results, leaves, [np.ones(X.shape), X])
            np.testing.assert_array_equal(by_x, 3 * (X + 1))
            np.testing.assert_array_equal(by_w, 4 * X)
        assert len(calls) == 2
        assert calls[0][1]["n"] is None
        by_x, by_w = subject.pull(results[:1], leaves, [np.ones(X.shape)])
        np.testing.assert_array_equal(by_w, 3 * X)

    def test_a_single_output_in_a_tuple_has_its_gradient_in_a_tuple(self) -> None:
        subject = Foreign("f", lambda x, n, w: (x,), lambda g, x, n, w: (*g, None, None), self.inputs)
        by_x, by_w = subject.gradients(subject.arrays(), [X])
        np.testing.assert_array_equal(by_x, X)
        assert by_w is None

    def test_its_gradients_have_memory_of_their_own(self) -> None:
        def vjp(g: Any, x: Any, n: Any, w: Any) -> Any:
            g *= 2
            return x, None, g

        subject, arrays, seed = Foreign("f", lambda x, n, w: x, vjp, self.inputs), [X.copy(), 3, X + 1], X.copy()
        by_x, by_w = subject.gradients(arrays, [seed])
        assert not any(np.shares_memory(a, b) for a in (by_x, by_w) for b in (arrays[0], seed) if a is not None)
        np.testing.assert_array_equal(seed, X)
        np.testing.assert_array_equal(by_w, 2 * X)

    def test_which_size_the_batch_has(self) -> None:
        call = (lambda x, n, w: x, lambda g, x, n, w: (g, None, None), self.inputs)
        assert Foreign("f", *call).batch == len(X)
        assert Foreign("f", *call, own=1).batch == 0
        assert Foreign("f", *call, Written(call[0], {"jac": True})).batch == 0

    @pytest.mark.parametrize("answer", [(X,), (X, X), (X, None, X, X)])
    def test_a_wrong_number_of_gradients(self, answer: Any) -> None:
        subject = Foreign("f", lambda x, n, w: x, lambda g, x, n, w: answer, self.inputs)
        with pytest.raises(ValueError, match=rf"f: vjp returned {len(answer)} gradients for 3 inputs"):
            subject.gradients(subject.arrays(), [X])


def test_a_ufunc_is_called_by_its_name() -> None:
    class Erf:
        """What has a `__name__`, but no `__qualname__`, as ufuncs outside of NumPy."""

        def __init__(self) -> None:
            self.__name__ = "erf"

    assert name_of(Erf()) == "erf"


def test_a_layer_is_no_function() -> None:
    class Layer:
        def backward(self, g: Any) -> Any:
            return g

    says = "type Layer, which cannot be called: gradcheck_layer.. checks an object with forward and backward"
    with pytest.raises(TypeError, match=says):
        of_function(Layer(), np.ones(2))
    with pytest.raises(TypeError, match=r"type int, which cannot be called$"):
        of_function(3, np.ones(2))  # type: ignore[arg-type]
