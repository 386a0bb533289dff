"""Conv1d to Conv3d: what they compute, what they keep, and what they say of inputs that do not fit."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made import normal
from per_sample import check_open_sum, check_second_derivatives

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module, gradgradcheck

KINDS = [nn.Conv1d, nn.Conv2d, nn.Conv3d]


def test_a_filter_is_not_turned_round() -> None:
    x, weight = tg.arange(6.0).reshape(1, 1, 6), tg.tensor([[[1.0, 10.0, 100.0]]])
    assert F.conv1d(x, weight).tolist() == [[[210.0, 321.0, 432.0, 543.0]]]
    assert F.conv1d(x, weight, stride=2, padding=1).tolist() == [[[100.0, 321.0, 543.0]]]
    assert F.conv1d(x, weight, dilation=2).tolist() == [[[420.0, 531.0]]]


def test_same_padding_of_an_even_window_has_one_more_at_the_end() -> None:
    assert F.conv1d(tg.ones(1, 1, 3), tg.ones(1, 1, 2), padding="same").tolist() == [[[2.0, 2.0, 1.0]]]


def test_groups_see_their_own_channels() -> None:
    x = tg.tensor([[[1.0], [10.0]]])
    assert F.conv1d(x, tg.ones(4, 1, 1), groups=2).tolist() == [[[1.0], [1.0], [10.0], [10.0]]]


@pytest.mark.parametrize(("mode", "ends"), [("reflect", (2, 2)), ("replicate", (1, 3)), ("circular", (3, 1))])
def test_what_is_put_around(mode: str, ends: tuple[float, float]) -> None:
    layer = nn.Conv1d(1, 1, 1, padding=1, bias=False, padding_mode=mode)
    layer.weight.array[...] = 1
    assert layer(tg.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[ends[0], 1.0, 2.0, 3.0, ends[1]]]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "groups": 2},
        {"dilation": 2, "padding": "same", "bias": False},
        {"padding": 1, "padding_mode": "circular"},
    ],
)
def test_modules_are_right_by_differences_and_laws(kind: Any, options: dict[str, Any]) -> None:
    layer = kind(2, 4, 2, **options).double()
    x = normal(3, 2, *[4, 3, 3][: layer._axes])
    check_module(layer, x)
    check_laws(layer, x)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_any_order(kind: Any) -> None:
    layer = kind(2, 2, 2, padding=1, groups=2).double()
    x, weight = normal(2, 2, *[3, 2, 2][: layer._axes]), layer.weight.array
    function = getattr(F, f"conv{layer._axes}d")
    gradgradcheck(lambda x, w: function(x, w, padding=1, groups=2).tanh(), (x, weight))


@st.composite
def convolutions(draw: Any) -> tuple[nn.Module, tuple[int, ...]]:
    """A layer over PyTorch's whole range of arguments, and the shape of an input."""
    axes = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 2, 3, 12]))
    n, c = draw(st.integers(0, 4)), draw(st.sampled_from([1, 3, 32]))
    channels = c if groups == 1 else groups
    stride = draw(st.integers(1, 2))
    padding = draw(st.sampled_from([0, 1, 2, "valid"] if stride > 1 else [0, 1, 2, "same", "valid"]))
    kernel, dilation = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    layer = [nn.Conv1d, nn.Conv2d, nn.Conv3d][axes - 1](
        channels, groups * draw(st.integers(1, 2)), kernel, stride, padding, dilation, groups
    )
    sizes = [draw(st.integers(2, 6 if axes < 3 else 4)) for _ in range(axes)]
    around = 0 if padding == "valid" else 9 if padding == "same" else 2 * int(padding)
    assume(min(sizes) + around > (kernel - 1) * dilation)
    return layer.double(), (n, channels, *sizes)


@given(convolutions())
def test_gradients_of_samples_are_those_of_one_pass_for_each(case: tuple[Any, tuple[int, ...]]) -> None:
    layer, shape = case
    x = tg.tensor(normal(*shape), requires_grad=True)
    axes = tuple(range(1, len(shape)))
    check_open_sum(lambda: layer(x).sin().sum(axes), [x, layer.weight, layer.bias])
    assert layer.weight.sample_grads.cost().seeded == ""


@pytest.mark.parametrize(("size", "kept"), [(12, "full gradients"), (3, "outer products")])
def test_gradients_of_samples_are_kept_in_the_smaller_form(size: int, kept: str) -> None:
    layer = nn.Conv2d(3, 4, 3).double()
    x = normal(3, 3, size, size)
    check_open_sum(lambda: layer(x).sin().sum((1, 2, 3)), [layer.weight, layer.bias])
    assert layer.weight.sample_grads.cost().kept == (kept,)


def test_gradients_of_samples_can_be_differentiated() -> None:
    layer = nn.Conv2d(2, 2, 2, groups=2, padding=1).double()
    x = normal(3, 2, 2, 3)
    check_second_derivatives(lambda: layer(x).tanh().sum((1, 2, 3)), [layer.weight, layer.bias])


def test_a_weight_that_is_used_twice_and_turned_round() -> None:
    weight = tg.tensor(normal(2, 2, 3), requires_grad=True)
    x = normal(3, 2, 6)

    def losses() -> Any:
        hidden = F.conv1d(F.conv1d(x, weight, padding=1).tanh(), weight)
        return F.conv_transpose1d(hidden, weight, stride=2).sin().sum((1, 2))

    check_open_sum(losses, [weight])
    check_open_sum(lambda: F.conv1d(x, weight.transpose(0, 1)).sin().sum((1, 2)), [weight])


def test_filters_of_each_samples_own() -> None:
    """The batch as groups: each sample's loss depends on its filters alone."""
    weight, x = tg.tensor(normal(6, 2, 3), requires_grad=True), normal(1, 6, 5)
    check_open_sum(lambda: F.conv1d(x, weight, groups=3).sin().reshape((3, 2, 3)).sum((1, 2)), [weight])


@pytest.mark.parametrize("size", [9, 3])
def test_several_images_of_a_sample_and_some_of_none(size: int) -> None:
    layer = nn.Conv2d(2, 3, 3).double()
    frames = tg.tensor(normal(3, 4, 2, size, size), requires_grad=True)

    def losses() -> Any:
        return layer(frames.flatten(0, 1)).reshape((3, 4, -1))[:, :3].sin().sum((1, 2))

    check_open_sum(losses, [frames, layer.weight, layer.bias])


def test_places_may_be_samples_where_windows_do_not_overlap() -> None:
    layer = nn.Conv1d(1, 2, 2, stride=2).double()
    x = tg.tensor(normal(1, 1, 8), requires_grad=True)
    check_open_sum(lambda: layer(x * 2).sin().sum((0, 1)), [x, *layer.parameters()])
    with pytest.raises(tg.SampleCouplingError):
        F.conv1d(x * 2, layer.weight).sum((0, 1)).backward(per_sample=True)


@pytest.mark.parametrize(
    ("make", "shape", "said"),
    [
        (
            lambda: nn.Conv2d(3, 8, 3),
            (8, 28, 28, 3),
            "Conv2d expects (N, 3, H, W), got (8, 28, 28, 3): axis 1 is 28, in_channels is 3. "
            "Channels come second: use x.permute(0, 3, 1, 2)",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3),
            (8, 28, 3),
            "Conv2d expects (N, 3, H, W) or (3, H, W), got (8, 28, 3): axis 0 is 8, in_channels is 3. "
            "Channels come first: use x.permute(2, 0, 1)",
        ),
        (
            lambda: nn.Conv2d(1, 8, 3),
            (8, 28, 28),
            "Conv2d expects (N, 1, H, W) or (1, H, W), got (8, 28, 28): axis 0 is 8, in_channels is 1. "
            "Samples without an axis of channels? Use x.unsqueeze(1)",
        ),
        (
            lambda: nn.Conv1d(4, 8, 3),
            (8, 5, 9),
            "Conv1d expects (N, 4, L), got (8, 5, 9): axis 1 is 5, in_channels is 4. Set in_channels=5?",
        ),
        (
            lambda: nn.Conv2d(1, 8, 3),
            (28, 28),
            "Conv2d expects (N, 1, H, W) or (1, H, W), got (28, 28): it has 2 axes. "
            "One sample without an axis of channels? Use x.unsqueeze(0)",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3),
            (8, 3072),
            "Conv2d expects (N, 3, H, W) or (3, H, W), got (8, 3072): it has 2 axes. "
            "Vectors of 3072 numbers become images by x.unflatten(1, (3, 32, 32))",
        ),
        (
            lambda: nn.Conv2d(1, 8, 3),
            (8, 784),
            "Conv2d expects (N, 1, H, W) or (1, H, W), got (8, 784): it has 2 axes. "
            "Vectors of 784 numbers become images by x.unflatten(1, (1, 28, 28))",
        ),
        (
            lambda: nn.Conv2d(1, 8, 3),
            (16, 16),
            "Conv2d expects (N, 1, H, W) or (1, H, W), got (16, 16): it has 2 axes. "
            "One sample without an axis of channels? Use x.unsqueeze(0)",
        ),
        (lambda: nn.Conv3d(1, 8, 3), (5,), "Conv3d expects (N, 1, D, H, W) or (1, D, H, W), got (5,): it has 1 axis"),
        (
            lambda: nn.Conv2d(1, 8, 5, dilation=2),
            (2, 1, 9, 8),
            "Conv2d: axis -1 has size 8, and a window of 9 (kernel 5, dilation 2) does not fit into it. "
            "Use a smaller kernel, more padding, or a larger input",
        ),
        (lambda: nn.Conv1d(1, 8, 1), (2, 1, 0), "Conv1d: an input of shape (2, 1, 0) has no places to slide over"),
    ],
)
def test_what_does_not_fit_is_named_with_the_way_out(make: Any, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(tg.ShapeError) as caught:
        make()(tg.zeros(*shape))
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("arrays", "options", "kind", "said"),
    [
        (
            ((1, 2, 5), (4, 3, 3)),
            {},
            tg.ShapeError,
            r"conv1d expects .*axis 1 is 2, and the weight of shape \(4, 3, 3\)",
        ),
        (
            ((1, 2, 5), (3, 1, 3)),
            {"groups": 2},
            tg.ShapeError,
            r"axis 0 of the weight, of shape \(3, 1, 3\), is not div",
        ),
        (
            ((1, 1, 5), (3, 1, 3), (2,)),
            {},
            tg.ShapeError,
            r"bias has shape \(2,\), a weight of shape \(3, 1, 3\) needs",
        ),
        (
            ((1, 1, 5), (3, 1, 3, 1)),
            {},
            tg.ShapeError,
            r"weight has shape .*, not \(out_channels, in_channels / groups, L",
        ),
        (((1, 1, 5), (3, 1, 3)), {"padding": "full"}, ValueError, "padding='full' is not known: use 'same', 'valid'"),
        (((1, 1, 5), (3, 1, 3)), {"padding": "same", "stride": 2}, ValueError, "'same' keeps the size, and stride=2"),
        (((1, 1, 5), (3, 1, 3)), {"groups": 0}, ValueError, "conv1d: groups must be at least 1, got 0"),
        (((1, 1, 5), (3, 1, 3)), {"stride": (1, 2)}, ValueError, r"stride=\(1, 2\) has 2 numbers, it needs one"),
    ],
)
def test_functions_name_what_does_not_fit(arrays: Any, options: Any, kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        F.conv1d(*[tg.zeros(*shape) for shape in arrays], **options)


@pytest.mark.parametrize(
    ("args", "options", "kind", "said"),
    [
        ((3, 4, 3), {"groups": 2}, ValueError, "Conv2d: in_channels=3 is not divisible by groups=2"),
        ((4, 3, 3), {"groups": 2}, ValueError, "Conv2d: out_channels=3 is not divisible by groups=2"),
        ((4, 0, 3), {}, ValueError, "Conv2d: out_channels must be at least 1, got 0"),
        (
            (4, 4, 3),
            {"padding_mode": "mirror"},
            ValueError,
            "padding_mode='mirror' is not known: use 'zeros', 'reflect'",
        ),
        ((4, 4, 2.5), {}, TypeError, "Conv2d: kernel_size must be an integer, or 2 of them, got 2.5"),
        ((4, 4, 3), {"padding": "same", "stride": 2}, ValueError, "Conv2d: padding='same' keeps the size"),
    ],
)
def test_options_are_checked(args: Any, options: Any, kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        nn.Conv2d(*args, **options)


def test_one_sample_needs_no_axis_of_samples() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=2, padding_mode="circular").double()
    x = tg.tensor(normal(2, 5, 5))
    np.testing.assert_allclose(layer(x).array, layer(x[None]).array[0], rtol=1e-12)


def test_dtypes() -> None:
    half = nn.Conv2d(2, 3, 3, dtype=tg.float16)
    assert half(tg.ones(1, 2, 4, 4, dtype=tg.float16)).dtype == tg.float16
    assert nn.Conv1d(1, 1, 1)(tg.tensor([[[1, 2]]])).dtype == tg.float32
    with pytest.warns(UserWarning, match="Conv1d: its parameters are float32, but the input is float64"):
        assert nn.Conv1d(1, 1, 1)(tg.ones(1, 1, 2, dtype=tg.float64)).dtype == tg.float64


def test_threads_do_not_share_what_they_compute_in() -> None:
    layer = nn.Conv2d(3, 5, 3, padding=1)
    inputs = [tg.tensor(normal(4, 3, 9, 9, seed=i).astype(np.float32)) for i in range(4)]
    expected = [layer(x).array.copy() for x in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(20) if not (layer(inputs[i]).array == expected[i]).all())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_results_are_nobodys_memory_but_their_own() -> None:
    layer = nn.Conv2d(2, 2, 3, padding=1)
    x = tg.tensor(normal(2, 2, 5, 5).astype(np.float32), requires_grad=True)
    first = layer(x)
    kept = first.array.copy()
    first.sum().backward()
    assert x.grad is not None
    gradient = x.grad.array.copy()
    tg.autograd.grad(layer(x * 3).sum(), [x, layer.weight])
    np.testing.assert_array_equal(first.array, kept)
    np.testing.assert_array_equal(x.grad.array, gradient)
