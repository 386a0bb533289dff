"""What layers with parameters share: creating them, and drawing their starting values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import DType, get_default_dtype
from ..ops.casting import as_dtype, check_device
from .module.module import Module
from .parameter import Parameter


class Layer(Module):
    """A module with its own parameters."""

    def _make_parameters(self, device: Any, dtype: DType, **shapes: tuple[int, ...] | None) -> None:
        """Register a parameter of each of the shapes, None for a name without one, and draw their starting values."""
        check_device(device, type(self).__name__)
        wanted = get_default_dtype() if dtype is None else as_dtype(dtype, "Parameter")
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(np.zeros(shape, wanted)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew; each layer says how."""
        raise NotImplementedError(f"{type(self).__name__} does not define reset_parameters()")
