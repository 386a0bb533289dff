"""A layer in a program: an object of its class, with the attributes that it has now."""

from __future__ import annotations

from typing import Any

from ..layer_parameters import attributes
from ..subject import is_array
from .program import Program


def written_object(layer: Any, program: Program) -> str:
    """The name of a layer, or of anything else with a `backward`, that is put together from its attributes.

    Its `__init__` is not called, since its arguments are unknown. An array held in several places stays one.
    """
    return _Writer(program).expression(layer, "layer")


class _Writer:
    """Expressions for an object and what it holds; what is held twice is written once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.written: dict[int, str] = {}

    def expression(self, value: Any, name: str) -> str:
        if id(value) in self.written:
            return self.written[id(value)]
        if type(value) is dict:
            parts = [f"{key!r}: {self.expression(part, f'{name}_{i}')}" for i, (key, part) in enumerate(value.items())]
            return f"{{{', '.join(parts)}}}"
        if type(value) in (list, tuple):
            text = ", ".join([self.expression(part, f"{name}_{i}") for i, part in enumerate(value)])
            return f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"
        if callable(getattr(value, "backward", None)) and not isinstance(value, type):
            return self._object(value, name)
        text = self.program.bind(name, value) if is_array(value) else self.program.inline(value, name)
        if is_array(value):
            self.written[id(value)] = text
        return text

    def _object(self, value: Any, name: str) -> str:
        while name in self.program.bound:
            name += "_"
        self.program.bound[name] = value
        self.written[id(value)] = name
        kind = self.program.name_for(type(value), type(value).__name__)
        self.program.body.append(f"{name} = object.__new__({kind})")
        for attribute, part in attributes(value).items():
            self.program.body.append(f"{name}.{attribute} = {self.expression(part, f'{name}_{attribute}')}")
        return name
