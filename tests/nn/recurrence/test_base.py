"""What RNN, LSTM and GRU share: layers, directions, states, samples, and what is refused."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.graph import Node
from tinygrad_edu.testing import check_laws, check_module

LAYERS = ("RNN", "GRU", "LSTM")


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


class First(nn.Module):
    """The output of a layer, without its states."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0]


def made(name: str, **options: Any) -> Any:
    tg.manual_seed(0)
    return getattr(nn, name)(3, 2, **options).double()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}])
def test_gradients_are_right(name: str, options: dict[str, Any]) -> None:
    layer, number = made(name, **options), 4 if options else 1
    h, c = [numbers(number, 3 if options else 2, 2, seed=k) for k in (1, 2)]
    states = (h, c) if name == "LSTM" else h
    report = check_module(layer, numbers(3, 2, 3), states, mode="project")
    names = {"hx[0]", "hx[1]"} if name == "LSTM" else {"hx"}
    assert names <= {finding.input.name for finding in report.findings}
    check_module(layer, numbers(3, 2, 3), states, mode="project", order=2)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_laws_hold(name: str, training: bool) -> None:
    model = First(made(name, num_layers=2, bidirectional=True, batch_first=True, dropout=0.25)).train(training)
    laws = [law for law in tg.testing.LAWS if not (training and "batch" in law)]
    report = check_laws(model, numbers(3, 3, 3), laws=laws)
    assert set(report.skipped) <= {"broadcast_is_expand", "fused_is_composed"} or training


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(("batch", "steps"), [(3, 4), (2, 1), (1, 3), (2, 30)])
def test_gradients_of_the_samples(name: str, batch_first: bool, batch: int, steps: int) -> None:
    layer = made(name, num_layers=2, bidirectional=True, batch_first=batch_first)
    x = tg.tensor(numbers(batch, steps, 3) if batch_first else numbers(steps, batch, 3), requires_grad=True)
    states = [tg.tensor(numbers(4, batch, 2, seed=k), requires_grad=True) for k in (1, 2)]
    given = tuple(states) if name == "LSTM" else states[0]

    def losses() -> Any:
        out, last = layer(x, given)
        total = (out**2).sum((1, 2) if batch_first else (0, 2))
        for part in last if name == "LSTM" else (last,):
            total = total + (part**3).sum((0, 2))
        return total

    check_open_sum(losses, [*layer.parameters(), x, *states[: 2 if name == "LSTM" else 1]])


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_the_samples_by_their_last_steps(name: str) -> None:
    layer, lengths = made(name, batch_first=True), np.array([2, 5, 3])
    x = tg.tensor(numbers(3, 5, 3), requires_grad=True)
    check_open_sum(lambda: layer(x)[0][tg.arange(3), tg.tensor(lengths - 1)].sum(1), [*layer.parameters(), x])


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_of_the_norms_of_samples(name: str) -> None:
    """Of per-sample gradients that were recorded, and of one pass a sample that was."""
    layer, x = made(name, batch_first=True), tg.tensor(numbers(3, 4, 3))
    weights = list(layer.parameters())
    (layer(x)[0] ** 2).sum((1, 2)).backward(per_sample=True, create_graph=True)
    ours = tg.autograd.grad(sum([w.sample_grads.norms() ** 2 for w in weights]).sum(), weights, retain_graph=True)
    singles = [tg.autograd.grad((layer(x[m : m + 1])[0] ** 2).sum(), weights, create_graph=True) for m in range(3)]
    theirs = tg.autograd.grad(sum([(g**2).sum() for single in singles for g in single]), weights)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.array, other.array, rtol=1e-9, atol=1e-9)


def test_the_weights_factors_cost_no_second_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop of the backward pass runs once, for plain and per-sample gradients together."""
    rule, calls = nn.recurrence.steps._lstm.primitive, []
    joint = rule.joint
    monkeypatch.setattr(rule, "joint", lambda *args, **kwargs: calls.append(1) or joint(*args, **kwargs))
    layer = made("LSTM", batch_first=True)
    layer(tg.tensor(numbers(3, 4, 3)))[0].sum((1, 2)).backward(per_sample=True)
    assert calls == [1]
    assert layer.weight_hh_l0.sample_grads.norms().shape == (3,)


def test_samples_along_the_wrong_axis_are_coupled() -> None:
    """The sentence that names the layer's op, where batch_first was forgotten."""
    layer = made("LSTM")
    x = tg.tensor(numbers(4, 3, 3), requires_grad=True) * 1.0
    with pytest.raises(tg.SampleCouplingError, match=r"'lstm'[^$]* set batch_first=True in the layer if samples are"):
        layer(x)[0].sum((1, 2)).backward(per_sample=True)


@pytest.mark.parametrize("name", LAYERS)
def test_a_node_a_layer_and_direction(name: str) -> None:
    def nodes(steps: int) -> int:
        gc.collect()
        out, _ = layer(tg.tensor(numbers(2, steps, 3)))
        found, waiting = set(), [out.source]
        while waiting:
            link = waiting.pop()
            if isinstance(link, Node) and link not in found:
                found.add(link)
                waiting += [other for other in link.inputs if other is not None]
        return len(found)

    layer = made(name, num_layers=2, bidirectional=True, batch_first=True)
    assert nodes(2) == nodes(200)


def test_dropout_between_layers_alone() -> None:
    layer, x = made("GRU", num_layers=2, dropout=0.5), tg.tensor(numbers(5, 4, 3))
    assert (layer(x)[0].array != layer(x)[0].array).any()
    assert (layer(x)[1].array[0] == layer(x)[1].array[0]).all()
    assert (layer.eval()(x)[0].array == layer(x)[0].array).all()


def test_states_go_on_where_they_were() -> None:
    layer, x = made("LSTM", num_layers=2), tg.tensor(numbers(6, 2, 3))
    whole, last = layer(x)
    first, between = layer(x[:4])
    second, end = layer(x[4:], between)
    np.testing.assert_allclose(tg.cat([first, second]).array, whole.array, rtol=1e-12)
    for mine, other in zip(end, last, strict=True):
        np.testing.assert_allclose(mine.array, other.array, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 7)),
            tg.ShapeError,
            r"GRU expects \(\*, 3\), got \(4, 5, 7\): axis -1 is 7",
        ),
        (lambda: nn.GRU(3, 2)(tg.ones(3)), tg.ShapeError, r"GRU expects an input of 2 axes, or of 3 with a batch"),
        (lambda: nn.GRU(3, 2)(tg.ones(0, 5, 3)), tg.ShapeError, r"of shape \(0, 5, 3\) has no step"),
        (lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3).long()), tg.DtypeError, r"dtype int64.*use \.float\(\)"),
        (lambda: nn.LSTM(3, 2)(tg.ones(4, 5).long()), tg.DtypeError, r"an nn\.Embedding in front for the ids of words"),
        (lambda: nn.LSTMCell(3, 2)(tg.ones(4, 5, 3)), tg.ShapeError, r"an input of 1 axis, or of 2 with a batch"),
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), tg.ones(1, 4, 2)),
            tg.ShapeError,
            r"axis 1 is 4. The input is read as 5 sequences of length 4: set batch_first=True\?$",
        ),
        (
            lambda: nn.LSTM(3, 2, batch_first=True)(tg.ones(4, 5, 3), (tg.ones(4, 1, 2), tg.ones(4, 1, 2))),
            tg.ShapeError,
            r"h_0 must have .*The batch is axis 1 of it, with batch_first as well: use h_0\.swapaxes\(0, 1\)$",
        ),
        (lambda: nn.GRUCell(3, 2)(tg.ones(4, 3), tg.ones(2)), tg.ShapeError, r"got \(2,\): 1 axis\. Leave it out"),
        (lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), tg.ones(1, 7, 2)), tg.ShapeError, r"Leave it out for zeros$"),
        (
            lambda: nn.LSTM(3, 2)(tg.ones(4, 5, 3), (tg.ones(1, 5, 2), None)),
            tg.DtypeError,
            r"^LSTM: c_0 must be a tensor of shape \(1, 5, 2\), .*, got NoneType$",
        ),
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), (tg.ones(1, 5, 2), tg.ones(1, 5, 2))),
            tg.DtypeError,
            r"^GRU: hx must be a tensor of shape \(1, 5, 2\), .*, got tuple$",
        ),
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), tg.ones(1, 4, 2)),
            tg.ShapeError,
            r"GRU: hx must have shape \(1, 5, 2\), \(num_layers \* directions, batch, hidden_size\), got \(1, 4, 2\): "
            r"axis 1 is 4",
        ),
        (lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), tg.ones(5, 2)), tg.ShapeError, r"got \(5, 2\): 2 axes"),
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), 1),
            TypeError,
            r"hx must be a tensor of shape \(1, 5, 2\), .*, got int",
        ),
        (
            lambda: nn.GRU(3, 2)(tg.ones(4, 5, 3), (tg.ones(1, 5, 2), tg.ones(1, 5, 2))),
            TypeError,
            r"^GRU: hx must be a tensor of shape \(1, 5, 2\), .*, got .*tuple",
        ),
        (
            lambda: nn.LSTM(3, 2)(tg.ones(4, 5, 3), (None, None)),
            TypeError,
            r"^LSTM: h_0 must be a tensor .*got None",
        ),
        (lambda: nn.GRU(3, 2)(None), TypeError, r"^GRU got None where a tensor belongs"),
        (lambda: nn.LSTM(3, 2)(tg.ones(4, 5, 3), tg.ones(1, 5, 2)), TypeError, r"a pair of tensors, \(h_0, c_0\)"),
        (
            lambda: nn.LSTM(3, 2)(tg.ones(4, 5, 3), (tg.ones(1, 5, 2), tg.ones(1, 5, 3))),
            tg.ShapeError,
            r"LSTM: c_0 must have shape .*axis 2 is 3",
        ),
        (lambda: nn.RNN(3, 2, num_layers=0), ValueError, "RNN: num_layers must be at least 1, got 0"),
        (lambda: nn.RNN(3, 2, dropout=1.5), ValueError, r"RNN: dropout=1\.5 is not a probability"),
        (lambda: nn.RNN(3, 2, dropout=True), ValueError, "RNN: dropout is the probability"),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        call()


def test_dropout_of_a_single_layer_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"dropout=0\.5 is between layers, and num_layers is 1"):
        nn.GRU(3, 2, dropout=0.5)


def test_a_float64_input_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="its parameters are float32, but the input is float64"):
        assert nn.GRU(3, 2)(tg.ones(4, 5, 3, dtype=tg.float64))[0].dtype == tg.float64


def test_a_state_that_is_handed_on_with_its_graph() -> None:
    layer = nn.GRU(3, 2)
    out, state = layer(tg.ones(4, 5, 3))
    out.sum().backward()
    with pytest.raises(tg.GraphError, match=r"a second time: .* such as the state of an LSTM, detach\(\) that"):
        layer(tg.ones(4, 5, 3), state)[0].sum().backward()
    layer(tg.ones(4, 5, 3), state.detach())[0].sum().backward()
