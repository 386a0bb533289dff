"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.versions import mark_changed
from ...errors import ShapeError
from ...ops.joining import cat
from ...tensors.tensor import Tensor
from ..checks import several

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers of the parameters in one vector, differentiably.

    Raises:
        ValueError: if there are none.

    >>> import tinygrad_edu as tg
    >>> tg.nn.utils.parameters_to_vector([tg.zeros(2), tg.ones(1, 2)])
    tensor([0., 0., 1., 1.])
    """
    parts = [p.reshape(-1) for p in parameters]
    if not parts:
        raise ValueError("parameters_to_vector: there are no parameters")
    return cat(parts)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the numbers of a vector into the parameters, the inverse of `parameters_to_vector`.

    Raises:
        ShapeError: if the vector does not hold as many numbers as the parameters; then nothing has changed.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.Linear(2, 1)
    >>> tg.nn.utils.vector_to_parameters(tg.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.detach()
    tensor([3.])
    """
    parameters = several("vector_to_parameters", parameters)
    count = sum(p.array.size for p in parameters)
    if vec.shape != (count,):
        raise ShapeError(f"vector_to_parameters: the parameters hold {count} numbers, vec has shape {vec.shape}")
    numbers = vec.array.copy()
    start = 0
    for p in parameters:
        end = start + p.array.size
        p.array[...] = numbers[start:end].reshape(p.shape)
        mark_changed(p.array)
        start = end
