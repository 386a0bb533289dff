"""Ten steps of every optimizer and option beside PyTorch's."""

import warnings

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
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
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
    "Adamax": [
        {},
        {"betas": (0.5, 0.9)},
        {"betas": (0.0, 0.0)},
        {"eps": 1e-2},
        {"maximize": True},
        {"betas": (0.8, 0.5), "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
    ],
    "NAdam": [
        {},
        {"betas": (0.5, 0.9)},
        {"betas": (0.0, 0.5)},
        {"eps": 1e-2},
        {"momentum_decay": 0.5},
        {"momentum_decay": 0.0},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"momentum_decay": 0.1, "weight_decay": 0.1, "maximize": True},
        {"momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {},
        {"betas": (0.5, 0.9)},
        {"betas": (0.9, 0.5)},
        {"betas": (0.0, 0.8), "eps": 1e-2},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True},
        {"betas": (0.8, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
}
CASES = [(name, options) for name, choices in OPTIONS.items() for options in choices]
SHAPES = [(4, 3), (3,), (), (2, 3, 2)]


def curved(x, a):
    """A loss of one parameter with a curved, rotated and noisy gradient."""
    return (a * x - 1) * (a * x - 1) + 0.1 * x * x * x


def starts():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in SHAPES], [[rng.normal(size=s) for s in SHAPES] for _ in range(10)]


@pytest.fixture(autouse=True)
def double():
    """PyTorch keeps some numbers of the state, such as NAdam's, in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


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


@pytest.mark.parametrize(("name", "options"), [
    ("Adam", {"amsgrad": True}), ("AdamW", {}), ("SGD", {"momentum": 0.9}), ("Adamax", {}), ("NAdam", {}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1}), ("RAdam", {"betas": (0.9, 0.8)}),
    ("RMSprop", {"momentum": 0.9, "centered": True}), ("Adagrad", {}), ("Adadelta", {}),
])  # fmt: skip
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
    a.load_state_dict(b.state_dict())
    for row in factors[5:]:
        step(theirs, b, torch.tensor, row)
        step(mine, a, tg.tensor, row)
    for x, y in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=1e-10, atol=1e-10)


def test_what_is_loaded_is_a_copy():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    theirs = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    (w * w).sum().backward()
    theirs.step()
    mine = tg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = tg.optim.SGD([mine], lr=0.1, momentum=0.9)
    optimizer.load_state_dict(theirs.state_dict())
    before = theirs.state[w]["momentum_buffer"].clone()
    (mine * mine).sum().backward()
    optimizer.step(samples=1)
    assert type(optimizer.state[mine]["momentum_buffer"]) is np.ndarray
    assert torch.equal(theirs.state[w]["momentum_buffer"], before)


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"line_search_fn": "strong_wolfe"}])
def test_state_of_pytorchs_lbfgs_can_be_loaded(options):
    theirs = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    b = torch.optim.LBFGS([theirs], max_iter=4, **options)

    def closure(w, optimizer):
        def evaluate():
            optimizer.zero_grad()
            loss = ((1 - w) ** 2).sum() + (w**4).sum()
            loss.backward()
            return loss

        return evaluate

    b.step(closure(theirs, b))
    mine = tg.tensor(theirs.detach().numpy().copy(), requires_grad=True)
    a = tg.optim.LBFGS([mine], max_iter=4, **options)
    a.load_state_dict(b.state_dict())
    a.step(closure(mine, a), samples=1)
    b.step(closure(theirs, b))
    np.testing.assert_allclose(mine.array, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [*OPTIONS, "LBFGS"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": -0.1},
        {"betas": (1.0, 0.9)},
        {"betas": (-0.1, 0.9)},
        {"betas": (0.9, 1.0)},
        {"betas": (0.9, -0.1)},
        {"eps": -1.0},
        {"weight_decay": -1.0},
        {"momentum_decay": -1.0},
        {"momentum": -1.0},
        {"alpha": -1.0},
        {"rho": 1.5},
        {"lr_decay": -1.0},
        {"initial_accumulator_value": -1.0},
    ],
)
def test_what_pytorch_refuses_is_refused(name, wrong):
    if set(wrong) <= set(getattr(torch.optim, name)([torch.ones(1, requires_grad=True)]).defaults):
        for library, tensor in ((torch, torch.tensor), (tg, tg.tensor)):
            with pytest.raises(ValueError, match=next(iter(wrong)) if library is tg else "Invalid"):
                getattr(library.optim, name)([tensor([1.0], requires_grad=True)], **wrong)


# Gradients that are clipped


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("by", ["norm", "value"])
def test_clipped_gradients(name, maximize, by):
    """A limit for a mean is the number of samples times as high for a sum, but for what is added to the norm."""
    begin, factors = starts()
    mine = [tg.tensor(x, requires_grad=True) for x in begin]
    theirs = [torch.tensor(x, requires_grad=True) for x in begin]
    a = getattr(tg.optim, name)(mine, lr=0.01, maximize=maximize)
    b = getattr(torch.optim, name)(theirs, lr=0.01, maximize=maximize)
    for row in factors:
        a.zero_grad()
        b.zero_grad()
        for i, factor in enumerate(row):
            curved(mine[i], tg.tensor(factor)).backward()
            (curved(theirs[i], torch.tensor(factor)).sum() / 7).backward()
        if by == "norm":
            tg.nn.utils.clip_grad_norm_(mine, 7 * 0.1)
            torch.nn.utils.clip_grad_norm_(theirs, 0.1)
        else:
            tg.nn.utils.clip_grad_value_(mine, 7 * 0.01)
            torch.nn.utils.clip_grad_value_(theirs, 0.01)
        a.step(samples=7)
        b.step()
    for x, y in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=1e-10 if by == "value" else 1e-5)


# L-BFGS

RNG = np.random.default_rng(0)
ROWS, SIGNS = RNG.normal(size=(20, 4)), np.sign(RNG.normal(size=20))


def valley(lib, w):
    """Rosenbrock's function."""
    return ((1 - w[:-1]) ** 2).sum() + 100 * ((w[1:] - w[:-1] ** 2) ** 2).sum()


def steep(lib, w):
    return ((w - lib.tensor(np.arange(4.0))) ** 4).sum() + w.sum() ** 2


def logistic(lib, w):
    return lib.log(1 + lib.exp(-(lib.tensor(ROWS) @ w) * lib.tensor(SIGNS))).sum() + 0.1 * (w * w).sum()


def wavy(lib, w):
    return (lib.sin(3 * w) + 0.3 * w * w).sum() + 0.2 * w[0] * w[1]


def straight(lib, w):
    return w.sum()


def kinked(lib, w):
    return lib.abs(w - lib.tensor(0.3 * np.arange(4.0))).sum()


WOLFE = {"line_search_fn": "strong_wolfe"}
PROBLEMS = {
    valley: [
        {"lr": 1e-3},
        {"lr": 1e-3, "max_iter": 4, "history_size": 1},
        {**WOLFE, "max_iter": 4},
        {**WOLFE, "max_iter": 3, "history_size": 2},
        {**WOLFE, "max_iter": 2, "lr": 0.1},
        {**WOLFE, "max_iter": 1},
        {**WOLFE, "max_iter": 5, "max_eval": 4},
    ],
    steep: [{}, {"lr": 0.1, "max_iter": 4}, {"lr": 0.5, "history_size": 3}, WOLFE, {**WOLFE, "lr": 10.0}],
    logistic: [{"lr": 0.1}, WOLFE, {**WOLFE, "max_iter": 2, "history_size": 1}, {**WOLFE, "max_eval": 3}],
    wavy: [{"lr": 0.1, "max_iter": 5}, WOLFE, {**WOLFE, "lr": 3.0, "max_iter": 2}],
    straight: [{}, {"lr": 0.01}, {**WOLFE, "max_iter": 3}, {**WOLFE, "max_iter": 3, "max_eval": 30}],
    kinked: [{"lr": 0.01, "max_iter": 4}, {**WOLFE, "max_iter": 3}],
}
TOLERANCES = [{}, {"tolerance_grad": 0.1}, {"tolerance_change": 1e-2}, {"tolerance_grad": 0.0, "tolerance_change": 0.0}]


def walk(library, f, options, samples, maximize=False):
    """Where each of ten steps leads to, the losses they return, and how often they evaluate."""
    parts = [library.tensor(np.array(x), requires_grad=True) for x in ([-1.2, 1.0], [[0.5], [2.0]])]
    optimizer = library.optim.LBFGS(parts, **options, **({"maximize": True} if maximize else {}))
    path, told = [], []

    def closure():
        optimizer.zero_grad()
        loss = f(library, library.cat([p.reshape(-1) for p in parts]))
        loss = loss * samples if library is tg and samples else loss
        loss = -loss if maximize else loss
        loss.backward()
        return loss

    for _ in range(10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that are too large
            loss = optimizer.step(closure) if library is torch else optimizer.step(closure, samples=samples or 1)
        state = optimizer.state[parts[0]]
        told.append((state["func_evals"], state["n_iter"], len(state.get("old_dirs") or ())))
        place = np.concatenate([np.ravel(p.tolist()) for p in parts])
        path.append([*place, (-1 if maximize else 1) * loss.item() / (samples or 1 if library is tg else 1)])
    return np.array(path), told


@pytest.mark.parametrize("samples", [None, 7])
@pytest.mark.parametrize(("f", "options"), [(f, options) for f, choices in PROBLEMS.items() for options in choices])
def test_lbfgs_goes_the_same_way(f, options, samples):
    mine, told = walk(tg, f, options, samples)
    theirs, expected = walk(torch, f, options, samples)
    assert told == expected
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("f", [steep, logistic, wavy])
@pytest.mark.parametrize("tolerances", TOLERANCES)
@pytest.mark.parametrize("options", [{"lr": 0.1, "max_iter": 5}, {**WOLFE, "max_iter": 2}])
def test_lbfgs_stops_at_the_same_limit(f, tolerances, options):
    mine, told = walk(tg, f, {**options, **tolerances}, None)
    theirs, expected = walk(torch, f, {**options, **tolerances}, None)
    assert told == expected or tolerances.get("tolerance_change") == 0.0
    np.testing.assert_allclose(mine, theirs, rtol=1e-7 if 0.0 in tolerances.values() else 1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{"lr": 0.1}, WOLFE])
def test_lbfgs_goes_up_as_pytorchs_goes_down_the_negative(options):
    mine, told = walk(tg, logistic, options, 3, maximize=True)
    theirs, expected = walk(torch, logistic, options, None)
    assert told == expected
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


def test_the_defaults_of_lbfgs_are_pytorchs():
    mine = tg.optim.LBFGS([tg.tensor([1.0], requires_grad=True)]).defaults
    theirs = torch.optim.LBFGS([torch.tensor([1.0], requires_grad=True)]).defaults
    assert {key: value for key, value in mine.items() if key != "maximize"} == theirs


def test_lbfgs_refuses_what_pytorchs_refuses():
    for library, tensor in ((tg, tg.tensor), (torch, torch.tensor)):
        params = [tensor([1.0], requires_grad=True) for _ in range(2)]
        with pytest.raises(ValueError, match="parameter group"):
            library.optim.LBFGS([{"params": [p]} for p in params])
        with pytest.raises(TypeError, match=r"closure|evaluates"):
            library.optim.LBFGS(params).step()
