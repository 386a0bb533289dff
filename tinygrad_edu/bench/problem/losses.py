"""One loss for each sample, from any loss function of the user."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import describe
from ...nn import CrossEntropyLoss, MultiMarginLoss, NLLLoss
from ...nn.functional import cross_entropy, mse_loss, multi_margin_loss, nll_loss
from ...nn.module.module import Module
from ...tensors.tensor import Tensor
from ..errors import BenchError

OF_CLASSES = (cross_entropy, nll_loss, multi_margin_loss, CrossEntropyLoss, NLLLoss, MultiMarginLoss)


class SampleLosses:
    """Calls a loss function so that it returns one number for each sample, of shape (B,).

    Args:
        loss_fn: a loss of `nn.functional` or `nn`, called with the reduction "none" and summed over all axes but the
            first; or a function of (output, target) that returns (B,).

    Attributes:
        name: its name in a report.
        of_classes: whether it is a loss of this library whose integer targets are classes, such as cross_entropy.
        ignored: the class that does not count, if there is one.

    Raises:
        BenchError: if it is neither; and, when called, if it does not return one number for each sample.

    >>> import tinygrad_edu as tg
    >>> losses = SampleLosses(tg.nn.MSELoss())
    >>> losses(tg.tensor([[1.0, 2.0], [0.0, 0.0]]), tg.zeros(2, 2))
    tensor([5., 0.])
    """

    def __init__(self, loss_fn: Any) -> None:
        if inspect.isclass(loss_fn):
            raise BenchError(f"loss_fn is the class {loss_fn.__name__}: make an instance, {loss_fn.__name__}()")
        if not callable(loss_fn):
            raise BenchError(f"loss_fn: got {describe(loss_fn)}; give a loss such as F.cross_entropy or nn.MSELoss()")
        self.name: str = name_of(loss_fn)
        needed = needs(loss_fn.forward if isinstance(loss_fn, Module) else loss_fn)
        if len(needed) > 2:
            raise BenchError(f"the loss {self.name} needs {', '.join(needed)}: give a function of (output, target)")
        self.of_classes: bool = _innermost(loss_fn) in OF_CLASSES or type(loss_fn) in OF_CLASSES
        self.ignored: int = _ignored(loss_fn)
        self._call: Callable[[Any, Any], Any] = _unreduced(loss_fn)

    def __call__(self, output: Any, target: Any) -> Any:
        losses = self.terms(output, target)
        return losses if losses.ndim == 1 else losses.reshape((losses.shape[0], -1)).sum(1)

    def terms(self, output: Any, target: Any) -> Any:
        """The numbers whose sums over all axes but the first are the losses: of shape (B, …)."""
        losses = self._call(output, target)
        count = len(target)
        if not isinstance(losses, Tensor):
            raise BenchError(
                f"the loss {self.name} returned {describe(losses)}, not a tensor. Return one loss for each sample, of "
                "shape (B,), computed with tensors all the way"
            )
        if losses.ndim == 0:
            raise BenchError(
                f"the loss {self.name} returned one number for a batch of {count}. Return one loss for each sample, of "
                'shape (B,): leave out the final .sum() or .mean(), or call the loss inside with reduction="none"'
            )
        if losses.shape[0] != count:
            raise BenchError(
                f"the loss {self.name} returned shape {losses.shape} for a batch of {count}: axis 0 is that of the "
                f"samples. Return one loss for each sample, of shape ({count},)"
            )
        return losses


def loss_for(target: Any) -> Callable[..., Any]:
    """The default loss: cross-entropy for integer targets, squared error for floating ones.

    Raises:
        BenchError: for booleans, which may stand for either.
    """
    if target.dtype.kind == "b":
        raise BenchError(
            "the targets are booleans: name the loss, or convert them, y.astype(np.int64) for classes (cross_entropy) "
            "or y.astype(np.float32) for numbers (mse_loss)"
        )
    return cross_entropy if target.dtype.kind in "iu" else mse_loss


def name_of(thing: Any) -> str:
    """The name of a model, loss or optimizer in a report.

    >>> import functools, tinygrad_edu as tg
    >>> name_of(functools.partial(tg.optim.AdamW, weight_decay=0.1)), name_of(tg.nn.MSELoss())
    ('AdamW(weight_decay=0.1)', 'MSELoss')
    """
    if isinstance(thing, functools.partial):
        given = [describe(value) for value in thing.args]
        given += [f"{key}={describe(value)}" for key, value in thing.keywords.items()]
        return f"{name_of(thing.func)}({', '.join(given)})"
    return str(getattr(thing, "__name__", type(thing).__name__))


def needs(function: Any) -> list[str]:
    """The arguments that a class or function cannot be called without.

    >>> needs(lambda width, depth=2, **options: None)
    ['width']
    """
    parameters = (_parameters(function) or {}).values()
    return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def takes(function: Any, argument: str) -> bool:
    """Whether a function can be called with an argument of this name; True if that is unknown.

    >>> takes(lambda params, lr: None, "lr"), takes(lambda params: None, "lr")
    (True, False)
    """
    parameters = _parameters(function)
    if parameters is None:
        return True
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _parameters(function: Any) -> Mapping[str, inspect.Parameter] | None:
    """Its arguments by name; None for some functions written in C, which do not report them."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


def _unreduced(loss_fn: Any) -> Callable[[Any, Any], Any]:
    if isinstance(loss_fn, Module):
        loss_fn = copy.deepcopy(loss_fn)
        if hasattr(loss_fn, "reduction"):
            loss_fn.reduction = "none"
        call: Callable[[Any, Any], Any] = loss_fn
        return call
    takes_reduction = "reduction" in (_parameters(loss_fn) or {})
    return functools.partial(loss_fn, reduction="none") if takes_reduction else loss_fn


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isfunction(function) else None


def _ignored(loss_fn: Any) -> int:
    found = getattr(loss_fn, "ignore_index", None) if isinstance(loss_fn, Module) else None
    parameters = _parameters(loss_fn) or {}
    if found is None and "ignore_index" in parameters:
        found = parameters["ignore_index"].default  # of a partial: what it sets
    return int(found) if isinstance(found, int) else -100
