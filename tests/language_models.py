"""Runs of the examples that learn a language model, at small size."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _text import Alphabet, documentation

CHARACTERS = 30_000
STEPS = ["--steps", "15"]


def shortened(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program with a small model, and small batches of a short text, of which it writes little."""
    text = documentation()[:CHARACTERS]
    written = program.written
    monkeypatch.setattr(program, "documentation", lambda: text)
    for name, value in {"WIDTH": 32, "LENGTH": 32, "BATCH_SIZE": 8, "RATE": 0.02}.items():
        monkeypatch.setattr(program, name, value)
    monkeypatch.setattr(program, "written", lambda m, a, beginning, length, t: written(m, a, beginning, 20, t))
    return program


def check_trained(program: ModuleType, folder: Path, capsys: Any) -> None:
    """A few steps are better than a guess; the trained model writes again, more boldly."""
    options = [*STEPS, "--checkpoint", str(folder / "run.ckpt")]
    score = program.main(options)
    assert 0 < score < math.log(len(Alphabet(program.documentation()))) - 0.3
    said = capsys.readouterr().out
    assert f"held out: {score:.3f} nats per character ({score / math.log(2):.3f} bits)" in said
    assert "at temperature 0.7:" in said
    assert program.main([*options, "--resume", "--temperature", "2.0"]) == score
    assert "at temperature 2:" in capsys.readouterr().out
