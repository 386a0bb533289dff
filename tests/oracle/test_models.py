"""Small programs as people write them, with PyTorch and here: the same losses, and the same models in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from model_programs import PROGRAMS, Program, trained
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


def optimizer_and_schedule_of_ones_own(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional

    class Momentum(lib.optim.Optimizer):  # type: ignore[misc]
        def step(self, closure: Any = None) -> None:
            with lib.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        if len(state) == 0:
                            state["buffer"] = lib.zeros_like(p.data)
                        state["buffer"].mul_(group["momentum"]).add_(p.grad, alpha=1 - group["momentum"])
                        p.data.add_(state["buffer"], alpha=-group["lr"])

    class Warmup(lib.optim.lr_scheduler.LRScheduler):  # type: ignore[misc]
        def get_lr(self) -> list[float]:
            return [base * min(1.0, (self.last_epoch + 1) / 4) for base in self.base_lrs]

    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    x, y = lib.tensor(rng.normal(size=(6, 4))), lib.tensor(rng.integers(0, 3, 6))
    yield net
    optimizer = Momentum(net.parameters(), {"lr": 0.5, "momentum": 0.9})
    yield from trained(net, optimizer, lambda: F.cross_entropy(net(x), y, reduction="mean"), 6, Warmup(optimizer))
    return F.cross_entropy(net(x), y, reduction="none")


@pytest.mark.parametrize(
    "program", [*PROGRAMS, optimizer_and_schedule_of_ones_own], ids=lambda program: program.__name__
)
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
