"""What the formula of RMSprop says, worked out by hand."""

import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import RMSprop


def trajectory(gradients, **options):
    w = tg.tensor([0.0], requires_grad=True, dtype="float64")
    optimizer = RMSprop([w], lr=1.0, eps=0.0, **options)
    positions = []
    for g in gradients:
        w.grad = [g]
        optimizer.step()
        positions.append(w.item())
    return positions


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({"alpha": 0.75}, [-2.0, -2.0 - 1 / 0.4375**0.5]),  # mean squares 1/4, 7/16
        (
            {"alpha": 0.75, "centered": True},
            [-1 / 0.1875**0.5, -1 / 0.1875**0.5 - 1 / (0.4375 - 0.4375**2) ** 0.5],
        ),
        ({"alpha": 0.0, "momentum": 0.5}, [-1.0, -2.5]),
    ],
)
def test_positions(options, positions):
    assert trajectory([3.0, 3.0], **options) == pytest.approx(positions, rel=1e-12)


def test_options_switched_on_later_start_afresh():
    w = tg.tensor([0.0], requires_grad=True)
    optimizer = RMSprop([w], lr=1.0, alpha=0.0)
    w.grad = [1.0]
    optimizer.step()
    optimizer.param_groups[0].update(momentum=0.5, centered=False)
    optimizer.step()
    assert w.item() == pytest.approx(-2.0)
