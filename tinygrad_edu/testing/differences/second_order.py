"""Second derivatives, checked as the first derivatives of a function whose outputs are gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd.modes import enable_grad, is_grad_enabled
from ...dtypes import Array
from ...engine.graph import TensorBase
from ...engine.recording import make_tensor
from ...tensors.creation import tensor
from ..subject import Foreign, Input, Subject, floating_outputs, gradients_of, is_floating
from .cotangents import cotangents_for


def of_gradients(subject: Subject, cotangents: Sequence[Array]) -> Subject:
    """The subject whose outputs are the gradients of another one.

    Its inputs are those of `subject`, and then the cotangents, with respect to which the gradients are
    differentiated as well: where they do not depend on the inputs, since the function is linear, they still depend on
    these.
    The gradient of an input that is not used is a constant 0.

    Args:
        subject: a function of tensors, or a module; its backward pass has to be one that can be differentiated.
        cotangents: for each output the point at which its cotangent is taken.

    Raises:
        TypeError: if `subject` has a backward in plain NumPy, which has no derivative here.
    """
    if isinstance(subject, Foreign):
        raise TypeError(
            f"{subject.name}: there is no second derivative of a backward in plain NumPy: check a function of tensors"
        )
    count = len(subject.inputs)

    def gradients(*given: Any) -> list[Any]:
        further = is_grad_enabled()
        with enable_grad():
            inputs = [
                _leaf(value) if is_floating(getattr(value, "array", None)) and one.checked else value
                for value, one in zip(given[:count], subject.inputs, strict=True)
            ]
            results = floating_outputs(subject.function(*inputs))
        leaves = [inputs[i] for i in subject.checked]
        with subject.resumed():
            found = gradients_of(results, leaves, given[count:], retain_graph=True, create_graph=further)
        zeros = [make_tensor(np.zeros_like(leaf.array), None) for leaf in leaves]
        return [zero if g is None else g for g, zero in zip(found, zeros, strict=True)]

    names = ["cotangent"] if len(cotangents) == 1 else [f"cotangent {k}" for k in range(len(cotangents))]
    seeds = [Input(name, c, True) for name, c in zip(names, cotangents, strict=True)]
    return Subject(subject.name, gradients, [*subject.inputs, *seeds], subject.used, resumed=subject.resumed)


def at_gradients(subject: Subject, cotangent: Any, rng: np.random.Generator) -> tuple[Subject, Any]:
    """The subject of the gradients, at a cotangent; the subject itself if it has none, of which a check will tell."""
    with np.errstate(all="ignore"):
        centre = subject.values(subject.arrays())
    if not subject.checked or not any(out.size for out in centre) or not all(np.isfinite(o).all() for o in centre):
        return subject, cotangent
    return of_gradients(subject, cotangents_for(centre, cotangent, rng)), None


def _leaf(value: Any) -> Any:
    """The tensor itself if it is part of a graph, else a leaf of the same numbers."""
    if isinstance(value, TensorBase) and value.source is not None:
        return value
    return tensor(value.array, requires_grad=True)
