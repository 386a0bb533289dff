"""PyTorch's own tensors among ours: an error that says how to convert them, or the right numbers."""

from __future__ import annotations

import warnings

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

torch = pytest.importorskip("torch")

SAID = r"a tensor of torch \(torch\.Tensor\): convert it first, as in tg\.tensor\(x\.detach\(\)\.cpu\(\)\.numpy\(\)\)"


@pytest.mark.parametrize(
    "call",
    [
        lambda x, t: x + t,
        lambda x, t: t + x,
        lambda x, t: x * t,
        lambda x, t: x @ t,
        lambda x, t: tg.exp(t),
        lambda x, t: tg.maximum(x, t),
        lambda x, t: F.relu(t),
        lambda x, t: tg.sum(t),
        lambda x, t: tg.prod(t),
        lambda x, t: nn.Linear(3, 2)(t),
        lambda x, t: nn.Sequential(nn.Linear(3, 2), nn.ReLU())(t),
        lambda x, t: nn.LayerNorm(3)(t),
        lambda x, t: nn.Flatten()(t),
        lambda x, t: nn.Dropout()(t),
    ],
)
@pytest.mark.parametrize("tracked", [False, True])
def test_they_do_not_mix(call, tracked):
    for x in (tg.ones(3, 3), tg.ones(3, 3, requires_grad=True)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, of PyTorch's old protocol
            with pytest.raises(tg.DtypeError, match=SAID):
                call(x, torch.ones(3, 3, requires_grad=tracked))


def test_what_wants_a_gradient_is_not_converted_unawares():
    assert tg.tensor(torch.ones(2)).tolist() == [1, 1]
    with pytest.raises(tg.DtypeError, match=SAID):
        tg.tensor(torch.ones(2, requires_grad=True))


def test_their_parameters_modules_and_optimizers():
    theirs = torch.nn.Linear(2, 2)
    with pytest.raises(
        TypeError, match=r"SGD, group 0: parameter 0 is a tensor of torch \(torch\.nn\.parameter\.Param"
    ):
        tg.optim.SGD(theirs.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"Sequential holds modules, got something of torch"):
        nn.Sequential(theirs)
    with pytest.raises(TypeError, match=r"StepLR: needs the optimizer .* got something of torch"):
        tg.optim.lr_scheduler.StepLR(torch.optim.SGD(theirs.parameters(), lr=0.1), 1)
    model = nn.Module()
    with pytest.raises(TypeError, match=r"Module\.inner is something of torch"):
        model.inner = theirs
    with pytest.raises(TypeError, match=r"Module\.w is a tensor of torch"):
        model.w = torch.nn.Parameter(torch.ones(2))
