"""Runs of the examples on digits at small size: on scikit-learn's images, of 8 × 8 pixels."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest


def without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the small images alone."""
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.delitem(sys.modules, "mlxtend.data", raising=False)


def shortened(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it learn from 300 images: five batches, the last one smaller."""
    learnt, held_out = program.load()
    few = type(learnt)(*(part[:300] for part in learnt))
    monkeypatch.setattr(program, "load", lambda: (few, held_out))


def files(folder: Path) -> list[str]:
    """Options that keep all files of a run in one folder."""
    return ["--checkpoint", str(folder / "run.ckpt"), "--output", str(folder / "picture.png")]


def check_picture(folder: Path) -> None:
    """There is a picture, and it is not of one colour."""
    from matplotlib.image import imread

    image = imread(folder / "picture.png")
    assert min(image.shape[:2]) > 100
    assert image.std() > 0.05
