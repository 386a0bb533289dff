"""An opened sum as bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.offsetbox import AnnotationBbox, OffsetImage  # noqa: E402

import tinygrad_edu as tg  # noqa: E402
from tinygrad_edu import nn  # noqa: E402
from tinygrad_edu.samples import Explanation  # noqa: E402
from tinygrad_edu.viz import colours, sum_bars  # noqa: E402
from tinygrad_edu.viz.sums import place_of, signed  # noqa: E402

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def explained(*terms: float, labels: Any = None, penalty: float = 0.0) -> Explanation:
    model = nn.Linear(1, 1, bias=False).double()
    model(tg.tensor(np.array(terms)[:, None])).squeeze(1).backward(per_sample=True)
    if penalty:
        (model.weight * penalty).sum().backward()
    return model.sample_grads()["weight"].explain((0, 0), labels=labels)


def axes() -> Any:
    return Figure().add_subplot()


def names(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def numbers(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def pictures(ax: Any) -> list[Any]:
    boxes = [artist for artist in ax.artists if isinstance(artist, AnnotationBbox)]
    found = [child.get_data() for box in boxes for child in box.get_children() if isinstance(child, OffsetImage)]
    return [np.asarray(data) for data in found]


def test_a_bar_for_each_sample_the_largest_first_and_the_sum_below() -> None:
    ax = sum_bars(explained(1.0, -3.0, 2.5), ax=axes())
    bars = ax.patches
    assert names(ax) == ["sample 1", "sample 2", "sample 0", "sum"]
    assert [bar.get_width() for bar in bars] == [-3.0, 2.5, 1.0, 0.5]
    places = [bar.get_y() for bar in bars]
    assert places == sorted(places)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # downwards
    assert numbers(ax) == ["−3.00", "+2.50", "+1.00", "+0.50", "= weight.grad[0, 0]"]


def test_the_sign_is_a_colour_a_side_and_a_sign() -> None:
    ax = sum_bars(explained(1.0, -3.0), ax=axes())
    down, up, _ = ax.patches
    assert matplotlib.colors.to_hex(down.get_facecolor()) == colours.ORANGE
    assert matplotlib.colors.to_hex(up.get_facecolor()) == colours.BLUE
    assert [text.get_ha() for text in ax.texts[:2]] == ["right", "left"]


def test_labels_are_those_given_here_or_to_explain() -> None:
    explanation = explained(1.0, -3.0, labels=["cat", "dog"])
    assert names(sum_bars(explanation, ax=axes())) == ["dog", "cat", "sum"]
    assert names(sum_bars(explanation, labels=[4, 5], ax=axes())) == ["5", "4", "sum"]


def test_the_rest_shares_a_bar_and_so_does_what_is_no_sample() -> None:
    ax = sum_bars(explained(*range(1, 10), penalty=5.0), limit=3, ax=axes())
    assert names(ax) == ["sample 8", "sample 7", "sample 6", "6 others", "other terms", "sum"]
    assert [bar.get_width() for bar in ax.patches] == [9, 8, 7, 21, 5, 50]
    assert len(names(sum_bars(explained(*range(1, 5)), limit=3, ax=axes()))) == 5  # one more takes no more room


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 9), (2, 1, 3, 5), (2, 3, 5, 4)])
def test_pictures_are_beside_their_samples(shape: tuple[int, ...]) -> None:
    images = np.arange(float(np.prod(shape))).reshape(shape)
    for given in (images, tg.tensor(images)):
        found = pictures(sum_bars(explained(1.0, -3.0), images=given, ax=axes()))
        expected = [images[1], images[0]]  # in the order of the bars
        if shape == (2, 9):
            expected = [image.reshape(3, 3) for image in expected]
        if shape == (2, 1, 3, 5):
            expected = [image[0] for image in expected]
        if shape == (2, 3, 5, 4):
            expected = [np.moveaxis(image, 0, -1) / images.max() for image in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other)


def test_everything_is_inside_a_figure_that_fits_on_a_phone() -> None:
    explanation = explained(1.0, -300.25, 2.5, labels=["a", "a rather long label", "b"])
    for images in (None, np.ones((3, 8, 8))):
        ax = sum_bars(explanation, images=images)
        figure = ax.figure
        figure.canvas.draw()
        assert figure.get_figwidth() <= 6.4
        room = figure.bbox
        for text in [*ax.texts, *ax.get_yticklabels(), ax.title]:
            box = text.get_window_extent()
            assert room.x0 - 1 <= box.x0 <= box.x1 <= room.x1 + 1, text
            assert room.y0 - 1 <= box.y0 <= box.y1 <= room.y1 + 1, text
        boxes = sorted([text.get_window_extent().y0 for text in ax.get_yticklabels()])
        assert min(np.diff(boxes)) > 10


def test_sums_of_nothing_and_of_what_is_not_finite_are_drawn() -> None:
    for terms in ((0.0, 0.0), (1.0, np.nan), (np.inf, -1.0)):
        sum_bars(explained(*terms)).figure.canvas.draw()


@pytest.mark.parametrize("label", ["$5 or $6", "$", "$\\foo$", "a\nb", ""])
def test_labels_are_drawn_as_they_are(label: str) -> None:
    explanation = explained(1.0, -3.0)
    object.__setattr__(explanation, "name", label)
    ax = sum_bars(explanation, labels=[label, "x"])
    ax.figure.canvas.draw()  # where matplotlib would set a formula, or fail to
    assert names(ax) == ["x", " ".join(label.split()), "sum"]
    assert not any(text.get_parse_math() for text in [*ax.get_yticklabels(), ax.texts[-1]])


def test_a_pixel_that_is_not_finite_leaves_the_other_pixels_as_they_are() -> None:
    for odd in (np.nan, np.inf):
        images = np.ones((2, 3, 2, 2))
        images[0, 0, 0, 0] = odd
        first = pictures(sum_bars(explained(3.0, 1.0), images=images, ax=axes()))[0]
        assert first[0, 0].tolist() == [0.0, 1.0, 1.0]
        assert (first[1] == 1).all()


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([np.ones((2, 2)), np.ones((3, 3))], ValueError, "the images must all have the same shape"),
        (np.ones((2, 4, 4), complex), TypeError, "images must be numbers, got dtype complex128"),
        (np.full((2, 4, 4), "a"), TypeError, "images must be numbers"),
        (np.ones((2, 0, 0)), ValueError, r"images have the shape \(2, 0, 0\)"),
        (np.ones((2, 3, 0, 0)), ValueError, r"images have the shape \(2, 3, 0, 0\)"),
    ],
)
def test_what_is_no_image(images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"sum_bars\(\): {message}"):
        sum_bars(explained(1.0, -3.0), images=images, ax=axes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": np.ones((3, 8, 8))}, "3 images for 2 samples, there must be one for each"),
        ({"images": np.ones((2, 10))}, r"images have the shape \(2, 10\), it must be \(N, H, W\)"),
        ({"images": np.ones((2, 2, 8, 8))}, r"images have the shape \(2, 2, 8, 8\)"),
        ({"images": 3.0}, r"images have the shape \(\)"),
        ({"labels": ["a"]}, "1 label for 2 samples, there must be one for each"),
        ({"limit": 0}, "limit=0, it must be at least 1"),
    ],
)
def test_what_does_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"sum_bars\(\): {message}"):
        sum_bars(explained(1.0, -3.0), **options)
    assert plt.get_fignums() == []


def test_what_is_no_explanation() -> None:
    with pytest.raises(TypeError, match=r"sum_bars\(\): expected the result of w\.sample_grads\.explain\(index\), got"):
        sum_bars(np.ones(3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the batch was empty"):
        sum_bars(explained())


def test_numbers_have_the_digits_that_matter_beside_the_largest() -> None:
    assert signed([1234.5, -2.0]) == ["+1234", "−2"]
    assert signed([0.0123, -1e-9, 0.0]) == ["+0.0123", "≈ 0", "0"]
    assert signed([float("nan"), 1.0]) == ["NaN", "+1.00"]
    assert signed([1e-5, -1e9]) == ["+1.00e−05", "−1.00e+09"]


def test_of_a_long_name_the_end_is_shown() -> None:
    explanation = explained(1.0)
    object.__setattr__(explanation, "name", "transformer.encoder.layers.3.self_attn.in_proj_weight")
    assert place_of(explanation) == "…3.self_attn.in_proj_weight.grad[0, 0]"
    object.__setattr__(explanation, "name", "")
    assert place_of(explanation) == ".grad[0, 0]"


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = explained(1.0)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"^sum_bars\(\) needs matplotlib, which .*pip install .*plots"):
        sum_bars(explanation)
