"""What is asked of each example: that it can be stopped by Ctrl-C, goes on, and says in `--help` how."""

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
GUARD = 300  # seconds after which something must be wrong


def check_help(program: ModuleType, capsys: Any, *options: str) -> None:
    """It names these options, and those that all programs have."""
    with pytest.raises(SystemExit) as end:
        program.main(["--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    for option in ("--seed", "--checkpoint", "--resume", *options):
        assert option in told


def check_resumed(
    program: ModuleType, options: list[str], stops: tuple[int, ...], folder: Path, monkeypatch: Any, capsys: Any
) -> None:
    """Stopped in these steps, one after the other, it ends as if it never had been: score, states and what it says."""
    options = [*options, "--seed", "4", "--checkpoint", str(folder / "run.ckpt")]
    score, whole = _states(program, options, monkeypatch)
    last_words = _after_training(capsys)
    (folder / "run.ckpt").unlink()

    for number, step in enumerate(stops):
        resume = ["--resume"] if number else []
        _stopped(program, [*options, *resume], step, monkeypatch)
        assert f"Stopped after step {step} of " in capsys.readouterr().out
        tg.manual_seed(99)  # of no account
    resumed_score, resumed = _states(program, [*options, "--resume"], monkeypatch)
    assert resumed_score == score
    np.testing.assert_equal(resumed, whole)
    assert _after_training(capsys) == last_words

    assert program.main([*options, "--resume"]) == score  # all is done: shown once more
    assert "step" not in capsys.readouterr().out.partition("held out")[0]


def check_stopped(name: str, options: list[str], folder: Path) -> None:
    """The program as a user starts it, in a process of its own, and a Ctrl-C from the keyboard."""
    if os.name == "nt":
        pytest.skip("Windows sends no Ctrl-C to one process")
    command = [sys.executable, str(EXAMPLES / name), *options]
    paths = os.pathsep.join([str(EXAMPLES.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        try:
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=GUARD)
        finally:
            process.kill()
    assert re.match(r"step +1 of \d+   nats ", first), first + errors
    assert (process.returncode, errors) == (_session.INTERRUPTED, "")
    stopped = re.search(rf"Stopped after step (\d+) of .* {' '.join(options)} --resume\n", rest)
    assert stopped, rest
    checkpoint = folder / Path(name).with_suffix(".ckpt")
    assert tg.load_checkpoint(checkpoint)["step"] == int(stopped[1])
    assert list(folder.iterdir()) == [checkpoint]


def _after_training(capsys: Any) -> str:
    """What it said from the score on, but for the seconds."""
    told = capsys.readouterr().out.partition("held out")
    return re.sub(r"after \d+ s", "", told[2])


def _stopped(program: ModuleType, options: list[str], step: int, monkeypatch: Any) -> None:
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


def _states(program: ModuleType, options: list[str], monkeypatch: Any) -> tuple[float, dict[str, Any]]:
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
