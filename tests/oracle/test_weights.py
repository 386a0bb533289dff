"""Weights go to PyTorch and come back: the same numbers under the same names, and models that compute the same."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import close

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.trees import flatten

torch = pytest.importorskip("torch")
package = pytest.importorskip("safetensors.torch")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated"),
]

PAGE = Path(__file__).parents[2] / "docs" / "weights-and-pytorch.md"
NUMBERS = np.random.default_rng(0)
SYMBOLS = NUMBERS.integers(0, 7, (2, 5))


def inputs(*shapes: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(NUMBERS.normal(size=shape).astype(np.float32) for shape in shapes)


def normed(lib: Any, **options: Any) -> Any:
    return lib.utils.weight_norm(lib.Linear(3, 4), **options)


def model_of_several(lib: Any) -> Any:
    return lib.Sequential(
        lib.Conv2d(1, 4, 3), lib.BatchNorm2d(4), lib.Sequential(lib.PReLU(4), lib.Flatten()), lib.Linear(36, 2)
    )


# What makes the module, with either library's `nn`, and what it is called with.
FAMILIES: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "Linear": (lambda lib: lib.Linear(3, 4), inputs((5, 3))),
    "Bilinear": (lambda lib: lib.Bilinear(3, 2, 4), inputs((5, 3), (5, 2))),
    "Conv1d": (lambda lib: lib.Conv1d(4, 6, 3, groups=2), inputs((2, 4, 7))),
    "Conv2d": (lambda lib: lib.Conv2d(2, 3, (3, 2), stride=2, bias=False), inputs((2, 2, 6, 5))),
    "Conv3d": (lambda lib: lib.Conv3d(2, 3, 2, padding=1), inputs((2, 2, 3, 4, 5))),
    "ConvTranspose1d": (lambda lib: lib.ConvTranspose1d(4, 6, 3, groups=2), inputs((2, 4, 7))),
    "ConvTranspose2d": (lambda lib: lib.ConvTranspose2d(2, 3, 3, stride=2), inputs((2, 2, 4, 5))),
    "ConvTranspose3d": (lambda lib: lib.ConvTranspose3d(2, 3, 2), inputs((2, 2, 3, 2, 3))),
    "BatchNorm1d": (lambda lib: lib.BatchNorm1d(3), inputs((5, 3))),
    "BatchNorm2d": (lambda lib: lib.BatchNorm2d(3), inputs((5, 3, 2, 2))),
    "BatchNorm3d": (lambda lib: lib.BatchNorm3d(3, affine=False), inputs((2, 3, 2, 2, 2))),
    "InstanceNorm2d": (
        lambda lib: lib.InstanceNorm2d(3, affine=True, track_running_stats=True),
        inputs((5, 3, 2, 2)),
    ),
    "GroupNorm": (lambda lib: lib.GroupNorm(2, 4), inputs((5, 4, 3))),
    "LayerNorm": (lambda lib: lib.LayerNorm((4, 3)), inputs((5, 4, 3))),
    "RMSNorm": (lambda lib: lib.RMSNorm(3), inputs((5, 3))),
    "PReLU": (lambda lib: lib.PReLU(3), inputs((5, 3))),
    "Embedding": (lambda lib: lib.Embedding(7, 3, padding_idx=2), (SYMBOLS,)),
    "EmbeddingBag": (lambda lib: lib.EmbeddingBag(7, 3, mode="mean"), (SYMBOLS,)),
    "RNN": (lambda lib: lib.RNN(3, 4, num_layers=2, nonlinearity="relu"), inputs((5, 2, 3))),
    "LSTM": (lambda lib: lib.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), inputs((2, 5, 3))),
    "GRU": (lambda lib: lib.GRU(3, 4, bidirectional=True), inputs((5, 2, 3))),
    "RNNCell": (lambda lib: lib.RNNCell(3, 4), inputs((2, 3))),
    "LSTMCell": (lambda lib: lib.LSTMCell(3, 4), inputs((2, 3))),
    "GRUCell": (lambda lib: lib.GRUCell(3, 4), inputs((2, 3))),
    "MultiheadAttention": (lambda lib: lib.MultiheadAttention(4, 2), inputs((5, 2, 4), (6, 2, 4), (6, 2, 4))),
    "MultiheadAttention of other widths": (
        lambda lib: lib.MultiheadAttention(4, 2, kdim=3, vdim=2, add_bias_kv=True),
        inputs((5, 2, 4), (6, 2, 3), (6, 2, 2)),
    ),
    "TransformerEncoderLayer": (lambda lib: lib.TransformerEncoderLayer(4, 2, 6), inputs((5, 2, 4))),
    "TransformerDecoderLayer": (lambda lib: lib.TransformerDecoderLayer(4, 2, 6), inputs((5, 2, 4), (3, 2, 4))),
    "Transformer": (lambda lib: lib.Transformer(4, 2, 1, 2, 6), inputs((5, 2, 4), (3, 2, 4))),
    "weight_norm": (normed, inputs((5, 3))),
    "weight_norm as one length": (lambda lib: normed(lib, dim=None), inputs((5, 3))),
    "parametrizations.weight_norm": (
        lambda lib: lib.utils.parametrizations.weight_norm(lib.Linear(3, 4)),
        inputs((5, 3)),
    ),
    "a model of several": (model_of_several, inputs((2, 1, 5, 5))),
}

families = pytest.mark.parametrize("family", FAMILIES)


def scrambled(model: Any, seed: int) -> Any:
    """The model with other numbers, in all that its state_dict holds, and ready to be asked."""
    rng = np.random.default_rng(seed)
    for name, value in model.state_dict().items():
        fresh = rng.uniform(0.5, 1.5, tuple(value.shape)) if "int" not in str(value.dtype) else np.array(seed + 3)
        array = value.array if isinstance(value, tg.Tensor) else value.numpy()
        array[...] = fresh if "var" in name or "int" in str(value.dtype) else fresh - 1
    return model.eval()


def same_numbers(ours: Any, theirs: Any) -> None:
    """Every number is the same to the last bit, and none is called otherwise."""
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    for name, value in mine.items():
        assert value.numpy().dtype == other[name].numpy().dtype
        np.testing.assert_array_equal(value.numpy(), other[name].numpy(), err_msg=name)


def same_outputs(ours: Any, theirs: Any, given: tuple[Any, ...]) -> None:
    with tg.no_grad(), torch.no_grad():
        mine, _ = flatten(ours(*map(tg.tensor, given)))
        other, _ = flatten(theirs(*map(torch.tensor, given)))
    assert len(mine) == len(other) > 0
    for a, b in zip(mine, other, strict=True):
        close(a, b, 1e-5)


@families
def test_weights_of_pytorch_load_here(family: str, tmp_path: Path) -> None:
    make, given = FAMILIES[family]
    ours, theirs = scrambled(make(nn), 1), scrambled(make(torch.nn), 2)
    package.save_file(theirs.state_dict(), tmp_path / "a")
    assert ours.load_safetensors(tmp_path / "a") == ([], [])
    same_numbers(ours, theirs)
    same_outputs(ours, theirs, given)


@families
def test_weights_from_here_load_in_pytorch(family: str, tmp_path: Path) -> None:
    make, given = FAMILIES[family]
    ours, theirs = scrambled(make(nn), 1), scrambled(make(torch.nn), 2)
    ours.save_safetensors(tmp_path / "a")
    theirs.load_state_dict(package.load_file(tmp_path / "a"))
    same_numbers(ours, theirs)
    same_outputs(ours, theirs, given)
    scrambled(theirs, 3)
    assert package.load_model(theirs, tmp_path / "a") == (set(), [])
    same_numbers(ours, theirs)


def test_statistics_of_training_go_both_ways(tmp_path: Path) -> None:
    ours, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    for x in inputs((5, 3), (4, 3)):
        theirs(torch.tensor(x))
    package.save_file(theirs.state_dict(), tmp_path / "a")
    ours.load_safetensors(tmp_path / "a")
    assert ours.num_batches_tracked.item() == 2
    (x,) = inputs((6, 3))
    ours(tg.tensor(x)), theirs(torch.tensor(x))
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        close(mine, other, 1e-5)
    ours.save_safetensors(tmp_path / "a")
    theirs.load_state_dict(package.load_file(tmp_path / "a"))
    same_numbers(ours, theirs)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_models_of_other_dtypes(dtype: str, tmp_path: Path) -> None:
    ours, theirs = model_of_several(nn), scrambled(model_of_several(torch.nn), 0).to(getattr(torch, dtype))
    package.save_file(theirs.state_dict(), tmp_path / "a")
    ours.load_safetensors(tmp_path / "a")
    same_numbers(ours, theirs.float())
    same_outputs(ours.eval(), theirs, inputs((2, 1, 5, 5)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_number_of_a_narrow_dtype_widens_as_in_pytorch(dtype: str, tmp_path: Path) -> None:
    kind = getattr(torch, dtype)
    width = kind.itemsize
    codes = torch.tensor(np.arange(256**width).astype(f"u{width}").view(f"i{width}"))
    package.save_file({"x": codes.view(kind)}, tmp_path / "a")
    net = nn.Module()
    net.register_buffer("x", tg.zeros(256**width))
    net.load_safetensors(tmp_path / "a")
    expected = codes.view(kind).float().numpy()
    np.testing.assert_array_equal(net.x.numpy(), expected)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(net.x.numpy()[there]), np.signbit(expected[there]))


# Tied parameters


def tied(lib: Any) -> Any:
    net = lib.Sequential(lib.Embedding(7, 3), lib.Linear(3, 7))
    net[1].weight = net[0].weight
    return net


def test_a_model_that_save_model_wrote_has_its_tied_weight_once_and_loads(tmp_path: Path) -> None:
    ours, theirs = tied(nn), scrambled(tied(torch.nn), 0)
    package.save_model(theirs, tmp_path / "a")
    assert len(package.load_file(tmp_path / "a")) == 2
    assert ours.load_safetensors(tmp_path / "a") == ([], [])
    same_numbers(ours, theirs)
    same_outputs(ours, theirs, (SYMBOLS,))


def test_a_tied_weight_from_here_has_both_names(tmp_path: Path) -> None:
    ours, theirs = scrambled(tied(nn), 0), tied(torch.nn)
    ours.save_safetensors(tmp_path / "a")
    theirs.load_state_dict(package.load_file(tmp_path / "a"))
    same_numbers(ours, theirs)
    assert theirs[0].weight is theirs[1].weight
    scrambled(theirs, 1)
    # load_model takes the second name for one too many; with strict=False it loads all the same.
    package.load_model(theirs, tmp_path / "a", strict=False)
    same_numbers(ours, theirs)


# Pickles


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
def test_the_line_that_converts_a_pickle_is_right(old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours, theirs = tied(nn), scrambled(tied(torch.nn), 0)
    state = theirs.state_dict()
    state["1.bias"] = torch.tensor(np.arange(14, dtype=np.float32))[::2]
    torch.save(state, "it's a.pt", _use_new_zipfile_serialization=not old)
    lines = set()
    for load in (ours.load_safetensors, tg.load):
        with pytest.raises(tg.FileFormatError) as caught:
            load("it's a.pt")
        lines.add(str(caught.value).splitlines()[-1].strip())
    (line,) = lines
    exec(line)
    ours.load_safetensors("it's a.safetensors")
    theirs.load_state_dict(state)
    same_numbers(ours, theirs)


@pytest.mark.parametrize("what", [torch.nn.Linear(2, 3), {"model": torch.nn.Linear(2, 3).state_dict(), "epoch": 3}])
def test_other_pickles_are_known_as_such(what: Any, tmp_path: Path) -> None:
    torch.save(what, tmp_path / "a.pt")
    with pytest.raises(tg.FileFormatError, match=r"this is a pickle, as torch\.save writes it"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a.pt")


# The page


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its code in turn, that for PyTorch included, prints what the page says."""
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\{code-cell\} ipython3|python|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("python") >= 3
    scope: dict[str, Any] = {"__name__": "page"}
    for i, (kind, code) in enumerate(blocks):
        if kind == "text":
            continue
        printed = io.StringIO()
        fails = code.startswith(":tags: [raises-exception]")
        with (
            contextlib.redirect_stdout(printed),
            pytest.raises(tg.TinygradError) if fails else contextlib.nullcontext(),
        ):
            exec(compile(re.sub(r"^:tags:.*\n", "", code), f"block {i} of the page", "exec"), scope)
        if kind == "python" and i + 1 < len(blocks) and blocks[i + 1][0] == "text":
            assert printed.getvalue() == blocks[i + 1][1]
