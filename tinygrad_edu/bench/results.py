"""Results as JSON: written, read back, and refused if the format is another one."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, Union

import numpy as np

from ..files import writing
from .errors import BenchError

SCHEMA = 1

R = TypeVar("R", bound="Result")
_KINDS: dict[str, type[Result]] = {}


@dataclasses.dataclass
class Result:
    """The common part of all benchmark results.

    Attributes:
        kind: the name of the benchmark, which is also that of its files.
        problem: what was benchmarked: "model", "loss", "optimizer", "data", "dtype", "samples", "parameters".
        settings: the options: "seed", "budget", "batch_sizes" and the like.
        environment: the machine: processor, BLAS, threads, versions, and the clock that timed the steps.
        notes: choices made for the user, and warnings.
        complete: whether everything was done.
        stopped: what ended it early: "interrupt" or "budget"; empty if nothing did.
    """

    kind: ClassVar[str] = ""
    in_notebooks: ClassVar[Callable[[Any], str]]  # its HTML; set by `report`, which knows all kinds

    problem: dict[str, Any]
    settings: dict[str, Any]
    environment: dict[str, Any]
    notes: list[str]
    complete: bool
    stopped: str = dataclasses.field(default="", kw_only=True)

    def __init_subclass__(cls) -> None:
        _KINDS[cls.kind] = cls

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return True

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it early."""
        return self.stopped == "interrupt"

    def to_json(self) -> str:
        """The result as JSON text; numbers that are not finite become null."""
        content = {"schema": SCHEMA, "kind": self.kind, **_plain(dataclasses.asdict(self))}
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        # File names may contain lone surrogates, which UTF-8 cannot encode; JSON can escape them.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")

    @classmethod
    def from_json(cls: type[R], text: str) -> R:
        """Read what `to_json` wrote; a null in place of a number becomes NaN.

        Raises:
            BenchError: if the schema or the kind is another one, or the text is not such JSON.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BenchError(f"not JSON: {error}") from error
        if not isinstance(content, dict) or "schema" not in content or not isinstance(content.get("kind"), str):
            raise BenchError("not a result of tinygrad-edu bench: it has no schema and kind")
        if content["schema"] != SCHEMA or isinstance(content["schema"], bool):
            raise BenchError(
                f"a result of schema {content['schema']!r}; this version reads {SCHEMA}. Run the benchmark again, or "
                "read it with the version that wrote it"
            )
        found = _class_of(content["kind"])
        if not issubclass(found, cls):
            raise BenchError(f"a result of {found.kind!r}, not of {cls.kind!r}")
        fields = {name: value for name, value in content.items() if name not in ("schema", "kind")}
        try:
            return typing.cast(R, _built(found, fields))
        except (TypeError, ValueError, OverflowError) as error:
            raise BenchError(f"a damaged result of {found.kind!r}: {error}") from error

    def _repr_html_(self) -> str:
        """The answer and its first figure, for a notebook."""
        return self.in_notebooks()

    def save(self, folder: str | Path) -> Path:
        """Write it as ``KIND.json`` into a folder, which is created if needed, and return the path.

        Raises:
            BenchError: if it cannot be written; an older file stays as it was.
        """
        path = Path(folder) / f"{self.kind}.json"
        text = self.to_json()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with writing(path) as file:
                file.write(text.encode("utf-8"))
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror or error}") from error
        return path


def _class_of(kind: str) -> type[Result]:
    if kind not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise BenchError(f"a result of {kind!r}, which this version does not know: it knows {known}")
    return _KINDS[kind]


def _plain(value: Any) -> Any:
    """Dicts, lists, strings, finite numbers, None; anything else as text, so that no result is lost."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _built(kind: Any, value: Any) -> Any:
    """Rebuild a value from its annotation: dataclasses, and lists and dicts of them."""
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _object(kind, value)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _one_of(args, value)
    if origin is Literal:
        return _checked(value in args, kind, value)
    if origin is list:
        return [_built(args[0], entry) for entry in _checked(isinstance(value, list), kind, value)]
    if origin is tuple:
        _checked(isinstance(value, list), kind, value)
        kinds = args[:1] * len(value) if args[1:] == (...,) else args
        return tuple([_built(arg, entry) for arg, entry in zip(kinds, value, strict=True)])
    if origin is dict:
        entries = _checked(isinstance(value, dict), kind, value).items()
        return {args[0](key): _built(args[1], entry) for key, entry in entries}
    if kind is float:
        if value is None:
            return math.nan
        return float(_checked(isinstance(value, int | float) and not isinstance(value, bool), kind, value))
    exact = kind if isinstance(kind, type) else object
    return _checked(isinstance(value, exact) and (exact is not int or not isinstance(value, bool)), kind, value)


def _object(kind: type, value: Any) -> Any:
    """Rebuild a dataclass from exactly its fields."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    odd = set(names) ^ set(_checked(isinstance(value, dict), kind, value))
    if odd:
        raise ValueError(f"missing or unknown in {kind.__name__}: {', '.join(sorted(odd))}")
    return kind(**{name: _built(hints[name], value[name]) for name in names})


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    """Rebuild a value as the first of these types that fits."""
    if value is None and type(None) in kinds:
        return None
    for kind in kinds[:-1]:
        try:
            return _built(kind, value)
        except (TypeError, ValueError):
            pass
    return _built(kinds[-1], value)


def _checked(right: bool, kind: Any, value: Any) -> Any:
    if not right:
        text = repr(value)
        raise ValueError(
            f"{text if len(text) < 40 else text[:37] + '…'} is not of type {getattr(kind, '__name__', kind)}"
        )
    return value
