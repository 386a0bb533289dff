"""The norms of a model as a DataFrame and as a heat map."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.samples import ModelSampleGrads

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _no_figures() -> Iterator[None]:
    yield
    plt.close("all")


def grads_of(*arrays: Any, names: Any = None) -> ModelSampleGrads:
    """Parameters of one number, whose norms by sample are the absolute values of these arrays."""
    parameters = [nn.Parameter(tg.zeros(1, dtype=tg.float64)) for _ in arrays]
    losses = sum((tg.tensor(np.asarray(a, float)[:, None]) @ p for a, p in zip(arrays, parameters, strict=True)))
    losses.backward(per_sample=True)  # type: ignore[union-attr]
    return ModelSampleGrads(zip(names or [f"p{i}" for i in range(len(arrays))], parameters, strict=True))


def model(samples: int = 6) -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    (net(tg.randn(samples, 4, dtype=tg.float64)) ** 2).sum(1).backward(per_sample=True)
    return net


def test_a_row_for_each_sample_and_a_column_for_each_parameter() -> None:
    grads = model().sample_grads()
    frame = grads.to_frame()
    assert list(frame.columns) == ["0.weight", "0.bias", "2.weight", "2.bias", "total"]
    assert frame.index.name == "sample"
    assert list(frame.index) == list(range(6))
    for name in grads:
        np.testing.assert_array_equal(frame[name], grads[name].norms().array)
    np.testing.assert_array_equal(frame["total"], grads.norms().array)
    np.testing.assert_allclose(frame["total"] ** 2, (frame.drop(columns="total") ** 2).sum(axis=1), rtol=1e-12)


def test_dtypes_stay() -> None:
    net = nn.Linear(2, 1)
    net(tg.ones(3, 2)).squeeze(1).backward(per_sample=True)
    assert set(net.sample_grads().to_frame().dtypes) == {np.dtype(np.float32)}


def test_norms_alone_are_enough_for_both() -> None:
    net = nn.Linear(2, 1).double()
    net(tg.randn(3, 2, dtype=tg.float64)).squeeze(1).backward(per_sample=True, keep="norms")
    grads = net.sample_grads()
    np.testing.assert_array_equal(grads.to_frame()["weight"], grads["weight"].norms().array)
    assert grads.plot(Figure().add_subplot()).images[0].get_array().shape == (2, 3)


def test_differentiable_norms() -> None:
    net = nn.Linear(2, 1).double()
    (net(tg.randn(3, 2, dtype=tg.float64)) ** 2).squeeze(1).backward(per_sample=True, create_graph=True)
    grads = net.sample_grads()
    np.testing.assert_array_equal(grads.to_frame()["total"], grads.norms().detach().array)
    assert grads.plot(Figure().add_subplot()).images[0].get_array().shape == (2, 3)


def test_a_parameter_called_total_has_a_column_of_its_own() -> None:
    frame = grads_of([3.0, 0.0], [4.0, 1.0], names=["total", "w"]).to_frame()
    assert list(frame.columns) == ["total", "w", "total"]
    np.testing.assert_allclose(frame.to_numpy(), [[3, 4, 5], [0, 1, 1]], rtol=1e-12)


def test_the_frame_of_an_empty_batch() -> None:
    frame = model(0).sample_grads().to_frame()
    assert frame.shape == (0, 5)


def test_samples_go_across_and_the_first_layer_is_on_top() -> None:
    grads = model().sample_grads()
    ax = grads.plot()
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), [own.norms().array for own in grads.values()], rtol=1e-12)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(grads)
    low, high = ax.get_ylim()
    assert low > high
    assert ax.get_xlabel() == "sample"
    assert image.colorbar.ax.get_ylabel() == "‖gradient‖"
    assert ax.get_title() == "Norms of the samples' gradients"
    ax.figure.canvas.draw()
    assert plt.get_fignums() == [1]


def test_given_axes_are_drawn_on_and_no_figure_is_made() -> None:
    ax = Figure().add_subplot()
    assert model().sample_grads().plot(ax) is ax
    assert plt.get_fignums() == []


@pytest.mark.parametrize("samples", [1, 2, 8, 500])
def test_ticks_are_at_samples(samples: int) -> None:
    ax = model(samples).sample_grads().plot()
    ax.figure.canvas.draw()
    ticks = ax.get_xticks()
    assert all(tick == int(tick) for tick in ticks)
    assert {label.get_text() for label in ax.get_xticklabels()} >= {"0"}


def test_colours_go_by_the_logarithm_where_norms_differ_much() -> None:
    even = grads_of([1.0, 2.0], [0.0, 9.0]).plot()
    assert type(even.images[0].norm) is Normalize
    assert (even.images[0].norm.vmin, even.images[0].norm.vmax) == (0.0, 9.0)
    assert "grey" not in even.get_title()

    uneven = grads_of([1.0, 2.0], [0.0, 1000.0]).plot()
    assert type(uneven.images[0].norm) is LogNorm
    np.testing.assert_allclose((uneven.images[0].norm.vmin, uneven.images[0].norm.vmax), (1.0, 1000.0))
    assert np.ma.getmaskarray(uneven.images[0].get_array()).tolist() == [[False, False], [True, False]]
    assert uneven.get_title().endswith(" (grey: 0)")


def test_a_single_tiny_norm_does_not_take_the_whole_scale() -> None:
    values = np.linspace(1.0, 50.0, 200)
    values[7] = 1e-12
    ax = grads_of(values).plot()
    np.testing.assert_allclose((ax.images[0].norm.vmin, ax.images[0].norm.vmax), (0.5, 50.0))
    assert ax.images[0].colorbar.extend == "min"
    ax.figure.canvas.draw()


def test_norms_that_are_all_zero_or_not_finite() -> None:
    ax = grads_of([0.0, 0.0]).plot()
    ax.figure.canvas.draw()
    assert "grey" not in ax.get_title()
    for values, title in (
        ([np.nan, 1.0, 2.0], "(grey: not finite)"),
        ([np.nan, np.nan, np.nan], "(grey: not finite)"),
        ([np.inf, 1.0, 1e6, 0.0], "(grey: 0 or not finite)"),
    ):
        ax = grads_of(values).plot()
        ax.figure.canvas.draw()
        assert ax.get_title().endswith(title)


def test_names_become_smaller_and_then_fewer() -> None:
    shapes = []
    for count in (4, 60, 300):
        grads = grads_of(*[np.arange(1.0, 4.0)] * count)
        ax = grads.plot()
        ax.figure.canvas.draw()
        boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
        assert all(above.y0 >= below.y1 - 2 for above, below in itertools.pairwise(boxes))
        assert ax.get_yticklabels()[0].get_text() == "p0"
        shapes.append((len(boxes), ax.get_yticklabels()[0].get_fontsize()))
    assert shapes[0] == (4, 10.0)
    assert shapes[1][0] == 60
    assert shapes[2][0] < 300
    small = grads_of(*[np.arange(1.0, 4.0)] * 60).plot(Figure(figsize=(4, 2)).add_subplot())
    assert 1 < len(small.get_yticklabels()) < 60


def test_an_empty_batch_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match=r"plot\(\): there is no sample to draw: the batch was empty"):
        model(0).sample_grads().plot()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("module", "method", "extra"), [("pandas", "to_frame", "frames"), ("matplotlib", "plot", "plots")]
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    module: str, method: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grads = model().sample_grads()
    for name in [n for n in sys.modules if n == module or n.startswith(module + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        getattr(grads, method)()
    assert str(caught.value) == (
        f"{method}() needs {module}, which is not installed. "
        f'Run: pip install {module} (in a checkout: pip install ".[{extra}]")'
    )


def test_what_is_broken_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_edu import absent

    def broken(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'dateutil'", name="dateutil")

    monkeypatch.setattr(absent, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="dateutil"):
        model().sample_grads().to_frame()
