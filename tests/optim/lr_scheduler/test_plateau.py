"""Waiting until a measure no longer improves."""

import math

import pytest
from made import parameter
from optimizers import with_rates

import tinygrad_edu as tg
from tinygrad_edu.optim.lr_scheduler import ReduceLROnPlateau


def test_a_plateau():
    o = with_rates(1.0)
    schedule = ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1, min_lr=0.3)
    seen = []
    for loss in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 1.0, 1.0, tg.tensor(1.0)]:
        schedule.step(loss)
        seen += schedule.get_last_lr()
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]
    up = ReduceLROnPlateau(o, mode="max", patience=0)
    up.step(1.0)
    up.step(2.0)
    assert o.param_groups[0]["lr"] == 0.3
    up.step(2.0)
    assert o.param_groups[0]["lr"] == pytest.approx(0.03)


def test_a_group_that_comes_later_is_reduced_too():
    optimizer, listed = with_rates(1.0), with_rates(1.0)
    schedules = [ReduceLROnPlateau(optimizer, patience=0, min_lr=0.5), ReduceLROnPlateau(listed, min_lr=[0.5])]
    for schedule in schedules:
        schedule.optimizer.add_param_group({"params": parameter(1), "lr": 8.0})
    for loss in (1.0, 2.0):
        schedules[0].step(loss)
    assert schedules[0].get_last_lr() == [0.5, 0.8]
    with pytest.raises(ValueError, match="min_lr has 1 entries for 2 groups"):
        schedules[1].step(1.0)


def test_as_it_begins():
    for mode, best in (("min", math.inf), ("max", -math.inf)):
        assert ReduceLROnPlateau(with_rates(8.0), mode).state_dict() == {
            "mode": mode, "factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0,
            "min_lrs": [0.0], "eps": 1e-8, "best": best, "num_bad_epochs": 0, "cooldown_counter": 0,
        }  # fmt: skip
    given = ReduceLROnPlateau(with_rates(8.0), "max", 0.5, 3, 0.25, "abs", 2, 0.125, 0.75)
    assert [given.factor, given.patience, given.threshold, given.threshold_mode] == [0.5, 3, 0.25, "abs"]
    assert [given.cooldown, given.min_lrs, given.eps] == [2, [0.125], 0.75]


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
@pytest.mark.parametrize(("threshold", "threshold_mode"), [(0.25, "rel"), (2.0, "abs")])
def test_what_is_better_by_the_threshold_is_better(mode, sign, threshold, threshold_mode):
    schedule = ReduceLROnPlateau(with_rates(8.0), mode, 0.5, 1, threshold, threshold_mode)
    seen = []
    # From 8, better is less than 6 (or more than 10): what is just that is no better.
    for value in (8.0, 8.0 - sign * 2.0, 8.0 - sign * 2.5, 8.0 - sign * 2.5):
        schedule.step(value)
        seen.append((schedule.best, schedule.num_bad_epochs))
    assert seen == [(8.0, 0), (8.0, 1), (8.0 - sign * 2.5, 0), (8.0 - sign * 2.5, 1)]
    schedule.step(8.0)
    assert (schedule.num_bad_epochs, schedule.get_last_lr()) == (0, [4.0])


def test_a_threshold_is_measured_from_the_best_value():
    seen = {}
    for threshold_mode in ("rel", "abs"):
        schedule = ReduceLROnPlateau(with_rates(8.0), threshold=0.5, threshold_mode=threshold_mode)
        for value in (2.0, 1.25, 0.8):
            schedule.step(value)
        seen[threshold_mode] = (schedule.best, schedule.num_bad_epochs)
    assert seen == {"rel": (0.8, 0), "abs": (1.25, 1)}


def test_epochs_of_a_cooldown_do_not_count():
    sgd = with_rates(8.0, 4.0)
    schedule = ReduceLROnPlateau(sgd, factor=0.5, patience=0, cooldown=2, min_lr=1.5)
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


@pytest.mark.parametrize(("eps", "expected"), [(0.25, [1.125, 0.5]), (0.5, [2.0, 0.5]), (0.0, [1.0, 0.25])])
def test_a_reduction_by_no_more_than_eps_is_left_out(eps, expected):
    schedule = ReduceLROnPlateau(with_rates(2.0, 0.5), factor=0.75, patience=0, min_lr=[1.0, 0.25], eps=eps)
    for _ in range(6):
        schedule.step(1.0)
    assert schedule.get_last_lr() == expected  # 2 goes to 1.5, 1.125 and 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: ReduceLROnPlateau(o, "down"), "mode='down' must be 'min' or 'max'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="all"), "threshold_mode='all' must be 'rel' or 'abs'"),
        (lambda o: ReduceLROnPlateau(o, factor=2.0), r"factor=2\.0 must be > 0 and < 1"),
        (lambda o: ReduceLROnPlateau(o, factor=0.0), r"factor=0\.0 must be"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), r"factor=1\.0 must be"),
        (lambda o: ReduceLROnPlateau(o, factor=-0.5), r"factor=-0\.5 must be"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1, 0.2]), "min_lr has 2 entries for 1 groups"),
    ],
)
def test_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make(with_rates(1.0))


@pytest.mark.parametrize("metrics", [None, tg.ones(3), [1.0], "low"])
def test_what_is_no_measure(metrics):
    schedule = ReduceLROnPlateau(with_rates(1.0))
    with pytest.raises(TypeError, match=r"ReduceLROnPlateau\.step\(\): metrics is one number, such as the loss, got "):
        schedule.step(metrics)
    assert schedule.num_bad_epochs == 0
