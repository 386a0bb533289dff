"""Making new models, so that the user's own is never trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import describe, foreign
from ...nn.module.module import Module
from ..errors import BenchError
from .losses import name_of, needs
from .randomness import seeded


def maker(model: Any) -> Callable[[int], Module]:
    """Return a function that makes a new model from a seed.

    Args:
        model: a class or function without arguments, or a module, which is copied.

    Raises:
        BenchError: if it is neither; and, when called, if it does not return a module. Errors raised by the user's
            function are passed on.

    >>> import tinygrad_edu as tg
    >>> make = maker(lambda: tg.nn.Linear(2, 1))
    >>> tg.equal(make(3).weight, make(3).weight), make(3) is make(3)
    (True, False)
    """
    if isinstance(model, Module):
        try:
            kept = copy.deepcopy(model)
        except Exception as error:
            raise BenchError(
                f"model cannot be copied ({error}): give a class or function without arguments that makes a new one"
            ) from error

        def clone(seed: int) -> Module:
            seeded(seed)
            return copy.deepcopy(kept)

        return clone
    if not callable(model) or foreign(model):
        what = foreign(model) or f"{describe(model)}; give a module, or a class or function that makes one"
        raise BenchError(f"model: got {what}")
    name = name_of(model)
    if needs(model):
        short = name if name.isidentifier() else "f"
        raise BenchError(
            f"model: {name} needs {', '.join(needs(model))}: give a module that is made, or a function without "
            f"arguments, lambda: {short}(…)"
        )

    def call(seed: int) -> Module:
        seeded(seed)
        made = model()
        if not isinstance(made, Module):
            raise BenchError(f"model: {name}() returned {foreign(made) or describe(made)}, not a module")
        try:  # it may be the same one each time
            return copy.deepcopy(made)
        except Exception:
            return made

    return call


def dtype_of(model: Module) -> np.dtype[Any]:
    """The dtype of the first parameter that is trained.

    Raises:
        BenchError: if there is none.
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    if not learning:
        raise BenchError("model: it has no parameter that requires a gradient: there is nothing to train")
    found: np.dtype[Any] = learning[0].dtype
    return found
