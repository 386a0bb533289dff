"""Writes the pages of the reference: one entry for every public name, grouped by the file that defines it.

Nothing is listed by hand, so nothing can be missing. The pages hold autodoc directives only; what stands
behind them are the docstrings. They are made anew by every build, in api/generated.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu
from tinygrad_edu import ops
from tinygrad_edu.sample_rules.rule import SampleRule
from tinygrad_edu.testing import LAWS

FOLDER = Path(__file__).parent / "api" / "generated"

# The files of the layers, in the order of their page: by use.
LAYERS = (
    *(
        "nn.linear",
        "nn.convolution.plain",
        "nn.convolution",
        "nn.pooling.maximum",
        "nn.pooling",
        "nn.padding",
        "nn.resampling",
    ),
    *("nn.normalization", "nn.dropout", "nn.activations"),
    *("nn.embedding", "nn.embedding_bag", "nn.recurrence.layers", "nn.recurrence", "nn.attention"),
    *("nn.shape", "nn.distance", "nn.lazy", "nn.uninitialized"),
)

# file name -> title, introduction, and what belongs there: (package, beginnings of the defining modules)
PAGES: dict[str, tuple[str, str, list[tuple[str, tuple[str, ...]]]]] = {
    "tensors": (
        "Tensors",
        "`Tensor`, the ways to make one, and the dtypes, which are NumPy's.",
        [("tinygrad_edu", ("tensors.tensor", "tensors", "ops.creation", "ops.random", "ops.casting", "dtypes"))],
    ),
    "ops": (
        "Ops",
        "The functions on tensors, by family. The method of a tensor that has the same name is the same function. "
        "See also [the table of primitives](../primitives.md).\n\n"
        + (inspect.getdoc(ops) or "").partition("\n\n")[2],  # what holds of all of them
        [("tinygrad_edu", ("ops", "linalg"))],
    ),
    "linalg": ("Linear algebra", "`tinygrad_edu.linalg`.", [("tinygrad_edu.linalg", ("",))]),
    "autograd": (
        "Gradients",
        "Running a backward pass, switching recording on and off, your own ops, and transforms of functions, which "
        "`tinygrad_edu.func` has under the same names.",
        [("tinygrad_edu", ("",)), ("tinygrad_edu.autograd", ("",))],
    ),
    "samples": (
        "Per-sample gradients",
        "`tinygrad_edu.samples`: what `losses.backward(per_sample=True)` leaves beside `.grad`, as "
        "`Tensor.sample_grads` and `Module.sample_grads()`, and what can be made of it; the page "
        "[Open the sum](../../open-the-sum.md) introduces it. At the end, for authors of ops, "
        "`tinygrad_edu.sample_rules`; see [Add an op](../../add-an-op.md#sample-rules).",
        [
            ("tinygrad_edu.samples", ("samples.sample_grads", "samples.model_grads", "samples.explanation", "samples")),
            ("tinygrad_edu.samples.explanation", ("samples.explanation",)),
            ("tinygrad_edu.sample_rules", ("",)),
            ("tinygrad_edu.sample_rules.ids", ("",)),
        ],
    ),
    "nn": (
        "Modules",
        "`tinygrad_edu.nn`: what holds models together. The layers, the losses and the starting values have pages of "
        "their own.",
        [("tinygrad_edu.nn", ("nn.module", "nn.parameter", "nn.containers")), ("tinygrad_edu", ("nn.summary",))],
    ),
    "layers": (
        "Layers",
        "`tinygrad_edu.nn`: by what they are for. The page [Models](../../models.md) puts some of them together.",
        [("tinygrad_edu.nn", LAYERS)],
    ),
    "losses": (
        "Losses",
        "`tinygrad_edu.nn`: by what is compared. They are sums over the samples, unless another reduction is named.",
        [("tinygrad_edu.nn", ("nn.losses",))],
    ),
    "init": (
        "Starting values and utilities",
        "`tinygrad_edu.nn.init`, and `tinygrad_edu.nn.utils`: what is done to a model before and after it is trained.",
        [
            ("tinygrad_edu.nn.init", ("",)),
            ("tinygrad_edu.nn.utils", ("",)),
            ("tinygrad_edu.nn.utils.parametrizations", ("",)),
            ("tinygrad_edu.nn.utils.rnn", ("",)),
        ],
    ),
    "functional": (
        "Functional",
        "`tinygrad_edu.nn.functional`: what the modules compute, as plain functions.",
        [("tinygrad_edu.nn.functional", ("",))],
    ),
    "optim": (
        "Optimizers",
        "`tinygrad_edu.optim`.",
        [("tinygrad_edu.optim", ("",)), ("tinygrad_edu.optim.lr_scheduler", ("",))],
    ),
    "data": ("Data", "`tinygrad_edu.data`: datasets, samplers, the loader.", [("tinygrad_edu.data", ("",))]),
    "files": (
        "Files",
        "Saving and loading: what `tinygrad_edu` writes into files, and reads from them. The page "
        "[Save, load, resume](../../save-load-resume.md) introduces it.",
        [("tinygrad_edu", ("io",))],
    ),
    "bench": (
        "Benchmarking batch sizes",
        "`tinygrad_edu.bench`: which batch size to use, and why; what `tinygrad-edu bench` calls. The page "
        "[Which batch size?](../../which-batch-size.md) introduces it.",
        [("tinygrad_edu.bench", ("bench.advice", "bench"))],
    ),
    "testing": (
        "Testing gradients",
        "`tinygrad_edu.testing`, and `tinygrad_edu.testing.strategies`, which needs hypothesis. The page "
        "[Property-test your gradients](../../property-test-your-gradients.md) introduces them, "
        "[Test the gradients you wrote by hand](../../test-gradients-written-by-hand.md) those without tensors.",
        [
            (
                "tinygrad_edu.testing",
                (
                    "testing.checks",
                    "testing.layers",
                    "testing.modules",
                    "testing.comparison",
                    "testing.laws",
                    "testing",
                ),
            ),
            ("tinygrad_edu.testing.strategies", ("testing",)),
        ],
    ),
    "errors": (
        "Errors",
        "Each also derives from the built-in exception that a user of NumPy or PyTorch would catch.",
        [("tinygrad_edu", ("errors",)), ("tinygrad_edu.errors", ("errors",))],
    ),
}
# Tables that are public: the file that defines and documents each.
DATA = {"PRIMITIVES": "engine.primitives", "NUMPY_FUNCTIONS": "engine.primitives", "LAWS": "testing.laws.example"}
# Base classes that stand in a file of their own, but are half of the one class that is made of them.
HALVES = ("ModuleTree", "ParameterGroups")
# The order in which pages take their names; the ones with particular tastes choose first.
ORDER = [
    "errors",
    "tensors",
    "ops",
    "functional",
    "linalg",
    "samples",
    "losses",
    "layers",
    "init",
    "nn",
    "optim",
    "data",
    "files",
    "bench",
    "testing",
    "autograd",
]


def write_pages(app: Any) -> None:
    """Write every page of `PAGES` (at the start of a build)."""
    FOLDER.mkdir(exist_ok=True)
    taken: set[tuple[str, str]] = set()  # (package, name)
    for page in ORDER:
        title, introduction, sources = PAGES[page]
        lines = [f"# {title}", "", introduction, ""]
        lines += _sections(sources, taken)
        if page == "tensors":
            lines += _methods()
        if page == "testing":
            lines += _laws()
        text = "\n".join(lines)
        path = FOLDER / f"{page}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public_names(package: str) -> dict[str, Any]:
    """The public names of a package that are defined in this library, apart from its modules."""
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return {}
    found = {name: getattr(module, name) for name in module.__all__}
    return {
        name: value for name, value in found.items() if not inspect.ismodule(value) and _home(name, value) is not None
    }


def _home(name: str, value: Any) -> str | None:
    """The file that defines a value, such as "ops.reduce". None for what is not of this library."""
    if isinstance(value, np.dtype):
        return "dtypes"
    if isinstance(value, SampleRule):
        return "sample_rules.families"
    module = getattr(value, "__module__", None)
    if inspect.isclass(value) or callable(value):
        return module.removeprefix("tinygrad_edu.") if module and module.startswith("tinygrad_edu") else None
    return DATA.get(name)


def _sections(sources: list[tuple[str, tuple[str, ...]]], taken: set[tuple[str, str]]) -> list[str]:
    """A section for each file, in the order in which `sources` name them, then that of the alphabet."""
    files: dict[str, list[tuple[str, str]]] = {}
    rank: dict[str, tuple[int, int]] = {}
    for i, (package, beginnings) in enumerate(sources):
        for name, value in public_names(package).items():
            home = str(_home(name, value))
            place = next((k for k, b in enumerate(beginnings) if not b or f"{home}.".startswith(f"{b}.")), None)
            # A function may have two places, tg.relu and F.relu; a class has one, the shorter name.
            twice = inspect.isclass(value) and any(n == name for _, n in taken)
            if place is not None and not twice and (package, name) not in taken:
                taken.add((package, name))
                files.setdefault(home, []).append((package, name))
                rank.setdefault(home, (i, place))
    lines = []
    for home in sorted(files, key=lambda home: (rank[home], home)):
        lines += [f"## {_title(home)}", "", "```{eval-rst}"]
        for package, name in files[home]:
            value = getattr(importlib.import_module(package), name)
            lines += [_entry(package, name, value), ""]
        lines += ["```", ""]
    return lines


def _title(home: str) -> str:
    """The first sentence of a file's docstring, up to a colon or full stop; a long one up to a comma."""
    document = inspect.getdoc(importlib.import_module(f"tinygrad_edu.{home}")) or home
    title = re.split(r"[:.;]( |$)", document.splitlines()[0])[0]
    return title if len(title) <= 50 else title.split(",")[0]


def _entry(package: str, name: str, value: Any) -> str:
    if inspect.isclass(value):
        halves = any(base.__name__ in HALVES for base in value.__bases__)
        return f".. autoclass:: {package}.{name}" + "\n   :inherited-members:" * halves
    if callable(value):
        return f".. autofunction:: {package}.{name}"
    if isinstance(value, np.dtype):
        return f".. py:data:: {package}.{name}\n\n   NumPy's ``{value!r}``."
    if isinstance(value, SampleRule):
        return f".. py:data:: {package}.{name}\n\n   {_in_table(package, name)}."
    return f".. autodata:: tinygrad_edu.{DATA[name]}.{name}\n   :no-value:"  # where its documentation stands


def _in_table(package: str, name: str) -> str:
    """What the docstring of a file says of a name, in a table of two columns."""
    document = inspect.getdoc(importlib.import_module(package)) or ""
    rows = re.findall(r"^ +(\S.*?)   +(.+)", document, re.MULTILINE)
    return next((text for label, text in rows if re.search(rf"\b{name}\b", f"{label} {text}")), "")


def _methods() -> list[str]:
    """A table of the methods that `Tensor` inherits, most of which are functions as well."""
    lines = [
        "## Methods",
        "",
        "The methods of a tensor that compute. A method is the function of the same name.",
        "",
    ]
    lines += ["| method | |", "| --- | --- |"]
    inherited: dict[str, Any] = {}
    for base in tinygrad_edu.Tensor.__mro__[1:-1]:
        inherited = {**vars(base), **inherited}
    for name in sorted(inherited, key=str.lower):
        method = inherited[name]
        if name.startswith("_") or not (callable(method) or isinstance(method, property)):
            continue
        known = getattr(tinygrad_edu, name, None) is method
        link = f"{{py:func}}`{name} <tinygrad_edu.{name}>`" if known else f"`{name}`"
        summary = (inspect.getdoc(method) or "").split("\n")[0].replace("|", "\\|")
        lines.append(f"| {link} | {summary} |")
    return [*lines, ""]


def _laws() -> list[str]:
    """A table of what holds of every right gradient."""
    lines = ["## Laws", "", "What `check_laws` asks for; the keys of `LAWS`.", "", "| law | |", "| --- | --- |"]
    lines += [f"| `{name}` | {law.doc} |" for name, law in LAWS.items()]
    return [*lines, ""]


def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let docstrings be plain text: outside of code and examples, |x|, *args and p_ are just that."""
    code = False  # in an indented block behind a colon and an empty line
    for i, line in enumerate(lines):
        code = (code and not line.strip()) or _begins_code(lines, i) or (code and line.startswith("    "))
        if code or line.lstrip().startswith((">>>", "...")):
            continue
        parts = re.split(r"(`+[^`]*`+)", line)
        for j in range(0, len(parts), 2):
            parts[j] = re.sub(r"(?<!\\)(\*(?=\S)|\||_(?=\W|$))", r"\\\1", parts[j])
        lines[i] = "".join(parts)
        if _begins_code(lines, i + 2):
            lines[i] += ":"  # what reStructuredText calls a literal block


def _begins_code(lines: list[str], i: int) -> bool:
    """Whether an indented block begins here, below a line of text that ends in a colon."""
    if not 2 <= i < len(lines) or lines[i - 1].strip() or not lines[i].startswith("    "):
        return False
    return lines[i - 2].endswith(":") and not lines[i - 2].startswith(" ")


def returns_tensor(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """An op is annotated for the arrays that it computes with; what a caller gets is a Tensor."""
    if not hasattr(obj, "primitive"):
        return None
    named = signature and re.sub(r"(~?typing\.)?\bAny\b", "Operand", signature)  # the alias, not what it stands for
    plain = (returned or "").rpartition(".")[2] in ("Operand", "Any")
    return named, "Tensor" if plain else returned


def public_bases(app: Any, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    """Show the nearest base class that has a public name."""
    hidden = ("TensorBase", "TensorOperators", "TensorMethods", "InplaceMethods")
    hidden += ("OpModule", "Layer", "Loss", "WeightedLoss", *HALVES)
    for i, base in enumerate(bases):
        if inspect.isclass(base):  # and not Dataset[T]
            public = [c for c in base.__mro__ if c.__name__[0] != "_" and c.__name__ not in (*hidden, "Generic")]
            bases[i] = public[0]
        elif getattr(base, "__origin__", object).__name__ in HALVES:
            bases[i] = object


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what the class says itself: a `forward` of one line, the fields of a named tuple."""
    if (inspect.getdoc(obj) or "").startswith("Alias for field number"):
        return True
    layer = name == "forward" and str(getattr(obj, "__module__", "")).startswith("tinygrad_edu.nn.")
    return True if layer and "\n" not in (inspect.getdoc(obj) or "") else None


def setup(app: Any) -> None:
    """Called by Sphinx through conf.py."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-bases", public_bases)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", returns_tensor)
    app.connect("autodoc-process-docstring", escape, priority=100)  # before the sections are recognised
