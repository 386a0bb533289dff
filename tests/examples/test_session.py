"""What the examples share: a run shows how far it is, can be interrupted, and goes on where it was."""

from __future__ import annotations

import argparse
import re
import signal
import sys

import _session
import pytest
from _session import Session, arguments, count, file, positive
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim


@pytest.fixture
def options(tmp_path):
    """A function that parses options, with a checkpoint in a folder of the test's own."""
    return lambda *given: arguments("What it does.", "run.ckpt").parse_args(
        ["--checkpoint", str(tmp_path / "run.ckpt"), *given]
    )


class Run:
    """A small training run over epochs, with random numbers in its model and in its data."""

    EPOCHS = 3

    def __init__(self, options: argparse.Namespace) -> None:
        samples = data.TensorDataset(normal(10, 3).astype("f"), normal(10, 1).astype("f"))
        tg.manual_seed(options.seed)
        self.loader = data.DataLoader(samples, batch_size=4, shuffle=True)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.1)
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 9)
        self.seen: list[float] = []
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler, "loader": self.loader}
        self.session = Session(options, self.EPOCHS * len(self.loader), **parts)

    def train(self, interrupt_in: int | None = None) -> list[float]:
        """The weights in the end; Ctrl-C is pressed in the step of this number."""
        for x, y in self.session.track(self.loader):
            if self.session.step == interrupt_in:
                signal.raise_signal(signal.SIGINT)
            loss = ((self.model(x) - y) ** 2).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step(samples=len(y))
            self.scheduler.step()
            self.seen.append(loss.item())
            self.session.show(loss=loss.item())
        return nn.utils.parameters_to_vector(self.model.parameters()).tolist()


def interrupted(run: Run, step: int) -> int:
    """Press Ctrl-C in this step of a run; returns the exit code."""
    with pytest.raises(SystemExit) as stopped:
        run.train(interrupt_in=step)
    return stopped.value.code


@pytest.mark.parametrize("step", [0, 2, 3, 4, 7, 8])  # in, at the end and at the beginning of an epoch of 3 batches
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(options, step):
    whole = Run(options())
    weights = whole.train()
    before = Run(options())
    if step == 8:  # the last step: there is nothing left to stop
        assert before.train(interrupt_in=step) == weights
    else:
        assert interrupted(before, step) == 130
    after = Run(options("--resume", "--seed", "7"))  # the seed is that of the first run: it is in the checkpoint
    assert after.session.step == step + 1
    assert after.train() == weights
    assert before.seen + after.seen == whole.seen
    assert after.session.seconds >= before.session.seconds > 0


def test_ctrl_c_lets_the_step_end_and_says_how_to_go_on(options, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program.py", "--seed", "3"])
    run = Run(options())
    interrupted(run, 4)
    assert len(run.seen) == run.session.step == 5
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == "Stopped after step 5 of 9. To continue, type: python program.py --seed 3 --resume"


def test_ctrl_c_between_two_epochs_counts_for_the_next_step(options):
    session = Session(options(), 4)

    class Loader:
        def __iter__(self):
            yield from range(2)
            if session.step == 2:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(SystemExit) as stopped:
        list(session.track(Loader()))
    assert (stopped.value.code, session.step) == (130, 3)
    assert tg.load_checkpoint(session.path)["step"] == 3


def test_a_second_ctrl_c_ends_it_in_the_middle_of_a_step(options):
    session = Session(options(), 5)
    steps = session.track(range(5))
    next(steps)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit) as stopped:
        signal.raise_signal(signal.SIGINT)
    assert stopped.value.code == 130
    steps.close()
    assert session.step == 0
    assert not session.path.exists()


def test_ctrl_c_is_as_before_when_the_loop_is_over(options):
    before = signal.getsignal(signal.SIGINT)
    session = Session(options(), 2)
    for _ in session.track(range(2)):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_a_run_that_is_complete_takes_no_further_step(options, capsys):
    weights = Run(options()).train()
    capsys.readouterr()
    again = Run(options("--resume"))
    assert again.train() == weights
    assert again.seen == []
    assert capsys.readouterr().out == ""


def test_a_checkpoint_is_written_now_and_then(options, monkeypatch):
    monkeypatch.setattr(_session, "SAVE_EVERY", -1.0)  # after every step
    session = Session(options(), 4)
    steps = [tg.load_checkpoint(session.path)["step"] for _ in session.track(range(4)) if session.step]
    assert steps == [1, 2, 3]


def test_what_cannot_be_resumed_is_said_in_a_sentence(options):
    with pytest.raises(SystemExit, match=r"There is no .*run\.ckpt to resume from: leave --resume out"):
        Session(options("--resume"), 5)
    list(Session(options(), 5).track(range(5)))
    with pytest.raises(SystemExit, match="is from a run of 5 steps, and this one has 6"):
        Session(options("--resume"), 6)
    with pytest.raises(SystemExit, match="model"):  # the file is of a run without one
        Session(options("--resume"), 5, model=nn.Linear(2, 1))
    options().checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(SystemExit, match=r"run\.ckpt"):
        Session(options("--resume"), 5)


def test_lines_show_the_step_the_mean_since_the_last_line_and_the_time_left(options, capsys):
    session = Session(options(), 40)
    for number in session.track(range(40)):
        session.show(loss=float(number))
    lines = capsys.readouterr().out.splitlines()
    assert [int(re.match(r"step +(\d+) of 40 ", line)[1]) for line in lines] == [1, *range(4, 41, 4)]
    assert all(re.search(r"   +\d+ s left$", line) for line in lines)
    assert "loss 5.500" in lines[2]  # of 4, 5, 6 and 7


def test_a_terminal_gets_a_bar_below_the_lines_where_rich_is_installed(options, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    list(Session(options(), 3).track(range(3)))
    with_bar = capsys.readouterr().out
    assert "━" in with_bar
    assert with_bar.count("\x1b[?25l") == with_bar.count("\x1b[?25h")  # the cursor is there again

    monkeypatch.setattr(_session, "find_spec", lambda name: None)
    list(Session(options(), 3).track(range(3)))
    without = capsys.readouterr().out
    assert len(without.splitlines()) == 3
    assert "━" not in without


def test_help_has_the_docstring_and_the_options(capsys):
    with pytest.raises(SystemExit) as stopped:
        arguments("What it does.", "run.ckpt").parse_args(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert "What it does." in said
    assert all(option in said for option in ("--seed", "--checkpoint", "--resume", "run.ckpt"))


def test_a_count_is_a_positive_integer():
    assert count("12") == 12
    for text in ("0", "-1", "1.5", "many", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="not a positive integer"):
            count(text)


def test_a_positive_number_is_finite():
    assert positive("0.5") == 0.5
    for text in ("0", "-1", "inf", "nan", "warm", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="not a positive number"):
            positive(text)


def test_a_file_that_cannot_be_written_is_known_before_the_training(tmp_path, capsys):
    assert file(str(tmp_path / "run.ckpt")) == tmp_path / "run.ckpt"
    assert str(file("run.ckpt")) == "run.ckpt"
    for path, said in ((tmp_path, "is a folder"), (tmp_path / "none" / "run.ckpt", f"no folder {tmp_path / 'none'}")):
        with pytest.raises(SystemExit):
            arguments("What it does.", "run.ckpt").parse_args(["--checkpoint", str(path)])
        assert said in capsys.readouterr().err
