"""Whatever is saved comes back as it was."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from savable import check_same, objects

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.io import archive


def passed(obj: Any) -> Any:
    """The object, saved and loaded."""
    file = io.BytesIO()
    tg.save(obj, file)
    file.seek(0)
    return tg.load(file)


def test_it_is_at_the_top() -> None:
    assert (tg.save, tg.load) == (archive.save, archive.load)


@given(objects())
def test_everything_comes_back_as_it_was(obj: Any) -> None:
    check_same(passed(obj), obj)


def test_integers_that_python_does_not_write_in_decimal() -> None:
    number = 10**5000 + 7  # see sys.set_int_max_str_digits
    again = passed([number, -number, {number: 1}])
    assert again[0] == -again[1] == number
    assert number in again[2]


def test_paths_of_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("run", tmp_path / "run", os.fsencode(tmp_path / "run")):
        tg.save([str(path)], path)  # type: ignore[arg-type]
        assert tg.load(path) == [str(path)]  # type: ignore[arg-type]
        assert os.listdir(tmp_path) == ["run"]


def test_a_model_and_its_optimizer(tmp_path: Path) -> None:
    def made(seed: int) -> tuple[nn.Module[Any], optim.Optimizer]:
        tg.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        return model, optim.Adam(model.parameters(), lr=0.1)

    def step(model: nn.Module[Any], optimizer: optim.Optimizer) -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(tg.ones(5, 3) * tg.arange(5)[:, None]), tg.ones(5, 1)).backward()
        optimizer.step(samples=5)

    model, optimizer = made(0)
    step(model, optimizer)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": tg.get_rng_state()}
    tg.save(state, tmp_path / "run")
    drawn = tg.rand(3).tolist()
    step(model, optimizer)

    other, its_optimizer = made(1)
    state = tg.load(tmp_path / "run")
    assert other.load_state_dict(state["model"]) == ([], [])
    its_optimizer.load_state_dict(state["optimizer"])
    tg.set_rng_state(state["random"])
    assert tg.rand(3).tolist() == drawn
    step(other, its_optimizer)
    check_same(other.state_dict(), model.state_dict())
    check_same(its_optimizer.state_dict(), optimizer.state_dict())


def test_tied_weights_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    state = passed(model.state_dict())
    assert type(state) is OrderedDict
    state["0.weight"].zero_()
    assert not state["1.weight"].numpy().any()
    state["0.weight"].add_(tg.ones(2, 2, requires_grad=True))  # which is recorded, and makes a new array
    assert state["1.weight"].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_what_is_one_is_one_and_what_overlaps_is_not() -> None:
    array = np.arange(6.0).reshape(2, 3)
    tensor = tg.as_tensor(array)
    again = passed([array, array[:], tensor, tensor, array.T, array[0], array.reshape(-1), array.view("i8")])
    assert again[0] is again[1] is again[2].array
    assert again[2] is again[3]
    assert [np.shares_memory(again[0], other) for other in again[4:]] == [False] * 4
    check_same(again[4:6], [array.T, array[0]])
    square = np.arange(4.0).reshape(2, 2)
    check_same(passed([square, square.T]), [square, square.T])
    column = np.ones((3, 1))
    one, other = passed([column, column[:, ::-1]])  # the same numbers, though NumPy's strides differ
    assert one is other


def test_empty_arrays_are_one_only_if_they_are() -> None:
    empty = np.zeros((0, 2))
    again = passed([empty, empty, np.zeros((0, 2)), empty[:]])
    assert again[0] is again[1]
    assert again[0] is not again[2]
    assert [part.shape for part in again] == [(0, 2)] * 4


@pytest.mark.parametrize("dtype", ["S0", "U0", "V0"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)], ids=str)
def test_elements_of_no_bytes_stay_without(dtype: str, shape: tuple[int, ...]) -> None:
    array: Any = np.ndarray(shape, dtype)
    again = passed(array)
    assert (again.dtype, again.shape) == (array.dtype, shape)


def test_containers_that_are_one_become_copies() -> None:
    part = [1]
    again = passed({"a": part, "b": part})
    assert again == {"a": [1], "b": [1]}
    assert again["a"] is not again["b"]


def test_of_a_computed_tensor_the_numbers_are_saved() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    y = w * 3
    y.sum().backward()
    again_w, again_y = passed([w, y])
    assert again_y.tolist() == [3.0, 6.0]
    assert again_y.requires_grad
    assert again_y.is_leaf
    assert again_w.grad is None


def test_files_that_are_open(tmp_path: Path) -> None:
    with open(tmp_path / "two", "w+b") as file:
        file.write(b"before")
        tg.save([1, np.ones(3)], file)
        file.seek(6)
        assert tg.load(file)[0] == 1
        assert not file.closed


def test_a_pipe_can_be_written_to_but_not_read_from() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *place: int) -> int:
            raise io.UnsupportedOperation("seek")

        tell = seek  # type: ignore[assignment]

    pipe = Pipe()
    tg.save({"a": np.ones(3)}, pipe)
    check_same(tg.load(io.BytesIO(pipe.getvalue())), {"a": np.ones(3)})
    with pytest.raises(ValueError, match=r"load: the open file is one which cannot .* io\.BytesIO\(file\.read\(\)\)"):
        tg.load(pipe)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_nobody_waits_at_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.fsencode(tmp_path / "pipe")):
        with pytest.raises(ValueError, match=r"load: .*pipe is a pipe, which cannot be read again from an earlier"):
            tg.load(path)  # type: ignore[arg-type]


def test_an_open_file_that_cannot_read_into_memory_is_not_called_damaged() -> None:
    class Reads:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("nothing is read")

    with pytest.raises(ValueError, match=r"load: the open file is one .* pass io\.BytesIO"):
        tg.load(Reads())  # type: ignore[arg-type]


def test_files_that_are_open_for_text(tmp_path: Path) -> None:
    with open(tmp_path / "text", "w+", encoding="utf8") as file:
        with pytest.raises(TypeError, match="save: the file is open for text: open it in binary"):
            tg.save([1], file)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="load: the file is open for text"):
            tg.load(file)  # type: ignore[arg-type]
    assert (tmp_path / "text").read_bytes() == b""


def test_arguments_in_the_wrong_order(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"save: \{'a': 1\} is neither .*: the object comes first, then the path"):
        tg.save(str(tmp_path / "run"), {"a": 1})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"save: 2 is neither a path nor a file open for writing$"):
        tg.save(1, 2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load: 3 is neither a path nor a file"):
        tg.load(3)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_arguments_that_are_there_for_programs_written_for_pytorch(tmp_path: Path) -> None:
    tg.save([1], tmp_path / "run")
    tg.save(obj=[1], f=tmp_path / "run")
    for place in (None, "cpu", lambda storage, location: storage):
        for weights_only in (None, True, False):
            assert tg.load(f=tmp_path / "run", map_location=place, weights_only=weights_only) == [1]
    with pytest.raises(ValueError, match=r"load\(map_location='cuda:0'\): only the CPU is supported: leave it out"):
        tg.load(tmp_path / "run", map_location="cuda:0")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run"):
        tg.load(tmp_path / "run")
