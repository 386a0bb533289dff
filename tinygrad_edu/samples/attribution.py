"""Influence: which training samples pull the model towards a test sample, and which pull it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import running as autograd
from ..autograd.modes import enable_grad, no_grad
from ..engine.graph import TensorBase, array_of
from ..errors import DtypeError, GraphError, ShapeError, refuse_mask, type_name
from ..ops.softmax import log_softmax
from .opening.passes import open_losses
from .results import in_dtype, tensor_of

if TYPE_CHECKING:
    from ..engine.typing import Tensor
    from .models import Model


_IGNORED = -100  # a target that counts nothing, as in cross_entropy


def influence(
    losses: Tensor,
    model: Model,
    x_test: Any,
    y_test: Any,
    *,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    coupled: bool = False,
) -> Tensor:
    """⟨g_m, g_test⟩ of each training sample m, where g_test is the gradient of the summed test loss.

    To first order a step of -η g_m changes the test loss by -η⟨g_m, g_test⟩. So a positive number belongs to a sample
    whose step lowers the test loss, a negative one to a sample whose step raises it. The numbers are linear in the
    test loss: those of several test batches add up to those of all of them.

    No gradient of a sample is computed in full, and neither `.grad` nor `sample_grads` changes. The test loss is
    computed in evaluation mode: dropout is off, and normalization uses its running statistics, unchanged. Afterwards
    every module is back in the mode it was in. The training losses are as they were computed.

    Args:
        losses: one training loss for each sample, shape (B,). Their graph is kept.
        model: the model that computed them; parameters that require no gradient are left out.
        x_test: the test inputs.
        y_test: their targets.
        loss_fn: called with the prediction and `y_test`; the sum of what it returns is the test loss. Default:
            cross_entropy, for scores of shape (C,), (N, C) or (N, C, d1, …) and class indices or probabilities.
        coupled: allow training losses that depend on several samples; see `Tensor.backward`.

    Returns:
        Shape (B,), with the parameters' dtype.

    Raises:
        ShapeError: if there is not one loss for each sample.
        SampleCouplingError: if samples are coupled.
        GraphError: if no training loss, or no test loss, depends on a parameter of the model that requires a gradient;
            or the graph of the training losses was freed.
        TypeError: if `losses` is not a Tensor, `model` is not a module, or `loss_fn` does not return a Tensor.

    Source: Pruthi et al., "Estimating Training Data Influence by Tracing Gradient Descent" (2020), with one
    checkpoint and a learning rate of 1.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(2, 2, bias=False)
    >>> tg.nn.init.zeros_(model.weight) is model.weight
    True
    >>> x, y = tg.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), tg.tensor([0, 1, 0])
    >>> losses = tg.nn.functional.cross_entropy(model(x), y, reduction="none")
    >>> tg.samples.influence(losses, model, tg.tensor([[2.0, 0.0]]), tg.tensor([0]))
    tensor([ 1., -1.,  0.])
    """
    _require_kinds(losses, model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise GraphError(
            f"influence(): no parameter of this {type(model).__name__} requires a gradient: unfreeze those that "
            "matter, with p.requires_grad = True"
        )
    opened = open_losses(losses, coupled=coupled)
    if not any(p.source in opened for p in parameters):
        raise GraphError(
            f"influence(): the losses do not depend on any parameter of this {type(model).__name__} that requires a "
            "gradient: pass the model that computed them"
        )
    loss = _test_loss(model, x_test, y_test, loss_fn)
    directions = autograd.grad(loss, parameters, allow_unused=True) if loss.source is not None else ()
    if all(direction is None for direction in directions):
        raise GraphError(
            f"influence(): the test loss does not depend on any parameter of this {type(model).__name__} that requires "
            "a gradient: look for detach() or no_grad() in its forward() or in loss_fn"
        )
    total = np.zeros(losses.shape[0])
    for parameter, direction in zip(parameters, directions, strict=True):
        part = opened.get(parameter.source)  # type: ignore[arg-type]
        if part is not None and direction is not None:
            total += in_dtype(part.dots(direction.array), total.dtype)
    return tensor_of(total, np.result_type(*{p.dtype for p in parameters}))


def _require_kinds(losses: Any, model: Any) -> None:
    if not isinstance(losses, TensorBase) or not hasattr(model, "parameters"):
        raise TypeError(
            f"influence(losses, model, x_test, y_test): got a {type_name(losses)} for losses, a {type_name(model)} for "
            "model: the tensor of training losses comes first, then the module"
        )


def _test_loss(model: Model, x: Any, y: Any, loss_fn: Callable[[Any, Any], Any] | None) -> Any:
    with enable_grad(), _evaluating(model):
        try:
            prediction = model(x)
        except (ShapeError, DtypeError) as error:
            if not _takes(model, y):
                raise
            raise type(error)(
                "influence(): the model takes y_test, and not x_test: the inputs come before the targets, "
                "influence(losses, model, x_test, y_test)"
            ) from error
        loss = (loss_fn or _cross_entropy)(prediction, y)
    if not isinstance(loss, TensorBase):
        raise TypeError(f"influence(): loss_fn returned a {type(loss).__name__}, it must return a Tensor to be summed")
    return loss


def _cross_entropy(scores: Any, targets: Any) -> Any:
    """-log softmax(scores)[target] of each target; of probabilities, what is expected by them."""
    refuse_mask(targets, "influence(): y_test")
    classes = np.asarray(array_of(targets))
    axis = min(1, len(scores.shape) - 1)
    surprise = -log_softmax(scores, axis)
    if classes.dtype.kind == "f" and classes.shape == scores.shape:
        return surprise * classes.astype(scores.dtype)
    count, shape = scores.shape[axis], scores.shape[:axis] + scores.shape[axis + 1 :]
    if classes.dtype.kind not in "iu":
        raise DtypeError(f"influence(): y_test has dtype {classes.dtype}: pass class indices, or a loss_fn= of its own")
    if classes.shape != shape:
        raise ShapeError(
            f"influence(): y_test has shape {classes.shape}, and a prediction of shape {scores.shape} needs class "
            f"indices of shape {shape}"
        )
    wrong = classes[(classes != _IGNORED) & ((classes < 0) | (classes >= count))]
    if wrong.size:
        raise IndexError(f"influence(): y_test has the class {wrong[0]}, and the model has {count}: 0 to {count - 1}")
    return surprise[np.moveaxis(classes[..., None] == np.arange(count), -1, axis)]


def _takes(model: Model, x: Any) -> bool:
    try:
        with no_grad():
            model(x)
    except Exception:
        return False
    return True


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
