"""Whether samples depend on one another, said beforehand: by the graph, by numbers, and without a trace."""

from __future__ import annotations

import dataclasses
import linecache
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from per_sample import assert_close, one_hot_passes
from row_programs import reached, row_programs

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

X = tg.tensor(np.random.default_rng(0).normal(size=(6, 3)))
IDS = tg.tensor(np.array([[1, 2], [3, 1], [0, 0], [4, 2], [2, 2], [1, 3]]))
FIRST_TWO = np.arange(6)[:, None] < 2
LABELS = tg.tensor(np.array([0, 1, 2, 3, 1, 0]))


def advice_is_true(advice: str, model: Any) -> None:
    """What `check` says of backward(per_sample=True), done: on results of a layer, which are computed as x is there."""
    layer = nn.Linear(3, 3).double()
    losses = (model(layer(X)).sin().reshape(6, -1)).sum(1)
    expected = one_hot_passes(losses, [layer.weight])[0]
    if "coupled=True" in advice:
        with pytest.raises(tg.SampleCouplingError):
            losses.backward(per_sample=True)
        losses.backward(per_sample=True, coupled=True)
    else:
        assert "raises no error" in advice.replace("\n", " ")
        assert "as it stands" in advice
        losses.backward(per_sample=True)
    assert_close(layer.weight.sample_grads.materialize(), expected, "sample_grads")


W = tg.tensor(np.random.default_rng(4).normal(size=(3, 2)), requires_grad=True)


def scaled_by_a_mean(x: Any) -> Any:
    return (x @ W).tanh().mean(0) * x[:, :2]


def beside_its_reverse(x: Any) -> Any:
    return (x @ W) * (x @ W).flip(0)


def centred_by_another(x: Any) -> Any:
    return (x @ W) - (x @ W).mean(0)


def centred(x: Any) -> Any:
    h = x @ W
    return h - h.mean(0)


MEETING_OF_DATA = {"mean": scaled_by_a_mean, "flip": beside_its_reverse, "mean ": centred_by_another}


@pytest.mark.parametrize("name", MEETING_OF_DATA)
def test_where_only_x_couples_the_samples_the_advice_tells_data_from_what_is_computed(name: str) -> None:
    model = MEETING_OF_DATA[name]
    found = tg.samples.check(model, X)
    assert found.reasons[0].startswith(f"{name.strip()!r} takes samples together, called at {__file__}:")
    assert "return (x @ W)" in found.reasons[0]
    assert "Where x is data" in found.advice
    assert "raises no error" in found.advice
    advice_is_true(found.advice, model)  # with an x that is computed
    W.grad = None
    losses = model(X).sum(1)
    expected = one_hot_passes(losses, [W])[0]
    losses.backward(per_sample=True)
    assert_close(W.sample_grads.materialize(), expected, "sample_grads")


def test_data_are_not_excused_where_what_is_computed_from_them_couples_the_samples() -> None:
    found = tg.samples.check(centred, X)
    assert "Where x is data" not in found.advice
    with pytest.raises(tg.SampleCouplingError):
        centred(X).sum(1).backward(per_sample=True)


class Centre(nn.Module):
    """Batch statistics: with a gradient, detached, or computed without one; a running mean in evaluation."""

    def __init__(self, kind: str = "plain") -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("mean", tg.zeros(4, dtype=tg.float64))
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        if not self.training:
            return x - self.mean
        with tg.set_grad_enabled(self.kind != "no_grad"):
            mean = x.mean(0)
        if self.kind == "detach":
            mean = mean.detach()
        self.mean = 0.9 * self.mean + 0.1 * mean.detach()
        return x - mean


def net(middle: Any) -> Any:
    return nn.Sequential(nn.Linear(3, 4), middle, nn.Linear(4, 2)).double()


def line(text: str) -> str:
    lines = linecache.getlines(__file__)
    (number,) = [number for number, found in enumerate(lines, 1) if found.strip() == text]
    return f"{__file__}:{number}: {text}"


SEPARABLE = {
    "linear": (nn.Linear(3, 4).double(), X),
    "layer_norm": (net(nn.LayerNorm(4)), X),
    "dropout": (net(nn.Dropout(0.5)), X),
    "evaluation": (net(Centre()).eval(), X),
    "embedding": (nn.Embedding(5, 3), IDS),
    "frozen embedding": (nn.Embedding(5, 3).requires_grad_(False), IDS),
    "softmax along another axis": (lambda x: x.softmax(1), X),
    "two arguments": (
        lambda x, y: F.cross_entropy(x @ tg.ones(3, 4, dtype=tg.float64), y, reduction="none"),
        (X, LABELS),
    ),
    "keywords": (lambda a, b: a * b, {"a": X, "b": X}),
    "an array": (lambda x: np.exp(x), X.numpy()),
    "several outputs": (lambda x: {"x": x, "both": (x * 2, x[:, 0])}, X),
    "no axis but the samples": (lambda x: x * 2, X[:, 0]),
    "nothing in a row": (lambda x: x[:, :0], X),
    "integers": (lambda x: x * 2, LABELS),
    "booleans": (lambda x: ~x, X > 0),
    "logarithms": (lambda x: x.log(), X.abs()),
    "a derivative": (lambda x: tg.autograd.grad((x**3).sum(), x, create_graph=True)[0], X),
    "two samples": (net(nn.Tanh()), X[:2]),
    "constants in another order": (lambda x: tg.where(FIRST_TWO, 1.0, x)[np.array([1, 0, 2, 3, 4, 5])], X),
    "infinities": (lambda x: x * math.inf, X),
}


@pytest.mark.parametrize("name", SEPARABLE)
def test_separable_models(name: str) -> None:
    found = tg.samples.check(*SEPARABLE[name])
    assert found
    assert found.separable is True
    assert found.reasons == ()
    assert found.advice == ""
    assert str(found).startswith("separable: each sample's output depends on that sample alone")


MEETING: dict[str, tuple[str, Any, Any]] = {
    "raw input": ("mean", lambda x: x - x.mean(0), X),
    "raw array": ("mean", lambda x: x - x.mean(0), X.numpy()),
    "sort": ("sort", lambda x: tg.sort(x, 0).values, X),
    "cumsum": ("cumsum", lambda x: x.exp().cumsum(0), X),
    "contrastive": ("matmul", lambda x: x @ x.T, X),
    "attention": ("matmul", lambda x: (x @ x.T).softmax(-1) @ x, X),
    "softmax": ("softmax", lambda x: x.softmax(0), X),
    "neighbours": ("roll", lambda x: x * x.roll(1, 0), X),
    "argument of several": ("std", lambda x, y: x / x.std(0) + y[:, None], (X, LABELS)),
    "one of several outputs": ("norm", lambda x: (x, x / x.norm()), X),
}


@pytest.mark.parametrize("name", MEETING)
def test_the_op_and_the_line_in_which_samples_meet(name: str) -> None:
    op, model, x = MEETING[name]
    found = tg.samples.check(model, x)
    assert not found
    code = model.__code__
    where = f"{code.co_filename}:{code.co_firstlineno}: {linecache.getline(__file__, code.co_firstlineno).strip()}"
    assert found.reasons == (f"{op!r} takes samples together, called at {where}",)
    first, reason, advice, _ = str(found).split("\n")
    assert (first, reason) == ("not separable", f"  {found.reasons[0]}")
    assert advice.startswith("  what to do: compute it sample by sample (layer_norm")
    assert "coupled=True" in found.advice


def first_for_all(x: Any) -> Any:
    y = x * 1.0
    y[:] = x[0]
    return y


# What takes x across samples and uses it in no other way: the op to be named.
ACROSS_ALONE: dict[str, tuple[str, Any]] = {
    "a mean for all": ("mean", lambda x: x.mean(0).expand(6, 3) * 2),
    "the first for all": ("x[index] = value", first_for_all),
    "running sums, looked up": ("cumsum", lambda x: x.exp().cumsum(0)[np.array([0, 0, 2, 2, 4, 5])]),
    "rows of a table": ("x[index]", lambda x: x[np.array([0, 0, 2, 2, 4, 5])]),
    "a scale for all": ("norm", lambda x: tg.ones(6, 3, dtype=tg.float64) * x.norm()),
}


@pytest.mark.parametrize("name", ACROSS_ALONE)
def test_an_input_that_only_goes_across_samples_is_explained(name: str) -> None:
    op, model = ACROSS_ALONE[name]
    found = tg.samples.check(model, X)
    assert not found
    (reason,) = found.reasons
    assert reason.startswith(f"{op!r} takes samples together, called at {__file__}:")
    assert found.advice.startswith("x is only used across samples")
    assert "constant" not in found.advice
    advice_is_true(found.advice, model)


@pytest.mark.parametrize("name", [name for name in MEETING if "arg" not in name and "outputs" not in name])
def test_what_is_said_of_samples_that_meet_is_true(name: str) -> None:
    _, model, x = MEETING[name]
    advice_is_true(tg.samples.check(model, x).advice, model)


def written_back(x: Any) -> Any:
    y = x * 1.0
    y[0] = x[0] * 3
    y[1:3] = x[1:3] - x[1:3].mean(1, keepdim=True)
    for m in (3, 4, 5):
        y[m] = y[m] * x[m].sum()
    return y


def test_rows_written_back_are_separable_and_others_are_not() -> None:
    found = tg.samples.check(written_back, X)
    assert found
    assert found.notes == ()

    def exchanged(x: Any) -> Any:
        y = x * 1.0
        y[0] = x[1]
        return y

    (reason,) = tg.samples.check(exchanged, X).reasons
    assert reason == f"'x[index]' takes samples together, called at {line('y[0] = x[1]')}"


@settings(max_examples=60)
@given(row_programs(), st.booleans())
def test_any_program_of_rows_is_separable_if_no_sample_needs_another_ones_row(program: Any, anchored: bool) -> None:
    program.anchored = anchored
    x = np.random.default_rng(3).normal(size=(program.count, 2))
    own = reached(program, tg.tensor(x, requires_grad=True) * 1.0)[~np.eye(program.count, dtype=bool)]
    found = tg.samples.check(program.rows, tg.tensor(x))
    assert bool(found) == (not own.any())
    assert found or "constant" not in found.advice


def test_the_line_in_a_module_is_named() -> None:
    found = tg.samples.check(net(Centre()), X)
    assert found.reasons == (f"'mean' takes samples together, called at {line('mean = x.mean(0)')}",)


def test_each_meeting_is_a_reason_of_its_own() -> None:
    found = tg.samples.check(lambda x, y: (x.softmax(0), y * y.flip(0)), (X, X))
    assert sorted(reason.split("'")[1] for reason in found.reasons) == ["flip", "softmax"]


@pytest.mark.parametrize("kind", ["detach", "no_grad"])
def test_coupling_through_constants_is_found_by_numbers(kind: str) -> None:
    found = tg.samples.check(net(Centre(kind)), X)
    assert not found
    (reason,) = found.reasons
    assert reason.startswith("output[")
    assert "moved by 0." in reason
    assert reason.endswith(f"when other samples changed: first in 'sub', called at {line('return x - mean')}")
    assert "takes it as it stands" in found.advice
    net_losses = (net(Centre(kind))(X) ** 2).sum(1)
    net_losses.backward(per_sample=True)  # as the advice says


CONSTANTS = {
    "an index": (lambda x: x * x.detach()[LABELS], X),
    "a choice": (lambda x: x * 2 if float(x.detach()[:, 0].sum()) > 0.1 else x * 3, X),
    "a rank": (lambda x: x * x.argsort(0), X),
    "a comparison": (lambda x: (x == x.max()) * 1.0, X),
    "integers alone": (lambda ids: ids - ids[0], IDS),
    "counts": (lambda ids: nn.functional.embedding(ids, tg.ones(5, 3)) * (ids == 2).sum(), IDS),
    "rows that are alike": (lambda x: x - x.detach().mean(0), tg.zeros(4, 2)),
    "two samples": (lambda x: x - x.detach().mean(0), X[:2]),
    "how many there are": (lambda x: x * float((x.detach() > 0).sum()), X),
    "shapes": (lambda x: x[:, None].expand(6, int((x.detach() > 0.1).sum()), 3) * 1.0, X),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_all_kinds_of_constants(name: str) -> None:
    found = tg.samples.check(*CONSTANTS[name])
    assert not found
    assert "when other samples changed" in found.reasons[0]


@pytest.mark.parametrize(("source", "target"), [(0, 5), (5, 0), (2, 3), (3, 2)])
def test_each_pair_of_samples_is_looked_at(source: int, target: int) -> None:
    def model(x: Any) -> Any:
        y = x.detach().numpy().copy()
        y[target] += y[source]
        return tg.tensor(y)

    (reason,) = tg.samples.check(model, X).reasons
    assert reason.startswith(f"output[{target}] moved by ")


def leaning(strength: float) -> Any:
    return lambda x: x + strength * x.detach().mean(0)


def test_a_weak_dependence_is_found_and_rounding_is_none() -> None:
    assert not tg.samples.check(leaning(1e-9), X)
    assert tg.samples.check(leaning(1e-15), X)
    assert tg.samples.check(leaning(1e-9), X, rtol=1e-6)
    assert not tg.samples.check(leaning(1e-2), X.float())
    assert tg.samples.check(leaning(1e-9), X.float())


def test_samples_in_another_order_are_no_meeting() -> None:
    order = np.array([1, 0, 2, 3, 5, 4])
    found = tg.samples.check(lambda x: x[order] * 2, X)
    assert found.reasons == ("output[1] is computed from x[0]: the samples are in another order",)
    assert "in the order of x" in found.advice


def test_random_numbers_from_elsewhere_leave_it_to_the_graph() -> None:
    rng = np.random.default_rng(0)
    found = tg.samples.check(lambda x: x * rng.normal(), X)
    assert found
    (note,) = found.notes
    assert note.startswith("numbers could not be compared: two runs with the same batch differ")
    assert str(found).endswith(f"\n  note: {note}")
    assert not tg.samples.check(lambda x: x.softmax(0) * rng.normal(), X)


def test_where_nothing_can_be_seen_it_does_not_say_yes() -> None:
    rng = np.random.default_rng(0)
    for model, x in [(lambda x: x * rng.integers(2, 1000), IDS), (lambda x: x * 2, tg.ones(3, 2).long())]:
        found = tg.samples.check(model, x)
        assert not found
        assert found.reasons[0].startswith("not known: numbers could not be compared")
        assert found.advice.startswith("pass samples that differ")


def test_a_model_that_does_not_take_other_numbers_gets_whole_rows_of_others() -> None:
    def picky(x: Any) -> Any:
        if not np.allclose(x.detach().numpy().sum(1), 1):
            raise ValueError("each row must sum to 1")
        return x * 2 - shift * x.detach().mean(0)

    shares = X.softmax(1)
    for shift in (0.0, 1.0):
        assert tg.samples.check(picky, shares).separable is (shift == 0)

    def pickier(x: Any) -> Any:
        if not np.array_equal(x.detach().numpy(), shares.numpy()):
            raise ValueError("not these")
        return x * 2

    found = tg.samples.check(pickier, shares)
    assert found
    assert "with samples exchanged the model raises ValueError('not these')" in found.notes[0]


def test_ops_without_a_rule_are_noted_and_left_to_numbers() -> None:
    @tg.primitive(vjps=(lambda g, out, x: g * 2,), saves=())
    def twice(x: Any) -> Any:
        return x * 2

    @tg.primitive(vjps=(lambda g, out, x: g - g.mean(0),), saves=())
    def centred(x: Any) -> Any:
        return x - x.mean(0)

    try:
        found = tg.samples.check(twice, X)
        assert found
        assert found.notes[0].startswith("'twice' has no sample rule: behind it numbers were compared")
        found = tg.samples.check(lambda x: centred(x.exp()), X)
        assert not found
        assert ": first in 'centred', called at " in found.reasons[0]
        assert found.advice.startswith("it comes through an op without a sample rule, or a constant")
        advice_is_true(found.advice, lambda h: centred(h.exp()))
    finally:
        del tg.PRIMITIVES["twice"], tg.PRIMITIVES["centred"]


def test_a_model_on_plain_arrays_is_noted() -> None:
    found = tg.samples.check(lambda x: x.numpy() - x.numpy().mean(0), X)
    assert not found
    assert len(found.notes) == 2
    assert "does not take tracked tensors" in found.notes[0]
    assert found.notes[1].startswith("no output requires a gradient")


def test_nothing_is_left_behind() -> None:
    model = net(Centre())
    losses = (model(X) ** 2).sum(1)
    losses.backward(per_sample=True, coupled=True)
    parameters = list(model.parameters())
    grads = [p.grad for p in parameters]
    before = [(p.array.copy(), p.grad.array.copy(), list(p.source.kept)) for p in parameters]
    mean, calls, state = model[1].mean, model[1].calls, str(tg.get_rng_state())
    x = X.detach().requires_grad_()
    for kind in ("train", "eval"):
        getattr(model, kind)()
        tg.samples.check(lambda x: F.dropout(model(x), 0.5), x)
        assert model.training is (kind == "train")
    assert model[1].mean is mean
    assert model[1].calls == calls
    assert str(tg.get_rng_state()) == state
    assert x.grad is None
    for p, grad, (array, numbers, samples) in zip(parameters, grads, before, strict=True):
        assert p.grad is grad
        np.testing.assert_array_equal(p.array, array)
        np.testing.assert_array_equal(grad.array, numbers)
        assert p.source.kept == samples


def test_it_sees_the_graph_within_no_grad() -> None:
    with tg.no_grad():
        found = tg.samples.check(net(Centre()), X)
        assert not tg.is_grad_enabled()
    assert "'mean'" in found.reasons[0]


def test_the_result_is_frozen() -> None:
    found = tg.samples.check(lambda x: x, X)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.separable = False  # type: ignore[misc]
    assert isinstance(found, tg.samples.Separability)


def test_outputs_without_samples_along_axis_0_are_an_error() -> None:
    with pytest.raises(tg.ShapeError, match=r"one row for each of 6 samples, and returned a tensor of shape \(\)"):
        tg.samples.check(lambda x, y: F.cross_entropy(x, y % 3, reduction="mean"), (X, LABELS))
    with pytest.raises(tg.ShapeError, match="1 samples along axis 0: at least two are needed"):
        tg.samples.check(net(Centre()), X[:1])
