"""The functional transforms against torch.func, and Function against torch.autograd.Function."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # raised by torch.func itself
]

rng = np.random.default_rng(5)
W, B, X = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(2, 3))


def close(actual, expected):
    np.testing.assert_allclose(actual.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)


def network(lib):
    def run(p, x):
        return lib.tanh(x @ p["w"] + p["b"]).exp()

    return run


def parameters(lib):
    return {"w": lib.tensor(W), "b": lib.tensor(B)}


def test_grad_and_value():
    ours = tg.value_and_grad(network(tg))(parameters(tg), tg.tensor(X))
    theirs = torch.func.grad_and_value(lambda p, x: network(torch)(p, x).sum())(parameters(torch), torch.tensor(X))
    close(ours[0].sum(), theirs[1])
    for name in ("w", "b"):
        close(ours[1][name], theirs[0][name])


def test_vjp_and_jvp():
    seed, moved = rng.normal(size=(2, 4)), {"w": rng.normal(size=W.shape), "b": rng.normal(size=B.shape)}
    dx = rng.normal(size=X.shape)
    value, pull = tg.vjp(network(tg), parameters(tg), tg.tensor(X))
    expected, torch_pull = torch.func.vjp(network(torch), parameters(torch), torch.tensor(X))
    close(value, expected)
    ours, theirs = pull(tg.tensor(seed)), torch_pull(torch.tensor(seed))
    close(ours[0]["w"], theirs[0]["w"])
    close(ours[1], theirs[1])
    _, tangent = tg.jvp(network(tg), (parameters(tg), tg.tensor(X)), (moved, dx))
    directions = ({k: torch.tensor(v) for k, v in moved.items()}, torch.tensor(dx))
    close(tangent, torch.func.jvp(network(torch), (parameters(torch), torch.tensor(X)), directions)[1])


@pytest.mark.parametrize("argnums", [0, 1, (1, 0)])
def test_jacobian_and_hessian(argnums):
    def f(lib):
        return lambda x, y: lib.sin(x * y).cumsum(0) * y[0]

    x, y = rng.normal(size=3), rng.normal(size=3)
    for ours, theirs in [(tg.jacobian, torch.func.jacrev), (tg.hessian, torch.func.hessian)]:
        actual = ours(f(tg), argnums)(tg.tensor(x), tg.tensor(y))
        expected = theirs(f(torch), argnums)(torch.tensor(x), torch.tensor(y))

        def check(a, b):
            if isinstance(b, tuple):
                for left, right in zip(a, b, strict=True):
                    check(left, right)
            else:
                close(a, b)

        check(actual, expected)


def test_hvp():
    v = rng.normal(size=X.shape)
    _, (product,) = tg.hvp(lambda x: network(tg)(parameters(tg), x), (tg.tensor(X),), (v,))
    _, expected = torch.autograd.functional.hvp(
        lambda x: network(torch)(parameters(torch), x).sum(), torch.tensor(X), torch.tensor(v)
    )
    close(product, expected)


def test_function():
    def define(lib):
        class Swish(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, beta):
                s = lib.sigmoid(beta * x)
                ctx.beta = beta
                ctx.save_for_backward(x, s)
                return x * s, s

            @staticmethod
            def backward(ctx, g, by_s):
                x, s = ctx.saved_tensors
                slope = ctx.beta * s * (1 - s)
                return g * (s + x * slope) + by_s * slope, None

        return Swish

    values = []
    for lib in (tg, torch):
        x = lib.tensor(X, requires_grad=True)
        y, s = define(lib).apply(x, 1.5)
        (y * y + 3 * s).sum().backward()
        values += [y, x.grad]
    close(values[0], values[2])
    close(values[1], values[3])
