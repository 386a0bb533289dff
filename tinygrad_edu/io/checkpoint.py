"""Checkpoints: all that a training run needs to resume, in one file; loaded completely or not at all."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import IO, Any

from ..data.loader import DataLoader
from ..errors import FileFormatError, ShapeError, StateError, type_name
from ..nn.module.module import Module
from ..nn.uninitialized import Uninitialized
from ..ops.generator import default_generator
from ..optim.optimizer import Optimizer
from ..tensors.tensor import Tensor
from .gradients import fitted, waiting

__all__ = ["load_checkpoint", "save_checkpoint"]

_VERSION = 1


def save_checkpoint(
    path: str | PathLike[str] | IO[bytes],
    *,
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loader: Any = None,
    **extra: Any,
) -> None:
    """Write all that a training run needs to resume to one file, which `load_checkpoint` reads.

    That is the `state_dict()` of each part, the state of the default generator, which `manual_seed` seeds, and the
    gradients accumulated since the optimizer's last step. A resumed run equals one that was never interrupted, bit for
    bit, on the same machine with the same versions and number of threads. If the program is killed at any moment,
    `path` holds the old file or the new one, complete.

    Save inside the loop over a `DataLoader` to resume in the middle of an epoch: the loader's state includes the
    position.

    Args:
        path: the file, which is replaced if it exists; or an open binary file.
        model: the model, or anything else with `state_dict()` and `load_state_dict(state)`; or a list or dict of these.
        optimizer: the optimizer; or a list or dict of several.
        scheduler: the learning-rate schedule; or a list or dict of several.
        loader: the loader of the training samples; or a list or dict of several.
        extra: anything else to keep, by name, such as ``epoch=3``: whatever `save` takes.

    Raises:
        TypeError: if a part has no state, or a state or an extra contains something that `save` does not take. Then no
            file is touched.
        ShapeError: if a lazy module has not been called yet.
        OSError: if the file cannot be written.

    Not included are the mode of modules, which parameters are frozen, per-sample gradients, your own generators, and
    those of NumPy and Python: keep what you need of them as `extra`.

    >>> import tempfile
    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(2, 1)
    >>> optimizer = tg.optim.Adam(model.parameters())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save_checkpoint(f"{folder}/run.ckpt", model=model, optimizer=optimizer, epoch=3)
    ...     tg.load_checkpoint(f"{folder}/run.ckpt", model=model, optimizer=optimizer)
    {'epoch': 3}
    """
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    parts = _named("save_checkpoint", given)
    for name, value in extra.items():
        if hasattr(value, "state_dict"):
            raise TypeError(
                f"save_checkpoint: {name} is a {type_name(value)}: give {name}={name}.state_dict(), or make it one of "
                f"several parts of a kind, as in model={{'net': net, {name!r}: {name}}}"
            )
    contents = {
        "checkpoint": _VERSION,
        "states": {name: _state(name, part) for name, part in parts.items()},
        "gradients": {name: waiting(part) for name, part in parts.items() if isinstance(part, Optimizer)},
        "generator": default_generator.get_state(),
        "extra": extra,
    }
    from .writer import write  # most programs do without

    write(contents, path, "save_checkpoint", "checkpoint")


def load_checkpoint(
    path: str | PathLike[str] | IO[bytes],
    *,
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loader: Any = None,
) -> dict[str, Any]:
    """Restore what `save_checkpoint` has written, all of it or (after an error) nothing.

    Make the parts first, as in the run that was saved. Parts that are not passed here are ignored: to evaluate a model,
    load it alone.

    If an optimizer, a schedule or a loader is loaded, training resumes: the default generator continues from its saved
    state, and the parameters of each optimizer get the gradients that no step had used yet, or none. With a model
    alone, both stay as they are.

    Args:
        path: the file; or an open binary file.
        model: the model that gets the saved state; a list or dict if it was saved as one, where a dict may leave some
            out.
        optimizer: the same for the optimizer,
        scheduler: for the learning-rate schedule,
        loader: and for the loader. The next loop over it gives the rest of the epoch.

    Returns:
        What was saved as `extra`.

    Raises:
        FileFormatError: if the file is not a checkpoint, is truncated or altered, or has a later version.
        StateError: if a part is missing or does not fit. In all cases nothing has changed: all parts, gradients and
            generators are as before.
        OSError: if it cannot be read.

    >>> import tempfile
    >>> import tinygrad_edu as tg
    >>> model, twin = tg.nn.Linear(2, 1), tg.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save_checkpoint(f"{folder}/run.ckpt", model=model, note="before training")
    ...     tg.load_checkpoint(f"{folder}/run.ckpt", model=twin)
    {'note': 'before training'}
    >>> tg.equal(model.weight, twin.weight)
    True
    """
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    parts = _named("load_checkpoint", given)
    contents = _contents(path)
    states = contents["states"]
    _check_names(path, given, parts, states)
    goes_on = any(not name.startswith("model") for name in parts)
    if goes_on:
        with _telling(path, "the state of the default generator"):
            copy.deepcopy(default_generator).set_state(contents["generator"])
    gradients: list[tuple[Tensor, Any]] = []
    with ExitStack() as back:
        for name, part in parts.items():
            with _telling(path, name):
                _load(part, states[name], back)
                if isinstance(part, Optimizer):
                    gradients += fitted(part, contents["gradients"].get(name, {}))
        back.pop_all()
    if goes_on:
        default_generator.set_state(contents["generator"])
    for p, gradient in sorted(gradients, key=lambda pair: pair[1] is not None):  # it may wait for one optimizer of two
        p.grad = gradient
    return dict(contents["extra"])


def _named(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parts by what a user writes to have them: ``model``, ``model['g']``, ``optimizer[0]``."""
    parts: dict[str, Any] = {}
    for kind, part in given.items():
        if hasattr(part, "state_dict"):
            parts[kind] = part
        elif isinstance(part, Mapping):
            parts |= {f"{kind}[{key!r}]": value for key, value in part.items()}
        elif isinstance(part, list | tuple):
            parts |= {f"{kind}[{index}]": value for index, value in enumerate(part)}
        elif part is not None:
            parts[kind] = part
    for name, part in parts.items():
        if not callable(getattr(part, "state_dict", None)) or not callable(getattr(part, "load_state_dict", None)):
            hint = ": pass the object itself, not its state_dict()" if hasattr(part, "__array__") else ""
            raise TypeError(
                f"{function}: {name} is a {type_name(part)}, which has no state_dict() and load_state_dict(){hint}"
            )
    return parts


# Saving


def _state(name: str, part: Any) -> Any:
    """The state of a part, if it has one yet."""
    state = part.state_dict()
    for key, value in state.items() if isinstance(state, Mapping) else ():
        if isinstance(value, Uninitialized):
            raise ShapeError(
                f"save_checkpoint: {name}: {key} has no numbers before the first call: call the model once with a batch"
            )
    return state


# Loading


def _contents(path: Any) -> dict[str, Any]:
    """What is in a checkpoint; FileFormatError if the file is none."""
    from .reader import read  # most programs do without

    contents = read(path, "load_checkpoint")
    where = f"load_checkpoint({_shown(path)})"
    if not isinstance(contents, dict) or "checkpoint" not in contents:
        raise FileFormatError(
            f"{where}: that is not a checkpoint, but another file written by tg.save(): use tg.load()"
        )
    if contents["checkpoint"] != _VERSION:
        raise FileFormatError(
            f"{where}: the checkpoint is of version {contents['checkpoint']!r}, this library reads {_VERSION}: use the "
            "version of the library that wrote it"
        )
    wrong = [key for key in ("states", "gradients", "generator", "extra") if not isinstance(contents.get(key), dict)]
    if wrong:
        raise FileFormatError(f"{where}: the checkpoint was altered: there is no {wrong[0]!r} in it")
    return contents


def _check_names(path: Any, given: Mapping[str, Any], parts: Iterable[str], saved: Iterable[str]) -> None:
    """Raise StateError unless there is a state for each part, and for all of a list."""
    missing = [name for name in parts if name not in saved]
    for kind, part in given.items():
        if isinstance(part, list | tuple):
            count = sum(name.startswith(f"{kind}[") for name in saved)
            missing += [f"{kind} with {len(part)} entries"] if count != len(part) and not missing else []
    if missing:
        raise StateError(
            f"load_checkpoint({_shown(path)}): there is no {missing[0]} in it, it has "
            f"{', '.join(saved) or 'no parts'}. Nothing was loaded"
        )


def _load(part: Any, state: Any, back: ExitStack) -> None:
    """Give a part a state, and let `back` know how to undo it."""
    way_back = _way_back(part)
    if isinstance(part, DataLoader):  # which takes all or nothing; what undoes it would end a loop that runs
        part.load_state_dict(state)
        back.callback(way_back)
    else:
        back.callback(way_back)
        part.load_state_dict(state)


def _way_back(part: Any) -> Callable[[], None]:
    """What gives a part the state back that it has now."""
    if isinstance(part, Optimizer) and type(part).load_state_dict is Optimizer.load_state_dict:
        groups, state = list(part.param_groups), part.state

        def back() -> None:
            part.param_groups[:], part.state = groups, state

        return back
    before = copy.deepcopy(part.state_dict())
    tensors = [*part.parameters(), *part.buffers()] if isinstance(part, Module) else []
    lazy = [tensor.way_back() for tensor in tensors if isinstance(tensor, Uninitialized)]

    def back_to_state() -> None:
        for wait in lazy:
            wait()
        part.load_state_dict(before)

    return back_to_state


@contextmanager
def _telling(path: Any, name: str) -> Iterator[None]:
    """Say of an error which part of which file it is about."""
    try:
        yield
    except Exception as error:
        raise StateError(
            f"load_checkpoint({_shown(path)}): {name} does not fit, so nothing has changed: {error}"
        ) from error


def _shown(path: Any) -> str:
    return repr(os.fspath(path)) if isinstance(path, str | bytes | os.PathLike) else getattr(path, "name", "the file")
