"""Parameters as one vector."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import utils


def test_parameters_as_a_vector_and_back() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    vector.backward()
    assert all(p.grad is not None for p in net.parameters())
    twin = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    utils.vector_to_parameters(vector.detach(), twin.parameters())
    x = tg.randn(4, 2)
    np.testing.assert_array_equal(twin(x).array, net(x).array)
    before = twin[0].weight.array.copy()
    with pytest.raises(tg.ShapeError, match=r"the parameters hold 13 numbers, vec has shape \(12,\)"):
        utils.vector_to_parameters(tg.zeros(12), twin.parameters())
    np.testing.assert_array_equal(twin[0].weight.array, before)


def test_no_parameters() -> None:
    with pytest.raises(ValueError, match="parameters_to_vector: there are no parameters"):
        utils.parameters_to_vector([])
    utils.vector_to_parameters(tg.zeros(0), [])
