"""What lazy modules have in common: waiting for the first input, and becoming the plain module."""

from __future__ import annotations

from typing import Any, ClassVar

from ...tensors.tensor import Tensor
from ..layer import Layer
from ..uninitialized import Uninitialized, UninitializedBuffer, UninitializedParameter


class Lazy(Layer):
    """What lazy modules have in common; it comes before the plain class among their bases. They define three things:

    `_size` is the attribute that is not known yet, `_seen(x)` finds it in an input, and `_of_size(n)` is the plain
    module of that size, whose starting values are used.
    """

    _size: ClassVar[str]
    _plain: ClassVar[type[Layer]]

    def _seen(self, x: Tensor) -> int:
        """The size that an input has, which is checked."""
        raise NotImplementedError

    def _of_size(self, size: int) -> Layer:
        """The plain module."""
        raise NotImplementedError

    def _wait(self) -> None:
        """Take back parameters and buffers, which the plain class has made for the size 0."""
        for name, tensor in (*self._members("parameter"), *self._members("buffer")):
            if tensor.dtype.kind == "f":
                kind = UninitializedParameter if self._kinds[name] == "parameter" else UninitializedBuffer
                setattr(self, name, kind(tensor.requires_grad, None, tensor.dtype))

    def has_uninitialized_params(self) -> bool:
        """Whether there is a parameter or buffer without a shape.

        >>> import tinygrad_edu as tg
        >>> tg.nn.LazyLinear(3).has_uninitialized_params()
        True
        """
        return any(isinstance(tensor, Uninitialized) for tensor in (*self.parameters(), *self.buffers()))

    def initialize_parameters(self, x: Tensor) -> None:
        """Make parameters and buffers for an input like x; those loaded from a state_dict stay.

        >>> import tinygrad_edu as tg
        >>> layer = tg.nn.LazyLinear(3)
        >>> layer.initialize_parameters(tg.zeros(5, 2))
        >>> layer.weight.shape
        (3, 2)
        """
        size = self._seen(x)
        if self.has_uninitialized_params():  # else no starting values are drawn: a resumed run draws the same numbers
            made = self._of_size(size)
            for name, tensor in (*self._members("parameter"), *self._members("buffer")):
                if isinstance(tensor, Uninitialized):
                    numbers = getattr(made, name).array
                    tensor.materialize(numbers.shape)
                    tensor.array[...] = numbers
        setattr(self, self._size, size)

    def reset_parameters(self) -> None:
        """Draw the parameters anew, if there are any."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def forward(self, x: Tensor, *options: Any, **named: Any) -> Tensor:
        """The output of the plain module, which this one becomes."""
        self.initialize_parameters(x)
        self.__class__ = self._plain  # type: ignore[assignment]
        out: Tensor = self.forward(x, *options, **named)
        return out
