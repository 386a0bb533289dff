"""The answer that follows from what was found, and the words for it."""

from __future__ import annotations

import math

import pytest

from tinygrad_edu.bench.advice.findings import Findings
from tinygrad_edu.bench.advice.formula import excess
from tinygrad_edu.bench.advice.noise import Checkpoint
from tinygrad_edu.bench.advice.probing import Probing
from tinygrad_edu.bench.advice.race import Lane, RaceNoise
from tinygrad_edu.bench.advice.reason import best_known_rate, explain
from tinygrad_edu.bench.runs.target import Reached
from tinygrad_edu.bench.timing.line import StepCost


def cost(a=105e-6, b=0.43e-6, spread=0.05):
    sizes = [1, 32, 1024]
    around = lambda value: (value * (1 - spread), value * (1 + spread))
    return StepCost(a, b, around(a), around(b), sizes, [a + b * size for size in sizes], [0.02] * 3)


def probing(noise, **options):
    return Probing(0.1, 2.3, Reached(math.nan, 1000, [(0, 2.3), (1000, 0.04)], why="steps"), [], noise, **options)


def findings(gradients=208.0, race=27.0, error=0.8, **options):
    lanes = [Lane(32, 0.05, 400.0, 0.05, 3, 0.04, 0.09, {0.05: 400.0})] if math.isfinite(race) else []
    final = Lane(128, 0.05, 300.0, 0.04, 3, 0.04, 0.1, {0.05: 300.0})
    given = {"gradual": True, "cost": cost(), "target": 0.04, "lanes": lanes, "final": final, **options}
    noise = RaceNoise(race, error) if math.isfinite(race) else RaceNoise()
    return Findings(1437, probing=probing(gradients), race_noise=noise, **given)


def test_the_reason_can_be_checked_with_a_pocket_calculator():
    found = findings()
    answer = found.answer
    assert found.noise == pytest.approx(math.sqrt(208 * 27))
    assert (answer.size, answer.low, answer.high) == (128, 71, 258)
    text = explain(found)
    assert text.startswith(
        "A step costs 105 µs and 0.43 µs more for each sample: overhead and arithmetic are equal at 244. The noise "
        "scale is about 75 (from gradients 208; from the race 27, with a weight of 50 %). √(244 · 75) ≈ 135: take 128, "
        "with a rate of 0.05; "
        "71–258 is within 10 %. If only one of the two noise scales is right, 128 costs at most 8 %; if the noise "
        "scale is wrong by a factor of 4, at most 15 %."
    )
    for word in ("training loss", "this machine", "this optimizer", "generalize worse", "three batch sizes"):
        assert word in text
    assert "held-out loss" in text.lower()


@pytest.mark.parametrize(("gradual", "factor"), [(True, 1.0), (False, 3.0)])
def test_without_a_race_momentum_and_adam_take_three_times_the_noise(gradual, factor):
    found = findings(40.0, math.nan, gradual=gradual)
    assert found.noise == 40.0 * factor
    width = found.answer.high / found.answer.low
    narrow = findings(40.0 * factor, math.nan, gradual=True).answer
    assert (width > 1.5 * narrow.high / narrow.low) == (not gradual)
    assert ("three times the 40 measured" in explain(found)) == (not gradual)


def test_the_more_precise_of_the_two_noise_scales_counts_more():
    noises = [findings(error=error).noise for error in (0.01, 0.2, 0.8, 3.0, 100.0)]
    assert noises == sorted(noises)
    assert noises[0] == pytest.approx(27, rel=1e-3)
    assert noises[2] == pytest.approx(math.sqrt(208 * 27))
    assert noises[-1] == pytest.approx(208, rel=1e-3)


def test_a_ratio_that_is_known_within_four_leaves_the_range_and_beyond_that_widens_it():
    usual = findings().answer
    known = findings(cost=cost(spread=0.5)).answer
    vague = findings(cost=cost(spread=0.9))
    assert known == usual
    assert vague.answer.low < usual.low
    assert vague.answer.high > usual.high
    assert vague.answer.size == usual.size
    assert "only known to within a factor" in explain(vague)
    drowned = findings(cost=StepCost(1e-6, 1e-4, (0.0, 2e-6), (0.9e-4, 1.1e-4), [1, 2], [1e-4, 2e-4], [0.0, 0.0]))
    assert drowned.is_vague
    assert "more than can be told" not in explain(drowned)


def test_samples_that_cost_nothing_are_all_taken():
    found = findings(cost=StepCost(1e-3, 0.0, (1e-3, 1e-3), (0.0, 0.0), [1, 2], [1e-3, 1e-3], [0.0, 0.0]))
    assert found.answer.size == 1437
    assert "take the largest, 1437" in explain(found)
    assert "next to the overhead, the cost of a sample is too small" in explain(found)
    assert "The larger, the better: no batch can be that large" in explain(found)
    assert "more than can be told" not in explain(found)


def test_an_overhead_of_nothing_gives_single_samples():
    found = findings(cost=StepCost(0.0, 1e-4, (0.0, 0.0), (1e-4, 1e-4), [1, 2], [1e-4, 2e-4], [0.0, 0.0]))
    assert found.answer.size == 1
    assert found.answer.low == 1
    assert explain(found)


def test_what_is_not_known_yet_gives_no_answer_but_a_reason():
    assert Findings(100, True).answer is None
    assert "ended before anything was timed" in explain(Findings(100, True))
    assert "ended before the noise scale was measured" in explain(Findings(100, True, cost=cost()))
    coupled = Findings(100, True, cost=cost(), probing=Probing(coupled="'mean' takes samples together"))
    assert "no time for one. 'mean' takes samples together" in explain(coupled)


def test_loading_that_dominates_is_said():
    assert "Drawing the batch takes 80 % of a step's time" in explain(findings(loading=0.8))
    assert "Drawing" not in explain(findings(loading=0.1))


def test_a_rate_that_was_not_found_is_said():
    text = explain(findings(final=None))
    assert (
        "There was no time to find the learning rate for 128: begin with 0.05, " in text
    )  # the nearest that was found
    assert "with a rate of" not in text
    tried = explain(findings(final=Lane(128, rates={0.05: math.nan})))
    assert "No learning rate tried with 128 reached the target: begin with 0.05, " in tried


def test_a_rate_that_the_race_found_for_the_answer_is_the_rate():
    raced = Lane(128, 123.0, 300.0, 0.04, 3, 0.04, 0.1, {123.0: 300.0})
    found = findings(final=Lane(128), lanes=[raced])
    assert best_known_rate(found) == 123.0
    assert "take 128, with a rate of 120;" in explain(found)
    assert "no time to find the learning rate" not in explain(found)


def test_a_size_that_had_to_be_taken_is_not_said_to_be_within_ten_percent():
    found = findings(allowed=[8, 600])
    answer = found.answer
    assert answer.size == 600
    assert excess(answer.high, found.noise, found.cost.balance) == pytest.approx(1.1, rel=0.02)
    assert answer.high < 300
    assert "None of the sizes to choose from is in this range: 600 takes 61 % longer than the best" in explain(found)
    assert findings(allowed=[8, 100]).answer.low <= 100
    assert "None of the sizes" not in explain(findings(allowed=[8, 100]))


def test_where_no_batch_can_be_as_large_as_the_best_the_range_is_about_the_largest():
    found = findings(gradients=1e5, race=1e5)
    answer = found.answer
    assert answer.size == answer.high == 1437 < answer.best
    assert "if the noise scale is wrong by a factor of 4, at most 0 %" in explain(found)  # there is none that is better
    least = excess(1437, found.noise, found.cost.balance)
    assert excess(answer.low, found.noise, found.cost.balance) == pytest.approx(1.1 * least, rel=0.01)


@pytest.mark.parametrize(("allowed", "why"), [([64], "two batch sizes: name more"), ([], "no time for one")])
def test_why_there_was_no_race(allowed, why):
    hidden = Probing(checkpoints=[Checkpoint(0, 2.0, 5.0, -1.0)])
    for probing in (Probing(coupled="They meet in 'norm'"), hidden):
        assert why in explain(Findings(100, True, allowed, cost=cost(), probing=probing))


@pytest.mark.parametrize(("seconds", "size"), [({256: 0.04, 128: 0.05}, 256), ({256: 0.05, 128: 0.04}, 128), ({}, 256)])
def test_half_way_between_two_sizes_the_race_decides(seconds, size):
    lanes = [Lane(other, 0.05, 400.0, time, 3, 0.04, 0.09, {0.05: 400.0}) for other, time in sorted(seconds.items())]
    found = findings(140.0, 140.0, lanes=lanes)
    assert found.answer.near == [256, 128]
    assert found.answer.size == size
    assert ("take 128, which won the race against 256, with a rate of" in explain(found)) == (size == 128)


def bent(at=512, factor=3.0):
    sizes = [2**k for k in range(11)]
    medians = [(105e-6 + 0.43e-6 * size) * (factor if size >= at else 1.0) for size in sizes]
    return StepCost(105e-6, 0.43e-6, (1e-4, 1.1e-4), (0.4e-6, 0.46e-6), sizes, medians, [0.02] * 11)


def test_a_step_that_costs_more_than_the_line_says_ends_the_range():
    straight, other = findings(300.0, 300.0, cost=bent(factor=1.0)), findings(300.0, 300.0, cost=bent())
    assert straight.answer.size == 256
    assert straight.answer.high > 450
    assert other.answer.size == 256
    assert 256 <= other.answer.high < 400
    assert other.answer.low == straight.answer.low
    assert "not the" not in explain(straight)
    assert "With batches of 512 a step takes 975 µs, not the 325 µs" in explain(other)


def test_a_best_size_at_which_steps_cost_far_more_than_the_line_says_is_not_taken():
    found = findings(1000.0, 1000.0, cost=bent())
    assert found.answer.best == pytest.approx(494, abs=1)
    assert found.answer.size == 256
    assert found.answer.high < 512
    assert "With batches of 512 a step takes" in explain(found)


def test_times_that_vary_are_said_with_the_threads():
    wild = StepCost(1e-4, 1e-6, (0.9e-4, 1.1e-4), (0.9e-6, 1.1e-6), [1, 2], [1e-4, 1.1e-4], [0.1, 2.0])
    assert "vary by up to 200 % of their median. With 4 threads" in explain(findings(cost=wild, threads=4))
    assert "threads" not in explain(findings(cost=wild))


def test_a_target_deep_in_overfitting_is_said():
    lane = Lane(32, 0.05, 400.0, 0.05, 3, 0.04, 0.9, {0.05: 400.0})
    assert "overfits strongly" in explain(findings(lanes=[lane]))
    assert "overfits strongly" not in explain(findings())


def test_an_interrupted_answer_says_so():
    assert "The run was interrupted: this is the answer so far." in explain(findings(interrupted=True))
    assert explain(Findings(100, True, interrupted=True)).startswith(
        "The run was interrupted before there was an answer."
    )
