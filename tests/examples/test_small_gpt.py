"""The small GPT, at small size."""

from __future__ import annotations

import pytest
import small_gpt
from example_runs import check_help, check_resumed, check_stopped
from language_models import STEPS, check_trained, shortened


@pytest.fixture
def program(monkeypatch):
    return shortened(small_gpt, monkeypatch)


def test_it_learns_and_writes(program, tmp_path, capsys):
    check_trained(program, tmp_path, capsys)


def test_a_resumed_run_ends_as_one_that_was_not_interrupted(program, tmp_path, monkeypatch, capsys):
    check_resumed(program, STEPS, (5,), tmp_path, monkeypatch, capsys)


def test_ctrl_c_stops_the_program_and_it_goes_on(tmp_path):
    check_stopped("small_gpt.py", ["--steps", "5000"], tmp_path)


def test_help_says_how_to_use_it(capsys):
    check_help(small_gpt, capsys, "--steps", "--resume --temperature 0.5")
