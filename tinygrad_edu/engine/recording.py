"""Recording: how a call of an op becomes a tensor with a node.

Every operation passes through here, so that what is done here is done a thousand times in a step. Ops of one and of
two arrays therefore have a fast path for the common case; everything else takes the slow one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..dtypes import float64
from ..errors import GraphError, explain, require_own
from . import versions
from .callsite import PACKAGE
from .graph import Cotangents, Link, Node, TensorBase, Unread
from .observing import computed, mode, tell_of, watched
from .op import Primitive
from .promotion import is_double, is_floating, on_integers, settle
from .views import keep

if TYPE_CHECKING:
    from .typing import Tensor


tensor_type: type[Any] = TensorBase  # tensor.py puts Tensor here
_new = object.__new__
_getframe = sys._getframe
ndarray = np.ndarray


def make_tensor(array: Any, source: Link | None) -> Tensor:
    """A Tensor of `array` with the given source; a NumPy scalar becomes a 0-d array."""
    tensor = _new(tensor_type)
    tensor.array = np.asarray(array) if isinstance(array, np.generic) else array
    tensor.source = source
    return cast("Tensor", tensor)


def recorder(op: Primitive) -> Callable[..., Any]:
    """The function that computes `op` and records the call; ops of one or two arrays have a fast path."""
    parameters = op.signature.parameters.values()
    plain = all(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in parameters)
    if plain and op.saves is not None and all(op.vjps) and len(op.vjps) == len(parameters):
        ufunc = isinstance(op.numpy[0], np.ufunc) if op.numpy else False
        forward = op.numpy[0] if ufunc else op.forward
        if len(parameters) == 1:
            return _short_unary(op, forward)
        if len(parameters) == 2:
            return _short_binary(op, forward)
    return _long_way(op, op.forward)


def _short_unary(op: Primitive, forward: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`call(x)` for an op of one array. The two fast paths are written out: most of a step goes through them."""
    keep_x, keep_out = op.saved((True,))
    note = _recording_of(op)
    long = _long_way(op, forward)

    def call(x: Any, /) -> Any:
        if not isinstance(x, TensorBase):
            return forward(x) if type(x) is ndarray else _on_anything(op, forward, x)
        array = x.array
        source = x.source
        if watched or (source is None and array.dtype.kind != "f"):
            return long(x)
        try:
            out = forward(array)
        except Exception as error:
            raise explain(op.name, (array,), error) from error
        if type(out) is not ndarray or (out.dtype is float64 and array.dtype is not float64):
            if type(out) is tuple:
                return _several(op, out, (array,), (source,), (x,))
            out = settle(op.name, out, (array,))
        if source is None or not mode.recording:
            return make_tensor(out, None)
        return note(op, out, (source,), (array if keep_x else source,), out if keep_out else None)

    return call


def _short_binary(op: Primitive, forward: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`call(x, y)` for an op of two arrays."""
    keep_x_for_x, keep_y_for_x, keep_out_for_x = op.saved((True, False))
    keep_x_for_y, keep_y_for_y, keep_out_for_y = op.saved((False, True))
    keep_x, keep_y, keep_out = op.saved((True, True))
    note = _recording_of(op)
    long = _long_way(op, forward)

    def call(x: Any, y: Any, /) -> Any:
        a, b, from_x, from_y = x, y, None, None
        if isinstance(x, TensorBase):
            a = x.array
            from_x = x.source
        if isinstance(y, TensorBase):
            b = y.array
            from_y = y.source
        elif a is x:
            return forward(x, y) if type(x) is ndarray else _on_anything(op, forward, x, y)
        if watched or (from_x is from_y is None and not (is_floating(a) or is_floating(b))):
            return long(x, y)
        try:
            out = forward(a, b)
        except Exception as error:
            raise explain(op.name, (a, b), error) from error
        if type(out) is not ndarray or (out.dtype is float64 and not (is_double(a) and is_double(b))):
            if type(out) is tuple:
                return _several(op, out, (a, b), (from_x, from_y), (x, y))
            out = settle(op.name, out, (a, b))
            if from_x is not None or from_y is not None:
                a, from_x = _alike(a, from_x, out.dtype)
                b, from_y = _alike(b, from_y, out.dtype)
        if from_x is from_y is None or not mode.recording:
            return make_tensor(out, None)
        if from_y is None:
            saved = (a if keep_x_for_x else from_x, b if keep_y_for_x else None)
            kept = out if keep_out_for_x else None
        elif from_x is None:
            saved = (a if keep_x_for_y else None, b if keep_y_for_y else from_y)
            kept = out if keep_out_for_y else None
        else:
            saved = (a if keep_x else from_x, b if keep_y else from_y)
            kept = out if keep_out else None
        return note(op, out, (from_x, from_y), saved, kept)

    return call


def _long_way(op: Primitive, forward: Callable[..., Any]) -> Callable[..., Any]:
    """`call(*args)` for any op, any arguments, and where somebody watches."""
    variadic, is_view = op.variadic, op.view
    note = _recording_of(op)
    parameters = op.signature.parameters.values()
    count, ruled = len(parameters), len(op.vjps)
    has_rule = [op.joint is not None or (i < len(op.vjps) and op.vjps[i] is not None) for i in range(count)]
    defaults = tuple([p.default for p in parameters])
    required = defaults.count(Parameter.empty) if all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) else count
    # By the arguments that are tracked, as the bits of a number: which ones no rule reads, and whether the result is.
    plans: dict[int, tuple[list[int], bool]] = {}

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or (len(args) != count and not variadic):
            if not kwargs and required <= len(args) < count:
                args += defaults[len(args) :]
            else:  # which takes as long as a whole op
                args = _bound(op, args, kwargs)
        values: list[Any] = list(args)
        links: list[Link | None] = [None] * len(args)
        tracked = 0
        tensors = False
        for i, value in enumerate(args):
            if isinstance(value, TensorBase):
                tensors = True
                values[i] = value.array
                source = value.source
                if source is not None:
                    if has_rule[i if i < count else -1]:
                        links[i] = source
                        tracked |= 1 << i
                    elif min(i, count - 1) >= ruled > 0:  # after the last rule there are options
                        require_number(op.name, op.parameters[min(i, count - 1)], value)
        drifts: list[Any] | None = None
        if watched and tensors:
            drifts = []
            out = computed("forward", op, partial(compute, drifts), tuple(values))
        else:
            try:
                out = forward(*values) if tracked or not tensors else on_integers(forward, values, has_rule)
            except Exception as error:
                raise explain(op.name, values, error) from error
        if not tensors:
            if type(out) is not ndarray and type(out) is not tuple:
                require_own(op.name, out)
            return out
        if type(out) is tuple:
            parts = _several(op, out, values, links, args)
            if is_view:
                for piece, part in enumerate(parts):
                    keep(part, args[0], call, args[1:], piece)
            return parts
        if drifts or type(out) is not ndarray or (out.dtype is float64 and not _double(values, has_rule)):
            out = settle(op.name, out, values)
            if tracked and not any(isinstance(value, np.dtype) for value in values):
                for i, value in enumerate(values):
                    if links[i] is not None or (op.joint is None and has_rule[i if i < count else -1]):
                        values[i], links[i] = _alike(value, links[i], out.dtype)
        if not tracked or not mode.recording:
            result = make_tensor(out, None)
        else:
            plan = plans.get(tracked)
            if plan is None or variadic:
                plan = plans[tracked] = _plan(op, links)
            unread, reads_result = plan
            _let_go(values, links, unread)
            result = note(op, out, tuple(links), tuple(values), out if reads_result else None)
            if watched:
                tell_of(result.source, args, out)
        if is_view:
            keep(result, args[0], call, args[1:])
        return result

    def compute(drifts: list[Any], *values: Any) -> Any:
        """All that a call computes on arrays; `drifts` learns of a result that had to be settled."""
        try:
            out = on_integers(forward, values, has_rule)
        except Exception as error:
            raise explain(op.name, values, error) from error
        if type(out) is tuple:
            return tuple([settle(op.name, part, values) for part in out])
        settled = settle(op.name, out, values)
        if settled is not out:
            drifts.append(type(out))
        return settled

    return call


def _bound(op: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call in their order, with the defaults of those that are left out."""
    try:
        bound = op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{op.name}(): {error}") from None
    bound.apply_defaults()
    return bound.args


def require_number(op: str, name: str, value: Any) -> None:
    """Raise if the argument `name` of `op`, which is a constant for it, is a tensor whose gradient would be lost."""
    if isinstance(value, TensorBase) and value.source is not None and mode.recording:
        raise GraphError(
            f"{op}: {name} is a constant here, and a gradient with respect to it would be lost: pass {name}.detach(), "
            "or its number"
        )


def _on_anything(op: Primitive, forward: Callable[..., Any], *values: Any) -> Any:
    """`forward` of what is neither a tensor nor an array: numbers, lists, other libraries' arrays."""
    require_own(op.name, *values)
    return forward(*values)


def _double(values: Sequence[Any], has_rule: Sequence[bool]) -> bool:
    """Whether the operands are float64 arrays and numbers, so that a float64 result is nothing to look into."""
    if len(values) != len(has_rule):  # more arrays of a variadic op
        return False
    operands = [value for value, ruled in zip(values, has_rule) if ruled and value is not None]
    return all(map(is_double, operands)) and any(isinstance(value, ndarray) for value in operands)


def _plan(op: Primitive, links: Sequence[Link | None]) -> tuple[list[int], bool]:
    """Which arguments the rules of the tracked ones do not read, and whether they read the result."""
    *reads, reads_result = op.saved(tuple([link is not None for link in links]))
    return [i for i, read in enumerate(reads) if not read], reads_result


def _let_go(values: list[Any], links: Sequence[Link | None], unread: Sequence[int]) -> None:
    """Replace the arrays that no rule reads by placeholders that have just their shape and dtype."""
    for i in unread:
        value = values[i]
        if hasattr(value, "dtype"):
            values[i] = links[i] or Unread(value.shape, value.dtype)


def record(op: Any, out: Any, links: tuple[Link | None, ...], saved: tuple[Any, ...], kept: Any) -> Any:
    """The result as a Tensor whose source is a new Node."""
    node = _new(Node)
    node.op = op
    node.inputs = links
    node.args = saved
    node.out = kept
    node.shape = out.shape
    node.dtype = out.dtype
    node.clock = versions.now
    node.hooks = None
    tensor = _new(tensor_type)
    tensor.array = out
    tensor.source = node
    return tensor


def _recording_of(op: Primitive) -> Callable[..., Any]:
    """How its calls are recorded: with their line, if op is one in which the samples of a batch may meet."""
    return record if op.samples is None or not op.samples.mixing else _record_with_line


def _record_with_line(
    op: Primitive, out: Any, links: tuple[Link | None, ...], saved: tuple[Any, ...], kept: Any
) -> Any:
    """As `record`, and the node keeps which instruction of the user's code called the op."""
    tensor = record(op, out, links, saved, kept)
    frame: Any = _getframe(2)
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
    tensor.source.where = frame.f_code, frame.f_lasti
    return tensor


def _alike(value: Any, link: Link | None, dtype: np.dtype[Any]) -> tuple[Any, Link | None]:
    """An operand, and its link, in the dtype of the result: then no rule drifts to another one.

    Integers and NumPy numbers would make float32 gradients float64. What has a gradient itself is
    converted by an op, which gives its gradient back in its own dtype.
    """
    if isinstance(value, ndarray) and value.dtype == dtype:
        return value, link
    if link is not None:
        tensor: Any = make_tensor(value, link)
        tensor = tensor.astype(dtype)
        return tensor.array, tensor.source
    if value is None or (isinstance(value, float | int) and not isinstance(value, np.generic)):
        return value, None
    return np.asanyarray(value, dtype), None


def _several(
    op: Primitive,
    out: tuple[Any, ...],
    values: Sequence[Any],
    links: Sequence[Link | None],
    operands: tuple[Any, ...],
) -> Any:
    """Several results as Tensors, each picked out of one new Node."""
    out = tuple([settle(op.name, part, values) for part in out])
    if not mode.recording or all(link is None for link in links):
        return tuple([make_tensor(part, None) for part in out])
    unread, reads_result = _plan(op, links)
    kept = list(values)
    _let_go(kept, links, unread)
    node = _recording_of(op)(op, out[0], tuple(links), tuple(kept), out if reads_result else None).source
    return picks(node, operands, out)


def picks(node: Node, operands: tuple[Any, ...], out: tuple[Any, ...]) -> Any:
    """The results of a new node as Tensors; from then on it is a node with several."""
    node.shape = ()
    if watched:
        tell_of(node, operands, out)
    return tuple([pick(node, index, part, len(out)) for index, part in enumerate(out)])


class Pick:
    """The op that takes one result out of several; its rule puts the gradient back in its place."""

    name = "pick"
    joint = None
    fresh = False
    vjps: tuple[Any, ...]

    def __init__(self, index: int, count: int) -> None:
        self.index = index
        self.count = count
        self.vjps = (lambda g, out, node: Cotangents([g if i == index else None for i in range(count)]),)


def pick(node: Node, index: int, out: Any, count: int) -> Tensor:
    """Result number `index` of a node with several results, as a Tensor."""
    return cast("Tensor", record(Pick(index, count), out, (node,), (node,), None))


def lift(node: Node) -> tuple[Any, tuple[Any, ...]]:
    """A node's result and arguments as Tensors of the graph, so that its rules record themselves."""
    out = node.out
    if isinstance(out, tuple):
        out = tuple(pick(node, index, part, len(out)) for index, part in enumerate(out))
    elif out is not None:
        out = make_tensor(out, node)
    pairs = zip(node.args or (), node.inputs, strict=True)
    return out, tuple(v if link is None or v is link else make_tensor(v, link) for v, link in pairs)
