"""Schedules: which learning rate each epoch has."""

import math

import pytest
from optimizers import with_rates

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD, lr_scheduler


def rates(make, epochs, *first):
    schedule = make(with_rates(*(first or (1.0,))))
    seen = []
    for _ in range(epochs):
        seen.append(schedule.get_last_lr())
        schedule.step()
    return [lr for (lr,) in seen] if len(first) < 2 else seen


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5), [1.0, 1.0, 0.5, 0.5, 0.25]),
        (lambda o: lr_scheduler.MultiStepLR(o, [3, 1], gamma=0.5), [1.0, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.5), [1.0, 0.5, 0.25, 0.125]),
        (lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=3), [0.25, 0.5, 0.75, 1.0, 1.0]),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 2, eta_min=0.5), [1.0, 0.75, 0.5, 0.75]),
        (lambda o: lr_scheduler.LambdaLR(o, lambda epoch: epoch + 1.0), [1.0, 2.0, 3.0]),
    ],
)
def test_rates(make, expected):
    assert rates(make, len(expected)) == pytest.approx(expected)


def test_every_group_has_its_own():
    def make(o):
        return lr_scheduler.LambdaLR(o, [lambda epoch: 1.0, lambda epoch: 0.5**epoch])

    assert rates(make, 2, 1.0, 8.0) == [[1.0, 8.0], [1.0, 4.0]]


def test_the_rates_reach_the_steps():
    w = tg.tensor([0.0], requires_grad=True)
    sgd = SGD([w], lr=1.0)
    schedule = lr_scheduler.ExponentialLR(sgd, 0.5)
    for _ in range(3):
        w.grad = [1.0]
        sgd.step()
        schedule.step()
    assert w.item() == -1.75


def test_a_plateau():
    o = with_rates(1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1, min_lr=0.3)
    seen = []
    for loss in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 1.0, 1.0, tg.tensor(1.0)]:
        schedule.step(loss)
        seen += schedule.get_last_lr()
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]
    up = lr_scheduler.ReduceLROnPlateau(o, mode="max", patience=0)
    up.step(1.0)
    up.step(2.0)
    assert o.param_groups[0]["lr"] == 0.3
    up.step(2.0)
    assert o.param_groups[0]["lr"] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "StepLR: step_size=0"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), ValueError, "T_max=0"),
        (lambda o: lr_scheduler.LinearLR(o, 0.0), ValueError, r"LinearLR: start_factor=0\.0"),
        (lambda o: lr_scheduler.LambdaLR(o, [float, float]), ValueError, "2 functions for 1 groups"),
        (
            lambda o: lr_scheduler.ReduceLROnPlateau(o, "down"),
            ValueError,
            "mode='down' must be 'min' or 'max'",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=2.0), ValueError, r"factor=2\.0"),
        (lambda o: lr_scheduler.ExponentialLR(0.1, 0.5), TypeError, "ExponentialLR: needs the optimizer .* got float$"),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(with_rates(1.0))


@pytest.mark.parametrize("wrong", [None, "fast", [0.1]])
def test_a_function_that_returns_no_number(wrong):
    sgd = SGD([tg.tensor([1.0])], lr=8.0)
    with pytest.raises(TypeError, match=r"LambdaLR: lr_lambda returned .* for epoch 0 and group 0, it must return a"):
        lr_scheduler.LambdaLR(sgd, lambda epoch: wrong)
    schedule = lr_scheduler.LambdaLR(sgd, lambda epoch: 0.5 if epoch < 1 else wrong)
    with pytest.raises(TypeError, match="for epoch 1"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (0, [4.0])


# ---- values, ends of ranges, defaults ----


@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (lambda o: lr_scheduler.StepLR(o, 3, gamma=0.5), lambda t: 8.0 * 0.5 ** (t // 3)),
        (lambda o: lr_scheduler.StepLR(o, 1), lambda t: 8.0 * 0.1**t),
        (lambda o: lr_scheduler.MultiStepLR(o, [5, 2, 2]), lambda t: 8.0 * 0.1 ** ((t >= 5) + 2 * (t >= 2))),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.75), lambda t: 8.0 * 0.75**t),
        (lambda o: lr_scheduler.LinearLR(o), lambda t: 8.0 * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
        (lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 1), lambda t: 8.0 * (1 - min(t, 1))),
        (lambda o: lr_scheduler.LinearLR(o, 0.5, 0.25, 4), lambda t: 8.0 * (0.5 - 0.25 * min(t, 4) / 4)),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 4), lambda t: 4.0 * (1 + math.cos(math.pi * t / 4))),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 1, 2.0), lambda t: 2.0 + 3.0 * (1 + math.cos(math.pi * t))),
        (lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 8.0 / (1 + t)),
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
        lambda o: lr_scheduler.LinearLR(o, -0.5),
        lambda o: lr_scheduler.LinearLR(o, 1.5),
        lambda o: lr_scheduler.LinearLR(o, 0.5, -0.5),
        lambda o: lr_scheduler.LinearLR(o, 0.5, 1.5),
        lambda o: lr_scheduler.LinearLR(o, 0.5, 1.0, 0),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.0),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=-0.5),
        lambda o: lr_scheduler.StepLR(o, -1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, -1),
    ],
)
def test_just_out_of_range(make):
    sgd = with_rates(1.0)
    with pytest.raises(ValueError, match="must be"):
        make(sgd)
    assert sgd.param_groups[0]["lr"] == 1.0


def test_a_plateau_as_it_begins():
    for mode, best in (("min", math.inf), ("max", -math.inf)):
        assert lr_scheduler.ReduceLROnPlateau(with_rates(8.0), mode).state_dict() == {
            "mode": mode, "factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "min_lr": 0.0,
            "best": best, "num_bad_epochs": 0, "cooldown_counter": 0,
        }  # fmt: skip
    given = lr_scheduler.ReduceLROnPlateau(with_rates(8.0), "max", 0.5, 3, 0.25, cooldown=2, min_lr=0.125)
    assert [given.factor, given.patience, given.threshold, given.cooldown, given.min_lr] == [0.5, 3, 0.25, 2, 0.125]


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_what_is_better_by_the_threshold_is_better(mode, sign):
    schedule = lr_scheduler.ReduceLROnPlateau(with_rates(8.0), mode, 0.5, 1, threshold=0.25)
    seen = []
    # From 8, better is less than 6 (or more than 10): what is just that is no better.
    for value in (8.0, 8.0 - sign * 2.0, 8.0 - sign * 2.5, 8.0 - sign * 2.5):
        schedule.step(value)
        seen.append((schedule.best, schedule.num_bad_epochs))
    assert seen == [(8.0, 0), (8.0, 1), (8.0 - sign * 2.5, 0), (8.0 - sign * 2.5, 1)]
    schedule.step(8.0)
    assert (schedule.num_bad_epochs, schedule.get_last_lr()) == (0, [4.0])


def test_epochs_of_a_cooldown_do_not_count():
    sgd = with_rates(8.0, 4.0)
    schedule = lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=0, cooldown=2, min_lr=1.5)
    seen = []
    for _ in range(8):
        schedule.step(1.0)
        seen.append((*schedule.get_last_lr(), schedule.cooldown_counter, schedule.num_bad_epochs))
    assert seen == [
        (8.0, 4.0, 0, 0),
        (4.0, 2.0, 2, 0),
        (4.0, 2.0, 1, 0),
        (4.0, 2.0, 0, 0),
        (2.0, 1.5, 2, 0),
        (2.0, 1.5, 1, 0),
        (2.0, 1.5, 0, 0),
        (1.5, 1.5, 2, 0),
    ]
