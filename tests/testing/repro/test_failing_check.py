"""failing_check: a program that shows the failure again."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from testing.provoked import failed

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import GradcheckError, gradcheck, gradcheck_vjp
from tinygrad_edu.testing.modules import check_module

pytestmark = pytest.mark.usefixtures("patient")

FACTOR = 3.0
SMALL = np.array([0.5, -1.0, 2.0])
ROOT = Path(tg.__file__).parents[1]


class Wrong(tg.Function):
    """x³, with a gradient that is a tenth too large where x > 0."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * FACTOR * x * x * tg.where(x > 0, 1.1, 1.0)


def forward(x, w):
    return x @ w


def vjp(g, x, w):
    return g @ w.T, g.T @ x


def run_here(program):
    """The report of the failure that a program shows."""
    with pytest.raises(GradcheckError) as caught:
        exec(compile(program, "<repro>", "exec", dont_inherit=True), {"__name__": "elsewhere"})
    return caught.value.report


def same_failure(report, other):
    assert [f.input.name for f in report.findings] == [f.input.name for f in other.findings]
    for one, two in zip(report.findings, other.findings, strict=True):
        np.testing.assert_array_equal(one.wrong, two.wrong)
        np.testing.assert_array_equal(one.analytic, two.analytic)
        np.testing.assert_array_equal(one.numeric, two.numeric)


MODULE = """
import numpy as np
import tinygrad_edu as tg
from tinygrad_edu.testing import gradient_property
from tinygrad_edu.testing.strategies import tensors

SEEN = []

def loss(x, w):
    return tg.tanh(x @ w) * tg.tanh(x @ w).detach()

@gradient_property(given=tensors(), profile="ci")
def test_x(x):
    SEEN.append(x.detach().numpy())
    return tg.tanh(x) * tg.tanh(x).detach()

@gradient_property(given={"b": tensors(()), "a": tensors((2,), domain="positive")}, profile="ci")
def test_by_name(a, *, b):
    SEEN.append(a.detach().numpy())
    return a * b * b.detach()

class Tests:
    factor = 2.0

    @gradient_property(given=[tensors((2,))], profile="ci")
    def test_method(self, x):
        SEEN.append(x.detach().numpy())
        return x * x.detach() * self.factor

class Net(tg.nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.width = width
        self.inner = tg.nn.Linear(width, 2)

    def forward(self, x):
        y = self.inner(x)
        return y * y.detach()

def unnamed(width):
    class Local(Net):
        pass
    return Local(width)

model = tg.nn.Sequential(unnamed(2))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user, and how a program fails in another process, which can import it."""
    name = f"module_of_{tmp_path.name.translate({ord(c): '_' for c in '.-[] '})}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def fails(program):
        text = f"import sys; sys.path[:0] = {[str(tmp_path), str(ROOT)]!r}\n{program}"
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        return done.stderr

    yield importlib.import_module(name), fails
    del sys.modules[name]


def worst(report):
    return next(line for line in str(report).splitlines() if line.startswith("  worst"))


def test_it_runs_in_another_process(mine):
    module, fails = mine
    rng = np.random.default_rng(0)
    report = failed(module.loss, (rng.normal(size=(2, 3)), rng.normal(size=(3, 2))))
    assert f"from {module.__name__} import loss" in report.repro
    text = fails(report.repro)
    assert "GradcheckError: loss: the gradient is wrong" in text
    assert worst(report) in text


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("test_x", "gradcheck(test_x.function, x, seed=0)"),
        ("test_by_name", "gradcheck(lambda b, a: test_by_name.function(b=b, a=a), (b, a), seed=0)"),
        ("Tests.test_method", "gradcheck(test_method.function.__get__(Tests()), x, seed=0)"),
    ],
)
def test_a_property_is_called_with_the_one_input(mine, name, call):
    module, fails = mine
    owner, _, method = name.rpartition(".")
    with pytest.raises(GradcheckError) as caught:
        (getattr(getattr(module, owner)(), method) if owner else getattr(module, name))()
    report = caught.value.report
    assert report.repro.splitlines()[-1] == call
    assert "#" not in report.repro
    assert "gradient_property" not in report.repro
    module.SEEN.clear()
    same_failure(report, run_here(report.repro))
    (given,) = [f.input.value for f in report.findings if f.input.name in ("x", "a")]
    assert all(seen.shape == given.shape for seen in module.SEEN)
    np.testing.assert_allclose(np.median(module.SEEN, axis=0), given, rtol=0, atol=1e-3)  # and to both sides of it
    assert worst(report) in fails(report.repro)


def test_a_module_of_the_user_is_built(mine):
    module, fails = mine
    for model, made in ((module.Net(), "model = Net()"), (module.Net(3), "model = Net(width=3)")):
        with pytest.raises(GradcheckError) as caught:
            check_module(model, np.array([[0.5, -1.0, 2.0][: model.width]]))
        report = caught.value.report
        lines = report.repro.splitlines()
        assert f"from {module.__name__} import Net" in lines
        assert made in lines
        assert "model.load_state_dict({" in lines
        assert "#" not in report.repro
        same_failure(report, run_here(report.repro))
        assert worst(report) in fails(report.repro)


def test_a_model_in_a_module_of_the_user_is_imported(mine):
    module, fails = mine
    with pytest.raises(GradcheckError) as caught:
        check_module(module.model, np.array([[0.5, -1.0]]))
    report = caught.value.report
    assert f"from {module.__name__} import model" in report.repro
    weight = module.model[0].inner.weight
    before = weight.array.copy()
    same_failure(report, run_here(report.repro))
    np.testing.assert_array_equal(weight.array, before)
    assert worst(report) in fails(report.repro)


def test_no_random_numbers_are_used_up():
    before = tg.get_rng_state()
    with pytest.raises(GradcheckError):
        check_module(nn.Sequential(nn.Linear(2, 2), Stop()).eval(), np.array([[0.5, -1.0]]))
    drawn = tg.get_rng_state()
    tg.set_rng_state(before)
    nn.Linear(2, 2)
    np.testing.assert_equal(tg.get_rng_state(), drawn)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: tg.exp(x) * tg.exp(x).detach(), SMALL),
        (lambda x: Wrong.apply(x) * FACTOR, (SMALL,)),
        (Wrong.apply, SMALL.astype(np.float32)),
        (lambda x, i, k: x[i] * x[i].detach() ** k, (SMALL, np.array([2, 0]), 2)),
        (lambda *xs: xs[0] * xs[1].detach(), (SMALL, SMALL)),
        (lambda x: x.detach() * x, np.array(0.5)),
    ],
    ids=["lambda", "with a class", "class", "other arguments", "variadic", "0-d"],
)
def test_it_shows_the_same_failure(f, inputs):
    report = failed(f, inputs)
    assert "#" not in report.repro, report.repro
    other = run_here(report.repro)
    for one, two in zip(report.findings, other.findings, strict=True):
        np.testing.assert_array_equal(one.wrong, two.wrong)
        np.testing.assert_array_equal(one.analytic, two.analytic)


def test_a_local_function_and_what_it_closes_over():
    scale = np.array([1.0, 2.0, 3.0])

    def stop(x):
        return x.detach()

    def f(x):
        return x * stop(x) * scale

    report = failed(f, SMALL)
    same_failure(report, run_here(report.repro))


def test_options_are_kept():
    report = failed(
        lambda x, w: x * x.detach() * w,
        (SMALL, SMALL),
        cotangent=np.array([1.0, 0.0, -2.0]),
        rtol=1e-6,
        wrt="x",
        mode="full",
        on_kink="convention",
        seed=7,
    )
    last = report.repro.splitlines()[-1]
    assert last == (
        "gradcheck(f, (x, w), cotangent=cotangent, rtol=1e-06, on_kink='convention', mode='full', wrt=['x'], seed=7)"
    )
    same_failure(report, run_here(report.repro))


def test_second_derivatives():
    report = failed(lambda x: tg.sin(x) * tg.sin(x).detach() + x**3, SMALL, order=2)
    assert report.repro.splitlines()[-1] == "gradcheck(f, x, order=2, seed=0)"
    same_failure(report, run_here(report.repro))


def test_a_backward_function_of_the_user():
    rng = np.random.default_rng(1)
    with pytest.raises(GradcheckError) as caught:
        gradcheck_vjp(forward, vjp, (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))))
    report = caught.value.report
    assert report.repro.splitlines()[-1] == "gradcheck(forward, (x, w), vjp=vjp, seed=0)"
    same_failure(report, run_here(report.repro))


def test_gradients_by_hand_of_what_is_no_function_of_the_user():
    for called, text in ((np.sin, "np.sin"), (functools.partial(np.multiply, 2.0), "f")):
        with pytest.raises(GradcheckError) as caught:
            gradcheck(called, SMALL, vjp=lambda g, x: 3 * g)
        report = caught.value.report
        assert report.repro.splitlines()[-1].startswith(f"gradcheck({text}, x")
        same_failure(report, run_here(report.repro))


class Stop(nn.Module):
    def forward(self, x):
        return x * x.detach()


def test_a_module():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

    tanh = tg.tanh.primitive
    old = tanh.vjps
    tanh.vjps = (lambda g, out, x: g * (1 - out),)
    try:
        with pytest.raises(GradcheckError) as caught:
            check_module(model, np.array([[0.5, -1.0]]))
        report = caught.value.report
        assert report.repro.splitlines()[-1] == "check_module(model, x, seed=0)"
        report.repro = report.repro.replace(
            "from tinygrad_edu.testing import", "from tinygrad_edu.testing.modules import"
        )
        same_failure(report, run_here(report.repro[report.repro.index("import numpy") :]))
    finally:
        tanh.vjps = old


def test_a_module_that_cannot_be_written_out():
    class Local(Stop):
        pass

    with pytest.raises(GradcheckError) as caught:
        check_module(nn.Sequential(nn.Linear(2, 2), Local()), np.array([[0.5, -1.0]]))
    assert "model = ...  # Sequential, as in your program\n# Sequential(\n" in caught.value.report.repro


def test_large_inputs_are_cut_down():
    rng = np.random.default_rng(2)
    report = failed(lambda x, w: (x @ w) * (x @ w).detach(), (rng.normal(size=(40, 6)), rng.normal(size=(6, 30))))
    assert report.repro.startswith("# smaller inputs, which fail as well\n")
    other = run_here(report.repro)
    assert sum(f.analytic.size for f in other.findings) <= 60


def test_large_inputs_that_cannot_be_cut_down_are_left_to_be_filled_in():
    report = failed(lambda x: x.reshape(3, 40) * x.reshape(3, 40).detach(), np.random.default_rng(3).normal(size=120))
    assert "x = ...  # float64 (120,): the array you passed" in report.repro
