"""Up and down again: the rate and the momentum of each step."""

import math

import pytest
from made import parameter
from optimizers import with_rates

from tinygrad_edu import optim
from tinygrad_edu.optim.lr_scheduler import CyclicLR, OneCycleLR


def walk(schedule, steps):
    """The rates of the first group, and its momenta."""
    group, seen = schedule.optimizer.param_groups[0], []
    for _ in range(steps):
        seen.append((group["lr"], group["betas"][0] if "betas" in group else group["momentum"]))
        schedule.step()
    rates, momenta = zip(*seen, strict=True)
    return list(rates), list(momenta)


def sgd():
    return optim.SGD([parameter(1)], lr=7.0)


@pytest.mark.parametrize(
    ("options", "heights"),
    [
        ({"step_size_up": 2}, [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]),
        ({"step_size_up": 2, "step_size_down": 4}, [0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0.5, 1]),
        ({"step_size_up": 4, "step_size_down": 1}, [0, 0.25, 0.5, 0.75, 1, 0, 0.25, 0.5, 0.75]),
        ({"step_size_up": 2, "step_size_down": 0}, [0, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0]),
        ({"step_size_up": 1.5, "step_size_down": 0.5}, [0, 2 / 3, 0, 2 / 3]),
        ({"step_size_up": 2, "gamma": 0.5}, [0, 0.5, 1, 0.5, 0, 0.5]),
        ({"step_size_up": 2, "mode": "triangular2"}, [0, 0.5, 1, 0.5, 0, 0.25, 0.5, 0.25, 0, 0.125, 0.25]),
        ({"step_size_up": 2, "mode": "exp_range", "gamma": 0.5}, [0, 1 / 4, 1 / 4, 1 / 16, 0, 1 / 64, 1 / 64]),
        ({"step_size_up": 1, "scale_fn": lambda c: c, "mode": "none"}, [0, 1, 0, 2, 0, 3, 0]),
        ({"step_size_up": 1, "scale_fn": lambda t: t, "scale_mode": "iterations"}, [0, 1, 0, 3, 0, 5, 0]),
        ({"step_size_up": 1, "mode": "exp_range", "gamma": 0.5, "scale_mode": "cycle"}, [0, 1 / 2, 0, 1 / 8]),
    ],
)
def test_the_rate_and_the_momentum_of_every_step_of_cycles(options, heights):
    rates, momenta = walk(CyclicLR(sgd(), 1.0, 5.0, **options), len(heights))
    assert rates == pytest.approx([1 + 4 * h for h in heights], rel=1e-12)
    assert momenta == pytest.approx([0.9 - 0.1 * h for h in heights], rel=1e-12)
    assert all(type(rate) is float for rate in rates)


def test_the_defaults_are_pytorchs():
    cycles = CyclicLR(sgd(), 1.0, 5.0)
    assert (cycles.step_size_up, cycles.step_size_down, cycles.mode, cycles.gamma) == (2000, 2000, "triangular", 1.0)
    assert (cycles.scale_mode, cycles.base_momentums, cycles.max_momentums) == ("cycle", [0.8], [0.9])
    once = OneCycleLR(sgd(), 5.0, total_steps=10)
    assert (once.corners, once.anneal_strategy) == ([0.0, 2.0, 9.0], "cos")
    assert (once.base_momentums, once.max_momentums) == ([0.85], [0.95])
    assert (once.first_lrs, once.min_lrs) == ([5.0 / 25], [5.0 / 25 / 1e4])


def test_groups_have_bounds_of_their_own_and_betas_are_a_momentum():
    adam = optim.Adam([{"params": parameter(1)}, {"params": parameter(1), "betas": (0.5, 0.75)}])
    schedule = CyclicLR(adam, [1.0, 2.0], (3.0, 6.0), 2, base_momentum=[0.5, 0.0], max_momentum=[0.75, 0.5])
    schedule.step()
    assert schedule.get_last_lr() == [2.0, 4.0]
    assert [group["betas"] for group in adam.param_groups] == [(0.625, 0.999), (0.25, 0.75)]
    once = OneCycleLR(adam, [4.0, 8.0], 3, pct_start=2 / 3, base_momentum=[0.5, 0.0], max_momentum=[0.75, 0.5])
    once.step()
    assert once.get_last_lr() == pytest.approx([4.0, 8.0])
    assert [group["betas"] for group in adam.param_groups] == [(0.5, 0.999), (0.0, 0.75)]
    assert [group["initial_lr"] for group in adam.param_groups] == once.base_lrs == [4.0 / 25, 8.0 / 25]


@pytest.mark.parametrize("make", [lambda o: CyclicLR(o, 1.0, 5.0, cycle_momentum=False),
                                  lambda o: OneCycleLR(o, 5.0, 10, cycle_momentum=False)])  # fmt: skip
def test_the_momentum_may_be_left_alone(make):
    optimizer = optim.SGD([parameter(1)], momentum=0.5)
    schedule = make(optimizer)
    schedule.step()
    assert optimizer.param_groups[0]["momentum"] == 0.5
    assert make(optim.Adagrad([parameter(1)])).momentum(0, 0) is None


def test_rates_begin_anew_unless_the_first_ones_are_known():
    optimizer = sgd()
    assert CyclicLR(optimizer, 1.0, 5.0, 2).base_lrs == [1.0]
    assert CyclicLR(optimizer, 2.0, 5.0, 2).get_last_lr() == [2.0]
    assert optimizer.param_groups[0]["initial_lr"] == 1.0


@pytest.mark.parametrize(
    ("options", "corners", "rates"),
    [
        ({"pct_start": 0.375}, [0, 2, 7], [2, 8, 1]),
        ({"pct_start": 0.25, "three_phase": True}, [0, 1, 2, 7], [2, 8, 2, 1]),
        ({"pct_start": 0.375, "three_phase": True}, [0, 2, 4, 7], [2, 8, 2, 1]),
        ({"pct_start": 0.0}, [0, -1, 7], [2, 8, 1]),
        ({"pct_start": 1.0}, [0, 7, 7], [2, 8, 1]),
        ({"pct_start": 0.125}, [0, 0, 7], [2, 8, 1]),
        ({"pct_start": 0.3125}, [0, 1.5, 7], [2, 8, 1]),
    ],
)
@pytest.mark.parametrize("strategy", ["linear", "cos"])
def test_one_cycle_goes_from_corner_to_corner(options, corners, rates, strategy):
    momenta = [0.75, 0.25, 0.75, 0.75]

    def between(values, t):
        for a, b, x, y in zip(corners, corners[1:], values, values[1:], strict=False):
            if t <= b or b == corners[-1]:
                part = (t - a) / (b - a) if b != a else 1.0
                return x + (y - x) * (part if strategy == "linear" else (1 - math.cos(math.pi * part)) / 2)
        raise AssertionError

    options = {**options, "base_momentum": 0.25, "max_momentum": 0.75, "div_factor": 4.0, "final_div_factor": 2.0}
    schedule = OneCycleLR(sgd(), 8.0, 8, anneal_strategy=strategy, **options)
    assert schedule.corners == pytest.approx(corners)
    found = walk(schedule, 8)
    assert found[0] == pytest.approx([between(rates, t) for t in range(8)], rel=1e-12)
    assert found[1] == pytest.approx([between(momenta, t) for t in range(8)], rel=1e-12)


def test_the_steps_of_one_cycle_are_counted():
    schedule = OneCycleLR(sgd(), 8.0, epochs=2, steps_per_epoch=3)
    assert schedule.total_steps == 6
    for _ in range(6):
        schedule.step()
    last = schedule.get_last_lr()
    with pytest.raises(ValueError, match=r"OneCycleLR\.step\(\): step 7 of 6: the cycle is over"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (6, last)
    assert OneCycleLR(sgd(), 8.0, 5, epochs=2, steps_per_epoch=3).total_steps == 5


def test_one_cycle_may_begin_and_end_high():
    once = OneCycleLR(sgd(), 8.0, 5, div_factor=0.5, final_div_factor=0.25)
    assert (once.first_lrs, once.min_lrs) == ([16.0], [64.0])


def test_a_scale_that_is_no_number():
    with pytest.raises(
        TypeError, match=r"CyclicLR: scale_fn returned None for epoch 0 and group 0, .* Does it end without a return"
    ):
        CyclicLR(sgd(), 1.0, 5.0, scale_fn=lambda cycle: None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: CyclicLR(o, 1.0, 5.0, mode="square"), "CyclicLR: mode='square' must be one of triangular, tri"),
        (lambda o: CyclicLR(o, 1.0, 5.0, scale_mode="steps"), "scale_mode='steps' must be 'cycle' or 'iterations'"),
        (lambda o: CyclicLR(o, 1.0, 5.0, 0), "step_size_up=0, step_size_down=None: a cycle must go up in more"),
        (lambda o: CyclicLR(o, 1.0, 5.0, 2, -1), "step_size_down=-1: "),
        (lambda o: CyclicLR(o, [1.0, 2.0], 5.0), "CyclicLR: base_lr has 2 entries for 1 groups"),
        (lambda o: CyclicLR(o, 1.0, [5.0, 6.0]), "max_lr has 2 entries for 1 groups"),
        (lambda o: CyclicLR(o, 1.0, 5.0, base_momentum=[0.1, 0.2]), "base_momentum has 2 entries"),
        (lambda o: CyclicLR(o, 1.0, 5.0, max_momentum=[0.1, 0.2]), "max_momentum has 2 entries"),
        (lambda o: OneCycleLR(o, 5.0), "how many steps. Give total_steps, or both epochs and steps_per_epoch"),
        (lambda o: OneCycleLR(o, 5.0, epochs=3), "how many steps"),
        (lambda o: OneCycleLR(o, 5.0, steps_per_epoch=3), "how many steps"),
        (lambda o: OneCycleLR(o, 5.0, 0), "OneCycleLR: total_steps=0: must be a whole number >= 1"),
        (lambda o: OneCycleLR(o, 5.0, epochs=0, steps_per_epoch=3), "epochs=0: must"),
        (lambda o: OneCycleLR(o, 5.0, epochs=3, steps_per_epoch=1.5), r"steps_per_epoch=1\.5: must"),
        (lambda o: OneCycleLR(o, 5.0, 10, pct_start=1.5), r"pct_start=1\.5, .*the part must be within 0 and 1"),
        (lambda o: OneCycleLR(o, 5.0, 10, pct_start=-0.5), r"pct_start=-0\.5"),
        (lambda o: OneCycleLR(o, 5.0, 10, div_factor=0.0), r"div_factor=0\.0.* the factors above 0"),
        (lambda o: OneCycleLR(o, 5.0, 10, final_div_factor=0.0), r"final_div_factor=0\.0"),
        (lambda o: OneCycleLR(o, 5.0, 10, anneal_strategy="none"), "anneal_strategy='none' must be 'cos' or 'linear'"),
        (lambda o: OneCycleLR(o, [5.0, 6.0], 10), "OneCycleLR: max_lr has 2 entries for 1 groups"),
    ],
)
def test_out_of_range(make, message):
    optimizer = sgd()
    before = dict(optimizer.param_groups[0])
    with pytest.raises(ValueError, match=message):
        make(optimizer)
    assert optimizer.param_groups[0] == before


@pytest.mark.parametrize("make", [lambda o: CyclicLR(o, 1.0, 5.0), lambda o: OneCycleLR(o, 5.0, 10)])
def test_an_optimizer_without_momentum(make):
    optimizer = optim.Adagrad([parameter(1)])
    with pytest.raises(
        ValueError, match=r"LR: cycle_momentum=True, but Adagrad has neither .*: write cycle_momentum=False"
    ):
        make(optimizer)
    assert "initial_lr" not in optimizer.param_groups[0]
    with pytest.raises(TypeError, match="needs the optimizer whose rates it sets, got float"):
        make(0.1)
    make(with_rates(1.0))


class Fading:
    """A height that falls each time it is asked for."""

    def __init__(self):
        self.scale = 1.0

    def __call__(self, cycle):
        self.scale /= 2
        return self.scale


def test_an_object_that_gives_the_height_goes_on_where_it_was():
    first, second = (CyclicLR(sgd(), 1.0, 5.0, step_size_up=1, scale_fn=Fading(), cycle_momentum=False) for _ in "12")
    for _ in range(3):
        first.step()
    second.load_state_dict(first.state_dict())
    first.step()
    second.step()
    first.step()
    second.step()
    assert second.get_last_lr() == first.get_last_lr()
    plain = CyclicLR(sgd(), 1.0, 5.0, scale_fn=lambda cycle: 1.0)
    with pytest.raises(ValueError, match=r"CyclicLR\.load_state_dict\(\): .*scale, this schedule has .*function"):
        plain.load_state_dict({**plain.state_dict(), "scale_fn": {"scale": 1.0}})


def test_the_state_of_another_optimizer_is_refused():
    schedule = CyclicLR(sgd(), 1.0, 5.0)
    with pytest.raises(ValueError, match=r"CyclicLR\.load_state_dict\(\): the state has base_lrs=\[8\.0, 8\.0\]"):
        schedule.load_state_dict({**schedule.state_dict(), "base_lrs": [8.0, 8.0]})
