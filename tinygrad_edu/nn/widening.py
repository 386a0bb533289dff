"""Warning that a float32 model computes in float64 because its input is float64, as most NumPy data is."""

from __future__ import annotations

import os
import sys
from typing import Any
from weakref import WeakSet

from ..dtypes import float32, float64
from ..engine.callsite import PACKAGE, warn
from ..tensors.tensor import Tensor
from .module.module import Module
from .parameter import Parameter

_CHECKS = os.path.join(PACKAGE, "testing") + os.sep
_told: WeakSet[Module] = WeakSet()  # layers, and the models that they were called in


def watched(layer: Module, weight: Tensor | None, out: Tensor, *inputs: Any) -> Tensor:
    """`out`, which a layer has computed from `inputs`; warns where they have made float64 of what its weight would not.

    This runs at every call, so it looks only at two dtypes. The first one decides whether a model is float32.
    """
    if out.array.dtype is float64 and weight is not None and weight.array.dtype is float32 and layer not in _told:
        _tell(layer, inputs)
    return out


def _tell(layer: Module, inputs: tuple[Any, ...]) -> None:
    """Warn once for each model: whatever its other layers get is float64 because of this one."""
    if not any(getattr(x, "dtype", None) == float64 and not isinstance(x, Parameter) for x in inputs):
        return
    model = _outermost(layer)
    if model is None:
        return
    if model not in _told:
        path = next((name for name, module in model.named_modules() if module is layer), "")
        name = type(layer).__name__ + (f" {path!r}" if path else "")
        warn(
            f"{name}: its parameters are float32, but the input is float64, as NumPy makes its arrays unless told "
            "otherwise. So everything from here on is computed in float64, in twice the memory and up to three times "
            "the time. Convert the input, x.float(), or the model, model.double(), if you want this precision"
        )
        _told.add(model)
    _told.add(layer)


def _outermost(layer: Module) -> Module | None:
    """The model in whose call the layer is called; None in a check of gradients, where float64 is what is wanted."""
    call, model = Module.__call__.__code__, layer
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is call:
            model = frame.f_locals["self"]
        elif frame.f_code.co_filename.startswith(_CHECKS):
            return None
    return model
