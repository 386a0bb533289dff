"""Ten steps of every optimizer and option beside PyTorch's."""

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

OPTIONS = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "nesterov": True},
        {"weight_decay": 0.1},
        {"momentum": 0.8, "weight_decay": 0.1, "nesterov": True, "maximize": True},
        {"maximize": True},
    ],
    "Adam": [
        {},
        {"betas": (0.5, 0.9)},
        {"betas": (0.0, 0.5)},
        {"eps": 1e-2},
        {"weight_decay": 0.1},
        {"amsgrad": True},
        {"amsgrad": True, "weight_decay": 0.1, "maximize": True},
    ],
    "AdamW": [{}, {"weight_decay": 0.3}, {"weight_decay": 0.0}, {"amsgrad": True, "maximize": True}],
    "RMSprop": [
        {},
        {"alpha": 0.5},
        {"eps": 1e-2},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.9, "weight_decay": 0.1, "maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr_decay": 0.1},
        {"initial_accumulator_value": 0.5, "eps": 1e-3},
        {"lr_decay": 0.1, "weight_decay": 0.1, "maximize": True},
    ],
    "Adadelta": [{}, {"rho": 0.5, "eps": 1e-2}, {"weight_decay": 0.1, "maximize": True}],
}
CASES = [(name, options) for name, choices in OPTIONS.items() for options in choices]
SHAPES = [(4, 3), (3,), (), (2, 3, 2)]


def curved(x, a):
    """A loss of one parameter with a curved, rotated and noisy gradient."""
    return (a * x - 1) * (a * x - 1) + 0.1 * x * x * x


def starts():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in SHAPES], [[rng.normal(size=s) for s in SHAPES] for _ in range(10)]


@pytest.mark.parametrize("samples", [None, 7])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_ten_steps(name, options, samples):
    begin, factors = starts()
    mine = [tg.tensor(x, requires_grad=True) for x in begin]
    theirs = [torch.tensor(x, requires_grad=True) for x in begin]
    own = {"lr": 0.03, "weight_decay": 0.05}
    a = getattr(tg.optim, name)([{"params": mine[:2]}, {"params": mine[2:], **own}], lr=0.01, **options)
    b = getattr(torch.optim, name)([{"params": theirs[:2]}, {"params": theirs[2:], **own}], lr=0.01, **options)
    for step, row in enumerate(factors):
        a.zero_grad()
        b.zero_grad()
        for i, factor in enumerate(row):
            if step == 3 and i == 1:
                continue  # one parameter sits out one step
            curved(mine[i], tg.tensor(factor)).backward()
            loss = curved(theirs[i], torch.tensor(factor)).sum()
            (loss if samples is None else loss / samples).backward()
        a.step(samples=samples)
        b.step()
        for x, y in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=1e-10, atol=1e-10)
    assert not np.allclose(mine[0].array, begin[0], rtol=1e-3)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_defaults_are_pytorchs(name):
    mine = getattr(tg.optim, name)([tg.tensor([1.0], requires_grad=True)]).defaults
    theirs = getattr(torch.optim, name)([torch.tensor([1.0], requires_grad=True)]).defaults
    assert mine == {key: theirs[key] for key in mine}


@pytest.mark.parametrize(("name", "options"), [("Adam", {"amsgrad": True}), ("AdamW", {}), ("SGD", {"momentum": 0.9})])
def test_state_of_pytorch_can_be_loaded(name, options):
    begin, factors = starts()
    theirs = [torch.tensor(x, requires_grad=True) for x in begin]
    b = getattr(torch.optim, name)(theirs, lr=0.01, **options)

    def step(params, optimizer, tensor, row):
        optimizer.zero_grad()
        for p, factor in zip(params, row, strict=True):
            curved(p, tensor(factor)).sum().backward()
        optimizer.step()

    for row in factors[:5]:
        step(theirs, b, torch.tensor, row)
    mine = [tg.tensor(y.detach().numpy().copy(), requires_grad=True) for y in theirs]
    a = getattr(tg.optim, name)(mine, lr=0.5, **options)
    saved = b.state_dict()
    state = {
        i: {k: v.numpy() if torch.is_tensor(v) else v for k, v in entry.items()} for i, entry in saved["state"].items()
    }
    a.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
    for row in factors[5:]:
        step(theirs, b, torch.tensor, row)
        step(mine, a, tg.tensor, row)
    for x, y in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=1e-10, atol=1e-10)
