"""What holds of all losses: their gradients, their reductions, their modules, and that "sum" is the default."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from loss_calls import CALLS, IDS, MODULES, LossCall, typical
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

EACH = [call for i, call in enumerate(CALLS) if call.name not in IDS[:i]]
TYPICAL = typical()
SMOOTH = {"binary_cross_entropy", "cross_entropy", "gaussian_nll_loss", "kl_div", "mse_loss", "poisson_nll_loss"}
SMOOTH |= {"binary_cross_entropy_with_logits", "multilabel_soft_margin_loss", "soft_margin_loss", "multi_margin_loss"}
SMOOTH |= {"cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss", "huber_loss"}


def tensors(options: dict[str, Any]) -> dict[str, Any]:
    return {key: tg.tensor(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}


def module_of(call: LossCall, **options: Any) -> Any:
    return getattr(nn, MODULES[call.function])(**tensors(call.options), **options)


def inputs_of(call: LossCall) -> list[Any]:
    return [tg.tensor(array) for array in call.arrays]


def test_every_loss_is_called() -> None:
    with_a_layer = {"LinearCrossEntropyLoss"}  # has parameters, and a test file of its own
    assert {name for name in vars(nn.losses) if name.endswith("Loss")} - with_a_layer == set(MODULES.values())
    assert set(TYPICAL) == set(MODULES) == {call.function for call in CALLS}


@pytest.mark.parametrize("call", EACH, ids=[call.name for call in EACH])
def test_the_mean_divides_the_sum_of_what_none_gives(call: LossCall) -> None:
    function, arrays, options = getattr(F, call.function), inputs_of(call), tensors(call.options)
    each = function(*arrays, **options, reduction="none")
    total = function(*arrays, **options)
    assert total.shape == ()
    size = np.abs(each.array).sum()
    np.testing.assert_allclose(total.array, each.array.sum(), rtol=1e-12, atol=1e-12 * size)
    by_weight = "weight" in options and call.function in ("mse_loss", "l1_loss", "cross_entropy", "nll_loss")
    if not by_weight and options.get("ignore_index", -1) < 0:
        mean = function(*arrays, **options, reduction="mean")
        np.testing.assert_allclose(mean.array, each.array.mean(), rtol=1e-12, atol=1e-12 * size)


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_gradients(call: LossCall) -> None:
    def losses(*arrays: Any) -> Any:
        return getattr(F, call.function)(*arrays, **tensors(call.options), reduction="none")

    arrays = list(call.arrays)
    assert tg.testing.gradcheck(losses, arrays).ok
    laws = [law for law in tg.testing.LAWS if law != "same_tensor_twice"]  # scores are no targets, nor variances
    tg.testing.check_laws(losses, arrays, laws=laws, batched=range(len(arrays)))
    if call.function in SMOOTH:
        assert tg.testing.gradgradcheck(losses, arrays).ok


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
@pytest.mark.parametrize("dtype", [tg.float16, tg.float32])
def test_numbers_stay_in_their_dtype(call: LossCall, dtype: Any) -> None:
    arrays = [
        tg.tensor(a, dtype=dtype, requires_grad=True) if a.dtype.kind == "f" else tg.tensor(a) for a in call.arrays
    ]
    exact = getattr(F, call.function)(*inputs_of(call), **tensors(call.options), reduction="mean").item()
    for reduction in ("none", "sum", "mean"):
        loss = getattr(F, call.function)(*arrays, **tensors(call.options), reduction=reduction)
        loss.backward()
        assert loss.dtype == dtype
        assert all(a.grad is None or a.grad.dtype == dtype for a in arrays)
    assert loss.item() == pytest.approx(exact, rel=100 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_modules(call: LossCall) -> None:
    module, arrays = module_of(call), inputs_of(call)
    assert tg.testing.check_module(module, *arrays).ok
    for reduction in ("sum", "mean"):
        expected = getattr(F, call.function)(*arrays, **tensors(call.options), reduction=reduction)
        module = module_of(call, reduction=reduction)
        assert module(*arrays).item() == expected.item()
        assert repr(module) == f"{MODULES[call.function]}(reduction={reduction!r})"


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_samples_stay_apart(call: LossCall) -> None:
    """Of a model that computes all floating inputs but the target, one gradient a sample from one pass."""
    function, arrays = getattr(F, call.function), list(call.arrays)
    model = nn.Linear(4, 4).double()
    probabilities = call.function == "binary_cross_entropy"

    def computed(array: Any, rows: Any) -> Any:
        out = model(tg.tensor(array[rows]))
        return out.sigmoid() if probabilities else out

    def losses(rows: Any = slice(None)) -> Any:
        vectors = 3 if "triplet" in call.function else 2 if call.function.startswith(("cos", "margin")) else 1
        inputs = [computed(a, rows) if i < vectors else a[rows] for i, a in enumerate(arrays)]
        out = function(*inputs, **tensors(call.options), reduction="none")
        return out.sum(1) if out.ndim == 2 else out

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="nll_loss: input is positive")
        check_open_sum(losses, list(model.parameters()), alone=lambda m: losses(slice(m, m + 1)))


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_a_step_knows_how_many_samples_a_loss_stands_for(call: LossCall) -> None:
    model = nn.Linear(4, 4).double()

    def backward(reduction: str) -> tg.optim.SGD:
        model.zero_grad()
        x = model(tg.tensor(call.arrays[0]))
        first = x.sigmoid() if call.function == "binary_cross_entropy" else x.log_softmax(1)
        getattr(F, call.function)(first, *call.arrays[1:], **tensors(call.options), reduction=reduction).backward()
        return tg.optim.SGD(model.parameters(), lr=1e-3)

    each = getattr(F, call.function)(*inputs_of(call), **tensors(call.options), reduction="none")
    for samples in {5, each.array.size}:
        backward("sum").step(samples=samples)
    with pytest.warns(tg.SampleCountWarning, match="the gradients are sums over 5"):
        backward("sum").step()
    with pytest.warns(tg.SampleCountWarning, match="sums over 5"):
        backward("sum").step(samples=40)
    backward("mean").step()
    with pytest.warns(tg.SampleCountWarning, match="mean"):
        backward("mean").step(samples=5)


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_an_unknown_reduction_is_refused_at_once(call: LossCall) -> None:
    known = "unknown reduction 'avg': use one of 'sum', 'mean', 'none'"
    with pytest.raises(ValueError, match=rf"{MODULES[call.function]}: {known}"):
        module_of(call, reduction="avg")
    with pytest.raises(ValueError, match=rf"{call.function}: {known}"):
        getattr(F, call.function)(*inputs_of(call), **tensors(call.options), reduction="avg")


@pytest.mark.parametrize("call", TYPICAL.values(), ids=TYPICAL)
def test_the_mean_of_nothing_is_refused_and_its_sum_is_0(call: LossCall) -> None:
    arrays = [array[:0] for array in call.arrays]
    assert getattr(F, call.function)(*arrays, **tensors(call.options)).item() == 0.0
    with pytest.raises(ValueError, match=rf"{call.function}: reduction='mean' divides by zero"):
        getattr(F, call.function)(*arrays, **tensors(call.options), reduction="mean")


@pytest.mark.parametrize("name", MODULES)
def test_options_of_a_module_are_those_of_the_function(name: str) -> None:
    kind = getattr(nn, MODULES[name])
    options = list(inspect.signature(kind).parameters.values())
    of_function = inspect.signature(getattr(F, name)).parameters
    for option in options:
        assert of_function[option.name].default == option.default
    module = kind()
    assert all(hasattr(module, option.name) for option in options)


def test_weights_are_buffers() -> None:
    loss = nn.CrossEntropyLoss(tg.tensor([1.0, 2.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.double().weight.dtype == tg.float64  # type: ignore[union-attr]
    assert list(nn.BCEWithLogitsLoss(pos_weight=tg.tensor([1.0])).state_dict()) == ["pos_weight"]
    assert list(nn.MultiMarginLoss(weight=tg.tensor([1.0])).state_dict()) == ["weight"]
    assert list(nn.MultiLabelSoftMarginLoss(tg.tensor([1.0])).state_dict()) == ["weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []


def test_options_are_checked_when_the_loss_is_made() -> None:
    with pytest.raises(ValueError, match=r"CrossEntropyLoss: label_smoothing=1\.5 must be between 0 and 1"):
        nn.CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match="MultiMarginLoss: p must be 1 or 2, got 3"):
        nn.MultiMarginLoss(p=3)
    for kind in (nn.TripletMarginLoss, nn.TripletMarginWithDistanceLoss):
        with pytest.raises(ValueError, match=rf"{kind.__name__}: margin must be greater than 0, got 0.0"):
            kind(margin=0.0)
