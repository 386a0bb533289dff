"""Module: a part of a model, made of parameters, buffers and other modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from ...autograd.running import clear
from ...dtypes import float16, float32, float64
from ...tensors.hooks import RemovableHandle
from ...tensors.tensor import Tensor
from ..checks import refuse_data
from . import state, weights
from .convert import convert_tensor, wanted_dtype
from .hooks import Entry, Hooks
from .paths import explain_call, locate
from .text import tree_text
from .tree import ModuleTree

if TYPE_CHECKING:
    from ...samples.model_grads import ModelSampleGrads

__all__ = ["Module"]


class Module(ModuleTree["Module"]):
    """Base class of all models and of their parts.

    A subclass calls ``super().__init__()`` first, assigns its parameters and modules to attributes, which
    registers them, and defines `forward`. The module is then called like a function.

    Attributes:
        training: whether it is in training mode; see `train` and `eval`.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> class Net(nn.Module):
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.out = nn.Linear(8, 2)
    ...
    ...     def forward(self, x: tg.Tensor) -> tg.Tensor:
    ...         return self.out(self.hidden(x).tanh())
    >>> net = Net()
    >>> net(tg.zeros(3, 4)).shape
    (3, 2)
    >>> net
    Net(
      (hidden): Linear(in_features=4, out_features=8, bias=True)
      (out): Linear(in_features=8, out_features=2, bias=True)
    )
    """

    training: bool
    _hooks: Hooks | None = None  # once there is one

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """A new module; its options come first, and the data when it is called."""
        if args:
            refuse_data(cls, args)
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["training"] = True

    # Calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(), which computes the module's output")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._hooks.around(self, self.forward, args, kwargs)
        except Exception as error:
            clearer = explain_call(error, self, args)
            locate(clearer or error, self)
            if clearer is None:
                raise
            raise clearer from error

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every forward.

        Args:
            hook: what it returns, unless None, replaces the arguments.
            prepend: call it before the hooks that are already there.
            with_kwargs: call ``hook(module, args, kwargs)``; it then returns None or a pair of both.

        Returns:
            A handle whose `remove()` takes the hook away.

        >>> from tinygrad_edu import nn
        >>> model = nn.Identity()
        >>> handle = model.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
        >>> model(2), handle.remove(), model(2)
        (20, None, 2)
        """
        return self._add_hook("before", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward.

        Args:
            hook: what it returns, unless None, replaces the output.
            prepend: call it before the hooks that are already there.
            with_kwargs: call ``hook(module, args, kwargs, output)``.

        Returns:
            A handle whose `remove()` takes the hook away.

        >>> import tinygrad_edu as tg
        >>> double = tg.nn.Identity()
        >>> handle = double.register_forward_hook(lambda module, args, output: 2 * output)
        >>> double(tg.tensor([1.0]))
        tensor([2.])
        """
        return self._add_hook("after", hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after a backward pass has gone through the module.

        Args:
            hook: gets a tuple with the gradient with respect to each positional argument (None for one that requires
                none) and one with that of each output. What it returns, unless None, replaces `grad_input` in the rest
                of the pass.
            prepend: call it before the hooks that are already there.

        Returns:
            A handle whose `remove()` takes the hook away.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 3)
        >>> handle = model.register_full_backward_hook(lambda module, by_input, by_output: print(by_output[0].shape))
        >>> model(tg.ones(5, 2)).backward()
        (5, 3)
        """
        return self._add_hook("backward", hook, prepend, False)

    def _add_hook(self, when: str, hook: Callable[..., Any], prepend: bool, with_kwargs: bool) -> RemovableHandle:
        if self._hooks is None:
            self._hooks = Hooks()
        entries: list[Entry] = getattr(self._hooks, when)
        entry = (hook, with_kwargs)
        entries.insert(0 if prepend else len(entries), entry)
        return RemovableHandle(entries, entry)

    # Modes and conversions

    def train(self, mode: bool = True) -> Self:
        """Put this module and all modules inside it in training mode (or, for False, in evaluation mode).

        Raises:
            TypeError: if `mode` is neither True nor False.

        >>> from tinygrad_edu import nn
        >>> nn.Dropout(0.5).train(False).training
        False
        """
        if not isinstance(mode, bool):
            raise TypeError(f"train(mode) takes True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put this module and all modules inside it in evaluation mode: Dropout then does nothing, for example.

        >>> from tinygrad_edu import nn
        >>> nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)).eval()[1].training
        False
        """
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with every module inside, children first, and with this one last.

        >>> from tinygrad_edu import nn
        >>> def start_at_zero(module):
        ...     if isinstance(module, nn.Linear):
        ...         nn.init.zeros_(module.weight)
        >>> nn.Linear(2, 1, bias=False).apply(start_at_zero).weight
        Parameter containing:
        tensor([[0., 0.]], requires_grad=True)
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of all parameters: False freezes the module.

        >>> from tinygrad_edu import nn
        >>> [p.requires_grad for p in nn.Linear(2, 3).requires_grad_(False).parameters()]
        [False, False]
        """
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Args:
            set_to_none: set them to None; False fills them with zeros.

        >>> from tinygrad_edu import nn
        >>> model = nn.Linear(1, 1)
        >>> model.zero_grad()
        >>> model.weight.grad is None
        True
        """
        clear(self.parameters(), set_to_none)

    def sample_grads(self) -> ModelSampleGrads:
        """The per-sample gradients of all parameters, one for each sample of the per-sample backward passes so far.

        Raises:
            GraphError: if there was no such pass since the gradients were last cleared.

        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> model(tg.tensor([[1.0, 0.0], [3.0, 4.0]])).squeeze(1).backward(per_sample=True)
        >>> model.sample_grads()["weight"].norms()
        tensor([1., 5.])
        """
        from ...samples.model_grads import ModelSampleGrads

        return ModelSampleGrads(self.named_parameters())

    def to(self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False) -> Self:
        """Convert the floating-point parameters, their gradients, and buffers to another dtype, in place.

        Args:
            args: a dtype, the device ``"cpu"``, both, or a tensor whose dtype is taken.
            dtype: the dtype.
            device: accepted for compatibility; there is only ``"cpu"``.
            non_blocking: ignored.

        Raises:
            DtypeError: if the dtype is not floating.
            ValueError: for another device.

        >>> import tinygrad_edu as tg
        >>> tg.nn.Linear(2, 1).to(tg.float64).weight.dtype
        dtype('float64')
        """
        wanted = wanted_dtype(args, dtype, device)
        if wanted is not None:
            for tensor in (*self.parameters(), *self.buffers()):
                convert_tensor(tensor, wanted)
        return self

    def float(self) -> Self:
        """Convert to float32; see `to`.

        >>> from tinygrad_edu import nn
        >>> nn.Linear(2, 3).double().float().weight.dtype
        dtype('float32')
        """
        return self.to(float32)

    def double(self) -> Self:
        """Convert to float64; see `to`.

        >>> from tinygrad_edu import nn
        >>> nn.Linear(2, 3).double().weight.dtype
        dtype('float64')
        """
        return self.to(float64)

    def half(self) -> Self:
        """Convert to float16; see `to`.

        >>> from tinygrad_edu import nn
        >>> nn.Linear(2, 3).half().weight.dtype
        dtype('float16')
        """
        return self.to(float16)

    def cpu(self) -> Self:
        """The module itself: it is on the CPU.

        >>> from tinygrad_edu import nn
        >>> model = nn.Linear(2, 3)
        >>> model.cpu() is model
        True
        """
        return self

    # State

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
        """The parameters and persistent buffers by their paths.

        Args:
            prefix: what to put in front of every path.
            keep_vars: return the parameters themselves.

        Returns:
            An ordered dictionary of detached tensors, which share the module's memory: copy it with
            ``copy.deepcopy`` to keep numbers that training would change.

        >>> from tinygrad_edu import nn
        >>> {name: value.shape for name, value in nn.Linear(2, 3).state_dict().items()}
        {'weight': (3, 2), 'bias': (3,)}
        """
        return state.state_dict(self, prefix, keep_vars)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> state.IncompatibleKeys:
        """Copy the numbers of `state_dict` into this module's parameters and buffers.

        Args:
            state_dict: tensors or arrays by path, as `state_dict` gives them.
            strict: require that the keys are exactly those of this module.

        Returns:
            A pair of lists, `missing_keys` and `unexpected_keys`.

        Raises:
            StateError: if keys (when `strict`), shapes or dtypes differ. The message lists every
                difference, and nothing has been loaded.

        >>> from tinygrad_edu import nn
        >>> model, twin = nn.Linear(2, 3), nn.Linear(2, 3)
        >>> twin.load_state_dict(model.state_dict())
        <All keys matched successfully>
        """
        return state.load_state_dict(self, state_dict, strict)

    def save_safetensors(self, path: str | PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the `state_dict` to a safetensors file, which PyTorch's `safetensors.torch.load_file` reads.

        A parameter with two names is written under both. If the program is killed, the old file or the new one remains.

        Args:
            path: the file, ``model.safetensors`` for example.
            metadata: a dict of strings, stored in the header of the file.

        Raises:
            ImportError: if the package safetensors is not installed.
            ShapeError: for a lazy module before its first call.
            DtypeError: for a dtype that such a file cannot hold.

        >>> import tempfile
        >>> from tinygrad_edu import nn
        >>> path = f"{tempfile.mkdtemp()}/model.safetensors"
        >>> nn.Linear(2, 3).save_safetensors(path)
        >>> nn.Linear(2, 3).load_safetensors(path)
        <All keys matched successfully>
        """
        weights.save_safetensors(self, path, metadata)

    def load_safetensors(self, path: str | PathLike[str], strict: bool = True) -> state.IncompatibleKeys:
        """Copy the numbers of a safetensors file into this module, as `load_state_dict` would.

        bfloat16 and float8 become the same numbers in float32. For a parameter with two names, one of them is enough.

        Args:
            path: a file of `save_safetensors`, or of PyTorch's `safetensors.torch.save_file` or `save_model`.
            strict: require that the names are exactly those of this module.

        Returns:
            A pair of lists, `missing_keys` and `unexpected_keys`.

        Raises:
            ImportError: if the package safetensors is not installed.
            FileFormatError: if it is not such a file, or not a complete one. As after all errors, nothing has been
                loaded.
            StateError: if names (when `strict`), shapes or dtypes differ; DtypeError, if NumPy has no such dtype.

        >>> import tempfile
        >>> from tinygrad_edu import nn
        >>> path = f"{tempfile.mkdtemp()}/model.safetensors"
        >>> nn.Linear(2, 3, bias=False).save_safetensors(path)
        >>> nn.Linear(2, 3).load_safetensors(path, strict=False)
        IncompatibleKeys(missing_keys=['bias'], unexpected_keys=[])
        """
        return weights.load_safetensors(self, path, strict)

    # Text

    def extra_repr(self) -> str:
        """What `repr` shows inside the parentheses; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        children = [(f"({name})", repr(child)) for name, child in self._members("module")]
        return tree_text(type(self).__name__, self.extra_repr(), children)
