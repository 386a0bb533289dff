"""Errors for names that are not here: the nearest name, what to use instead of PyTorch's, or what to install."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

# PyTorch's names that are left out on purpose, and what to write.
_INSTEAD = {
    "cuda mps xpu get_device": "Only the CPU is supported: leave it out",
    "device set_default_device get_default_device": "Only the CPU is supported: leave it out, or write device='cpu'",
    "compile jit fx export": "There is nothing to compile: leave it out",
    "amp autocast GradScaler bfloat16": "There is no mixed precision: leave it out",
    "DataParallel parallel distributed": "Gradients are sums, so add those of the workers: tg.samples.GradientSum",
    "functional": "Use tg.nn.functional, or tg.func for grad, vjp, jvp, jacobian and hessian",
    "jacrev jacfwd": "Use tg.func.jacobian",
    "grad_and_value": "Use tg.func.value_and_grad, which returns the value first",
    "vmap": "Every function takes a batch of samples as it is, and losses.backward(per_sample=True) tells them apart",
    "gradcheck gradgradcheck": "Use tg.testing.gradcheck and tg.testing.gradgradcheck",
    "utils": "Use tg.data for Dataset and DataLoader, tg.nn.utils for the rest",
    "Size": "A shape is a tuple",
    "dtype finfo iinfo set_printoptions inf nan pi e newaxis": "Use NumPy's",
    "FloatTensor DoubleTensor HalfTensor": "Use tg.tensor(…, dtype=tg.float32), or another floating dtype",
    "LongTensor IntTensor ByteTensor BoolTensor": "Use tg.tensor(…, dtype=tg.int64), or the dtype you need",
    "Variable": "Every tensor is one: tg.tensor(…, requires_grad=True)",
    "is_floating_point is_complex": "Use t.dtype.kind == 'f'; there are no complex tensors",
    "complex complex64 complex128 real imag conj": "There are no complex tensors",
    "SyncBatchNorm": "There is one process: use BatchNorm1d, BatchNorm2d or BatchNorm3d",
    "pack_padded_sequence pack_sequence pad_packed_sequence PackedSequence": (
        "There are no packed sequences: pad all to one length with nn.utils.rnn.pad_sequence; read the last "
        "step of each with out[tg.arange(len(lengths)), lengths - 1], and multiply losses of steps beyond it by 0"
    ),
    "multi_head_attention_forward": "Use nn.MultiheadAttention, or F.scaled_dot_product_attention on projected inputs",
    "spectral_norm remove_spectral_norm parametrize": (
        "nn.utils has only weight_norm: compute any other weight in forward() from a parameter"
    ),
    "LinearCrossEntropyOptions": "nn.LinearCrossEntropyLoss takes the whole batch at once: leave options out",
    "CTCLoss ctc_loss AdaptiveLogSoftmaxWithLoss": "Not part of this library: the other losses of PyTorch's table are",
    "Rprop ASGD Adafactor SparseAdam Muon": (
        "Use another optimizer of tg.optim, such as Adam, or write a subclass of tg.optim.Optimizer with update()"
    ),
    "LPPool1d LPPool2d LPPool3d lp_pool1d lp_pool2d lp_pool3d": (
        "It is (n * F.avg_pool2d(x**p, kernel_size)) ** (1 / p) for windows of n elements"
    ),
    "FractionalMaxPool2d FractionalMaxPool3d fractional_max_pool2d fractional_max_pool3d": (
        "Use AdaptiveMaxPool2d, whose windows are not random"
    ),
    "upsample upsample_nearest upsample_bilinear": "Use tg.nn.functional.interpolate",
    "grid_sample affine_grid": "Use tg.nn.functional.interpolate, or an index for each place: x[..., rows, columns]",
    "LocalResponseNorm CrossMapLRN2d local_response_norm": "Use GroupNorm",
    "ChannelShuffle channel_shuffle native_channel_shuffle": (
        "It is x.unflatten(1, (groups, -1)).swapaxes(1, 2).flatten(1, 2)"
    ),
    "swa_utils": "Average the numbers of model.state_dict() yourself, and load the result",
    "fft stft istft": "There are no Fourier transforms, since there are no complex tensors",
    "sparse sparse_coo_tensor to_sparse": "Every tensor is dense",
}

# NumPy's names that PyTorch lacks, or that are called otherwise here.
_MEANT = {"array": "tg.tensor", "asarray": "tg.as_tensor", "ndarray": "tg.Tensor"}

# Where a name may be that was not found where it was looked up.
_PLACES = (
    *(
        "nn",
        "nn.functional",
        "nn.init",
        "nn.utils",
        "nn.utils.rnn",
        "optim",
        "optim.lr_scheduler",
        "data",
        "linalg",
        "autograd",
        "func",
    ),
    *("samples", "testing", "bench", "sample_rules", "viz"),
)
_PACKAGE = __name__.rpartition(".")[0]


def instead(name: str) -> str:
    """The rest of a sentence about PyTorch's `name`, left out on purpose: what to use; empty without such advice."""
    advice = next((text for names, text in _INSTEAD.items() if name in names.split()), "")
    return advice and f", which PyTorch has. {advice}"


def unknown(owner: str, name: str, known: Callable[[], Iterable[str]]) -> AttributeError:
    """The error for an attribute that `owner` does not have, where there are those that `known` gives."""
    return AttributeError(_Text(owner, name, known), name=name)


class _Text:
    """The message of such an error, composed when it is read: nearly all are caught unread, as by `hasattr`."""

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        self._owner, self._name, self._known = owner, name, known

    def __str__(self) -> str:
        text = f"{self._owner} has no attribute {self._name!r}"
        if self._name.startswith("_"):
            return text
        if module := _not_imported(self._owner, self._name):
            return f"{text} before it is imported: write import {module}"
        return text + (instead(self._name) or _suggestion(self._name, self._known()))

    __repr__ = __str__


def _not_imported(owner: str, name: str) -> str:
    """The full name of the part `name` of the package `owner`, if there is one."""
    package = owner.removeprefix("module ").strip("'")
    is_package = hasattr(sys.modules.get(package), "__path__")
    return f"{package}.{name}" if is_package and name.isidentifier() and find_spec(f"{package}.{name}") else ""


def _suggestion(name: str, known: Iterable[str]) -> str:
    import difflib

    names = [other for other in known if not other.startswith("_")]
    if name in _MEANT:
        return f". Did you mean {_MEANT[name]}?"
    found = [other for other in names if other.lower() == name.lower()]
    found += [f"tg.{place}.{name}" for place in _PLACES if _has(import_module(f"{_PACKAGE}.{place}"), name)]
    if not found and _has(sys.modules[_PACKAGE], name):
        found = [f"tg.{name}"]
    found = found or difflib.get_close_matches(name, names, 1)
    return f". Did you mean {' or '.join(found[:2])}?" if found else ""


def _has(module: ModuleType, name: str) -> bool:
    return name in getattr(module, "__all__", ())


def explain_names(module: str, *parts: str) -> None:
    """Let a package list what is public in it, and suggest what to write for a name that it lacks.

    It also explains itself when one of its files is called like a class.

    Args:
        module: the package, once all is in it.
        parts: the packages in it that are public. Those not yet imported are imported on first use.
    """
    package: Any = sys.modules[module]
    if "__all__" not in vars(package):
        package.__all__ = [*_own_names(package), *parts]

    def missing(name: str) -> Any:
        if name in parts:
            return import_module(f"{module}.{name}")
        raise unknown(f"module {module!r}", name, lambda: package.__all__)

    package.__getattr__ = missing
    package.__dir__ = lambda: sorted(package.__all__)
    for name, value in vars(package).items():
        if isinstance(value, ModuleType) and value.__name__ == f"{module}.{name}" and _class_of(package, name):
            value.__class__ = _File


def _own_names(module: ModuleType) -> list[str]:
    """What a package has gathered; for a plain file, what it defines itself."""
    names = {name: value for name, value in vars(module).items() if name[0] != "_"}
    if hasattr(module, "__path__"):
        return [name for name, value in names.items() if not isinstance(value, ModuleType)]
    kinds = (type, FunctionType)
    return [name for name, value in names.items() if isinstance(value, kinds) and value.__module__ == module.__name__]


# What pip calls a package whose modules have another name.
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def not_installed(caller: str, modules: Iterable[str], extra: str) -> str:
    """What is said where packages are missing: what needs them, and a command that works wherever Python does.

    Args:
        caller: what needs them, as the subject of the sentence.
        modules: their modules, with or without what is inside.
        extra: the extra of this package that installs them, or several with commas. It is of use in a checkout only.

    >>> print(not_installed("plot()", ["matplotlib.pyplot"], "plots"))
    plot() needs matplotlib, which is not installed. Run: pip install matplotlib (in a checkout: pip install ".[plots]")
    """
    names = [_DISTRIBUTIONS.get(name, name) for name in (module.partition(".")[0] for module in modules)]
    are = "is" if len(names) == 1 else "are"
    return f"{caller} needs {' and '.join(names)}, which {are} not installed. Run: {how_to_install(names, extra)}"


def how_to_install(names: Iterable[str], extra: str) -> str:
    """The commands that install packages: by their own names, and in a checkout as an extra of this one.

    >>> how_to_install(["rich"], "demo")
    'pip install rich (in a checkout: pip install ".[demo]")'
    """
    return f'pip install {" ".join(names)} (in a checkout: pip install ".[{extra}]")'


def installed(module: str, caller: str, extra: str) -> Any:
    """A module that does not come with this package.

    Args:
        module: its full name.
        caller: what needs it, as the subject of a sentence.
        extra: the extra of this package that installs it.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise ImportError(not_installed(caller, [name], extra), name=name) from error


class _File(ModuleType):
    """A file that has the name of a class in small letters: `nn.linear` beside `nn.Linear`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        package, _, name = self.__name__.rpartition(".")
        own = package.rpartition(".")[2]
        kind = _class_of(sys.modules[package], name)
        raise TypeError(f"{own}.{name} is the file in which it is defined; the class is {own}.{kind}")


def _class_of(package: ModuleType, name: str) -> str:
    return next((other for other in vars(package) if other != name and other.lower() == name), "")
