"""Running a model on trial: with one set of inputs after another, and afterwards everything is as it was before."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..autograd.modes import enable_grad
from ..engine.callsite import Site, call_site
from ..engine.graph import Leaf, Node, TensorBase, array_of
from ..engine.observing import observing
from ..engine.recording import make_tensor
from ..engine.versions import mark_changed
from ..errors import ShapeError
from ..ops.generator import get_rng_state, set_rng_state
from ..trees import flatten


class Inputs:
    """What a model is given, taken apart: its arrays, and how the model is called with others in their places."""

    def __init__(self, x: Any) -> None:
        self._leaves, self._build = flatten(x)
        self._places = [i for i, leaf in enumerate(self._leaves) if isinstance(leaf, TensorBase | np.ndarray)]
        self.arrays: list[Any] = [array_of(self._leaves[i]) for i in self._places]
        shapes = [array.shape for array in self.arrays]
        if not shapes:
            raise ShapeError("check(): x has no tensor and no array whose axis 0 would be the samples")
        if any(shape[:1] != shapes[0][:1] or not shape for shape in shapes):
            raise ShapeError(
                f"check(): axis 0 of everything in x must be the samples, but the shapes are "
                f"{' and '.join(map(str, shapes))}. What is the same for all samples belongs in the function: "
                "check(lambda x: model(x, other), x)"
            )
        self.count: int = shapes[0][0]
        if self.count < 2:
            raise ShapeError(
                f"check(): x has shape {shapes[0]}, so {self.count} samples along axis 0: at least two are needed "
                "to see whether samples depend on one another"
            )

    def call(self, model: Callable[..., Any], values: list[Any]) -> Any:
        """The model's output for these tensors or arrays in the places of its own."""
        leaves = list(self._leaves)
        for i, value in zip(self._places, values, strict=True):
            leaves[i] = value
        x = self._build(leaves)
        if isinstance(x, dict):
            return model(**x)
        return model(*x) if type(x) is tuple else model(x)

    def as_given(self, i: int, array: Any) -> Any:
        """An array in the place of number `i`, as a Tensor if that one was a Tensor."""
        return make_tensor(array, None) if isinstance(self._leaves[self._places[i]], TensorBase) else array

    def changed(self, keep: Any, scaled: bool) -> list[Any]:
        """The arrays with the rows of others for the samples not to be kept: so they hold what an input may be.

        Real numbers become smaller besides, which rows that are all alike need; those that are all 0 become larger.
        """
        rng = np.random.default_rng(0)
        others = np.flatnonzero(~keep)
        rows = np.arange(self.count)
        rows[others] = (others + rng.integers(1, self.count, len(others))) % self.count
        found = []
        for array in self.arrays:
            new = array[rows]
            if scaled and array.dtype.kind == "f":
                factors = rng.uniform(0.5, 1.0, new[others].shape)
                new[others] = new[others] * factors if array.any() else factors
            found.append(new)
        return found


# Running the model


class Output(NamedTuple):
    """What the model returned.

    Attributes:
        results: its tensors and arrays.
        inputs: the leaves that the real inputs were made.
        given: the copies of these that the model was called with.
    """

    results: list[Any]
    inputs: list[Any]
    given: list[Any]


class Runs:
    """Calls the model with one set of inputs after another, each time from the same state, random numbers included."""

    def __init__(self, model: Callable[..., Any], inputs: Inputs) -> None:
        self.inputs = inputs
        self.notes: list[str] = []
        self._model = model
        self._tracked = True

    def first(self) -> Output:
        """The output for the inputs themselves, which shows whether the model takes tracked tensors."""
        try:
            return self(self.inputs.arrays)
        except ShapeError:
            raise
        except Exception as error:
            self._tracked = False
            output = self(self.inputs.arrays)
            reason = str(error).split("\n")[0]
            self.notes.append(f"no graph shows how x is used: the model does not take tracked tensors ({reason})")
            return output

    def on_data(self) -> Output:
        """The output for the inputs themselves as a loss has it: nothing in x requires a gradient."""
        tracked, self._tracked = self._tracked, False
        try:
            return self(self.inputs.arrays)
        finally:
            self._tracked = tracked

    def traced(self, arrays: list[Any]) -> list[tuple[str, Site | None, Any]]:
        """All ops of a run on what is tracked, in their order: name, the line that called it, result."""
        trace: list[tuple[str, Site | None, Any]] = []

        def note(node: Node, operands: tuple[Any, ...], out: Any) -> None:
            trace.append((node.op.name, call_site(), out))

        with observing(note):
            self(arrays)
        return trace

    def __call__(self, arrays: list[Any]) -> Output:
        """The output for these arrays."""
        values: list[Any] = []
        inputs: list[Any] = []
        given: list[Any] = []
        with unchanged(self._model), enable_grad():
            for i, array in enumerate(arrays):
                values.append(self.inputs.as_given(i, array.copy()))
                if self._tracked and array.dtype.kind == "f":
                    inputs.append(make_tensor(array.copy(), Leaf(array.shape, array.dtype)))
                    given.append(inputs[-1].clone())  # leaves cannot couple samples, what is computed can
                    values[-1] = make_tensor(given[-1].array, given[-1].source)
            results = flatten(self.inputs.call(self._model, values))[0]
        results = [result for result in results if isinstance(result, TensorBase | np.ndarray)]
        _check_rows(results, self.inputs.count)
        return Output(results, inputs, given)


def _check_rows(results: list[Any], count: int) -> None:
    shape = next((tuple(result.shape) for result in results if result.shape[:1] != (count,)), None)
    if results and shape is None:
        return
    if shape is None:
        text, hint = "no tensor", "return what is computed for each sample"
    else:
        text, hint = f"a tensor of shape {shape}", "return what belongs to the samples alone"
        if not shape:
            hint = 'leave the sum or mean over the batch out, as in reduction="none"'
        elif count in shape:
            example = f", check(lambda x: model(x).transpose(0, {shape.index(count)}), x)" if len(results) == 1 else ""
            hint = f"move that axis to the front{example}"
    raise ShapeError(f"check(): the model must return one row for each of {count} samples, and returned {text}: {hint}")


@contextmanager
def unchanged(model: Callable[..., Any]) -> Iterator[None]:
    """Bring the modules of a model, and the default generator, back to what they were before."""
    modules = _modules(model)
    attributes = [dict(vars(module)) for module in modules]
    values = [value for own in attributes for value in own.values()]
    containers = [(value, copy.copy(value)) for value in values if isinstance(value, list | dict | set)]
    tensors = [(t, t.array, t.source, t.array.copy()) for t in values if isinstance(t, TensorBase)]
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
        for module, own in zip(modules, attributes, strict=True):
            vars(module).clear()
            vars(module).update(own)
        for container, content in containers:
            container.clear()
            container.extend(content) if isinstance(container, list) else container.update(content)
        for tensor, array, source, numbers in tensors:
            tensor.array, tensor.source = array, source
            if not np.array_equal(array, numbers, equal_nan=array.dtype.kind == "f"):
                array[...] = numbers
                mark_changed(array)


def _modules(model: Any) -> list[Any]:
    """The modules that a model is, holds, or (for a function) refers to by name."""
    named = [model]
    if isinstance(model, functools.partial):
        named += [model.func, *model.args, *model.keywords.values()]
    for value in tuple(named):
        named.append(getattr(value, "__self__", None))
        if inspect.isfunction(value) or inspect.ismethod(value):
            try:
                variables = inspect.getclosurevars(value)
            except ValueError:  # a variable that has no value yet
                continue
            named += [*variables.nonlocals.values(), *variables.globals.values()]
    found = {id(part): part for value in named if hasattr(type(value), "named_modules") for part in value.modules()}
    return list(found.values())
