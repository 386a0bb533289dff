"""Nested containers as JSON, and back. Arrays have numbers there, and parts of their own.

None, a boolean, a string, a list              as JSON has them
an integer, a float                            the same, if JSON can have them
{"tuple": [...]}                               and, with pairs of key and value, "dict" and "OrderedDict"
{"array": 0}, {"scalar": 0}, {"tensor": 0}     the array, the NumPy scalar, the tensor of that number
{"int": "0x..."}                               an integer of more than 53 bits
{"float": "7ff8000000000000"}                  the bits of one that is not finite
{"str": [55296, ...]}                          the characters of a string that is not proper Unicode
"""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..dtypes import Array
from ..errors import DtypeError, describe, type_name
from ..nn.parameter import Parameter
from ..tensors.tensor import Tensor
from .npy import misfit
from .refusing import instead

FORMAT = "tinygrad_edu"
VERSION = 1
NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
DEEPEST = 100  # containers in one another; the functions here, and those of JSON, call themselves for each
_CONTAINERS: dict[Any, str] = {list: "list", tuple: "tuple", dict: "dict", OrderedDict: "OrderedDict"}


class Encoder:
    """Makes JSON of an object, and numbers the arrays and tensors in it.

    Args:
        caller: the function that the user called, for messages.
        root: what the object is called in them.

    Attributes:
        arrays: the arrays, each once, however often it occurs.
        tensors: of each tensor the number of its array, and what else belongs to it.
    """

    def __init__(self, caller: str, root: str) -> None:
        self.arrays: list[Array] = []
        self.tensors: list[dict[str, Any]] = []
        self._array_numbers: dict[Any, int] = {}
        self._tensor_numbers: dict[int, int] = {}
        self._inside: list[int] = []  # the containers around what is being encoded
        self._keys: list[Any] = []  # its places in these
        self._caller, self._root = caller, root

    def encode(self, value: Any) -> Any:
        """The JSON of `value`.

        Raises:
            TypeError: if there is something in it that cannot be saved.
            ValueError: if a container contains itself, or too many contain one another.
        """
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if abs(value) < 2**53 else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
        if kind is str:
            return value if _is_unicode(value) else {"str": list(map(ord, value))}
        if kind in _CONTAINERS:
            return self._container(value, _CONTAINERS[kind])
        if kind is Tensor or kind is Parameter:
            return {"tensor": self._tensor(value)}
        if kind is np.ndarray:
            return {"array": self._array(value)}
        if isinstance(value, np.generic):
            return {"scalar": self._scalar(value)}
        raise TypeError(self._message(instead(value)))

    def _message(self, problem: str) -> str:
        where = self._root + "".join(f"[{key!r}]" if type(key) is str else f"[{describe(key)}]" for key in self._keys)
        return f"{self._caller}: {where} {problem}. Nothing was written"

    def _container(self, value: Any, kind: str) -> Any:
        if id(value) in self._inside:
            raise ValueError(self._message("contains itself"))
        if len(self._inside) == DEEPEST:
            raise ValueError(self._message(f"is inside {DEEPEST} containers, which is the most allowed"))
        self._inside.append(id(value))
        pairs = isinstance(value, dict)
        parts = []
        for key, part in value.items() if pairs else enumerate(value):
            if type(key) is not str and type(key) is not int:
                problem = f"has the key {describe(key)} of type {type_name(key)}: keys can be strings and integers"
                raise TypeError(self._message(problem))
            self._keys.append(key)
            parts.append([self.encode(key), self.encode(part)] if pairs else self.encode(part))
            self._keys.pop()
        self._inside.pop()
        return parts if kind == "list" else {kind: parts}

    def _tensor(self, tensor: Tensor) -> int:
        number = self._tensor_numbers.get(id(tensor))
        if number is None:
            if type(tensor.array) is not np.ndarray:
                raise TypeError(self._message(f"has an array that {instead(tensor.array)}"))
            number = self._tensor_numbers[id(tensor)] = len(self.tensors)
            also = {"requires_grad": tensor.requires_grad, "parameter": type(tensor) is Parameter}
            self.tensors.append({"array": self._array(tensor.array), **also})
        return number

    def _array(self, array: Array) -> int:
        """The number of an array: the same for all that see the same memory in the same way."""
        steps = tuple(step for step, size in zip(array.strides, array.shape) if size != 1)
        place = array.__array_interface__["data"][0] if array.nbytes else id(array)
        key = (place, steps, array.shape, array.dtype)
        if key not in self._array_numbers:
            self._array_numbers[key] = self._add(array)
        return self._array_numbers[key]

    def _scalar(self, scalar: Any) -> int:
        array = np.asarray(scalar)
        again = array[()]
        is_numpys = type(again) is type(scalar)
        if not is_numpys:  # but of a class derived from one of these
            raise TypeError(self._message(instead(scalar)))
        if isinstance(scalar, str | bytes) and len(again) != len(scalar):
            raise TypeError(self._message("ends in NUL, which NumPy's arrays drop: save a Python string"))
        return self._add(array)

    def _add(self, array: Array) -> int:
        problem = misfit(array.dtype)
        if problem:
            raise DtypeError(self._message(f"has dtype {array.dtype}, {problem}"))
        self.arrays.append(array)
        return len(self.arrays) - 1


class Decoder:
    """Makes objects of JSON; the opposite of `Encoder`.

    Raises one of `NONSENSE` where the JSON was not made by one.

    Args:
        arrays: the arrays by their numbers.
        tensors: what the encoder noted of the tensors.
    """

    def __init__(self, arrays: list[Array], tensors: list[dict[str, Any]]) -> None:
        self._arrays = arrays
        self._tensors: list[Tensor] = []
        first: dict[int, Tensor] = {}  # on each array; the others are made from it, so that they know of one another
        for stated in tensors:
            number = _index(stated["array"])
            kind = Parameter if stated["parameter"] else Tensor
            tensor = kind(first.get(number, arrays[number]), requires_grad=stated["requires_grad"])
            first.setdefault(number, tensor)
            self._tensors.append(tensor)

    def decode(self, node: Any) -> Any:
        """The object that `node` stands for."""
        if isinstance(node, list):
            return [self.decode(part) for part in node]
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        return self._made[kind](self, content)

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

    _made: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "tuple": lambda self, parts: tuple(self.decode(part) for part in parts),
        "dict": _dict,
        "OrderedDict": lambda self, pairs: OrderedDict(self._dict(pairs)),
        "array": lambda self, number: self._arrays[_index(number)],
        "scalar": lambda self, number: self._arrays[_index(number)][()],
        "tensor": lambda self, number: self._tensors[_index(number)],
        "int": lambda self, digits: int(digits, 16),
        "float": lambda self, bits: struct.unpack(">d", int(bits, 16).to_bytes(8, "big"))[0],
        "str": lambda self, letters: "".join(map(chr, letters)),
    }


def _index(number: Any) -> int:
    """The number of an array or tensor: a negative one would count from the end."""
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is not the number of an array or tensor")
    return number


def _is_unicode(text: str) -> bool:
    """Whether it has no halves of surrogate pairs: JSON would merge two of them into one character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
