"""Linear, Bilinear and Identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_linear_is_the_product_with_the_transpose() -> None:
    layer = nn.Linear(3, 2)
    x = tg.randn(5, 3)
    expected = x.array @ layer.weight.array.T + layer.bias.array  # type: ignore[union-attr]
    np.testing.assert_allclose(layer(x).array, expected, rtol=1e-6)
    assert nn.Linear(3, 2, bias=False).bias is None


def test_the_gradient_of_the_weight_is_a_sum_of_products() -> None:
    layer = nn.Linear(3, 2).double()
    x, d = tg.randn(5, 3, dtype=tg.float64), tg.randn(5, 2, dtype=tg.float64)
    layer(x).backward(d)
    products = [np.outer(d.array[m], x.array[m]) for m in range(5)]
    np.testing.assert_allclose(layer.weight.grad.array, np.sum(products, axis=0), rtol=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(32, 64), (64,), (2, 3, 64)])
def test_a_wrong_size_is_named_with_the_way_out(shape: tuple[int, ...]) -> None:
    with pytest.raises(tg.ShapeError) as caught:
        nn.Linear(128, 2)(tg.zeros(*shape))
    assert str(caught.value) == f"Linear expects (*, 128), got {shape}: axis -1 is 64. Set in_features=64?"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((32, 28, 28), r"axes 1 to 2 have 784 numbers together\. Use x\.flatten\(1\), or nn\.Flatten\(\)$"),
        ((32, 1, 28, 28), r"axes 1 to 3 have 784 .*x\.flatten\(1\)"),
        ((5, 7, 28, 28), r"axes 2 to 3 have 784 .*x\.flatten\(2\), or nn\.Flatten\(2\)$"),
        ((28, 28), r"axes 0 to 1 have 784 .*x\.flatten\(0\)"),
        ((784, 32), r"axis 0 is 784\. Samples are rows: use x\.T\?$"),
    ],
)
def test_images_and_columns(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(tg.ShapeError, match=said):
        nn.Linear(784, 10)(tg.zeros(*shape))


def test_a_number_has_no_axis() -> None:
    with pytest.raises(tg.ShapeError, match=r"Linear expects \(\*, 3\), got \(\): it has no axis"):
        nn.Linear(3, 2)(tg.tensor(1.0))


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        ((3, -1), ValueError, "Linear: out_features must be at least 0, got -1"),
        ((2.5, 1), TypeError, "Linear: in_features is a number of things, so an integer; got 2.5"),
    ],
)
def test_sizes_are_checked(args: tuple[Any, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        nn.Linear(*args)


def test_dtype_device_and_seed() -> None:
    assert nn.Linear(2, 2, dtype=tg.float64, device="cpu").weight.dtype == tg.float64
    with pytest.raises(ValueError, match="the only device is 'cpu'"):
        nn.Linear(2, 2, device="cuda")
    tg.manual_seed(3)
    first = nn.Linear(4, 4)
    tg.manual_seed(3)
    assert (nn.Linear(4, 4).weight.array == first.weight.array).all()


def test_a_layer_of_no_inputs_gives_its_bias() -> None:
    layer = nn.Linear(0, 2)
    assert layer(tg.zeros(3, 0)).tolist() == [[0.0, 0.0]] * 3


def test_bilinear_misfit() -> None:
    with pytest.raises(tg.ShapeError, match=r"bilinear: inputs of shapes \(5, 3\) and \(5, 3\) do not fit a weight"):
        nn.Bilinear(3, 4, 2)(tg.zeros(5, 3), tg.zeros(5, 3))


def test_identity_ignores_what_it_is_made_with() -> None:
    x = object()
    assert nn.Identity(54, unused=True)(x) is x
