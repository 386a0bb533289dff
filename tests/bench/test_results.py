"""Results: the same after writing and reading, and refused where they are damaged or of another make."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench import results
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.loading import load
from tinygrad_edu.bench.results import Result


@dataclass
class Leaf:
    size: int
    cost: float
    interval: tuple[float, float]
    word: str


@dataclass
class Grown(Result):
    kind: ClassVar[str] = "grown for a test"

    leaves: list[Leaf]
    by_rate: dict[float, Leaf]
    by_size: dict[int, float]
    best: Leaf | None
    count: int | None
    rate: float | None
    row: tuple[int, ...]
    mode: Literal["tune", "sqrt"]
    either: int | str


@dataclass
class Other(Result):
    kind: ClassVar[str] = "other for a test"


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    yield
    for kind in (Grown.kind, Other.kind):
        results._KINDS.pop(kind)


finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.floats()
leaves = st.builds(Leaf, st.integers(), numbers, st.tuples(numbers, numbers), st.text())
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
things = st.dictionaries(st.text(), plain, max_size=3)
grown = st.builds(
    Grown,
    problem=things,
    settings=things,
    environment=things,
    notes=st.lists(st.text(), max_size=3),
    complete=st.booleans(),
    leaves=st.lists(leaves, max_size=3),
    by_rate=st.dictionaries(finite, leaves, max_size=3),
    by_size=st.dictionaries(st.integers(), numbers, max_size=3),
    best=st.none() | leaves,
    count=st.none() | st.integers(),
    rate=st.none() | finite,
    row=st.lists(st.integers(), max_size=3).map(tuple),
    mode=st.sampled_from(["tune", "sqrt"]),
    either=st.integers() | st.text(),
)


def example(**changes: Any) -> Grown:
    values: dict[str, Any] = {
        "problem": {"model": "mlp"},
        "settings": {},
        "environment": {},
        "notes": [],
        "complete": True,
        "leaves": [Leaf(1, 2.0, (1.0, 3.0), "√")],
        "by_rate": {},
        "by_size": {},
        "best": None,
        "count": 1,
        "rate": 0.5,
        "row": (1, 2),
        "mode": "tune",
        "either": 3,
    }
    return Grown(**{**values, **changes})


def without_infinity(value: Any) -> Any:
    """Infinities as NaN, which is what comes back for them; NaN as a word, which is equal to itself."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value), *[without_infinity(getattr(value, field.name)) for field in fields(value)]]
    if isinstance(value, dict):
        return {key: without_infinity(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_infinity(entry) for entry in value)
    return "NaN" if isinstance(value, float) and not math.isfinite(value) else value


@given(grown)
def test_what_is_read_is_what_was_written(result: Grown) -> None:
    read = Grown.from_json(result.to_json())
    assert without_infinity(read) == without_infinity(result)
    assert read.to_json() == result.to_json()


@given(grown)
def test_the_text_is_strict_json_in_utf_8(result: Grown) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    content = json.loads(result.to_json().encode(), parse_constant=refuse)
    assert list(content)[:2] == ["schema", "kind"]


def test_numbers_that_are_not_finite_are_null_and_come_back_as_nan() -> None:
    result = example(
        leaves=[Leaf(1, math.inf, (math.nan, -math.inf), "")], rate=math.nan, settings={"budget": math.inf}
    )
    content = json.loads(result.to_json())
    assert content["leaves"][0]["cost"] is None
    assert content["leaves"][0]["interval"] == [None, None]
    read = Grown.from_json(result.to_json())
    assert math.isnan(read.leaves[0].cost)
    assert read.rate is None
    assert read.settings["budget"] is None


def test_numbers_of_numpy_and_paths_are_written() -> None:
    settings = {
        "sizes": np.array([1, 2]),
        "rate": np.float32(0.5),
        "nan": np.float64("nan"),
        np.int64(3): np.bool_(True),
        "path": Path("a") / "b",
        "dtype": np.dtype("float32"),
        "seen": {1},
    }
    read = Grown.from_json(
        example(settings=settings, by_rate={np.float64(0.1): Leaf(1, 1.0, (0.0, 1.0), "")}).to_json()
    )
    assert read.settings == {
        "sizes": [1, 2],
        "rate": 0.5,
        "nan": None,
        "3": True,
        "path": str(Path("a") / "b"),
        "dtype": "float32",
        "seen": [1],
    }
    assert list(read.by_rate) == [0.1]


def test_half_characters_as_names_of_files_have_survive(tmp_path: Path) -> None:
    name = b"caf\xe9.npz".decode("utf-8", "surrogateescape")
    result = example(settings={"data": name, "reason": "√(N·a/b)"})
    assert "√(N·a/b)" in result.to_json()
    assert load(result.save(tmp_path)) == result


def change(result: Result, **changes: Any) -> str:
    return json.dumps({**json.loads(result.to_json()), **changes})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "it has no schema and kind"),
        ("null", "it has no schema and kind"),
        ('{"batch_size": 3}', "it has no schema and kind"),
        ('{"schema": 1, "kind": ["advise"]}', "it has no schema and kind"),
        ('{"schema": 1, "kind": "none such"}', "'none such', which this version does not know: it knows advise"),
    ],
)
def test_what_is_no_result_is_refused(text: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Result.from_json(text)


@pytest.mark.parametrize("schema", [2, 0, "1", None, True, [1]])
def test_another_schema_is_refused(schema: Any) -> None:
    with pytest.raises(BenchError, match=r"this version reads 1\. Run the benchmark again"):
        Result.from_json(change(example(), schema=schema))


def test_another_kind_is_refused_where_one_is_asked_for() -> None:
    text = Other({}, {}, {}, [], True).to_json()
    assert isinstance(Result.from_json(text), Other)
    with pytest.raises(BenchError, match="a result of 'other for a test', not of 'grown for a test'"):
        Grown.from_json(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"more": 1}, "missing or unknown in Grown: more"),
        ({"leaves": None}, "None is not of type list"),
        ({"leaves": [3]}, "3 is not of type Leaf"),
        ({"leaves": [{"size": 1}]}, "missing or unknown in Leaf: cost, interval, word"),
        ({"leaves": [{"size": "1", "cost": 1, "interval": [1, 2], "word": ""}]}, "'1' is not of type int"),
        ({"leaves": [{"size": True, "cost": 1, "interval": [1, 2], "word": ""}]}, "True is not of type int"),
        ({"leaves": [{"size": 1, "cost": "1", "interval": [1, 2], "word": ""}]}, "'1' is not of type float"),
        ({"leaves": [{"size": 1, "cost": 10**400, "interval": [1, 2], "word": ""}]}, "too large"),
        ({"leaves": [{"size": 1, "cost": 1, "interval": [1], "word": ""}]}, "shorter"),
        ({"leaves": [{"size": 1, "cost": 1, "interval": "12", "word": ""}]}, "'12' is not of type tuple"),
        ({"by_size": {"a": 1}}, "invalid literal"),
        ({"by_size": []}, r"\[\] is not of type dict"),
        ({"notes": [1]}, "1 is not of type str"),
        ({"complete": 1}, "1 is not of type bool"),
        ({"mode": "guess"}, "'guess' is no"),
        ({"either": []}, r"\[\] is not of type str"),
        ({"problem": ["x" * 100]}, "… is not of type dict"),
    ],
)
def test_a_damaged_result_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchError, match=f"a damaged result of 'grown for a test': .*{said}"):
        Result.from_json(change(example(), **changes))


def test_it_is_saved_under_its_kind_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = example().save(tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "grown for a test.json"
    assert load(str(path)) == example()


def test_an_interrupt_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = example().save(tmp_path)

    def interrupted(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        example(count=7).save(tmp_path)
    assert load(path) == example()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"grown for a test.json cannot be written: "):
        example().save(tmp_path / "file" / "folder")
    assert (tmp_path / "file").read_text() == ""


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    with pytest.raises(BenchError, match=r"old.json cannot be read: No such file"):
        load(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(BenchError, match=r"old.json: .*can't decode"):
        load(path)
    path.write_text("{}")
    with pytest.raises(BenchError, match=r"old.json: not a result of tinygrad-edu bench"):
        load(path)
    path.write_text(example().to_json(), encoding="utf-8-sig")  # as some editors save it
    assert load(path) == example()
