"""How most ops are declared: each works element by element, and its rules make new arrays."""

from __future__ import annotations

from functools import partial

from ..engine.primitives import primitive
from ..sample_rules.families import elementwise

pointwise = partial(primitive, fresh=True, samples=elementwise)
"""`primitive` with ``fresh=True`` and the sample rule `elementwise`."""
