"""A Tensor: asking what it is, its gradient and hooks, taking its numbers out again."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.graph import Leaf, Node
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError


def test_where_it_comes_from() -> None:
    constant = tg.tensor([1.0])
    leaf = tg.tensor([1.0], requires_grad=True)
    computed = leaf * 2
    assert constant.source is None
    assert isinstance(leaf.source, Leaf)
    assert isinstance(computed.source, Node)
    assert (constant.is_leaf, leaf.is_leaf, computed.is_leaf) == (True, True, False)
    assert computed.grad_fn.op.name == "mul"
    assert leaf.grad_fn is None


def test_requires_grad_can_be_switched_on_leaves_only() -> None:
    t = tg.tensor([1.0])
    assert t.requires_grad_() is t
    assert t.requires_grad
    t.requires_grad = False
    assert not t.requires_grad
    t.requires_grad = True
    with pytest.raises(GraphError, match="detach"):
        (t * 2).requires_grad = False


def test_switching_requires_grad_on_again_keeps_the_gradient() -> None:
    t = tg.tensor([1.0], requires_grad=True)
    (t * 2).backward()
    t.requires_grad = True
    assert t.grad.item() == 2.0


def test_data_is_the_same_memory_outside_the_graph() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    assert t.data.array is t.array
    assert not t.data.requires_grad
    t.data[0] = 5.0
    assert t.tolist() == [5.0, 2.0]
    t.data -= 1.0
    assert t.tolist() == [4.0, 1.0]
    assert t.requires_grad
    t.data = tg.zeros(3)
    assert t.shape == (3,)
    (t * 1).backward()
    assert t.grad.shape == (3,)


def test_grad_can_be_set_and_is_checked() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    t.grad = tg.tensor([3.0, 4.0])
    assert t.grad.tolist() == [3.0, 4.0]
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        t.grad = tg.zeros(3)
    assert t.grad.tolist() == [3.0, 4.0]
    t.grad.zero_()
    assert t.grad.tolist() == [0.0, 0.0]
    with pytest.raises(GraphError, match="requires_grad=True first"):
        tg.zeros(2).grad = tg.zeros(2)


def test_detach_shares_memory_and_has_no_past() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    d = (t * 2).detach()
    assert d.source is None
    assert t.detach().array is t.array


def test_retain_grad_of_a_computed_tensor() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    assert y.grad is None
    (y * y).backward()
    assert y.grad.tolist() == [4.0, 8.0]
    with pytest.raises(GraphError, match="does not require a gradient"):
        tg.zeros(2).retain_grad()


def test_a_gradient_that_no_backward_pass_will_keep_is_said_to_be_missing() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with pytest.warns(UserWarning, match=r"computed tensor, of shape \(2,\), is None.*its retain_grad\(\)") as caught:
        assert y.grad is None
    assert caught[0].filename == __file__
    y.retain_grad()
    for silent in (y, x, tg.zeros(2), x.detach(), y.detach()):
        assert silent.grad is None
    y.sum().backward()
    assert y.grad is not None
    y.grad = None
    assert y.grad is None
    z = x * 2
    z.grad = tg.ones(2)  # what was put there by hand is found there
    assert z.grad.tolist() == [1.0, 1.0]


def test_hooks_see_and_may_replace_the_gradient() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 3
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 2)
    y.retain_grad()
    (y + y).backward(retain_graph=True)
    assert seen == [[2.0, 2.0]], "once, with the total"
    assert y.grad.tolist() == [4.0, 4.0], "what is retained is what the hooks made of it"
    assert x.grad.tolist() == [12.0, 12.0]
    handle.remove()
    handle.remove()
    x.grad = None
    (y + y).backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_hook_on_a_leaf_runs_before_the_gradient_is_added() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    x.grad = tg.tensor([100.0])
    x.register_hook(lambda g: g * 10)
    (x * 3).backward()
    assert x.grad.tolist() == [130.0]


def test_a_hook_of_the_wrong_shape_is_an_error() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match=r"hook returned a gradient of shape \(\) for a tensor of shape \(2,\)"):
        (x * 3).backward()
    assert x.grad is None


def test_a_hook_in_a_differentiable_pass_is_differentiated() -> None:
    x = tg.tensor(np.array([2.0]), requires_grad=True)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = tg.autograd.grad(y, x, create_graph=True)  # 2x · x
    np.testing.assert_allclose(tg.autograd.grad(g, x)[0].array, [8.0])


def test_post_accumulate_hooks_run_after_adding() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 3).backward()
    (x * 3).backward()
    assert seen == [3.0, 6.0]
    handle.remove()
    (x * 3).backward()
    assert len(seen) == 2
    with pytest.raises(GraphError, match="for leaves"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_numbers_come_out() -> None:
    t = tg.tensor([[1.5, 2.5]])
    assert t.numpy() is t.array
    assert t.tolist() == [[1.5, 2.5]]
    assert tg.tensor([[3]]).item() == 3
    assert float(tg.tensor(1.5)) == 1.5
    assert int(tg.tensor(3)) == 3
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert len(t) == 1
    assert [row.tolist() for row in t] == [[1.5, 2.5]]
    assert 1.5 in t
    assert 9.0 not in t
    with pytest.raises(ShapeError, match=r"item\(\) needs a tensor of one element.*\(1, 2\)"):
        t.item()
    with pytest.raises(TypeError, match="0-d"):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))


def test_numpy_of_a_tensor_with_a_gradient_says_detach() -> None:
    with pytest.raises(GraphError, match=r"detach\(\)\.numpy\(\)"):
        tg.tensor([1.0], requires_grad=True).numpy()


def test_truth() -> None:
    assert bool(tg.tensor([[2.0]]))
    assert not bool(tg.tensor(0))
    with pytest.raises(ShapeError, match=r"ambiguous.*any\(\).*all\(\)"):
        bool(tg.tensor([1.0, 2.0]))


def test_repr_and_format() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    assert repr(t) == "tensor([1., 2.], requires_grad=True)"
    assert repr(t * 2) == "tensor([2., 4.], grad_fn=mul)"
    assert repr(tg.tensor([1.0], dtype=tg.float64)) == "tensor([1.], dtype=float64)"
    assert f"{tg.tensor(1.2345):.2f}" == "1.23"
    assert f"{tg.tensor([1, 2])}" == "tensor([1, 2])"


def test_hash_is_identity_and_equality_is_elementwise() -> None:
    t = tg.tensor([1.0, 2.0])
    assert len({t, t, tg.tensor([1.0, 2.0])}) == 2
    assert (t == tg.tensor([1.0, 3.0])).tolist() == [True, False]


def test_copies_and_pickles_of_leaves() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    (t * t).backward()
    twin = copy.deepcopy(t)
    assert twin.requires_grad
    assert twin.grad.tolist() == [2.0, 4.0]
    assert not np.shares_memory(twin.array, t.array)
    assert not np.shares_memory(twin.grad.array, t.grad.array)
    again = pickle.loads(pickle.dumps(t))
    assert again.requires_grad
    assert again.tolist() == [1.0, 2.0]
    with pytest.raises(GraphError, match="detach"):
        copy.deepcopy(t * 2)
    with pytest.raises(GraphError, match="detach"):
        pickle.dumps(t * 2)


def test_a_tensor_is_made_of_data_never_of_sizes() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        tg.Tensor(2, 3)  # type: ignore[misc]


def test_the_device_is_the_processor() -> None:
    x = tg.tensor([1.0], device="cpu")
    assert str(x.device) == "cpu"
    assert tg.zeros(2, device=x.device).shape == (2,)
    assert tg.as_tensor(x, device="cpu") is x
    with pytest.raises(ValueError, match="'cuda:0' does not exist here: the only device is 'cpu'"):
        tg.tensor([1.0], device="cuda:0")
    with pytest.raises(ValueError, match="'cuda' does not exist here"):
        tg.as_tensor(x, device="cuda")


def test_an_empty_tensor_shows_its_shape() -> None:
    assert repr(tg.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(tg.zeros(0)) == "tensor([])"


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_may_change_its_gradient_in_place_and_nobody_elses(create_graph: bool) -> None:
    x, y = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    seed = tg.ones(2)
    kept = []
    x.register_hook(lambda g: kept.append(g.mul_(10)))
    (x + y).backward(seed, create_graph=create_graph)
    assert x.grad.tolist() == [10.0, 10.0]
    assert y.grad.tolist() == [1.0, 1.0]
    assert seed.tolist() == [1.0, 1.0]
    kept[0].zero_()
    assert x.grad.tolist() == [10.0, 10.0]


def test_what_a_hook_returns_is_checked_and_takes_the_tensors_dtype() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    handle = x.register_hook(lambda g: 2.0)
    with pytest.raises(TypeError, match="a hook must return a Tensor or None, not float"):
        (x * 1).backward()
    handle.remove()
    y = x * 1
    y.register_hook(lambda g: g.double() * 2)
    seen = []
    x.register_hook(lambda g: seen.append(g.dtype))
    y.backward()
    assert seen == [np.float32]
    assert x.grad.tolist() == [2.0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_retained_gradients_share_no_memory(create_graph: bool) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    z = y + 0.0
    y.retain_grad()
    z.retain_grad()
    seed = tg.ones(2)
    z.backward(seed, create_graph=create_graph)
    arrays = [x.grad.array, y.grad.array, z.grad.array, seed.array]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_a_gradient_that_is_set_has_the_tensors_dtype_and_can_be_added_to() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    for wrong in (tg.tensor([1, 2]), tg.zeros(2).double()):
        with pytest.raises(
            DtypeError, match=r"setting \.grad: the gradient has dtype .*64, the tensor float32.*astype"
        ):
            t.grad = wrong
    assert t.grad is None
    t.grad = tg.tensor(3.0).expand(2)  # read-only: one number in two places
    (t * 2).backward()
    assert t.grad.tolist() == [5.0, 5.0]
    t.grad = np.array([1.0, 2.0])  # an array, as other data, is converted
    assert t.grad.dtype == np.float32
    (t * 2).backward()
    assert t.grad.tolist() == [3.0, 4.0]


def test_a_long_chain_is_shown_refused_and_dropped_without_recursion() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    h = x
    for _ in range(50_000):
        h = h * 1.0
    assert repr(h) == "tensor(1., grad_fn=mul)"
    with pytest.raises(GraphError, match="detach it from its graph"):
        copy.deepcopy([h])
    (g,) = tg.autograd.grad(h, x, create_graph=True)
    del h
    assert g.item() == 1.0
    del g  # the differentiable gradient holds the whole chain twice
