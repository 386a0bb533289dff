"""All parameters as one vector, and a closure as a function of it."""

import numpy as np
import pytest
from made import leaf, parameter

import tinygrad_edu as tg
from tinygrad_edu.optim.objective import Objective


def squares(params, *, result=lambda loss: loss):
    def closure():
        for p in params:
            p.grad = None
        loss = sum([(p * p).sum() for p in params if p.requires_grad])
        loss.backward()
        return result(loss)

    return closure


def test_the_vector_has_all_parameters_in_their_order():
    params = [parameter(2, 3), parameter(), parameter(0), parameter(4, 2, seed=1)]
    objective = Objective("Op", params, squares(params), 1.0)
    position = objective.position()
    np.testing.assert_array_equal(position, np.concatenate([p.array.ravel() for p in params]))
    assert not any(np.shares_memory(position, p.array) for p in params)
    loss, gradient = objective.evaluate()
    np.testing.assert_allclose(gradient, 2 * position, rtol=1e-15)
    assert loss == pytest.approx(float(position @ position), rel=1e-15)
    assert type(loss) is float


@pytest.mark.parametrize("divisor", [4.0, -2.0])
def test_the_loss_and_the_gradient_are_divided_alike_and_grad_is_left_alone(divisor):
    w = leaf(1.0, -3.0)
    objective = Objective("Op", [w], squares([w]), divisor)
    loss, gradient = objective.evaluate()
    assert loss == 10.0 / divisor
    assert gradient.tolist() == [2.0 / divisor, -6.0 / divisor]
    assert w.grad.tolist() == [2.0, -6.0]


def test_parameters_are_placed_in_their_own_memory_layout_and_dtype():
    turned = tg.from_numpy(np.arange(6.0).reshape(3, 2).T).requires_grad_()
    single = parameter(2, dtype="float32")
    arrays = turned.array, single.array
    objective = Objective("Op", [turned, single], lambda: None, 1.0)
    origin = np.arange(8.0)
    objective.place(origin, 0.5, np.ones(8))
    assert turned.tolist() == [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]
    assert single.tolist() == [6.5, 7.5]
    assert (turned.array is arrays[0], single.array is arrays[1], single.dtype) == (True, True, "float32")
    assert origin.tolist() == list(range(8))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [(["float32"], "float32"), (["float16"], "float32"), (["float32", "float64"], "float64"), (["float64"], "float64")],
)
def test_vectors_have_the_widest_dtype_and_float32_at_least(dtypes, expected):
    params = [parameter(2, dtype=dtype) for dtype in dtypes]
    objective = Objective("Op", params, squares(params), 1.0)
    assert objective.position().dtype == objective.evaluate()[1].dtype == objective.scratch.dtype == expected


def test_placing_is_noticed_by_a_graph():
    w = leaf(3.0)
    loss = w * w
    Objective("Op", [w], lambda: None, 1.0).place(np.ones(1), 0.0, np.ones(1))
    with pytest.raises(tg.GraphError, match="overwritten"):
        loss.backward()


def test_a_parameter_without_a_gradient_counts_as_having_zeros():
    used, unused, frozen = leaf(1.0), leaf(2.0), tg.tensor([3.0])
    objective = Objective("Op", [unused, used, frozen], squares([used]), 1.0)
    assert objective.evaluate()[1].tolist() == [0.0, 2.0, 0.0]


def test_calls_are_counted_and_the_first_result_is_kept():
    w = leaf(1.0)
    objective = Objective("Op", [w], squares([w]), 1.0)
    assert (objective.evaluations, objective.first) == (0, None)
    with tg.no_grad():
        one = objective.evaluate()[1]
    first = objective.first
    assert first.item() == 1.0
    assert objective.evaluate()[1] is not one
    assert (objective.evaluations, objective.first) == (2, first)


@pytest.mark.parametrize("result", [lambda loss: loss.item(), lambda loss: loss.array, lambda loss: loss.array[()],
                                    lambda loss: tg.stack([loss / 2, loss / 2]), lambda loss: int(loss)])  # fmt: skip
def test_what_counts_as_a_loss(result):
    w = leaf(1.0, 3.0)
    assert Objective("Op", [w], squares([w], result=result), 2.0).evaluate()[0] == 5.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, r"returned None, it must return the loss: does it end without a return\?$"),
        ("1", "it must return the loss$"),
    ],
)
def test_what_does_not(wrong, message):
    w = leaf(1.0)
    with pytest.raises(TypeError, match=rf"Op\.step\(\): the closure .*{message}"):
        Objective("Op", [w], squares([w], result=lambda loss: wrong), 1.0).evaluate()
