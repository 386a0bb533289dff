"""Small programs as people write them, with PyTorch and here: the same losses, and the same models in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from model_programs import PROGRAMS, Program
from twins import close

import tinygrad_edu as tg
from tinygrad_edu.trees import flatten

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    for library in (tg, torch):
        library.set_default_dtype(library.float64)
    yield
    for library in (tg, torch):
        library.set_default_dtype(library.float32)


def alike(mine: Any, other: Any) -> None:
    """Numbers and tensors, nested or not, agree."""
    for a, b in zip(flatten(mine)[0], flatten(other)[0], strict=True):
        close(tg.as_tensor(a), torch.as_tensor(b), 1e-8)


def finished(program: Program) -> tuple[list[Any], Any]:
    """What a program yields from here on, as it is then; and what it returns."""
    yielded: list[Any] = []
    while True:
        try:
            values, build = flatten(next(program))
        except StopIteration as end:
            return yielded, end.value
        yielded.append(build([v.detach().clone() if hasattr(v, "detach") else v for v in values]))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_same_lines_train_the_same_model(program: Callable[[Any, Any], Program]) -> None:
    mine, other = (program(library, np.random.default_rng(0)) for library in (tg, torch))
    model, twin = next(mine), next(other)
    assert list(model.state_dict()) == list(twin.state_dict())
    model.load_state_dict({name: value.numpy() for name, value in twin.state_dict().items()})
    (ours, losses), (theirs, expected) = finished(mine), finished(other)
    assert len(ours) == len(theirs) > 1
    alike(ours, theirs)
    alike(dict(model.state_dict()), dict(twin.state_dict()))
    if losses is None:
        return
    alike(losses, expected)
    for library_model in (model, twin):
        library_model.zero_grad()
    losses.backward(per_sample=True)
    expected.sum().backward()
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        if q.grad is None:
            assert p.grad is None
            continue
        close(p.grad, q.grad, 1e-8)
        each = p.sample_grads[:].numpy()
        assert each.shape == (len(losses), *p.shape)
        added = max(float(np.abs(each).sum(0).max()), 1e-3)
        np.testing.assert_allclose(each.sum(0), p.grad.numpy(), rtol=0, atol=1e-11 * added, err_msg=name)
