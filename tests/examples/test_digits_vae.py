"""A variational autoencoder that writes digits, run on small images."""

from __future__ import annotations

import math

import digits_vae
import pytest
from example_runs import check_help, check_resumed, check_stopped
from small_digits import check_picture, files, shortened, without_mlxtend

import tinygrad_edu as tg


@pytest.fixture
def small(monkeypatch):
    without_mlxtend(monkeypatch)


def blank(side=8):
    """A model whose codes are standard normal whatever it reads, and whose pixels are black or white with even odds."""
    model = digits_vae.Autoencoder(side)
    with tg.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.0)
    return model


def test_it_learns_more_than_how_dark_each_pixel_is(small, tmp_path, capsys):
    learnt, held_out = digits_vae.load()
    odds = learnt.images.mean(0).clamp(0.01, 0.99)
    unread = tg.nn.functional.binary_cross_entropy(odds.expand_as(held_out.images), held_out.images).item() / 360
    score = digits_vae.main(["--epochs", "15", *files(tmp_path)])
    assert score < unread - 1
    assert f"{score:.1f} nats per image" in capsys.readouterr().out
    check_picture(tmp_path)


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(small, tmp_path, monkeypatch, capsys):
    shortened(digits_vae, monkeypatch)
    in_and_after_an_epoch = (3, 5, 9)
    options = ["--epochs", "3", "--output", str(tmp_path / "picture.png")]
    check_resumed(digits_vae, options, in_and_after_an_epoch, tmp_path, monkeypatch, capsys)


def test_ctrl_c_stops_the_program_and_it_goes_on(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    check_stopped("digits_vae.py", ["--epochs", "1000"], tmp_path)


def test_help_says_how_to_use_it(capsys):
    check_help(digits_vae, capsys, "--epochs", "--output")


@pytest.mark.parametrize("side", [8, 28])
def test_an_image_of_which_nothing_is_known_costs_a_bit_for_each_pixel(side):
    images = (tg.rand(3, 1, side, side) > 0.5).float()
    cost = blank(side)(images).item()
    assert cost == pytest.approx(3 * side**2 * math.log(2), rel=1e-5)


def test_codes_cost_their_divergence_from_the_standard_normal():
    images = tg.zeros(2, 1, 8, 8)
    model = blank()
    nothing = model(images).item()
    with tg.no_grad():
        model.mean.bias.fill_(3.0)
        model.log_variance.bias.fill_(math.log(4.0))
    each = (3.0**2 + 4.0 - 1 - math.log(4.0)) / 2
    assert model(images).item() - nothing == pytest.approx(2 * digits_vae.CODE * each, rel=1e-4)


def test_codes_are_drawn_with_the_mean_and_the_variance_that_were_read():
    tg.manual_seed(0)
    model, drawn = blank(), []
    with tg.no_grad():
        model.mean.bias.fill_(3.0)
        model.log_variance.bias.fill_(math.log(4.0))
    model.writer.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
    model(tg.zeros(2000, 1, 8, 8))
    (codes,) = drawn
    assert codes.mean().item() == pytest.approx(3.0, abs=0.05)
    assert codes.std().item() == pytest.approx(2.0, abs=0.05)
