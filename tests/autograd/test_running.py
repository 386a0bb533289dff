"""Where gradients enter a backward pass, and where they end."""

from __future__ import annotations

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.autograd.running import accumulate, clear, run, seed
from tinygrad_edu.autograd.tallies import unknown
from tinygrad_edu.engine.graph import Leaf
from tinygrad_edu.engine.observing import mode
from tinygrad_edu.errors import DtypeError, GraphError, ShapeError


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


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_the_gradients_of_two_passes_are_added(first: bool, second: bool) -> None:
    x = leaf(1.0, 2.0)
    (x * 3 * x).backward(create_graph=first)
    (x * x * x).backward(create_graph=second)
    np.testing.assert_array_equal(x.grad.detach().array, [6.0 + 3.0, 12.0 + 12.0])
    assert x.grad.requires_grad == second  # as in PyTorch


def test_a_gradient_is_added_in_place_and_the_change_is_marked() -> None:
    x = leaf(1.0, 2.0)
    (x * x).backward()
    gradient, array = x.grad, x.grad.array
    w = leaf(1.0, 1.0)
    reads_it = w * gradient
    (x * 5).backward()
    assert x.grad is gradient
    assert gradient.array is array
    assert array.tolist() == [7.0, 9.0]
    with pytest.raises(GraphError, match="overwritten"):
        reads_it.backward()


def test_accumulating_converts_to_the_dtype_of_the_leaf() -> None:
    for g in (np.float64(2.0), np.array(2.0), np.array(2.0, np.float32), np.float32(2.0)):
        source = Leaf((), np.dtype(np.float32))
        accumulate(source, g)
        assert type(source.grad.array) is np.ndarray
        assert source.grad.dtype == np.float32
        accumulate(source, g)
        assert source.grad.item() == 4.0
        assert source.grad.dtype == np.float32
    source = Leaf((1,), np.dtype(np.float32))
    own = np.ones(1, np.float32)
    accumulate(source, own)
    assert source.grad.array is own  # the walk hands over arrays that nobody else holds
    source = Leaf((1,), np.dtype(np.float32))
    accumulate(source, leaf(2.0) * 1)
    assert source.grad.dtype == np.float32
    assert source.grad.requires_grad


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("retain_graph", [None, False, True])
def test_a_graph_is_kept_for_another_pass_if_it_was_asked_for(create_graph: bool, retain_graph: bool | None) -> None:
    x = leaf(3.0)

    def again(differentiate) -> bool:
        y = x * x
        differentiate(y, retain_graph=retain_graph, create_graph=create_graph)
        try:
            y.backward()
        except GraphError:
            return False
        return True

    kept = create_graph if retain_graph is None else retain_graph
    assert again(lambda y, **how: tg.autograd.backward(y, **how)) is kept
    assert again(lambda y, **how: tg.autograd.grad(y, x, **how)) is kept
    assert not again(lambda y, **how: tg.autograd.backward(y))
    assert not again(lambda y, **how: tg.autograd.grad(y, x))


def test_a_pass_is_recorded_only_with_create_graph() -> None:
    modes = []

    def rule(g, out, x):
        modes.append((mode.recording, type(g)))
        return g * 1

    call = tg.primitive(vjps=(rule,), name="tried")(lambda x: x + 0)
    x = leaf(3.0)
    tg.autograd.backward(call(x))
    assert not x.grad.requires_grad
    (g,) = tg.autograd.grad(call(x), x)
    assert not g.requires_grad
    assert modes == [(False, np.ndarray)] * 2
    del modes[:]
    y, z = call(x), call(x)
    with tg.no_grad():  # asking for it is enough
        tg.autograd.grad(y, x, create_graph=True)
        tg.autograd.backward(z, create_graph=True)
        assert mode.recording is False
    assert modes == [(True, tg.Tensor)] * 2
    assert mode.recording is True


@pytest.mark.parametrize("create_graph", [False, True])
def test_after_a_pass_calls_are_recorded_as_before(create_graph: bool) -> None:
    def fail(g, out, x):
        raise RuntimeError("no")

    broken = tg.primitive(vjps=(fail,), name="tried")(lambda x: x + 0)
    x, seen = leaf(3.0), []
    with tg.autograd.observing(lambda node, operands, out: seen.append(node)):
        for differentiate in (tg.autograd.backward, lambda y, **how: tg.autograd.grad(y, x, **how)):
            y, bad = x * x, broken(x)
            del seen[:]
            differentiate(y, create_graph=create_graph)
            assert bool(seen) == create_graph
            assert mode.recording is True
            with pytest.raises(RuntimeError, match="no"):
                differentiate(bad, create_graph=create_graph)
            assert mode.recording is True


def test_what_is_to_be_called_after_a_pass_finds_all_gradients() -> None:
    x, y = leaf(1.0), leaf(2.0)
    seen = []

    def after() -> None:
        seen.append((x.grad.item(), y.grad.item(), mode.recording))
        x.source.after.remove(after)

    x.source.after, y.source.after = [after, lambda: seen.append("second")], [lambda: seen.append("other")]
    (x * y).backward()
    assert sorted(map(str, seen)) == ["(2.0, 1.0, True)", "other", "second"]


def test_a_pass_that_is_refused_at_its_end_changes_nothing() -> None:
    x = leaf(1.0)

    def refuse() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run([((x * 2).source, np.ones(1))], False, False, unknown(), refuse)
    assert x.grad is None
    assert mode.recording is True
    called = []
    run([((x * 2).source, np.ones(1))], False, False, unknown(), lambda: called.append(x.grad))
    assert called == [None]
    assert x.grad.item() == 2.0


def test_leaves_learn_how_many_samples_were_summed() -> None:
    def loss(x):
        return tg.nn.functional.mse_loss(x * np.ones(3), np.zeros(3))

    def known(x):
        tally = x.source.tally
        return tally.likely, tally.more, tally.holds(x.source)

    x = leaf(2.0)
    tg.autograd.backward(loss(x))
    assert known(x) == (3.0, False, True)
    tg.autograd.backward([loss(x), loss(x)], [None, None])
    assert known(x)[1:] == (False, True)
    assert known(x)[0] > 3.0
    tg.autograd.backward(loss(x), np.ones(()))  # another gradient enters: nothing is known of it
    assert known(x)[1:] == (True, True)
    for start in (None, np.zeros(1)):
        hooked = leaf(2.0)
        hooked.register_hook(lambda g: g * 5)
        hooked.grad = start
        loss(hooked).backward()
        assert hooked.source.tally.more
    altered = leaf(2.0)
    altered.source.after = [lambda: altered.grad.mul_(2)]
    loss(altered).backward()
    assert known(altered) == (0.0, True, True)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_clearing_forgets_all_that_is_kept_with_a_gradient(set_to_none: bool) -> None:
    x, y, none, graph = leaf(1.0), leaf(2.0), leaf(3.0), leaf(4.0)
    computed = x * 2
    for tensor in (x, y):
        (tensor * 3).backward()
        tensor.source.kept = ["kept"]
    none.source.kept, none.source.tally = ["kept"], unknown()
    (graph * graph).backward(create_graph=True)
    before, array = graph.grad, x.grad.array
    reads_it = leaf(1.0) * x.grad
    clear((t for t in [tg.ones(1), computed, none, x, graph, y]), set_to_none)
    assert none.grad is none.source.tally is none.source.kept is None
    assert before.tolist() == [8.0]
    for tensor in (x, y, graph):
        assert tensor.source.kept is None
        if set_to_none:
            assert tensor.grad is tensor.source.tally is None
        else:
            assert (tensor.grad.tolist(), tensor.grad.requires_grad) == ([0.0], False)
            assert tensor.source.tally.holds(tensor.source)
            assert (tensor.source.tally.more, tensor.source.tally.high) == (False, 0)
    assert set_to_none or x.grad.array is array
    if set_to_none:
        reads_it.backward()
    else:
        with pytest.raises(GraphError, match="overwritten"):
            reads_it.backward()
    assert computed.requires_grad


def test_clearing_is_forgetting_if_nothing_else_was_said() -> None:
    x = leaf(1.0)
    (x * 3).backward()
    clear([x])
    assert x.grad is None


def test_a_masked_array_does_not_enter() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(DtypeError, match=r"backward\(\): the gradient: a tensor has no mask"):
        (x * 2).backward(np.ma.masked_array([1.0, 2.0], [True, False]))


def test_outputs_and_inputs_may_come_from_an_iterator() -> None:
    x, w = leaf(1.0), leaf(2.0)
    gx, gw = tg.autograd.grad((t for t in [x * w, x * 3]), (t for t in [x, w]))
    assert (gx.item(), gw.item()) == (5.0, 1.0)
    tg.autograd.backward((t for t in [x * w, x * 3]), (g for g in [np.array([10.0]), None]))
    assert (x.grad.item(), w.grad.item()) == (23.0, 10.0)
    with pytest.raises(ValueError, match="2 tensors but 3 gradients"):
        tg.autograd.backward([x, w], [None, None, None])
    with pytest.raises(TypeError, match=r"autograd\.grad\(\) needs a Tensor, got list"):
        tg.autograd.grad(x * w, [[x]])
    with pytest.raises(TypeError, match=r"backward\(\) needs a Tensor, got list"):
        tg.autograd.backward([[x]])


def test_a_gradient_has_the_dtype_of_its_tensor() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x * np.array([1.0, 2.0])).backward()  # the graph is float64 from here on
    assert x.grad.dtype == np.float32
    (g,) = tg.autograd.grad(x * np.array([1.0, 2.0]), x, create_graph=True)
    assert g.dtype == np.float32


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_entering_gradient_may_be_of_any_kind_of_number(create_graph: bool) -> None:
    x = leaf(1.0, 2.0)
    for entering in (2, 2.0, True, np.uint8(2), [2, 2], np.array([2, 2], np.int8), tg.tensor(2), np.array([2.0])):
        (g,) = tg.autograd.grad(x * 3, x, entering, create_graph=create_graph)
        assert g.tolist() == ([3.0, 3.0] if entering is True else [6.0, 6.0])
        assert g.dtype == np.float64
        assert g.requires_grad is False
    entering = leaf(5.0)
    (g,) = tg.autograd.grad(x * 3, x, entering, create_graph=create_graph)
    assert g.tolist() == [15.0, 15.0]
    assert g.requires_grad is create_graph
    for wrong in (np.array([1j, 1j]), np.array(["a", "b"])):
        with pytest.raises(DtypeError, match=rf"gradient has dtype {wrong.dtype}, the tensor float64"):
            tg.autograd.grad(x * 3, x, wrong, create_graph=create_graph)
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        tg.autograd.grad(x * 3, x, tg.ones(3), create_graph=create_graph)


def test_ones_enter_where_no_gradient_is_given() -> None:
    x = tg.tensor([[1.0, 2.0]], requires_grad=True)
    for create_graph, kind in ((False, np.ndarray), (True, tg.Tensor)):
        ones = seed(x, None, create_graph)
        assert type(ones) is kind
        assert (ones.shape, ones.dtype, ones.tolist()) == ((1, 2), np.float32, [[1.0, 1.0]])
        given = seed(x, np.float64(3.0), create_graph)
        assert type(given) is kind
        assert (given.shape, given.dtype, given.tolist()) == ((1, 2), np.float32, [[3.0, 3.0]])


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
    for entering in (tg.tensor([1, 2]), tg.tensor(np.array([1.0, 2.0]))):
        (g,) = tg.autograd.grad(x * 3, x, entering, create_graph=create_graph)
        assert g.dtype == np.float32
        assert g.tolist() == [3.0, 6.0]
    assert seen == [np.float32] * 2


def test_a_rule_that_reads_what_it_did_not_save_is_told_so() -> None:
    careless = tg.primitive(vjps=(lambda g, out, x: g * x,), saves=("",), name="careless")(lambda x: x * x / 2)
    with pytest.raises(TypeError) as caught:
        careless(leaf(1.0)).backward()
    assert any("'careless'" in note and "saves=" in note for note in caught.value.__notes__)


def test_the_array_of_a_gradient_is_noted_beside_what_is_kept_of_samples() -> None:
    w = leaf(1.0, 2.0)
    (w * 2).sum().backward()
    assert w.source.seen is None
    w.grad = None
    (w * tg.tensor([[1.0, 2.0], [3.0, 4.0]])).sum(1).backward(per_sample=True)
    assert w.source.seen[0]() is w.grad.array
    (w * 2).sum().backward()
    assert w.source.seen[0]() is w.grad.array
    clear([w])
    assert w.source.seen is None
