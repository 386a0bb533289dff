"""Function: forward and backward of one's own."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg


class Cube(tg.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Exp(tg.Function):
    """Saves its result, the case that would close a circle if the result were kept as a tensor."""

    @staticmethod
    def forward(ctx, x):
        y = tg.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Scaled(tg.Function):
    """A number and a string among the arguments, an attribute on the context."""

    @staticmethod
    def forward(ctx, x, factor, label):
        ctx.factor = factor
        assert label == "label"
        return x * factor

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None, None


class SumAndProduct(tg.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x + y, x * y

    @staticmethod
    def backward(ctx, by_sum, by_product):
        x, y = ctx.saved_tensors
        return by_sum + by_product * y, by_sum + by_product * x


def test_gradient_and_graph():
    x = leaf(1.0, 2.0)
    y = Cube.apply(x)
    assert y.grad_fn.op.name == "Cube"
    (2 * y).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 24.0])


@pytest.mark.parametrize(("function", "derivatives"), [(Cube, (12.0, 12.0, 6.0)), (Exp, (np.exp(2),) * 3)])
def test_derivatives_of_any_order(function, derivatives):
    x = leaf(2.0)
    y = function.apply(x)
    for expected in derivatives:
        (y,) = tg.autograd.grad(y, x, create_graph=True)
        np.testing.assert_allclose(y.detach().numpy(), [expected], rtol=1e-14)


def test_arguments_that_are_no_tensors():
    x = leaf(1.0, 2.0)
    Scaled.apply(x, 5.0, "label").backward()
    np.testing.assert_array_equal(x.grad.numpy(), [5.0, 5.0])


def test_several_results_and_only_one_used():
    x, y = leaf(2.0), leaf(3.0)
    total, product = SumAndProduct.apply(x, y)
    (total + 10 * product).backward()
    assert (x.grad.item(), y.grad.item()) == (31.0, 21.0)
    x.grad = y.grad = None
    SumAndProduct.apply(x, y)[1].backward()
    assert (x.grad.item(), y.grad.item()) == (3.0, 2.0)


def test_second_derivative_through_several_results():
    x, y = leaf(2.0), leaf(3.0)
    total, product = SumAndProduct.apply(x, y)
    (dx,) = tg.autograd.grad(total * product, x, create_graph=True)  # (x + y) x y: 2 x y + y²
    assert dx.item() == 21.0
    dxx, dxy = tg.autograd.grad(dx, [x, y])
    assert (dxx.item(), dxy.item()) == (6.0, 10.0)


def test_gradients_that_are_not_materialized_are_none():
    seen = []

    class Twice(tg.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, one, two):
            seen.append((one, two))
            return two * 2

    x = leaf(1.0)
    Twice.apply(x)[1].backward()
    assert seen[0][0] is None
    assert seen[0][1].item() == 1.0
    assert x.grad.item() == 2.0


def test_needs_input_grad():
    seen = []

    class Product(tg.Function):
        @staticmethod
        def forward(ctx, x, y):
            seen.append(ctx.needs_input_grad)
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, _ = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return None, g * x

    y = leaf(2.0)
    Product.apply(tg.tensor([3.0]), y).backward()
    assert seen == [(False, True)] * 2
    assert y.grad.item() == 3.0


def test_results_without_a_gradient():
    class Sorted(tg.Function):
        @staticmethod
        def forward(ctx, x):
            rounded = tg.floor(x)
            ctx.mark_non_differentiable(rounded)
            return x * 2, rounded, tg.tensor(np.arange(2)), "text", None

        @staticmethod
        def backward(ctx, g, *others):
            assert [o is None for o in others] == [True] * 4
            return g * 2

    x = leaf(1.5, 2.5)
    doubled, rounded, integers, text, nothing = Sorted.apply(x)
    assert (doubled.requires_grad, rounded.requires_grad, integers.requires_grad) == (True, False, False)
    assert (text, nothing) == ("text", None)
    doubled.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])


def test_returning_an_argument_leaves_it_alone():
    class Reverse(tg.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    x = leaf(1.0)
    y = Reverse.apply(x)
    assert y is not x
    assert x.is_leaf
    y.backward()
    assert x.grad.item() == -1.0


def test_setup_context():
    class Square(tg.Function):
        @staticmethod
        def forward(x, power):
            return x**power

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.power = inputs[1]

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.power * x, None

    x = leaf(3.0)
    Square.apply(x, 2).backward()
    assert x.grad.item() == 6.0


def test_without_recording():
    x = leaf(2.0)
    with tg.no_grad():
        assert not Cube.apply(x).requires_grad
    assert not Cube.apply(tg.tensor([2.0])).requires_grad
    np.testing.assert_array_equal(Cube.apply(x.detach()).numpy(), [8.0])


def test_broadcasting_of_a_gradient_is_undone_and_its_dtype_kept():
    class Add(tg.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, g.double()

    x = tg.ones((2, 3), requires_grad=True)
    y = tg.ones(3, requires_grad=True)
    Add.apply(x, y).backward()
    np.testing.assert_array_equal(y.grad.numpy(), [2.0, 2.0, 2.0])
    assert y.grad.dtype == tg.float32


def returning(*gradients):
    class Wrong(tg.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return gradients if len(gradients) != 1 else gradients[0]

    return Wrong


def test_wrong_number_of_gradients():
    x = leaf(1.0, 2.0)
    with pytest.raises(tg.ShapeError, match=r"Wrong\.backward returned 1 gradient, but Wrong\.forward has 2 arguments"):
        returning(tg.ones(2)).apply(x, None).backward()
    with pytest.raises(tg.ShapeError, match=r"returned 3 gradients, but Wrong\.forward has 2 arguments"):
        returning(tg.ones(2), None, tg.ones(2)).apply(x, None).backward()
    returning(tg.ones(2), None, None).apply(x, None).backward()  # more of nothing does no harm, as in PyTorch
    assert x.grad is not None


def test_wrong_shape_of_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(tg.ShapeError, match=r"gradient of shape \(3,\) for argument 0 of Wrong.*shape \(2,\)"):
        returning(tg.ones(3), None).apply(x, None).backward()
    assert x.grad is None


def test_gradient_for_what_is_no_tensor():
    with pytest.raises(tg.GraphError, match=r"gradient for argument 1 of Wrong\.forward, which is not a tensor"):
        returning(tg.ones(1), tg.ones(1)).apply(leaf(1.0), "text").backward()


def test_saving_something_else():
    class Saves(tg.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x

    with pytest.raises(TypeError, match=r"takes tensors, got int.*attributes of ctx"):
        Saves.apply(leaf(1.0))


def test_saved_tensors_are_there_in_backward_only():
    contexts = []

    class Keep(Cube):
        @staticmethod
        def forward(ctx, x):
            contexts.append(ctx)
            ctx.save_for_backward(x, None)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors[1] is None
            return g

    Keep.apply(leaf(1.0)).backward()
    with pytest.raises(tg.GraphError, match=r"available in backward\(\)"):
        contexts[0].saved_tensors


@pytest.mark.parametrize("function", [Cube, Exp])
def test_second_backward(function):
    y = function.apply(leaf(1.0))
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(tg.GraphError, match=f"{function.__name__}.*second time"):
        y.backward()


def test_overwritten_argument_result_and_other():
    class Inner(tg.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.inner = tg.cos(x)
            ctx.save_for_backward(ctx.inner)
            return tg.sin(x)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf(1.0)
    y = Cube.apply(x)
    with tg.no_grad():
        x += 1
    with pytest.raises(tg.GraphError, match=r"'Cube' saved .* overwritten"):
        y.backward()
    y = Exp.apply(x)
    with tg.no_grad():
        y.data.zero_()
    with pytest.raises(tg.GraphError, match=r"'Exp' saved its result.* overwritten"):
        y.backward()
    y = Inner.apply(x)
    y.grad_fn.op.ctx.inner.zero_()
    with pytest.raises(tg.GraphError, match=r"'Inner' saved .* overwritten"):
        y.backward()


@pytest.mark.parametrize("function", [Cube, Exp, SumAndProduct])
def test_a_dropped_graph_is_freed_at_once(function):
    x = leaf(1.0)
    gc.disable()
    try:
        arguments = (x * 2, x * 3) if function is SumAndProduct else (x * 2,)
        result = function.apply(*arguments)
        result = result if isinstance(result, tuple) else (result,)
        watched = [weakref.ref(t) for t in (*arguments, *result)]
        arrays = [weakref.ref(t.array) for t in (*arguments, *result)]
        contexts = [weakref.ref(result[0].grad_fn.op.ctx)] if len(result) == 1 else []
        del arguments, result
        assert [ref() for ref in (*watched, *arrays, *contexts)] == [None] * (
            len(watched) + len(arrays) + len(contexts)
        )
    finally:
        gc.enable()


def test_an_error_in_backward_leaves_no_saved_tensors():
    class Fails(tg.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("mine")

    y = Fails.apply(leaf(1.0))
    context = y.grad_fn.op.ctx
    with pytest.raises(RuntimeError, match="mine"):
        y.backward()
    with pytest.raises(tg.GraphError):
        context.saved_tensors


def test_missing_methods_say_so():
    class Empty(tg.Function):
        pass

    with pytest.raises(NotImplementedError, match="static method forward"):
        Empty.apply(leaf(1.0))
    assert tg.autograd.Function is tg.Function
