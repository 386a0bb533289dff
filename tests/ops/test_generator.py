"""ops/generator.py: seeds and states."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.ops.generator import stand_in


def test_the_same_seed_gives_the_same_numbers_from_each_function() -> None:
    def draw() -> list[object]:
        return [
            tg.rand(3).tolist(),
            tg.randn(3).tolist(),
            tg.randint(100, (3,)).tolist(),
            tg.randperm(10).tolist(),
            tg.normal(0.0, 1.0, size=(3,)).tolist(),
            tg.bernoulli(tg.full((9,), 0.5)).tolist(),
            tg.multinomial(tg.ones(9), 4).tolist(),
            tg.zeros(3).normal_().tolist(),
        ]

    tg.manual_seed(3)
    first = draw()
    tg.manual_seed(3)
    assert draw() == first
    assert draw() != first


def test_generators_are_independent_of_each_other_and_of_the_default_one() -> None:
    a, b = tg.Generator().manual_seed(5), tg.Generator("cpu").manual_seed(5)
    tg.randn(10)
    assert tg.randn(4, generator=a).tolist() == tg.randn(4, generator=b).tolist()
    tg.randn(4, generator=a)
    assert tg.randn(4, generator=a).tolist() != tg.randn(4, generator=b).tolist()


def test_a_state_can_be_taken_up_again() -> None:
    g = tg.Generator().manual_seed(1)
    tg.rand(3, generator=g)
    state = g.get_state()
    first = tg.rand(3, generator=g).tolist()
    other = tg.Generator().set_state(state)
    assert tg.rand(3, generator=other).tolist() == first
    assert tg.rand(3, generator=g.set_state(state)).tolist() == first
    assert other.initial_seed() == 1
    twin = copy.deepcopy(g)
    assert tg.rand(3, generator=twin).tolist() == tg.rand(3, generator=g).tolist()
    default = tg.get_rng_state()
    second = tg.rand(3).tolist()
    tg.set_rng_state(default)
    assert tg.rand(3).tolist() == second


def test_seeds() -> None:
    g = tg.Generator()
    assert g.manual_seed(-3).initial_seed() == -3
    assert g.seed() == g.initial_seed()
    assert g.seed() != g.seed()
    assert tg.manual_seed(8) is tg.default_generator
    assert tg.initial_seed() == 8


def test_errors() -> None:
    with pytest.raises(ValueError, match="'cuda' does not exist"):
        tg.Generator("cuda")
    with pytest.raises(ValueError, match=r"get_state\(\)"):
        tg.Generator().set_state({})


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("seed"),
        lambda state: state.update(seed="1"),
        lambda state: state.update(state=None),
        lambda state: state["state"].update(bit_generator="MT19937"),
        lambda state: state["state"].pop("uinteger"),
        lambda state: state["state"].update(uinteger="x"),
        lambda state: state["state"]["state"].update(inc=-1.5),
    ],
)
def test_a_state_that_is_damaged_changes_nothing(damage: Callable[[Any], object]) -> None:
    g = tg.Generator().manual_seed(1)
    damaged, before = tg.Generator().manual_seed(2).get_state(), g.get_state()
    damage(damaged)
    with pytest.raises(ValueError, match=r"set_state: needs what get_state\(\) of a Generator returned"):
        g.set_state(damaged)
    assert g.get_state() == before


def test_another_generator_may_stand_in_for_the_default_one() -> None:
    """In one thread, for everything that means the default one; it is made at the first draw."""

    def drawn(recipe: tuple[int, ...]) -> list[object]:
        outer, stand_in.generator = stand_in.generator, recipe
        try:
            return [tg.rand(2).tolist(), tg.randn(2, generator=tg.default_generator).tolist(), tg.initial_seed()]
        finally:
            stand_in.generator = outer

    tg.manual_seed(3)
    state = tg.get_rng_state()
    first = drawn((5, 1, 2))
    assert drawn((5, 1, 2)) == first
    assert [drawn(other) != first for other in ((5, 2, 1), (5, 1), (5, 1, 2, 0), (6, 1, 2))] == [True] * 4
    assert tg.get_rng_state() == state
    outer, stand_in.generator = stand_in.generator, (5, 1, 2)
    try:
        assert stand_in.generator == (5, 1, 2)
        thread = threading.Thread(target=lambda: elsewhere.append(tg.initial_seed()))
        elsewhere: list[int] = []
        thread.start()
        thread.join()
        named = tg.rand(2, generator=tg.Generator().manual_seed(9))
        assert stand_in.generator == (5, 1, 2)
        tg.manual_seed(9)
        assert tg.equal(tg.rand(2), named)
    finally:
        stand_in.generator = outer
    assert elsewhere == [3]
    assert tg.get_rng_state() == state


@pytest.mark.parametrize("seed", [1.5, "a", None])
def test_a_seed_is_an_integer(seed: object) -> None:
    g = tg.Generator().manual_seed(3)
    state = g.get_state()
    for start in (g.manual_seed, tg.manual_seed):
        with pytest.raises(TypeError, match=r"manual_seed\(.*\): a seed is an integer, got (float|str|NoneType)"):
            start(seed)
    assert g.get_state() == state


def test_numpys_generators_will_do_and_seeds_will_not() -> None:
    a, b = (tg.randn(3, generator=np.random.default_rng(4)) for _ in range(2))
    assert tg.equal(a, b)
    with pytest.raises(TypeError, match=r"got 5, it must be a Generator: .*Generator\(\)\.manual_seed\(5\)"):
        tg.randn(3, generator=5)
