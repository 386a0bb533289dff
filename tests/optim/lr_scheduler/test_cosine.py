"""Schedules along a cosine."""

import math

import numpy as np
import pytest
from optimizers import rates, with_rates

from tinygrad_edu.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts


def cosine(part: float, low: float = 0.0) -> float:
    return low + (8.0 - low) * (1 + math.cos(math.pi * part)) / 2


@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (lambda o: CosineAnnealingLR(o, 4), lambda t: cosine(t / 4)),
        (lambda o: CosineAnnealingLR(o, 1, 2.0), lambda t: cosine(t, 2.0)),
        (lambda o: CosineAnnealingWarmRestarts(o, 4), lambda t: cosine(t % 4 / 4)),
        (lambda o: CosineAnnealingWarmRestarts(o, 1), lambda t: 8.0),
        (lambda o: CosineAnnealingWarmRestarts(o, 3, eta_min=2.0), lambda t: cosine(t % 3 / 3, 2.0)),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, 2), lambda t: cosine([0, 1 / 2, 0, 1 / 4, 2 / 4, 3 / 4][t])),
        (lambda o: CosineAnnealingWarmRestarts(o, 1, 3), lambda t: cosine([0, 0, 1 / 3, 2 / 3, 0, 1 / 9][t])),
    ],
)  # fmt: skip
def test_the_rate_of_every_epoch(make, rate):
    assert rates(make, 6) == pytest.approx([rate(t) for t in range(6)], rel=1e-12, abs=1e-12)
    assert type(make(with_rates(8.0)).get_last_lr()[0]) is float


def test_a_step_to_any_place():
    schedule = CosineAnnealingWarmRestarts(with_rates(8.0, 4.0), 2, 2)
    for place, part in ((0.5, 0.25), (2.5, 0.125), (12.0, 0.75), (1, 0.5), (0, 0.0)):
        schedule.step(place)
        assert schedule.get_last_lr() == pytest.approx([cosine(part), cosine(part) / 2], rel=1e-12)
        assert (schedule.last_epoch, type(schedule.last_epoch)) == (int(place), int)


def test_a_step_without_a_place_is_one_epoch_on():
    schedule = CosineAnnealingWarmRestarts(with_rates(8.0), 4)
    schedule.step(1.5)
    schedule.step()
    assert (schedule.last_epoch, schedule.fraction) == (2, 0.5)
    assert schedule.get_last_lr() == pytest.approx([cosine(2.5 / 4)], rel=1e-12)


def test_a_place_that_is_none():
    schedule = CosineAnnealingWarmRestarts(with_rates(8.0), 4)
    schedule.step(1.5)
    schedule.step(np.float64(0.5))
    assert type(schedule.state_dict()["fraction"]) is float
    before = schedule.state_dict()
    for wrong in (-0.5, math.inf, math.nan, "1"):
        with pytest.raises(ValueError, match=r"WarmRestarts\.step\(epoch=.*\): it must be a finite number >= 0"):
            schedule.step(wrong)
    assert schedule.state_dict() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max=0 must be"),
        (lambda o: CosineAnnealingLR(o, -1), "T_max=-1 must be"),
        (lambda o: CosineAnnealingWarmRestarts(o, 0), "WarmRestarts: T_0=0: must be a whole number >= 1"),
        (lambda o: CosineAnnealingWarmRestarts(o, 1.5), r"T_0=1\.5: must be"),
        (lambda o: CosineAnnealingWarmRestarts(o, 1, 0), "T_mult=0: must be"),
        (lambda o: CosineAnnealingWarmRestarts(o, 1, 1, "0"), "eta_min='0' is not a number"),
    ],
)
def test_out_of_range(make, message):
    sgd = with_rates(1.0)
    with pytest.raises(ValueError, match=message):
        make(sgd)
    assert sgd.param_groups[0]["lr"] == 1.0
