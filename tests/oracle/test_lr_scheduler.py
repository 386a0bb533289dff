"""Schedules beside PyTorch's: rates and momenta of fifty steps, of two groups; resumed, combined, refused."""

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")
# PyTorch's, that no step of the optimizer came before
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings(r"ignore:Detected call of .lr_scheduler\.step")]

STEPS = 50


def factor(epoch):
    return 1 / (1 + epoch)


def slowly(epoch):
    return 0.9 + 0.1 / (1 + epoch)


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.7}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 30}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 8}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 1}),
    ("ConstantLR", {"factor": 1.0, "total_iters": 100}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 40, "power": 2.0}),
    ("PolynomialLR", {"total_iters": 60, "power": 0.5}),
    ("LambdaLR", {"lr_lambda": factor}),
    ("LambdaLR", {"lr_lambda": [factor, slowly]}),
    ("MultiplicativeLR", {"lr_lambda": slowly}),
    ("MultiplicativeLR", {"lr_lambda": [slowly, factor]}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 3}),
]
CYCLES = [
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 7}),
    ("CyclicLR", {"base_lr": [0.1, 0.2], "max_lr": [0.9, 0.4], "step_size_up": 4, "step_size_down": 9}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 5, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 5, "mode": "exp_range", "gamma": 0.95}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "scale_fn": slowly}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 4, "scale_fn": slowly, "scale_mode": "iterations"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 2.5, "step_size_down": 1.75}),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 6, "base_momentum": [0.3, 0.5], "max_momentum": [0.7, 0.8]},
    ),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "step_size_up": 6, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": STEPS}),
    ("OneCycleLR", {"max_lr": [0.9, 0.3], "epochs": 10, "steps_per_epoch": 6}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": 70, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": STEPS, "anneal_strategy": "linear", "pct_start": 0.45}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": STEPS, "anneal_strategy": "linear", "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": STEPS, "div_factor": 3.0, "final_div_factor": 9.0, "pct_start": 0.0}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": 51, "base_momentum": 0.1, "max_momentum": [0.5, 0.6]}),
    ("OneCycleLR", {"max_lr": 0.9, "total_steps": STEPS, "cycle_momentum": False}),
]  # fmt: skip
ALL = SCHEDULES + CYCLES


def optimizer_of(library, kind="SGD"):
    groups = [{"params": [library.tensor([1.0], requires_grad=True)], "lr": lr} for lr in (0.1, 2.0)]
    return getattr(library.optim, kind)(groups)


def made(library, name, arguments, optimizer, **more):
    return getattr(library.optim.lr_scheduler, name)(optimizer, **arguments, **more)


def walk(optimizer, schedule, steps=STEPS, places=None):
    """The rates and momenta of each group at each step, as the optimizer has them and as they are told."""
    seen = []
    for step in range(steps):
        groups = optimizer.param_groups
        momenta = [group["betas"][0] if "betas" in group else group.get("momentum", 0.0) for group in groups]
        assert schedule.get_last_lr() == [group["lr"] for group in groups]
        seen.append([group["lr"] for group in groups] + momenta)
        schedule.step(*([] if places is None else [places[step]]))
    return np.array(seen)


def both(make, kind="SGD", **arguments):
    runs = []
    for library in (tg, torch):
        optimizer = optimizer_of(library, kind)
        runs.append(walk(optimizer, make(library, optimizer), **arguments))
    return runs


@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_fifty_steps(name, arguments):
    mine, theirs = both(lambda library, optimizer: made(library, name, arguments, optimizer))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["Adam", "NAdam", "RMSprop"])
@pytest.mark.parametrize(("name", "arguments"), CYCLES)
def test_the_momentum_of_other_optimizers(kind, name, arguments):
    mine, theirs = both(lambda library, optimizer: made(library, name, arguments, optimizer), kind)
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("arguments", [{"T_0": 4}, {"T_0": 3, "T_mult": 2, "eta_min": 0.01}])
def test_warm_restarts_within_epochs(arguments):
    places = [0.3 * step for step in range(30)] + [2.5, 0.25, None, None, None, 7.75, None, None]

    def make(library, optimizer):
        return made(library, "CosineAnnealingWarmRestarts", arguments, optimizer)

    mine, theirs = both(make, steps=len(places), places=places)
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


# Resumed


@pytest.mark.parametrize("after", [1, 6, 20])
@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_gone_on_with_a_saved_state(name, arguments, after):
    runs = []
    for library in (tg, torch):
        first = optimizer_of(library)
        schedule = made(library, name, arguments, first)
        begun = walk(first, schedule, after)
        second = optimizer_of(library)
        other = made(library, name, arguments, second)
        second.load_state_dict(first.state_dict())
        other.load_state_dict(schedule.state_dict())
        runs.append(np.concatenate([begun, walk(second, other, STEPS - after)]))
    np.testing.assert_allclose(*runs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("after", [4, 7, 20])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [case for case in ALL if case[0] != "CosineAnnealingWarmRestarts" and case[1] != {"step_size": 1}],
)
def test_gone_on_after_an_epoch(name, arguments, after):
    """By `last_epoch`, with the state of the optimizer.

    (PyTorch's warm restarts begin anew there, and its StepLR and ConstantLR, gone on with at the very epoch of a
    change, change twice.)
    """
    runs = []
    for library in (tg, torch):
        first = optimizer_of(library)
        begun = walk(first, made(library, name, arguments, first), after)
        second = optimizer_of(library)
        second.load_state_dict(first.state_dict())
        schedule = made(library, name, arguments, second, last_epoch=after - 1)
        runs.append(np.concatenate([begun, walk(second, schedule, STEPS - after)]))
    np.testing.assert_allclose(*runs, rtol=1e-9, atol=1e-12)


def test_the_state_of_pytorchs_optimizer_with_a_schedule_can_be_loaded():
    theirs, mine = optimizer_of(torch), optimizer_of(tg)
    made(torch, "OneCycleLR", {"max_lr": 0.9, "total_steps": 9}, theirs)
    mine.load_state_dict(theirs.state_dict())
    assert mine.param_groups[1]["initial_lr"] == theirs.param_groups[1]["initial_lr"]


# Combined


def warmup(library, optimizer):
    schedules = library.optim.lr_scheduler
    parts = [
        schedules.LinearLR(optimizer, 0.1, total_iters=8),
        schedules.CosineAnnealingLR(optimizer, 20, eta_min=0.01),
        schedules.ExponentialLR(optimizer, 0.9),
    ]
    return schedules.SequentialLR(optimizer, parts, [8, 28])


def chain(library, optimizer):
    schedules = library.optim.lr_scheduler
    parts = [
        schedules.ConstantLR(optimizer, 0.25, 7),
        schedules.ExponentialLR(optimizer, 0.95),
        schedules.MultiStepLR(optimizer, [3, 20], 0.5),
        schedules.PolynomialLR(optimizer, 60, 2.0),
        schedules.MultiplicativeLR(optimizer, slowly),
        schedules.CosineAnnealingLR(optimizer, 70),
        schedules.LinearLR(optimizer, 0.5),
    ]
    return schedules.ChainedScheduler(parts, optimizer)


def chain_first(library, optimizer):
    """Of schedules that bear to be begun twice, as PyTorch does with the parts of a chain in a SequentialLR."""
    schedules = library.optim.lr_scheduler
    parts = [
        schedules.ConstantLR(optimizer, 0.25, 7),
        schedules.MultiStepLR(optimizer, [3, 20], 0.5),
        schedules.LinearLR(optimizer, 0.5),
    ]
    chained = schedules.ChainedScheduler(parts)
    return schedules.SequentialLR(optimizer, [chained, schedules.StepLR(optimizer, 5)], [30])


def chain_of_chains(library, optimizer):
    schedules = library.optim.lr_scheduler
    return schedules.ChainedScheduler([chain(library, optimizer), schedules.StepLR(optimizer, 5, 0.5)])


def restarts_then_cycles(library, optimizer):
    schedules = library.optim.lr_scheduler
    parts = [
        schedules.CosineAnnealingWarmRestarts(optimizer, 5, 2),
        schedules.CyclicLR(optimizer, 0.1, 0.9, 4),
        schedules.LambdaLR(optimizer, factor),
    ]
    return schedules.SequentialLR(optimizer, parts, [15, 15 + 16])


def one_of_one(library, optimizer):
    schedules = library.optim.lr_scheduler
    return schedules.SequentialLR(optimizer, [schedules.ChainedScheduler([schedules.StepLR(optimizer, 3)])], [])


COMBINED = [warmup, chain, chain_first, chain_of_chains, restarts_then_cycles, one_of_one]


@pytest.mark.parametrize("make", COMBINED)
def test_combined(make):
    mine, theirs = both(make)
    if (
        make is restarts_then_cycles
    ):  # a cycle sets the momentum where it is made, in PyTorch, and here when its turn comes
        mine, theirs = mine[:, :2], theirs[:, :2]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", COMBINED)
@pytest.mark.parametrize("after", [1, 9, 29])
def test_combined_and_gone_on_with_a_saved_state(make, after):
    runs = []
    for library in (tg, torch):
        first, second = optimizer_of(library), optimizer_of(library)
        schedule, other = make(library, first), make(library, second)
        begun = walk(first, schedule, after)
        second.load_state_dict(first.state_dict())
        other.load_state_dict(schedule.state_dict())
        rest = []
        for _ in range(STEPS - after):
            rest.append(rates(second))
            other.step()
        runs.append(np.concatenate([begun[:, :2], rest]))
    np.testing.assert_allclose(*runs, rtol=1e-9, atol=1e-12)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


# Plateaus


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"threshold": 0.5}, {"threshold": 0.5, "threshold_mode": "abs"}, {"eps": 0.05, "min_lr": [0.05, 0.3]}],
)
def test_plateaus(mode, cooldown, patience, options):
    values = np.random.default_rng(0).normal(size=60).cumsum().round(1).tolist()
    runs = []
    for library in (tg, torch):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, factor=0.8, patience=patience, cooldown=cooldown, **{"min_lr": 0.05, **options}
        )
        seen = []
        for value in values:
            schedule.step(value)
            seen.append(rates(optimizer))
        runs.append(seen)
    np.testing.assert_allclose(*runs, rtol=1e-10)
    assert runs[0][-1][1] < 2.0


# Refused


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LambdaLR", {"lr_lambda": [factor]}),
        ("MultiplicativeLR", {"lr_lambda": [factor]}),
        ("MultiplicativeLR", {"lr_lambda": 0.5}),
        ("ConstantLR", {"factor": 1.5}),
        ("ConstantLR", {"factor": -0.5}),
        ("LinearLR", {"start_factor": 0.0}),
        ("LinearLR", {"end_factor": 1.5}),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}),
        ("CosineAnnealingWarmRestarts", {"T_0": 1.5}),
        ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 0}),
        ("CosineAnnealingWarmRestarts", {"T_0": 5, "eta_min": "0"}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "mode": "square"}),
        ("CyclicLR", {"base_lr": [0.1], "max_lr": 0.9}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": [0.9, 0.8, 0.7]}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.9, "base_momentum": [0.5]}),
        ("OneCycleLR", {"max_lr": 0.9}),
        ("OneCycleLR", {"max_lr": 0.9, "epochs": 5}),
        ("OneCycleLR", {"max_lr": 0.9, "total_steps": 0}),
        ("OneCycleLR", {"max_lr": 0.9, "total_steps": 1.5}),
        ("OneCycleLR", {"max_lr": 0.9, "epochs": 0, "steps_per_epoch": 3}),
        ("OneCycleLR", {"max_lr": 0.9, "epochs": 3, "steps_per_epoch": -1}),
        ("OneCycleLR", {"max_lr": 0.9, "total_steps": 9, "pct_start": 1.5}),
        ("OneCycleLR", {"max_lr": 0.9, "total_steps": 9, "anneal_strategy": "square"}),
        ("OneCycleLR", {"max_lr": [0.9], "total_steps": 9}),
        ("ReduceLROnPlateau", {"factor": 1.0}),
        ("ReduceLROnPlateau", {"mode": "down"}),
        ("ReduceLROnPlateau", {"threshold_mode": "none"}),
        ("ReduceLROnPlateau", {"min_lr": [0.1]}),
        ("StepLR", {"step_size": 3, "last_epoch": 2}),
    ],
)
def test_what_pytorch_refuses_is_refused(name, arguments):
    for library in (tg, torch):
        with pytest.raises((ValueError, TypeError, KeyError, tg.StateError)):
            made(library, name, arguments, optimizer_of(library))
        with pytest.raises((TypeError, AttributeError)):
            made(library, "StepLR", {"step_size": 1}, 0.1)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_no_momentum_to_cycle(name):
    arguments = {"CyclicLR": {"base_lr": 0.1, "max_lr": 0.9}, "OneCycleLR": {"max_lr": 0.9, "total_steps": 9}}[name]
    for library in (tg, torch):
        with pytest.raises(ValueError, match="momentum"):
            made(library, name, arguments, optimizer_of(library, "Adagrad"))


def test_too_many_steps():
    for library in (tg, torch):
        optimizer = optimizer_of(library)
        schedule = made(library, "OneCycleLR", {"max_lr": 0.9, "total_steps": 5}, optimizer)
        walk(optimizer, schedule, 5)
        with pytest.raises(ValueError, match="5"):
            schedule.step()
        restarts = made(library, "CosineAnnealingWarmRestarts", {"T_0": 5}, optimizer_of(library))
        with pytest.raises(ValueError, match="-1"):
            restarts.step(-1)


def test_what_cannot_be_combined():
    for library in (tg, torch):
        schedules = library.optim.lr_scheduler
        one, other = optimizer_of(library), optimizer_of(library)
        steps, foreign, plateau = (
            schedules.StepLR(one, 1), schedules.StepLR(other, 1), schedules.ReduceLROnPlateau(one),
        )  # fmt: skip
        for parts in ([], [steps, foreign], [steps, plateau]):
            with pytest.raises(ValueError, match=r"(?i)schedule|measure"):
                schedules.ChainedScheduler(parts, one) if parts else schedules.ChainedScheduler(parts)
            with pytest.raises(ValueError, match=r"(?i)schedule|measure"):
                schedules.SequentialLR(one, parts, [3] * (len(parts) - 1))
        with pytest.raises(ValueError, match="milestones"):
            schedules.SequentialLR(one, [steps, steps], [])
        with pytest.raises(TypeError, match="SequentialLR"):
            schedules.SequentialLR(one, [steps, 0.5], [3])
