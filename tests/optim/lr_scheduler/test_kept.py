"""What functions keep, and objects that are called like them."""

import copy
import functools
import math

import pytest

from tinygrad_edu.optim.lr_scheduler.kept import check_kept, kept_by, take_kept


class Falling:
    def __init__(self, factors):
        self.factors = factors
        self._file = print

    def __call__(self, epoch):
        self.factors.append(self.factors[-1] / 2)
        return self.factors[-1]

    def method(self, epoch):
        return 1.0


class Slotted:
    __slots__ = ("factor",)

    def __call__(self, epoch):
        return 1.0


@pytest.mark.parametrize(
    "function",
    [None, lambda epoch: 1.0, math.exp, float, Falling([1.0]).method, functools.partial(max, 1.0), Slotted()],
)
def test_functions_keep_nothing(function):
    assert kept_by(function) is None
    take_kept(function, None)


def test_an_object_keeps_its_attributes_but_for_private_ones():
    falling = Falling([1.0])
    kept = kept_by(falling)
    falling(0)
    assert kept == {"factors": [1.0]}
    other = Falling([7.0])
    take_kept(other, kept)
    assert other(0) == 0.5
    assert kept == {"factors": [1.0]}
    assert other._file is print


def test_what_is_kept_has_to_be_of_the_same_kind():
    falling, function = Falling([1.0]), lambda epoch: 1.0
    check_kept("Op", [falling, function], [kept_by(copy.copy(falling)), None])
    check_kept("Op", [falling], [{}])
    for functions, states, told in [
        ([falling], [None], r"the state is of a plain function, this schedule has a .*Falling$"),
        (
            [function],
            [{"factors": [1.0], "start": 2}],
            "of an object with factors, start, this schedule has a function$",
        ),
        ([function], [{}], "of an object with no attributes, this schedule has a function"),
        ([function, function], [None], r"needed is what 2 functions keep, not \[None\]"),
        ([function], None, "needed is what 1 functions keep, not None"),
    ]:
        with pytest.raises(ValueError, match=rf"^Op\.load_state_dict\(\): .*{told}"):
            check_kept("Op", functions, states)
