"""A float32 model that is fed float64 says so: once, of the user's line, and never where it would be wrong."""

from __future__ import annotations

import copy
import inspect
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, check_float32, check_module, gradcheck

DATA = np.arange(12.0).reshape(4, 3)  # float64, as scikit-learn has it


def deep():
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.LayerNorm(5), nn.Linear(5, 5), nn.PReLU(), nn.Linear(5, 2))


class Net(nn.Module):
    """Two layers, on two lines of the user's; between them something may be added."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x, offset=0.0):
        h = self.hidden(x)
        return self.out(h + offset)


def told(call):
    """The warnings of a call, with a filter that holds none of them back."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return caught


@pytest.mark.parametrize("make", [deep, Net])
@pytest.mark.parametrize("mode", [tg.enable_grad, tg.no_grad])
def test_one_warning_for_a_model_however_many_layers_it_has(make, mode):
    model = make()
    with mode():
        (warning,) = told(lambda: model(tg.tensor(DATA)))
        assert warning.category is UserWarning
        assert told(lambda: model(tg.tensor(DATA))) == []
        assert told(lambda: model(DATA)) == []
        assert len(told(lambda: make()(DATA))) == 1  # another model, and an array that is no tensor
        assert len(told(lambda: copy.deepcopy(model)(DATA))) == 1


def test_what_it_says():
    (warning,) = told(lambda: nn.Linear(3, 2)(tg.tensor(DATA)))
    assert str(warning.message) == (
        "Linear: its parameters are float32, but the input is float64, as NumPy makes its arrays unless told "
        "otherwise. So everything from here on is computed in float64, in twice the memory and up to three times "
        "the time. Convert the input, x.float(), or the model, model.double(), if you want this precision"
    )


def test_it_is_told_of_the_user_s_line():
    model = deep()

    def call():
        model(tg.tensor(DATA))

    (warning,) = told(call)
    assert (warning.filename, warning.lineno) == (__file__, call.__code__.co_firstlineno + 1)


def test_where_float64_comes_in_later_the_layer_is_named():
    model = Net()
    (warning,) = told(lambda: model(tg.tensor(DATA).float(), tg.tensor([0.5] * 5, dtype="float64")))
    assert str(warning.message).startswith("Linear 'out': its parameters are float32")
    (warning,) = told(lambda: nn.Sequential(deep(), nn.ReLU())(DATA))
    assert str(warning.message).startswith("Linear '0.0': ")


LAYERS = {
    "Linear": (lambda: nn.Linear(3, 2), 1, (4, 3)),
    "Bilinear": (lambda: nn.Bilinear(3, 3, 2), 2, (4, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(3), 1, (4, 3)),
    "RMSNorm": (lambda: nn.RMSNorm(3), 1, (4, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(1, 3), 1, (4, 3)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), 1, (4, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), 1, (4, 3, 1, 1)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(3), 1, (4, 3, 1, 1, 1)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(3, affine=True), 1, (2, 3, 2)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), 1, (2, 3, 1, 2)),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(3, affine=True), 1, (2, 3, 1, 1, 2)),
    "PReLU": (nn.PReLU, 1, (4, 3)),
    "Conv1d": (lambda: nn.Conv1d(3, 2, 1), 1, (2, 3, 2)),
    "Conv2d": (lambda: nn.Conv2d(3, 2, 1), 1, (2, 3, 1, 2)),
    "Conv3d": (lambda: nn.Conv3d(3, 2, 1), 1, (2, 3, 1, 1, 2)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 2, 1), 1, (2, 3, 2)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 2, 1), 1, (2, 3, 1, 2)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(3, 2, 1), 1, (2, 3, 1, 1, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_with_floating_parameters_and_inputs(name):
    make, count, shape = LAYERS[name]
    wide = tg.tensor(DATA.reshape(shape))
    narrow = wide.float()
    (warning,) = told(lambda: make()(*[wide] * count))
    assert str(warning.message).startswith(f"{name}: ")
    assert len(told(lambda: make()(narrow, *[wide] * (count - 1)))) == count - 1
    assert told(lambda: make()(*[narrow] * count)) == []
    assert told(lambda: make().double()(*[wide] * count)) == []


def test_these_are_all_the_layers_with_a_weight():
    classes = [value for value in vars(nn).values() if isinstance(value, type) and issubclass(value, nn.Module)]
    weighted = {cls.__name__ for cls in classes for base in cls.__mro__ if "weight" in inspect.get_annotations(base)}
    weighted = {name for name in weighted if not name.endswith("Loss") and not name.startswith("Lazy")}
    assert weighted == {*LAYERS, "Embedding", "EmbeddingBag"}


def test_both_ways_out():
    model = deep()
    assert told(lambda: model(tg.tensor(DATA).float())) == []
    assert model(tg.tensor(DATA).float()).dtype == tg.float32
    assert told(lambda: model.double()(tg.tensor(DATA))) == []


def test_as_an_error_it_stays_one_until_it_is_mended():
    model = deep()
    for _ in range(2):
        with pytest.raises(UserWarning, match=r"x\.float\(\)"):
            model(DATA)


@pytest.mark.parametrize(
    "x",
    [
        tg.tensor([[1, 2, 3]]),
        tg.tensor([[True, False, True]]),
        np.arange(3),
        tg.tensor(DATA).float() * np.float64(2.0),
        tg.tensor(DATA).float() + 1.0,
        tg.tensor(DATA).half(),
    ],
    ids=["integers", "booleans", "array of integers", "NumPy's number", "Python's number", "float16"],
)
def test_what_widens_nothing(x):
    assert told(lambda: deep()(x)) == []


def test_mixtures_that_are_meant():
    narrow = tg.tensor(DATA).float()
    assert told(lambda: nn.Linear(3, 2).double()(narrow)) == []
    assert told(lambda: nn.Linear(3, 2)(nn.Parameter(tg.tensor(DATA)))) == []
    assert told(lambda: F.linear(DATA, nn.Linear(3, 2).weight)) == []
    assert told(lambda: nn.LayerNorm(3, elementwise_affine=False)(tg.tensor(DATA))) == []
    assert told(lambda: nn.RMSNorm(3, elementwise_affine=False)(tg.tensor(DATA))) == []


@pytest.mark.parametrize("data", ["float32", "float64"])
def test_a_float16_model_computes_in_what_it_gets(data):
    assert told(lambda: nn.Linear(3, 2).half()(tg.tensor(DATA, dtype=data))) == []


def test_checks_of_gradients_compute_in_float64_and_say_nothing_of_it():
    model, x = Net(), tg.randn(4, 3)
    assert told(lambda: check_module(model, x)) == []
    assert told(lambda: check_float32(lambda x: nn.functional.linear(x, tg.ones(2, 3)), x)) == []

    def check():
        with pytest.raises(GradcheckError, match="narrower dtype"):  # which is what is to be said here
            gradcheck(lambda x: model(x), x)

    assert told(check) == []
    assert len(told(lambda: model(DATA))) == 1  # and it is still to be told
