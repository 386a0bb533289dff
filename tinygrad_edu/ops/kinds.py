"""How ops of one kind are declared: as `primitive`, with what they have in common filled in."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..engine.primitives import primitive
from ..sample_rules.families import along_axis, elementwise, reduction

pointwise: Final = partial(primitive, fresh=True, samples=elementwise)
"""Elementwise ops, as most are, with rules that make new arrays."""

reducing: Final = partial(primitive, fresh=True, samples=reduction)
"""What makes one number of all along some axes, by rules that make new arrays."""

axiswise: Final = partial(primitive, fresh=True, single=True, samples=along_axis)
"""What computes each number from all along an axis, in several steps, by rules that make new arrays."""
