"""Schedules by functions of the user's own."""

import copy
import math

import pytest
from optimizers import rates, with_rates

from tinygrad_edu.optim.lr_scheduler import LambdaLR, MultiplicativeLR

both = pytest.mark.parametrize("kind", [LambdaLR, MultiplicativeLR])


def test_the_rate_of_every_epoch():
    assert rates(lambda o: LambdaLR(o, lambda t: 1 / (1 + t)), 4) == [8.0, 4.0, 8.0 / 3, 2.0]
    assert rates(lambda o: MultiplicativeLR(o, lambda t: 1.0 + t), 5) == [8.0 * math.factorial(t + 1) for t in range(5)]


@both
def test_every_group_has_its_own(kind):
    functions = [lambda epoch: 1.0, lambda epoch: 0.5**epoch]
    assert rates(lambda o: kind(o, functions), 2, 1.0, 8.0) == [[1.0, 8.0], [1.0, 4.0]]
    assert rates(lambda o: kind(o, tuple(functions)), 2, 1.0, 8.0) == [[1.0, 8.0], [1.0, 4.0]]


@both
def test_as_many_functions_as_groups(kind):
    with pytest.raises(
        ValueError, match=rf"{kind.__name__}: lr_lambda has 2 entries for 1 groups: give one, or one each"
    ):
        kind(with_rates(1.0), [float, float])
    with pytest.raises(TypeError, match=rf"{kind.__name__}: lr_lambda must be a function of the epoch, got 0\.5"):
        kind(with_rates(1.0), 0.5)
    with pytest.raises(TypeError, match=r"needs the optimizer whose rates it sets, got float$"):
        kind(0.1, float)


@pytest.mark.parametrize("wrong", [None, "fast", [0.1]])
def test_a_function_that_returns_no_number(wrong):
    sgd = with_rates(8.0)
    with pytest.raises(TypeError, match=r"LambdaLR: lr_lambda returned .* for epoch 0 and group 0, it must return a"):
        LambdaLR(sgd, lambda epoch: wrong)
    schedule = LambdaLR(sgd, lambda epoch: 0.5 if epoch < 1 else wrong)
    with pytest.raises(TypeError, match="for epoch 1"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (0, [4.0])


def test_a_product_that_cannot_go_on_stays_as_it_was():
    calls = []

    def factor(epoch):
        calls.append(epoch)
        return None if calls.count(2) == 1 and epoch == 2 else 0.5

    schedule = MultiplicativeLR(with_rates(8.0), factor)
    schedule.step()
    with pytest.raises(TypeError, match="MultiplicativeLR: lr_lambda returned None for epoch 2 and group 0"):
        schedule.step()
    assert (schedule.last_epoch, schedule.get_last_lr()) == (1, [4.0])
    schedule.step()
    assert schedule.get_last_lr() == [2.0]


class Halving:
    """A factor that remembers how often it was asked, and how it began."""

    def __init__(self, start):
        self.factor, self.asked, self._log = start, [], print

    def __call__(self, epoch):
        self.asked.append(epoch)
        self.factor /= 2
        return self.factor


@pytest.mark.parametrize("kind", [LambdaLR, MultiplicativeLR])
def test_an_object_that_is_called_goes_on_where_it_was(kind):
    first = kind(with_rates(8.0), Halving(64.0))
    for _ in range(3):
        first.step()
    saved = first.state_dict()
    (kept,) = saved["lr_lambdas"]
    assert kept.keys() == {"factor", "asked"}
    kept = copy.deepcopy(kept)
    factor = Halving(1.0)
    second = kind(with_rates(8.0), factor)
    second.load_state_dict(saved)
    first.step()
    second.step()
    assert second.get_last_lr() == first.get_last_lr()
    assert factor.asked == [*kept["asked"], 4]
    assert saved["lr_lambdas"] == [kept]


@pytest.mark.parametrize("kind", [LambdaLR, MultiplicativeLR])
def test_the_state_of_an_object_is_not_that_of_a_function(kind):
    by_object, by_function = kind(with_rates(8.0), Halving(1.0)), kind(with_rates(8.0), lambda epoch: 1.0)
    for one, other, told in (
        (by_object, by_function, "the state is of a plain function, this schedule has .*Halving"),
        (by_function, by_object, "the state is of an object with factor, asked, this schedule has .*function"),
    ):
        before = one.state_dict()
        with pytest.raises(ValueError, match=rf"{kind.__name__}\.load_state_dict\(\): {told}"):
            one.load_state_dict(other.state_dict())
        with pytest.raises(ValueError, match=r"needed is what 1 functions keep, not \[\]"):
            one.load_state_dict({**before, "lr_lambdas": []})
        assert one.state_dict() == before


def test_factors_that_were_multiplied_are_not_asked_for_again_in_another_run():
    first = MultiplicativeLR(with_rates(8.0), lambda epoch: 0.5)
    first.step()
    calls = []
    second = MultiplicativeLR(with_rates(8.0), lambda epoch: calls.append(epoch) or 0.5)
    second.load_state_dict(first.state_dict())
    second.step()
    assert calls == [2]
    assert second.get_last_lr() == [2.0]


def test_each_factor_is_asked_for_once_and_again_after_going_back():
    calls = []
    schedule = MultiplicativeLR(with_rates(8.0), lambda epoch: calls.append(epoch) or 0.5)
    start = schedule.state_dict()
    for _ in range(3):
        schedule.step()
    assert calls == [1, 2, 3]
    schedule.load_state_dict(start)
    schedule.step()
    assert calls == [1, 2, 3, 1]
    assert schedule.get_last_lr() == [4.0]
    schedule.step()
    assert calls == [1, 2, 3, 1, 2]


def test_the_rate_of_an_epoch_that_is_over():
    calls = []
    schedule = MultiplicativeLR(with_rates(24.0), lambda epoch: calls.append(epoch) or 1 / (1 + epoch))
    for _ in range(3):
        schedule.step()
    assert schedule.rate(24.0, 2, 0) == 4.0
    assert calls == [1, 2, 3, 1, 2]
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.2], rel=1e-12)


@both
def test_the_state_of_another_optimizer_is_refused(kind):
    schedule = kind(with_rates(8.0), lambda epoch: 0.5)
    with pytest.raises(
        ValueError, match=rf"{kind.__name__}\.load_state_dict\(\): the state has base_lrs=\[8\.0, 8\.0\]"
    ):
        schedule.load_state_dict({**schedule.state_dict(), "base_lrs": [8.0, 8.0]})
