"""summary: what the rows and totals say, and that nothing is changed by asking."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


class Tower(nn.Module):
    """Uses a block twice, returns two tensors, and has a layer whose weight it multiplies with by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        self.head = nn.Linear(3, 2)
        self.other = nn.Linear(3, 2, bias=False)

    def forward(self, x: Any) -> Any:
        x = self.block(self.block(x))
        return {"a": self.head(x), "b": (x @ self.other.weight.T, x)}


def test_rows_are_calls_in_their_order() -> None:
    found = tg.summary(Tower(), (5, 3))
    assert [(row.path, row.kind, row.depth, row.again) for row in found.rows] == [
        ("", "Tower", 0, False),
        ("block", "Sequential", 1, False),
        ("block.0", "Linear", 2, False),
        ("block.1", "BatchNorm1d", 2, False),
        ("block.2", "Dropout", 2, False),
        ("block", "Sequential", 1, True),
        ("block.0", "Linear", 2, True),
        ("block.1", "BatchNorm1d", 2, True),
        ("block.2", "Dropout", 2, True),
        ("head", "Linear", 1, False),
        ("other", "Linear", 1, False),
    ]
    assert [row.parameters for row in found.rows] == [0, 0, 12, 6, 0, 0, 0, 0, 0, 8, 6]
    assert found.rows[0].output_shape == {"a": (5, 2), "b": ((5, 2), (5, 3))}
    assert found.rows[0].output_bytes == 4 * (10 + 10 + 15)
    assert [row.called for row in found.rows] == [True] * 10 + [False]
    assert found.total_params == found.trainable_params == 32
    assert found.parameter_bytes == 4 * 32
    assert found.buffer_bytes == 4 * 6 + 8
    assert found.kept_bytes == sum(row.kept_bytes for row in found.rows) > 0


def test_nothing_is_changed() -> None:
    model = Tower()
    model.head.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    seen: list[Any] = []
    x = tg.rand(5, 3)
    model(x)["a"].backward()
    before, state, gradients = (
        copy.deepcopy(model.state_dict()),
        tg.get_rng_state(),
        [p.grad for p in model.parameters()],
    )
    attributes = [set(vars(module)) for module in model.modules()]
    tg.summary(model, x)
    assert seen == [(5, 2), (5, 2)], "hooks of others are called as ever"
    assert all((value.numpy() == before[name].numpy()).all() for name, value in model.state_dict().items())
    assert tg.get_rng_state()["state"] == state["state"]
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    assert [set(vars(module)) for module in model.modules()] == attributes
    assert model.training
    model(x)
    assert len(seen) == 3
    with pytest.raises(tg.ShapeError):
        tg.summary(model, (5, 4))
    assert [set(vars(module)) for module in model.modules()] == attributes
    assert len(model.head._hooks.after) == 1


def test_what_is_kept_is_what_the_rules_read() -> None:
    x = tg.rand(10, 4)
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 8, bias=False), nn.Flatten(), nn.GELU())
    found = tg.summary(model, x)
    # The first Linear reads its input, which is there anyway; the second the result of Sigmoid, and GELU its own input.
    assert [row.kept_bytes for row in found.rows[1:]] == [0, 320, 0, 0, 320]
    assert tg.summary(model.requires_grad_(False), x).kept_bytes == 0
    with tg.no_grad():
        assert tg.summary(model.requires_grad_(), x).kept_bytes == 640


def test_shared_parameters_count_once_and_frozen_ones_are_told() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)  # type: ignore[union-attr]
    found = tg.summary(model, (2, 3))
    assert (found.total_params, found.trainable_params) == (15, 12)
    assert [row.parameters for row in found.rows] == [0, 12, 3]
    assert "parameters: 15, of which 3 are frozen" in str(found)


def test_inputs_may_be_shapes_arrays_tensors_and_containers() -> None:
    class Both(nn.Module):
        def forward(self, a: Any, pair: Any, scale: float = 1.0) -> Any:
            return (a + pair[0] * pair[1]) * scale

    for given in ((2, 3), np.ones((2, 3)), tg.ones(2, 3)):
        found = tg.summary(Both(), given, (tg.ones(3), np.ones(3)), scale=2.0)
        assert found.rows[0].output_shape == (2, 3)
    assert tg.summary(nn.Embedding(5, 3), np.array([[1, 2]])).rows[0].output_shape == (1, 2, 3)
    assert tg.summary(nn.Linear(3, 2).double(), (5, 3)).rows[0].output_bytes == 80


def test_a_model_without_tensors() -> None:
    class Name(nn.Module):
        def forward(self) -> str:
            return "name"

    (row,) = tg.summary(Name()).rows
    assert (row.output_shape, row.output_bytes, row.called) == (None, 0, True)


def test_text() -> None:
    text = str(tg.summary(Tower(), (5, 3)))
    lines = text.split("\n")
    assert lines[0].split() == ["layer", "class", "output", "parameters", "kept"]
    assert set(lines[1]) == {"-"}
    assert lines[2].startswith("model    Tower        {'a': (5, 2), 'b': ((5, 2), (5, 3))}")
    assert any(line.startswith("    0    Linear") and " again " in line for line in lines)
    assert any("not called" in line for line in lines)
    assert lines[-2] == "parameters: 32"
    assert all(len(line) == len(line.rstrip()) for line in lines)
    assert repr(tg.summary(nn.ReLU(), (1,))).startswith("layer")


def test_on_a_terminal_the_table_is_shown_by_rich() -> None:
    pytest.importorskip("rich")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file, plain = Terminal(), io.StringIO()
    found = tg.summary(Tower(), (5, 3))
    found.show(file)
    found.show(plain)
    assert plain.getvalue() == f"{found}\n"
    assert file.getvalue() != plain.getvalue()
    for text in ("BatchNorm1d", "not called", "parameters: 32", "again"):
        assert text in file.getvalue()


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="the model is a function, and must be a Module"):
        tg.summary(lambda x: x, (2, 3))  # type: ignore[arg-type]
    with pytest.raises(tg.ShapeError, match="Call the model once with a batch"):
        tg.summary(nn.LazyLinear(2), (2, 3))
