"""The losses against PyTorch's: values, and gradients by inputs and targets, with every option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import uniform

import tinygrad_edu as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

F = tg.nn.functional
TF = torch.nn.functional
REDUCTIONS = ["sum", "mean", "none"]


def both(name: str, arrays: list[Any], track: tuple[int, ...] = (0,), rtol: float = 1e-10, **options: Any) -> None:
    """Compare F.name with torch's: the value, and the gradient of a weighted sum by the arguments in `track`."""
    ours = [tg.tensor(a) if i not in track else tg.tensor(a, requires_grad=True) for i, a in enumerate(arrays)]
    theirs = [torch.tensor(a, requires_grad=i in track) for i, a in enumerate(arrays)]
    our_options = {k: tg.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    their_options = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    result, expected = getattr(F, name)(*ours, **our_options), getattr(TF, name)(*theirs, **their_options)
    assert result.shape == tuple(expected.shape)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    seed = uniform(*result.shape, seed=99)
    result.backward(seed)
    expected.backward(torch.tensor(seed))
    for i in track:
        np.testing.assert_allclose(ours[i].grad.numpy(), theirs[i].grad.numpy(), rtol=rtol, atol=1e-10)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (5,), ()])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.4}),
    ],
)
def test_regression(name: str, options: dict[str, Any], shape: tuple[int, ...], reduction: str) -> None:
    both(name, [uniform(*shape), uniform(*shape, seed=1)], track=(0, 1), reduction=reduction, **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3), (2, 4, 3, 2), (20, 4)])
def test_cross_entropy(
    shape: tuple[int, ...], ignore_index: int, smoothing: float, weighted: bool, reduction: str
) -> None:
    classes_shape = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = np.random.default_rng(3).integers(0, 4, classes_shape)
    if len(shape) == 1:
        target = np.array(1)
    options: dict[str, Any] = {"weight": np.array([0.5, 2.0, 1.0, 0.1])} if weighted else {}
    options |= {"ignore_index": ignore_index, "label_smoothing": smoothing, "reduction": reduction}
    both("cross_entropy", [uniform(*shape, high=9.0), target], **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3)])
def test_cross_entropy_of_probabilities(
    shape: tuple[int, ...], smoothing: float, weighted: bool, reduction: str
) -> None:
    target = uniform(*shape, seed=5, low=0.0, high=1.0)
    options: dict[str, Any] = {"weight": np.array([0.5, 2.0, 1.0, 0.1])} if weighted else {}
    both(
        "cross_entropy",
        [uniform(*shape), target],
        track=(0, 1),
        reduction=reduction,
        label_smoothing=smoothing,
        **options,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3)])
def test_nll(shape: tuple[int, ...], ignore_index: int, weighted: bool, reduction: str) -> None:
    classes_shape = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = np.random.default_rng(3).integers(0, 4, classes_shape) if len(shape) > 1 else np.array(2)
    options: dict[str, Any] = {"weight": np.array([0.5, 2.0, 1.0, 0.1])} if weighted else {}
    both(
        "nll_loss",
        [uniform(*shape, low=-3.0, high=0.0), target],
        ignore_index=ignore_index,
        reduction=reduction,
        **options,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(weighted: bool, reduction: str) -> None:
    options: dict[str, Any] = {"weight": uniform(3, low=0.1, seed=7)} if weighted else {}
    arrays = [uniform(4, 3, low=0.01, high=0.99), uniform(4, 3, seed=1, low=0.0, high=1.0)]
    both("binary_cross_entropy", arrays, track=(0, 1), reduction=reduction, **options)


def test_binary_cross_entropy_of_certain_answers() -> None:
    arrays = [np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])]
    both("binary_cross_entropy", arrays, reduction="none", rtol=1e-8)  # PyTorch rounds its 1e-12 to float32


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pos", [False, True])
def test_binary_cross_entropy_with_logits(pos: bool, weighted: bool, reduction: str) -> None:
    options: dict[str, Any] = {"weight": uniform(4, 1, low=0.1, seed=7)} if weighted else {}
    options |= {"pos_weight": uniform(3, low=0.1, seed=8)} if pos else {}
    arrays = [uniform(4, 3, low=-40.0, high=40.0), uniform(4, 3, seed=1, low=0.0, high=1.0)]
    both("binary_cross_entropy_with_logits", arrays, track=(0, 1), reduction=reduction, **options)


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # PyTorch's advice to prefer "batchmean"
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(log_target: bool, reduction: str) -> None:
    target = uniform(4, 3, seed=1, low=0.05, high=1.0)
    arrays = [uniform(4, 3), np.log(target) if log_target else target]
    both("kl_div", arrays, track=(0, 1), reduction=reduction, log_target=log_target)


def test_kl_div_of_a_target_of_zero() -> None:
    both("kl_div", [uniform(4), np.array([0.0, 0.5, 0.5, 0.0])], reduction="sum")


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@pytest.mark.parametrize(
    ("name", "options", "input_range"),
    [
        ("MSELoss", {}, (-2, 2)),
        ("L1Loss", {}, (-2, 2)),
        ("SmoothL1Loss", {"beta": 0.5}, (-2, 2)),
        ("HuberLoss", {"delta": 0.5}, (-2, 2)),
        ("KLDivLoss", {"log_target": True}, (-2, 2)),
        ("BCELoss", {"weight": [0.5, 2.0, 1.0]}, (0, 1)),
        ("BCEWithLogitsLoss", {"pos_weight": [0.5, 2.0, 1.0]}, (-2, 2)),
        ("CrossEntropyLoss", {"weight": [0.5, 2.0, 1.0], "label_smoothing": 0.1}, (-2, 2)),
        ("NLLLoss", {"weight": [0.5, 2.0, 1.0], "ignore_index": 0}, (-2, 0)),
    ],
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modules(name: str, options: dict[str, Any], input_range: tuple[float, float], reduction: str) -> None:
    x = uniform(4, 3, low=input_range[0], high=input_range[1])
    classes = name in ("CrossEntropyLoss", "NLLLoss")
    target = np.array([0, 2, 1, 1]) if classes else uniform(4, 3, seed=1, low=0.1, high=0.9)

    def made(library: Any, tensor: Any) -> Any:
        lists = {k: tensor(np.array(v)) if isinstance(v, list) else v for k, v in options.items()}
        return getattr(library, name)(reduction=reduction, **lists)(tensor(x), tensor(target))

    np.testing.assert_allclose(
        made(tg.nn, tg.tensor).numpy(), made(torch.nn, torch.tensor).numpy(), rtol=1e-10, atol=1e-10
    )
