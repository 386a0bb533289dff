"""The losses against PyTorch's: values, and gradients by all inputs, with every option and reduction. In float64."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from loss_calls import CALLS, IDS, LISTED, MODULES, LossCall, some
from made import uniform
from twins import close, compare, same_gradient

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:reduction:UserWarning"),  # PyTorch's advice to prefer "batchmean"
]

F = nn.functional
TF = torch.nn.functional
REDUCTIONS = ["sum", "mean", "none"]
REFUSED = (ValueError, TypeError, IndexError, RuntimeError)
# What PyTorch takes for a constant: the classes' weights, and those that its losses of probabilities multiply by.
CONSTANT = {name for name in MODULES if name not in ("mse_loss", "l1_loss", "huber_loss")}


def given(library: Any, call: LossCall) -> tuple[list[Any], dict[str, Any]]:
    """The arrays of a call as tensors that require a gradient, if they are floating; and the options."""
    tracked = [library.tensor(a, requires_grad=a.dtype.kind == "f") for a in call.arrays]
    options = {
        k: library.tensor(v, requires_grad=call.function not in CONSTANT) if isinstance(v, np.ndarray) else v
        for k, v in call.options.items()
    }
    return tracked, options


def same(mine: Any, other: Any, ours: list[Any], theirs: list[Any], tolerance: float = 1e-10) -> None:
    """The results of both libraries agree, and the gradients of a weighted sum of them."""
    assert mine.shape == tuple(other.shape)
    assert str(mine.dtype) == str(other.dtype).removeprefix("torch.")
    close(mine, other, tolerance)
    seed = uniform(*mine.shape, seed=99)
    mine.backward(seed)
    other.backward(torch.tensor(seed))
    for x, y in zip(ours, theirs, strict=True):
        if y.requires_grad:
            same_gradient(x, y, tolerance)


def both(function: str, arrays: list[Any], tolerance: float = 1e-10, **options: Any) -> None:
    """Call a function of both libraries and compare."""
    call = LossCall(function, tuple(arrays), options)
    (xs, ours), (ys, theirs) = given(tg, call), given(torch, call)
    mine, other = getattr(F, function)(*xs, **ours), getattr(TF, function)(*ys, **theirs)
    weights = [(ours[k], theirs[k]) for k, v in options.items() if isinstance(v, np.ndarray)]
    same(mine, other, xs + [w for w, _ in weights], ys + [w for _, w in weights], tolerance)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_functions(call: LossCall, reduction: str) -> None:
    both(call.function, list(call.arrays), reduction=reduction, **call.options)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_modules(call: LossCall, reduction: str) -> None:
    kind, name = getattr(nn, MODULES[call.function]), MODULES[call.function]
    if not call.options.keys() <= inspect.signature(kind).parameters.keys():
        pytest.skip("an option of the function alone")
    (xs, ours), (ys, theirs) = given(tg, call), given(torch, call)
    mine, other = kind(reduction=reduction, **ours), getattr(torch.nn, name)(reduction=reduction, **theirs)
    assert {k: v.shape for k, v in mine.state_dict().items()} == {
        k: tuple(v.shape) for k, v in other.state_dict().items()
    }
    same(mine(*xs), other(*ys), xs, ys)


@pytest.mark.parametrize("name", MODULES)
def test_options_and_inputs_have_the_same_names_order_and_defaults(name: str) -> None:
    ours, theirs = (getattr(library, MODULES[name]) for library in (nn, torch.nn))
    mine, other = options_of(ours), options_of(theirs)
    assert mine == other | {"reduction": "sum"}
    assert [k for k in mine if k != "reduction"] == [k for k in other if k != "reduction"]
    assert list(options_of(ours.forward)) == list(options_of(theirs.forward))
    mine, other = options_of(getattr(F, name)), options_of(getattr(TF, name))
    assert mine == other | {"reduction": "sum"}
    assert [k for k in mine if k != "reduction"] == [k for k in other if k != "reduction"]


def options_of(function: Any) -> dict[str, Any]:
    """The arguments of a function with their defaults, without the former words for its reduction."""
    parameters = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in parameters if name not in ("size_average", "reduce")}


@pytest.mark.parametrize("shape", [(6, 4), (20, 4), (2, 4, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_large_scores(shape: tuple[int, ...], smoothing: float, reduction: str) -> None:
    target = np.random.default_rng(3).integers(0, 4, shape[:1] + shape[2:])
    scores = uniform(*shape, low=-300.0, high=300.0)
    both("cross_entropy", [scores, target], reduction=reduction, label_smoothing=smoothing)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_of_large_scores(reduction: str) -> None:
    arrays = [uniform(4, 3, low=-40.0, high=40.0), uniform(4, 3, seed=1, low=0.0, high=1.0)]
    for name in ("binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"):
        both(name, arrays, reduction=reduction)


def test_binary_cross_entropy_of_certain_answers() -> None:
    x, y = (library.tensor([0.0, 1.0, 0.0, 1.0], dtype=library.float64, requires_grad=True) for library in (tg, torch))
    mine = F.binary_cross_entropy(x, tg.tensor([0.0, 1.0, 1.0, 0.0]).double(), reduction="none")
    other = TF.binary_cross_entropy(y, torch.tensor([0.0, 1.0, 1.0, 0.0]).double(), reduction="none")
    same(mine, other, [x], [y], 1e-8)  # PyTorch rounds its 1e-12 to float32


@pytest.mark.parametrize("log_target", [False, True])
def test_the_mean_of_a_batch_of_divergences(log_target: bool) -> None:
    target = some((4, 3), 1, 0.05, 1.0)
    target = np.log(target) if log_target else target
    both("kl_div", [some((4, 3)), target], reduction="batchmean", log_target=log_target)
    for library in (nn, torch.nn):
        assert library.KLDivLoss(reduction="batchmean", log_target=log_target).log_target is log_target


def test_cosines_of_zero_vectors() -> None:
    arrays = [np.zeros((2, 3)), some((2, 3)), np.array([1, -1])]
    both("cosine_embedding_loss", arrays, 1e-8, margin=-0.5, reduction="sum")  # here too


def test_kl_div_of_a_target_of_zero() -> None:
    x, y = (library.tensor(some((4,)), requires_grad=True) for library in (tg, torch))
    target = np.array([0.0, 0.5, 0.5, 0.0])
    same(
        F.kl_div(x, tg.tensor(target)), TF.kl_div(y, torch.tensor(target), reduction="sum"), [x], [y]
    )  # by the target it is infinite there


EDGES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("name", "arrays", "options"),
    [
        ("l1_loss", [EDGES, np.zeros(5)], {}),
        ("smooth_l1_loss", [EDGES, np.zeros(5)], {"beta": 0.5}),
        ("smooth_l1_loss", [EDGES, np.zeros(5)], {"beta": 0.0}),
        ("huber_loss", [EDGES, np.zeros(5)], {"delta": 0.5}),
        ("hinge_embedding_loss", [EDGES, np.full(5, -1)], {"margin": 0.5}),
        ("margin_ranking_loss", [EDGES, np.zeros(5), np.ones(5, int)], {"margin": 0.5}),
        ("margin_ranking_loss", [EDGES, np.zeros(5), np.zeros(5, int)], {}),
        ("multi_margin_loss", [np.stack([EDGES, EDGES + 0.5]), np.array([4, 0])], {"margin": 0.5}),
        ("multi_margin_loss", [np.stack([EDGES, EDGES + 0.5]), np.array([4, 0])], {"p": 2, "margin": -0.5}),
        ("multilabel_margin_loss", [np.stack([EDGES, EDGES]), np.array([[4, -1, 0, 0, 0], [4, 2, -1, 1, 1]])], {}),
        ("cosine_embedding_loss", [np.eye(3), np.eye(3)[[0, 1, 1]], np.array([1, -1, -1])], {"margin": 0.0}),
        ("triplet_margin_loss", [np.zeros((2, 1)), np.ones((2, 1)), np.array([[2.0], [1.0]])], {"eps": 0.0}),
        ("triplet_margin_loss", [np.zeros((1, 1)), np.ones((1, 1)), -np.ones((1, 1))], {"eps": 0.0, "swap": True}),
        ("triplet_margin_loss", [np.zeros((1, 2)), np.full((1, 2), 0.5), np.ones((1, 2))], {"swap": True, "eps": 0.0}),
        ("gaussian_nll_loss", [EDGES, EDGES[::-1].copy(), np.array([0.0, 1e-7, 1e-6, 1e-5, 1.0])], {}),
        ("poisson_nll_loss", [EDGES, np.array([0, 1, 2, 3, 4])], {"full": True}),
        ("poisson_nll_loss", [np.array([0.0, 0.0, 1.0]), np.array([0, 1, 0])], {"log_input": False}),
    ],
)  # fmt: skip
def test_gradients_at_kinks(name: str, arrays: list[Any], options: dict[str, Any]) -> None:
    both(name, arrays, reduction="none", **options)


def test_former_words_mean_the_same() -> None:
    x, t = some((4, 3)), some((4, 3), 1)
    for size_average, reduce in itertools.product([None, True, False], repeat=2):
        if size_average is not None or reduce is not None:
            with warnings.catch_warnings(action="ignore"):
                mine = F.mse_loss(tg.tensor(x), tg.tensor(t), size_average=size_average, reduce=reduce)
                other = TF.mse_loss(torch.tensor(x), torch.tensor(t), size_average=size_average, reduce=reduce)
                module = nn.L1Loss(size_average=size_average, reduce=reduce)
                theirs = torch.nn.L1Loss(size_average=size_average, reduce=reduce)
            close(mine, other)
            assert module.reduction == theirs.reduction


def numbers(*shape: int) -> Callable[[Any], Any]:
    return lambda library: library.tensor(np.full(shape, 0.5), requires_grad=True)


def ones(*shape: int) -> Callable[[Any], Any]:
    return lambda library: library.ones(*shape, dtype=library.float64)


def integers(*values: Any) -> Callable[[Any], Any]:
    return lambda library: library.tensor(np.array(values, int).squeeze())


@pytest.mark.parametrize(
    ("name", "makers", "options"),
    [
        ("mse_loss", [numbers(4, 3), numbers(4, 2)], {}),
        ("mse_loss", [numbers(4, 3), numbers(4, 3)], {"weight": numbers(3)}),
        ("l1_loss", [numbers(4, 3), numbers(4, 3)], {"weight": numbers(4, 1)}),
        ("huber_loss", [numbers(4, 3), numbers(4, 3)], {"weight": numbers(3)}),
        ("huber_loss", [numbers(4), numbers(4)], {"delta": 0.0}),
        ("smooth_l1_loss", [numbers(4), numbers(4)], {"beta": -1.0}),
        ("poisson_nll_loss", [numbers(4, 3), numbers(4, 2)], {}),
        ("poisson_nll_loss", [numbers(4), numbers(4)], {"reduction": "avg"}),
        ("gaussian_nll_loss", [numbers(4, 3), numbers(4, 3), numbers(3)], {}),
        ("gaussian_nll_loss", [numbers(4, 3), numbers(4, 3), numbers(1, 1)], {}),
        ("gaussian_nll_loss", [numbers(4, 3), numbers(4, 3), numbers()], {}),
        ("gaussian_nll_loss", [numbers(4, 3), numbers(4, 3), numbers(4, 3, 1)], {}),
        ("gaussian_nll_loss", [numbers(4), numbers(4)], {"var": -0.5}),
        ("gaussian_nll_loss", [numbers(2), numbers(2)], {"var": lambda lib: lib.tensor([0.5, -0.5])}),
        ("kl_div", [numbers(4, 3), numbers(4, 2)], {}),
        ("cross_entropy", [numbers(4, 3), integers(0, 1, 2)], {}),
        ("cross_entropy", [numbers(4, 3), integers(0, 1, 2, 3)], {}),
        ("cross_entropy", [numbers(4, 3), integers(0, 1, 2, -1)], {}),
        ("cross_entropy", [numbers(4, 3), integers(0, 1, 2, 0)], {"weight": ones(4)}),
        ("cross_entropy", [numbers(4, 3), integers(0, 1, 2, 0)], {"label_smoothing": 1.5}),
        ("cross_entropy", [numbers(4, 3), numbers(4, 2)], {}),
        ("cross_entropy", [numbers(4, 3, 2), integers(0, 1, 2, 0)], {}),
        ("nll_loss", [numbers(4, 3), integers(0, 1, 2, 3)], {}),
        ("nll_loss", [numbers(4, 3), numbers(4)], {}),
        ("binary_cross_entropy", [numbers(4, 1), numbers(4)], {}),
        ("binary_cross_entropy", [lambda lib: lib.tensor([1.5]), numbers(1)], {}),
        ("binary_cross_entropy_with_logits", [numbers(4, 1), numbers(4)], {}),
        ("binary_cross_entropy_with_logits", [numbers(4, 3), numbers(4, 3)], {"pos_weight": numbers(2)}),
        ("multilabel_soft_margin_loss", [numbers(4, 3), numbers(4, 2)], {}),
        ("multilabel_soft_margin_loss", [numbers(), numbers()], {}),
        ("soft_margin_loss", [numbers(4, 3), integers([1, -1], [1, 1])], {}),
        ("margin_ranking_loss", [numbers(4, 1), numbers(4), integers(1, 1, 1, 1)], {}),
        ("margin_ranking_loss", [numbers(4, 1), numbers(4, 1), integers(1, 1, 1, 1)], {}),
        ("hinge_embedding_loss", [numbers(4), integers(1, 1, 1)], {}),
        ("cosine_embedding_loss", [numbers(4, 3), numbers(4, 2), integers(1, 1, 1, 1)], {}),
        ("cosine_embedding_loss", [numbers(4, 3), numbers(4, 3), integers(1, 1, 1)], {}),
        ("cosine_embedding_loss", [numbers(4, 3), numbers(4, 3), integers(1)], {}),
        ("cosine_embedding_loss", [numbers(3), numbers(3), integers([1, 1, 1])], {}),
        ("cosine_embedding_loss", [numbers(4, 3, 2), numbers(4, 3, 2), integers(1, 1, 1, 1)], {}),
        ("multi_margin_loss", [numbers(4, 3), integers(0, 1, 2)], {}),
        ("multi_margin_loss", [numbers(4, 3), integers(0, 1, 2, 3)], {}),
        ("multi_margin_loss", [numbers(4, 3), integers(0, 1, 2, -1)], {}),
        ("multi_margin_loss", [numbers(4, 3), integers(0, 1, 2, 0)], {"p": 3}),
        ("multi_margin_loss", [numbers(4, 3), integers(0, 1, 2, 0)], {"weight": ones(2)}),
        ("multi_margin_loss", [numbers(4, 3), numbers(4)], {}),
        ("multi_margin_loss", [numbers(2, 3, 4), integers([0, 1], [0, 1])], {}),
        ("multi_margin_loss", [numbers(4, 0), integers(0, 0, 0, 0)], {}),
        ("multilabel_margin_loss", [numbers(4, 3), integers(0, 1, 2)], {}),
        ("multilabel_margin_loss", [numbers(2, 3), integers([0, 3, -1], [0, -1, 0])], {}),
        ("multilabel_margin_loss", [numbers(2, 3), integers([0, -2, -1], [0, -1, 0])], {}),
        ("multilabel_margin_loss", [numbers(2, 3), integers([0, -1, 5], [0, -1, 0])], {}),
        ("multilabel_margin_loss", [numbers(2, 3), numbers(2, 3)], {}),
        ("triplet_margin_loss", [numbers(4, 3), numbers(4, 3), numbers(4, 2)], {}),
        ("triplet_margin_loss", [numbers(4, 3), numbers(4, 3), numbers(3)], {}),
        ("triplet_margin_loss", [numbers(4, 3), numbers(4, 3), numbers(4, 3)], {"margin": 0.0}),
        ("triplet_margin_with_distance_loss", [numbers(4, 3), numbers(3), numbers(4, 3)], {}),
        ("triplet_margin_with_distance_loss", [numbers(4, 3)] * 3, {"margin": -1.0}),
    ],
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_what_pytorch_refuses_is_refused(name: str, makers: list[Any], options: dict[str, Any], reduction: str) -> None:
    raised = []
    for library in (tg, torch):
        arguments = [make(library) for make in makers]
        named = {k: make(library) if callable(make) else make for k, make in options.items()}
        with warnings.catch_warnings(action="ignore"), pytest.raises(REFUSED) as caught:
            getattr(library.nn.functional, name)(*arguments, **{"reduction": reduction} | named)
        raised.append(caught.value)
    assert isinstance(raised[0], REFUSED[:-1])
    assert str(raised[0]).startswith(f"{name}: ")


def test_lists_of_classes_end_at_the_first_that_is_none() -> None:
    for dtype in (np.int64, np.int32):
        target = LISTED.astype(dtype)
        mine = F.multilabel_margin_loss(tg.tensor(some((5, 4))), tg.tensor(target), reduction="none")
        close(mine, TF.multilabel_margin_loss(torch.tensor(some((5, 4))), torch.tensor(LISTED), reduction="none"))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("places", [(), (2, 3)])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"ignore_index": 1}, {"weight": [1.0, 2.0, 0.5]}])
def test_linear_cross_entropy(options: dict[str, Any], places: tuple[int, ...], bias: bool, reduction: str) -> None:
    given = {k: np.array(v) if k == "weight" else v for k, v in options.items()}
    ours, theirs = (
        library.nn.LinearCrossEntropyLoss(
            4,
            3,
            out_features=places,
            bias=bias,
            reduction=reduction,
            **{k: library.tensor(v) if k == "weight" else v for k, v in given.items()},
        ).double()
        for library in (tg, torch)
    )
    for i, (p, q) in enumerate(zip(ours.parameters(), theirs.parameters(), strict=True)):
        p.array[...] = some(p.shape, seed=i)
        q.data[...] = torch.tensor(p.array)
    compare(ours, theirs, some((5, 4)), np.arange(5 * math.prod(places)).reshape(5, *places) % 3)
