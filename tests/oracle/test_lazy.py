"""Lazy modules beside PyTorch's: texts, names, what they become, and what they compute."""

from __future__ import annotations

from typing import Any

import pytest
from twins import compare, numbers

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

KINDS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("LazyLinear", {"out_features": 4}, (5, 3)),
    ("LazyLinear", {"out_features": 4, "bias": False}, (2, 5, 3)),
    ("LazyBatchNorm1d", {}, (5, 3)),
    ("LazyBatchNorm1d", {"affine": False}, (5, 3, 2)),
    ("LazyBatchNorm2d", {"momentum": None}, (5, 3, 2, 2)),
    ("LazyBatchNorm3d", {"track_running_stats": False}, (5, 3, 2, 1, 2)),
    ("LazyBatchNorm1d", {"bias": False}, (5, 3)),
    ("LazyInstanceNorm1d", {}, (5, 3, 2)),
    ("LazyInstanceNorm2d", {"affine": False}, (5, 3, 2, 2)),
    ("LazyInstanceNorm3d", {}, (5, 3, 2, 1, 2)),
    ("LazyConv1d", {"out_channels": 4, "kernel_size": 2, "dilation": 2}, (5, 3, 4)),
    ("LazyConv2d", {"out_channels": 6, "kernel_size": 3, "groups": 3, "padding": "same", "bias": False}, (2, 3, 4, 4)),
    ("LazyConv3d", {"out_channels": 2, "kernel_size": (1, 2, 1), "stride": 2}, (2, 3, 4, 4, 4)),
    ("LazyConvTranspose1d", {"out_channels": 4, "kernel_size": 2}, (5, 3, 4)),
    ("LazyConvTranspose2d", {"out_channels": 6, "kernel_size": 3, "groups": 3, "stride": 2}, (2, 3, 4, 4)),
    ("LazyConvTranspose3d", {"out_channels": 2, "kernel_size": 2, "dilation": 2}, (2, 3, 2, 2, 2)),
]


@pytest.mark.parametrize(("name", "options", "shape"), KINDS)
def test_lazy(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = getattr(nn, name)(**options).double(), getattr(torch.nn, name)(**options).double()
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = numbers(*shape)
    theirs(torch.tensor(x))
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    compare(ours, theirs, numbers(*shape, seed=1))
    assert repr(ours) == repr(theirs)
    assert type(ours).__name__ == type(theirs).__name__
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.shape == tuple(q.shape)


def test_a_lazy_parameter_is_refused_where_it_has_no_shape() -> None:
    for library in (tg, torch):
        weight = library.nn.LazyLinear(3).weight
        with pytest.raises((RuntimeError, ValueError)):
            weight.shape
        with pytest.raises((RuntimeError, ValueError)):
            weight * 2
