"""What all schedules share: their state, their rates, and who they tell."""

import math

import pytest
from made import parameter
from optimizers import with_rates

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD, Adam, lr_scheduler
from tinygrad_edu.optim.lr_scheduler.schedule import per_group


def test_saving_and_loading():
    first = with_rates(1.0)
    schedule = lr_scheduler.StepLR(first, 2, gamma=0.5)
    for _ in range(3):
        schedule.step()
    second = with_rates(9.0)
    twin = lr_scheduler.StepLR(second, 7)
    second.load_state_dict(first.state_dict())
    twin.load_state_dict(schedule.state_dict())
    assert twin.get_last_lr() == [0.5]
    for s in (schedule, twin):
        s.step()
    assert twin.get_last_lr() == schedule.get_last_lr() == [0.25]
    with pytest.raises(ValueError, match=r"ExponentialLR\.load_state_dict\(\): the state has .*step_size"):
        lr_scheduler.ExponentialLR(first, 0.5).load_state_dict(schedule.state_dict())


def test_a_rate_that_is_no_number():
    class Forgetful(lr_scheduler.LRScheduler):
        def rate(self, base, epoch, group):
            base / (1 + epoch)

    sgd = SGD([tg.tensor([1.0])], lr=8.0)
    with pytest.raises(TypeError, match=r"Forgetful\.rate\(\) returned None .* Does it end without a return\?"):
        Forgetful(sgd)
    assert sgd.param_groups[0]["lr"] == 8.0


@pytest.mark.parametrize(
    "make",
    [
        lambda o, **more: lr_scheduler.StepLR(o, 2, 0.5, **more),
        lambda o, **more: lr_scheduler.MultiStepLR(o, [2, 3], 0.5, **more),
        lambda o, **more: lr_scheduler.ExponentialLR(o, 0.5, **more),
        lambda o, **more: lr_scheduler.LinearLR(o, 0.5, **more),
        lambda o, **more: lr_scheduler.CosineAnnealingLR(o, 5, **more),
        lambda o, **more: lr_scheduler.LambdaLR(o, lambda t: 0.5**t, **more),
        lambda o, **more: lr_scheduler.MultiplicativeLR(o, lambda t: 0.5**t, **more),
        lambda o, **more: lr_scheduler.ConstantLR(o, 0.5, 3, **more),
        lambda o, **more: lr_scheduler.PolynomialLR(o, 9, **more),
        lambda o, **more: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, **more),
        lambda o, **more: lr_scheduler.CyclicLR(o, 8.0, 9.0, 2, **more),
        lambda o, **more: lr_scheduler.OneCycleLR(o, 200.0, 9, **more),
    ],
)
def test_going_on_after_an_epoch(make):
    first = with_rates(8.0)
    schedule = make(first)
    for _ in range(3):
        schedule.step()
    second = with_rates(1.0)
    second.param_groups[0]["initial_lr"] = 8.0
    assert make(second, last_epoch=2).get_last_lr() == schedule.get_last_lr()
    assert first.param_groups[0]["initial_lr"] == 8.0
    with pytest.raises(tg.StateError, match=r"last_epoch=2, but group 0 of the optimizer has no 'initial_lr'"):
        make(with_rates(1.0), last_epoch=2)
    with pytest.raises(tg.StateError, match=r"last_epoch=0, but group 0"):
        make(with_rates(1.0), last_epoch=0)


def test_the_state_is_a_copy_and_has_no_functions():
    schedule = lr_scheduler.MultiStepLR(with_rates(8.0), [3, 1], gamma=0.5)
    state = schedule.state_dict()
    assert state == {"milestones": [1, 3], "gamma": 0.5, "base_lrs": [8.0], "last_epoch": 0}
    state["milestones"].append(9)
    assert schedule.milestones == [1, 3]
    schedule.load_state_dict(state)
    state["milestones"].append(10)
    assert schedule.milestones == [1, 3, 9]
    factors = lr_scheduler.LambdaLR(with_rates(8.0), lambda t: 1.0).state_dict()
    assert factors == {"base_lrs": [8.0], "last_epoch": 0, "lr_lambdas": [None]}


@pytest.mark.parametrize(
    "change",
    [{"base_lrs": [8.0, 4.0]}, {"base_lrs": 8.0}, {"last_epoch": None}, {"last_epoch": "3"}, {"last_epoch": math.nan}],
)
def test_nothing_is_loaded_of_the_state_of_an_optimizer_with_other_groups(change):
    schedule = lr_scheduler.StepLR(with_rates(8.0), 2, gamma=0.5)
    before = schedule.state_dict()
    with pytest.raises(ValueError, match=r"StepLR\.load_state_dict\(\): the state has base_lrs=.* each of 1 groups"):
        schedule.load_state_dict({**before, "gamma": 0.25, **change})
    assert schedule.state_dict() == before


def test_a_schedule_without_a_rate():
    with pytest.raises(NotImplementedError, match="Empty does not define rate"):
        type("Empty", (lr_scheduler.LRScheduler,), {})(with_rates(1.0))


def test_a_schedule_written_for_pytorch():
    class Warmup(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base * min(1.0, (self.last_epoch + 1) / 4) for base in self.base_lrs]

    schedule = Warmup(with_rates(8.0, 4.0))
    rates = []
    for _ in range(4):
        rates.append(schedule.get_last_lr())
        schedule.step()
    assert rates == [[2.0, 1.0], [4.0, 2.0], [6.0, 3.0], [8.0, 4.0]]
    assert lr_scheduler.StepLR(with_rates(8.0), 1).get_lr() == [8.0]


def test_what_get_lr_returns_is_looked_at():
    class Listed(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [1.0] if self.last_epoch == 0 else self.later

    schedule = Listed(with_rates(8.0))
    for rates, error, message in (
        ([None], TypeError, r"Listed\.get_lr\(\) returned None for epoch 1 .* Does it end without a return\?"),
        (None, TypeError, r"Listed\.get_lr\(\) returned None"),
        ([1.0, 2.0], ValueError, r"Listed: the list of get_lr\(\) has 2 entries for 1 groups"),
    ):
        schedule.later = rates
        with pytest.raises(error, match=message):
            schedule.step()
        assert (schedule.last_epoch, schedule.get_last_lr()) == (0, [1.0])


def test_a_group_that_comes_later():
    optimizer = with_rates(8.0)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.add_param_group({"params": parameter(1), "lr": 2.0})
    with pytest.raises(tg.StateError, match="ExponentialLR: the optimizer has 2 groups, and had 1 when"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (0, [8.0, 2.0])


def test_what_is_no_optimizer_is_named():
    with pytest.raises(TypeError, match=r"ExponentialLR: needs the optimizer whose rates it sets, got float$"):
        lr_scheduler.ExponentialLR(0.1, 0.5)
    foreign = type("SGD", (), {"__module__": "torch.optim.sgd"})()
    with pytest.raises(TypeError, match="got something of torch"):
        lr_scheduler.ReduceLROnPlateau(foreign)


def test_one_entry_for_each_group():
    optimizer = with_rates(1.0, 2.0)
    assert per_group("Op", "high", 3.0, optimizer) == [3.0, 3.0]
    given = [3.0, 4.0]
    found = per_group("Op", "high", given, optimizer)
    assert found == given
    assert found is not given
    assert per_group("Op", "high", (3.0, 4.0), optimizer) == given
    for wrong in ([], [3.0], (3.0, 4.0, 5.0)):
        with pytest.raises(ValueError, match=rf"Op: high has {len(wrong)} entries for 2 groups: give one, or one each"):
            per_group("Op", "high", wrong, optimizer)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_momentum_is_set_where_the_optimizer_keeps_it(kind):
    class Half(lr_scheduler.LRScheduler):
        def rate(self, base, epoch, group):
            return base

        def momentum(self, epoch, group):
            return 0.5**epoch if group else None

    optimizer = kind([{"params": parameter(1)}, {"params": parameter(1)}], lr=8.0)
    before = dict(optimizer.param_groups[0])
    schedule = Half(optimizer)
    for _ in range(2):
        schedule.step()
    first, second = optimizer.param_groups
    assert {**first, "initial_lr": None} == {**before, "initial_lr": None}
    assert (second["betas"] if kind is Adam else second["momentum"]) == ((0.25, 0.999) if kind is Adam else 0.25)
    assert ("momentum" in second) is (kind is SGD)
    assert lr_scheduler.StepLR(optimizer, 1).momentum(0, 0) is None
