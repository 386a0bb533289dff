"""Writing a program that contains functions and values of the running one."""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import inspect
import linecache
import re
import symtable
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_edu

from ...engine.graph import TensorBase
from ...nn.module.module import Module
from .building import instance_of, made_of_nothing, plan_for
from .values import SMALL, importable, literal, property_of, written


class Program:
    """A program in the making.

    Attributes:
        comments: what stands at its top.
        body: its statements, after the imports and the definitions.
        bound: the names that it has given away.
        incomplete: whether something is missing that has to be filled in.
    """

    def __init__(self) -> None:
        self.comments: list[str] = []
        self.body: list[str] = []
        self.bound: dict[str, Any] = {}
        self.incomplete: bool = False
        self._imports: dict[str, None] = {}
        self._definitions: list[str] = []
        self._future = False

    def text(self) -> str:
        """The program."""
        if "np" not in self.bound and re.search(r"\bnp\.", "\n".join([*self._definitions, *self.body])):
            self.bind("np", np)
        imports = sorted(self._imports, key=lambda line: (line.startswith("from"), line))
        blocks = ["\n".join(self.comments), "from __future__ import annotations" if self._future else ""]
        blocks += ["\n".join(imports), *self._definitions, "\n".join(self.body)]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def use(self, module: str, name: str) -> None:
        """Import a name."""
        self.bound.setdefault(name, None)
        self._imports[f"from {module} import {name}"] = None

    def missing(self, name: str, what: str) -> None:
        """Bind a name to something that has to be filled in."""
        self.incomplete = True
        self.bound[name] = None
        self._definitions.append(f"{name} = ...  # {what}")

    def inline(self, value: Any, name: str) -> str:
        """An expression for a value: itself written out, or a name that is bound to it."""
        text = written(value)
        return self.bind(name, value) if text is None else text

    def name_for(self, f: Any, usual: str) -> str:
        """An expression for something callable."""
        for name, module in (("tg", tinygrad_edu), ("np", np)):
            called = getattr(f, "__name__", "")
            if called and getattr(module, called, None) is f:
                return f"{self.bind(name, module)}.{called}"
        owner = getattr(f, "__self__", None)
        if inspect.isclass(owner) and getattr(owner, f.__name__, None) == f:
            return f"{self.name_for(owner, owner.__name__)}.{f.__name__}"
        if getattr(f, "by_name", False):
            names = list(inspect.signature(f).parameters)
            called = f"{self.name_for(f.__wrapped__, usual)}({', '.join(f'{n}={n}' for n in names)})"
            return f"lambda {', '.join(names)}: {called}"
        if inspect.ismethod(f) and (isinstance(f.__self__, Module) or made_of_nothing(f.__self__)):
            return self._method(f)
        name = getattr(f, "__name__", usual)
        test = property_of(f)
        if test is not None:
            return f"{self.bind(name, test)}.function"
        return self.bind(name if name.isidentifier() else usual, f)

    def _method(self, method: types.MethodType) -> str:
        """An expression for a method of an object that can be made."""
        owner, name = method.__self__, method.__name__
        kind = type(owner)
        made = self.bind("model", owner) if isinstance(owner, Module) else f"{self.bind(kind.__name__, kind)}()"
        test = property_of(method.__func__)
        return f"{made}.{name}" if test is None else f"{self.bind(name, test)}.function.__get__({made})"

    def bind(self, name: str, value: Any) -> str:
        """Make `name`, or a name like it, mean `value`."""
        while name in self.bound and self.bound[name] is not value:
            name += "_"
        if name in self.bound:
            return name
        self.bound[name] = value
        if isinstance(value, types.ModuleType):
            top = f"import {value.__name__}"
            self._imports[top if name == value.__name__ else f"{top} as {name}"] = None
        elif importable(value):
            top = value.__qualname__.split(".")[0]
            alias = f" as {name}" if name != value.__qualname__ and top == value.__qualname__ else ""
            self._imports[f"from {value.__module__} import {top}{alias}"] = None
            if top != value.__qualname__:
                self._definitions.append(f"{name} = {value.__qualname__}")
        else:
            self._define(name, value)
        return name

    def _define(self, name: str, value: Any) -> None:
        """A definition of something that cannot be imported."""
        text = written(value)
        if text is not None:
            self._definitions.append(f"{name} = {text}")
        elif isinstance(value, TensorBase) and value.array.size <= SMALL:
            tg = self.bind("tg", tinygrad_edu)
            keep = ", requires_grad=True" if value.source is not None else ""
            self._definitions.append(f"{name} = {tg}.tensor({literal(value.array, len(name) + 13)}{keep})")
        elif isinstance(value, Module):
            self._module(name, value)
        elif isinstance(value, functools.partial):
            parts = [self.inline(v, f"{name}_{i}") for i, v in enumerate(value.args)]
            parts += [f"{k}={self.inline(v, f'{name}_{k}')}" for k, v in value.keywords.items()]
            self._imports["import functools"] = None
            inner = self.name_for(value.func, f"{name}_function")
            self._definitions.append(f"{name} = functools.partial({', '.join([inner, *parts])})")
        elif inspect.isfunction(value) or inspect.isclass(value):
            self._code(name, value)
        else:
            shape = f"{value.dtype} {value.shape}" if hasattr(value, "shape") else type(value).__name__
            self.missing(name, f"{shape}: as in your program")

    def _code(self, name: str, value: Any) -> None:
        """A function or class written out from its source, with what it uses."""
        inner: Any = inspect.unwrap(value) if inspect.isfunction(value) else value
        text = _source(inner)
        if text is not None and inner is value:
            text = _undecorated(text)
        if text is None:
            self.missing(name, f"{getattr(value, '__qualname__', name)}, whose source code is not there")
            return
        code = getattr(inner, "__code__", None)
        postponed = code is not None and code.co_flags & __future__.annotations.compiler_flag
        self._future |= bool(postponed) and inner.__name__ != "<lambda>" and bool(inner.__annotations__)
        scope = _scope(inner)
        text = self._with_defaults(text, inner) if inspect.isfunction(inner) else text
        for used in _names(text):
            if used != name and used in scope:
                self.bind(used, scope[used])
        own = inner.__name__
        if own == "<lambda>":
            text = f"{name} = {text}"
        elif own != name:
            text += f"\n\n\n{name} = {own}"
        self._definitions.append(text)

    def _with_defaults(self, text: str, function: Any) -> str:
        """The code with the values of defaults in it, where it has expressions that were computed long ago."""
        tree = ast.parse(text)
        node = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
        values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        expressions = [*node.args.defaults, *[d for d in node.args.kw_defaults if d is not None]]
        if len(values) != len(expressions) or all(isinstance(e, ast.Constant) for e in expressions):
            return text
        used = [*[a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]], "default"]
        texts = [self.inline(v, f"{used[i % len(used)]}_default") for i, v in enumerate(values)]
        made = {e: ast.parse(text, mode="eval").body for e, text in zip(expressions, texts, strict=True)}
        node.args.defaults = [made[e] for e in node.args.defaults]
        node.args.kw_defaults = [None if d is None else made[d] for d in node.args.kw_defaults]
        return ast.unparse(tree)

    def _module(self, name: str, module: Module) -> None:
        """A module: recreated, or a copy of one that can be imported, with its parameters if they are few."""
        plan, lines = plan_for(module), []
        state = {key: tensor.array for key, tensor in module.state_dict().items()}
        few = sum([array.size for array in state.values()]) <= SMALL
        place = instance_of(module) if plan is None else None
        if plan is not None:
            lines += [] if few else [f"{self.bind('tg', tinygrad_edu)}.manual_seed(0)  # other parameters than yours"]
            lines.append(f"{name} = {plan.text(self)}")
        elif place is not None:
            alias = "" if place[1] == name else f" as {name}"
            self._imports[f"from {place[0]} import {place[1]}{alias}"] = None
            self._imports["import copy"] = None
            lines.append(f"{name} = copy.deepcopy({name})" + ("" if few else "  # with the parameters of the import"))
        else:
            self.missing(name, f"{type(module).__name__}, as in your program")
            self._definitions[-1] += "".join(f"\n# {line}" for line in repr(module).splitlines())
            return
        if few and state:
            rows = [f"{key!r}: {literal(array, 6 + len(key))}," for key, array in state.items()]
            lines += [f"{name}.load_state_dict({{", *[textwrap.indent(row, "    ") for row in rows], "})"]
        frozen = [path for path, parameter in module.named_parameters() if not parameter.requires_grad]
        if frozen:
            lines.append(f"for path, parameter in {name}.named_parameters():")
            lines.append(f"    parameter.requires_grad = path not in {frozen!r}")
        if not module.training:
            lines.append(f"{name}.eval()")
        self._definitions.append("\n".join(lines))


def _source(value: Any) -> str | None:
    """The source code of a function or class; of a lambda just its expression. None where it is not there."""
    code = getattr(value, "__code__", None)
    if code is not None and code.co_filename == "<string>":
        return None  # the name of all code in strings: the lines kept under it may be those of another program
    try:
        if value.__name__ == "<lambda>":
            return _lambda(value.__code__, value.__globals__)
        text = textwrap.dedent(inspect.getsource(value)).rstrip()
        first = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    return text if getattr(first, "name", None) == value.__name__ else None  # other lines, if the file has changed


def _undecorated(text: str) -> str:
    """A function without its decorators, which may have replaced it."""
    node = ast.parse(text).body[0]
    return "\n".join(text.split("\n")[node.lineno - 1 :]) if isinstance(node, ast.FunctionDef) else text


def _lambda(code: types.CodeType, scope: dict[str, Any]) -> str | None:
    """The expression of a lambda, found in its file: the smallest one that holds all of its instructions."""
    text = "".join(linecache.getlines(code.co_filename, scope))
    names = list(code.co_varnames[: code.co_argcount])
    inside = [p for p in code.co_positions() if None not in p and p[2:] != (0, 0)]
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Lambda) and [a.arg for a in [*node.args.posonlyargs, *node.args.args]] == names:
            start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
            if node.lineno == code.co_firstlineno and all(
                start <= (p[0], p[2]) and (p[1], p[3]) <= end for p in inside
            ):
                found.append((len(ast.get_source_segment(text, node) or ""), node))
    if not found:
        return None
    segment = ast.get_source_segment(text, min(found, key=lambda pair: pair[0])[1])
    return f"({segment})" if segment is not None and "\n" in segment else segment


def _names(text: str) -> list[str]:
    """The names that a piece of code takes from outside."""
    found: dict[str, None] = {}
    tables = [symtable.symtable(text, "<repro>", "exec")]
    while tables:
        table = tables.pop()
        outermost = table.get_type() == "module"
        for symbol in table.get_symbols():
            outside = symbol.is_global() if not outermost else symbol.is_referenced() and not symbol.is_assigned()
            if outside and not hasattr(builtins, symbol.get_name()):
                found[symbol.get_name()] = None
        tables.extend(table.get_children())
    return sorted(found)


def _scope(value: Any) -> dict[str, Any]:
    """What the names mean that a function or class uses from outside."""
    if inspect.isclass(value):
        methods = [inspect.unwrap(getattr(m, "__func__", m)) for m in vars(value).values()]
        scope = dict(vars(sys.modules.get(value.__module__, builtins)))
        for method in filter(inspect.isfunction, methods):
            scope.update(_scope(method))
        return scope
    function: Callable[..., Any] = value
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    inner = {name: cell.cell_contents for name, cell in cells if name != "__class__" and _filled(cell)}
    return {**function.__globals__, **inner}


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
