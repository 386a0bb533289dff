"""Normalisation against PyTorch's: outputs, gradients, statistics after several steps, state_dicts, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import Call, close, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

SHAPES = {
    "1d": [(5, 4), (3, 4, 5), (1, 4, 2), (0, 4, 3)],
    "2d": [(3, 4, 2, 3), (1, 4, 2, 2), (2, 4, 1, 1)],
    "3d": [(2, 4, 2, 1, 3)],
}
BATCH = [(f"BatchNorm{d}", shape) for d, shapes in SHAPES.items() for shape in shapes]
INSTANCE = [
    (f"InstanceNorm{d}", shape)
    for d, shapes in {"1d": [(3, 4, 5), (4, 5)], "2d": [(3, 4, 2, 3), (4, 2, 3)], "3d": [(2, 4, 2, 1, 3)]}.items()
    for shape in shapes
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"momentum": None},
    {"momentum": 0.7, "eps": 0.2},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
    {"bias": False},
]


def in_steps(ours: Any, theirs: Any, shape: tuple[int, ...]) -> None:
    """Three steps of training, then evaluation, then training again."""
    for step in range(3):
        compare(ours, theirs, numbers(*shape, seed=step))
        for p in (*ours.parameters(), *theirs.parameters()):
            p.grad = None
    compare(ours.eval(), theirs.eval(), numbers(*shape, seed=7))
    for p in (*ours.parameters(), *theirs.parameters()):
        p.grad = None
    compare(ours.train(), theirs.train(), numbers(*shape, seed=8))


@pytest.mark.parametrize(("name", "shape"), BATCH)
@pytest.mark.parametrize("options", OPTIONS)
def test_batch_norm(options: dict[str, Any], name: str, shape: tuple[int, ...]) -> None:
    in_steps(*twins(name, 4, **options), shape)


@pytest.mark.parametrize(("name", "shape"), INSTANCE)
@pytest.mark.parametrize(
    "options", [{**o, **more} for o in OPTIONS for more in ({}, {"track_running_stats": True, "affine": True})]
)
def test_instance_norm(options: dict[str, Any], name: str, shape: tuple[int, ...]) -> None:
    in_steps(*twins(name, 4, **options), shape)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 5), (2, 4, 2, 3), (2, 4, 1, 2, 3), (0, 4, 2)])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"eps": 0.2}, {"affine": False}, {"bias": False}])
def test_group_norm(options: dict[str, Any], groups: int, shape: tuple[int, ...]) -> None:
    compare(*twins("GroupNorm", groups, 4, **options), numbers(*shape))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_functions(name: str, training: bool) -> None:
    flag = "training" if name == "batch_norm" else "use_input_stats"
    mean, var, weight, bias = numbers(3), numbers(3, seed=1) ** 2 + 0.1, numbers(3, seed=2), numbers(3, seed=3)

    def made(library: Any) -> tuple[Any, list[Any]]:
        running = [library.tensor(mean.copy()), library.tensor(var.copy())]
        given = {"running_mean": running[0], "running_var": running[1], "momentum": 0.3, "eps": 0.01, flag: training}
        rest = {"weight": library.tensor(weight), "bias": library.tensor(bias)}
        return Call(getattr(library.nn.functional, name), {**given, **rest}), running

    ours, mine = made(tg)
    theirs, other = made(torch)
    compare(ours, theirs, numbers(4, 3, 5))
    for a, b in zip(mine, other, strict=True):
        close(a, b)


def test_group_norm_as_a_function() -> None:
    call = {"num_groups": 2, "eps": 0.3}
    compare(Call(nn.functional.group_norm, call), Call(torch.nn.functional.group_norm, call), numbers(2, 4, 3))


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("BatchNorm1d", (3,), {}),
        ("BatchNorm2d", (3, 1e-3, None), {}),
        ("BatchNorm3d", (3,), {"affine": False, "track_running_stats": False}),
        ("BatchNorm1d", (3,), {"bias": False}),
        ("InstanceNorm1d", (3,), {}),
        ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}),
        ("InstanceNorm3d", (3,), {"affine": True, "bias": False}),
        ("GroupNorm", (2, 4), {}),
        ("GroupNorm", (2, 4, 1e-3, False), {}),
        ("GroupNorm", (2, 4), {"bias": False}),
    ],
)
def test_text_state_and_starting_values_are_pytorchs(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    ours, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    state, other = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(other)
    for key, value in state.items():
        assert value.shape == tuple(other[key].shape)
        assert str(value.dtype) == str(other[key].dtype).removeprefix("torch.")
        assert (value.numpy() == other[key].numpy()).all()
    if name.startswith("BatchNorm"):
        x = numbers(*{"1d": (4, 3), "2d": (4, 3, 2, 2), "3d": (4, 3, 1, 2, 2)}[name[-2:]]).astype(np.float32)
        theirs(torch.tensor(x))
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    theirs.load_state_dict({key: torch.tensor(value.numpy()) for key, value in ours.state_dict().items()})
    for key, value in ours.state_dict().items():
        assert (value.numpy() == theirs.state_dict()[key].numpy()).all()


@pytest.mark.parametrize(
    ("name", "args", "shape"),
    [
        ("BatchNorm1d", (3,), (1, 3)),
        ("BatchNorm1d", (3,), (1, 3, 1)),
        ("BatchNorm1d", (3,), (3,)),
        ("BatchNorm1d", (3,), (4, 2)),
        ("BatchNorm1d", (3,), (4, 3, 2, 2)),
        ("BatchNorm2d", (3,), (4, 3, 2)),
        ("BatchNorm2d", (3,), (4, 2, 2, 2)),
        ("BatchNorm3d", (3,), (4, 3, 2, 2)),
        ("InstanceNorm1d", (3,), (4, 3, 1)),
        ("InstanceNorm1d", (3,), (3, 1)),
        ("InstanceNorm1d", (3,), (3,)),
        ("InstanceNorm1d", (3, 1e-5, 0.1, True), (4, 2, 5)),
        ("InstanceNorm2d", (3,), (3, 2)),
        ("InstanceNorm3d", (3,), (3, 2, 2)),
        ("GroupNorm", (2, 4), (4,)),
        ("GroupNorm", (2, 4), (3, 6)),
        ("GroupNorm", (2, 4, 1e-5, False), (3, 5)),
        ("GroupNorm", (3, 4), (2, 4)),
        ("GroupNorm", (0, 4), (2, 4)),
    ],
)
def test_errors_where_pytorch_has_them(name: str, args: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, RuntimeError, ZeroDivisionError)):
        getattr(torch.nn, name)(*args)(torch.zeros(shape))
    with pytest.raises(ValueError, match=name):
        getattr(nn, name)(*args)(tg.zeros(*shape))


def test_float32_around_a_large_mean_has_no_fewer_digits() -> None:
    x = (1000 + np.random.default_rng(0).normal(size=(64, 4, 100)) / 50).astype(np.float32)
    exact = x.astype(np.float64)
    wanted = (exact - exact.mean((0, 2), keepdims=True)) / np.sqrt(exact.var((0, 2), keepdims=True) + 1e-5)
    mine = np.abs(nn.BatchNorm1d(4)(tg.tensor(x)).detach().numpy() - wanted).max()
    other = np.abs(torch.nn.BatchNorm1d(4)(torch.tensor(x)).detach().numpy() - wanted).max()
    assert mine <= max(other, 1e-5)


def test_a_model_in_float32_is_pytorchs() -> None:
    ours, theirs = twins("BatchNorm2d", 3)
    ours.float(), theirs.float()
    x = numbers(6, 3, 4, 4).astype(np.float32)
    compare(ours, theirs, x, tolerance=2e-5)
    assert ours.running_var.dtype == tg.float32
