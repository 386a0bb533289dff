"""The command line: what it accepts, what it says, how it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_edu import __version__, demo
from tinygrad_edu.cli import command as cli

ROOT = Path(cli.__file__).parent.parent
QUICK = ("demo", "--epochs", "2", "--seed", "3")


@pytest.fixture
def demo_extra() -> None:
    """Skip where the packages that the demo uses are not installed."""
    pytest.importorskip("rich")
    pytest.importorskip("sklearn")


def start(*arguments: str, code: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the program in a process of its own, as a user would with its output going to a file."""
    program = ["-m", "tinygrad_edu"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_without_a_command_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: tinygrad-edu")
    assert "demo" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"tinygrad-edu {__version__}\n"


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("--seed", "--batch-size", "--epochs", "--lr", "--optimizer", *demo.settings.LEARNING_RATES):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--batch-size", "0"],
            "argument --batch-size: '0' is not allowed: give a whole number, 1 or larger",
        ),
        (
            ["--batch-size", "2.5"],
            "argument --batch-size: '2.5' is not allowed: give a whole number, 1 or larger",
        ),
        (["--epochs", "-1"], "argument --epochs: '-1' is not allowed: give a whole number, 1 or larger"),
        (["--epochs", "0"], "argument --epochs: '0' is not allowed: give a whole number, 1 or larger"),
        (["--seed", "-3"], "argument --seed: '-3' is not allowed: give a whole number, 0 or larger"),
        (["--lr", "nan"], "argument --lr: 'nan' is not allowed: give a number larger than 0"),
        (["--lr", "inf"], "argument --lr: 'inf' is not allowed: give a number larger than 0"),
        (["--lr", "0"], "argument --lr: '0' is not allowed: give a number larger than 0"),
        (["--lr", "fast"], "argument --lr: 'fast' is not allowed: give a number larger than 0"),
        (["--optimizer", "magic"], "invalid choice: 'magic'"),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", *arguments])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["dance"])
    assert end.value.code == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_says_how_to_install_what_the_demo_lacks() -> None:
    hidden = "import sys; sys.modules['rich'] = None; from tinygrad_edu.cli import main; sys.exit(main(['demo']))"
    done = start(code=hidden)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "tinygrad-edu demo needs rich, which is not installed. "
        'Run: pip install rich (in a checkout: pip install ".[demo]")'
    ]


def test_names_all_that_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["demo"]) == 1
    said = capsys.readouterr().err
    assert "needs rich and scikit-learn, which are not installed. Run: pip install rich scikit-learn (in" in said


def test_ends_politely_when_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(settings: demo.Settings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    monkeypatch.setattr(cli, "find_spec", lambda name: name)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_a_request_to_end_is_an_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_to_end(settings: demo.Settings) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(demo, "run", asked_to_end)
    monkeypatch.setattr(cli, "find_spec", lambda name: name)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:  # so what is open is closed: the progress bar shows the cursor again
        cli.main(["demo"])
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_is_a_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(settings: demo.Settings) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "run", full)
    monkeypatch.setattr(cli, "find_spec", lambda name: name)
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == "tinygrad-edu demo: [Errno 28] No space left on device\n"


@pytest.mark.usefixtures("demo_extra")
class TestDemo:
    """The command in a process of its own."""

    def test_same_seed_same_output_to_the_last_bit(self) -> None:
        first, second = start(*QUICK), start(*QUICK)
        assert first.returncode == 0, first.stderr
        assert first.stdout == second.stdout
        assert first.stderr == second.stderr == ""
        assert "Opening a gradient" in first.stdout

    def test_output_to_a_file_is_plain_and_narrow(self) -> None:
        done = start(*QUICK, "--batch-size", "1437")
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= 80

    def test_diverging_steps_end_with_a_message(self) -> None:
        done = start(*QUICK, "--optimizer", "sgd", "--lr", "1e30")
        assert done.returncode == 1
        assert "the steps are too large. Try a smaller --lr than 1e+30" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr

    def test_ends_quietly_when_nobody_reads_on(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "tinygrad_edu", *QUICK],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert b"Traceback" not in process.stderr.read()
            assert process.wait(120) == 1
