"""Model summary: layers in the order of their calls, shapes, parameters, and what a step keeps in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, TextIO

import numpy as np

from ..autograd.modes import enable_grad
from ..dtypes import get_default_dtype
from ..engine.graph import Leaf, Link, Node, TensorBase, array_of
from ..engine.observing import Observer, under
from ..errors import foreign, type_name
from ..tensors.tensor import Tensor
from ..trees import flatten, map_tree
from .module.module import Module

__all__ = ["LayerRow", "ModelSummary", "summary"]


@dataclass(frozen=True)
class LayerRow:
    """One call of a module.

    Attributes:
        path: where the module is in the model, as in `named_modules`; empty for the model itself.
        kind: the name of its class.
        depth: how many calls of other modules this one is nested in.
        output_shape: the shape of what it returned; of several tensors a tuple, list or dict of shapes; None where it
            returned no tensor.
        parameters: how many numbers its own parameters hold, without those of modules inside; 0 if they were counted in
            an earlier row.
        trainable: how many of these require a gradient.
        output_bytes: the size of what it returned.
        kept_bytes: what the graph keeps for the backward pass of the ops that are called in the module itself.
        again: whether the module was called before.
        called: False for a module that is listed only for its parameters, which others use.

    >>> import tinygrad_edu as tg
    >>> tg.summary(tg.nn.Linear(3, 2), (5, 3)).rows[0].output_shape
    (5, 2)
    """

    path: str
    kind: str
    depth: int
    output_shape: Any
    parameters: int
    trainable: int
    output_bytes: int
    kept_bytes: int
    again: bool
    called: bool


@dataclass(frozen=True)
class ModelSummary:
    """What `summary` found; printed as a table.

    Attributes:
        rows: the calls, each module before those that it calls; then modules with parameters that were not called.
        total_params: how many numbers all parameters hold, each parameter once.
        trainable_params: how many of these require a gradient.
        parameter_bytes: the size of the parameters.
        buffer_bytes: the size of the buffers.
        kept_bytes: what the graph keeps for the backward pass, each array once, without parameters, buffers and inputs,
            which exist anyway.

    >>> import tinygrad_edu as tg
    >>> found = tg.summary(tg.nn.Linear(3, 2), (5, 3))
    >>> found.total_params, found.parameter_bytes
    (8, 32)
    """

    rows: tuple[LayerRow, ...]
    total_params: int
    trainable_params: int
    parameter_bytes: int
    buffer_bytes: int
    kept_bytes: int

    def __str__(self) -> str:
        cells = [_HEADINGS, *map(_cells, self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADINGS))]
        lines = [
            "  ".join([c.ljust(w) if i < _TEXTS else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]).rstrip()
            for row in cells
        ]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", *self._totals()])

    __repr__ = __str__

    def _totals(self) -> list[str]:
        frozen = self.total_params - self.trainable_params
        return [
            f"parameters: {self.total_params:,}" + (f", of which {frozen:,} are frozen" if frozen else ""),
            f"memory: parameters {_size(self.parameter_bytes)}, buffers {_size(self.buffer_bytes)}, "
            f"kept for the backward pass {_size(self.kept_bytes)}",
        ]

    def show(self, file: TextIO | None = None) -> None:
        """Print the table: with rich, if it is installed and `file` is a terminal; else in plain characters.

        Args:
            file: where to print; default, standard output.

        >>> import tinygrad_edu as tg
        >>> tg.summary(tg.nn.ReLU(), (2, 3)).show()
        layer  class  output  parameters     kept
        -----------------------------------------
        model  ReLU   (2, 3)           0  0 bytes
        <BLANKLINE>
        parameters: 0
        memory: parameters 0 bytes, buffers 0 bytes, kept for the backward pass 0 bytes
        """
        file = sys.stdout if file is None else file
        if not file.isatty() or find_spec("rich") is None:
            print(self, file=file)
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, header_style="bold")
        for i, heading in enumerate(_HEADINGS):
            table.add_column(heading, justify="left" if i < _TEXTS else "right")
        for row in self.rows:
            table.add_row(*map(Text, _cells(row)), style="dim" if row.again else None)
        console = Console(file=file, highlight=False)
        console.print(table)
        console.print(*self._totals(), sep="\n", markup=False)


_HEADINGS = ("layer", "class", "output", "parameters", "kept")
_TEXTS = 3  # so many columns of text come first


def _cells(row: LayerRow) -> tuple[str, ...]:
    name = "  " * row.depth + (row.path.rpartition(".")[2] or "model")
    shape = str(row.output_shape) if row.called else "not called"
    counted = "again" if row.again else f"{row.parameters:,}"
    return name, row.kind, shape, counted, _size(row.kept_bytes)


def _size(count: float) -> str:
    from ..samples.results import size_in_words

    return size_in_words(count)


# Finding it out


@dataclass
class _Call:
    """A call of a module while it lasts, and after."""

    module: Module
    depth: int
    again: bool
    called: bool = True
    output: Any = None
    nodes: list[Node] = field(default_factory=list)


class _Watching(Observer):
    """Notes the calls of the modules of a model, and in which call each node was recorded."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self._open: list[_Call] = []

    def enter(self, module: Module, args: Any) -> None:
        """A module is called."""
        again = any(call.module is module for call in self.calls)
        call = _Call(module, len(self._open), again)
        self.calls.append(call)
        self._open.append(call)

    def leave(self, module: Module, args: Any, output: Any) -> None:
        """A module returns."""
        self._open.pop().output = output

    def recorded(self, node: Node, operands: tuple[Any, ...], out: Any) -> None:
        if self._open:
            self._open[-1].nodes.append(node)


@contextmanager
def _hooked(modules: Iterable[Module], watching: _Watching) -> Iterator[None]:
    """Hooks outside of all others, for a while."""
    handles = []
    try:
        for module in modules:
            handles.append(module.register_forward_pre_hook(watching.enter, prepend=True))
            handles.append(module.register_forward_hook(watching.leave))
        yield
    finally:
        for handle in handles:
            handle.remove()


def summary(model: Module, *inputs: Any, **named: Any) -> ModelSummary:
    """Run a model once, and report what its layers return, hold, and keep for the backward pass.

    This changes neither the model (its mode, buffers and gradients included) nor the default generator.

    Args:
        model: a module; it runs in the mode that it is in.
        inputs: its arguments: tensors, arrays, nested containers of them. A tuple of integers stands for zeros of that
            shape, in the dtype of the model's parameters.
        named: keyword arguments of the call.

    Returns:
        A `ModelSummary`, whose text is a table; `show()` prints it, on a terminal in colour if rich is installed.

    Raises:
        TypeError: if `model` is not a module.
        ShapeError: if a lazy module in it has not been called yet; and whatever the model raises.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> print(tg.summary(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), (5, 4)))
    layer  class       output  parameters       kept
    ------------------------------------------------
    model  Sequential  (5, 2)           0    0 bytes
      0    Linear      (5, 8)          40    0 bytes
      1    Tanh        (5, 8)           0  160 bytes
      2    Linear      (5, 2)          18    0 bytes
    <BLANKLINE>
    parameters: 58
    memory: parameters 232 bytes, buffers 0 bytes, kept for the backward pass 160 bytes
    """
    from ..samples.trial import unchanged

    given: object = model
    if not isinstance(given, Module):
        kind = foreign(model) or f"a {type_name(model)}"
        raise TypeError(f"summary(model, *inputs): the model is {kind}, and must be a Module")
    held = [*model.parameters(), *model.buffers()]
    known = [array_of(tensor) for tensor in held]  # of lazy modules, which have none, an error that says what to do
    args = [_given(value, _dtype_of(model)) for value in inputs]
    known += [array_of(leaf) for leaf in flatten([args, named])[0] if isinstance(leaf, TensorBase | np.ndarray)]
    watching = _Watching()
    with unchanged(model), _hooked(list(model.modules()), watching), under(watching), enable_grad():
        model(*args, **named)
        kept = _kept(watching.calls, {_memory(array)[0] for array in known})
    return _result(model, watching.calls, kept)


def _dtype_of(model: Module) -> np.dtype[Any]:
    dtypes = [p.dtype for p in model.parameters() if p.dtype.kind == "f"]
    return dtypes[0] if dtypes else np.dtype(get_default_dtype())


def _given(value: Any, dtype: np.dtype[Any]) -> Any:
    """An input: zeros for a shape, tensors for arrays."""
    if isinstance(value, tuple) and value and all(isinstance(n, int) and not isinstance(n, bool) for n in value):
        return Tensor(np.zeros(value, dtype))
    return map_tree(lambda leaf: Tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, value)


def _memory(array: Any) -> tuple[int, int]:
    """Which piece of memory an array is in, and how large that is: what it is a view of stays with it."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array), array.nbytes


def _kept(calls: Sequence[_Call], known: set[int]) -> list[int]:
    """For each call what the graph behind the output keeps by it, beside what is there anyway, in bytes."""
    reached = _reached(leaf.source for leaf in flatten(calls[0].output)[0] if isinstance(leaf, TensorBase))
    seen = set(known)
    found = []
    for call in calls:
        total = 0
        for node in call.nodes:
            if node in reached:
                for array in _saved(node):
                    place, size = _memory(array)
                    total += 0 if place in seen else size
                    seen.add(place)
        found.append(total)
    return found


def _saved(node: Node) -> list[Any]:
    results = node.out if isinstance(node.out, tuple) else (node.out,)
    return [value for value in (*(node.args or ()), *results) if isinstance(value, np.ndarray)]


def _reached(sources: Iterable[Link | None]) -> set[Link]:
    """All links that these depend on, and these."""
    waiting: list[Any] = [source for source in sources if source is not None]
    found: set[Link] = set(waiting)
    while waiting:
        link = waiting.pop()
        if not isinstance(link, Leaf):
            new = {source for source in link.inputs if source is not None and source not in found}
            found |= new
            waiting += new
    return found


def _result(model: Module, calls: Sequence[_Call], kept: Sequence[int]) -> ModelSummary:
    paths = {module: path for path, module in model.named_modules()}
    counted: set[int] = set()
    rows = [_row(paths[call.module], call, size, counted) for call, size in zip(calls, kept, strict=True)]
    called = {call.module for call in calls}
    for module, path in paths.items():
        row = (
            _row(path, _Call(module, path.count(".") + 1, again=False, called=False), 0, counted)
            if module not in called
            else None
        )
        if row is not None and row.parameters:
            rows.append(row)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    return ModelSummary(
        tuple(rows),
        sum(p.array.size for p in parameters),
        sum(p.array.size for p in parameters if p.requires_grad),
        sum(p.array.nbytes for p in parameters),
        sum(b.array.nbytes for b in buffers),
        sum(kept),
    )


def _row(path: str, call: _Call, kept: int, counted: set[int]) -> LayerRow:
    own = [p for p in call.module.parameters(recurse=False) if id(p) not in counted]
    counted.update(map(id, own))
    leaves, build = flatten(call.output)
    arrays = [array_of(leaf) if isinstance(leaf, TensorBase | np.ndarray) else None for leaf in leaves]
    return LayerRow(
        path=path,
        kind=type(call.module).__name__,
        depth=call.depth,
        output_shape=build([None if array is None else array.shape for array in arrays]),
        parameters=sum(p.array.size for p in own),
        trainable=sum(p.array.size for p in own if p.requires_grad),
        output_bytes=sum(array.nbytes for array in arrays if array is not None),
        kept_bytes=kept,
        again=call.again,
        called=call.called,
    )
