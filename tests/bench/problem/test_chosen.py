"""What the words of the command line mean."""

from __future__ import annotations

import functools
import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import nn, optim
from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem import Problem
from tinygrad_edu.bench.problem.chosen import LOSSES, OPTIMIZERS, Chosen
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = np.arange(12) % 3

FILE = """
import numpy as np
import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)

net = Net()

class Loss(nn.Module):
    def forward(self, output, target):
        return F.cross_entropy(output, target, reduction="none")

class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()

def loss(output, target):
    return F.cross_entropy(output, target, reduction="none")

X, Y = np.ones((12, 4), np.float32), np.arange(12) % 3
pair = X, Y

class Mine(tg.data.Dataset):
    def __len__(self):
        return 12
    def __getitem__(self, i):
        return X[i], Y[i]

mine = Mine()
loader = tg.data.DataLoader(mine)

def load():
    return pair

def load_from(path):
    return pair

def fails():
    raise RuntimeError("mine")

def adam(params, lr):
    return tg.optim.Adam(params, lr=lr)

number = 3
"""


@pytest.fixture
def chosen() -> Iterator[Chosen]:
    with Chosen() as found:
        yield found


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "words_of_a_user.py"
    path.write_text(FILE)
    return str(path)


@pytest.mark.parametrize("data", ["pair", "mine", "Mine", "loader", "load"])
def test_data_of_a_file(chosen: Chosen, script: str, data: str) -> None:
    found = chosen.data(f"{script}:{data}")
    problem = Problem.of(chosen.model(f"{script}:Net", found), chosen.loss(f"{script}:loss"), found)
    assert len(problem.train) == 10


@pytest.mark.parametrize("model", ["Net", "net"])
@pytest.mark.parametrize("loss", ["Loss", "loss"])
def test_models_losses_and_optimizers_of_a_file(chosen: Chosen, script: str, model: str, loss: str) -> None:
    problem = Problem.of(
        chosen.model(f"{script}:{model}", (X, Y)),
        chosen.loss(f"{script}:{loss}"),
        (X, Y),
        optimizer=chosen.optimizer(f"{script}:adam"),
    )
    assert problem.names == {"model": "Net", "loss": loss, "optimizer": "adam", "data": "arrays"}


def test_a_file_is_loaded_once_and_gone_afterwards(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, name = str(Path(script).parent), Path(script).name
    monkeypatch.chdir(folder)
    with Chosen() as chosen:
        assert chosen.model(f"{script}:Net", None) is chosen.model(f"./{name}:Net", None)
        assert "words_of_a_user" in sys.modules
    assert "words_of_a_user" not in sys.modules


def test_what_a_function_of_the_file_raises_is_the_users(chosen: Chosen, script: str) -> None:
    with pytest.raises(RuntimeError, match="mine") as caught:
        chosen.data(f"{script}:fails")
    assert caught.value.__cause__ is None


def test_what_needs_arguments_says_which(chosen: Chosen, script: str) -> None:
    with pytest.raises(
        BenchError, match=r"--data .*:load_from: load_from needs path\. Name a function without arguments"
    ):
        chosen.data(f"{script}:load_from")
    with pytest.raises(BenchError, match=r"--loss .*:Wide: Wide needs width"):
        chosen.loss(f"{script}:Wide")


def test_names_that_are_not_there(chosen: Chosen, script: str, tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match=r"--data mnits: there is no such name\. Use digits, mnist, make_classification, text, or a"
    ):
        chosen.data("mnits")
    with pytest.raises(BenchError, match=r"^--test-data mnits: there is no such name"):
        chosen.data("mnits", "--test-data")
    with pytest.raises(BenchError, match=r"--model nett: there is no such name\. Use mlp.*, or path\.py:name"):
        chosen.model("nett", (X, Y))
    with pytest.raises(BenchError, match=r"--model net\.py: add the name of what to use from this file: net\.py:NAME"):
        chosen.model("net.py", (X, Y))
    with pytest.raises(BenchError, match=r"--loss mse: there is no such name\. Use cross_entropy, .*MSELoss"):
        chosen.loss("mse")
    with pytest.raises(BenchError, match=r"--loss Linear: there is no such name"):
        chosen.loss("Linear")
    with pytest.raises(BenchError, match=r"--optimizer lion: there is no such name\. Use sgd, momentum, adam"):
        chosen.optimizer("lion")
    with pytest.raises(BenchError, match=r"has no 'Nett': it has .*Net"):
        chosen.model(f"{script}:Nett", (X, Y))
    with pytest.raises(BenchError, match="there is no file"):
        chosen.data(f"{tmp_path}/none.py:load")
    (tmp_path / "broken.py").write_text("x = 1 / 0\n")
    with pytest.raises(BenchError, match=r"cannot be imported: ZeroDivisionError.*line 1"):
        chosen.data(f"{tmp_path}/broken.py:x")


def test_a_word_for_something_else_is_refused_by_the_problem(chosen: Chosen, script: str) -> None:
    with pytest.raises(BenchError, match="data is 3: give"):
        Problem.of(nn.Linear(4, 3), None, chosen.data(f"{script}:number"))
    with pytest.raises(BenchError, match="model: got 3; give a module"):
        Problem.of(chosen.model(f"{script}:number", None), None, (X, Y))


def test_losses_by_name(chosen: Chosen) -> None:
    assert chosen.loss(None) is None
    assert chosen.loss("cross_entropy") is F.cross_entropy
    assert isinstance(chosen.loss("MSELoss"), nn.MSELoss)
    assert {"l1_loss", "kl_div", "BCEWithLogitsLoss"} < set(LOSSES)


def test_optimizers_by_name(chosen: Chosen) -> None:
    assert chosen.optimizer("SGD") is optim.SGD
    assert chosen.optimizer("momentum").keywords == {"momentum": 0.9}
    for name in OPTIMIZERS:
        assert Problem.of(nn.Linear(4, 3), None, (X, Y), optimizer=chosen.optimizer(name)).gradual == (name == "sgd")


@pytest.mark.parametrize(
    "data", [(X, Y), TensorDataset(X, Y), DataLoader(TensorDataset(X, Y)), (X.tolist(), Y.tolist())]
)
def test_a_built_in_model_is_made_for_the_data(chosen: Chosen, data: Any) -> None:
    assert Problem.of(chosen.model("mlp", data), None, data).judged[0].shape[1:] == (4,)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([(x, y) for x, y in zip(X, Y)], "--model mlp is made for arrays x and y; these are samples of a list"),
        ((X, Y[:3]), "must have the same length in both"),
        ((X, Y.astype(str)), "For names of classes"),
        ((X[:0], Y[:0]), "data has no samples"),
        ((X * np.nan, Y), "rows of x have NaN"),
        ((X, np.full(12, 10**9)), "the labels run to 1000000000"),
    ],
)
def test_data_for_which_no_built_in_model_can_be_made_are_refused(chosen: Chosen, data: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        chosen.model("mlp", data)


def test_an_archive_holds_x_and_y(chosen: Chosen, tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "data.npz", x=X, y=Y, more=Y)
        x, y = chosen.data(f"{tmp_path}/data.npz")
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)


def archive(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def test_an_archive_without_them_says_what_it_has(chosen: Chosen, tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match=r"has no y: it has x, labels; save both with np\.savez\('data\.npz', x=x, y=y\)"
    ):
        chosen.data(str(archive(tmp_path, x=X, labels=Y)))
    with pytest.raises(BenchError, match="has no x and no y: it has arr_0"):
        chosen.data(str(archive(tmp_path, arr_0=X)))
    with pytest.raises(BenchError, match="has no x and no y: it has nothing"):
        chosen.data(str(archive(tmp_path)))


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_nothing_is_ever_unpickled(chosen: Chosen, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    hidden = np.array([Bomb(trace)] * 12, dtype=object)
    with pytest.raises(BenchError, match=r"cannot be read: Object arrays.*never unpickled"):
        chosen.data(str(archive(tmp_path, x=hidden, y=Y)))
    (tmp_path / "data.npz").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(BenchError, match=r"cannot be read: .*never unpickled"):
        chosen.data(f"{tmp_path}/data.npz")
    assert not trace.exists()


def damaged(path: Path) -> Iterator[bytes]:
    whole = path.read_bytes()
    yield b""
    yield b"\0" * 100
    yield whole[: len(whole) // 2]
    yield whole[:-30]
    yield whole[:60] + bytes(40) + whole[100:]  # in the header of x
    yield whole[:300] + b"\1" * 8 + whole[308:]  # in its numbers


def test_a_damaged_archive_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    path = archive(tmp_path, x=np.zeros((50, 4)), y=np.zeros(50, int))
    for content in list(damaged(path)):
        path.write_bytes(content)
        with pytest.raises(BenchError, match=r"data\.npz cannot be read: "):
            chosen.data(str(path))


def test_an_archive_of_other_files_is_refused(chosen: Chosen, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "no array")
        file.writestr("y", "no array")
    with pytest.raises(BenchError, match=r"x and y must be arrays"):
        chosen.data(str(path))


def test_a_single_array_and_files_that_are_not_there_are_refused(chosen: Chosen, tmp_path: Path) -> None:
    with open(tmp_path / "one.npz", "wb") as file:
        np.save(file, X)
    with pytest.raises(BenchError, match=r"holds a single array, as np\.save writes it: save both with np\.savez"):
        chosen.data(f"{tmp_path}/one.npz")
    with pytest.raises(BenchError, match=r"none\.npz cannot be read: No such file"):
        chosen.data(f"{tmp_path}/none.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(BenchError, match=r"folder\.npz cannot be read: "):
        chosen.data(f"{tmp_path}/folder.npz")


def test_momentum_is_plain_sgd_with_momentum() -> None:
    found = OPTIMIZERS["momentum"]
    assert isinstance(found, functools.partial)
    assert found.func is optim.SGD
