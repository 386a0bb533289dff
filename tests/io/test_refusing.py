"""What cannot be saved is named, with where it is and what to save in its place, before a byte is written."""

from __future__ import annotations

import argparse
import enum
import os
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim

Point = namedtuple("Point", "x y")


@dataclass
class Settings:
    lr: float = 0.1


class Level(enum.IntEnum):
    LOW = 1


class Words(list[str]):
    pass


class Name(str):
    pass


class Count(int):
    pass


class Ordered(OrderedDict[str, int]):
    pass


class Matrix(np.ndarray[Any, Any]):
    pass


class Mine(tg.Tensor):
    pass


class Metres(np.float64):
    pass


class Odd:
    """Whose attributes cannot be asked for."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def stranger() -> Any:
    """A tensor of PyTorch's, by the name of its type; PyTorch is not needed for it."""
    return type("Tensor", (), {"__module__": "torch", "shape": (3,), "dtype": "float32"})()


MODEL = nn.Linear(2, 2)
CASES: list[tuple[Any, type[Exception], str]] = [
    ({1, 2}, TypeError, r"is of type set: save list\(…\) of it"),
    (frozenset(), TypeError, r"save list\(…\) of it"),
    (deque([1]), TypeError, r"is of type collections\.deque: save list\(…\) of it"),
    (range(3), TypeError, r"save list\(…\) of it"),
    ({}.keys(), TypeError, r"save list\(…\) of it"),
    (iter([1]), TypeError, r"save list\(…\) of it"),
    (Words(), TypeError, r"is of type .*Words: save list\(…\) of it"),
    (defaultdict(int), TypeError, r"save dict\(…\) of it"),
    (Counter(), TypeError, r"save dict\(…\) of it"),
    (Ordered(), TypeError, r"save dict\(…\) of it"),
    (Point(1, 2), TypeError, r"save tuple\(…\) of it, or its _asdict\(\)"),
    (argparse.Namespace(lr=0.1), TypeError, r"is of type argparse\.Namespace: save vars\(…\) of it"),
    (SimpleNamespace(lr=0.1), TypeError, r"save vars\(…\) of it"),
    (Settings(), TypeError, r"is of type .*Settings: save dataclasses\.asdict\(…\) of it"),
    (Settings, TypeError, "is of type type: save its name"),
    (Name("a"), TypeError, r"save str\(…\) of it"),
    (Count(1), TypeError, r"save int\(…\) of it"),
    (Level.LOW, TypeError, "save its name or value"),
    (b"bytes", TypeError, r"save np\.frombuffer\(…, np\.uint8\) of it"),
    (bytearray(), TypeError, r"np\.frombuffer"),
    (1j, TypeError, r"save np\.complex128\(…\) of it"),
    (Path("a"), TypeError, r"save str\(…\) of it"),
    (np.dtype("f4"), TypeError, "save its str"),
    (np.random.default_rng(0), TypeError, r"save its bit_generator\.state"),
    (tg.Generator(), TypeError, r"save its get_state\(\)"),
    (MODEL, TypeError, r"is of type Linear: save its state_dict\(\)"),
    (optim.SGD(MODEL.parameters(), lr=0.1), TypeError, r"save its state_dict\(\)"),
    (nn.LazyLinear(2).weight, TypeError, "has no numbers yet: call the model once"),
    (Mine([1.0]), TypeError, r"save its detach\(\)"),
    (stranger(), TypeError, r"is a tensor of torch .*convert it first, as in tg\.tensor"),
    (np.zeros(2).view(Matrix), TypeError, r"save np\.asarray\(…\) of it"),
    (np.ma.masked_array([1, 2], [True, False]), TypeError, r"is of type MaskedArray: save its filled\(value\)"),
    (np.zeros(2, [("a", "i4")]).view(np.recarray), TypeError, r"save np\.asarray\(…\) of it"),
    (Metres(1.0), TypeError, r"is of type .*Metres: save np\.asarray\(…\)\[\(\)\] of it"),
    (np.array([None]), tg.DtypeError, "has dtype object, whose elements are objects"),
    (np.zeros(1, [("a", object)]), tg.DtypeError, "whose elements are objects"),
    (np.array(["a"], np.dtypes.StringDType()), tg.DtypeError, "text of dtype 'U'"),
    (np.zeros(1, np.dtype("f4", metadata={"a": 1})), tg.DtypeError, "convert it to one of NumPy's own"),
    (np.str_("a\0"), TypeError, "ends in NUL"),
    (np.bytes_(b"a\0"), TypeError, "ends in NUL"),
    (len, TypeError, "a file holds nothing that runs"),
    (lambda: 0, TypeError, "a file holds nothing that runs"),
    (Odd, TypeError, "is of type type: save its name"),
    (np.float32, TypeError, "is of type type: save its name"),
    (Odd(), TypeError, "save what it is made of: dicts, lists, tuples, tensors"),
    (uuid.uuid4(), TypeError, "save what it is made of"),
    (..., TypeError, "save what it is made of"),
]


@pytest.mark.parametrize(("value", "kind", "said"), CASES, ids=lambda case: "")
def test_it_is_named_with_the_way_out_and_nothing_is_written(
    value: Any, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    tg.save("before", path)
    with pytest.raises(kind, match=rf"^save: obj\['a'\]\[1\]\[7\] .*{said}.*\. Nothing was written$"):
        tg.save({"a": (np.ones(3), {7: value})}, path)
    assert tg.load(path) == "before"
    with pytest.raises(kind, match=rf"^save: obj .*{said}"):
        tg.save(value, tmp_path / "other")
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("key", [True, None, 1.0, (1, 2), Name("a"), Level.LOW, np.int64(3), b"a"], ids=repr)
def test_keys_are_strings_and_integers(key: Any, tmp_path: Path) -> None:
    with pytest.raises(
        TypeError, match=r"^save: obj\['a'\] has the key .* of type .*: keys can be strings and integers"
    ):
        tg.save({"a": {"b": 1, key: 2}}, tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_numbers_too_long_to_be_written_are_no_obstacle_to_saying_what_is_wrong(tmp_path: Path) -> None:
    number = 10**5000  # see sys.set_int_max_str_digits
    with pytest.raises(TypeError, match=r"save: obj\[some int\] is of type object: save what it is made of"):
        tg.save({number: object()}, tmp_path / "run")
    with pytest.raises(TypeError, match="save: some int is neither a path nor a file"):
        tg.save([], number)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_what_a_tensor_has_in_the_place_of_an_array() -> None:
    tensor = tg.ones(2)
    tensor.array = np.zeros(2).view(Matrix)
    with pytest.raises(TypeError, match=r"save: obj\[0\] has an array that is of type .*Matrix: save np\.asarray"):
        tg.save([tensor], "nowhere")
