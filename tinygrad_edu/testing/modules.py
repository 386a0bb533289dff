"""Checking modules: the gradients of their parameters and of their inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..autograd.modes import is_grad_enabled
from ..engine.graph import array_of
from ..nn.embedding import Embedding
from ..nn.embedding_bag import EmbeddingBag
from ..nn.module.module import Module
from ..ops.generator import Generator, default_generator
from ..tensors.tensor import Tensor
from ..trees import flatten
from .checks import finish
from .options import Method, Mode, OnKink, Options
from .report import Report
from .subject import Subject, argument_names, is_array, is_floating, numbers, of_function


def check_module(
    module: Module,
    *inputs: Any,
    cotangent: Any = None,
    order: int = 1,
    method: Method = "auto",
    rtol: float | None = None,
    wrt: Any = None,
    on_kink: OnKink = "skip",
    mode: Mode = "auto",
    seed: int = 0,
    allow_zero: bool = False,
) -> Report:
    """Compare the gradients of a module's parameters and inputs with numeric derivatives.

    The module is treated as a function of its parameters and its inputs, and computed in float64 whatever the dtype of
    its parameters. Before each evaluation the library's random numbers are seeded with `seed`, so that Dropout drops
    the same elements; the module's own generators and its buffers are reset to their present state. A backward pass
    sees the module as its forward pass left it, for rules and hooks that read its attributes. Afterwards the module is
    as before: parameters, their `.grad` and `sample_grads`, buffers, mode, hooks, plain attributes, and the state of
    the random numbers. It is checked in its current mode, training or evaluation.

    Args:
        module: the module. It returns a tensor, or tuples, lists and dicts of tensors.
        *inputs: its arguments: tensors, arrays, numbers, and tuples, lists and dicts of these; anything else is passed
            on unchanged.
        cotangent: the gradient that enters the backward pass, one for each output; default, random.
        order: 2 for second derivatives; see `gradgradcheck`.
        method: as for `gradcheck`.
        rtol: as for `gradcheck`.
        wrt: the names of what to check: paths of parameters such as ``"0.weight"``, arguments of `forward`, or parts of
            them such as ``"hx[0]"``; None for all parameters that require a gradient and all floating inputs.
        on_kink: as for `gradcheck`.
        mode: as for `gradcheck`.
        seed: the seed of all random numbers.
        allow_zero: as for `gradcheck`.

    Returns:
        The report. It names a parameter by its path; one that is used in several places is checked once. Frozen
        parameters are skipped, with a note; so is the padding row of an embedding.

    Raises:
        GradcheckError: if a gradient is wrong, or the check is inconclusive; the `verdict` of its `report` says which.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import check_module
    >>> model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh(), tg.nn.Dropout(0.5))
    >>> report = check_module(model, np.array([[0.5, -1.0], [2.0, 0.25]]))
    >>> [finding.input.name for finding in report.findings]
    ['0.weight', '0.bias', 'x']
    """
    if order not in (1, 2):
        raise ValueError(f"check_module: order={order}, it must be 1 or 2")
    subject = of_module(module, inputs, wrt, seed)
    frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
    notes = [f"frozen, and so not checked: {', '.join(frozen)}"] if frozen else []
    notes += [f"the row of padding_idx={row} gets no gradient, and is held: {name}" for name, row in _padding(module)]
    return finish(subject, Options(method, rtol, on_kink, mode, seed, allow_zero, order, cotangent), notes)


def of_module(module: Module, inputs: Sequence[Any], wrt: Any = None, seed: int = 0) -> Subject:
    """The function of a module's parameters (those that require a gradient) and of its inputs, as a subject.

    Each evaluation is the same, and leaves the module as it found it; see `check_module`.

    Args:
        module: the module.
        inputs: its arguments.
        wrt: as for `check_module`.
        seed: where the random numbers start at each evaluation.

    Raises:
        TypeError: if it is not a module.
        ValueError: if `wrt` names what there is not.
    """
    if not isinstance(module, Module):
        raise TypeError(f"check_module() needs a Module, got {type(module).__name__}: gradcheck() is for functions")
    learnt = {name: p for name, p in module.named_parameters() if p.requires_grad}
    parameters = list(learnt.values())
    given = argument_names(module.forward, len(inputs))
    parts = [part for name, value in zip(given, inputs, strict=True) for part in _parts(name, value)]
    names = [f"input {name}" if name in learnt else name for name, _ in parts]
    arranged = partial(_arranged, inputs)
    loan = _Loan(module, parameters, seed)

    def function(*given: Any) -> Any:
        with loan.evaluation(given):
            return module(*arranged(list(given[len(parameters) :])))

    values = [value for _, value in parts]
    subject = of_function(function, [*map(numbers, parameters), *values], wrt, [*learnt, *names])
    subject.arranged = arranged
    subject.name, subject.module, subject.own = type(module).__name__, module, len(parameters)
    subject.resumed = loan.resumed
    return subject


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    """The parts of an argument that holds arrays, with what to call them; of any other one, just that."""
    if not _holds_arrays(value):
        return [(name, value)]
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return [part for key, inner in pairs for part in _parts(f"{name}[{key!r}]", inner)]


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, tuple | list | dict) and any(is_array(array_of(leaf)) for leaf in flatten(value)[0])


def _arranged(inputs: Sequence[Any], parts: list[Any]) -> list[Any]:
    """The arguments, of other parts."""
    rest = iter(parts)

    def filled(value: Any) -> Any:
        if not _holds_arrays(value):
            return next(rest)
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        inner = [filled(one) for one in value]
        return inner if isinstance(value, list) else type(value)(*inner) if hasattr(value, "_fields") else tuple(inner)

    return [filled(value) for value in inputs]


def subject_of(f: Any, inputs: Any, wrt: Any, seed: int) -> Subject:
    """A module or a function as a subject; the inputs as for `gradcheck`."""
    if not isinstance(f, Module):
        return of_function(f, inputs, wrt)
    return of_module(f, list(inputs) if isinstance(inputs, tuple | list) else [inputs], wrt, seed)


def _padding(module: Module) -> Iterator[tuple[str, int]]:
    """The weights that have a row for padding, which by definition gets no gradient, by name; and which row.

    A weight that other modules use as well is left out: there that row has a gradient.
    """
    users: dict[int, int] = {}
    for part in module.modules():
        for _, weight in part.named_parameters(recurse=False):
            users[id(weight)] = users.get(id(weight), 0) + 1
    for path, part in module.named_modules():
        if isinstance(part, Embedding | EmbeddingBag) and part.padding_idx is not None and users[id(part.weight)] == 1:
            yield f"{path}.weight".lstrip("."), part.padding_idx


class _Loan:
    """A module that computes with other tensors in place of its parameters, and is restored in between.

    A rule written by hand may read what `forward` has left in the module. So the state after the last evaluation that
    was recorded is kept, for the backward passes of its graph.
    """

    def __init__(self, module: Module, parameters: Sequence[Tensor], seed: int) -> None:
        self._module = module
        self._parameters = parameters
        self._seed = seed
        self._left: Callable[[], None] = lambda: None  # to the state that the last recorded evaluation has left
        names = {id(p): i for i, p in enumerate(parameters)}
        rows = [(names.get(id(module.get_parameter(name))), row) for name, row in _padding(module)]
        self._held = [(i, row, parameters[i].array[row].copy()) for i, row in rows if i is not None]
        self._homes: list[Callable[[], None]] = []  # the first one back to the user's state, while another is resumed

    @contextmanager
    def evaluation(self, given: Sequence[Any]) -> Iterator[None]:
        """The module in the user's state, but with the tensors that are `given`, for one evaluation."""
        dtype = np.result_type(*[v.dtype for v in given if is_floating(array_of(v))] or [np.float64])
        before = _state(self._module)
        try:
            if self._homes:
                self._homes[0]()
            default_generator.manual_seed(self._seed)
            for tensor in (*self._module.parameters(), *self._module.buffers()):
                tensor.array = tensor.array.astype(dtype if tensor.array.dtype.kind == "f" else tensor.array.dtype)
                tensor.source = None
            for parameter, lent in zip(self._parameters, given, strict=False):
                parameter.array, parameter.source = lent.array, lent.source
            for i, row, numbers in self._held:
                self._parameters[i].array = self._parameters[i].array.copy()
                self._parameters[i].array[row] = numbers
            yield
            if is_grad_enabled():
                self._left = _state(self._module)
        finally:
            before()

    def resumed(self) -> _Resumed:
        """The module as the last recorded evaluation has left it."""
        return _Resumed(self._module, self._left, self._homes)


class _Resumed(AbstractContextManager[None]):
    """A module restored to an earlier state, any number of times; nested in another such context, as it is there."""

    def __init__(self, module: Module, left: Callable[[], None], homes: list[Callable[[], None]]) -> None:
        self._module = module
        self._left = left
        self._homes = homes  # back to what was there before each of the contexts that have been entered

    def __enter__(self) -> None:
        self._homes.append(_state(self._module))
        if len(self._homes) == 1:
            self._left()

    def __exit__(self, *error: object) -> None:
        self._homes.pop()()


def _state(module: Module) -> Callable[[], None]:
    """The function that gives a module, all that is part of it, and its sources of random numbers the state back that
    they have now.
    """
    restore = [*map(_keeper, module.modules()), *map(_generator_keeper, _generators(module))]
    held = [(tensor, tensor.array, tensor.source) for tensor in (*module.parameters(), *module.buffers())]

    def put_back() -> None:
        for tensor, array, source in held:
            tensor.array, tensor.source = array, source
        for one in restore:
            one()

    return put_back


def _keeper(part: Module) -> Callable[[], None]:
    """The function that gives a module the attributes and hooks back that it has now."""
    hooks = () if part._hooks is None else vars(part._hooks).values()
    held: list[Any] = [part.__dict__, part._kinds, part._transient, *hooks]
    kept = [copy.copy(container) for container in held]

    def put_back() -> None:
        for container, before in zip(held, kept, strict=True):
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(before)

    return put_back


def _generators(module: Module) -> list[Any]:
    """The library's generator, and those that parts of the module hold."""
    values = [value for part in module.modules() for value in vars(part).values()]
    return [default_generator, *[v for v in values if isinstance(v, Generator | np.random.Generator)]]


def _generator_keeper(generator: Any) -> Callable[[], None]:
    """The function that gives a source of random numbers the state back that it has now."""
    numpy = generator.numpy if isinstance(generator, Generator) else generator
    bits, state, kept = numpy.bit_generator, numpy.bit_generator.state, dict(getattr(generator, "__dict__", {}))

    def put_back() -> None:
        if kept:
            vars(generator).update(kept)
        bits.state = state

    return put_back
