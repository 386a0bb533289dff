"""What a file says of nested containers, as JSON, and back. Arrays are numbered; they stand beside it.

None, a boolean, a string, a list              as JSON has them
an integer, a float                            the same, if JSON can have them
{"tuple": [...]}                               and, with pairs of key and value, "dict" and "OrderedDict"
{"array": 0}, {"scalar": 0}, {"tensor": 0}     the array, a NumPy scalar, the tensor of that number
{"int": "0x..."}                               an integer of more than 53 bits
{"float": "7ff8000000000000"}                  the bits of one that is not finite
{"str": [55296, ...]}                          the characters of a string that is not proper Unicode
"""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import Array
from ..engine.graph import TensorBase
from ..errors import DtypeError
from ..nn.parameter import Parameter
from ..tensors.tensor import Tensor
from .npy import misfit
from .refusing import refusal

DEEPEST = 100  # containers in each other; JSON, and the functions here, need a few calls for each
_CONTAINERS = {list: "list", tuple: "tuple", dict: "dict", OrderedDict: "OrderedDict"}


class Encoder:
    """Makes JSON of an object, and numbers the arrays and tensors in it.

    Attributes:
        arrays: the arrays, each once, however often it occurs.
        tensors: for each tensor the number of its array and what else it is made of.
    """

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.tensors: list[dict[str, Any]] = []
        self._array_numbers: dict[Any, int] = {}
        self._tensor_numbers: dict[int, int] = {}
        self._inside: list[int] = []  # the containers that are being written

    def encode(self, value: Any, path: str) -> Any:
        """The JSON of `value`.

        Args:
            value: the object.
            path: how a user would write it, for messages.

        Raises:
            TypeError: if there is something in it that cannot be saved.
            ValueError: if a container contains itself, or too many others in each other.
        """
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if abs(value) < 2**53 else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
        if kind is str:
            return value if _is_unicode(value) else {"str": [ord(letter) for letter in value]}
        if kind in _CONTAINERS:
            return self._container(value, path)
        if kind is Tensor or kind is Parameter:
            return {"tensor": self._tensor(value, path)}
        if kind is np.ndarray:
            return {"array": self._array(value, path)}
        if isinstance(value, np.generic):
            return {"scalar": self._scalar(value, path)}
        raise refusal(value, path)

    def _container(self, value: Any, path: str) -> Any:
        if id(value) in self._inside:
            raise ValueError(f"save: {path} contains itself, and would have no end. Nothing was written")
        if len(self._inside) == DEEPEST:
            raise ValueError(f"save: {path} is in more than {DEEPEST} containers, one in another. Nothing was written")
        self._inside.append(id(value))
        parts: list[Any]
        if isinstance(value, dict):
            parts = [[self._key(key, path), self.encode(part, f"{path}[{key!r}]")] for key, part in value.items()]
        else:
            parts = [self.encode(part, f"{path}[{i}]") for i, part in enumerate(value)]
        self._inside.pop()
        return parts if isinstance(value, list) else {_CONTAINERS[type(value)]: parts}

    def _key(self, key: Any, path: str) -> Any:
        if type(key) is not str and type(key) is not int:
            raise TypeError(
                f"save: {path} has the key {key!r}, a {type(key).__name__}: keys are strings and integers. "
                "Nothing was written"
            )
        return self.encode(key, path)

    def _tensor(self, tensor: Tensor, path: str) -> int:
        number = self._tensor_numbers.get(id(tensor))
        if number is None:
            if type(tensor.array) is not np.ndarray:
                raise refusal(tensor.array, f"the array of {path}")
            number = self._tensor_numbers[id(tensor)] = len(self.tensors)
            learns = {"requires_grad": tensor.requires_grad, "parameter": type(tensor) is Parameter}
            self.tensors.append({"array": self._array(tensor.array, path), **learns})
        return number

    def _array(self, array: Array, path: str) -> int:
        """The number of an array: one number for all that have the same numbers in the same memory."""
        where = (array.__array_interface__["data"][0], array.strides) if array.nbytes else id(array)
        key = (where, array.shape, array.dtype)
        if key not in self._array_numbers:
            self._array_numbers[key] = self._add(array, path)
        return self._array_numbers[key]

    def _scalar(self, scalar: Any, path: str) -> int:
        array = np.asarray(scalar)
        if isinstance(scalar, str | bytes) and len(array[()]) != len(scalar):
            raise TypeError(
                f"save: {path} is a {type(scalar).__name__} that ends in NUL, which NumPy's arrays drop: save a "
                "string of Python's. Nothing was written"
            )
        return self._add(array, path)

    def _add(self, array: Array, path: str) -> int:
        reason = misfit(array.dtype)
        if reason:
            raise DtypeError(f"save: {path} has dtype {array.dtype}, {reason}. Nothing was written")
        self.arrays.append(array)
        return len(self.arrays) - 1


class Decoder:
    """Makes objects of JSON; the opposite of `Encoder`.

    Raises an exception of some kind where the JSON was not made by one.

    Args:
        arrays: the arrays by their numbers.
        tensors: what the encoder noted of the tensors.
    """

    def __init__(self, arrays: list[Array], tensors: list[dict[str, Any]]) -> None:
        self._arrays = arrays
        self._tensors: list[Tensor] = []
        first: dict[int, Tensor] = {}  # on each array; other tensors learn of it that they share its memory
        for stated in tensors:
            number = _index(stated["array"])
            kind = Parameter if stated["parameter"] else Tensor
            tensor = kind(first.get(number, arrays[number]), requires_grad=bool(stated["requires_grad"]))
            first.setdefault(number, tensor)
            self._tensors.append(tensor)

    def decode(self, node: Any) -> Any:
        """The object that `node` stands for."""
        if isinstance(node, list):
            return [self.decode(part) for part in node]
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        return self._KINDS[kind](self, content)

    def _dict(self, pairs: list[Any]) -> dict[Any, Any]:
        found = {self._key(key): self.decode(value) for key, value in pairs}
        if len(found) != len(pairs):
            raise ValueError("a key occurs twice in a dict")
        return found

    def _key(self, node: Any) -> Any:
        key = self.decode(node)
        if type(key) is not str and type(key) is not int:
            raise ValueError(f"a {type(key).__name__} is the key of a dict")
        return key

    _KINDS: dict[str, Callable[[Decoder, Any], Any]] = {
        "tuple": lambda self, parts: tuple(self.decode(part) for part in parts),
        "dict": _dict,
        "OrderedDict": lambda self, pairs: OrderedDict(self._dict(pairs)),
        "array": lambda self, number: self._arrays[_index(number)],
        "scalar": lambda self, number: self._arrays[_index(number)][()],
        "tensor": lambda self, number: self._tensors[_index(number)],
        "int": lambda self, digits: int(digits, 16),
        "float": lambda self, bits: struct.unpack(">d", bytes.fromhex(bits))[0],
        "str": lambda self, letters: "".join(map(chr, letters)),
    }


def _index(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is the number of an array or tensor")
    return number


def _is_unicode(text: str) -> bool:
    """Whether a string has no halves of surrogate pairs, which JSON would join."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else True
