"""What the formula of Adagrad says, worked out by hand."""

import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import Adagrad


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [1.0, 1 / 2**0.5, 1 / 3**0.5]),
        ({"lr_decay": 0.5}, [1.0, 1 / 1.5 / 2**0.5, 1 / 2 / 3**0.5]),
        ({"initial_accumulator_value": 4.0}, [2 / 8**0.5, 2 / 12**0.5, 2 / 16**0.5]),
    ],
)
def test_lengths_of_the_steps(options, steps):
    w = tg.tensor([0.0], requires_grad=True, dtype="float64")
    optimizer = Adagrad([w], lr=1.0, eps=0.0, **options)
    lengths = []
    for _ in steps:
        before = w.item()
        w.grad = [2.0]
        optimizer.step()
        lengths.append(before - w.item())
    assert lengths == pytest.approx(steps, rel=1e-12)
