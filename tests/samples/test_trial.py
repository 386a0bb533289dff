"""Running a model on trial: its input taken apart, and everything afterwards as it was before."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.samples.trial import Inputs, Runs, unchanged


class Remembers(nn.Module):
    """Changes all that a module can hold, each time it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tg.ones(2))
        self.register_buffer("total", tg.zeros(2))
        self.register_buffer("latest", tg.zeros(2))
        self.calls = 0
        self.shapes: list[Any] = []
        self.counts: dict[str, int] = {"calls": 0}
        self.kinds: set[str] = set()
        self.child = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        with tg.no_grad():
            self.total += x.sum(0)
            self.weight += 1
        self.latest = x.detach()[0] * 1.0
        self.calls += 1
        self.shapes.append(x.shape)
        self.counts["calls"] += 1
        self.counts["new"] = 1
        self.kinds.add("tensor")
        self.extra = self.child
        self.train(False)
        return self.child(x) * self.weight


def everything(module: Any) -> Any:
    arrays = {name: value.array.copy() for name, value in module.state_dict().items()}
    rest = (module.calls, list(module.shapes), dict(module.counts), set(module.kinds), sorted(vars(module)))
    return arrays, rest, [part.training for part in module.modules()]


def assert_same(module: Any, before: Any) -> None:
    arrays, *rest = everything(module)
    assert rest == list(before[1:])
    assert arrays.keys() == before[0].keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[0][name])


def refers_to(module: Any) -> list[Any]:
    """Ways to hand over a function of a module."""
    return [
        module,
        module.forward,
        lambda x: module(x),
        functools.partial(lambda part, x: part(x), module),
        functools.partial(lambda x, part: part(x), part=module),
    ]


@pytest.mark.parametrize("kind", range(5))
def test_a_module_is_afterwards_what_it_was(kind: int) -> None:
    module = Remembers()
    model = refers_to(module)[kind]
    before, buffer, state = everything(module), module.total, tg.get_rng_state()
    with unchanged(model):
        model(tg.ones(3, 2))
        tg.rand(3)
        assert module.calls == 1
    assert_same(module, before)
    assert module.total is buffer
    assert str(tg.get_rng_state()) == str(state)


def test_an_error_changes_nothing_either() -> None:
    module = Remembers()
    before = everything(module)

    def fails(x: Any) -> Any:
        return module.child(module(x)[:, :1])

    with pytest.raises(tg.ShapeError), unchanged(module):
        fails(tg.ones(3, 2))
    assert_same(module, before)


GLOBAL = Remembers()


def test_a_module_that_a_function_names_is_found_among_the_globals() -> None:
    with unchanged(lambda x: GLOBAL(x)):
        GLOBAL(tg.ones(3, 2))
    assert GLOBAL.calls == 0


def test_a_function_that_names_something_not_yet_there_may_run() -> None:
    def call() -> Any:
        return later

    with unchanged(call):
        pass
    later = 1
    assert call() == 1


def test_what_did_not_change_is_not_written_to() -> None:
    model = nn.Linear(2, 2)
    loss = (model(tg.ones(3, 2)) ** 2).sum()
    model.weight.array[0, 0] = np.nan
    with unchanged(model):
        model(tg.ones(3, 2))
    loss.backward()  # an overwritten weight would be an error here


def test_a_tensor_an_array_a_tuple_and_a_dict_are_handed_over_as_they_are() -> None:
    x, y = tg.ones(3, 2), np.zeros((3, 1))

    def seen(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    for given_x, args, kwargs in [
        (x, (x,), {}),
        (y, (y,), {}),
        ((x, y), (x, y), {}),
        ({"a": x, "flag": True}, (), {"a": x, "flag": True}),
        ([x, y], ([x, y],), {}),
        ((x, {"y": y, "none": None}), (x, {"y": y, "none": None}), {}),
    ]:
        batch = Inputs(given_x)
        assert batch.count == 3
        values = [batch.as_given(i, array) for i, array in enumerate(batch.arrays)]
        got_args, got_kwargs = batch.call(seen, values)
        assert str(got_args) == str(args)
        assert str(got_kwargs) == str(kwargs)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (3.0, "x has no tensor and no array"),
        ([], "x has no tensor and no array"),
        (tg.tensor(1.0), r"the shapes are \(\)"),
        ((tg.ones(3, 2), tg.ones(4)), r"shapes are \(3, 2\) and \(4,\).*check\(lambda x: model\(x, other\), x\)"),
        (tg.ones(1, 2), r"x has shape \(1, 2\), so 1 samples"),
        (tg.ones(0, 2), r"x has shape \(0, 2\), so 0 samples"),
    ],
)
def test_an_input_must_have_samples_along_axis_0(x: Any, message: str) -> None:
    with pytest.raises(tg.ShapeError, match=message):
        Inputs(x)


@given(st.integers(2, 9), st.data())
def test_changed_rows_are_those_of_others_and_kept_rows_stay(count: int, data: Any) -> None:
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    ids, x = np.arange(count)[:, None] * [1, 10], np.random.default_rng(0).normal(size=(count, 3))
    for scaled in (False, True):
        new_ids, new_x = Inputs((ids, x)).changed(keep, scaled)
        np.testing.assert_array_equal(new_ids[keep], ids[keep])
        np.testing.assert_array_equal(new_x[keep], x[keep])
        source = new_ids[:, 0]
        np.testing.assert_array_equal(new_ids[:, 1], 10 * source)
        assert (source[~keep] != np.flatnonzero(~keep)).all()
        ratio = new_x[~keep] / x[source[~keep]]
        assert ((ratio >= 0.5) & (ratio <= 1)).all()
        assert scaled or (ratio == 1).all()
    np.testing.assert_array_equal(ids[:, 0], np.arange(count))


def test_rows_that_are_alike_are_changed_too() -> None:
    keep = np.array([True, False, False])
    for value in (0.0, 1.0, -2.0):
        (new,) = Inputs(np.full((3, 2), value, np.float32)).changed(keep, scaled=True)
        assert new.dtype == np.float32
        assert (new[1:] != value).all()
        assert (new[0] == value).all()


def test_every_run_begins_with_the_same_state_and_random_numbers() -> None:
    module, dropout = Remembers(), nn.Dropout(0.5)
    runs = Runs(lambda x: dropout(module(x)), Inputs(tg.ones(40, 2)))
    first, second = runs.first(), runs(runs.inputs.arrays)
    np.testing.assert_array_equal(first.results[0].array, second.results[0].array)
    assert (first.results[0].array == 0).any()
    assert module.calls == 0


def test_real_inputs_become_leaves_and_others_do_not() -> None:
    x, ids = tg.ones(3, 2), tg.arange(3)
    output = Runs(lambda x, ids: x * ids[:, None], Inputs((x, ids))).first()
    assert len(output.inputs) == 1
    assert output.inputs[0].is_leaf
    assert output.inputs[0].requires_grad
    assert output.results[0].requires_grad
    assert not x.requires_grad


def test_inputs_may_be_changed_in_place_by_the_model() -> None:
    x = np.ones((3, 2))

    def model(x: Any) -> Any:
        x += 1
        return x

    runs = Runs(model, Inputs(x))
    assert runs.first().results[0].array.tolist() == [[2.0, 2.0]] * 3
    assert (x == 1).all()


def test_a_model_that_takes_no_tracked_tensor_gets_what_was_given() -> None:
    runs = Runs(lambda x: x.numpy() * 2, Inputs(tg.ones(3, 2)))
    assert runs.first().inputs == []
    assert len(runs.notes) == 1
    assert "does not take tracked tensors (numpy() of a tensor that requires a gradient" in runs.notes[0]

    def broken(x: Any) -> Any:
        raise RuntimeError("no way")

    with pytest.raises(RuntimeError, match="no way"):
        Runs(broken, Inputs(tg.ones(3, 2))).first()


def test_the_trace_names_op_line_and_result() -> None:
    runs = Runs(lambda x: x.exp() @ x.T, Inputs(np.ones((3, 2))))
    names, sites, outs = zip(*runs.traced(runs.inputs.arrays), strict=True)
    assert names == ("clone", "exp", "transpose", "matmul")
    assert outs[-1].shape == (3, 3)
    assert sites[1][0].co_filename == __file__
    assert tg.is_grad_enabled()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: x.mean(), r'returned a tensor of shape \(\): leave the sum or mean .* out, as in reduction="none"'),
        (lambda x: x.T, r"shape \(2, 3\): move that axis to the front, check\(lambda x: model\(x\)\.transpose\(0, 1\)"),
        (lambda x: (x, x[None]), r"shape \(1, 3, 2\): move that axis to the front$"),
        (lambda x: (x, x[:2]), r"shape \(2, 2\): return what belongs to the samples alone"),
        (lambda x: None, "returned no tensor"),
        (lambda x: {"loss": 3.0}, "returned no tensor"),
    ],
)
def test_an_output_must_have_a_row_for_each_sample(model: Any, message: str) -> None:
    with pytest.raises(tg.ShapeError, match=r"one row for each of 3 samples.*" + message):
        Runs(model, Inputs(tg.ones(3, 2))).first()
