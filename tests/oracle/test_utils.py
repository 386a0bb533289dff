"""Utilities and starting values against PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from twins import close, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle


def normalized(library: Any, kind: str, module: Any, **options: Any) -> Any:
    place = library.nn.utils.parametrizations if kind == "new" else library.nn.utils
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's older names are deprecated
        return place.weight_norm(module, **options)


@pytest.mark.parametrize("kind", ["old", "new"])
@pytest.mark.parametrize("options", [{}, {"dim": 1}, {"dim": None}, {"dim": -1}, {"name": "bias"}])
def test_weight_norm(options: dict[str, Any], kind: str) -> None:
    ours, theirs = twins("Linear", 3, 2)
    ours, theirs = normalized(tg, kind, ours, **options), normalized(torch, kind, theirs, **options)
    assert repr(ours) == repr(theirs)
    state, other = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(other)
    for key, value in state.items():
        close(value, other[key])
    compare(ours, theirs, numbers(4, 3))
    theirs.load_state_dict({key: 2 * value for key, value in other.items()})
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    for p in (*ours.parameters(), *theirs.parameters()):
        p.grad = None
    compare(ours, theirs, numbers(4, 3, seed=2))


def test_removing_weight_norm() -> None:
    ours, theirs = twins("Linear", 3, 2)
    nn.utils.remove_weight_norm(normalized(tg, "old", ours))
    torch.nn.utils.remove_weight_norm(normalized(torch, "old", theirs))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    compare(ours, theirs, numbers(4, 3))


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"padding_value": 3.0}, {"padding_side": "left"}])
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
def test_pad_sequence(rest: tuple[int, ...], options: dict[str, Any]) -> None:
    arrays = [numbers(n, *rest, seed=n) for n in (3, 1, 4, 0)]
    xs = [tg.tensor(x, requires_grad=True) for x in arrays]
    ys = [torch.tensor(x, requires_grad=True) for x in arrays]
    out, expected = nn.utils.rnn.pad_sequence(xs, **options), torch.nn.utils.rnn.pad_sequence(ys, **options)
    close(out, expected, 0)
    seed = numbers(*out.shape, seed=9)
    out.backward(seed)
    expected.backward(torch.tensor(seed))
    for x, y in zip(xs, ys, strict=True):
        close(x.grad, y.grad)


@pytest.mark.parametrize("shapes", [[], [(2, 3), (2, 4)]])
def test_pad_sequence_refuses_where_pytorch_does(shapes: Any) -> None:
    for library in (torch, tg):
        with pytest.raises((RuntimeError, ValueError)):
            library.nn.utils.rnn.pad_sequence([library.ones(*shape) for shape in shapes])


def both_models() -> tuple[Any, Any]:
    ours, theirs = twins("Linear", 4, 3)
    compare(ours, theirs, numbers(5, 4))
    return ours, theirs


@pytest.mark.parametrize("clip_value", [0.0, 0.5, 2, 1e6])
def test_clip_grad_value(clip_value: float) -> None:
    models = both_models()
    for model, library in zip(models, (tg, torch), strict=True):
        library.nn.utils.clip_grad_value_(model.parameters(), clip_value)
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize("norm_type", [0.5, 1, 2, 2.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.0, 1.0, 1e6])
def test_clip_grad_norm(max_norm: float, norm_type: float) -> None:
    models = both_models()
    totals = [
        library.nn.utils.clip_grad_norm_(model.parameters(), max_norm, norm_type)
        for model, library in zip(models, (tg, torch), strict=True)
    ]
    close(*totals)
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize("total", [0.5, 10.0, float("inf")])
def test_clip_grads_with_norm(total: float) -> None:
    models = both_models()
    for model, library in zip(models, (tg, torch), strict=True):
        library.nn.utils.clip_grads_with_norm_(model.parameters(), 2.0, library.tensor(total, dtype=library.float64))
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        close(p.grad, q.grad)


def test_a_norm_that_is_not_finite() -> None:
    for library in (tg, torch):
        p = library.nn.Parameter(library.ones(2))
        p.grad = library.tensor([float("nan"), 1.0])
        with pytest.raises(RuntimeError if library is torch else tg.TinygradError):
            library.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
        assert np.isnan(float(library.nn.utils.clip_grad_norm_([p], 1.0)))


def test_parameters_and_vectors() -> None:
    ours, theirs = both_models()
    vector, other = (
        library.nn.utils.parameters_to_vector(model.parameters()) for model, library in ((ours, tg), (theirs, torch))
    )
    close(vector, other)
    values = numbers(*vector.shape, seed=4)
    nn.utils.vector_to_parameters(tg.tensor(values), ours.parameters())
    torch.nn.utils.vector_to_parameters(torch.tensor(values), theirs.parameters())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p, q, 0)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("classes", [-1, 5])
def test_one_hot(classes: int, shape: tuple[int, ...]) -> None:
    index = np.random.default_rng(0).integers(0, 5, shape)
    given = [(library, library.tensor(index)) for library in (tg, torch)]
    if classes == -1 and 0 in shape:
        for library, x in given:
            with pytest.raises((ValueError, RuntimeError)):
                library.nn.functional.one_hot(x, classes)
        return
    mine, other = (library.nn.functional.one_hot(x, classes) for library, x in given)
    close(mine, other, 0)
    assert str(mine.dtype) == str(other.dtype).removeprefix("torch.")


def test_every_starting_value_of_pytorch_is_here() -> None:
    names = [name for name in vars(torch.nn.init) if name.endswith("_") and not name.startswith("_")]
    assert [name for name in names if not hasattr(nn.init, name)] == []


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 4, 3), 1), ((4, 2, 3, 4), 2), ((2, 3, 1, 3, 3), 1), ((6, 2, 2), 3), ((2, 4, 3), 1)]
)
def test_dirac(shape: tuple[int, ...], groups: int) -> None:
    close(nn.init.dirac_(tg.ones(*shape), groups), torch.nn.init.dirac_(torch.ones(shape), groups), 0)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.33, 1.0])
def test_sparse(sparsity: float) -> None:
    mine, other = (library.nn.init.sparse_(library.ones(40, 30), sparsity, 0.5) for library in (tg, torch))
    assert ((mine == 0).sum(0).numpy() == (other == 0).sum(0).numpy()).all()


SHAPES = [(200, 300), (40, 30, 5), (30, 20, 3, 3), (20, 10, 3, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("xavier_uniform_", {}),
        ("xavier_normal_", {"gain": 2.0}),
        ("kaiming_uniform_", {"a": 0.3}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", {"mode": "fan_out"}),
        ("kaiming_normal_", {"nonlinearity": "tanh"}),
        ("trunc_normal_", {"std": 0.5, "a": -1.0, "b": 0.5}),
        ("uniform_", {"a": -2.0, "b": 3.0}),
        ("normal_", {"mean": 1.0, "std": 3.0}),
    ],
)
def test_what_weights_of_convolutions_start_with(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    mine = getattr(nn.init, name)(tg.zeros(*shape), **options).numpy()
    other = getattr(torch.nn.init, name)(torch.zeros(shape), **options).numpy()
    assert mine.std() == pytest.approx(other.std(), rel=0.05)
    assert mine.mean() == pytest.approx(other.mean(), abs=0.05 * float(other.std()) + 0.02)
    if "uniform" in name or "trunc" in name:
        assert mine.max() == pytest.approx(other.max(), rel=0.01)
        assert mine.min() == pytest.approx(other.min(), rel=0.01)
