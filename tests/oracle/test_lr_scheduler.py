"""Schedules beside PyTorch's."""

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("StepLR", {"step_size": 3, "gamma": 0.7}),
        ("StepLR", {"step_size": 1}),
        ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
        ("CosineAnnealingLR", {"T_max": 30}),
        ("LinearLR", {}),
        ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 8}),
        ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ],
)
def test_twenty_epochs(name, arguments):
    runs = []
    for library, tensor in ((tg, tg.tensor), (torch, torch.tensor)):
        groups = [{"params": [tensor([1.0], requires_grad=True)], "lr": lr} for lr in (0.1, 2.0)]
        optimizer = library.optim.SGD(groups)
        schedule = getattr(library.optim.lr_scheduler, name)(optimizer, **arguments)
        rates = []
        for _ in range(20):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        runs.append(rates)
    np.testing.assert_allclose(*runs, rtol=1e-10)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 1, 3])
def test_plateaus(mode, cooldown, patience):
    values = np.random.default_rng(0).normal(size=60).cumsum().round(1).tolist()
    runs = []
    for library, tensor in ((tg, tg.tensor), (torch, torch.tensor)):
        optimizer = library.optim.SGD([tensor([1.0], requires_grad=True)], lr=1.0)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, factor=0.8, patience=patience, cooldown=cooldown, min_lr=0.05
        )
        rates = []
        for value in values:
            schedule.step(value)
            rates.append(optimizer.param_groups[0]["lr"])
        runs.append(rates)
    np.testing.assert_allclose(*runs, rtol=1e-10)
    assert runs[0][-1] < 1.0
