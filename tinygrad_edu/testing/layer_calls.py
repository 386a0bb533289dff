"""How a layer written by hand is called, forward and backward."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..trees import map_tree
from .subject import Input, floating_outputs

_OUTPUTS = ("output", "outputs", "out")  # where a forward that returns nothing may leave its result
_RATES = {"lr", "learning_rate", "rate", "eta", "alpha", "step_size"}


def call_of(layer: Any) -> Callable[..., Any]:
    """The forward of a layer. If it returns None, its output is what it stored on the object.

    Raises:
        TypeError: if it is not an object with a forward and a backward.
    """
    forward = getattr(layer, "forward", layer)
    if isinstance(layer, type) or not callable(forward) or not callable(getattr(layer, "backward", None)):
        what = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        other = "check_module() is for modules, gradcheck() for functions"
        if isinstance(layer, type) and callable(getattr(layer, "backward", None)):
            other = "make one"
        elif callable(getattr(layer, "loss", None)):
            other = (
                "give it a forward(X, y) that calls its loss(X, y), "
                "keeps the gradients as self.grads and returns the loss, and a backward() that does nothing"
            )
        raise TypeError(f"gradcheck_layer() needs an object with forward(x) and backward(g), got {what}: {other}")

    @functools.wraps(forward, updated=())
    def call(*arguments: Any) -> Any:
        found = forward(*arguments)
        if found is None:
            return next((v for name in _OUTPUTS if floating_outputs(v := getattr(layer, name, None))), None)
        return found

    return call


def takes_nothing(layer: Any, results: Any, passed: bool) -> bool:
    """Whether `backward` is called without an argument.

    Raises:
        TypeError: if it needs more than one argument.
        ValueError: if it is, though the output is not a single number; and if there is no output.
    """
    outputs = floating_outputs(results)
    if not outputs:
        raise ValueError(
            f"gradcheck_layer: the forward of {type(layer).__name__} has to return its output, an array of real "
            f"numbers, or to leave it in self.output: it returned {type(results).__name__}"
        )
    try:
        parameters = list(inspect.signature(layer.backward).parameters.values())
    except (TypeError, ValueError):
        return False
    single = len(outputs) == 1 and outputs[0].size == 1
    positional = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    needed = [p.name for p in positional if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    if len(needed) > 1:
        raise TypeError(_how_to_wrap(type(layer).__name__, needed, len(outputs)))
    if positional:
        return single and not passed and positional[0].default is not inspect.Parameter.empty
    if not single:
        shapes = ", ".join([str(out.shape) for out in outputs]) or "no numbers"
        raise ValueError(
            f"gradcheck_layer: {type(layer).__name__}.backward() takes no argument, so the output must be one number, "
            f"that of a loss: it is {shapes}"
        )
    return True


def _how_to_wrap(name: str, needed: Sequence[str], outputs: int) -> str:
    """What to do with a backward that takes more than the gradient of the output."""
    others = ", ".join(needed[1:])
    if outputs == len(needed):
        way = "returns super().backward(*g), as there is a gradient for each output"
    else:
        way = f"supplies {others} and returns super().backward(g, {others})"
        if _RATES.intersection(needed):
            way += "; at a learning rate of 1, what a parameter loses is its gradient"
    return (
        f"gradcheck_layer: {name}.backward({', '.join(needed)}) is called with the gradient of the output alone. Check "
        f"an object of a class derived from {name}, whose backward(self, g) {way}"
    )


def changed(given: Sequence[Input], arrays: Sequence[Any], before: Sequence[Any]) -> list[str]:
    """What to say of inputs that a forward has changed in place; they are put back."""
    found = []
    for one, now, then in zip(given, arrays, before, strict=True):
        if isinstance(now, np.ndarray) and not np.array_equal(now, then, equal_nan=now.dtype.kind == "f"):
            now[...] = then
            found.append(f"input {one.name!r} was changed in place by the forward: let it work on a copy")
    return found


def written_at(layer: Any) -> str:
    """Where the backward of a layer is written; empty if it is not written in Python."""
    code = getattr(inspect.unwrap(type(layer).backward), "__code__", None)
    return f" (backward: {code.co_filename}:{code.co_firstlineno})" if code else ""


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
    """NumPy's global random numbers, reseeded, since Dropout draws from them."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def ones(results: Any) -> Any:
    """The gradient that enters where a layer is tried, in the structure of what its forward returned."""
    return map_tree(lambda out: np.ones(np.shape(out)) if floating_outputs(out) else None, results)
