"""Writing a program that contains functions and values of the running one."""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import importlib.util
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

from ...dtypes import Array
from ...engine.graph import TensorBase
from ...nn.containers import Sequential
from ...nn.module.module import Module

_WIDTH = 100
_SMALL = 60  # numbers of an array that a function uses from outside


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
        text = _written(value)
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
        name = getattr(f, "__name__", usual)
        return self.bind(name if name.isidentifier() else usual, f)

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
        elif _importable(value):
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
        text = _written(value)
        if text is not None:
            self._definitions.append(f"{name} = {text}")
        elif isinstance(value, TensorBase) and value.array.size <= _SMALL:
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
        """A module: written out if it can be made from its repr, with its parameters if these are few."""
        made = _construction(module)
        if made is None:
            self.missing(name, f"{type(module).__name__}, as in your program")
            self._definitions[-1] += "".join(f"\n# {line}" for line in repr(module).splitlines())
            return
        self.bind("tg", tinygrad_edu)
        text = f"{name} = {made}"
        state = {key: tensor.array for key, tensor in module.state_dict().items()}
        if sum([array.size for array in state.values()]) <= _SMALL:
            lines = [f"{key!r}: {literal(array, 6 + len(key))}," for key, array in state.items()]
            lines = [textwrap.indent(line, "    ") for line in lines]
            text = "\n".join([text, f"{name}.load_state_dict({{", *lines, "})"])
        else:
            text = f"tg.manual_seed(0)  # other parameters than yours\n{text}"
        if not module.training:
            text += f"\n{name}.eval()"
        self._definitions.append(text)


def literal(array: Array, indent: int = 0) -> str:
    """An array as the expression that makes it, with all digits.

    >>> import numpy as np
    >>> literal(np.array([[0.1, 2.0]]))
    'np.array([[0.1, 2.0]])'
    >>> literal(np.array([1, 2], dtype=np.int32))
    "np.array([1, 2], dtype='int32')"
    """
    if not array.size:
        return f"np.zeros({array.shape}, dtype={str(array.dtype)!r})"
    dtype = "" if array.dtype == np.float64 else f", dtype={str(array.dtype)!r}"
    text = f"np.array({_nested(array)}{dtype})"
    if len(text) + indent <= _WIDTH:
        return text
    rows = [_nested(row) for row in array] if array.ndim > 1 else [_number(v) for v in array]
    body = ",\n".join(rows) if array.ndim > 1 else textwrap.fill(", ".join(rows), _WIDTH - 8)
    return "np.array([\n" + textwrap.indent(body, "    ") + f",\n]{dtype})"


def _nested(array: Any) -> str:
    return f"[{', '.join(map(_nested, array))}]" if np.ndim(array) else _number(np.asarray(array)[()])


def _number(value: Any) -> str:
    if isinstance(value, np.floating) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(float(str(value)) if isinstance(value, np.floating) else value.item())


def _written(value: Any) -> str | None:
    """A value as one writes it; None for what cannot be."""
    if value is None or value is Ellipsis or isinstance(value, bool | int | str | bytes | complex):
        return repr(value)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return repr(value) if np.isfinite(value) else f"float({str(value)!r})"
    if isinstance(value, np.dtype):
        return f"np.dtype({str(value)!r})"
    if isinstance(value, np.ndarray):
        return literal(value) if value.dtype.kind in "fiub" and value.size <= _SMALL else None
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return f"np.{value.dtype}({_number(value)})"
    if isinstance(value, slice):
        return repr(value)
    if type(value) in (tuple, list):
        parts = [_written(part) for part in value]
        if any(part is None for part in parts):
            return None
        inside = ", ".join(map(str, parts))
        return f"[{inside}]" if type(value) is list else f"({inside}{',' * (len(parts) == 1)})"
    if type(value) is dict:
        pairs = [(_written(k), _written(v)) for k, v in value.items()]
        return None if any(None in pair for pair in pairs) else "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    return None


def _importable(value: Any) -> bool:
    """Whether another program can import it under its own name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__" or "<" in name:
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    try:
        return found is value and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


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


def _construction(module: Module) -> str | None:
    """The expression that makes a module of the library, if its repr is one."""
    if type(module) is Sequential:
        parts = [str(_construction(child)) for child in module]
        short = ", ".join(parts)
        body = short if len(short) < _WIDTH - 30 else "\n" + textwrap.indent(",\n".join(parts), "    ") + ",\n"
        return None if "None" in parts else f"tg.nn.Sequential({body})"
    text, kind = repr(module), type(module)
    if getattr(tinygrad_edu.nn, kind.__name__, None) is not kind or "\n" in text:
        return None
    try:
        made = eval(f"nn.{text}", {"nn": tinygrad_edu.nn})
    except Exception:
        return None
    same = [(n, t.shape) for n, t in made.state_dict().items()] == [
        (n, t.shape) for n, t in module.state_dict().items()
    ]
    return f"tg.nn.{text}" if same and repr(made) == text else None
