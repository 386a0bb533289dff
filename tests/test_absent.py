"""What is said of names that are not here."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_edu as tg
from tinygrad_edu import absent, data, linalg, nn, optim
from tinygrad_edu.nn import functional as F


@pytest.mark.parametrize(
    ("place", "name", "said"),
    [
        (tg, "sofmax", r"module 'tinygrad_edu' has no attribute 'sofmax'\. Did you mean softmax\?"),
        (tg, "Linear", r"Did you mean linear or tg\.nn\.Linear\?"),
        (tg, "svd", r"Did you mean tg\.linalg\.svd\?"),
        (tg, "GradientSum", r"Did you mean tg\.samples\.GradientSum\?"),
        (tg, "gradient_property", r"Did you mean tg\.testing\.gradient_property\?"),
        (tg, "advise", r"Did you mean tg\.bench\.advise\?"),
        (nn, "optim", r"Did you mean tg\.optim\?"),
        (tg, "Any", r"Did you mean any\?"),
        (tg, "gradcheck", r"'gradcheck', which PyTorch has\. Use tg\.testing\.gradcheck and"),
        (tg, "functional", r"Use tg\.nn\.functional, or tg\.func for grad, vjp"),
        (tg.autograd, "functional", r"Use tg\.nn\.functional, or tg\.func for grad, vjp"),
        (tg.func, "jacrev", r"Use tg\.func\.jacobian$"),
        (tg.func, "grad_and_value", r"Use tg\.func\.value_and_grad, which returns the value first$"),
        (tg.func, "vmap", r"Every function takes a batch of samples as it is"),
        (tg.testing, "gradchek", r"'tinygrad_edu\.testing' has no attribute 'gradchek'\. Did you mean gradcheck\?"),
        (tg.samples, "Gradientsum", r"Did you mean GradientSum\?"),
        (tg.bench, "report_", r"Did you mean report\?"),
        (tg.sample_rules, "elementwize", r"Did you mean elementwise\?"),
        (tg, "DataLoader", r"Did you mean tg\.data\.DataLoader\?"),
        (nn, "Lineer", r"module 'tinygrad_edu\.nn' has no attribute 'Lineer'\. Did you mean Linear\?"),
        (nn, "relu", r"Did you mean ReLU or tg\.nn\.functional\.relu\?"),
        (nn, "Adam", r"Did you mean tg\.optim\.Adam\?"),
        (nn.init, "kaiming_uniform", r"Did you mean kaiming_uniform_\?"),
        (optim, "adamw", r"Did you mean AdamW\?"),
        (optim, "StepLR", r"Did you mean tg\.optim\.lr_scheduler\.StepLR\?"),
        (optim.lr_scheduler, "StepLr", r"Did you mean StepLR\?"),
        (nn, "pad_sequence", r"Did you mean tg\.nn\.utils\.rnn\.pad_sequence\?"),
        (nn.utils, "spectral_norm", r"nn\.utils has only weight_norm"),
        (F, "crossentropy", r"Did you mean cross_entropy\?"),
        (F, "Linear", r"Did you mean linear or tg\.nn\.Linear\?"),
        (data, "dataloader", r"Did you mean DataLoader\?"),
        (linalg, "sdv", r"Did you mean svd\?"),
        (tg, "cuda", r"'cuda', which PyTorch has\. Only the CPU is supported: leave it out$"),
        (nn, "save", r"Did you mean tg\.save\?"),
        (tg.data, "no.module", r"has no attribute 'no\.module'$"),
        (tg, "array", r"Did you mean tg\.tensor\?"),
        (tg, "asarray", r"Did you mean tg\.as_tensor\?"),
        (tg, "fft", r"'fft', which PyTorch has\. There are no Fourier transforms"),
        (F, "multi_head_attention_forward", r"Use nn\.MultiheadAttention, or F\.scaled_dot_product_attention on"),
        (optim, "Rprop", r"or write a subclass of tg\.optim\.Optimizer"),
        (optim.lr_scheduler, "OneCycle", r"Did you mean OneCycleLR\?"),
        (nn, "CTCLoss", r"Not part of this library: the other losses"),
        (nn, "DataParallel", r"add those of the workers: tg\.samples\.GradientSum"),
        (
            nn.utils.rnn,
            "pack_padded_sequence",
            r"There are no packed sequences: .* out\[tg\.arange\(len\(lengths\)\), lengths - 1\]",
        ),
        (nn, "SyncBatchNorm", "There is one process: use BatchNorm1d"),
        (nn, "ChannelShuffle", r"It is x\.unflatten\(1, \(groups, -1\)\)\.swapaxes\(1, 2\)\.flatten\(1, 2\)"),
        (nn.functional, "grid_sample", r"Use tg\.nn\.functional\.interpolate, or an index"),
        (tg, "xyzzyplugh", r"has no attribute 'xyzzyplugh'$"),
        (tg, "_cuda", r"has no attribute '_cuda'$"),
        (
            nn.Linear(2, 1),
            "cuda",
            r"Linear has no attribute 'cuda', which PyTorch has\. Only the CPU is supported: leave it out$",
        ),
    ],
)
def test_what_to_write_instead(place: object, name: str, said: str) -> None:
    assert not hasattr(place, name)
    with pytest.raises(AttributeError, match=said):
        getattr(place, name)


def test_pytorchs_names_in_the_table_are_really_not_here() -> None:
    for names in absent._INSTEAD:
        for name in names.split():
            assert not hasattr(tg.Tensor, name) or name not in vars(tg)
            for place in (tg, nn, F, optim, optim.lr_scheduler, data, linalg, tg.autograd, tg.func, tg.samples):
                assert isinstance(vars(place).get(name, tg), ModuleType), (place, name)


@pytest.mark.parametrize("name", ["demo", "cli"])
def test_a_part_that_is_not_imported_yet(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module(f"tinygrad_edu.{name}")
    monkeypatch.delattr(tg, name)  # some other test may have imported it
    said = rf"'tinygrad_edu' has no attribute '{name}' before it is imported: write import tinygrad_edu\.{name}$"
    with pytest.raises(AttributeError, match=said):
        getattr(tg, name)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nn.linear(3, 2), r"nn\.linear is the file in which it is defined; the class is nn\.Linear"),
        (lambda: nn.dropout(0.5), r"the class is nn\.Dropout"),
        (lambda: optim.adam([tg.ones(2)], lr=0.1), r"the class is optim\.Adam"),
        (lambda: optim.sgd([tg.ones(2)]), r"the class is optim\.SGD"),
    ],
)
def test_a_file_that_is_called_like_its_class(call: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        call()  # type: ignore[operator]


def test_no_message_names_a_package_that_no_index_has() -> None:
    root = Path(absent.__file__).parents[1]
    files = [
        *root.glob("tinygrad_edu/**/*.py"),
        *root.glob("docs/**/*.md"),
        *root.glob("*.md"),
        *root.glob("examples/*"),
    ]
    assert len(files) > 200
    assert [file for file in files if file.is_file() and "tinygrad-edu[" in file.read_text(encoding="utf-8")] == []


def test_every_extra_that_a_message_names_exists() -> None:
    root = Path(absent.__file__).parents[1]
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    sources = "".join(file.read_text(encoding="utf-8") for file in root.glob("tinygrad_edu/**/*.py"))
    calls = re.findall(r"\b(?:installed|not_installed)\([^()]*(?:\(\))?[^()]*, \"([a-z,]+)\"\)", sources)
    assert {"demo", "plots", "frames", "weights", "testing"} <= set(calls) <= set(extras)


def test_files_are_what_they_were() -> None:
    assert nn.linear.Linear is nn.Linear
    assert importlib.import_module("tinygrad_edu.nn.linear") is nn.linear


def test_a_file_shows_what_it_defines_and_a_package_what_it_has_gathered() -> None:
    assert {"clip_grad_norm_", "parameters_to_vector", "rnn", "weight_norm"} < set(dir(nn.utils))
    assert dir(nn.utils.rnn) == ["pad_sequence"]
    assert {"zeros_", "calculate_gain"} < set(dir(nn.init))
    assert not {"np", "draw", "T", "Tensor"} & set(dir(nn.init))
    assert "Tensor" not in dir(data)
    assert {"DataLoader", "default_collate"} < set(dir(data))


def test_asking_whether_a_name_is_there_costs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(name: str, known: object) -> str:
        raise AssertionError(f"names like {name!r} were looked for")

    monkeypatch.setattr(absent, "_suggestion", search)
    for place in (tg, nn, F):
        assert not hasattr(place, "mask")
        assert getattr(place, "xyzzy", 1) == 1
    F.cross_entropy(tg.ones(2, 3), tg.tensor([0, 1]))
    with pytest.raises(AttributeError) as caught:
        getattr(tg, "xyzzy")  # noqa: B009
    with pytest.raises(AssertionError, match="names like 'xyzzy' were looked for"):
        str(caught.value)
