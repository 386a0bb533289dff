"""ops/generator.py: seeds and states."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_edu as tg


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
