"""Pictures as SVG."""

from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.canvas import Canvas, svg_of
from tinygrad_edu.bench.units import bytes_

SVG = "{http://www.w3.org/2000/svg}"


def draw(on: Canvas) -> None:
    on.sizes([1, 4096], "<b>$x$</b> & more")
    on.logarithmic([1e-4, 3e-2], lambda value: f"{value:g} s")
    on.line([1, 64, 4096], [1e-4, 1e-3, 3e-2], "predicted")
    on.dots([1, 64], [2e-4, 1e-3], "measured")
    on.upright(64, "B*")
    on.level(1e-3, "limit")
    on.say(64, 1e-3, "take 64")
    on.key()


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("wide", [False, True])
def test_text_stays_text_and_is_escaped(wide: bool) -> None:
    found = texts(svg_of(draw, "a", wide=wide))
    for words in ("<b>$x$</b> & more", "predicted", "measured", "B*", "limit", "take 64"):
        assert words in found


def test_sizes_are_powers_of_two() -> None:
    found = {int(text) for text in texts(svg_of(draw, "a", wide=True)) if text.isdigit()}
    assert {1, 2, 64, 1024, 4096} <= found
    assert all(size & (size - 1) == 0 for size in found)


@pytest.mark.parametrize("top", [2**18, 2**24, 2**30, 2**36, 2**42])
def test_ticks_of_memory_are_round_in_the_units_that_people_read(top: int) -> None:
    def memory(on: Canvas) -> None:
        on.logarithmic([1000.0, 3.0 * top], bytes_, base=2)

    found = [text for text in texts(svg_of(memory, "a")) if text.endswith("B")]
    assert 2 <= len(found) <= 6
    assert {text.split()[0] for text in found} <= {"1", "4", "16", "64", "256"}


def test_it_is_the_same_every_time() -> None:
    assert svg_of(draw, "a") == svg_of(draw, "a")


def test_it_does_not_depend_on_the_users_settings_and_leaves_them_alone() -> None:
    import matplotlib

    plain = svg_of(draw, "a")
    with matplotlib.rc_context({"font.size": 30.0, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert svg_of(draw, "a") == plain
        assert matplotlib.rcParams["font.size"] == 30.0


def test_a_linear_axis_of_one_value() -> None:
    def flat(on: Canvas) -> None:
        on.linear(2.0, 2.0, str, "x")
        on.logarithmic([3.0, 3.0], str)

    assert "2.0" in texts(svg_of(flat, "a"))


def test_an_axis_of_nothing_that_can_be_drawn() -> None:
    svg_of(lambda on: on.logarithmic([float("nan"), 0.0], str), "a")


def test_its_absence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"A picture needs matplotlib.*\.\[bench\]"):
        svg_of(draw, "a")
