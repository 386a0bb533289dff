"""Names on the command line: models, losses, data and optimizers, built in or from a user's file."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ... import optim
from ...nn import functional, losses
from ...scripts import ScriptError, loaded, named, split
from ..errors import BenchError
from .builtin import DATA, MODELS
from .losses import name_of, needs
from .samples import Samples

OPTIMIZERS: dict[str, Any] = {
    "sgd": optim.SGD,
    "momentum": partial(optim.SGD, momentum=0.9),
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
    "adamax": optim.Adamax,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
}
LOSSES: dict[str, Any] = {
    name: value
    for place in (functional, losses)
    for name, value in vars(place).items()
    if getattr(value, "__module__", "").startswith(losses.__name__)
}


class Chosen(ExitStack):
    """Looks up names from the command line; the files that they refer to stay loaded until it is left.

    Names are built-in ones or ``path.py:name``; data may be a ``.npz`` file that contains `x` and `y`.

    >>> with Chosen() as chosen:
    ...     chosen.optimizer("adam").__name__
    'Adam'
    """

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[Path, ModuleType] = {}

    def data(self, word: str, option: str = "--data") -> Any:
        """The data: (x, y), a dataset or a loader.

        Raises:
            BenchError: if there is no such name, or the file does not contain what it should.
        """
        if word in DATA:
            return DATA[word]()
        if word.endswith(".npz"):
            return _archive(Path(word))
        found = self._named(option, word, DATA, "a .npz file with x and y, or path.py:name")
        return _made(found, word, option) if inspect.isclass(found) or inspect.isroutine(found) else found

    def model(self, word: str, data: Any) -> Any:
        """What makes the model; a built-in model is made for the data.

        Raises:
            BenchError: if there is no such name, or a built-in model cannot use such data.
        """
        if word in MODELS:
            arrays = Samples.of(data).arrays
            if arrays is None:
                raise BenchError(
                    f"--model {word} is made for arrays x and y; these are samples of a {type(data).__name__}: name "
                    "your own model, path.py:name"
                )
            return MODELS[word](*arrays)
        return self._named("--model", word, MODELS, "path.py:name of a class, function or module")

    def loss(self, word: str | None) -> Any:
        """The loss; None for the one that suits the targets.

        Raises:
            BenchError: if there is no such name.
        """
        if word is None:
            return None
        if word in LOSSES:
            return LOSSES[word]() if inspect.isclass(LOSSES[word]) else LOSSES[word]
        found = self._named("--loss", word, LOSSES)
        return _made(found, word, "--loss") if inspect.isclass(found) else found

    def optimizer(self, word: str) -> Any:
        """What makes the optimizer.

        Raises:
            BenchError: if there is no such name.
        """
        if word.lower() in OPTIMIZERS:
            return OPTIMIZERS[word.lower()]
        return self._named("--optimizer", word, OPTIMIZERS)

    def _named(self, option: str, word: str, known: Iterable[str], other: str = "path.py:name") -> Any:
        """What a user's file contains under a name, for a word that is not a built-in name."""
        if ":" not in word and word.endswith(".py"):
            raise BenchError(f"{option} {word}: add the name of what to use from this file: {word}:NAME")
        if ":" not in word:
            raise BenchError(f"{option} {word}: there is no such name. Use {', '.join(known)}, or {other}")
        try:
            path, name = split(word)
            path = path.resolve()
            if path not in self._files:
                self._files[path] = self.enter_context(loaded(path))
            module = self._files[path]
            own = [n for n, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
            return named(module, path, name, own)
        except ScriptError as error:
            raise BenchError(str(error)) from error


def _made(make: Any, word: str, option: str) -> Any:
    """What a class or function of a user's file returns."""
    if needs(make):
        raise BenchError(
            f"{option} {word}: {name_of(make)} needs {', '.join(needs(make))}. Name a function without arguments, or "
            f"an object, as from a line  mine = {name_of(make)}(…)  in the file"
        )
    return make()


def _archive(path: Path) -> tuple[Any, Any]:
    """x and y from a .npz file, which is never unpickled."""
    save = f"save both with np.savez({path.name!r}, x=x, y=y)"
    try:
        with open(path, "rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise BenchError(f"{path} holds a single array, as np.save writes it: {save}")
            found = {key: file[key] for key in file.files if key in ("x", "y")}
            has = ", ".join(file.files[:9]) or "nothing"
    except BenchError:
        raise
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # from a damaged file, or one that would have to be unpickled
        raise BenchError(
            f"{path} cannot be read: {error}. It must contain arrays of numbers, and is never unpickled: {save}"
        ) from error
    missing = [key for key in ("x", "y") if key not in found]
    if missing:
        raise BenchError(f"{path} has no {' and no '.join(missing)}: it has {has}; {save}")
    if not all(isinstance(value, np.ndarray) for value in found.values()):
        raise BenchError(f"{path}: x and y must be arrays: {save}")
    return found["x"], found["y"]
