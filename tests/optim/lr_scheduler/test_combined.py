"""Schedules one after the other, and on top of each other."""

import pytest
from made import parameter
from optimizers import rates, with_rates

from tinygrad_edu import optim
from tinygrad_edu.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def in_turn(o):
    parts = [ConstantLR(o, 0.25, 9), ExponentialLR(o, 0.5), StepLR(o, 1, 0.25)]
    return SequentialLR(o, parts, [2, 5])


def at_once(o):
    return ChainedScheduler([ConstantLR(o, 0.25, 3), ExponentialLR(o, 0.5), LambdaLR(o, lambda t: 1.0 + t)])


def test_one_after_the_other_each_from_its_own_epoch_0():
    assert rates(in_turn, 8) == [2.0, 2.0, 8.0, 4.0, 2.0, 8.0, 2.0, 0.5]
    assert rates(in_turn, 3, 8.0, 16.0) == [[2.0, 4.0], [2.0, 4.0], [8.0, 16.0]]
    assert rates(lambda o: SequentialLR(o, [StepLR(o, 1, 0.5)], []), 3) == [8.0, 4.0, 2.0]


def test_a_milestone_at_once_and_two_at_the_same_epoch():
    def parts(o):
        return [ConstantLR(o, 0.25, 9), ConstantLR(o, 0.5, 9), StepLR(o, 1, 0.5)]

    assert rates(lambda o: SequentialLR(o, parts(o), [0, 2]), 4) == [4.0, 4.0, 8.0, 4.0]
    assert rates(lambda o: SequentialLR(o, parts(o), [1, 1]), 4) == [2.0, 8.0, 4.0, 2.0]


def test_on_top_of_each_other():
    expected = [8.0 * (0.25 if t < 3 else 1.0) * 0.5**t * (1.0 + t) for t in range(6)]
    assert rates(at_once, 6) == expected
    assert rates(at_once, 6, 8.0, 4.0) == [[rate, rate / 2] for rate in expected]
    low = rates(lambda o: ChainedScheduler([ExponentialLR(o, 0.5), CosineAnnealingLR(o, 2, eta_min=1.0)], o), 2)
    assert low == pytest.approx([8.0, 1.0 + 3.0 / 2])


def test_nested():
    def make(o):
        return SequentialLR(o, [LinearLR(o, 0.25, total_iters=3), at_once(o)], [3])

    assert rates(make, 7) == [2.0, 4.0, 6.0, *rates(at_once, 4)]
    doubled = rates(lambda o: ChainedScheduler([make(o), LambdaLR(o, lambda t: 2.0)]), 7)
    assert doubled == [2 * rate for rate in rates(make, 7)]


def test_the_parts_are_asked_and_not_stepped():
    optimizer = with_rates(8.0)
    parts = [ConstantLR(optimizer, 0.5, 1), ExponentialLR(optimizer, 0.5)]
    for schedule in (SequentialLR(optimizer, parts, [2]), ChainedScheduler(parts)):
        for _ in range(3):
            schedule.step()
        assert schedule.last_epoch == 3
        assert [part.last_epoch for part in parts] == [0, 0]


def test_the_momentum_is_that_of_the_part_whose_turn_it_is_or_of_the_last_that_has_one():
    def cycle(o, low, high):
        return CyclicLR(o, 1.0, 5.0, 2, base_momentum=low, max_momentum=high)

    optimizer = optim.SGD([parameter(1)], lr=8.0, momentum=0.125)
    group = optimizer.param_groups[0]
    seen = []
    parts = [cycle(optimizer, 0.25, 0.75), cycle(optimizer, 0.0, 0.5), StepLR(optimizer, 1)]
    schedule = SequentialLR(optimizer, parts, [2, 3])
    for _ in range(5):
        seen.append(group["momentum"])
        schedule.step()
    assert seen == [0.75, 0.5, 0.5, 0.5, 0.5]  # the second begins at the top, with 0.5; the third leaves it alone
    schedule = ChainedScheduler(parts)
    schedule.step()
    assert group["momentum"] == 0.25
    assert ChainedScheduler([StepLR(optimizer, 1)]).momentum(0, 0) is None


@pytest.mark.parametrize("make", [in_turn, at_once])
def test_saving_and_loading_goes_down_to_the_parts(make):
    first = make(with_rates(8.0))
    for _ in range(4):
        first.step()
    saved = first.state_dict()
    assert [set(state) for state in saved["schedulers"]] == [set(part.state_dict()) for part in first._schedulers]
    other = make(with_rates(8.0))
    other._schedulers[1].gamma = 0.125
    other.load_state_dict(saved)
    assert other._schedulers[1].gamma == 0.5
    for schedule in (first, other):
        schedule.step()
    assert other.get_last_lr() == first.get_last_lr()
    assert other.last_epoch == 5
    assert not hasattr(other, "schedulers")


def test_nothing_is_loaded_of_the_state_of_other_schedules():
    first = in_turn(with_rates(8.0))
    before = first.state_dict()
    first.step()
    wrong = first.state_dict()
    wrong["schedulers"][2] = ExponentialLR(with_rates(8.0), 0.25).state_dict()
    short = {**first.state_dict(), "schedulers": first.state_dict()["schedulers"][:2]}
    other = in_turn(with_rates(8.0))
    with pytest.raises(
        ValueError, match=r"StepLR\.load_state_dict\(\): the state has base_lrs, gamma, last_epoch, needed"
    ):
        other.load_state_dict(wrong)
    with pytest.raises(ValueError, match=r"SequentialLR.*the state is of 2 schedules, this one is made of 3"):
        other.load_state_dict(short)
    with pytest.raises(ValueError, match=r"needed are .*milestones"):
        other.load_state_dict(at_once(with_rates(8.0)).state_dict())
    assert other.state_dict() == before


def test_going_on_after_an_epoch():
    optimizer = with_rates(8.0)
    optimizer.param_groups[0]["initial_lr"] = 8.0
    parts = [ConstantLR(optimizer, 0.25, 9), ExponentialLR(optimizer, 0.5)]
    assert SequentialLR(optimizer, parts, [2], last_epoch=2).get_last_lr() == [4.0]
    parts = [ConstantLR(optimizer, 0.25, 9, last_epoch=2), ExponentialLR(optimizer, 0.5, last_epoch=2)]
    chained = ChainedScheduler(parts)
    assert (chained.last_epoch, chained.get_last_lr()) == (3, [0.25])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o, p: SequentialLR(o, [], []), ValueError, "SequentialLR: there is no schedule to combine"),
        (lambda o, p: ChainedScheduler([]), ValueError, "ChainedScheduler: there is no schedule to combine"),
        (lambda o, p: SequentialLR(o, [StepLR(o, 1), 0.5], [1]), TypeError, r"number 1 is no schedule but 0\.5"),
        (
            lambda o, p: ChainedScheduler([StepLR(o, 1), ReduceLROnPlateau(o)]),
            ValueError,
            "number 1 is a ReduceLROnPlateau, whose step.. takes a measure: step it by itself",
        ),
        (lambda o, p: ChainedScheduler([StepLR(o, 1), StepLR(p, 1)]), ValueError, "number 1 is a schedule of another"),
        (lambda o, p: ChainedScheduler([StepLR(o, 1)], p), ValueError, "number 0 is a schedule of another"),
        (lambda o, p: SequentialLR(p, [StepLR(o, 1)], []), ValueError, "number 0 is a schedule of another"),
        (
            lambda o, p: SequentialLR(o, [StepLR(o, 1), StepLR(o, 1)], []),
            ValueError,
            r"milestones=\[\] for 2 schedules: give the epochs at which the second begins .*, 1 in all, in order",
        ),
        (lambda o, p: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "0 in all"),
        (lambda o, p: ChainedScheduler(StepLR(o, 1)), TypeError, "schedulers is a StepLR, and must be a list"),
        (lambda o, p: SequentialLR(o, [StepLR(o, 1)] * 3, [3, 2]), ValueError, r"milestones=\[3, 2\] .* in order"),
    ],
)  # fmt: skip
def test_what_cannot_be_combined(make, error, message):
    with pytest.raises(error, match=message):
        make(with_rates(1.0), with_rates(1.0))


def test_schedules_at_different_epochs_make_no_chain():
    optimizer = with_rates(8.0)
    first, second = StepLR(optimizer, 1), StepLR(optimizer, 1)
    second.step()
    with pytest.raises(ValueError, match=r"ChainedScheduler: its schedules are at epochs \[0, 1\]"):
        ChainedScheduler([first, second])
