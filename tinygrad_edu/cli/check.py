"""The command `tinygrad-edu check path.py:name`: the gradients of a function or module in a file."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np

from ..autograd.function import Function
from ..engine.graph import TensorBase
from ..nn.module.module import Module
from ..ops.generator import manual_seed
from ..scripts import ScriptError, loaded, named, one_line, split
from ..testing.checks import gradcheck
from ..testing.modules import check_module
from ..testing.report import GradcheckError


class CannotCheckError(ScriptError):
    """Why a check is not possible, in one line."""


def add_check(commands: Any) -> None:
    """Add the command to the parser of `tinygrad-edu`."""
    parser = commands.add_parser(
        "check",
        help="check the gradients of a function or module in a file",
        description="Compares the gradients of a function of tensors, of a module, or of a function of arrays whose "
        "gradient was written by hand (--vjp, --jac) with numeric derivatives. "
        "The exit status is 0 if they are right, 1 if they are wrong or nothing could be shown, 2 if there "
        "was nothing to call or no inputs to call it with.",
        epilog="Inputs are random numbers of the shapes given by --shape; or what NAME_inputs, beside NAME in the "
        "file, or the attribute `inputs` of NAME holds or returns: one value, or a tuple of the arguments; or what the "
        "parameters themselves say: a default value, `float`, or Annotated[Tensor, (3, 4)].",
    )
    add = parser.add_argument
    add(
        "target", nargs="?", metavar="PATH.py:NAME", help="the file, and the function, module or class of modules in it"
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of all random numbers (default 0)")
    add("--mode", choices=["auto", "full", "project"], default="auto", help="how thorough the check is (default auto)")
    add("--rtol", type=_tolerance, default=None, metavar="X", help="the largest relative error allowed (default 1e-8)")
    add(
        "--vjp",
        metavar="[PATH.py:]NAME",
        help="the backward of a function of arrays, vjp(g, *inputs), written by hand; a name alone is looked for "
        "in the same file",
    )
    add(
        "--jac",
        nargs="?",
        const=True,
        metavar="[PATH.py:]NAME",
        help="its Jacobian or gradient, jac(x, *args), as in SciPy; without a name, the function returns its value and "
        "its gradient",
    )
    add("--order", type=int, choices=[1, 2], default=1, help="2 for second derivatives (default 1)")
    add(
        "--shape",
        type=_shape,
        nargs="+",
        action="extend",
        default=None,
        metavar="3,4",
        help="the shape of each argument, () for a single number",
    )


def _shape(text: str) -> tuple[int, ...]:
    """A shape from the command line."""
    try:
        shape = tuple(int(part) for part in text.strip("() ").split(",") if part.strip())
    except ValueError:
        shape = (-1,)
    if min(shape, default=0) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape: give sizes such as 3,4, or () for a single number")
    return shape


def _tolerance(text: str) -> float:
    """A tolerance from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a number from 0 to 1, such as 1e-6")
    return value


def check(
    target: str | None,
    *,
    shapes: Sequence[tuple[int, ...]] | None = None,
    seed: int = 0,
    mode: Any = "auto",
    order: int = 1,
    rtol: float | None = None,
    vjp: str | None = None,
    jac: str | bool | None = None,
) -> int:
    """Check what the command line names, and print the report.

    Args:
        target: ``path.py:name``; None if it follows ``--jac`` on the command line, which takes an optional name.
        shapes: the shape of each argument; None to find them out.
        seed: the seed of all random numbers.
        mode: as for `gradcheck`.
        order: as for `gradcheck`.
        rtol: as for `gradcheck`.
        vjp: ``path.py:name`` of the backward that was written by hand, or its name in the same file.
        jac: the same of the Jacobian or gradient; True if the function returns it with its value.

    Returns:
        The exit status: 0 if the gradients are right, 1 if not, 2 if they could not be checked.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "losses.py"
    >>> _ = path.write_text("def square(x):\\n    return x * x\\n")
    >>> check(f"{path}:square", shapes=[(2, 3)])
    square: the gradient is right (6 elements; ... evaluations)
    0
    """
    if target is None and isinstance(jac, str):
        target, jac = jac, True
    try:
        if target is None:
            raise CannotCheckError("which function or module? Write it as path.py:name")
        path, name = split(target)
        with ExitStack() as files:
            module = files.enter_context(loaded(path))
            manual_seed(seed)
            call = _found(module, path, name)
            by_hand = {"vjp": _by_hand(files, module, path, vjp), "jac": _by_hand(files, module, path, jac)}
            if vjp is None and jac is None:
                by_hand = getattr(named(module, path, name, []), "by_hand", by_hand)
            inputs = _inputs(module, path, call, name, shapes, np.random.default_rng(seed))
            try:
                report = _report(call, inputs, by_hand, {"seed": seed, "mode": mode, "order": order, "rtol": rtol})
            except GradcheckError as error:
                print(error)
                return 1
            except CannotCheckError:
                raise
            except Exception as error:
                given = ", ".join(str(np.shape(v)) if hasattr(v, "shape") else repr(v) for v in inputs)
                raise CannotCheckError(f"{name}: called with ({given}) it raised {one_line(error, path)}") from error
    except ScriptError as reason:
        print(f"tinygrad-edu check: {reason}", file=sys.stderr)
        return 2
    print(report)
    return 0


def _by_hand(files: ExitStack, module: ModuleType, path: Path, where: str | bool | None) -> Any:
    """The function named by `--vjp` or `--jac`: ``path.py:name``, or a name in the file of what is checked."""
    if not isinstance(where, str):
        return where
    name = where
    if ":" in where:
        file, name = split(where)
        if file.resolve() != path.resolve():
            path, module = file, files.enter_context(loaded(file))
    return _found(module, path, name)


def _report(call: Any, inputs: Sequence[Any], by_hand: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    given = {word: value for word, value in by_hand.items() if value is not None}
    if len(given) > 1:
        raise CannotCheckError("--vjp and --jac are two ways to give the gradient: give one of them")
    if given and options["order"] > 1:
        raise CannotCheckError(
            "--order 2 is for functions of tensors and modules: for a gradient written by hand, check the first order, "
            "and then its own derivative with another --jac"
        )
    if not isinstance(call, Module):
        return gradcheck(call, tuple(inputs), **given, **options)
    for word in given:
        raise CannotCheckError(f"--{word} is for a function of arrays: a module computes its own gradients")
    return check_module(call, *inputs, **options)


def _found(module: ModuleType, path: Path, name: str) -> Any:
    """The function or module of that name; a class of modules is instantiated."""
    own = [n for n, value in vars(module).items() if _checkable(value) and value.__module__ == module.__name__]
    found: Any = named(module, path, name, own)
    if callable(getattr(found, "backward", None)) and not _has_graph(found):
        raise CannotCheckError(
            f"{name} is a layer written by hand, with its own backward: check it from Python, with gradcheck_layer"
        )
    if inspect.isclass(found):
        if not issubclass(found, Module):
            raise CannotCheckError(f"{name} is a class, but not a subclass of Module: name a function or a module")
        try:
            return found()
        except Exception as error:
            raise CannotCheckError(
                f"{name}() raised {one_line(error, path)}: a class must need no arguments; else create an "
                "instance in the file, and name that"
            ) from error
    if not callable(found):
        raise CannotCheckError(f"{name} is of type {type(found).__name__}: name a function or a module")
    return found.function if hasattr(found, "hypothesis") and hasattr(found, "function") else found


def _has_graph(found: Any) -> bool:
    """Whether it is a module, a tensor, an op, or a class of these: it has a backward, but is not a layer by hand."""
    kinds = (Module, TensorBase, Function)
    return isinstance(found, kinds) or (inspect.isclass(found) and issubclass(found, kinds))


def _checkable(value: Any) -> bool:
    return inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, Module))


def _inputs(
    module: ModuleType,
    path: Path,
    call: Any,
    name: str,
    shapes: Sequence[tuple[int, ...]] | None,
    rng: np.random.Generator,
) -> list[Any]:
    """The arguments: random with the shapes given, or from the file, or from the parameters."""
    if shapes is not None:
        parameters = _parameters(call, name)
        needed = sum([p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters])
        most = len(shapes) if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)
        if not needed <= len(shapes) <= most:
            names = ", ".join(p.name for p in parameters)
            raise CannotCheckError(f"{name} takes ({names}): --shape needs {needed} shapes, got {len(shapes)}")
        return [rng.normal(size=shape) for shape in shapes]
    given = getattr(module, f"{name.replace('.', '_')}_inputs", getattr(call, "inputs", None))
    if given is None or isinstance(given, Module):
        return _from_parameters(call, name, rng)
    try:
        value = given() if callable(given) and not isinstance(given, TensorBase) else given
    except Exception as error:
        raise CannotCheckError(f"the inputs of {name} raised {one_line(error, path)}") from error
    return list(value) if isinstance(value, tuple | list) else [value]


def _parameters(call: Any, name: str) -> list[inspect.Parameter]:
    """The positional parameters; those of `forward` if it is a module."""
    try:
        found = inspect.signature(call.forward if isinstance(call, Module) else call).parameters.values()
    except (TypeError, ValueError):
        raise CannotCheckError(f"{name} does not say which arguments it takes") from None
    return [p for p in found if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]


def _from_parameters(call: Any, name: str, rng: np.random.Generator) -> list[Any]:
    """Inputs from defaults and annotations of the parameters."""
    parameters = _parameters(call, name)
    function: Callable[..., Any] = call.forward if isinstance(call, Module) else call
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # annotations may use names that exist for type checkers only
        hints = {}
    values: list[Any] = []
    for parameter in parameters:
        hint = hints.get(parameter.name)
        notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        shape = next((note for note in notes if _is_shape(note)), None)
        if shape is not None:
            values.append(rng.normal(size=shape))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            break
        elif parameter.default is not parameter.empty:
            values.append(parameter.default)
        elif hint is float:
            values.append(rng.normal(size=()))
        else:
            shapes = " ".join("3,4" for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL)
            plain = name.replace(".", "_")
            raise CannotCheckError(
                f"{name} needs inputs: give --shape {shapes}, or put a function {plain}_inputs, which returns them, "
                "beside it"
            )
    return values


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(side, int) for side in value)
