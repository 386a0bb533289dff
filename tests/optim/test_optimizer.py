"""The step and the state that all optimizers share."""

from __future__ import annotations

import copy
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from made import normal, parameter
from optimizers import every_kind, run, set_grad

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.engine import versions

# The step


@every_kind
def test_samples_divides_by_their_number_and_leaves_the_gradient_alone(make):
    whole, mean = parameter(3, 4), parameter(3, 4)
    by_sum, by_mean = make([whole], lr=0.1, weight_decay=0.1), make([mean], lr=0.1, weight_decay=0.1)
    for seed in range(4):
        set_grad(mean, seed)
        whole.grad = 7 * mean.grad.array
        before = whole.grad.array.copy()
        by_sum.step(samples=7)
        by_mean.step()
        assert np.array_equal(whole.grad.array, before)
    np.testing.assert_allclose(whole.array, mean.array, rtol=1e-12)
    assert not np.allclose(whole.array, parameter(3, 4).array)


@every_kind
def test_maximize_is_a_descent_on_the_negative(make):
    up, down = parameter(5), parameter(5)
    climbing, falling = make([up], lr=0.1, maximize=True), make([down], lr=0.1)
    for seed in range(3):
        set_grad(up, seed)
        down.grad = -up.grad.array
        climbing.step(samples=2)
        falling.step(samples=2)
    np.testing.assert_allclose(up.array, down.array, rtol=1e-12)


@every_kind
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_stays_in_parameters_and_state(make, dtype):
    p = parameter(3, dtype=dtype)
    optimizer = make([p], lr=np.float64(0.1), weight_decay=0.1, maximize=True)
    for _ in range(2):
        p.grad = np.ones(3, dtype)
        optimizer.step(samples=np.int64(3))
    assert p.dtype == dtype
    assert np.isfinite(p.array).all()
    arrays = [v for v in optimizer.state.get(p, {}).values() if isinstance(v, np.ndarray)]
    assert all(a.dtype == dtype for a in arrays)


@every_kind
def test_a_step_changes_the_array_in_place_and_allocates_nothing_after_the_first(make):
    p, q = parameter(100, 100), parameter(1000)
    arrays = p.array, q.array
    optimizer = make([p, q], lr=0.1, weight_decay=0.1)
    run(optimizer, [p, q], 2, samples=3)
    tracemalloc.start()
    optimizer.step(samples=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (p.array, q.array)[0] is arrays[0]
    assert q.array is arrays[1]
    assert peak < 4000  # bytes; one of the arrays has 8000


@every_kind
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3)])
def test_scalars_and_empty_parameters(make, shape):
    p = parameter(*shape)
    before = p.array.copy()
    run(make([p], lr=0.1, weight_decay=0.1), [p], 2, samples=2)
    assert p.shape == shape
    assert p.array.size == 0 or not np.allclose(p.array, before)


@every_kind
def test_parameters_that_are_not_contiguous(make):
    base = normal(6, 8)
    turned = tg.from_numpy(base.copy().T).requires_grad_()
    strided = tg.from_numpy(base.copy()[::2, ::2]).requires_grad_()
    straight = [tg.tensor(np.ascontiguousarray(p.array), requires_grad=True) for p in (turned, strided)]
    run(make([turned, strided], lr=0.1), [turned, strided], 3, samples=2)
    run(make(straight, lr=0.1), straight, 3, samples=2)
    np.testing.assert_allclose(turned.array, straight[0].array, rtol=1e-12)
    np.testing.assert_allclose(strided.array, straight[1].array, rtol=1e-12)


@every_kind
def test_parameters_without_a_gradient_are_skipped(make):
    used, unused, frozen = parameter(2), parameter(2), tg.tensor([1.0])
    before = unused.array.copy()
    optimizer = make([used, unused, frozen], lr=0.1, weight_decay=0.5)
    set_grad(used, 0)
    optimizer.step()
    assert np.array_equal(unused.array, before)
    assert frozen.tolist() == [1.0]
    assert unused not in optimizer.state
    assert not np.allclose(used.array, parameter(2).array)


def test_a_parameter_whose_array_is_replaced_is_followed():
    p = parameter(3, dtype="float32")
    optimizer = optim.SGD([p], lr=0.5)
    run(optimizer, [p], 1)
    p.data = np.array([1.0, 2.0], dtype="float64")
    p.grad = np.array([1e-9, 1.0])
    optimizer.step()
    assert p.tolist() == [1.0 - 0.5e-9, 1.5]


def test_closure_is_called_first_with_recording_on():
    w = tg.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9.0
    assert w.tolist() == [0.0]


def test_a_step_between_forward_and_backward_is_noticed():
    w = tg.tensor([3.0], requires_grad=True)
    loss = w * w
    w.grad = [1.0]
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(tg.GraphError, match="overwritten"):
        loss.backward()


@every_kind
def test_every_optimizer_marks_what_it_changes(make):
    w = parameter(2)
    loss = w * w
    run(make([w], lr=0.1), [w], 1)
    with pytest.raises(tg.GraphError, match="overwritten"):
        loss.backward()


@pytest.mark.parametrize("samples", [0, -1, float("nan"), float("inf"), "3", True])
def test_samples_must_be_a_positive_number(samples):
    w = parameter(2)
    set_grad(w, 0)
    with pytest.raises(ValueError, match=r"SGD\.step\(samples=.*must be (positive|a finite number)"):
        optim.SGD([w]).step(samples=samples)
    assert np.array_equal(w.array, parameter(2).array)


@pytest.mark.parametrize(
    ("samples", "shown"),
    [
        ([2, 3], r"\[2, 3\]"),
        (tg.ones(64, 784), r"float32\[64, 784\]"),
        (np.ones((64, 7)), r"float64\[64, 7\]"),
        (range(9), r"range\(0, 9\)"),
    ],
)
def test_the_samples_themselves_are_shown_by_their_shape(samples, shown):
    w = parameter(2)
    set_grad(w, 0)
    with pytest.raises(ValueError, match=rf"SGD\.step\(samples={shown}\): .*not the samples themselves: .*=len\(x\)"):
        optim.SGD([w]).step(samples=samples)
    with pytest.raises(TypeError, match=rf"SGD\.step\({shown}\): the first argument is a closure"):
        optim.SGD([w]).step(samples)
    assert np.array_equal(w.array, parameter(2).array)


def test_samples_may_be_a_sum_of_weights_or_a_tensor():
    for samples in (0.5, np.float32(0.5), tg.tensor(0.5)):
        w = tg.tensor([1.0], requires_grad=True)
        w.grad = [1.0]
        optim.SGD([w], lr=0.25).step(samples=samples)
        assert w.tolist() == [0.5]


# Gradients are forgotten


def test_zero_grad():
    w, constant = parameter(2), tg.tensor([1.0])
    optimizer = optim.SGD([w, constant], lr=0.1)
    set_grad(w, 0)
    held = w.grad.array
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.array is held
    assert held.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_zero_grad_of_a_gradient_that_is_in_a_graph_leaves_the_graph_alone():
    w = tg.tensor([3.0], requires_grad=True)
    (w * w * w).backward(create_graph=True)
    gradient = w.grad
    optim.SGD([w]).zero_grad(set_to_none=False)
    assert gradient.tolist() == [27.0]
    assert w.grad.tolist() == [0.0]
    assert not w.grad.requires_grad


@every_kind
def test_a_learning_rate_that_became_nan_changes_nothing(make):
    a, b = parameter(2), parameter(3)
    optimizer = make([{"params": a}, {"params": b}], lr=0.1)
    run(optimizer, [a, b], 1)
    before, state = [a.array.copy(), b.array.copy()], optimizer.state_dict()["state"]
    optimizer.param_groups[1]["lr"] = float("nan")
    called = []
    with pytest.raises(ValueError, match=r"step\(\): the learning rate of group 1 is nan.*No parameter was changed"):
        optimizer.step(lambda: called.append(1))
    assert np.array_equal(a.array, before[0])
    assert np.array_equal(b.array, before[1])
    assert not called
    np.testing.assert_equal(optimizer.state_dict()["state"], state)


def test_an_optimizer_without_an_update_says_so():
    w = parameter(1)
    set_grad(w, 0)
    with pytest.raises(NotImplementedError, match=r"Optimizer does not define update\(\)"):
        optim.Optimizer([w], {"lr": 0.1}).step()


class Momentum(optim.Optimizer):
    """As it is written for PyTorch: a step of its own, and tensors in the state."""

    @tg.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if len(state) == 0:
                    state["step"], state["buffer"] = 0, tg.zeros_like(p)
                state["step"] += 1
                state["buffer"].mul_(0.5).add_(p.grad)
                p.add_(state["buffer"], alpha=-group["lr"])


def test_an_optimizer_written_for_pytorch():
    p, twin = parameter(3), parameter(3)
    own, known = Momentum([p], {"lr": 0.1}), optim.SGD([twin], lr=0.1, momentum=0.5)
    run(own, [p], 3)
    run(known, [twin], 3)
    np.testing.assert_allclose(p.array, twin.array, rtol=1e-12)
    saved, again = own.state_dict(), parameter(3)
    again.data = p.array.copy()
    other = Momentum([again], {"lr": 0.1})
    other.load_state_dict(saved)
    run(own, [p], 2, first_seed=3)
    run(other, [again], 2, first_seed=3)
    assert np.array_equal(p.array, again.array)
    assert saved["state"][0]["step"] == 3
    assert other.state[again]["step"] == 5


def test_an_optimizer_knows_when_its_last_step_was():
    w = parameter(2)
    optimizer = optim.SGD([w], lr=0.1)
    assert optimizer.last_step is None
    for seed in (0, 1):
        run(optimizer, [w], 1, first_seed=seed)
        assert optimizer.last_step == versions.now
    assert copy.deepcopy(optimizer).last_step is None  # it may be read by another program, with another clock
    assert optimizer.last_step == versions.now


# Saving and loading


@every_kind
def test_a_loaded_optimizer_goes_on_exactly(make):
    params, twins = [parameter(3, 2), parameter(4)], [parameter(3, 2), parameter(4)]
    groups = [[{"params": p[0], "lr": 0.05}, {"params": p[1]}] for p in (params, twins)]
    first = make(groups[0], lr=0.1)
    run(first, params, 3)
    saved = first.state_dict()
    for p, twin in zip(params, twins, strict=True):
        twin.data = p.array.copy()
    run(first, params, 3, first_seed=3)
    second = make([{"params": twins[0]}, {"params": twins[1]}], lr=0.2)
    second.load_state_dict(saved)
    run(second, twins, 3, first_seed=3)
    for p, twin in zip(params, twins, strict=True):
        assert np.array_equal(p.array, twin.array)


def test_the_state_is_numbered_as_in_pytorch_and_a_copy():
    a, b, c = parameter(2), parameter(3), parameter(4)
    optimizer = optim.SGD([{"params": [a, b]}, {"params": [c], "lr": 0.5}], lr=0.1, momentum=0.9)
    set_grad(b, 0)
    set_grad(c, 1)
    optimizer.step()
    saved = optimizer.state_dict()
    assert [g["params"] for g in saved["param_groups"]] == [[0, 1], [2]]
    assert set(saved["state"]) == {1, 2}
    before = saved["state"][1]["momentum_buffer"].copy()
    optimizer.step()
    assert np.array_equal(saved["state"][1]["momentum_buffer"], before)


def test_a_learning_rate_that_is_a_tensor_is_copied_as_well():
    rate, w = tg.tensor(0.5), parameter(2)
    saved = optim.SGD([w], lr=rate).state_dict()
    twin = optim.SGD([w])
    twin.load_state_dict(saved)
    rate.fill_(0.25)
    assert saved["param_groups"][0]["lr"].item() == 0.5
    saved["param_groups"][0]["lr"].fill_(0.125)
    assert twin.param_groups[0]["lr"].item() == 0.5


def test_loading_copies_the_arrays():
    w = parameter(2)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    run(optimizer, [w], 1)
    saved = optimizer.state_dict()
    before = saved["state"][0]["momentum_buffer"].copy()
    optimizer.load_state_dict(saved)
    run(optimizer, [w], 1)
    assert np.array_equal(saved["state"][0]["momentum_buffer"], before)


def broken(change):
    saved = optim.Adam([{"params": [parameter(2), parameter(3)]}, {"params": [parameter(4)]}]).state_dict()
    saved["state"] = {0: {"step": 1, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}}
    saved["param_groups"][0]["lr"] = 0.75
    change(saved)
    return saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["param_groups"].pop(), r"the groups have \[2, 1\] parameters, those of the state \[2\]"),
        (
            lambda s: s["param_groups"][1]["params"].append(3),
            r"those of the state \[2, 2\]: create the optimizer",
        ),
        (lambda s: s["param_groups"][1].update(momentum=0.9), "unknown option 'momentum'"),
        (lambda s: s["param_groups"][1].update(lr=float("nan")), "lr=nan"),
        (lambda s: s["state"].update({7: {}}), r"state of parameter 7, but the parameters are \[0, 1, 2\]"),
        (
            lambda s: s["state"].update({1: {"exp_avg": np.ones(5)}}),
            r"'exp_avg' of parameter 1 has shape \(5,\), the.*\(3,\)",
        ),
        (lambda s: s.pop("state"), "there is no 'state'"),
        (lambda s: s["state"][0].pop("step"), r"of shape \(2,\) lacks 'step', it has 'exp_avg', 'exp_avg_sq'"),
        (lambda s: s["state"][0].pop("exp_avg_sq"), "lacks 'exp_avg_sq', it has 'step', 'exp_avg'"),
        (lambda s: s["param_groups"][0].update(amsgrad=True), "lacks 'max_exp_avg_sq'"),
        (lambda s: s["state"][0].update(step=None), "'step' of parameter 0 is None, it must be a number of steps"),
        (lambda s: s["state"][0].update(exp_avg="high"), r"of shape \(2,\) does not suit Adam"),
    ],
)
def test_nothing_is_loaded_of_a_wrong_state(change, message):
    params = [parameter(2), parameter(3), parameter(4)]
    optimizer = optim.Adam([{"params": params[:2]}, {"params": params[2:]}], lr=0.5)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(broken(change))
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.5]
    assert not optimizer.state


@pytest.mark.parametrize(
    ("missing", "named"), [(["lr"], "'lr'"), (["betas"], "'betas'"), (["betas", "lr"], "'lr', 'betas'")]
)
def test_a_group_of_a_state_that_lacks_options_is_refused_and_nothing_is_loaded(missing, named):
    params = [parameter(2), parameter(3), parameter(4)]
    optimizer = optim.Adam([{"params": params[:2]}, {"params": params[2:]}], lr=0.5)
    saved = broken(lambda s: [s["param_groups"][1].pop(key) for key in missing])
    with pytest.raises(tg.StateError, match=rf"load_state_dict\(\), group 1: .* lacks {named}: .*Nothing was loaded"):
        optimizer.load_state_dict(saved)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.5]
    assert not optimizer.state


def test_options_of_pytorchs_that_only_say_how_it_computes_are_left_out():
    w = parameter(2)
    optimizer = optim.AdamW([w], lr=0.5)
    saved = optimizer.state_dict()
    saved["param_groups"][0].update(lr=0.25, foreach=None, fused=True, capturable=False, differentiable=False)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0].keys() == {"params", *optimizer.defaults}
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_loading_changes_neither_the_parameters_nor_what_is_loaded():
    w = parameter(2)
    optimizer = optim.Adam([w], lr=0.5)
    run(optimizer, [w], 2)
    before, saved = w.array.copy(), optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert np.array_equal(w.array, before)
    np.testing.assert_equal(optimizer.state_dict(), saved)


def test_loading_keeps_the_dtype_of_the_parameter():
    w = parameter(2, dtype="float32")
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    saved = optimizer.state_dict()
    saved["state"] = {0: {"momentum_buffer": tg.tensor(np.ones(2))}}
    optimizer.load_state_dict(saved)
    assert optimizer.state[w]["momentum_buffer"].dtype == np.float32


@every_kind
def test_a_deep_copy_goes_its_own_way(make):
    w = parameter(3)
    optimizer = make([w], lr=0.1)
    run(optimizer, [w], 2)
    after = w.array.copy()
    twin = copy.deepcopy(optimizer)
    (p,) = twin.param_groups[0]["params"]
    run(twin, [p], 1, first_seed=5)
    assert np.array_equal(w.array, after)
    run(optimizer, [w], 1, first_seed=5)
    assert np.array_equal(w.array, p.array)


# What a subclass is given, and asked for


class Recorder(optim.Optimizer):
    """Changes nothing, and remembers what `update` was called with."""

    def __init__(self, params, **options):
        super().__init__(params, {"lr": 0.5, "weight_decay": 0.0, "maximize": False, **options})
        self.calls = []

    def update(self, p, g, state, lr, group, scratch):
        state["step"] = state.get("step", 0) + 1
        self.calls.append((p, g, g.copy(), dict(state), lr, group, scratch))


def test_update_is_given_the_arrays_the_rate_and_the_state():
    w = parameter(3, 2)
    set_grad(w, 0)
    recorder = Recorder([w], lr=np.float32(0.25))
    recorder.step()
    recorder.step()
    for number, (p, g, _, state, lr, group, scratch) in enumerate(recorder.calls, 1):
        assert p is w.array
        assert g is w.grad.array  # nothing is copied without need
        assert state == {"step": number}
        assert (lr, type(lr)) == (0.25, float)
        assert group is recorder.param_groups[0]
        assert (scratch.shape, scratch.dtype) == ((3, 2), np.float64)
        assert not np.shares_memory(scratch, p)
        assert not np.shares_memory(scratch, g)
    assert list(recorder.state) == [w]


@pytest.mark.parametrize(
    ("options", "samples", "expected"),
    [
        ({}, 4, lambda g, p: g / 4),
        ({"maximize": True}, None, lambda g, p: -g),
        ({"maximize": True}, 2, lambda g, p: -g / 2),
        ({"weight_decay": 0.25}, None, lambda g, p: g + 0.25 * p),
        ({"weight_decay": 0.25, "maximize": True}, 4, lambda g, p: -g / 4 + 0.25 * p),
    ],
)
def test_update_is_given_the_gradient_of_what_is_minimized(options, samples, expected):
    w = parameter(3)
    set_grad(w, 0)
    held = w.grad.array.copy()
    recorder = Recorder([w], **options)
    recorder.step(samples=samples)
    ((_, g, value, *_, scratch),) = recorder.calls
    np.testing.assert_allclose(value, expected(held, w.array), rtol=1e-14)
    assert not np.shares_memory(g, w.grad.array)
    assert not np.shares_memory(g, scratch)
    np.testing.assert_array_equal(w.grad.array, held)


@pytest.mark.parametrize("maximize", [False, True])
def test_decoupled_decay_shrinks_the_parameter_before_the_update_and_leaves_the_gradient_alone(maximize):
    w = parameter(3)
    set_grad(w, 0)
    recorder = Recorder([w], weight_decay=0.25, decoupled_weight_decay=True, maximize=maximize)
    recorder.step()
    ((p, _, value, *_),) = recorder.calls
    np.testing.assert_array_equal(value, -w.grad.array if maximize else w.grad.array)
    np.testing.assert_array_equal(p, parameter(3).array * (1 - 0.5 * 0.25))
    recorder.param_groups[0]["weight_decay"] = 0.0
    before = w.array.copy()
    recorder.step()
    np.testing.assert_array_equal(w.array, before)


def test_a_gradient_is_copied_for_an_update_that_writes_to_it():
    w = parameter(3)
    set_grad(w, 0)
    overwriting = type("Kind", (Recorder,), {"overwrites_gradient": True})([w])
    overwriting.step()
    assert overwriting.calls[0][2].tolist() == w.grad.array.tolist()
    assert not np.shares_memory(overwriting.calls[0][1], w.grad.array)
    assert optim.Optimizer.overwrites_gradient is False


def test_all_parameters_of_a_dtype_share_the_memory_to_compute_in():
    small, large, single, turned = parameter(2), parameter(5, 4), parameter(3, dtype="float32"), parameter(4, 5)
    turned.array = np.asfortranarray(turned.array)
    params = [small, large, single, turned]
    for i, p in enumerate(params):
        set_grad(p, i)
    recorder = Recorder([{"params": params[:2]}, {"params": params[2:]}])
    recorder.step(samples=2)
    scratches = [call[-1] for call in recorder.calls]
    copies = [call[1] for call in recorder.calls]
    for p, scratch, copy_ in zip(params, scratches, copies, strict=True):
        assert scratch.shape == copy_.shape == p.shape
        assert scratch.dtype == copy_.dtype == p.dtype
        assert scratch.strides == copy_.strides == p.array.strides
        assert not np.shares_memory(scratch, copy_)
    assert np.shares_memory(scratches[0], scratches[1])
    assert np.shares_memory(scratches[1], scratches[3])
    assert not np.shares_memory(scratches[0], scratches[2])
    recorder.step(samples=2)
    assert all(call[-1] is scratch for call, scratch in zip(recorder.calls[4:], scratches, strict=True))


def test_memory_to_compute_in_grows_with_a_parameter_that_is_added():
    small, large = parameter(2), parameter(50)
    recorder = Recorder([small])
    set_grad(small, 0)
    recorder.step()
    recorder.add_param_group({"params": large})
    set_grad(large, 1)
    recorder.step()
    assert [call[-1].shape for call in recorder.calls] == [(2,), (2,), (50,)]


def test_a_rate_at_the_ends_of_its_range():
    w = parameter(2)
    set_grad(w, 0)
    recorder = Recorder([w])
    for lr in (0.0, 0, 1e300, np.float64(0.5), tg.tensor(0.5)):
        recorder.param_groups[0]["lr"] = lr
        recorder.step()
        assert recorder.calls[-1][4] == float(getattr(lr, "array", lr))
    for lr in (-0.5, float("inf"), float("nan"), "1"):
        recorder.param_groups[0]["lr"] = lr
        with pytest.raises(ValueError, match=r"Recorder\.step\(\): the learning rate of group 0 is"):
            recorder.step()
    assert len(recorder.calls) == 5


def test_an_option_that_a_kind_does_not_have_is_not_missed():
    class Plain(Recorder):
        def __init__(self, params):
            optim.Optimizer.__init__(self, params, {"lr": 0.5})
            self.calls = []

    w = parameter(3)
    set_grad(w, 0)
    plain = Plain([w])
    plain.step()
    assert plain.calls[0][1] is w.grad.array
    assert len(plain._arenas[w.array.dtype]) == 2


def test_a_step_warns_once_of_each_kind_of_mistake_and_points_to_its_line():
    def told(samples=None):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            line = sys._getframe().f_lineno + 1
            recorder.step(samples=samples)
        assert all((w.filename, w.lineno) == (__file__, line) for w in caught)
        return [str(w.message) for w in caught]

    unused, w = parameter(3), parameter(3)
    recorder = Recorder([{"params": [unused, w]}, {"params": parameter(2)}])
    tg.nn.functional.mse_loss(w * np.ones((4, 3)), np.zeros((4, 3))).backward()
    (message,) = told()
    assert message.startswith("Recorder.step(): the gradients are sums over 4 samples")
    assert told() == []
    (message,) = told(samples=100)
    assert message.startswith("Recorder.step(samples=100): the gradients are sums over 4 samples")
    assert told(samples=200) == told() == told(samples=4) == []


def test_the_second_groups_gradients_are_looked_at_as_well():
    w = parameter(3)
    recorder = Recorder([{"params": parameter(2)}, {"params": w}])
    tg.nn.functional.mse_loss(w * np.ones((4, 3)), np.zeros((4, 3))).backward()
    with pytest.warns(tg.SampleCountWarning, match="sums over 4 samples"):
        recorder.step()


def test_a_number_in_the_place_of_the_closure():
    for given, way_out in ((4, r"samples=4\)"), (np.ones(3), r"samples=n\)")):
        with pytest.raises(TypeError, match=rf"computes the loss\. To divide by .* write step\({way_out}"):
            Recorder([parameter(1)]).step(given)


def test_of_several_things_unknown_the_first_is_named():
    recorder = Recorder([parameter(2)])
    state = recorder.state_dict()
    state["state"] = {7: {}, 8: {}}
    with pytest.raises(ValueError, match=r"state of parameter 7, but the parameters are \[0\]"):
        recorder.load_state_dict(state)


def test_the_number_of_steps_is_loaded_as_one():
    w = parameter(2)
    recorder = Recorder([w])
    for step in (0, 3, np.float64(3.0), tg.tensor(3)):
        recorder.load_state_dict({**recorder.state_dict(), "state": {0: {"step": step}}})
        assert type(recorder.state[w]["step"]) is int
        assert recorder.state[w]["step"] == int(getattr(step, "array", step))
    for step in (-0.5, float("nan"), "3"):
        with pytest.raises(ValueError, match="it must be a number of steps: nothing was loaded"):
            recorder.load_state_dict({**recorder.state_dict(), "state": {0: {"step": step}}})


def test_numbers_of_the_state_are_loaded_as_numbers():
    class Counting(Recorder):
        state_numbers = frozenset({"step", "product"})

    w = parameter()
    counting = Counting([w])
    for value in (0.0, 0.25, np.array(0.25), tg.tensor(0.25)):
        counting.load_state_dict({**counting.state_dict(), "state": {0: {"step": 1, "product": value}}})
        assert type(counting.state[w]["product"]) is float
        assert counting.state[w]["product"] == float(getattr(value, "array", value))
    for value in (-0.5, float("nan"), float("inf"), "high", [1.0]):
        with pytest.raises(
            ValueError, match=r"'product' of parameter 0 is .*it must be a number >= 0: nothing was loaded"
        ):
            counting.load_state_dict({**counting.state_dict(), "state": {0: {"step": 1, "product": value}}})
    with pytest.raises(ValueError, match="it must be a number of steps"):
        counting.load_state_dict({**counting.state_dict(), "state": {0: {"step": float("inf")}}})


def test_a_step_returns_what_its_closure_returned():
    w = parameter(2)
    recorder = Recorder([w])
    assert recorder.step() is None
    with tg.no_grad():
        assert recorder.step(lambda: tg.is_grad_enabled()) is True
    assert recorder.calls == []
    assert recorder.state == {}
