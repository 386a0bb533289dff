"""Mistakes in calling the transforms: each is named, and what to write instead."""

from __future__ import annotations

import pytest
from curves import t

import tinygrad_edu as tg


def test_a_function_that_returns_nothing() -> None:
    def forgetful(x):
        (x * x).sum()

    x = tg.ones(3)
    for call in (
        lambda: tg.grad(forgetful)(x),
        lambda: tg.jacobian(forgetful)(x),
        lambda: tg.vjp(forgetful, x),
        lambda: tg.jvp(forgetful, (x,), (x,)),
        lambda: tg.hvp(forgetful, (x,), (x,)),
    ):
        with pytest.raises(TypeError, match=r"\(\): the function returned None: does it end without a return\?"):
            call()


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian"])
def test_a_value_or_a_point_where_only_the_function_belongs(name: str) -> None:
    w = tg.ones(3, requires_grad=True)
    transform = getattr(tg, name)
    with pytest.raises(TypeError, match=rf"{name}\(\): the first argument must be a function.*tg\.autograd\.grad"):
        transform((w * w).sum(), w)
    with pytest.raises(TypeError, match=rf"tg\.{name}\(f\) gives a function of the point: write tg\.{name}\(f\)\(x\)"):
        transform(lambda x: (x * x).sum(), w)


@pytest.mark.parametrize("name", ["hvp", "jvp"])
def test_a_tensor_where_a_tuple_of_them_belongs(name: str) -> None:
    transform, x = getattr(tg, name), tg.ones(3)
    with pytest.raises(TypeError, match=rf"{name}\(\): primals is float32\[3\].*{name}\(f, \(x,\), \(v,\)\)"):
        transform(lambda x: (x**3).sum(), x, x)
    with pytest.raises(TypeError, match=rf"{name}\(\): \w+ is float32\[3\], it must be a tuple"):
        transform(lambda x: (x**3).sum(), (x,), x)
    with pytest.raises(TypeError, match=r"the first argument must be a function, got \(tensor"):
        transform((x,), lambda x: (x**3).sum(), (x,))


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda f, x: tg.vjp(f, x, x), r"value, pull = tg\.vjp\(f, x\); pull\(v\)"),
        (lambda f, x: tg.jvp(f, (x, x), (x, x)), r"tg\.jvp\(f, \(x,\), \(v,\)\)"),
        (lambda f, x: tg.hvp(f, (x, x), (x, x)), r"tg\.hvp\(f, \(x,\), \(v,\)\)"),
        (lambda f, x: tg.grad(f)(x, x), "too many positional arguments"),
    ],
)
def test_a_function_that_does_not_take_so_many_arguments(call, way_out) -> None:
    with pytest.raises(TypeError, match=rf"\(\): the function was called with 2 arguments: .*{way_out}$"):
        call(lambda x: x * x, t(1.0, 2.0))


def test_an_error_inside_the_function_is_passed_on() -> None:
    def broken(x):
        return len(3)

    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)$"):
        tg.vjp(broken, t(1.0))
    with pytest.raises(TypeError, match="expected at least 2 arguments"):  # a function that tells no signature
        tg.vjp(getattr, t(1.0))


def test_a_hessian_goes_by_its_own_name() -> None:
    with pytest.raises(TypeError, match=r"^hessian\(\): the function returned None"):
        tg.hessian(lambda x: None)(t(1.0))
    with pytest.raises(ValueError, match=r"^hessian\(\): argnums=3"):
        tg.hessian(lambda x: x.sum(), 3)(t(1.0))
