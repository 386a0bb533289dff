"""The types that annotations name before they are defined: the only imports that go to rooms further down.

Type checkers alone run them. An op says ``-> Tensor`` long before there is a `Tensor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sample_rules.rule import SampleRule as SampleRule
    from ..tensors.tensor import Tensor as Tensor
