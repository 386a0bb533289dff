"""Schedules by a factor: which learning rate each epoch has."""

import pytest
from optimizers import rates, with_rates

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD
from tinygrad_edu.optim.lr_scheduler import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR


@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (lambda o: StepLR(o, 3, gamma=0.5), lambda t: 8.0 * 0.5 ** (t // 3)),
        (lambda o: StepLR(o, 1), lambda t: 8.0 * 0.1**t),
        (lambda o: MultiStepLR(o, [5, 2, 2]), lambda t: 8.0 * 0.1 ** ((t >= 5) + 2 * (t >= 2))),
        (lambda o: MultiStepLR(o, [3, 1], gamma=0.5), lambda t: 8.0 * 0.5 ** ((t >= 3) + (t >= 1))),
        (lambda o: ExponentialLR(o, 0.75), lambda t: 8.0 * 0.75**t),
        (lambda o: LinearLR(o), lambda t: 8.0 * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
        (lambda o: LinearLR(o, 1.0, 0.0, 1), lambda t: 8.0 * (1 - min(t, 1))),
        (lambda o: LinearLR(o, 0.5, 0.25, 4), lambda t: 8.0 * (0.5 - 0.25 * min(t, 4) / 4)),
        (lambda o: ConstantLR(o), lambda t: 8.0 / 3 if t < 5 else 8.0),
        (lambda o: ConstantLR(o, 0.0, 1), lambda t: 0.0 if t < 1 else 8.0),
        (lambda o: ConstantLR(o, 1.0, 3), lambda t: 8.0),
        (lambda o: ConstantLR(o, 0.25, total_iters=3), lambda t: 2.0 if t < 3 else 8.0),
        (lambda o: PolynomialLR(o), lambda t: 8.0 * (1 - min(t, 5) / 5)),
        (lambda o: PolynomialLR(o, 4, 2.0), lambda t: 8.0 * (1 - min(t, 4) / 4) ** 2),
        (lambda o: PolynomialLR(o, 1, 0.0), lambda t: 8.0),
    ],
)
def test_the_rate_of_every_epoch(make, rate):
    schedule = make(with_rates(8.0))
    assert schedule.last_epoch == 0
    for epoch in range(9):
        assert schedule.last_epoch == epoch
        (lr,) = schedule.get_last_lr()
        assert type(lr) is float
        assert lr == pytest.approx(rate(epoch), rel=1e-12, abs=1e-12)
        schedule.step()
    assert make(with_rates(8.0, 4.0)).base_lrs == [8.0, 4.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LinearLR(o, 0.25, total_iters=2),
        lambda o: ConstantLR(o, 0.25, 1),
        lambda o: PolynomialLR(o, 4),
        lambda o: StepLR(o, 1, 0.5),
    ],
)
def test_every_group_has_its_own(make):
    one, other = rates(make, 3, 8.0), rates(make, 3, 2.0)
    assert rates(make, 3, 8.0, 2.0) == [list(both) for both in zip(one, other, strict=True)]


def test_the_rates_reach_the_steps():
    w = tg.tensor([0.0], requires_grad=True)
    sgd = SGD([w], lr=1.0)
    schedule = ExponentialLR(sgd, 0.5)
    for _ in range(3):
        w.grad = [1.0]
        sgd.step()
        schedule.step()
    assert w.item() == -1.75


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, 0), "StepLR: step_size=0 must be"),
        (lambda o: StepLR(o, -1), "StepLR: step_size=-1 must be"),
        (lambda o: LinearLR(o, 0.0), r"LinearLR: start_factor=0\.0.* must be"),
        (lambda o: LinearLR(o, -0.5), "must be"),
        (lambda o: LinearLR(o, 1.5), "must be"),
        (lambda o: LinearLR(o, 0.5, -0.5), r"end_factor=-0\.5.* must be"),
        (lambda o: LinearLR(o, 0.5, 1.5), "must be"),
        (lambda o: LinearLR(o, 0.5, 1.0, 0), "total_iters=0: .* must be"),
        (lambda o: ConstantLR(o, -0.5), r"ConstantLR: factor=-0\.5.* must be within 0 and 1"),
        (lambda o: ConstantLR(o, 1.5), r"ConstantLR: factor=1\.5"),
        (lambda o: ConstantLR(o, 0.5, 0), "total_iters=0: .* at least one epoch"),
        (lambda o: PolynomialLR(o, 0), "PolynomialLR: total_iters=0, .* at least one epoch"),
        (lambda o: PolynomialLR(o, 5, -0.5), r"power=-0\.5: .*must be >= 0"),
        (lambda o: PolynomialLR(o, 5, float("nan")), "power=nan"),
    ],
)
def test_out_of_range(make, message):
    sgd = with_rates(1.0)
    with pytest.raises(ValueError, match=message):
        make(sgd)
    assert sgd.param_groups[0]["lr"] == 1.0


def test_milestones_are_several():
    with pytest.raises(TypeError, match=r"MultiStepLR: milestones=5 must be numbers of epochs, such as \[30, 80\]"):
        MultiStepLR(with_rates(1.0), 5)
