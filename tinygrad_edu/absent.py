"""What is said of a name that is not here: the nearest one that is, or what to use in the place of PyTorch's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

__all__ = ["explain_names", "instead", "unknown"]

# PyTorch's names that are left out on purpose, and what to write.
_INSTEAD = {
    "cuda mps xpu get_device": "there is only the CPU: leave it out",
    "device set_default_device get_default_device": "there is only the CPU: leave it out, or write device='cpu'",
    "save": "use np.savez(path, **{name: t.numpy() for name, t in model.state_dict().items()})",
    "load": "use model.load_state_dict(dict(np.load(path)))",
    "compile jit fx export": "there is nothing to compile: leave it out",
    "amp autocast GradScaler bfloat16": "there is no mixed precision: leave it out",
    "DataParallel parallel distributed": "gradients are sums, so add those of the workers: tg.samples.GradientSum",
    "func functional": "tg.grad, tg.vjp, tg.jvp, tg.jacobian and tg.hessian are functions of tg itself",
    "vmap": "every function takes a batch of samples as it is, and losses.backward(per_sample=True) tells them apart",
    "gradcheck gradgradcheck": "use tg.testing.gradcheck",
    "utils": "tg.data has Dataset and DataLoader, tg.nn.utils the rest",
    "Size": "a shape is a tuple",
    "dtype finfo iinfo set_printoptions inf nan pi e newaxis": "use NumPy's",
    "FloatTensor DoubleTensor HalfTensor": "use tg.tensor(…, dtype=tg.float32), or the dtype that is meant",
    "LongTensor IntTensor ByteTensor BoolTensor": "use tg.tensor(…, dtype=tg.int64), or the dtype that is meant",
    "Variable": "every tensor is one: tg.tensor(…, requires_grad=True)",
    "is_floating_point is_complex": "use t.dtype.kind == 'f'; there are no complex tensors",
    "complex complex64 complex128 real imag conj": "there are no complex tensors",
    "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm batch_norm": (
        "it would make every sample's loss depend on the whole batch: use LayerNorm or RMSNorm"
    ),
    "Conv1d Conv2d Conv3d ConvTranspose2d conv1d conv2d conv3d MaxPool2d AvgPool2d max_pool2d avg_pool2d": (
        "convolutions and pooling are not part of this library. nn.Flatten() and nn.Linear read an image as a vector"
    ),
    "RNN LSTM GRU RNNCell LSTMCell GRUCell": "write the loop over time in forward(): a layer may be called many times",
    "IterableDataset": "a DataLoader reads by number, from anything with dataset[i] and len(dataset)",
}

# Where a name may be that was looked for in the wrong place.
_PLACES = ("nn", "nn.functional", "nn.init", "optim", "optim.lr_scheduler", "data", "linalg", "autograd", "samples")
_PACKAGE = __name__.rpartition(".")[0]


def instead(name: str) -> str:
    """What to use in the place of PyTorch's `name`, which is left out on purpose; empty if there is no such advice."""
    return next((text for names, text in _INSTEAD.items() if name in names.split()), "")


def unknown(owner: str, name: str, known: Callable[[], Iterable[str]]) -> AttributeError:
    """The error for an attribute that `owner` does not have, where there are those that `known` gives."""
    return AttributeError(_Text(owner, name, known), name=name)


class _Text:
    """What such an error says, found out when it is read: nearly all of them are caught unread, as by `hasattr`."""

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        self._owner, self._name, self._known = owner, name, known

    def __str__(self) -> str:
        text = f"{self._owner} has no attribute {self._name!r}"
        if self._name.startswith("_"):
            return text
        advice = instead(self._name)
        return text + (f", as PyTorch has: {advice}" if advice else _suggestion(self._name, self._known()))

    __repr__ = __str__


def _suggestion(name: str, known: Iterable[str]) -> str:
    import difflib

    names = [other for other in known if not other.startswith("_")]
    found = [other for other in names if other.lower() == name.lower()]
    found += [f"tg.{place}.{name}" for place in _PLACES if _has(f"{_PACKAGE}.{place}", name)]
    if not found and _has(_PACKAGE, name):
        found = [f"tg.{name}"]
    found = found or difflib.get_close_matches(name, names, 1)
    return f". Did you mean {' or '.join(found[:2])}?" if found else ""


def _has(module: str, name: str) -> bool:
    value = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return value is not None and not isinstance(value, ModuleType)


def explain_names(module: str) -> None:
    """Let a package say what to write for a name that it lacks, or when one of its files is called like a class."""
    package: Any = sys.modules[module]

    def names() -> list[str]:
        return [other for other, value in vars(package).items() if not isinstance(value, ModuleType)]

    def missing(name: str) -> Any:
        raise unknown(f"module {module!r}", name, names)

    package.__getattr__ = missing
    for name, value in vars(package).items():
        if isinstance(value, ModuleType) and value.__name__ == f"{module}.{name}" and _class_of(package, name):
            value.__class__ = _File


class _File(ModuleType):
    """A file that has the name of a class in small letters: `nn.linear` beside `nn.Linear`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        package, _, name = self.__name__.rpartition(".")
        own = package.rpartition(".")[2]
        kind = _class_of(sys.modules[package], name)
        raise TypeError(f"{own}.{name} is the file in which it is defined; the class is {own}.{kind}")


def _class_of(package: ModuleType, name: str) -> str:
    return next((other for other in vars(package) if other != name and other.lower() == name), "")
