"""Custom functions: a user's own op, with a forward and a backward of tensors, as in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from ..engine.broadcasting import sum_to_shape
from ..engine.graph import Link, TensorBase, Unread, array_of
from ..engine.observing import mode, tell_of, watched
from ..engine.recording import make_tensor, picks, record
from ..engine.views import read_only_if_shared
from ..errors import GraphError, ShapeError
from .modes import no_grad

if TYPE_CHECKING:
    from ..engine.typing import Tensor

__all__ = ["Context", "Function"]


class Context:
    """What `forward` leaves for `backward`. Any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument of `apply`, whether its gradient is wanted.

    >>> import tinygrad_edu as tg
    >>> class Scale(tg.Function):
    ...     @staticmethod
    ...     def forward(ctx, x, factor):
    ...         ctx.factor = factor
    ...         return x * factor
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return (g * ctx.factor if ctx.needs_input_grad[0] else None), None
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> Scale.apply(x, 3.0).backward()
    >>> x.grad
    tensor([3., 3.])
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Tensor | None, ...] | None = None
        self._constant: tuple[int, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep `tensors` for `backward`: arguments, results or others. To change one in place is then an error.

        Raises:
            TypeError: for anything but a tensor or None, which belongs on an attribute.
        """
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise TypeError(
                    f"save_for_backward() takes tensors, got {type(tensor).__name__}: "
                    "keep other things as attributes of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that `forward` saved.

        Raises:
            GraphError: outside of `backward`.
        """
        if self._saved is None:
            raise GraphError("ctx.saved_tensors is only available in backward()")
        return self._saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Mark results that have no gradient. Results that are not floating-point have none anyway."""
        self._constant = tuple(id(t) for t in tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default), rather than None, for a result that was not used."""
        self._materialize = value


class Function:
    """An op with a derivative that you write.

    Derive from it, write `forward` and `backward` as static methods, and call `apply`. `forward` gets a
    context and the arguments of `apply`, and computes without recording. `backward` gets the context and one
    gradient for each result, and returns one gradient (or None) for each argument. Written with tensor
    operations, it can be differentiated itself.

    As in PyTorch, `forward` may leave out the context if a third static method does the saving.

    Attributes:
        setup_context: that method, `setup_context(ctx, inputs, output)`; None if there is none.

    >>> import tinygrad_edu as tg
    >>> class Cube(tg.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x * x * g
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    setup_context: ClassVar[Any] = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result, or a tuple of results, from the context and the arguments of `apply`."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient of each argument, from the context and the gradient of each result."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grads)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute the function and record the call.

        Args:
            *args: tensors and anything else, as `forward` takes them.

        Returns:
            What `forward` returned, with tensors that know where they came from.
        """
        recording = mode.recording
        links = tuple([a.source if recording and isinstance(a, TensorBase) else None for a in args])
        ctx = Context()
        ctx.needs_input_grad = tuple([link is not None for link in links])
        with no_grad():
            if cls.setup_context is None:
                results = cls.forward(ctx, *args)
            else:
                results = cls.forward(*args)
                cls.setup_context(ctx, args, results)
        outputs = list(results) if isinstance(results, tuple) else [results]
        places = [
            i
            for i, out in enumerate(outputs)
            if isinstance(out, TensorBase) and out.array.dtype.kind == "f" and id(out) not in ctx._constant
        ]
        if True in ctx.needs_input_grad and places:
            call = _Call(cls, ctx, args, outputs, places)
            recorded = call.record(args, links, [outputs[i] for i in places])
        else:
            recorded = ()
            places = []
        for i, out in enumerate(outputs):  # new tensors: an argument that was returned must not change
            if isinstance(out, TensorBase):
                outputs[i] = recorded[places.index(i)] if i in places else make_tensor(out.array, None)
                outputs[i].array = read_only_if_shared(out.array, [array_of(a) for a in args])
        return tuple(outputs) if isinstance(results, tuple) else outputs[0]


class _Call:
    """One call of `apply`: the op of its node, whose rule is the user's `backward`.

    What was saved goes where the engine keeps what rules read: an argument in its own place, a result as
    the node's result, anything else after the arguments. There it is watched for changes in place, freed
    after the walk, and closes no circle.
    """

    fresh = False
    vjps = ()

    def __init__(
        self,
        function: type[Function],
        ctx: Context,
        args: tuple[Any, ...],
        outputs: list[Any],
        places: list[int],
    ) -> None:
        self.name = function.__name__
        self.function = function
        self.ctx = ctx
        self.takes = [isinstance(a, TensorBase) for a in args]
        self.results = len(outputs)
        self.recorded = [(i, outputs[i].array.shape, outputs[i].array.dtype) for i in places]
        self.saved: list[tuple[str, int] | None] = []  # where each saved tensor is kept

    def record(self, args: tuple[Any, ...], links: tuple[Link | None, ...], outputs: list[Any]) -> Any:
        """Make the node, and return its results as tensors."""
        kept: list[Any] = [link or Unread((), np.dtype(float)) for link in links]
        result = None
        arrays = tuple([out.array for out in outputs])
        for tensor in self.ctx._to_save:
            if tensor is None:
                self.saved.append(None)
            elif any(tensor is a for a in args):
                index = next(i for i, a in enumerate(args) if a is tensor)
                kept[index] = tensor.array
                self.saved.append(("argument", index))
            elif any(tensor is out for out in outputs):
                result = arrays
                self.saved.append(("result", next(i for i, out in enumerate(outputs) if out is tensor)))
            else:
                self.saved.append(("argument", len(kept)))
                kept.append(tensor.array)
        self.ctx._to_save = ()
        links, saved = (*links, *[None] * (len(kept) - len(links))), tuple(kept)
        if len(arrays) == 1:
            tensor = record(self, arrays[0], links, saved, None if result is None else arrays[0])
            if watched:
                tell_of(tensor.source, args, arrays[0])
            return (tensor,)
        return picks(record(self, arrays[0], links, saved, result).source, args, arrays)

    def joint(self, g: Any, out: Any, *args: Any, needs: Sequence[Any]) -> list[Any]:
        """The gradients of all arguments, by the user's `backward`."""
        ctx = self.ctx
        kept = {"argument": args, "result": out if isinstance(out, tuple) else (out,)}
        parts = g.parts if len(self.recorded) > 1 else (g,)
        lifted = any(isinstance(part, TensorBase) for part in parts)
        grads: list[Any] = [None] * self.results
        for part, (place, shape, dtype) in zip(parts, self.recorded, strict=True):
            if part is not None or ctx._materialize:
                grads[place] = _as_tensor(np.zeros(shape, dtype) if part is None else part)
        ctx._saved = tuple([None if where is None else _as_tensor(kept[where[0]][where[1]]) for where in self.saved])
        try:
            answer = self.function.backward(ctx, *grads)
        finally:
            ctx._saved = None
        return self._checked(answer, lifted, needs)

    def _checked(self, answer: Any, lifted: bool, needs: Sequence[Any]) -> list[Any]:
        """What `backward` returned, as one gradient of the right shape and dtype for each argument."""
        answer = list(answer) if isinstance(answer, tuple | list) else [answer]
        name, count = self.name, len(self.takes)
        if len(answer) < count or any(part is not None for part in answer[count:]):
            raise ShapeError(
                f"{name}.backward returned {len(answer)} gradient{'s'[: len(answer) != 1]}, "
                f"but {name}.forward has {count} argument{'s'[: count != 1]}: "
                "return one for each, None for an argument that is not a tensor"
            )
        gradients: list[Any] = [None] * len(needs)
        for index, (part, link) in enumerate(zip(answer[:count], needs[:count], strict=True)):
            if part is not None and not self.takes[index]:
                raise GraphError(
                    f"{name}.backward returned a gradient for argument {index} of {name}.forward, "
                    "which is not a tensor: return None there"
                )
            if part is None or link is None:
                continue
            part = part if isinstance(part, TensorBase) else make_tensor(np.asarray(part), None)
            try:
                part = sum_to_shape(part, link.shape)
            except ShapeError:
                raise ShapeError(
                    f"{name}.backward returned a gradient of shape {part.array.shape} "
                    f"for argument {index} of {name}.forward, which has shape {link.shape}"
                ) from None
            if part.array.dtype != link.dtype:
                part = part.astype(link.dtype)
            gradients[index] = part if lifted else part.array
        return gradients


def _as_tensor(value: Any) -> Tensor:
    return cast("Tensor", value) if isinstance(value, TensorBase) else make_tensor(value, None)
