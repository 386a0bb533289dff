"""Functions that are called before and after a module's forward, and after its part of a backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ...engine.graph import Cotangents, Node
from ...engine.primitives import primitive
from ...engine.recording import make_tensor
from ...errors import ShapeError
from ...sample_rules.families import Custom
from ...sample_rules.ids import NOBODY
from ...tensors.tensor import Tensor

Entry: TypeAlias = tuple[Callable[..., Any], bool]  # a hook, and whether it wants the keyword arguments


class Hooks:
    """The hooks of one module; a module without any has none of these."""

    def __init__(self) -> None:
        self.before: list[Entry] = []
        self.after: list[Entry] = []
        self.backward: list[Entry] = []

    def around(self, module: object, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `forward` of `module` with the hooks around it."""
        for hook, with_kwargs in tuple(self.before):
            result = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if result is not None and with_kwargs:
                args, kwargs = _args_and_kwargs(module, result)
            elif result is not None:
                args = _as_tuple(result)
        watch = _BackwardWatch(module, self.backward) if self.backward else None
        if watch is not None:
            args = watch.enter(args)
        out = forward(*args, **kwargs)
        if watch is not None:
            out = watch.leave(out)
        for hook, with_kwargs in tuple(self.after):
            result = hook(module, args, kwargs, out) if with_kwargs else hook(module, args, out)
            if result is not None:
                out = result
        return out


def _args_and_kwargs(module: object, result: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(result, tuple) and len(result) == 2:
        return result
    raise TypeError(
        f"a forward pre-hook with_kwargs of {type(module).__name__} returns None or (args, kwargs), "
        f"got {type(result).__name__}"
    )


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _all_parts(g: Cotangents, out: Any, *tensors: Any, needs: Any) -> tuple[Any, ...]:
    return g.parts


def _boundary_ids(node: Node, ids: Any) -> list[Any]:
    """Those of the results; one that was not used belongs to nobody."""
    return [
        np.full((1,) * len(link.shape), NOBODY) if own is None and link is not None else own
        for link, own in zip(node.inputs, ids, strict=True)
    ]


@primitive(joint=_all_parts, saves=(), samples=Custom(_boundary_ids))
def _boundary(*tensors: Any) -> Any:
    """The same tensors, as the results of one node, where all of their gradients pass at once."""
    return tensors


class _BackwardWatch:
    """One call of a module with backward hooks: catches the gradients at its outputs and at its inputs."""

    def __init__(self, module: object, hooks: list[Entry]) -> None:
        self.module = module
        self.hooks = tuple(hooks)
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.count = 0  # of the arguments
        self.by_inputs = False  # whether an argument wants a gradient

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.count = len(args)
        passed, where, node = _cross(args)
        if node is None:
            return args
        self.by_inputs = True

        def inside(link: Any, g: Cotangents) -> Cotangents:
            return Cotangents(self._run(g.parts, where))

        node.hooks = [inside]
        return passed

    def leave(self, out: Any) -> Any:
        outs = _as_tuple(out)
        passed, where, node = _cross(outs)
        if node is None:
            return out

        def outside(link: Any, g: Cotangents) -> Cotangents:
            self.grad_output = _spread(g.parts, where, len(outs))
            if not self.by_inputs:
                self._run((), [])
            return g

        node.hooks = [outside]
        return passed if isinstance(out, tuple) else passed[0]

    def _run(self, parts: tuple[Any, ...], where: list[int]) -> list[Any]:
        """Call the hooks with the gradients with respect to the arguments; returns those of the tracked ones."""
        grads = _spread(parts, where, self.count)
        for hook, _ in self.hooks:
            result = hook(self.module, grads, self.grad_output)
            if result is None:
                continue
            result = _as_tuple(result)
            shapes = [None if g is None else g.shape for g in grads]
            wrong = len(result) != len(grads) or any(
                new is not None and old is not None and new.shape != old for new, old in zip(result, shapes)
            )
            if wrong:
                got = [getattr(g, "shape", None) for g in result]
                raise ShapeError(
                    f"a backward hook of {type(self.module).__name__} returned gradients of shapes {got} "
                    f"for inputs of shapes {shapes}"
                )
            grads = result
        plain = not any(isinstance(part, Tensor) for part in parts)
        return [g.array if plain and isinstance(g, Tensor) else g for g in (grads[i] for i in where)]


def _cross(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int], Node | None]:
    """`values` with its tracked tensors led through one node, the places of these, and the node."""
    where = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.source is not None]
    results: Any = _boundary(*[values[i] for i in where]) if where else ()
    if not where or results[0].source is None:  # nothing is being recorded
        return values, [], None
    passed = list(values)
    for i, result in zip(where, results):
        passed[i] = result
    return tuple(passed), where, results[0].source.inputs[0]


def _spread(parts: tuple[Any, ...], where: list[int], count: int) -> tuple[Tensor | None, ...]:
    """Gradients as Tensors, each in its place among `count`; None for the rest."""
    spread: list[Tensor | None] = [None] * count
    for i, part in zip(where, parts):
        spread[i] = part if part is None or isinstance(part, Tensor) else make_tensor(part, None)
    return tuple(spread)
