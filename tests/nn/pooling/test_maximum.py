"""MaxPool and MaxUnpool as modules and functions; the ops are tested in tests/ops."""

from __future__ import annotations

from typing import Any

import pytest
from between_layers import check_between_layers
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

MODULES = [
    (nn.MaxPool1d(2), (2, 5)),
    (nn.MaxPool1d(3, stride=1, padding=1, dilation=2), (2, 6)),
    (nn.MaxPool2d(2), (2, 4, 4)),
    (nn.MaxPool2d(3, stride=2, padding=1, return_indices=True), (2, 5, 4)),
    (nn.MaxPool2d((2, 3), ceil_mode=True), (1, 5, 5)),
    (nn.MaxPool3d(2, stride=1), (1, 3, 2, 3)),
]


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_gradients(module: Any, shape: tuple[int, ...]) -> None:
    def values(x: Any) -> Any:
        out = module(x)
        return out[0] if isinstance(out, tuple) else out

    x = normal(3, *shape)
    assert check_module(module, x, order=2).ok
    assert check_laws(values, x).ok
    assert check_laws(values, x[0]).ok


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_samples_stay_apart(module: Any, shape: tuple[int, ...]) -> None:
    check_between_layers(module, shape)


def test_samples_stay_apart_on_the_way_back() -> None:
    class Bottleneck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)
            self.unpool = nn.MaxUnpool2d(2)

        def forward(self, x: Any) -> Any:
            return self.unpool(*self.pool(x), output_size=x.shape[-2:])

    check_between_layers(Bottleneck(), (2, 4, 5))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_samples_may_lie_along_an_axis_that_is_pooled(stride: int) -> None:
    w = tg.tensor(normal(3, 5), requires_grad=True)
    check_open_sum(lambda: nn.functional.max_pool1d(w.tanh(), 2, stride).sum(0), [w])
    check_open_sum(lambda: nn.functional.avg_pool1d(w, 3, stride, 1).tanh().sum(0), [w])


def test_the_layer_is_named_by_its_path() -> None:
    with pytest.raises(tg.ShapeError, match=r"'0'.*max_pool2d expects \(N, C, H, W\)"):
        nn.Sequential(nn.MaxPool2d(2))(tg.zeros(4, 4))
    with pytest.raises(ValueError, match="MaxUnpool2d: stride must be at least 1, got 0"):
        nn.MaxUnpool2d(2, 0)


def test_the_numbers_that_are_put_back_are_those_that_were_found() -> None:
    x = tg.tensor([[[1.0, 2.0, 0.0], [4.0, 3.0, 5.0]]])
    values, indices = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)(x)
    assert (values.tolist(), indices.tolist()) == ([[[4.0, 5.0]]], [[[3, 5]]])
    out = nn.MaxUnpool2d(2)(values, indices, output_size=(2, 3))
    assert out.tolist() == [[[0.0, 0.0, 0.0], [4.0, 0.0, 5.0]]]
