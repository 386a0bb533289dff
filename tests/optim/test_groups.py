"""Parameters, groups and their options: what is taken, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from made import parameter
from optimizers import every_kind

import tinygrad_edu as tg
from tinygrad_edu import optim


def test_groups_have_options_of_their_own():
    a, b = parameter(1), parameter(1)
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5, "momentum": 0.9}], lr=0.1)
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.0, 0.9]
    a.grad, b.grad = [1.0], [1.0]
    start = a.item()
    optimizer.step()
    assert a.item() == pytest.approx(start - 0.1)
    assert b.item() == pytest.approx(start - 0.5)


def test_the_groups_passed_in_are_not_changed():
    group = {"params": [parameter(1)]}
    optim.SGD([group], lr=0.1)
    assert list(group) == ["params"]


def test_named_parameters():
    a, b = parameter(1), parameter(2)
    optimizer = optim.SGD([("weight", a), ("bias", b)])
    assert optimizer.param_groups[0]["params"] == [a, b] or optimizer.param_groups[0]["params"][1] is b
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="1 of 2 parameters have a name"):
        optim.SGD([("weight", a), b])


def test_repr_shows_groups_and_options():
    text = repr(optim.SGD([{"params": parameter(1)}, {"params": [parameter(1), parameter(2)], "lr": 0.5}], lr=0.25))
    assert text.startswith("SGD (\n  group 0: 1 parameters\n    dampening: 0.0\n")
    assert "group 1: 2 parameters" in text
    assert "lr: 0.25" in text
    assert "lr: 0.5" in text


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (list, ValueError, r"SGD: params is empty.*nothing to optimize"),
        (lambda: iter([]), ValueError, "used up by an earlier loop"),
        (lambda: [{"params": []}], ValueError, "SGD, group 0: 'params' is empty"),
        (lambda: parameter(2), TypeError, r"params is one tensor.*pass \[tensor\]"),
        (lambda: {parameter(2)}, TypeError, "params is a set, whose order changes"),
        (lambda: [{"params": {parameter(2)}}], TypeError, "group 0: params is a set"),
        (lambda: 3, TypeError, "params is a int: pass a list of tensors"),
        (lambda: {"params": [parameter(2)]}, TypeError, "params is a dict: pass a list of tensors or of groups"),
        (lambda: [parameter(2), np.ones(3)], TypeError, "parameter 1 is a ndarray, not a Tensor"),
        (
            lambda: [parameter(2), {"params": parameter(1)}],
            TypeError,
            "parameter 1 is a dict.*pass a dict for every group",
        ),
        (lambda: [{"params": parameter(1)}, parameter(2)], TypeError, "group 1: a parameter group is a dict"),
        (lambda: [{"lr": 0.1}], ValueError, "group 0: the group has no 'params', only lr"),
        (
            lambda: [parameter(1), 2 * parameter(2)],
            ValueError,
            r"parameter 1, of shape \(2,\), was computed from other",
        ),
        (lambda: [tg.tensor([1, 2])], tg.DtypeError, "SGD, group 0: parameter 0 has dtype int64.*float"),
        (lambda: [("w", tg.tensor([1]))], tg.DtypeError, "parameter 'w' has dtype int64"),
        (lambda: [{"params": parameter(1), "momentun": 0.9}], ValueError, "unknown option 'momentun'.*momentum"),
        (
            lambda: [{"params": parameter(1), "lr": float("nan")}],
            ValueError,
            "SGD, group 0: lr=nan: the learning rate must be",
        ),
        (
            lambda: [{"params": parameter(1), "momentum": -1.0}],
            ValueError,
            "SGD: momentum=-1.0: must be a finite number",
        ),
        (
            lambda: [tg.from_numpy(np.broadcast_to(np.ones(1), 3))],
            ValueError,
            "the memory of parameter 0 is read-only: pass a copy",
        ),
    ],
)
def test_wrong_parameters(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params())


def test_a_model_instead_of_its_parameters():
    with pytest.raises(TypeError, match=r"params is a Sequential: pass its \.parameters\(\)"):
        optim.SGD(tg.nn.Sequential(tg.nn.Linear(2, 3)))


def test_parameters_that_are_not_called():
    with pytest.raises(TypeError, match=r"params is a method: pass what it returns: call it, with \(\)"):
        optim.SGD(tg.nn.Linear(2, 3).parameters)


def test_parameters_of_a_model():
    model = tg.nn.Linear(2, 3)
    optimizer = optim.SGD(model.named_parameters(), lr=0.5)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    before = model.bias.array.copy()
    model(tg.zeros(4, 2)).backward()
    optimizer.step(samples=4)
    np.testing.assert_allclose(model.bias.array, before - 0.5, rtol=1e-6)


def test_a_parameter_given_twice():
    w = parameter(2)
    with pytest.raises(ValueError, match=r"parameter 1, .* is also in this group, a second time: .*changed twice"):
        optim.SGD([w, w])
    with pytest.raises(ValueError, match=r"group 1: parameter 0, .* is also in another group"):
        optim.SGD([{"params": [w]}, {"params": [w]}])


def test_a_wrong_group_is_not_added():
    optimizer = optim.SGD([parameter(2)])
    with pytest.raises(ValueError, match="lr=-1"):
        optimizer.add_param_group({"params": parameter(2), "lr": -1})
    assert len(optimizer.param_groups) == 1


@every_kind
@pytest.mark.parametrize("lr", [float("nan"), -0.1, float("inf"), "0.1", None])
def test_the_learning_rate_must_be_a_proper_number(make, lr):
    with pytest.raises(ValueError, match=r"lr=.*: the learning rate must be a finite number >= 0"):
        make([parameter(2)], lr=lr)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda p: optim.Adam(p, betas=(0.9, 1.0)),
            r"Adam: betas=\(0.9, 1.0\): betas\[1\] must be >= 0 and < 1",
        ),
        (lambda p: optim.AdamW(p, betas=(-0.1, 0.9)), r"AdamW: betas=.*betas\[0\] must be"),
        (lambda p: optim.Adam(p, betas=0.9), "Adam: betas=0.9 must be two numbers"),
        (lambda p: optim.Adam(p, betas=(0.9, float("nan"))), r"betas\[1\]"),
        (lambda p: optim.Adam(p, eps=-1.0), "Adam: eps=-1.0: must be a finite number >= 0"),
        (lambda p: optim.SGD(p, weight_decay=-1.0), "SGD: weight_decay=-1.0"),
        (lambda p: optim.SGD(p, nesterov=True), "nesterov=True with momentum=0.0.* it needs momentum > 0"),
        (lambda p: optim.SGD(p, momentum=0.9, dampening=0.1, nesterov=True), "no dampening"),
        (lambda p: optim.SGD(p, dampening=float("nan")), "dampening=nan"),
        (lambda p: optim.RMSprop(p, alpha=1.0), "RMSprop: alpha=1.0: must be a finite number >= 0 and < 1"),
        (lambda p: optim.Adagrad(p, lr_decay=-1.0), "Adagrad: lr_decay=-1.0"),
        (lambda p: optim.Adadelta(p, rho=1.5), "Adadelta: rho=1.5 must be >= 0 and <= 1"),
    ],
)
def test_wrong_options(make, message):
    with pytest.raises(ValueError, match=message):
        make([parameter(2)])


def test_of_several_unknown_options_the_first_is_named():
    options = {"lr": 0.1, "weight_decay": 0.0, "maximize": False}
    with pytest.raises(ValueError, match="unknown option 'a' of a group: it may have lr, weight_decay, maximize"):
        optim.Optimizer([{"params": parameter(2), "b": 1, "a": 1}], options)
