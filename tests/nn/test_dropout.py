"""Dropout: random in training, absent otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module


def test_a_share_p_is_dropped_and_the_mean_stays() -> None:
    out = nn.Dropout(0.3)(tg.ones(400, 500)).array
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.7)}
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert out.dtype == np.float32


def test_the_gradient_takes_the_same_mask() -> None:
    x = tg.ones(100, requires_grad=True)
    out = nn.Dropout(0.5)(x)
    out.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.array, out.array)


def test_the_default_generator_or_another_decides() -> None:
    x = tg.ones(50)
    tg.manual_seed(1)
    first = nn.Dropout()(x)
    tg.manual_seed(1)
    assert (nn.Dropout()(x).array == first.array).all()
    assert (nn.Dropout()(x).array != first.array).any()
    draws = [nn.functional.dropout(x, generator=tg.Generator().manual_seed(5)).array for _ in range(2)]
    np.testing.assert_array_equal(*draws)


ALL = [(nn.Dropout, (2, 3)), (nn.Dropout1d, (2, 3, 4)), (nn.Dropout2d, (2, 3, 2, 2)), (nn.Dropout3d, (2, 3, 2, 1, 2))]
ALL += [(nn.AlphaDropout, (2, 3)), (nn.FeatureAlphaDropout, (2, 3, 4))]


@pytest.mark.parametrize(("kind", "shape"), ALL)
def test_identity(kind: Any, shape: tuple[int, ...]) -> None:
    x = tg.ones(*shape)
    for module in (kind(0.9).eval(), kind(0.0)):
        assert module(x) is x


@pytest.mark.parametrize(("kind", "shape"), ALL)
def test_everything_can_be_dropped(kind: Any, shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(kind(1.0)(tg.ones(*shape)).numpy(), 0)


@pytest.mark.parametrize(("kind", "shape"), ALL)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_laws_and_samples(training: bool, kind: Any, shape: tuple[int, ...]) -> None:
    module, x = kind(0.4).train(training), normal(*shape)
    check_module(module, x)
    check_laws(module, x)
    linear = nn.Linear(shape[-1], 3).double()

    def losses() -> Any:
        tg.manual_seed(3)
        return module(linear(x)).sin().sum(tuple(range(1, len(shape))))

    check_open_sum(losses, list(linear.parameters()))


@pytest.mark.parametrize(
    ("kind", "shape", "channels"),
    [
        (nn.Dropout1d, (200, 100, 2), 2),
        (nn.Dropout1d, (20000, 2), 1),
        (nn.Dropout2d, (200, 100, 1, 2), 2),
        (nn.Dropout3d, (200, 100, 1, 1, 2), 2),
        (nn.Dropout3d, (20000, 1, 1, 2), 1),
        (nn.FeatureAlphaDropout, (200, 100, 2), 2),
        (nn.FeatureAlphaDropout, (200, 100), 2),
    ],
)
def test_whole_channels_of_each_sample_are_dropped(kind: Any, shape: tuple[int, ...], channels: int) -> None:
    out = kind(0.3)(tg.ones(*shape)).array.reshape(*shape[:channels], -1)
    assert (out == out[..., :1]).all()
    dropped = out[..., 0] == out.min()
    assert dropped.mean() == pytest.approx(0.3, abs=0.02)
    assert len(np.unique(out)) == 2
    if channels == 2:
        assert dropped.any(0).all()
        assert dropped.any(1).all()


@pytest.mark.parametrize(("kind", "shape"), [(nn.AlphaDropout, (300, 300)), (nn.FeatureAlphaDropout, (300, 300, 1))])
def test_alpha_dropout_keeps_mean_and_variance(kind: Any, shape: tuple[int, ...]) -> None:
    out = kind(0.3)(tg.tensor(normal(*shape))).array
    assert out.mean() == pytest.approx(0, abs=0.02)
    assert out.var() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("dropout1d", (3,), r"dropout1d expects \(N, C, L\) or \(C, L\), got \(3,\): it has 1 axis. Use Dropout,"),
        ("dropout1d", (2, 3, 4, 4), r"dropout1d expects .* Use Dropout2d"),
        ("dropout2d", (2, 3), r"dropout2d expects \(N, C, H, W\), got \(2, 3\): it has 2 axes. Use Dropout, which"),
        ("dropout3d", (2, 3, 4), r"dropout3d expects \(N, C, D, H, W\) or \(C, D, H, W\), .* Use Dropout1d"),
        ("feature_alpha_dropout", (3,), r"feature_alpha_dropout expects \(N, C, \*\), got \(3,\)"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_axes_are_checked(training: bool, name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        getattr(F, name)(tg.ones(*shape), 0.5, training)


def test_three_axes_in_dropout2d_get_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"read as \(N, C, L\). Use Dropout1d"):
        out = F.dropout2d(tg.ones(50, 40, 3))
    assert (out.array == out.array[..., :1]).all()


def test_a_number_alone() -> None:
    assert nn.Dropout(0.5)(tg.tensor(1.0)).item() in (0.0, 2.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_is_checked(p: float) -> None:
    with pytest.raises(ValueError, match=rf"Dropout: p={p} is not a probability: it must be between 0 and 1"):
        nn.Dropout(p)
    with pytest.raises(ValueError, match="is not a probability"):
        nn.functional.dropout(tg.ones(1), p)


def test_integers_are_refused() -> None:
    with pytest.raises(tg.DtypeError, match="dropout: input has dtype int64"):
        nn.Dropout()(tg.tensor([1]))
    with pytest.raises(tg.DtypeError, match="alpha_dropout: input has dtype int64"):
        nn.AlphaDropout()(tg.tensor([1]))


@pytest.mark.parametrize(("kind", "shape"), ALL)
def test_the_dtype_stays(kind: Any, shape: tuple[int, ...]) -> None:
    for dtype in (tg.float16, tg.float32, tg.float64):
        assert kind()(tg.ones(*shape, dtype=dtype)).dtype == dtype
