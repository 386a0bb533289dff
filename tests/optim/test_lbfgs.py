"""L-BFGS: where it goes, when it stops, what it remembers."""

from __future__ import annotations

import copy
import tracemalloc
import warnings

import numpy as np
import pytest
from made import leaf, parameter

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.engine import versions
from tinygrad_edu.nn import functional as F
from tinygrad_edu.optim import LBFGS

WOLFE = {"line_search_fn": "strong_wolfe"}
SCALES = np.array([1.0, 4.0, 9.0])
GOAL = np.array([1.0, -2.0, 0.5])


def bowl(x):
    return 0.5 * (SCALES * (x - GOAL) ** 2).sum()


def valley(x):
    return (1 - x[:-1]) ** 2 @ np.ones(2) + 100 * ((x[1:] - x[:-1] ** 2) ** 2).sum()


class Run:
    """A parameter, a function of it, an optimizer, and the closure between them."""

    def __init__(self, f=bowl, start=(0.0, 0.0, 0.0), times=1.0, **options):
        self.w, self.f, self.times, self.calls = leaf(*start), f, times, []
        self.optimizer = LBFGS([self.w], **options)

    def closure(self):
        self.optimizer.zero_grad()
        loss = self.f(self.w) * self.times
        loss.backward()
        self.calls.append((self.w.array.copy(), loss.item()))
        return loss

    def step(self, **arguments):
        return self.optimizer.step(self.closure, **{"samples": 1, **arguments})

    @property
    def state(self):
        return self.optimizer.state[self.w]

    @property
    def places(self):
        return np.array([place for place, _ in self.calls])


def by_the_formula(iterations, lr=1.0, history=100):
    """Positions on the bowl by the definition: H of all pairs in a row, written out as a matrix."""
    x, pairs, positions = np.zeros(3), [], []
    last = None
    for _ in range(iterations):
        g = SCALES * (x - GOAL)
        if last is not None:
            pairs = [*pairs, (x - last[0], g - last[1])][-history:]
        h = np.eye(3)
        if pairs:
            s, y = pairs[-1]
            h *= (s @ y) / (y @ y)
        for s, y in pairs:
            rest = np.eye(3) - np.outer(y, s) / (s @ y)
            h = rest.T @ h @ rest + np.outer(s, s) / (s @ y)
        t = lr * (1.0 if last is not None else min(1.0, 1.0 / np.abs(g).sum()))
        last = x, g
        x = x - t * h @ g
        positions.append(x)
    return np.array(positions)


@pytest.mark.parametrize("lr", [1.0, 0.25])
@pytest.mark.parametrize("history", [1, 2, 100])
def test_every_iteration_is_that_of_the_formula(lr, history):
    run = Run(lr=lr, max_iter=6, history_size=history, tolerance_change=0.0)
    run.step()
    expected = by_the_formula(6, lr, history)
    np.testing.assert_allclose(run.places[1:], expected[:5], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(run.w.array, expected[5], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{}, WOLFE, {"history_size": 2}])
def test_many_steps_of_one_iteration_are_one_step_of_many(options):
    many, one = Run(max_iter=1, max_eval=25, lr=0.5, **options), Run(max_iter=6, max_eval=150, lr=0.5, **options)
    for _ in range(6):
        many.step()
    one.step()
    np.testing.assert_allclose(many.w.array, one.w.array, rtol=1e-12)
    assert many.state["n_iter"] == one.state["n_iter"] == 6


def test_it_finds_the_end_of_a_valley():
    run = Run(valley, (-1.2, 1.0, 1.0), **WOLFE)
    for _ in range(6):
        run.step()
    np.testing.assert_allclose(run.w.array, 1.0, atol=1e-5)
    assert len(run.calls) < 80


@pytest.mark.parametrize("options", [{}, {"lr": 0.5}, WOLFE])
@pytest.mark.parametrize("samples", [7, 0.25])
def test_samples_divides_the_loss_and_the_gradient_alike(options, samples):
    mean, whole = Run(max_iter=3, **options), Run(max_iter=3, times=samples, **options)
    for _ in range(3):
        mean.step()
        whole.step(samples=samples)
    np.testing.assert_allclose(whole.places, mean.places, rtol=1e-10, atol=1e-12)
    assert len(whole.calls) == len(mean.calls) > 3


@pytest.mark.parametrize("options", [{}, WOLFE])
def test_maximize_is_a_descent_on_the_negative(options):
    down, up = Run(max_iter=3, **options), Run(max_iter=3, times=-2.0, maximize=True, **options)
    for _ in range(2):
        down.step()
        up.step(samples=2)
    np.testing.assert_allclose(up.places, down.places, rtol=1e-10)


def test_without_samples_a_sum_is_warned_of_once():
    w = parameter(3)
    optimizer = LBFGS([w])

    def closure(reduction="sum"):
        optimizer.zero_grad()
        loss = F.mse_loss(w * np.ones((4, 3)), np.zeros((4, 3)), reduction=reduction)
        loss.backward()
        return loss

    with pytest.warns(tg.SampleCountWarning, match=r"LBFGS\.step\(\): the gradients are sums over 4 samples") as caught:
        optimizer.step(closure)
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step(closure)
        LBFGS([w]).step(closure, samples=4)
        LBFGS([w]).step(lambda: closure("mean"))


# When it stops


def test_the_first_result_of_the_closure_is_returned():
    run = Run()
    loss = run.step()
    assert isinstance(loss, tg.Tensor)
    assert loss.item() == run.calls[0][1]


@pytest.mark.parametrize("options", [{}, WOLFE])
def test_iterations_and_evaluations_are_limited_and_counted(options):
    run = Run(valley, (-1.2, 1.0, 1.0), lr=1e-3, max_iter=4, max_eval=50, **options)
    run.step()
    assert run.state["n_iter"] == 4
    assert run.state["func_evals"] == len(run.calls)
    run.step()
    assert run.state["n_iter"] == 8
    assert run.state["func_evals"] == len(run.calls)
    few = Run(valley, (-1.2, 1.0, 1.0), lr=1e-3, max_iter=50, max_eval=5, **options)
    few.step()
    assert len(few.calls) == (6 if options else 5)  # a search may make one more
    assert few.state["n_iter"] == 4 or options
    one = Run(valley, (-1.2, 1.0, 1.0), lr=1e-3, max_iter=1, **options)
    one.step()
    assert len(one.calls) == (2 if options else 1)
    assert LBFGS([leaf(1.0)], max_iter=7).param_groups[0]["max_eval"] == 8


def test_where_the_gradient_is_small_nothing_moves():
    run = Run(tolerance_grad=4.0, start=(0.0, -1.0, 0.0))  # gradients -1, 4, -4.5
    run.step()
    assert len(run.calls) > 1
    run = Run(tolerance_grad=4.5, start=(0.0, -1.0, 0.0))
    run.step()
    assert len(run.calls) == 1
    assert run.w.tolist() == [0.0, -1.0, 0.0]
    assert (run.state["n_iter"], run.state["func_evals"], run.state["t"]) == (0, 1, 0.0)
    run.optimizer.param_groups[0]["tolerance_grad"] = 1e-7
    run.step()
    assert run.state["n_iter"] > 0


@pytest.mark.parametrize("options", [{}, WOLFE])
def test_it_stops_where_a_limit_is_reached(options):
    flat = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
    gradient = Run(**{**flat, "tolerance_grad": 0.05}, **options)
    gradient.step()
    assert np.abs(SCALES * (gradient.w.array - GOAL)).max() <= 0.05
    assert np.abs(SCALES * (gradient.places[:-1] - GOAL)).max(1).min() > 0.05
    change = Run(**{**flat, "tolerance_change": 0.05}, **options)
    change.step()
    losses, places = [loss for _, loss in change.calls], change.places
    assert abs(losses[-1] - losses[-2]) < 0.05 or np.abs(places[-1] - places[-2]).max() <= 0.05
    assert len(change.calls) < 15


def ends_after(f, **options):
    run = Run(f, max_iter=5, max_eval=50, tolerance_grad=0.0, **options)
    run.step()
    return len(run.calls) - 1


def test_a_small_change_of_the_loss_alone_stops_it():
    # The direction is -1e-3 in each of three numbers, the slope along it -3e-6, and a tenth of it is gone.
    calls = [ends_after(lambda x: 1.0 + 1e-3 * x.sum(), lr=0.1, tolerance_change=t) for t in (2e-7, 4e-7)]
    assert calls == [4, 1]


def test_a_small_change_of_the_position_alone_stops_it():
    # The first move is lr / 3 in each number, and the loss changes by lr·1e3.
    calls = [ends_after(lambda x: 1e3 * x.sum(), lr=3e-6, tolerance_change=t) for t in (0.9e-6, 1.1e-6)]
    assert calls == [4, 1]


def test_just_at_a_limit():
    def half_square(x):
        return 0.5 * (x * x).sum()

    # From 8 to 4, where the gradient is 4 as well.
    for limits in ({"tolerance_grad": 4.0}, {"tolerance_change": 4.0}):
        run = Run(half_square, (8.0,), lr=4.0, **limits)
        run.step()
        assert run.w.tolist() == [4.0]
    # From 1/2 to 1/4: the loss changes by 3/32, which is not less than that; the slope is -1/4, which is not level.
    for change, more in ((3 / 32, True), (1 / 4, False)):
        run = Run(half_square, (0.5,), lr=0.5, tolerance_change=change, max_iter=5, max_eval=50)
        run.step()
        assert len(run.calls) > 1
        assert (run.state["n_iter"] > 1) is more


def test_a_search_that_finds_nothing_lower_goes_back():
    run = Run(lambda x: ((x - 1.0) ** 2).sum(), (0.0,), lr=10.0, max_iter=1, max_eval=1, **WOLFE)
    run.step()
    assert run.places[:, 0].tolist() == [0.0, 10.0]
    assert (run.w.item(), run.state["t"]) == (0.0, 0.0)


def test_a_search_ends_where_the_parameters_hardly_change():
    counts = []
    for change in (0.1, 1e-3):
        options = {"lr": 1.7, "max_iter": 1, "max_eval": 40, "tolerance_change": change, **WOLFE}
        run = Run(lambda x: 1e3 * (x - 1.0).abs().sum(), (0.0,), **options)
        run.step()
        counts.append(len(run.calls))
    assert 3 < counts[0] < counts[1] < 41


def test_no_number_of_samples_is_one():
    one, other = Run(max_iter=3), Run(max_iter=3)
    one.step()
    other.optimizer.step(other.closure)
    assert one.w.tolist() == other.w.tolist()


def test_just_as_little_curvature_as_is_too_little():
    run = Run(lambda x: 1e-10 * x.sum(), (0.0,), max_iter=1, tolerance_grad=0.0, tolerance_change=0.0)
    lists = {"old_dirs": [], "old_stps": [], "ro": []}
    numbers = {"func_evals": 1, "n_iter": 1, "t": 1.0, "H_diag": 1.0}
    run.optimizer.state[run.w] = {**lists, **numbers, "d": np.ones(1), "prev_flat_grad": np.zeros(1)}
    run.step()
    assert run.state["old_dirs"] == []


def test_a_direction_that_is_level_is_not_taken():
    run = Run(start=(1.0, -2.0, 0.5 + 1e-3), tolerance_change=1e-3)  # the slope is -(9e-3)²
    run.step()
    assert len(run.calls) == 1
    assert run.w.tolist() == [1.0, -2.0, 0.501]
    run = Run(start=(1.0, -2.0, 0.5 + 1e-3), tolerance_change=1e-5)
    run.step()
    assert len(run.calls) > 1


def test_a_learning_rate_of_0_goes_nowhere():
    for options in ({}, WOLFE):
        run = Run(lr=0.0, **options)
        run.step()
        assert run.w.tolist() == [0.0, 0.0, 0.0]


# What it remembers


def test_as_many_changes_as_it_is_told_the_last_ones():
    run = Run(valley, (-1.2, 1.0, 1.0), lr=1e-3, max_iter=6, history_size=3)
    run.step()
    state = run.state
    assert [len(state[key]) for key in ("old_dirs", "old_stps", "ro")] == [3, 3, 3]
    for change, move, inverse in zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True):
        assert inverse == pytest.approx(1 / (change @ move), rel=1e-12)
    np.testing.assert_allclose(state["old_stps"], np.diff(run.places[2:], axis=0), rtol=1e-6)
    assert state["H_diag"] == pytest.approx(1 / state["ro"][-1] / (state["old_dirs"][-1] @ state["old_dirs"][-1]))


def test_a_change_without_curvature_is_not_remembered():
    run = Run(lambda x: x.sum() - x[0] * x[0], (0.0, 0.0, 0.0), max_iter=4, tolerance_change=0.0)
    run.step()
    assert run.state["old_dirs"] == []
    assert run.state["H_diag"] == 1.0


def test_just_too_little_curvature():
    for scale, remembered in ((0.99e-10, 0), (1.01e-10, 1)):

        def f(x, scale=scale):  # of the first move 1, -g = 1, the gradient changes by `scale`
            return -x.sum() + 0.5 * scale * (x * x).sum()

        run = Run(f, (0.0,), max_iter=2, max_eval=9, tolerance_change=0.0, tolerance_grad=0.0)
        run.step()
        assert len(run.state["old_dirs"]) == remembered


def test_an_iteration_allocates_what_it_remembers_and_little_more():
    w = parameter(10_000)
    optimizer = LBFGS([w], lr=0.1, max_iter=3, history_size=2, tolerance_change=0.0)
    gradients = np.linspace(1.0, 2.0, 10_000)

    def closure():
        w.grad.array[...] = gradients * w.array
        return 0.5 * float(gradients @ w.array**2)

    w.grad = np.zeros(10_000)
    closure()
    optimizer.step(closure)
    optimizer.step(closure)
    tracemalloc.start()
    optimizer.step(closure)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 7 * 80_000  # at most all that is remembered: two pairs, a direction, a gradient
    assert peak < 10 * 80_000


# Parameters


def test_several_parameters_are_one_vector():
    run = Run(max_iter=5, **WOLFE)
    run.step()
    parts = [leaf(0.0), leaf(0.0, 0.0)]
    optimizer = LBFGS(parts, max_iter=5, **WOLFE)

    def closure():
        optimizer.zero_grad()
        loss = bowl(tg.cat(parts))
        loss.backward()
        return loss

    optimizer.step(closure, samples=1)
    np.testing.assert_allclose(np.concatenate([p.array for p in parts]), run.w.array, rtol=1e-12)
    assert list(optimizer.state) == [parts[0]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    w = tg.tensor([0.0, 0.0, 0.0], dtype=dtype, requires_grad=True)
    optimizer = LBFGS([w], **WOLFE)

    def closure():
        optimizer.zero_grad()
        loss = bowl(w.to(tg.float64))
        loss.backward()
        return loss

    array = w.array
    optimizer.step(closure, samples=1)
    assert w.array is array
    assert w.dtype == dtype
    np.testing.assert_allclose(w.array, GOAL, rtol=1e-2)


def test_one_group_and_no_second():
    a, b = leaf(1.0), leaf(2.0)
    assert LBFGS([{"params": [a], "lr": 0.5}]).param_groups[0]["lr"] == 0.5
    for make in (lambda: LBFGS([{"params": a}, {"params": b}]), lambda: LBFGS([a]).add_param_group({"params": b})):
        with pytest.raises(ValueError, match=r"LBFGS: a second parameter group: .* Pass them as one list"):
            make()


# Saving, loading and errors


def test_an_optimizer_knows_when_its_last_step_was():
    run = Run()
    assert run.optimizer.last_step is None
    for _ in range(2):
        run.step()
        assert run.optimizer.last_step == versions.now


@pytest.mark.parametrize("options", [{}, WOLFE])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_loaded_optimizer_goes_on_exactly(options, before):
    first = Run(valley, (-1.2, 1.0, 1.0), lr=1e-2, max_iter=2, max_eval=9, history_size=3, **options)
    for _ in range(before):
        first.step()
    saved = first.optimizer.state_dict()
    second = Run(valley, first.w.tolist(), max_iter=9)
    second.optimizer.load_state_dict(saved)
    twin = copy.deepcopy(first.optimizer)
    frozen = copy.deepcopy(saved)
    for _ in range(3):
        first.step()
        second.step()
    assert first.w.tolist() == second.w.tolist()
    assert len(second.calls) == len(first.calls) - (saved["state"][0]["func_evals"] if before else 0)
    np.testing.assert_equal(saved, frozen)
    assert {type(second.state[key]) for key in ("func_evals", "n_iter")} == {int}
    np.testing.assert_equal(twin.state_dict(), frozen)


def broken(change, steps=1):
    run = Run(max_iter=3)
    for _ in range(steps):
        run.step()
    saved = run.optimizer.state_dict()
    change(saved["state"])
    return saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[0].pop("d"), r"of shape \(3,\) lacks 'd', it has"),
        (lambda s: s[0].pop("prev_flat_grad"), "lacks 'prev_flat_grad'"),
        (lambda s: s[0].pop("old_dirs"), "lacks 'old_dirs'"),
        (lambda s: s[0].pop("H_diag"), "lacks 'H_diag'"),
        (lambda s: [s[0].pop(key) for key in ("d", "H_diag")], "lacks 'H_diag'"),
        (lambda s: s[0].update(d=np.ones(4)), r"'d' of parameter 0 has a vector of shape \(4,\), all .* have \(3,\)"),
        (lambda s: s[0].update(old_stps=[np.ones(2)]), r"'old_stps' of parameter 0 has a vector of shape \(2,\)"),
        (lambda s: s[0].update(old_dirs=3.0), "'old_dirs' of parameter 0 is no list: nothing was loaded"),
        (
            lambda s: s[0].update(ro=[]),
            "does not suit LBFGS: it must be that of the first parameter, with old_dirs, old",
        ),
        (lambda s: s[0].update(t=float("nan")), "'t' of parameter 0 is nan, it must be a number >= 0"),
        (lambda s: s[0].update({key: s[0][key] * 200 for key in ("old_dirs", "old_stps", "ro")}), "length <= 100"),
    ],
)
def test_nothing_is_loaded_of_a_wrong_state(change, message):
    run = Run()
    with pytest.raises(ValueError, match=message):
        run.optimizer.load_state_dict(broken(change))
    assert not run.optimizer.state
    assert run.optimizer.param_groups[0]["max_iter"] == 20


def test_the_state_belongs_to_the_first_parameter():
    optimizer = LBFGS([leaf(1.0), leaf(2.0)])
    state = {"func_evals": 0, "n_iter": 0, "t": 0.0, "H_diag": 1.0, "old_dirs": [], "old_stps": [], "ro": []}
    saved = optimizer.state_dict()
    with pytest.raises(ValueError, match="it must be that of the first parameter"):
        optimizer.load_state_dict({**saved, "state": {1: state}})
    optimizer.load_state_dict({**saved, "state": {0: state}})


def test_after_an_error_of_the_closure_in_a_search_the_parameters_are_where_they_were():
    for failing in (2, 4):
        run, whole = Run(valley, (-1.2, 1.0, 1.0), **WOLFE), Run(valley, (-1.2, 1.0, 1.0), **WOLFE)
        closure, tried = run.closure, []

        def fails(closure=closure, run=run, failing=failing, tried=tried):
            if len(run.calls) == failing:
                tried.append(run.w.tolist())
                raise RuntimeError("out of luck")
            return closure()

        with pytest.raises(RuntimeError, match="out of luck"):
            run.optimizer.step(fails, samples=1)
        assert run.state["func_evals"] == failing + 1
        assert [run.w.tolist()] != tried
        whole.step()
        assert any(run.w.tolist() == place.tolist() for place in whole.places[: failing + 1])
        for _ in range(6):
            run.step()
        np.testing.assert_allclose(run.w.array, 1.0, atol=1e-5)


def test_a_closure_is_needed():
    optimizer = LBFGS([leaf(1.0)])
    with pytest.raises(TypeError, match=r"LBFGS\.step\(\): it evaluates the loss several times: pass a function that"):
        optimizer.step()
    with pytest.raises(TypeError, match=r"LBFGS\.step\(4\): the first argument is a closure.*write step\(samples=4\)"):
        optimizer.step(4)
    with pytest.raises(TypeError, match=r"LBFGS\.step\(\): the closure returned None"):
        optimizer.step(lambda: None)


def test_nothing_happens_by_a_wrong_number():
    run = Run()
    for samples in (0, -1, float("nan"), "3", True):
        with pytest.raises(ValueError, match=r"LBFGS\.step\(samples="):
            run.step(samples=samples)
    run.optimizer.param_groups[0]["lr"] = float("nan")
    with pytest.raises(ValueError, match=r"LBFGS\.step\(\): the learning rate of group 0 is nan"):
        run.step()
    assert not run.calls
    assert not run.optimizer.state


def test_the_defaults_are_pytorchs():
    names = ("lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn")
    found = LBFGS([leaf(1.0)]).defaults
    assert found == {**dict(zip(names, (1.0, 20, 25, 1e-7, 1e-9, 100, None), strict=True)), "maximize": False}
    given = LBFGS([leaf(1.0)], 0.5, 3, 4, 0.25, 0.125, 5, "strong_wolfe", maximize=True)
    assert list(given.defaults.values()) == [0.5, 3, 4, 0.25, 0.125, 5, "strong_wolfe", True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_iter": 0}, "LBFGS: max_iter=0: must be a whole number >= 1"),
        ({"max_iter": "5"}, "LBFGS: max_iter='5': must"),
        ({"max_eval": 0}, "LBFGS: max_eval=0: must"),
        ({"history_size": 0}, "LBFGS: history_size=0: must"),
        ({"history_size": 1.5}, r"LBFGS: history_size=1\.5: must"),
        ({"tolerance_grad": -1.0}, r"LBFGS: tolerance_grad=-1\.0: must be a finite number >= 0"),
        ({"tolerance_change": float("nan")}, "LBFGS: tolerance_change=nan: must"),
        ({"line_search_fn": "armijo"}, "LBFGS: line_search_fn='armijo' must be 'strong_wolfe' or None"),
        ({"lr": -1.0}, r"LBFGS: lr=-1\.0: the learning rate must be"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        LBFGS([leaf(1.0)], **options)


def test_it_is_an_optimizer_for_schedules():
    run = Run(lr=0.5, max_iter=1)
    schedule = optim.lr_scheduler.ExponentialLR(run.optimizer, 0.5)
    run.step()
    schedule.step()
    assert run.optimizer.param_groups[0]["lr"] == 0.25
