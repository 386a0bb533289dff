"""Recreating a module: one of the library by its repr, others by their class and the arguments they stored."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

import tinygrad_edu

from ...engine.graph import TensorBase
from ...nn.containers import Sequential
from ...nn.module.module import Module
from ...ops.generator import get_rng_state, set_rng_state
from .values import WIDTH, can_be_found, importable, written


class Names(Protocol):
    """What gives names to values in a program: a `Program`."""

    def bind(self, name: str, value: Any) -> str:
        """Make a name mean a value."""

    def name_for(self, f: Any, usual: str) -> str:
        """An expression for something callable."""

    def inline(self, value: Any, name: str) -> str:
        """An expression for a value."""


@dataclass(frozen=True)
class Plan:
    """How a module can be made.

    Attributes:
        make: makes it.
        text: the expression that makes it, in a program.
    """

    make: Callable[[], Module]
    text: Callable[[Names], str]


def plan_for(module: Module) -> Plan | None:
    """How a module like this one can be made; None if none was found that makes one of the same structure.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.testing.repro.program import Program
    >>> plan_for(tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh())).text(Program())
    'tg.nn.Sequential(tg.nn.Linear(in_features=2, out_features=3, bias=True), tg.nn.Tanh())'
    """
    return next((plan for plan in _plans(module) if _makes(plan, module)), None)


def instance_of(module: Module) -> tuple[str, str] | None:
    """The Python module, and the name in it, by which this very module can be imported; None if there is none."""
    for place, held in list(sys.modules.items()):
        for name, value in list(getattr(held, "__dict__", {}).items()):
            if value is module and name.isidentifier() and can_be_found(place):
                return place, name
    return None


def made_of_nothing(thing: Any) -> bool:
    """Whether another program has something like it by calling its class without arguments."""
    try:
        return importable(type(thing)) and _texts(type(thing)()) == _texts(thing)
    except Exception:
        return False


def _plans(module: Module) -> list[Plan]:
    """How a module might be made, the likelier way first."""
    kind = type(module)
    if kind is Sequential:
        parts = [plan_for(child) for child in module.children()]
        return [] if None in parts else [_sequence([part for part in parts if part is not None])]
    text = repr(module)
    if getattr(tinygrad_edu.nn, kind.__name__, None) is kind:
        return [] if "\n" in text else [Plan(lambda: _evaluated(text), lambda program: f"{_tg(program)}.nn.{text}")]
    if not importable(kind):
        return []
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except (TypeError, ValueError):
        return []
    found = [_call(kind, _arguments(module, parameters, optional)) for optional in (True, False)]
    return [plan for plan in found if plan is not None]


def _evaluated(text: str) -> Module:
    made: Module = eval(f"nn.{text}", {"nn": tinygrad_edu.nn})
    return made


def _tg(program: Names) -> str:
    return program.bind("tg", tinygrad_edu)


def _sequence(parts: list[Plan]) -> Plan:
    def text(program: Names) -> str:
        texts = [part.text(program) for part in parts]
        short = ", ".join(texts)
        body = short if len(short) < WIDTH - 30 else "\n" + textwrap.indent(",\n".join(texts), "    ") + ",\n"
        return f"{_tg(program)}.nn.Sequential({body})"

    return Plan(lambda: Sequential(*[part.make() for part in parts]), text)


def _arguments(
    module: Module, parameters: list[inspect.Parameter], optional: bool
) -> list[tuple[inspect.Parameter, Any]] | None:
    """The arguments, with their parameters, that a module seems to have been made with: attributes of these names. None
    if one is missing.
    """
    found = []
    for parameter in parameters:
        needed = parameter.default is parameter.empty
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or not (needed or optional):
            continue
        held = vars(module)
        value = held.get(parameter.name, held.get(f"_{parameter.name}", parameter.empty))
        if isinstance(value, Module):
            value = plan_for(value) or parameter.empty
        elif isinstance(value, TensorBase) or (written(value) is None and not hasattr(value, "__name__")):
            value = parameter.empty
        if value is parameter.empty and needed:
            return None
        if value is not parameter.empty and (needed or not _same_value(value, parameter.default)):
            found.append((parameter, value))
    return found


def _call(kind: type[Module], arguments: list[tuple[inspect.Parameter, Any]] | None) -> Plan | None:
    """A call of a class: required arguments by position, others by name."""
    if arguments is None:
        return None
    by_place = [(p, v) for p, v in arguments if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    by_name = [(p, v) for p, v in arguments if (p, v) not in by_place]

    def make() -> Module:
        values = {p.name: v.make() if isinstance(v, Plan) else v for p, v in arguments}
        return kind(*[values[p.name] for p, _ in by_place], **{p.name: values[p.name] for p, _ in by_name})

    def text(program: Names) -> str:
        def said(name: str, value: Any) -> str:
            if isinstance(value, Plan):
                return value.text(program)
            return program.name_for(value, name) if hasattr(value, "__name__") else program.inline(value, name)

        texts = [said(p.name, v) for p, v in by_place] + [f"{p.name}={said(p.name, v)}" for p, v in by_name]
        return f"{program.bind(kind.__name__, kind)}({', '.join(texts)})"

    return Plan(make, text)


def _makes(plan: Plan, module: Module) -> bool:
    """Whether a plan makes a module of the same structure. No random numbers of the user's are used up."""
    state, numpy = get_rng_state(), np.random.get_state()  # noqa: NPY002
    try:
        return _alike(plan.make(), module)
    except Exception:
        return False
    finally:
        set_rng_state(state)
        np.random.set_state(numpy)  # noqa: NPY002


def _alike(made: Module, module: Module) -> bool:
    """Whether two modules have the same parts, the same arrays but for their numbers, and the same plain attributes."""
    ones, others = dict(made.named_modules()), dict(module.named_modules())
    shapes = [[(name, tensor.shape) for name, tensor in m.state_dict().items()] for m in (made, module)]
    return (
        shapes[0] == shapes[1]
        and [(name, type(m)) for name, m in ones.items()] == [(name, type(m)) for name, m in others.items()]
        and all(_plain(one) == _plain(others[name]) for name, one in ones.items())
    )


def _plain(module: Module) -> dict[str, str]:
    """The attributes of a module that can be written, and how many hooks of each kind it has."""
    held = {name: text for name, text in _texts(module).items() if name not in ("training", "_hooks")}
    hooks = {} if module._hooks is None else vars(module._hooks)
    return {**held, **{f"{kind} hooks": str(len(registered)) for kind, registered in hooks.items() if registered}}


def _texts(thing: Any) -> dict[str, str]:
    """Those of its attributes that can be written, as they are."""
    texts = {name: written(value) for name, value in vars(thing).items()}
    return {name: text for name, text in texts.items() if text is not None}


def _same_value(one: Any, other: Any) -> bool:
    text = written(one)
    return one is other or (text is not None and text == written(other))
