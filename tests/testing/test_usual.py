"""Right functions pass a property with whatever strategies give them by themselves."""

from __future__ import annotations

import pytest
from testing.handwritten import run_property, unexplained
from testing.usual import PROPERTIES


@pytest.mark.parametrize("name", PROPERTIES)
def test_is_not_accused(name: str) -> None:
    function, given = PROPERTIES[name]
    with unexplained():
        run_property(function, given, 0, laws=["linear_in_cotangent", "batch_is_sum_of_samples"])
