"""How to check."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Method", "Mode", "OnKink", "Options"]

Mode = Literal["auto", "full", "project"]
Method = Literal["auto", "complex", "richardson"]
OnKink = Literal["skip", "error", "convention"]


class Options:
    """How to check, with what is drawn by chance."""

    def __init__(
        self,
        method: Method = "auto",
        rtol: float | None = None,
        on_kink: OnKink = "skip",
        mode: Mode = "auto",
        seed: int = 0,
        allow_zero: bool = False,
    ) -> None:
        for name, value, known in (
            ("method", method, ("auto", "complex", "richardson")),
            ("on_kink", on_kink, ("skip", "error", "convention")),
            ("mode", mode, ("auto", "full", "project")),
        ):
            if value not in known:
                raise ValueError(f"gradcheck: {name}={value!r} is not known: use {', '.join(map(repr, known))}")
        self.method = method
        self.rtol: float = 1e-8 if rtol is None else float(rtol)
        self.on_kink = on_kink
        self.mode = mode
        self.allow_zero = allow_zero
        self.rng: np.random.Generator = np.random.default_rng(seed)
        self.seed = seed
