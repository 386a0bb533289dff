"""A loss as a function of all parameters together, seen as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..autograd.modes import enable_grad
from ..dtypes import Array
from ..engine.graph import array_of
from ..engine.versions import mark_changed
from ..errors import describe
from ..tensors.tensor import Tensor


class Objective:
    """What a closure computes, and where.

    Args:
        owner: the optimizer, for errors.
        params: the parameters; one without a gradient counts as having zeros.
        closure: computes the gradients and returns the loss.
        divisor: what both the loss and the gradients are divided by.

    Attributes:
        evaluations: how often the closure was called.
        first: what it returned the first time.
        scratch: a vector to compute in.

    >>> import numpy as np, tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> def closure():
    ...     w.grad = None
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     return loss
    >>> objective = Objective("Op", [w], closure, 2.0)
    >>> objective.evaluate()
    (2.5, array([1., 2.], dtype=float32))
    >>> objective.place(objective.position(), -1.0, np.array([1.0, 1.0]))
    >>> w
    tensor([0., 1.], requires_grad=True)
    """

    def __init__(self, owner: str, params: Sequence[Tensor], closure: Callable[[], Any], divisor: float) -> None:
        self.evaluations: int = 0
        self.first: Any = None
        self._owner, self._params, self._closure, self._divisor = owner, params, closure, divisor
        # Sums of products lose too much, and overflow, in float16.
        self._dtype = np.result_type(np.float32, *(p.array.dtype for p in params))
        self._size = sum(p.array.size for p in params)
        self.scratch: Array = np.empty(self._size, self._dtype)

    def evaluate(self) -> tuple[float, Array]:
        """The loss and its gradient where the parameters are, in new memory.

        Raises:
            TypeError: if the closure does not return a loss.
        """
        self.evaluations += 1
        with enable_grad():
            returned = self._closure()
        if self.evaluations == 1:
            self.first = returned
        loss = array_of(returned)
        if not isinstance(loss, np.ndarray | np.number | int | float):
            hint = ": does it end without a return?" if returned is None else ""
            raise TypeError(
                f"{self._owner}.step(): the closure returned {describe(returned)}, it must return the loss{hint}"
            )
        gradient = np.zeros(self._size, self._dtype)
        for p, part in self._parts(gradient):
            source = p.source
            if source is not None and source.grad is not None:
                np.divide(source.grad.array, self._divisor, part)
        return float(np.sum(loss, dtype=np.float64)) / self._divisor, gradient

    def position(self) -> Array:
        """Where the parameters are, a copy."""
        position = np.empty(self._size, self._dtype)
        for p, part in self._parts(position):
            part[...] = p.array
        return position

    def place(self, origin: Array, t: float, direction: Array) -> None:
        """Move the parameters to origin + t·direction."""
        target = np.multiply(direction, t, self.scratch)
        target += origin
        for p, part in self._parts(target):
            p.array[...] = part
            mark_changed(p.array)

    def _parts(self, vector: Array) -> Iterator[tuple[Tensor, Array]]:
        """Each parameter with its part of a vector, in its shape."""
        begin = 0
        for p in self._params:
            end = begin + p.array.size
            yield p, vector[begin:end].reshape(p.array.shape)
            begin = end
