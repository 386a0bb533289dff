"""BatchNorm: what it computes, what training leaves behind, and what it says of inputs that do not fit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module

LAYERS = [
    (nn.BatchNorm1d, (5, 3)),
    (nn.BatchNorm1d, (4, 3, 2)),
    (nn.BatchNorm2d, (3, 2, 2, 3)),
    (nn.BatchNorm3d, (2, 2, 2, 1, 2)),
]


def double(kind: Any, channels: int, **options: Any) -> Any:
    layer = kind(channels, **options).double()
    rng = np.random.default_rng(5)
    for tensor in (*layer.parameters(), *layer.buffers()):
        if tensor.dtype.kind == "f":
            tensor.array[...] = rng.uniform(0.5, 2.0, tensor.shape)
    return layer


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_and_laws(training: bool, kind: Any, shape: tuple[int, ...]) -> None:
    layer = double(kind, shape[1]).train(training)
    check_module(layer, normal(*shape))
    check_laws(layer, normal(*shape))


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
def test_channels_have_mean_0_and_variance_1(kind: Any, shape: tuple[int, ...]) -> None:
    out = kind(shape[1], eps=0.0, dtype=tg.float64)(tg.randn(*shape, dtype=tg.float64) * 7 + 3).detach().numpy()
    axes = tuple(i for i in range(out.ndim) if i != 1)
    np.testing.assert_allclose(out.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(out.var(axes), 1, rtol=1e-12)


def test_running_statistics_are_averages_of_means_and_unbiased_variances() -> None:
    layer = nn.BatchNorm1d(3, momentum=0.25, dtype=tg.float64)
    batches = [np.random.default_rng(i).normal(size=(5, 3)) for i in range(4)]
    mean, var = np.zeros(3), np.ones(3)
    for batch in batches:
        layer(tg.tensor(batch))
        mean, var = 0.75 * mean + 0.25 * batch.mean(0), 0.75 * var + 0.25 * batch.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-12)
    assert int(layer.num_batches_tracked) == 4
    before = copy.deepcopy(layer.state_dict())
    layer.eval()(tg.tensor(batches[0]))
    assert all((value.numpy() == before[name].numpy()).all() for name, value in layer.state_dict().items())


def test_without_momentum_all_batches_count_alike() -> None:
    layer = nn.BatchNorm1d(3, momentum=None, dtype=tg.float64)
    batches = [np.random.default_rng(i).normal(size=(5, 3)) for i in range(4)]
    for batch in batches:
        layer(tg.tensor(batch))
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-12)
    layer.reset_running_stats()
    assert int(layer.num_batches_tracked) == 0
    np.testing.assert_array_equal(layer.running_var.numpy(), 1)


def test_without_statistics_evaluation_computes_as_training_does() -> None:
    layer, x = nn.BatchNorm1d(3, track_running_stats=False), tg.rand(4, 3)
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer(x).detach().numpy(), layer.eval()(x).detach().numpy())


def test_nothing_moves_in_a_call_that_fails() -> None:
    layer = nn.BatchNorm1d(3)
    for x in (tg.ones(1, 3), tg.ones(4, 2), tg.ones(3), tg.ones(4, 3, dtype=tg.int64)):
        with pytest.raises(tg.TinygradError):
            layer(x)
    assert int(layer.num_batches_tracked) == 0
    np.testing.assert_array_equal(layer.running_mean.numpy(), 0)
    layer.weight = None
    layer.bias = nn.Parameter(tg.ones(2))
    with pytest.raises(tg.ShapeError, match=r"BatchNorm1d: bias has shape \(2,\)"):
        layer(tg.rand(4, 3))
    assert int(layer.num_batches_tracked) == 0
    np.testing.assert_array_equal(layer.running_mean.numpy(), 0)


@pytest.mark.parametrize("convert", ["double", "float", "half"])
def test_the_count_stays_an_integer_when_a_model_is_converted(convert: str) -> None:
    layer = getattr(nn.BatchNorm1d(3), convert)()
    assert layer.num_batches_tracked.dtype == tg.int64
    assert layer.running_mean.dtype == layer.weight.dtype
    out = layer(tg.rand(4, 3).astype(layer.weight.dtype))
    assert out.dtype == layer.weight.dtype == layer.running_var.dtype
    assert layer.eval()(tg.rand(4, 3).astype(layer.weight.dtype)).dtype == layer.weight.dtype


def test_samples_are_coupled_in_training_and_apart_in_evaluation() -> None:
    linear, layer, x = nn.Linear(2, 3).double(), double(nn.BatchNorm1d, 3), normal(4, 2)

    def losses() -> Any:
        return layer(linear(x)).sin().sum(1)

    with pytest.raises(
        tg.SampleCouplingError, match=r"(?s)coupled by 'batch_norm'.*Call eval\(\).*GroupNorm or LayerNorm"
    ):
        losses().backward(per_sample=True)
    layer.eval()
    check_open_sum(
        losses, [*linear.parameters(), *layer.parameters()], alone=lambda m: layer(linear(x[m : m + 1])).sin().sum()
    )


@pytest.mark.parametrize("trained", ["weight", "bias"])
def test_samples_are_coupled_where_only_the_layer_itself_is_trained(trained: str) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU()).requires_grad_(False)
    getattr(model[1], trained).requires_grad_()
    with pytest.raises(tg.SampleCouplingError, match="coupled by 'batch_norm': it uses data"):
        model(tg.rand(4, 2)).sum(1).backward(per_sample=True)


def test_images_in_evaluation_are_opened() -> None:
    layer, x = double(nn.BatchNorm2d, 2).eval(), normal(3, 2, 2, 2)
    check_open_sum(lambda: layer(x).sin().sum((1, 2, 3)), list(layer.parameters()))


def test_a_saved_graph_knows_that_the_statistics_moved() -> None:
    layer, x = nn.BatchNorm1d(3).eval(), tg.rand(4, 3, requires_grad=True)
    out = layer(x)
    layer.train()(tg.rand(4, 3))
    with pytest.raises(tg.GraphError, match="overwritten"):
        out.backward()


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (nn.BatchNorm1d, (4, 5), r"^BatchNorm1d '0' expects \(N, 3\), got \(4, 5\): axis 1 is 5. Set num_features=5\?"),
        (nn.BatchNorm1d, (3,), r"expects \(N, C\) or \(N, C, L\), got \(3,\): it has 1 axis. Use x.unsqueeze\(0\)"),
        (nn.BatchNorm2d, (4, 3), r"expects \(N, C, H, W\), got \(4, 3\): it has 2 axes. Use BatchNorm1d"),
        (nn.BatchNorm2d, (3, 5, 5), r"it has 3 axes. Use BatchNorm1d, or x.unsqueeze\(0\) if that is a single sample"),
        (nn.BatchNorm2d, (4, 5, 5, 3), r"axis 1 is 5. Channels are axis 1: use x.movedim\(-1, 1\)"),
        (nn.BatchNorm3d, (4, 3, 5, 5), r"expects \(N, C, D, H, W\), .* Use BatchNorm2d, or x.unsqueeze\(0\)"),
        (nn.BatchNorm1d, (1, 3), r"^BatchNorm1d '0' needs more than one number for each .*drop_last=True"),
    ],
)
def test_misfits(kind: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        nn.Sequential(kind(3))(tg.zeros(*shape))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"running_mean": None, "running_var": None},
            ValueError,
            "batch_norm: running_mean and running_var are needed",
        ),
        ({"running_mean": tg.zeros(3), "running_var": None}, ValueError, "belong together"),
        ({"running_mean": tg.zeros(2), "running_var": tg.ones(3)}, tg.ShapeError, r"running_mean has shape \(2,\)"),
        ({"eps": tg.tensor(1.0, requires_grad=True)}, tg.GraphError, "batch_norm: eps is a constant here"),
        ({"running_var": tg.ones(3, requires_grad=True)}, tg.GraphError, "batch_norm: running_var is a constant here"),
    ],
)
def test_the_function_refuses(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        F.batch_norm(tg.rand(4, 3), **{"running_mean": tg.zeros(3), "running_var": tg.ones(3), **options})


def test_no_samples_at_all() -> None:
    layer = nn.BatchNorm1d(3)
    assert layer(tg.zeros(0, 3)).shape == (0, 3)
    np.testing.assert_array_equal(layer.running_var.numpy(), 1)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm1d: eps must be 0 or more, got -1.0"):
        nn.BatchNorm1d(3, eps=-1.0)
    with pytest.raises(TypeError, match="BatchNorm2d: num_features is a number of things"):
        nn.BatchNorm2d(2.5)  # type: ignore[arg-type]


def test_a_batch_of_data_is_found_by_the_pass_and_by_the_check() -> None:
    model, x = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), tg.rand(5, 3)
    with pytest.raises(tg.SampleCouplingError, match=r"'batch_norm': it uses data, of shape \(5, 3\)"):
        model(x).square().sum(1).backward(per_sample=True)
    assert not tg.samples.check(model, x)
