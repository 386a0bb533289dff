"""Hooks before and after forward, and around the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_pre_hooks_change_the_arguments() -> None:
    module = nn.Identity()
    seen: list[Any] = []
    module.register_forward_pre_hook(lambda m, args: seen.append((m, args)))
    handle = module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    first = module.register_forward_pre_hook(lambda m, args: (args[0] * 10,), prepend=True)
    assert module(2) == 21
    assert seen == [(module, (20,))]
    handle.remove()
    first.remove()
    assert module(2) == 2


def test_forward_hooks_change_the_output() -> None:
    module = nn.Identity()
    seen: list[Any] = []
    module.register_forward_hook(lambda m, args, out: seen.append((m, args, out)))
    module.register_forward_hook(lambda m, args, out: out + 1)
    assert module(2) == 3
    assert seen == [(module, (2,), 2)]


def test_hooks_with_keywords() -> None:
    class Scale(nn.Module):
        def forward(self, x: Any, by: Any = 1) -> Any:
            return x * by

    module = Scale()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: (out, kwargs), with_kwargs=True)
    assert module(5, by=1) == (10, {"by": 2})
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(TypeError, match=r"pre-hook with_kwargs of Scale returns None or \(args, kwargs\), got int"):
        module(5, by=1)


class Mix(nn.Module):
    """Two inputs, two outputs."""

    def forward(self, x: Any, y: Any, power: int = 2) -> Any:
        return x * y, x**power


def test_backward_hook_sees_and_replaces_gradients() -> None:
    module, seen = Mix(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((m, gi, go)))
    handle = module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 100, gi[1]))
    x, y = tg.tensor([2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True)
    a, b = module(x, y)
    (10 * a + b).backward()
    (caller, grad_input, grad_output), *rest = seen
    assert not rest
    assert caller is module
    assert [g.tolist() for g in grad_output] == [[10.0], [1.0]]
    assert [g.tolist() for g in grad_input] == [[34.0], [20.0]]
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.tolist(), y.grad.tolist()) == ([3400.0], [20.0])
    handle.remove()
    x.grad = None
    a, b = module(x, y)
    a.backward()  # the second output is not used
    assert seen[-1][2][1] is None
    assert x.grad is not None
    assert x.grad.tolist() == [3.0]


def test_backward_hook_where_no_input_wants_a_gradient() -> None:
    module, seen = nn.Linear(2, 1, bias=False), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    module(tg.ones(3, 2)).backward()
    ((grad_input, grad_output),) = seen
    assert grad_input == (None,)
    assert grad_output[0].shape == (3, 1)
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [[3.0, 3.0]]


def test_backward_hook_can_be_differentiated() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    x = tg.tensor([3.0], requires_grad=True)
    (dx,) = tg.autograd.grad(module(x) ** 3, x, create_graph=True)
    assert dx is not None
    assert dx.tolist() == [54.0]
    (ddx,) = tg.autograd.grad(dx, x)
    assert ddx is not None
    np.testing.assert_allclose(ddx.array, [2 * 2 * 18.0])


def test_backward_hook_of_a_wrong_shape_is_named() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, gi, go: (gi[0].sum(),))
    out = module(tg.ones(2, requires_grad=True))
    with pytest.raises(tg.ShapeError, match=r"a backward hook of Identity returned gradients of shapes \[\(\)\]"):
        out.backward()


def test_no_hooks_run_backward_without_a_graph() -> None:
    module = nn.Linear(2, 2)
    module.register_full_backward_hook(lambda m, gi, go: (_ for _ in ()).throw(AssertionError))
    with tg.no_grad():
        assert not module(tg.ones(1, 2)).requires_grad
