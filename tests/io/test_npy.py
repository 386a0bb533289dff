"""Arrays as bytes: files that NumPy reads as well, and dtypes that are refused before they lose something."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from savable import arrays

from tinygrad_edu.io.npy import Layout, misfit, raw


@given(arrays())
def test_numpy_reads_what_is_written(array: Any) -> None:
    layout = Layout.of(array)
    file = io.BytesIO(layout.header + bytes(raw(array)))
    again = np.load(file, allow_pickle=False)
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()
    assert file.read() == b""
    assert len(layout.header) % 64 == 0
    assert layout.size == array.nbytes


@given(arrays())
def test_a_layout_passes_through_json(array: Any) -> None:
    layout = Layout.of(array)
    again = Layout.from_stated(json.loads(json.dumps(layout.stated())))
    assert again == layout
    assert again.header == layout.header
    assert again.empty().flags.f_contiguous == (
        layout.order == "F" or array.ndim < 2 or again.empty().flags.f_contiguous
    )


def test_what_lies_without_gaps_is_not_copied() -> None:
    array = np.zeros((3, 4))
    for view in (array, array.T, array[1:], array.reshape(-1)):
        assert np.shares_memory(np.frombuffer(raw(view), np.uint8), array)
    assert bytes(raw(array[:, ::2])) == array[:, ::2].tobytes()


@pytest.mark.parametrize("name", ["größe", "Δ", "x" * 70_000])
def test_names_of_fields_that_are_not_ascii_or_very_long(name: str) -> None:
    array = np.ones(2, [(name, "<i4")])
    assert misfit(array.dtype) == ""
    file = io.BytesIO(Layout.of(array).header + bytes(raw(array)))
    assert np.load(file, max_header_size=10**6).dtype.names == (name,)


class Text(np.ndarray[Any, Any]):
    """Not used as an array: a type for a dtype to name."""


OVERLAPPING = np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]})
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "i8"], "offsets": [3, 16], "itemsize": 32})


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        (np.dtype(object), "elements are objects"),
        (np.dtype([("a", "i4"), ("b", object)]), "elements are objects"),
        (np.dtypes.StringDType(), "elements are objects"),
        (np.dtype("f8", metadata={"unit": "m"}), "lose something of"),
        (np.dtype([("a", np.dtype("f8", metadata={"unit": "m"}), (2,))]), "lose something of"),
        (OVERLAPPING, "save each field by itself"),
        (np.dtype((np.record, [("a", "i4")])), "save each field by itself"),
        (np.dtype([("\ud83d\ude00", "i4")]), "save each field by itself"),  # which JSON makes one letter of
        (np.dtype([("\udc80", "i4")]), ""),
        (np.dtype([("", "V4"), ("a", "i4")]), ""),  # which is called f0
        (PADDED, ""),
        (np.dtype("i1, i8", align=True), ""),
        (np.dtype([(("title", "name"), "f4")]), ""),
        (np.dtype([("outer", [("inner", ">f4", (2, 3))], (4,))]), ""),
        (np.dtype([]), ""),
        (np.dtype("V0"), ""),
        (np.dtype("longdouble"), ""),
        (np.dtype("clongdouble"), ""),
        (np.dtype("M8"), ""),
        (np.dtype("m8[25us]"), ""),
    ],
    ids=str,
)
def test_which_dtypes_there_can_be(dtype: Any, said: str) -> None:
    assert said in misfit(dtype)
    assert bool(said) == bool(misfit(dtype))
    if not said:
        layout = Layout(dtype, (2,), "C")
        assert Layout.from_stated(json.loads(json.dumps(layout.stated()))).dtype == dtype


def test_a_dtype_of_another_package() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert "convert it to one of NumPy's own" in misfit(np.dtype(ml_dtypes.bfloat16))


GOOD = {"dtype": "<f4", "shape": [2, 3], "order": "C"}


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "O"},
        {"dtype": "|O8"},
        {"dtype": "f4"},
        {"dtype": "<f5"},
        {"dtype": "<f4,<f4"},
        {"dtype": "|V99999999999"},
        {"dtype": "|V9999999999"},
        {"dtype": "<M8[parsec]"},
        {"dtype": None},
        {"dtype": 4},
        {"dtype": {"a": "<f4"}},
        {"dtype": [["a", "|O8"]]},
        {"dtype": [["a"]]},
        {"dtype": [["a", "<f4", [2], 3]]},
        {"dtype": [["a", "<f4", [-2]]]},
        {"dtype": [["a", "<f4"], ["a", "<f4"]]},
        {"dtype": [[1, "<f4"]]},
        {"dtype": [[["title", "name", "more"], "<f4"]]},
        {"shape": 3},
        {"shape": "23"},
        {"shape": [-1, 3]},
        {"shape": [2.0, 3]},
        {"shape": [True, 3]},
        {"order": "A"},
        {"order": None},
    ],
    ids=str,
)
def test_what_is_no_layout_is_an_error(change: Any) -> None:
    assert Layout.from_stated(GOOD) == Layout(np.dtype("<f4"), (2, 3), "C")
    with pytest.raises((TypeError, ValueError)):
        Layout.from_stated({**GOOD, **change})


def test_sizes_do_not_overflow() -> None:
    assert Layout(np.dtype("f8"), (2**40, 2**40), "C").size == 2**83
