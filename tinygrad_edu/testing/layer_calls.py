"""How a layer that was written by hand is called, forward and backward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..trees import map_tree
from .subject import Input, floating_outputs


def call_of(layer: Any) -> Callable[..., Any]:
    """The forward of a layer.

    Raises:
        TypeError: if it is no object with a forward and a backward.
    """
    forward = getattr(layer, "forward", layer)
    if isinstance(layer, type) or not callable(forward) or not callable(getattr(layer, "backward", None)):
        what = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        raise TypeError(
            f"gradcheck_layer() needs an object with forward(x) and backward(g), got {what}: check_module() is for "
            "modules, gradcheck() for functions"
        )
    return forward  # type: ignore[no-any-return]


def takes_nothing(layer: Any, results: Any, passed: bool) -> bool:
    """Whether `backward` is called without an argument.

    Raises:
        ValueError: if it has to be, though the output is no single number; and if there is no output.
    """
    outputs = floating_outputs(results)
    if not outputs:
        raise ValueError(
            f"gradcheck_layer: the forward of {type(layer).__name__} has to return its output, an array of real "
            f"numbers: it returned {type(results).__name__}"
        )
    try:
        parameters = list(inspect.signature(layer.backward).parameters.values())
    except (TypeError, ValueError):
        return False
    single = len(outputs) == 1 and outputs[0].size == 1
    positional = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    if positional:
        return single and not passed and positional[0].default is not inspect.Parameter.empty
    if not single:
        shapes = ", ".join([str(out.shape) for out in outputs]) or "no numbers"
        raise ValueError(
            f"gradcheck_layer: {type(layer).__name__}.backward() takes no argument, so the output must be one number, "
            f"that of a loss: it is {shapes}"
        )
    return True


def parts_of(answer: Any) -> list[Any]:
    """The gradients that a backward returned, one by one."""
    return list(answer) if isinstance(answer, tuple | list) else [] if answer is None else [answer]


def places(answer: Any, given: Sequence[Input]) -> list[int]:
    """For each gradient that `backward` returned the place of its input.

    Raises:
        ValueError: if there are more or fewer than inputs.
    """
    count, floating = len(parts_of(answer)), [i for i, one in enumerate(given) if one.checked]
    if count == len(given):
        return list(range(count))
    if count == len(floating) or count <= 1:
        return floating[:count]
    raise ValueError(
        f"gradcheck_layer: backward returned {count} gradients for {len(given)} inputs: one for each, None where there "
        "is none; those of parameters belong on the object"
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """NumPy's global random numbers started anew, as Dropout draws them."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def ones(results: Any) -> Any:
    """The gradient that enters where a layer is tried, in the structure of what its forward returned."""
    return map_tree(lambda out: np.ones(np.shape(out)) if floating_outputs(out) else None, results)
