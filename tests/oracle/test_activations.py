"""Activations that draw, and those of channels, against PyTorch's; the others are compared in test_nn.py."""

from __future__ import annotations

from typing import Any

import pytest
from twins import Call, compare, numbers

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle


def test_every_activation_of_pytorch_is_here() -> None:
    assert [name for name in torch.nn.modules.activation.__all__ if not hasattr(nn, name)] in (
        [],
        ["MultiheadAttention"],
    )


@pytest.mark.parametrize("args", [(), (0.1, 0.5)])
def test_rrelu_in_evaluation(args: tuple[float, ...]) -> None:
    compare(nn.RReLU(*args).eval(), torch.nn.RReLU(*args).eval(), numbers(3, 4))
    compare(Call(nn.functional.rrelu, {"upper": 0.7}), Call(torch.nn.functional.rrelu, {"upper": 0.7}), numbers(3, 4))


def test_rrelu_draws_from_the_same_range() -> None:
    for library in (tg, torch):
        out = library.nn.RReLU(0.2, 0.6)(-library.ones(100, 100))
        assert -0.6 <= float(out.min()) < -0.59
        assert -0.21 < float(out.max()) <= -0.2
        with pytest.raises((ValueError, RuntimeError)):
            library.nn.RReLU(0.5, 0.1)(library.ones(2))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5)])
def test_softmax2d(shape: tuple[int, ...]) -> None:
    compare(nn.Softmax2d(), torch.nn.Softmax2d(), numbers(*shape))
    for library in (tg, torch):
        with pytest.raises(ValueError, match="Softmax2d"):
            library.nn.Softmax2d()(library.ones(2, 3))


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("dim", [0, -1])
def test_gumbel_softmax_chooses_as_often(hard: bool, dim: int) -> None:
    found = []
    for library in (tg, torch):
        library.manual_seed(0)
        logits = library.tensor([[0.0, 1.0, 2.0]]).expand(20000, 3)
        logits = logits if dim else logits.T
        out = library.nn.functional.gumbel_softmax(logits, 0.5, hard, dim=dim)
        found.append(out.detach().numpy().mean(1 if dim == 0 else 0))
    assert found[0] == pytest.approx(found[1], abs=0.02)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("RReLU", ()),
        ("RReLU", (0.1, 0.2, True)),
        ("Softmax2d", ()),
        ("CosineSimilarity", (0, 1e-3)),
        ("PairwiseDistance", (1.0,)),
    ],
)
def test_text(name: str, args: tuple[Any, ...]) -> None:
    assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))
