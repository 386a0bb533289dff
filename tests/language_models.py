"""What is asked of each example that learns a language model."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _text import Alphabet, documentation

EXAMPLES = Path(__file__).parent.parent / "examples"
CHARACTERS = 30_000
STEPS = 15


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
    checkpoint = ["--checkpoint", str(folder / "run.ckpt"), "--steps", str(STEPS)]
    score = program.main(checkpoint)
    assert 0 < score < math.log(len(Alphabet(program.documentation()))) - 0.3
    said = capsys.readouterr().out
    assert f"held out: {score:.3f} nats a character ({score / math.log(2):.3f} bits)" in said
    assert "at temperature 0.7:" in said
    assert program.main([*checkpoint, "--resume", "--temperature", "2.0"]) == score
    again = capsys.readouterr().out
    assert "step" not in again.partition("held out")[0]
    assert "at temperature 2:" in again


def check_resumed(program: ModuleType, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a step, and --resume: the same score, and the same text."""
    options = ["--checkpoint", str(folder / "run.ckpt"), "--steps", str(STEPS)]
    score = program.main(options)
    text = capsys.readouterr().out.partition("Written")[2]

    class Interrupted(program.Session):
        def show(self, **values: float) -> None:
            super().show(**values)
            if self.step == 4:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(program, "Session", Interrupted)
        with pytest.raises(SystemExit):
            program.main(options)
    assert f"Stopped after step 5 of {STEPS}" in capsys.readouterr().out
    assert program.main([*options, "--resume"]) == score
    assert capsys.readouterr().out.partition("Written")[2] == text


def check_stopped(name: str, folder: Path) -> None:
    """The program as a user starts it, in a process of its own, and a Ctrl-C from the keyboard."""
    if os.name == "nt":
        pytest.skip("Windows sends no Ctrl-C to one process")
    command = [sys.executable, str(EXAMPLES / name), "--steps", "5000"]
    paths = os.pathsep.join([str(EXAMPLES.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert re.match(r"step +1 of 5000   nats ", first), first + errors
    assert process.returncode == 130
    assert errors == ""
    step = re.search(r"Stopped after step (\d+) of 5000\. To go on, type: python .* --steps 5000 --resume", rest)
    assert step, rest
    checkpoint = folder / Path(name).with_suffix(".ckpt")
    assert checkpoint.is_file()
