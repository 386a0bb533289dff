"""What is checked: a function of tensors, a module, or a forward function with a separate backward.

All of them become a `Subject`: values of the outputs for given arrays, and gradients of the inputs for given
cotangents.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from ..autograd.function import Function
from ..autograd.modes import enable_grad, no_grad
from ..autograd.running import grad
from ..dtypes import Array
from ..engine.graph import TensorBase, array_of
from ..engine.recording import make_tensor
from ..tensors.creation import tensor
from ..trees import map_tree
from .refusals import kept_as_they_are, layers_too, refuse_misfits

if TYPE_CHECKING:
    from ..tensors.tensor import Tensor


Pullback: TypeAlias = "Callable[[Sequence[Array]], list[Array | None]]"


@dataclass(frozen=True)
class Input:
    """One argument of what is checked.

    Attributes:
        name: what to call it: the parameter's name, or its path in a module.
        value: the array as it was given, or anything else that is passed on unchanged.
        checked: whether its gradient is checked.
    """

    name: str
    value: Any
    checked: bool

    @property
    def wide(self) -> Any:
        """The array in float64, in which everything is computed; anything but a floating array unchanged."""
        return self.value.astype(np.float64) if is_floating(self.value) else self.value


@dataclass
class Subject:
    """A function of arrays with gradients.

    Attributes:
        name: what to call it.
        function: takes tensors (and other arguments), returns a tensor or several.
        inputs: its arguments.
        used: what is known of how often it has been computed.
        module: the module whose parameters and inputs are its inputs; None if it is of a function.
        own: how many of the inputs, the first ones, are the module's, or a layer's, parameters.
        resumed: makes the context in which the backward passes of the graph that was recorded last run, now or later:
            a module is in it as its forward has left it.
        arranged: puts the inputs, or what stands for them, into the tuples, lists and dicts in which they were given.
    """

    name: str
    function: Callable[..., Any]
    inputs: Sequence[Input]
    used: list[int] = field(default_factory=lambda: [0])
    module: Any = None
    own: int = 0
    resumed: Callable[[], AbstractContextManager[None]] = nullcontext
    arranged: Callable[[list[Any]], list[Any]] = list

    @property
    def checked(self) -> list[int]:
        """The places of the inputs whose gradients are checked."""
        return [i for i, given in enumerate(self.inputs) if given.checked]

    def arrays(self) -> list[Any]:
        """The inputs in float64."""
        return [given.wide for given in self.inputs]

    def values(self, arrays: Sequence[Any]) -> list[Array]:
        """The outputs that are floating arrays, computed without a graph."""
        self.used[0] += 1
        with no_grad():
            results = self.function(*[tensor(a) if is_array(a) else a for a in arrays])
        return [numbers(out) for out in floating_outputs(results)]

    def outputs(self, arrays: Sequence[Any]) -> tuple[list[Tensor], list[Any]]:
        """The outputs with their graph, and the inputs as the leaves and constants that they were computed from."""
        leaves = [
            tensor(a, requires_grad=given.checked and is_floating(a)) if is_array(a) else a
            for a, given in zip(arrays, self.inputs, strict=True)
        ]
        return self.run(leaves), leaves

    def run(self, leaves: Sequence[Any]) -> list[Tensor]:
        """The outputs with their graph, for tensors that are there already."""
        self.used[0] += 1
        with enable_grad():
            return floating_outputs(self.function(*leaves))

    def gradients(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array | None]:
        """For each checked input the gradient of the sum of outputs times cotangents; None if it is not used."""
        return self.pullback(arrays)(cotangents)

    def full_gradients(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array]:
        """The same, with zeros where there is none."""
        return or_zeros(self.gradients(arrays, cotangents), [arrays[i] for i in self.checked])

    def pullback(self, arrays: Sequence[Any]) -> Pullback:
        """The gradients of one graph, for any cotangents."""
        results, leaves = self.outputs(arrays)
        resumed = self.resumed()

        def pull(cotangents: Sequence[Array]) -> list[Array | None]:
            with resumed:
                return self.pull(results, leaves, cotangents)

        return pull

    def pull(self, results: Sequence[Tensor], leaves: Sequence[Any], cotangents: Sequence[Array]) -> list[Array | None]:
        """The gradients of the checked ones among `leaves`; the graph stays, for another cotangent."""
        with self.resumed():
            found = gradients_of(results, [leaves[i] for i in self.checked], cotangents, retain_graph=True)
        return [None if g is None else numbers(g) for g in found]


class Written(NamedTuple):
    """How a check of a gradient that was written by hand is called.

    Attributes:
        target: what is checked, as the user has it.
        keywords: by which ones the gradient is given.
        check: the name of the function that checks.
    """

    target: Any
    keywords: Mapping[str, Any]
    check: str = "gradcheck"


class Foreign(Subject):
    """A forward function and its backward, both in plain NumPy.

    Its graph is one node, whose rule is the backward. What enters the backward has the structure of what the forward
    returned: an array for an array, a tuple for a tuple, also of one; None where it returned no real numbers. It
    is a copy: the backward may write into it.

    Attributes:
        vjp: the backward; takes the incoming gradient and the inputs.
        written: how the check is called that led here.
        times: by which numbers of samples gradients are multiplied, as they are means, by the places of their inputs.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        vjp: Callable[..., Any],
        inputs: Sequence[Input],
        written: Written | None = None,
        own: int = 0,
        times: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(name, forward, inputs, own=own)
        self.vjp = vjp
        self.times: Mapping[int, int] = times or {}
        self.written: Written = written or Written(forward, {"vjp": vjp})
        self._structure: Any = None

    @property
    def batch(self) -> int:
        """How many samples there are, if these are along axis 0 of the first input; 0 if there is no such axis."""
        known = self.own < len(self.inputs) and "jac" not in self.written.keywords
        shape = np.shape(self.inputs[self.own].value) if known else ()
        return int(shape[0]) if shape else 0

    def values(self, arrays: Sequence[Any]) -> list[Array]:
        return [numbers(out) for out in self.called(arrays)]

    def gradients(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array | None]:
        gradients = self.returned(arrays, cotangents)
        refuse_misfits(self._called(), arrays, gradients)
        return [gradients[i] for i in self.checked]

    def pullback(self, arrays: Sequence[Any]) -> Pullback:
        return functools.partial(self.gradients, arrays)

    def run(self, leaves: Sequence[Any]) -> list[Tensor]:
        with enable_grad():
            return list(_Recorded.apply(self, *leaves))

    def called(self, arrays: Sequence[Any]) -> list[Any]:
        """The outputs that are floating arrays, in the memory in which they came."""
        self.used[0] += 1
        results = self.function(*arrays)
        self._structure = map_tree(lambda leaf: len(floating_outputs(leaf)), results)
        return floating_outputs(results)

    def returned(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array | None]:
        """What the backward returns for each input, in its own memory; None for those that are not checked."""
        return [None if g is None else numbers(g) for g in self._answer(arrays, cotangents)]

    def overwritten(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> str:
        """The name of an input whose gradient is another when the backward has been called once more, as where it has
        one buffer for all results; empty if there is none.
        """
        found = self._answer(arrays, cotangents)
        before = [None if g is None else numbers(g) for g in found]
        self._answer(arrays, [np.asarray(2 * c) for c in cotangents])
        for given, now, then in zip(self.inputs, found, before, strict=True):
            if now is not None and not np.array_equal(np.asarray(now), np.asarray(then), equal_nan=True):
                return given.name
        return ""

    def _answer(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Any]:
        """What the backward returns for each input; None for those that are not checked.

        Raises:
            ValueError: if that is too much, or too little.
            WrongGradientError: if it writes into an input, which is then as it was.
        """
        if self._structure is None:
            self.called(arrays)
        parts = iter([np.array(c) for c in cotangents])
        entering = map_tree(lambda count: _taken(parts, count), self._structure)
        with kept_as_they_are(self._called(), arrays):
            answer = self.vjp(entering, *arrays)
        found = list(answer) if isinstance(answer, tuple | list) else [answer]
        if answer is None and len(self.inputs) > 1:
            raise ValueError(f"{self.name}: vjp returned None: is a `return` missing?")
        if len(found) != len(self.inputs):
            raise ValueError(
                f"{self.name}: vjp returned {len(found)} gradients for {len(self.inputs)} inputs: "
                "one for each, None where there is none"
            )
        kept = [g is not None and given.checked for g, given in zip(found, self.inputs, strict=True)]
        return [g if keep else None for g, keep in zip(found, kept, strict=True)]

    def _called(self) -> list[str]:
        """What to call the inputs in a sentence."""
        return [f"{'parameter' if i < self.own else 'input'} {one.name!r}" for i, one in enumerate(self.inputs)]


def _taken(parts: Iterator[Array], count: int) -> Any:
    """The next of the parts, for a place with one output; several for a place with more; None for one with none."""
    return next(parts) if count == 1 else tuple(itertools.islice(parts, count)) or None


class _Recorded(Function):
    """A call of a `Foreign` as an op."""

    @staticmethod
    def forward(ctx: Any, subject: Foreign, *inputs: Any) -> tuple[Any, ...]:
        ctx.subject, ctx.arrays = subject, [array_of(x) for x in inputs]
        return tuple([make_tensor(array_of(out), None) for out in subject.called(ctx.arrays)])

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Any, ...]:
        subject: Foreign = ctx.subject
        found = dict(
            zip(subject.checked, subject.gradients(ctx.arrays, [array_of(c) for c in cotangents]), strict=True)
        )
        return None, *[found.get(i) for i in range(len(subject.inputs))]


def of_function(f: Callable[..., Any], inputs: Any, wrt: Any = None, names: Sequence[str] | None = None) -> Subject:
    """A subject of `f` and its arguments.

    Args:
        f: takes tensors, returns a tensor or several.
        inputs: its arguments: tensors, arrays, floats and nested lists of them; anything else is passed on unchanged.
        wrt: the places, or names, of the arguments to check; None for all that are floating.
        names: what to call the arguments; default, as `f` does.

    Raises:
        TypeError: if `f` cannot be called, and `names` are not given.
    """
    if names is None and not callable(f):
        raise TypeError(f"the function is of type {type(f).__name__}, which cannot be called{layers_too(f)}")
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    called = list(names) if names is not None else argument_names(f, len(given))
    wanted = None if wrt is None else places_of(wrt, called, "wrt")
    made = []
    for i, (name, value) in enumerate(zip(called, given, strict=True)):
        value = numbers(value) if isinstance(value, TensorBase) else value
        chosen = wanted is None or i in wanted
        value = np.asarray(value) if chosen and _real_numbers(value) else value
        made.append(Input(name, value, is_floating(value) and chosen))
    return Subject(name_of(f), f, made)


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` positional arguments; those of ``*args`` are numbered."""
    found: list[str] = []
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            found.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            found += [f"{parameter.name}[{i}]" for i in range(count - len(found))]
    return (found + [f"input {i}" for i in range(len(found), count)])[:count]


def _real_numbers(value: Any) -> bool:
    """Whether it is a float, or nested lists of numbers that are not all integers."""
    if not isinstance(value, list):
        return isinstance(value, float)
    flat, stack = [], list(value)
    while stack:
        one = stack.pop()
        stack.extend(one) if isinstance(one, list) else flat.append(one)
    return all(isinstance(one, float | int) for one in flat) and any(isinstance(one, float) for one in flat)


def places_of(chosen: Any, names: Sequence[str], keyword: str) -> list[int]:
    """The places of inputs that are given by their places, from either end, or their names.

    Raises:
        ValueError: naming the keyword, for one that there is not.
    """
    places = []
    for one in [chosen] if isinstance(chosen, int | str) else list(chosen or ()):
        if isinstance(one, str) and one in names:
            places.append(list(names).index(one))
        elif isinstance(one, int) and -len(names) <= one < len(names):
            places.append(one % len(names))
        else:
            raise ValueError(f"{keyword}={one!r}: the inputs are {', '.join(names)}")
    return places


def name_of(f: Any) -> str:
    """What to call a function or module: a `Function` by its own name, whose `apply` is everybody's."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, Function):
        return f"{owner.__qualname__}.{f.__name__}"
    return getattr(f, "__qualname__", None) or getattr(f, "__name__", None) or type(f).__name__


def is_array(value: Any) -> bool:
    """Whether it is a NumPy array."""
    return isinstance(value, np.ndarray)


def is_floating(value: Any) -> bool:
    """Whether it is an array of real numbers."""
    return is_array(value) and value.dtype.kind == "f"


def broadcasts_to(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array of the shape `own` can be broadcast to `shape`."""
    try:
        return np.broadcast_shapes(own, shape) == shape
    except ValueError:
        return False


def gradients_of(
    results: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Any], **options: bool
) -> Sequence[Any]:
    """The gradients, as tensors, of leaves for those of the results that have a graph; None where there is none."""
    pairs = [(out, c) for out, c in zip(results, cotangents, strict=True) if tracked(out)]
    if not pairs or not leaves:
        return [None] * len(leaves)
    outputs, seeds = zip(*pairs, strict=True)
    return grad(outputs, leaves, seeds, allow_unused=True, **options)


def or_zeros(gradients: Sequence[Array | None], like: Sequence[Array]) -> list[Array]:
    """The gradients, with zeros where there is none."""
    return [np.zeros(a.shape, a.dtype) if g is None else g for g, a in zip(gradients, like, strict=True)]


def tracked(value: Any) -> bool:
    """Whether it is a tensor that was computed from one which requires a gradient."""
    return isinstance(value, TensorBase) and value.source is not None


def numbers(value: Any) -> Array:
    """A tensor's array, in its own memory."""
    return np.array(array_of(value))


def floating_outputs(results: Any) -> list[Any]:
    """The floating tensors or arrays among what a function returned, nested tuples, lists and dicts included."""
    if isinstance(results, TensorBase) or is_array(results) or isinstance(results, np.generic | float):
        array = np.asarray(array_of(results))
        if array.dtype.kind not in "fc":
            return []
        return [results if isinstance(results, TensorBase) or is_array(results) else array]
    if isinstance(results, dict):
        results = results.values()
    if not isinstance(results, Iterable) or isinstance(results, str | bytes):
        return []
    return [out for part in results for out in floating_outputs(part)]
