"""Progress on a terminal, and silence elsewhere."""

import io
import math

import pytest

from tinygrad_edu.bench.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_a_pipe_hears_nothing() -> None:
    file = io.StringIO()
    with progress(60.0, file) as tell:
        tell("timing steps", 0.5)
    assert file.getvalue() == ""


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(60.0) as tell:
        tell("timing steps", 0.5)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_what_is_done_and_the_time_left(terminal: Terminal) -> None:
    with progress(60.0, terminal) as tell:
        tell("racing [32, 128]", 0.25)
    assert "racing [32, 128]" in terminal.getvalue()  # brackets are no markup
    assert "45 s left" in terminal.getvalue()


@pytest.mark.parametrize("seconds", [None, math.inf])
def test_without_a_budget_no_time_left_is_promised(terminal: Terminal, seconds: float | None) -> None:
    with progress(seconds, terminal) as tell:
        tell("timing steps", 0.0)
    assert "timing steps" in terminal.getvalue()
    assert "left" not in terminal.getvalue()


@pytest.mark.parametrize(("spent", "left"), [(-1.0, "60 s left"), (2.0, "0 s left")])
def test_a_share_beyond_its_ends(terminal: Terminal, spent: float, left: str) -> None:
    with progress(60.0, terminal) as tell:
        tell("timing steps", spent)
    assert left in terminal.getvalue()


def test_the_terminal_gets_its_cursor_back_even_after_an_interrupt(terminal: Terminal) -> None:
    def interrupted() -> None:
        with progress(60.0, terminal) as tell:
            tell("timing steps", 0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_a_terminal_without_rich_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_edu.bench.progress.find_spec", lambda name: None)
    file = Terminal()
    with progress(60.0, file) as tell:
        tell("timing steps", 0.5)
    assert file.getvalue() == ""
