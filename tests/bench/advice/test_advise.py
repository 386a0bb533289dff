"""The answer on simulated machines, where it is known; and that one always comes back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.advice.simulated import World

import tinygrad_edu as tg
from tinygrad_edu import bench, nn, optim
from tinygrad_edu.bench.advice.advise import conclude
from tinygrad_edu.bench.advice.findings import Findings
from tinygrad_edu.bench.advice.formula import optimum
from tinygrad_edu.bench.advice.investigate import investigate
from tinygrad_edu.bench.errors import BenchError


def found(world, target=None, budget=60.0, **options):
    lab = world.lab(budget, **options)
    result = Findings(lab.count, lab.gradual, lab.allowed)
    investigate(lab, result, target)
    return result


def concluded(result, stopped=""):
    return conclude(result, stopped=stopped, problem={}, settings={}, environment={}, notes=[], probe_batch=32)


MACHINES = [
    # a, b, N, samples: overhead from almost nothing to almost all, noise from none to much
    (1e-4, 1e-6, 40, 10_000),
    (1e-4, 1e-6, 700, 100_000),
    (1e-3, 1e-6, 300, 100_000),
    (1e-4, 5e-6, 12, 2_000),
    (1e-4, 1e-7, 1000, 100_000),
    (2e-5, 2e-6, 25, 5_000),
    (1e-2, 1e-4, 100, 5_000),
]


@pytest.mark.parametrize(("a", "b", "noise", "count"), MACHINES)
def test_the_batch_size_is_within_the_root_of_two_of_the_best(a, b, noise, count):
    best = optimum(noise, a / b)
    answers = [found(World(a, b, noise, count=count, seed=seed)).answer for seed in range(4)]
    for answer in answers:
        assert answer.best == pytest.approx(best, rel=0.15)
        assert answer.size & (answer.size - 1) == 0
        assert 1 / math.sqrt(2) <= answer.size / best <= math.sqrt(2)
        assert answer.low <= answer.size <= answer.high


@pytest.mark.parametrize(("a", "b", "noise", "count"), MACHINES)
def test_the_rate_is_near_the_best_one_for_that_size(a, b, noise, count):
    world = World(a, b, noise, count=count)
    result = found(world)
    best = world.rate / (1 + noise / result.answer.size)
    u = result.final.rate / best
    assert 2 * u - u * u > 0.9  # at least 90 % of the progress that is possible


@pytest.mark.parametrize("budget", [0.5, 2.0, 10.0, 60.0])
@pytest.mark.parametrize("slowness", [1.0, 30.0, 300.0])
def test_the_budget_is_kept_within_ten_percent(budget, slowness):
    world = World(1e-4 * slowness, 1e-6 * slowness, 100)
    result = found(world, budget=budget)
    assert world.now <= 1.1 * budget + 40 * 1e-4 * slowness  # and a few steps, of which there must be some
    assert concluded(result).reason


def test_a_best_size_beyond_the_data_is_the_full_batch():
    result = found(World(1e-3, 1e-7, 3000, count=500))
    assert result.answer.size == 500
    assert result.answer.high == 500
    assert "no batch can be that large, so take the largest, 500" in concluded(result).reason


def test_sizes_beyond_those_raced_are_tried():
    # The gradients say 1000 times too little, so that the race begins far below the best.
    world = World(1e-3, 1e-7, 5000, count=100_000)
    world.gradients_say = 5.0
    result = found(world)
    assert max(lane.batch_size for lane in result.lanes) > 512
    assert result.cost.sizes[-1] >= result.answer.size


def test_a_size_that_does_not_get_there_is_tried_once():
    class Stuck(World):
        def start(self, batch_size, rate, seed):
            run = super().start(batch_size, rate, seed)
            run.gain *= batch_size != 256
            return run

    lanes = found(Stuck(1e-4, 1e-6, 700, count=100_000)).lanes
    sizes = [lane.batch_size for lane in lanes]
    assert 256 in sizes
    assert len(sizes) == len(set(sizes))


def test_a_rate_is_found_for_a_size_that_takes_longer_than_the_others_say():
    class Slower(World):
        def start(self, batch_size, rate, seed):
            run = super().start(batch_size, rate, seed)
            run.gain /= 4 if batch_size == 256 else 1
            return run

    result = found(Slower(1e-4, 1e-6, 700, count=100_000))
    assert result.answer.size == 256
    assert result.final.finished
    assert not math.isnan(result.rate)


def test_of_sizes_that_are_allowed_one_is_taken():
    result = found(World(1e-4, 1e-6, 50), allowed=[20, 100, 500])
    assert result.answer.size == 100
    assert {lane.batch_size for lane in result.lanes} == {20, 100, 500}


def test_coupled_samples_leave_the_noise_to_the_race():
    world = World(1e-4, 1e-6, 50)
    world.coupled = True
    result = found(world)
    assert math.isnan(result.noise_from_gradients)
    assert result.noise == result.noise_from_race == pytest.approx(50, rel=0.3)
    assert "They meet in 'norm' (Centre): 'mean' takes samples together" in concluded(result).reason
    assert "from the race alone" in concluded(result).reason


def test_two_noise_scales_that_differ_by_more_than_ten_widen_the_range():
    world = World(1e-4, 1e-6, 50)
    narrow = found(World(1e-4, 1e-6, 50)).answer
    world.gradients_say = 5000.0
    result = found(world)
    assert result.is_torn
    assert result.answer.high / result.answer.low > 3 * narrow.high / narrow.low
    assert result.answer.size == narrow.size  # the race knows better
    assert "differ by more than a factor of 10" in concluded(result).reason


def test_an_overhead_that_cannot_be_told_widens_the_range():
    world = World(1e-8, 1e-5, 50, jitter=0.2)
    result = found(world)
    assert result.is_vague
    assert "only known to within a factor" in concluded(result).reason


def test_a_target_that_was_named_is_the_target():
    result = found(World(1e-4, 1e-6, 50), target=0.5)
    assert result.target == 0.5
    assert concluded(result).target_loss == 0.5
    assert "0.5 per training sample, as given" in concluded(result).reason


def test_a_target_out_of_reach_gives_way_to_what_was_reached():
    result = found(World(1e-2, 1e-4, 50, pace=1e-4), target=1e-9)
    assert result.target > 1e-9
    assert "there was not enough time to reach" in concluded(result).reason


# No answer, with its reason


class Dull(World):
    """A training that learns nothing."""

    def start(self, batch_size, rate, seed):
        run = super().start(batch_size, rate, seed)
        run.gain = 0.0
        return run


class Broken(World):
    """A loss that is no number."""

    def start(self, batch_size, rate, seed):
        run = super().start(batch_size, rate, seed)
        run.level = math.nan
        return run


@pytest.mark.parametrize(
    ("world", "target", "why"),
    [
        (Dull(), None, "No learning rate from"),
        (Broken(), None, "not a finite number"),
        (World(), 3.0, "no lower than the loss before any training, 2"),
    ],
)
def test_where_there_is_no_answer_the_reason_says_why(world, target, why):
    advice = concluded(found(world, target))
    assert (advice.batch_size, advice.low, advice.high, advice.learning_rate) == (None, None, None, None)
    assert why in advice.reason
    assert str(advice).startswith("No answer")
    assert bench.Advice.from_json(advice.to_json()).reason == advice.reason


def test_rates_that_there_was_no_time_for_are_not_blamed():
    reasons = [concluded(found(World(0.3, 0.05), budget=budget)).reason for budget in (0.1, 1.0, 10.0)]
    assert all("No learning rate from" not in reason for reason in reasons)
    assert "There was no time to try a learning rate: give it a larger budget" in reasons[0]
    dull = concluded(found(Dull(3e-3, 5e-4), budget=10.0)).reason
    assert "None of the learning rates that there was time to try" in dull


def test_drawing_batches_is_timed_as_often_as_there_is_time_for():
    class Counted(World):
        loads = 0

        def start(self, batch_size, rate, seed):
            run = super().start(batch_size, rate, seed)
            load = run.load

            def counted():
                self.loads += 1
                load()

            run.load = counted
            return run

    loads = []
    for slowness in (1.0, 3e3):
        world = Counted(1e-4 * slowness, 1e-7 * slowness, 50, pace=0.5)
        assert found(world).answer is not None
        loads.append(world.loads)
    assert loads[0] == 10
    assert 1 <= loads[1] < 10


def test_a_training_that_there_was_no_time_for_is_not_blamed():
    class Slow(World):
        def start(self, batch_size, rate, seed):
            run = super().start(batch_size, rate, seed)
            probe = run.probe

            def slow():
                self.now += 10.0
                return probe()

            run.probe = slow
            return run

    reason = concluded(found(Slow(), budget=20.0)).reason
    assert reason.startswith("The training had time for 0 steps, which did not lower the loss: give it a larger budget")


def test_a_budget_without_an_end():
    for budget in (None, math.inf):
        assert found(World(), budget=budget).answer.size == found(World(), budget=1e6).answer.size


# Interrupted at any moment


class Stopped(World):
    """Ctrl-C after so many steps."""

    def __init__(self, steps, **options):
        super().__init__(**options)
        self.steps_left = steps

    def start(self, batch_size, rate, seed):
        world, run = self, super().start(batch_size, rate, seed)
        step = run.step

        def counted():
            world.steps_left -= 1
            if world.steps_left < 0:
                raise KeyboardInterrupt
            step()

        run.step = counted
        return run


@pytest.mark.parametrize("steps", [0, 50, 500, 2000, 3500, 8000, 20_000, 40_000])
def test_an_interrupt_gives_the_answer_so_far(steps):
    world = Stopped(steps)
    lab = world.lab()
    result = Findings(lab.count, lab.gradual, lab.allowed)
    with pytest.raises(KeyboardInterrupt):
        investigate(lab, result, None)
    advice = concluded(result, "interrupt")
    assert advice.reason
    if advice.batch_size is not None:
        assert advice.learning_rate is not None
        assert advice.low <= advice.batch_size <= advice.high
    assert bench.Advice.from_json(advice.to_json()).batch_size == advice.batch_size


# The public function, on real models


def blobs(n=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 5)) + 2 * y[:, None]).astype(np.float32), y


def test_the_public_function_leaves_the_users_things_alone():
    model, (x, y) = nn.Linear(5, 3), blobs()
    before = {name: p.array.copy() for name, p in model.named_parameters()}
    x_before, state = x.copy(), tg.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    advice = bench.advise(model, nn.CrossEntropyLoss(), (x, y), budget=1.0)
    assert advice.complete
    assert all(np.array_equal(p.array, before[name]) for name, p in model.named_parameters())
    assert all(p.grad is None for p in model.parameters())
    np.testing.assert_array_equal(x, x_before)
    assert tg.get_rng_state() == state
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_losses_are_compared_over_fewer_samples_where_that_takes_long():
    x, y = blobs(1000)
    looks = []

    class Seen(nn.Linear):
        def forward(self, x):
            if not self.training:
                looks.append(len(x))
            return super().forward(x)

    hurried = bench.advise(lambda: Seen(5, 3), None, (x, y), budget=2.0)  # a look takes 5 ms by the clock of the tests
    assert any("losses are compared over 213 samples" in note for note in hurried.notes)
    assert set(looks[3:]) <= {213, 200}
    looks.clear()
    calm = bench.advise(lambda: Seen(5, 3), None, (x, y), budget=60.0)
    assert not any("losses are compared" in note for note in calm.notes)
    assert set(looks) <= {800, 200}


class Coupled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(5, 8)
        self.norm = Centre()
        self.outer = nn.Linear(8, 3)

    def forward(self, x):
        return self.outer(self.norm(self.inner(x)))


class Centre(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


def test_the_layer_that_couples_samples_is_named():
    advice = bench.advise(Coupled, None, blobs(), budget=2.0)
    assert advice.noise_from_gradients is None
    assert "'norm' (Centre)" in advice.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0.0}, "budget: got 0.0"),
        ({"batch_sizes": [0, 8]}, "batch"),
        ({"batch_sizes": [8, 4000]}, "4000"),
        ({"optimizer": "adam"}, "optimizer"),
        ({"target_loss": math.nan}, "target_loss=nan"),
        ({"seed": 0.5}, "seed=0.5"),
    ],
)
def test_bad_options_are_errors_before_anything_runs(options, message):
    with pytest.raises(BenchError, match=message):
        bench.advise(lambda: nn.Linear(5, 3), None, blobs(), **options)


def test_a_factory_that_raises_is_heard_in_its_own_words():
    def broken():
        raise RuntimeError("no weights today")

    with pytest.raises(RuntimeError, match="no weights today"):
        bench.advise(broken, None, blobs(), budget=1.0)


def test_a_result_survives_json():
    advice = bench.advise(lambda: nn.Linear(5, 3), None, blobs(), optimizer=optim.Adam, budget=1.0, seed=3)
    again = bench.Advice.from_json(advice.to_json())
    assert again.to_json() == advice.to_json()
    assert (again.batch_size, again.reason, again.race) == (advice.batch_size, advice.reason, advice.race)
    assert again.settings["seed"] == 3
