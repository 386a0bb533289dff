"""Clipping gradients: one factor for all of them, and limits for each number."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import utils


def with_gradients(*gradients: list[float], dtype: object = None) -> list[tg.Tensor]:
    parameters = []
    for values in gradients:
        p = nn.Parameter(tg.zeros(len(values), dtype=dtype))
        p.grad = tg.tensor(values, dtype=p.dtype)
        parameters.append(p)
    return [*parameters, nn.Parameter(tg.zeros(2))]  # the last has no gradient


def grads(parameters: list[tg.Tensor]) -> list[list[float]]:
    return [p.grad.tolist() for p in parameters if p.grad is not None]


def test_clipping_by_norm() -> None:
    parameters = with_gradients([3.0], [0.0, 4.0], dtype=tg.float64)
    assert utils.clip_grad_norm_(parameters, 1.0).item() == 5.0
    np.testing.assert_allclose(np.concatenate(grads(parameters)), [0.6, 0.0, 0.8], rtol=1e-6)
    assert utils.clip_grad_norm_(parameters, 10.0).item() == pytest.approx(1.0)
    np.testing.assert_allclose(np.concatenate(grads(parameters)), [0.6, 0.0, 0.8], rtol=1e-6)


def test_other_norms() -> None:
    parameters = with_gradients([3.0], [0.0, -4.0])
    assert utils.get_total_norm([p.grad for p in parameters if p.grad is not None], float("inf")).item() == 4.0
    assert utils.clip_grad_norm_(parameters, 100.0, norm_type=1.0).item() == 7.0
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.raises(ValueError, match="norm_type must be greater than 0, got -1"):
        utils.clip_grad_norm_(parameters, 1.0, norm_type=-1)


def test_a_norm_that_is_not_finite() -> None:
    parameters = with_gradients([float("inf")], [2.0])
    with pytest.raises(tg.TinygradError, match=r"the total norm of order 2\.0 is inf"):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert grads(parameters)[1] == [2.0]


def test_squares_of_float32_do_not_overflow() -> None:
    parameters = with_gradients([3e30], [4e30])
    assert utils.clip_grad_norm_(parameters, 1.0).item() == pytest.approx(5e30)
    np.testing.assert_allclose(grads(parameters), [[0.6], [0.8]], rtol=1e-6)


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_limits_are_checked(limit: float) -> None:
    parameters = with_gradients([3.0])
    with pytest.raises(ValueError, match=rf"clip_grad_norm_: max_norm must be 0 or more, got {limit}"):
        utils.clip_grad_norm_(parameters, limit)
    with pytest.raises(ValueError, match=rf"clip_grad_value_: clip_value must be 0 or more, got {limit}"):
        utils.clip_grad_value_(parameters, limit)
    with pytest.raises(ValueError, match=rf"clip_grads_with_norm_: max_norm must be 0 or more, got {limit}"):
        utils.clip_grads_with_norm_(parameters, limit, 1.0)
    assert grads(parameters) == [[3.0]]


def test_clipping_by_a_norm_that_is_known() -> None:
    parameters = with_gradients([3.0], [0.0, 4.0], dtype=tg.float64)
    utils.clip_grads_with_norm_(parameters, 20.0, 10.0)
    assert grads(parameters) == [[3.0], [0.0, 4.0]]
    utils.clip_grads_with_norm_(parameters, 1.0, tg.tensor(10.0))
    np.testing.assert_allclose(np.concatenate(grads(parameters)), [0.3, 0.0, 0.4], rtol=1e-6)


def test_clipping_by_value() -> None:
    parameters = with_gradients([3.0, -0.2], [-5.0])
    utils.clip_grad_value_(parameters, 0.5)
    np.testing.assert_allclose(np.concatenate(grads(parameters)), [0.5, -0.2, -0.5])


def test_a_model_in_the_place_of_its_parameters() -> None:
    with pytest.raises(TypeError, match=r"got a Linear in the place of tensors: pass its \.parameters\(\)"):
        nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0)  # type: ignore[arg-type]
