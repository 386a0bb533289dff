"""detect_anomaly: the first NaN or infinity, its op and its line."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg


def line_of(text: str) -> int:
    """The number of the line of this file that holds `text` and the mark of an expected place."""
    source = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    (number,) = [i + 1 for i, line in enumerate(source) if line.rstrip().endswith(f"# here: {text}")]
    return number


def test_infinity_in_a_result():
    x = leaf(1.0, 0.0, 2.0)
    with tg.detect_anomaly():
        y = x * 3
        with pytest.raises(tg.AnomalyError) as caught:
            tg.log(y)  # here: log
    message = str(caught.value)
    assert message.startswith("log: the first inf is in its result, at index (1,) of shape (3,)")
    assert f"test_anomaly.py:{line_of('log')}: tg.log(y)" in message


def test_nan_in_a_result_under_a_function_of_the_library():
    x = leaf(-1.0)
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError, match=r"nan is in its result") as caught:
        (x.log() + 1).sum()  # here: method
    assert f"test_anomaly.py:{line_of('method')}:" in str(caught.value)


def test_nan_in_the_data_is_named_as_such():
    w = leaf(1.0)
    with (
        tg.detect_anomaly(),
        pytest.raises(tg.AnomalyError, match="arguments has NaN already: look at the data"),
    ):
        w * np.array([1.0, np.nan])


def test_infinity_that_was_given_is_no_anomaly():
    scores = tg.zeros((2, 2), requires_grad=True)
    mask = np.array([[0.0, -np.inf], [0.0, 0.0]], dtype=np.float32)
    with tg.detect_anomaly():
        masked = scores + mask  # the mask of an attention layer
        tg.where(np.array([True, False]), scores, -np.inf)
        weights = masked.exp()
        weights.backward()
    np.testing.assert_array_equal(scores.grad.numpy(), [[1.0, 0.0], [1.0, 1.0]])


def test_infinity_in_backward_names_the_line_of_the_forward_pass():
    x = leaf(4.0, 0.0)
    with tg.detect_anomaly():
        y = tg.sqrt(x)  # here: sqrt
        with pytest.raises(tg.AnomalyError) as caught:
            y.backward()
    message = str(caught.value)
    assert re.match(r"backward of sqrt: the first inf is in the gradient of its argument 0, at index \(1,\)", message)
    assert f"test_anomaly.py:{line_of('sqrt')}: y = tg.sqrt(x)" in message
    assert x.grad is None


def test_gradient_that_comes_in():
    x = leaf(1.0)
    with (
        tg.detect_anomaly(),
        pytest.raises(tg.AnomalyError, match=r"backward of exp.*nan is in the incoming gradient"),
    ):
        tg.exp(x).backward(tg.tensor([np.nan]))


def test_backward_of_several_results_and_of_functions():
    class Zero(tg.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, one, two):
            return one * np.inf

    with tg.detect_anomaly():
        a, b = Zero.apply(leaf(1.0))
        with pytest.raises(tg.AnomalyError, match="backward of Zero: the first inf"):
            (a + b).backward()


def test_backward_that_records_itself():
    x = leaf(1.0)
    with tg.detect_anomaly():
        y = (x - 1) ** 1.5
        (first,) = tg.autograd.grad(y, x, create_graph=True)
        with pytest.raises(tg.AnomalyError):
            tg.autograd.grad(first, x)


def test_healthy_gradients_are_the_same():
    def gradient():
        w = tg.tensor([[0.3, -0.2], [0.5, 0.1]], requires_grad=True)
        loss = ((tg.tanh(w @ w) * 2).exp() + w[0]).sum()
        loss.backward()
        return w.grad.numpy()

    plain = gradient()
    with tg.detect_anomaly():
        np.testing.assert_array_equal(gradient(), plain)


def test_it_ends_with_its_block_and_respects_no_grad():
    x = leaf(0.0)
    with tg.no_grad(), tg.detect_anomaly():
        assert not tg.is_grad_enabled()
    with tg.detect_anomaly():
        with tg.no_grad():
            assert tg.log(x).item() == -np.inf
        with tg.no_grad(), tg.enable_grad(), pytest.raises(tg.AnomalyError):
            tg.log(x)
    assert tg.is_grad_enabled()
    with pytest.raises(tg.AnomalyError), tg.detect_anomaly():
        tg.log(x)
    assert tg.is_grad_enabled()
    with np.errstate(all="ignore"):
        assert tg.log(x).item() == -np.inf


def test_as_a_decorator():
    @tg.autograd.detect_anomaly()
    def step(x):
        return tg.log(x)

    with pytest.raises(tg.AnomalyError, match=r"return tg\.log"):
        step(leaf(0.0))
    assert issubclass(tg.AnomalyError, tg.GraphError)


def test_an_overflow_of_a_gradient_beside_wider_numbers_is_found() -> None:
    x, wide = tg.tensor([1e-30, 1.0], dtype=tg.float32, requires_grad=True), tg.tensor(np.array([10**15, 3]))
    with pytest.raises(tg.AnomalyError, match="backward of mul: the first inf"), tg.detect_anomaly():
        (x * wide * wide * wide).backward()
