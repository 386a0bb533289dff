"""How to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

Mode = Literal["auto", "full", "project"]
Method = Literal["auto", "complex", "richardson"]
OnKink = Literal["skip", "error", "convention"]

_CLOSE = 1e-8


@dataclass
class Options:
    """The options of a check, and its random choices; see `gradcheck`."""

    method: Method = "auto"
    rtol: Any = None
    on_kink: OnKink = "skip"
    mode: Mode = "auto"
    seed: int = 0
    allow_zero: bool = False
    order: int = 1
    cotangent: Any = None

    def __post_init__(self) -> None:
        for name, known in (("method", get_args(Method)), ("on_kink", get_args(OnKink)), ("mode", get_args(Mode))):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"gradcheck: {name}={value!r} is not known: use {', '.join(map(repr, known))}")
        if self.order not in (1, 2):
            raise ValueError(f"gradcheck: order={self.order}, it must be 1 or 2")
        self.rtol = None if self.rtol is None else float(self.rtol)
        if self.rtol is not None and not 0 <= self.rtol < 1:
            raise ValueError(f"gradcheck: rtol={self.rtol}, it must be at least 0 and below 1")
        self.rng: np.random.Generator = np.random.default_rng(self.seed)

    def tolerance(self, values: Any, largest: Any) -> Any:
        """By how much gradients may be off where the derivatives are `values` and the largest of the input `largest`.

        By default it is relative to the element's size and a hundredth of the largest; a requested `rtol` is relative
        to the largest alone, since the error of a solver does not depend on the single element.
        """
        if self.rtol is not None:
            return self.rtol * np.maximum(np.abs(values), largest)
        return _CLOSE * (np.abs(values) + 1e-2 * largest)
