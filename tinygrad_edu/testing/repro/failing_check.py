"""A short program that reproduces a failure: the function, the inputs and the call."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import array_of
from ..options import Options
from ..report import Report
from ..subject import Foreign, Subject, is_array, is_floating
from .objects import written_object
from .program import Program
from .shrinking import smaller
from .values import literal

NUMBERS = 60  # how many are written out; larger inputs are reduced if possible, or left to be filled in


def source(subject: Subject, report: Report, options: Options, check: Callable[[Subject], Report]) -> str:
    """A program that fails as the check did, when pasted into a file; what it cannot contain is marked ``...``.

    A function that can be imported is imported; any other one is written out from its source code, with what
    it uses. Inputs of more than 60 numbers are cut down to fewer that fail as well, where there are such.

    Args:
        subject: what was checked.
        report: what was found.
        options: how it was checked.
        check: checks another subject in the same way.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.testing import GradcheckError, gradcheck
    >>> try:
    ...     gradcheck(lambda x: x * x.detach(), np.array([1.0, 2.0]))
    ... except GradcheckError as error:
    ...     print(error.report.repro)
    import numpy as np
    from tinygrad_edu.testing import gradcheck
    <BLANKLINE>
    f = lambda x: x * x.detach()
    <BLANKLINE>
    x = np.array([1.0, 2.0])
    gradcheck(f, x, seed=0)
    <BLANKLINE>
    """
    program = Program()
    module, own = subject.module, subject.own
    if options.cotangent is None and _numbers(subject, own) > NUMBERS:
        found = smaller(subject, report, check, own, NUMBERS)
        if found is not None:
            subject = found
            program.comments.append("# smaller inputs, which fail as well")
    called = _callee(subject, program)
    names = _inputs(subject, own, program)
    if module is None and not (len(names) == 1 and is_array(subject.inputs[own].value)):
        given = f"({', '.join(names)}{',' if len(names) == 1 else ''})"
    else:
        given = ", ".join(map(_nested, subject.arranged(names)))
    by_hand = _by_hand(subject, program) if isinstance(subject, Foreign) else []
    parts = [called, *([given] if given else []), *by_hand, *_options(subject, options, program)]
    kind = "check_module" if module is not None else "gradcheck"
    kind = subject.written.check if isinstance(subject, Foreign) else kind
    program.use("tinygrad_edu.testing", kind)
    program.body.append(f"{kind}({', '.join(parts)})")
    return program.text()


def _numbers(subject: Subject, own: int) -> int:
    return sum([given.value.size for given in subject.inputs[own:] if is_array(given.value)])


def _callee(subject: Subject, program: Program) -> str:
    if subject.module is not None:
        return program.bind("model", subject.module)
    if not isinstance(subject, Foreign):
        return program.name_for(subject.function, "f")
    target = subject.written.target
    layer = subject.written.check == "gradcheck_layer"
    return written_object(target, program) if layer else program.name_for(target, "f")


def _by_hand(subject: Foreign, program: Program) -> list[str]:
    """The keywords by which gradients that were written by hand are given."""
    return [
        f"{word}={program.name_for(value, word) if callable(value) else program.inline(value, word)}"
        for word, value in subject.written.keywords.items()
    ]


def _inputs(subject: Subject, own: int, program: Program) -> list[str]:
    """Define the inputs, under the names that they have in the function if those are free."""
    names: list[str] = []
    written = _numbers(subject, own) <= NUMBERS
    for i, given in enumerate(subject.inputs[own:]):
        name = given.name if given.name.isidentifier() and not keyword.iskeyword(given.name) else f"x{i}"
        while name in program.bound or name in names:
            name += "_"
        value = given.value
        if is_array(value) and written:
            program.body.append(f"{name} = {literal(value, len(name) + 3)}")
        elif is_array(value):
            program.missing(name, f"{value.dtype} {value.shape}: the array you passed")
        else:
            name = program.inline(value, name)
        names.append(name)
    return names


def _nested(given: Any) -> str:
    """An argument of names, in tuples, lists and dicts, as it is written."""
    if isinstance(given, str):
        return given
    if isinstance(given, dict):
        return "{" + ", ".join([f"{key!r}: {_nested(value)}" for key, value in given.items()]) + "}"
    parts = ", ".join(map(_nested, given))
    return f"[{parts}]" if isinstance(given, list) else f"({parts}{',' if len(given) == 1 else ''})"


def _options(subject: Subject, options: Options, program: Program) -> list[str]:
    """Those that are not as they are by themselves, and the seed."""
    found = [] if options.cotangent is None else [f"cotangent={_cotangent(options.cotangent, program)}"]
    usual, names = Options(), ("order", "method", "rtol", "on_kink", "mode", "allow_zero")
    changed = [name for name in names if getattr(options, name) != getattr(usual, name)]
    found += [f"{name}={getattr(options, name)!r}" for name in changed]
    if any(is_floating(given.value) and not given.checked for given in subject.inputs):
        found.append(f"wrt={[given.name for given in subject.inputs if given.checked]!r}")
    return [*found, f"seed={options.seed!r}"]


def _cotangent(cotangent: Any, program: Program) -> str:
    parts = cotangent if isinstance(cotangent, tuple | list) else [cotangent]
    arrays: list[Array] = [np.asarray(array_of(part), dtype=np.float64) for part in parts]
    if sum([a.size for a in arrays]) > NUMBERS:
        program.missing("cotangent", f"{', '.join(str(a.shape) for a in arrays)}: what you passed")
        return "cotangent"
    texts = [literal(a, 4) for a in arrays]
    program.body.append(f"cotangent = {texts[0] if len(texts) == 1 else '[' + ', '.join(texts) + ']'}")
    return "cotangent"
