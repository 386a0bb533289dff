"""Where gradients enter a backward pass, and where they end."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError


def leaf(*numbers: float) -> tg.Tensor:
    return tg.tensor(np.array(numbers), requires_grad=True)


def test_a_tensor_that_is_no_scalar_means_the_sum_of_its_elements() -> None:
    x, y = leaf(1.0, 2.0, 3.0), leaf(1.0, 2.0, 3.0)
    (x**2).backward()
    (y**2).sum().backward()
    np.testing.assert_array_equal(x.grad.array, y.grad.array)


def test_any_other_cotangent_enters_as_gradient() -> None:
    x = leaf(1.0, 2.0, 3.0)
    (x**2).backward(gradient=tg.tensor([1.0, 0.0, -1.0]))
    np.testing.assert_allclose(x.grad.array, [2.0, 0.0, -6.0])
    x.grad = None
    (x**2).backward(2)
    np.testing.assert_allclose(x.grad.array, [4.0, 8.0, 12.0])


def test_gradients_add_up_over_passes_and_start_again_from_none() -> None:
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * x).backward()
    np.testing.assert_allclose(x.grad.array, [6.0, 12.0])
    x.grad = None
    (x * x).backward()
    np.testing.assert_allclose(x.grad.array, [2.0, 4.0])


def test_a_gradient_has_the_dtype_of_its_tensor() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x * np.array([1.0, 2.0])).backward()  # the graph is float64 from here on
    assert x.grad.dtype == np.float32
    (g,) = tg.autograd.grad(x * np.array([1.0, 2.0]), x, create_graph=True)
    assert g.dtype == np.float32


def test_the_wrong_shape_of_gradient_is_named() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        y.backward(np.ones(3))
    with pytest.raises(ShapeError, match=r"gradient has shape \(2, 2\), the tensor \(2,\)"):
        y.backward(np.ones((2, 2)))
    with pytest.raises(DtypeError, match="gradient has dtype"):
        y.backward(np.array(["a", "b"]))
    assert x.grad is None
    y.backward()  # nothing was lost


def test_backward_of_a_constant_says_why() -> None:
    with pytest.raises(GraphError, match=r"\(2,\) does not require a gradient.*requires_grad=True.*no_grad"):
        tg.tensor([1.0, 2.0]).backward()
    with pytest.raises(TypeError, match="needs a Tensor, got ndarray"):
        tg.autograd.backward([np.ones(2)])


def test_grad_returns_and_leaves_dot_grad_alone() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    gx, gy = tg.autograd.grad((y * y).sum(), [x, y])
    np.testing.assert_allclose(gy.array, 2 * np.array([3.0, 8.0]))
    np.testing.assert_allclose(gx.array, 2 * np.array([3.0, 8.0]) * [3.0, 4.0])
    assert x.grad is None
    assert w.grad is None


def test_grad_of_unused_inputs() -> None:
    x, unused = leaf(1.0), leaf(2.0)
    with pytest.raises(GraphError, match=r"do not depend on input 1.*allow_unused"):
        tg.autograd.grad(x * 2, [x, unused])
    gx, nothing = tg.autograd.grad(x * 2, [x, unused], allow_unused=True)
    assert gx.item() == 2.0
    assert nothing is None


def test_several_outputs_with_a_gradient_each() -> None:
    x = leaf(1.0, 2.0)
    (g,) = tg.autograd.grad([x * 2, x * x], x, [np.array([1.0, 10.0]), None])
    np.testing.assert_allclose(g.array, [2 + 2, 20 + 4])
    with pytest.raises(ValueError, match="2 tensors but 1 gradients"):
        tg.autograd.grad([x * 2, x * x], x, [None])


def test_grad_walks_only_the_paths_to_its_inputs() -> None:
    called = []

    def rule(g, out, x):
        called.append(1)
        return g

    same = tg.primitive(vjps=(rule,), saves=("",))(lambda x: x + 0)
    x, w = leaf(1.0), leaf(2.0)
    side = same(w)
    side.register_hook(lambda g: called.append(2))
    side.retain_grad()
    middle = x * 3
    y = middle * side + side
    (g,) = tg.autograd.grad(y, middle, retain_graph=True)
    assert g.item() == 2.0
    assert called == []
    assert side.grad is None
    gx, gm, gw = tg.autograd.grad(y, [x, middle, w])
    assert (gx.item(), gm.item(), gw.item()) == (6.0, 2.0, 4.0)
    assert sorted(called) == [1, 2]


def test_grad_by_an_output_itself() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    g, gx = tg.autograd.grad(y, [y, x], np.array([1.0, 5.0]))
    np.testing.assert_array_equal(g.array, [1.0, 5.0])
    np.testing.assert_array_equal(gx.array, [3.0, 15.0])


def test_results_of_grad_belong_to_the_caller() -> None:
    x = leaf(1.0, 2.0)
    seed = np.ones(2)
    (a,) = tg.autograd.grad(x + 0, x, seed)
    assert not np.shares_memory(a.array, seed)


def test_create_graph_gives_gradients_that_can_be_differentiated() -> None:
    x = leaf(1.0, 2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    (first * first).backward()
    np.testing.assert_allclose(x.grad.array, 2 * (3 * np.array([1.0, 4.0])) * 6 * np.array([1.0, 2.0]))


def test_accumulating_onto_a_differentiable_gradient_keeps_both() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    kept = x.grad
    (x * 5).backward()
    assert kept.item() == 12.0
    assert x.grad.item() == 17.0


def test_an_error_in_a_rule_leaves_all_gradients_as_they_were() -> None:
    def fail(g, out, x):
        raise RuntimeError("no")

    broken = tg.primitive(vjps=(fail,))(lambda x: x + 0)
    x, y = leaf(1.0), leaf(1.0)
    total = y * 2 + broken(x * 3)
    with pytest.raises(RuntimeError, match="no"):
        total.backward()
    assert x.grad is None
    assert y.grad is None


def test_a_penalty_on_a_gradient() -> None:
    w = leaf(1.0, -2.0)
    x = tg.tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
    loss = ((x * w).sum(1) ** 2).sum()
    (g,) = tg.autograd.grad(loss, w, create_graph=True)
    (g * g).sum().backward()
    h = 2 * x.array.T @ x.array
    np.testing.assert_allclose(w.grad.array, 2 * h @ (h @ w.detach().array), rtol=1e-12)


def test_arguments_may_be_given_by_position_as_in_pytorch() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    (slope,) = tg.autograd.grad(x**3, x, tg.tensor(1.0), True, True, True)
    (bend,) = tg.autograd.grad(slope, x)
    assert (slope.item(), bend.item()) == (12.0, 12.0)
    tg.autograd.backward([x * x, 3 * x], grad_tensors=[tg.tensor(2.0), None])
    assert x.grad is not None
    assert x.grad.item() == 11.0


def test_gradients_of_a_differentiable_pass_have_memory_of_their_own() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tg.tensor(np.ones(2))
    a, b, c = tg.autograd.grad([x + y.reshape(1, 2), x], [x, y, x], [seed.reshape(1, 2), seed], create_graph=True)
    arrays = [a.array, b.array, c.array, seed.array, x.array, y.array]
    for i, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:i]), i
    with tg.no_grad():
        a.mul_(100)
    np.testing.assert_array_equal(b.array, [1.0, 1.0])
    np.testing.assert_array_equal(seed.array, [1.0, 1.0])


def test_an_unused_input_is_found_before_anything_is_freed() -> None:
    x, y = leaf(3.0), leaf(1.0)
    z = x * x
    with pytest.raises(GraphError, match=r"do not depend on input 1 \(of shape \(1,\)\).*allow_unused=True"):
        tg.autograd.grad(z, [x, y])
    assert tg.autograd.grad(z, x)[0].item() == 6.0


def test_a_rule_that_gives_nothing_leaves_an_input_unused() -> None:
    nothing = tg.primitive(vjps=(lambda g, out, x: None,))(lambda x: x + 0)
    x = leaf(1.0)
    with pytest.raises(GraphError, match="do not depend on input 0"):
        tg.autograd.grad(nothing(x), x)
    assert tg.autograd.grad(nothing(x), x, allow_unused=True) == (None,)


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_entering_gradient_takes_the_dtype_of_the_tensor(create_graph: bool) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.dtype))
    for seed in (tg.tensor([1, 2]), tg.tensor(np.array([1.0, 2.0]))):
        (g,) = tg.autograd.grad(x * 3, x, seed, create_graph=create_graph)
        assert g.dtype == np.float32
        assert g.tolist() == [3.0, 6.0]
    assert seen == [np.float32] * 2


def test_a_rule_that_reads_what_it_did_not_save_is_told_so() -> None:
    careless = tg.primitive(vjps=(lambda g, out, x: g * x,), saves=("",), name="careless")(lambda x: x * x / 2)
    with pytest.raises(TypeError) as caught:
        careless(leaf(1.0)).backward()
    assert any("'careless'" in note and "saves=" in note for note in caught.value.__notes__)
