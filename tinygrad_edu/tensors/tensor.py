"""Tensor: an array, and where it came from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np

from ..autograd import running as autograd
from ..autograd.retained import retain, retains
from ..dtypes import Array, DType, get_default_dtype, require_float
from ..engine import recording
from ..engine.graph import Leaf, Link, Node, TensorBase
from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..engine.versions import mark_changed
from ..engine.views import leave, share
from ..errors import DtypeError, GraphError, ShapeError, refuse_mask
from . import numpy_protocol
from .conversion import as_array, is_python
from .hooks import RemovableHandle, add_after, add_hook
from .inplace import InplaceMethods

if TYPE_CHECKING:
    from ..samples.sample_grads import SampleGrads

__all__ = ["RemovableHandle", "Tensor"]


T = TypeVar("T", bound="Tensor")


class Tensor(InplaceMethods):
    """An n-dimensional array that knows how it was computed.

    Args:
        data: an array (kept as it is, not copied), a Tensor, a number or a nested list of numbers
            (which take the default dtype).
        requires_grad: whether `backward` keeps the gradient with respect to this tensor in `.grad`.
        dtype: the dtype to convert to.

    Attributes:
        array: the NumPy array that holds the numbers.
        source: the Node that computed it, the Leaf that keeps its gradient, or None for a constant.
        view_: which other tensors share its memory; unset where it was never viewed.

    Raises:
        DtypeError: if `requires_grad` is set for a dtype that is not floating-point, or the data is not numeric.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ()
    array: Any
    source: Link | None
    __array_priority__: float = 1000.0

    def __init__(self, data: Operand, *, requires_grad: bool = False, dtype: DType = None) -> None:
        self.array = as_array(data, get_default_dtype() if dtype is None and is_python(data) else dtype)
        self.source = None
        if isinstance(data, TensorBase) and self.array is data.array:
            share(self, data)
        if requires_grad:
            self.requires_grad = True

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, which is NumPy's."""
        return self.array.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim  # type: ignore[no-any-return]

    @property
    def device(self) -> str:
        """Where the numbers are: ``"cpu"``, the only device."""
        return "cpu"

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient with respect to this tensor is wanted, here or further back."""
        return self.source is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if isinstance(self.source, Node):
            if not wanted:
                raise GraphError("requires_grad=False on a computed tensor: use .detach(), which gives a constant")
            return
        if wanted:
            require_float(self.dtype, f"tensor of shape {self.shape}")
            self.source = self.source or Leaf(self.shape, self.dtype)
        else:
            self.source = None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` and return the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than computed from tensors that require a gradient."""
        return not isinstance(self.source, Node)

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed it, None for a leaf."""
        return self.source if isinstance(self.source, Node) else None

    @property
    def grad(self) -> Tensor | None:
        """The gradient, summed over backward passes; None before the first.

        A computed tensor keeps its gradient only after `retain_grad()`; reading it without that call warns.
        """
        found: Tensor | None = getattr(self.source, "grad", None)
        if found is None and isinstance(self.source, Node) and not retains(self.source):
            warnings.warn(
                f"the .grad of a computed tensor, of shape {self.shape}, is None: backward() keeps the gradients of "
                "leaves only. Call its retain_grad() before backward()",
                stacklevel=2,
            )
        return found

    @grad.setter
    def grad(self, value: Tensor | Array | None) -> None:
        if self.source is None:
            if value is None:
                return
            raise GraphError("setting .grad of a tensor that does not require a gradient: set requires_grad=True first")
        if value is None:
            autograd.clear([self])
        else:
            refuse_mask(value, "setting .grad")
            value = value if isinstance(value, Tensor) else make_tensor(np.asarray(value, self.dtype), None)
            if value.shape != self.shape:
                raise ShapeError(f"setting .grad: the gradient has shape {value.shape}, the tensor {self.shape}")
            if value.dtype != self.dtype:
                raise DtypeError(
                    f"setting .grad: the gradient has dtype {value.dtype}, the tensor {self.dtype}: "
                    f"convert it, as in g.astype({str(self.dtype)!r})"
                )
            if not value.array.flags.writeable:  # later gradients are added in place
                value = value.clone()
        self.source.grad = value
        if isinstance(self.source, Leaf):
            self.source.tally = None

    @property
    def data(self) -> Tensor:
        """The same numbers, in the same memory, outside the graph."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor | Array) -> None:
        refuse_mask(value, "setting .data")
        array = value.array if isinstance(value, Tensor) else np.asarray(value)
        if isinstance(self.source, Leaf):
            require_float(array.dtype, "setting .data: the new array")
            if array.shape != self.shape:
                autograd.clear([self])
            self.source.shape, self.source.dtype = array.shape, array.dtype
        mark_changed(self.array)
        leave(self)
        self.array = array
        if isinstance(value, Tensor):
            share(self, value)

    # The graph

    def backward(
        self,
        gradient: Operand = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        *,
        per_sample: bool = False,
        weights: Operand = None,
        keep: Literal["factors", "norms", "dense"] = "factors",
        coupled: bool = False,
    ) -> None:
        """Backpropagation: add to every leaf's `.grad` the derivative of the sum of this tensor's elements.

        Args:
            gradient: the gradient to start from, of this tensor's shape; default, ones.
            retain_graph: keep the graph for another backward pass; default, `create_graph`.
            create_graph: record the pass itself, so that gradients can be differentiated again.
            per_sample: keep the sum open: there is one loss for each sample, shape (B,), and every leaf also
                gets `sample_grads`. Hooks on a leaf, and on what all samples share, see the sum only.
            weights: with `per_sample`, a factor for each sample's loss, shape (B,);
                the same as `gradient`.
            keep: with `per_sample`, what is kept of the samples: ``"factors"``, from which everything can be computed;
                ``"norms"`` only, which take almost no memory; or ``"dense"``, all gradients in full.
            coupled: with `per_sample`, allow samples whose losses depend on other samples, and give the
                derivatives of each loss for the batch as it is: one small backward pass per sample.

        Raises:
            GraphError: if nothing here requires a gradient, the graph was freed, or a saved tensor was
                overwritten. No gradient has changed then.
            SampleCouplingError: with `per_sample`, if samples are coupled. No gradient has changed then.
            ShapeError: with `per_sample`, if there is not one loss for each sample.
            ValueError: if an argument for `per_sample` is given without it.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor(2.0, requires_grad=True)
        >>> losses = (w * tg.tensor([1.0, 2.0, 3.0]) - 1) ** 2
        >>> losses.backward()
        >>> w.grad
        tensor(44.)
        """
        if not per_sample:
            if weights is not None or keep != "factors" or coupled:
                raise ValueError("backward(): weights=, keep= and coupled= go with per_sample=True")
            autograd.backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph)
            return
        from ..samples.opening.passes import backward

        if gradient is not None and weights is not None:
            raise ValueError("backward(): gradient= and weights= are the same with per_sample=True: pass one of them")
        chosen = gradient if weights is None else weights
        backward(self, chosen, retain_graph=retain_graph, create_graph=create_graph, keep=keep, coupled=coupled)

    @property
    def sample_grads(self) -> SampleGrads:
        """This leaf's gradient as an open sum: one term for each sample of the per-sample backward passes so far.

        Passes from before `.grad` was zeroed, even in place, no longer count once another pass follows.

        Raises:
            GraphError: if there was no such pass since the gradients were last cleared, or none reached this leaf.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor(2.0, requires_grad=True)
        >>> losses = (w * tg.tensor([1.0, 2.0, 3.0]) - 1) ** 2
        >>> losses.backward(per_sample=True)
        >>> w.sample_grads[:]
        tensor([ 2., 12., 30.])
        """
        from ..samples.sample_grads import of_leaf

        grads: SampleGrads = of_leaf(self._require_source("sample_grads"))
        return grads

    @property
    def shared_grad(self) -> Tensor | None:
        """What `.grad` holds besides the samples' gradients: the gradient of a penalty, for example.

        `.grad` is the (weighted, after clipping) sum of `sample_grads` plus this. None if `.grad` is None.

        >>> import tinygrad_edu as tg
        >>> w = tg.tensor(2.0, requires_grad=True)
        >>> (w * tg.tensor([1.0, 2.0, 3.0])).backward(per_sample=True)
        >>> (10 * w * w).backward()
        >>> w.grad, w.shared_grad
        (tensor(46.), tensor(40.))
        """
        return self.sample_grads.shared()

    def detach(self) -> Tensor:
        """The same numbers, in the same memory, as a constant.

        >>> import tinygrad_edu as tg
        >>> tg.tensor([1.0], requires_grad=True).detach()
        tensor([1.])
        """
        constant = make_tensor(self.array, None)
        share(constant, self)
        return constant

    def detach_(self) -> Self:
        """Make this tensor a constant."""
        self.source = None
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in its `.grad` as well.

        Raises:
            GraphError: if it does not require a gradient.

        >>> import tinygrad_edu as tg
        >>> y = tg.tensor([1.0, 2.0], requires_grad=True) * 3
        >>> y.retain_grad()
        >>> (y * y).backward()
        >>> y.grad
        tensor([ 6., 12.])
        """
        source = self._require_source("retain_grad()")
        if isinstance(source, Node):
            retain(source)

    @property
    def retains_grad(self) -> bool:
        """Whether this is a computed tensor that keeps its gradient."""
        return retains(self.source)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook` with this tensor's gradient in every backward pass.

        Args:
            hook: gets the gradient as a Tensor; what it returns, unless None, replaces the gradient.

        Returns:
            A handle whose `remove()` removes the hook.

        >>> import tinygrad_edu as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (3 * x).backward()
        >>> x.grad
        tensor([30., 30.])
        >>> handle.remove()
        """
        return add_hook(self._require_source("register_hook()"), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook` with this leaf whenever a backward pass has added to its `.grad`."""
        source = self._require_source("register_post_accumulate_grad_hook()")
        if not isinstance(source, Leaf):
            raise GraphError("register_post_accumulate_grad_hook() is for leaves: use register_hook() here")
        return add_after(source, self, hook)

    def _require_source(self, caller: str) -> Node | Leaf:
        if self.source is None:
            raise GraphError(f"{caller} on a tensor that does not require a gradient: set requires_grad=True first")
        return self.source

    # Its numbers

    def numpy(self) -> Array:
        """The NumPy array, in the same memory.

        Raises:
            GraphError: if the tensor requires a gradient, which the array would lose.
        """
        if self.source is not None:
            raise GraphError("numpy() of a tensor that requires a gradient would lose it: use t.detach().numpy()")
        return self.array  # type: ignore[no-any-return]

    def __array__(self, dtype: DType = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """The number in a tensor of one element, as a Python number.

        Raises:
            ShapeError: if there are more elements, or none.

        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1.5]]).item()
        1.5
        """
        if self.array.size != 1:
            raise ShapeError(f"item() needs a tensor of one element, this one has shape {self.shape}: use .tolist()")
        return self.array.item()

    def tolist(self) -> Any:
        """The numbers as nested Python lists.

        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self.array.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __repr__(self) -> str:
        numbers = np.array2string(self.array, separator=", ", prefix="tensor(")
        dtype = "" if self.dtype in (get_default_dtype(), np.int64, np.bool_) else f", dtype={self.dtype}"
        if 0 in self.shape and self.ndim > 1:
            numbers += f", size={self.shape}"
        if isinstance(self.source, Node):
            return f"tensor({numbers}{dtype}, grad_fn={self.source.op.name})"
        return f"tensor({numbers}{dtype}{', requires_grad=True' if self.source else ''})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.shape else format(str(self), spec)

    def __copy__(self) -> Self:
        build, arguments = self.__reduce__()
        twin: Self = build(*arguments)
        share(twin, self)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if isinstance(self.source, Node):
            raise GraphError("copying a computed tensor would detach it from its graph: use .detach() or .clone()")
        twin = memo[id(self)] = _rebuild(type(self), self.array.copy(), self.requires_grad)
        twin.grad = None if self.grad is None else self.grad.detach().clone()
        return twin

    def __reduce__(self) -> Any:
        if isinstance(self.source, Node):
            raise GraphError("pickling a computed tensor would lose its graph: use .detach()")
        return _rebuild, (type(self), self.array, self.source is not None)

    # NumPy's functions

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return numpy_protocol.call_function(function, args, kwargs)


def _rebuild(kind: type[T], array: Array, requires_grad: bool) -> T:
    tensor = object.__new__(kind)
    tensor.array, tensor.source = array, Leaf(array.shape, array.dtype) if requires_grad else None
    return tensor


recording.tensor_type = Tensor
