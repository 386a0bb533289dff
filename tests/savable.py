"""Objects that can be saved, of all kinds, and what it means that two are the same."""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg

LETTERS = st.one_of(st.sampled_from('a0é\0\ud83d\ude00\udfff😀"\\'), st.integers(0, 0x10FFFF).map(chr))
TEXTS = st.text(LETTERS, max_size=6)
INTEGERS = st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.sampled_from([2**53, -(2**53), 10**4000]))
FLOATS = st.one_of(st.floats(), st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack(">d", bits.to_bytes(8))[0]))
PLAIN = st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, TEXTS)
KEYS = st.one_of(TEXTS, INTEGERS)
DTYPES = st.one_of(hnp.scalar_dtypes(), hnp.nested_dtypes(max_itemsize=64))
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@st.composite
def arrays(draw: Any, dtypes: Any = DTYPES) -> Any:
    """An array of any dtype without objects, contiguous or not."""
    array = draw(hnp.arrays(draw(dtypes), draw(SHAPES), fill=st.nothing()))
    change = draw(st.sampled_from(["none", "transposed", "Fortran", "backwards", "gaps", "constant"]))
    if change == "transposed":
        return array.T
    if change == "Fortran":
        return np.asfortranarray(array) if array.ndim else array
    if change == "constant":
        array.flags.writeable = False
    step = {"backwards": -1, "gaps": 2}.get(change, 1)
    return array[..., ::step] if array.ndim else array


def tensors() -> Any:
    """Tensors and parameters, of floating-point numbers with a gradient and without."""

    def made(array: Any, kind: Any, learns: bool) -> Any:
        return kind(array, requires_grad=learns and array.dtype.kind == "f")

    numbers = st.one_of(hnp.floating_dtypes(), hnp.integer_dtypes(), hnp.boolean_dtypes())
    return st.builds(made, arrays(numbers), st.sampled_from([tg.Tensor, tg.nn.Parameter]), st.booleans())


@st.composite
def objects(draw: Any) -> Any:
    """Nested containers of everything, in which arrays and tensors occur more than once."""
    pool = draw(st.lists(st.one_of(arrays(), tensors()), max_size=4))
    pool += [tensor.detach() for tensor in pool if isinstance(tensor, tg.Tensor)]
    pool += [array.reshape(-1)[0] for array in pool if isinstance(array, np.ndarray) and array.size and not ends(array)]
    leaves = st.one_of(PLAIN, st.sampled_from(pool)) if pool else PLAIN

    def containers(inner: Any) -> Any:
        lists = st.lists(inner, max_size=3)
        dicts = st.dictionaries(KEYS, inner, max_size=3)
        return st.one_of(lists, lists.map(tuple), dicts, dicts.map(OrderedDict))

    return draw(st.recursive(leaves, containers, max_leaves=12))


def ends(array: Any) -> bool:
    """Whether its elements are texts, which as scalars may end in NUL."""
    return array.dtype.kind in "SUV"


class Same:
    """Compares a copy with the original: types, bits, order, and what is one object."""

    def __init__(self) -> None:
        self._copies: dict[Any, Any] = {}

    def check(self, copy: Any, original: Any) -> None:
        """Fail if they are not the same."""
        assert type(copy) is type(original)
        if isinstance(original, dict):
            assert list(copy) == list(original)
            assert list(map(type, copy)) == list(map(type, original))
            for key in original:
                self.check(copy[key], original[key])
        elif isinstance(original, list | tuple):
            assert len(copy) == len(original)
            for pair in zip(copy, original, strict=True):
                self.check(*pair)
        elif isinstance(original, tg.Tensor):
            assert copy.requires_grad is original.requires_grad
            assert self._copies.setdefault(id(original), copy) is copy
            self.check(copy.array, original.array)
        elif isinstance(original, np.ndarray):
            assert self._copies.setdefault(id(original), copy) is copy
            self._check_arrays(copy, original)
        elif isinstance(original, np.generic):
            self._check_arrays(np.asarray(copy), np.asarray(original))
        elif isinstance(original, float):
            assert struct.pack("d", copy) == struct.pack("d", original)
        else:
            assert copy == original

    @staticmethod
    def _check_arrays(copy: Any, original: Any) -> None:
        assert copy.dtype == original.dtype
        assert copy.dtype.type is original.dtype.type
        assert copy.shape == original.shape
        assert copy.tobytes() == original.tobytes()
        assert copy.flags.writeable
        columns = original.flags.f_contiguous and not original.flags.c_contiguous
        assert copy.flags.f_contiguous if columns else copy.flags.c_contiguous


def check_same(copy: Any, original: Any) -> None:
    """Fail if `copy` is not what `original` is, down to the bits."""
    Same().check(copy, original)
