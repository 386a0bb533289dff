"""Check that model, loss and data fit together, by running a batch before anything is timed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...autograd.modes import no_grad
from ...data import TensorDataset
from ...dtypes import Array
from ...engine.graph import array_of
from ...errors import TinygradError, describe
from ...tensors.tensor import Tensor
from ...trees import flatten
from ..errors import BenchError
from .losses import SampleLosses
from .samples import Samples

TRIED = 8  # samples of the first step


def try_step(model: Any, losses: SampleLosses, samples: Samples, names: dict[str, str]) -> tuple[str, ...]:
    """Run one small batch forwards and backwards; return notes on the loss.

    Raises:
        BenchError: if something does not fit; says what to change.
    """
    x, y = samples.batch(range(min(TRIED, len(samples))))
    with _about_model(names, x, y):
        output = model(x)
    _check_classes(output, y, losses, samples)
    with _about_loss(losses, output, y):
        terms = losses.terms(output, y)
        _check_broadcast(terms, output, y, losses)
        found = losses(output, y)
    if found.source is None:
        raise BenchError(f"the loss {losses.name} does not depend on any parameter: nothing can be learned from it")
    found.backward()
    count = terms.array.size // len(y)
    if count == 1:
        return ()
    return (
        f"loss: the sum over the {count} numbers of a sample; for their mean, multiply SGD's learning rate by {count}",
    )


def try_batch(
    model: Any, losses: SampleLosses, samples: Samples, numbers: Array, batch: tuple[Any, Any], names: dict[str, str]
) -> None:
    """The samples with these indices as a batch, after a check of its loss in evaluation mode.

    Raises:
        BenchError: if they do not fit, or contain NaN or infinity.
    """
    for part, values in zip("xy", batch):
        _check_finite(values, part, samples, numbers)
    x, y = copy.deepcopy(batch)
    model.eval()
    with no_grad(), np.errstate(all="ignore"):
        with _about_model(names, x, y):
            output = model(x)
        _check_classes(output, y, losses, samples)
        with _about_loss(losses, output, y):
            losses(output, y)
    model.train()


def mean_loss(model: Any, losses: SampleLosses, batch: tuple[Any, Any]) -> float:
    """The mean loss of a batch in evaluation mode, computed on a copy, in case the model changes its input."""
    x, y = copy.deepcopy(batch)
    model.eval()
    with no_grad(), np.errstate(all="ignore"):
        total = float(losses(model(x), y).array.sum(dtype=np.float64))
    model.train()
    return total / len(y)


def _is_ours(error: Exception) -> bool:
    """Whether this library raised it, not the user's own code, whose errors are passed on unchanged."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    package = __name__.partition(".")[0]
    where = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__"))
    return isinstance(error, TinygradError) or where.partition(".")[0] == package


@contextmanager
def _about_model(names: dict[str, str], x: Any, y: Any) -> Iterator[None]:
    try:
        yield
    except (TinygradError, IndexError, ValueError) as error:
        if not _is_ours(error):
            raise
        shape = ", ".join(str(tuple(leaf.shape[1:])) for leaf in flatten(x)[0] if hasattr(leaf, "shape"))
        raise BenchError(
            f"the model {names['model']} does not take samples of shape {shape} from {names['data']}, in a batch of "
            f"{_spoken(x)} with targets {_spoken(y)}: {error}"
        ) from error


@contextmanager
def _about_loss(losses: SampleLosses, output: Any, y: Any) -> Iterator[None]:
    try:
        yield
    except (TinygradError, IndexError, ValueError) as error:
        if isinstance(error, BenchError) or not _is_ours(error):
            raise
        way_out = ""
        if isinstance(output, Tensor) and output.shape == (*y.shape, 1):
            way_out = ". Give the targets that axis, y = y[..., None], or let the model end with nn.Flatten(0)"
        elif isinstance(output, Tensor) and y.shape == (*output.shape, 1):
            way_out = ". Drop an axis of the targets, y = y[..., 0]"
        elif isinstance(output, Tensor) and y.dtype.kind == "f" and y.ndim == 1 and output.ndim == 2:
            way_out = ". If the targets are classes, make them integers, y.astype(np.int64), for cross_entropy"
        raise BenchError(
            f"the loss {losses.name} does not take the output {_spoken(output)} with targets {_spoken(y)}: "
            f"{error}{way_out}"
        ) from error


def _spoken(value: Any) -> str:
    """Dtypes and shapes of a tensor, or of all in a container."""
    leaves, _ = flatten(value)
    if not leaves:
        return describe(value)
    return ", ".join(describe(leaf) for leaf in leaves[:4]) + (", …" if len(leaves) > 4 else "")


def _check_broadcast(terms: Any, output: Any, y: Any, losses: SampleLosses) -> None:
    """Raise an error if the loss compares every output with every target: it has as many columns as samples."""
    count = len(y)
    if terms.ndim < 2 or terms.shape[1] != count or count == 1 or not isinstance(output, Tensor):
        return
    fewer = losses.terms(output[: count - 1], y[: count - 1])
    if fewer.ndim > 1 and fewer.shape[1] == count - 1:
        raise BenchError(
            f"the loss {losses.name} returned shape {terms.shape} for a batch of {count}, and {fewer.shape} for one of "
            f"{count - 1}: it compares each output with each target, as {_spoken(output)} and {_spoken(y)} are "
            "broadcast. Give them the same shape, for example with output.squeeze(-1)"
        )


def _check_finite(values: Any, part: str, samples: Samples, numbers: Array) -> None:
    for leaf in flatten(values)[0]:
        array = array_of(leaf)
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(1))
        row = f", as in sample {samples.numbers[numbers[bad[0]]]}" if len(array) == len(numbers) else ""
        raise BenchError(
            f"{samples.name} has NaN or infinity in {part}{row}: replace such values, or drop these samples"
        )


def _check_classes(output: Any, y: Any, losses: SampleLosses, samples: Samples) -> None:
    """Check the targets of cross_entropy and nll_loss: classes from 0 to C - 1 for C outputs."""
    if not losses.of_classes or not isinstance(output, Tensor) or output.ndim < 2:
        return
    if y.dtype.kind not in "iu":
        if y.ndim < output.ndim:
            raise BenchError(
                f"{losses.name} needs integer classes as targets, but y is {y.dtype}: convert them, "
                "y.astype(np.int64), or use mse_loss for numbers"
            )
        return
    if y.ndim == output.ndim:
        drop = "y = y[:, 0]" if y.shape[1] == 1 else "for one-hot rows, y = y.argmax(1)"
        raise BenchError(
            f"{losses.name} needs one class for each row of outputs {output.shape}, but y has shape "
            f"{tuple(y.shape)}: {drop}"
        )
    found = np.asarray(array_of(y))
    if type(samples.dataset) is TensorDataset:  # all of them at once
        found = samples.dataset.tensors[1].array[samples.numbers]
    found = found[found != losses.ignored]
    if not found.size:
        return
    classes, low, high = output.shape[1], int(found.min()), int(found.max())
    if low < 0 or high >= classes:
        raise BenchError(
            f"{samples.name}: the labels run from {low} to {high}, but the model has {classes} "
            f"output{'' if classes == 1 else 's'}, for the labels 0 to {classes - 1}. Count the classes from 0, "
            f"y = np.unique(y, return_inverse=True)[1]{f', or give the model {high + 1} outputs' if low >= 0 else ''}"
        )
