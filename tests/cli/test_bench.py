"""`tinygrad-edu bench`: what it takes, prints, saves and returns."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from ticking import ticking as ticking

from tinygrad_edu.bench.loading import load
from tinygrad_edu.bench.problem.run import Run
from tinygrad_edu.cli.command import main

NET = """
import numpy as np
import tinygrad_edu as tg

class Net(tg.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = tg.nn.Linear(5, 8)
        self.outer = tg.nn.Linear(8, 3)

    def forward(self, x):
        return self.outer(self.inner(x).relu())

def losses(output, target):
    return tg.nn.functional.cross_entropy(output, target, reduction="none")

def scalar(output, target):
    return tg.nn.functional.cross_entropy(output, target)

def broken():
    raise RuntimeError("no weights today")

def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    return (rng.normal(size=(200, 5)) + y[:, None]).astype(np.float32), y
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model and data in it, which is the current one."""
    (tmp_path / "net.py").write_text(NET)
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 300)
    x = (rng.normal(size=(300, 5)) + 2 * y[:, None]).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    np.savez(tmp_path / "wrong.npz", features=x, y=y)
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object), y=y)
    monkeypatch.chdir(tmp_path)
    return tmp_path


MINE = ["--model", "net.py:Net", "--data", "data.npz", "--budget", "2"]


def test_without_a_second_word_it_is_advise(place, capsys):
    assert main(["bench", *MINE]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Batch size ")
    assert "The noise scale is about" in out
    assert max(map(len, out.splitlines())) <= 100
    assert err == ""  # no terminal: no progress


def test_json_leaves_stdout_pure_and_o_saves_the_same(place, capsys):
    assert (
        main(["bench", "advise", *MINE, "--json", "-o", "out", "--optimizer", "adam", "--loss", "net.py:losses"]) == 0
    )
    content = json.loads(capsys.readouterr().out)
    assert (content["kind"], content["complete"]) == ("advise", True)
    assert content["problem"]["model"] == "net.py:Net"
    assert content["problem"]["loss"] == "losses"
    assert content["settings"]["seed"] == 0
    assert load(place / "out" / "advise.json").to_json() == json.dumps(content, indent=1, ensure_ascii=False)


def test_speed_and_train_run_on_the_same_words(place, capsys):
    assert main(["bench", "speed", *MINE, "--batch-sizes", "8:32:x2", "-o", "out"]) == 0
    assert load(place / "out" / "speed.json").complete
    words = ["--batch-sizes", "16,64", "--target-loss", "0.3", "--seeds", "2", "--budget", "20", "-o", "out"]
    assert main(["bench", "train", *MINE, *words]) == 0
    assert load(place / "out" / "train.json").complete
    capsys.readouterr()
    assert main(["bench", "report", "out", "--format", "table,svg,html"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert (place / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_an_interrupt_prints_and_saves_what_is_known(place, capsys, monkeypatch):
    steps = iter(range(10**9))
    step = Run.step

    def counted(self):
        if next(steps) > 700:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Run, "step", counted)
    assert main(["bench", *MINE, "--budget", "60", "-o", "out"]) == 130
    assert not load(place / "out" / "advise.json").complete
    out, err = capsys.readouterr()
    assert "This is about the training loss" in out
    assert "Stopped" in err


PRINTS = """
print("read")

class Talks(Net):
    def forward(self, x):
        print("called")
        return super().forward(x)
"""


def test_what_the_users_files_print_is_not_among_the_json(place, capsys):
    (place / "talks.py").write_text(NET + PRINTS)
    assert main(["bench", *MINE, "--model", "talks.py:Talks", "--json"]) in (0, 3)
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == "advise"
    assert err.startswith("read\ncalled\n")


def test_a_dry_run_is_json_as_well(place, capsys):
    assert main(["bench", *MINE, "--dry-run", "--json"]) == 0
    assert "advise would " in " ".join(json.loads(capsys.readouterr().out)["plan"])


@pytest.mark.parametrize("word", ["advise", "speed", "train"])
def test_what_was_decided_for_the_user_is_printed(place, capsys, word):
    main(["bench", word, *MINE])
    out = capsys.readouterr().out
    assert "note: loss: cross_entropy, as the targets are int64" in out


def test_steps_that_nobody_could_time_are_no_answer(place, capsys):
    assert main(["bench", "speed", *MINE, "--mem-limit", "2KB"]) == 3
    assert "predicted to need more memory than the others leave" in " ".join(capsys.readouterr().out.split())


def test_no_answer_is_three(place, capsys):
    (place / "dull.py").write_text(NET + "def dull(output, target):\n    return (output * 0).sum(1) + 1.0\n")
    assert main(["bench", *MINE, "--loss", "dull.py:dull", "--budget", "60"]) == 3
    assert capsys.readouterr().out.startswith("No answer\n\nNo learning rate from ")


@pytest.mark.parametrize("word", ["advise", "speed", "train"])
def test_a_dry_run_says_what_would_run(place, capsys, word):
    assert main(["bench", word, *MINE, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "net.py:Net (75 parameters, float32) on data.npz: 240 samples to learn from, 60 held out" in out
    assert f"{word} would " in out
    assert "about" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "nett"], "--model nett: there is no such name. Use mlp"),
        (["--model", "net.py:Nett"], "net.py has no 'Nett': it has Net"),
        (["--model", "none.py:Net"], "there is no file none.py"),
        (["--data", "wrong.npz"], "wrong.npz has no x: it has features, y"),
        (["--data", "pickled.npz"], "pickled.npz cannot be read"),
        (["--data", "none.npz"], "none.npz cannot be read"),
        (["--loss", "sum"], "--loss sum: there is no such name"),
        (["--loss", "net.py:scalar"], "Return one loss for each sample"),
        (["--optimizer", "adem"], "--optimizer adem: there is no such name"),
        (["--batch-sizes", "8,9000"], "9000"),
        (["-o", "data.npz/out"], "cannot save there"),
        (["--model", "net.py"], "add the name of what to use from this file: net.py:NAME"),
        (["--threads", "9999"], "threads: got 9999, but there are"),
        (["--data", "digits"], "does not take samples of shape (1, 8, 8)"),
    ],
)
def test_words_that_make_no_sense_are_two(place, capsys, words, message):
    given = [*MINE, *words]
    assert main(["bench", *given]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


@pytest.mark.parametrize(
    "words",
    [["--batch-sizes", "0,8"], ["--batch-sizes", "x"], ["--budget", "0"], ["--mem-limit", "much"], ["--threads", "0"]],
)
def test_options_that_are_no_numbers_are_two(capsys, words):
    with pytest.raises(SystemExit) as end:
        main(["bench", *words])
    assert end.value.code == 2
    assert words[0].lstrip("-") in capsys.readouterr().err


def test_a_factory_that_raises_shows_its_own_traceback(place):
    with pytest.raises(RuntimeError, match="no weights today"):
        main(["bench", *MINE, "--model", "net.py:broken"])


def test_data_may_be_a_function_of_a_file(place, capsys):
    assert main(["bench", "--model", "net.py:Net", "--data", "net.py:rows", "--dry-run"]) == 0
    assert "160 samples" in capsys.readouterr().out


def test_reading_the_data_is_paid_from_the_budget(place, capsys, ticking):
    (place / "slow.py").write_text(
        NET + "from tinygrad_edu.bench.timing import clock\n"
        "def slow():\n    for _ in range(200):\n        clock.time.perf_counter()\n    return rows()\n"
    )
    words = ["--model", "slow.py:Net", "--data", "slow.py:slow", "--budget", "3", "--json"]
    assert main(["bench", *words]) in (0, 3)
    assert ticking.looks * 5e-3 < 3.3
    assert json.loads(capsys.readouterr().out)["settings"]["budget"] < 2.01


def test_files_are_gone_afterwards(place):
    main(["bench", *MINE, "--dry-run"])
    assert "net" not in sys.modules


@pytest.mark.parametrize(
    ("text", "size"), [("500", 500), ("500MB", 500e6), ("2GB", 2e9), ("1.5GiB", 1.5 * 2**30), ("3 k", 3000)]
)
def test_sizes_of_memory_are_read(text, size):
    from tinygrad_edu.cli.bench import _bytes

    assert _bytes(text) == size


def test_compare_refuses_what_it_cannot_read(place, capsys):
    (place / "old.json").write_text('{"schema": 99, "kind": "speed"}')
    (place / "new.json").write_text("{}")
    assert main(["bench", "compare", "old.json", "new.json"]) == 2
    assert "old.json: a result of schema 99" in capsys.readouterr().err


def test_help_names_the_words(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    out = capsys.readouterr().out
    for word in ("advise", "speed", "train", "report", "compare"):
        assert word in out
