"""The page; that it looks right in a browser is tested in tests/browser."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from bench.made_results import COMMON, advice, lane, speed_result, without_answer

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report import html
from tinygrad_edu.bench.report.page import piece
from tinygrad_edu.bench.report.table import Answer

HOSTILE = '<script>alert("1")</script>'
VOID = {"meta", "link"}


class Reader(HTMLParser):
    """Collects tags and text, and sees that all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]


@pytest.fixture(scope="module")
def whole() -> str:
    return html(advice())


def test_the_answer_and_its_reason_stand_before_the_pictures(whole: str) -> None:
    order = ["<h1>Take a batch size of 128", "overhead and arithmetic are equal", "<svg", "The numbers", "How it was"]
    places = [whole.index(words) for words in order]
    assert places == sorted(places)


def test_the_first_picture_is_the_time_to_the_target(whole: str) -> None:
    titles = re.findall(r"<figure[^>]*>\s*<h\d>([^<]*)", whole)
    assert titles[:3] == ["Time to the target", "Throughput", "What a step costs"]


def test_each_picture_has_a_caption_and_words_for_those_who_cannot_see_it(whole: str) -> None:
    page = Reader(whole)
    pictures = page.all("svg")
    assert len(pictures) == len(page.all("figcaption")) + 1  # the first is there in two widths
    assert all(picture["role"] == "img" and len(picture["aria-label"] or "") > 30 for picture in pictures)


def test_tables_can_be_read_cell_by_cell(whole: str) -> None:
    page = Reader(whole)
    assert len(page.all("table")) == 4
    assert {attributes.get("scope") for attributes in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == 3
    assert len(page.all("details")) == 1
    for number in ("82,824", "9,445", "given up"):
        assert number in page.text


def test_settings_seed_and_environment_are_there(whole: str) -> None:
    text = Reader(whole).text
    for words in ("seed", "budget", "openblas", "Haswell", "numpy 2.3.0", "cross_entropy", "1437", "CPU"):
        assert words in text


def test_it_needs_nothing_from_elsewhere_and_no_script(whole: str) -> None:
    page = Reader(whole)
    assert not page.all("script")
    assert set(re.findall(r"https?:[^\"'\s<)]*", whole)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|\bon\w+=|javascript:", whole)
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert "default-src 'none'" in whole


def test_it_is_small_and_the_same_every_time(whole: str) -> None:
    assert len(whole.encode()) < 150_000
    assert html(advice()) == whole


def test_it_is_light_and_dark(whole: str) -> None:
    assert "prefers-color-scheme:dark" in whole
    assert '<meta name="color-scheme" content="light dark">' in whole


def test_ids_are_unique(whole: str) -> None:
    ids = [attributes["id"] for _, attributes in Reader(whole).tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


def test_no_line_ends_between_a_number_and_its_unit(whole: str) -> None:
    assert "A step costs 105\u00a0µs and 0.43\u00a0µs more" in whole
    assert "within 10\u00a0%" in whole


def test_names_are_shown_and_not_run() -> None:
    problem = {**COMMON["problem"], "model": HOSTILE, "data": "a & b"}
    settings = {**COMMON["settings"], HOSTILE: HOSTILE}
    result = advice(problem=problem, settings=settings, notes=[HOSTILE], reason=HOSTILE, environment={"x": [HOSTILE]})
    text = html(result)
    assert HOSTILE not in text
    assert Reader(text).text.count(HOSTILE) == 7


def test_results_of_different_problems_are_told_apart_at_the_top() -> None:
    problem = {**COMMON["problem"], "optimizer": HOSTILE}
    environment = {**COMMON["environment"], "threads": 4}
    text = html([advice(), speed_result(problem=problem, environment=environment)])
    page = Reader(text)
    assert HOSTILE not in text
    for words in (f"optimizer SGD in advise, {HOSTILE} in speed", "threads 1 in advise, 4 in speed"):
        assert (
            page.text.index("Take a batch size") < page.text.index(words) < page.text.index("overhead and arithmetic")
        )
    for title in ("Problem of advise", "Problem of speed", "Environment of advise", "Environment of speed"):
        assert page.text.count(title) == 1


def test_results_of_one_problem_have_one_list_of_it() -> None:
    text = Reader(html([advice(), speed_result()])).text
    assert "Problem of" not in text
    assert "Environment of" not in text
    assert "different" not in text


def test_an_answer_that_could_not_be_given_has_its_reason() -> None:
    page = Reader(html(without_answer(complete=False)))
    assert "No batch size can be recommended" in page.text
    assert "No rate from 1e-08 to 100 lowers the loss." in page.text
    assert "was interrupted" in page.text
    assert not page.all("svg")
    assert not page.all("table")


def test_an_interrupt_is_said_and_its_absence_is_not(whole: str) -> None:
    assert "was interrupted" in html(advice(complete=False))
    assert "was interrupted" not in whole


def test_what_is_not_known_is_a_dash() -> None:
    failed = lane(2048, float("nan"))
    failed.steps = failed.seconds = failed.train_loss = failed.test_loss = float("nan")
    text = html(advice(race=[*advice().race, failed], learning_rate=None, target_loss=None))
    assert not re.search(r"\bnan\b|\bNone\b", text)
    assert "given up" in text


def test_a_piece_has_the_answer_and_brings_its_own_colours() -> None:
    text = piece(Answer(HOSTILE, ["Why."]), ["<svg></svg>"])
    assert HOSTILE not in text
    page = Reader(text)
    assert HOSTILE in page.text
    assert page.all("svg")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    selectors = re.findall(r"(?:^|[}\n])\s*([^{}@\n]+)\{", style)
    assert selectors
    assert all(selector.startswith(".tinygrad-report") for selector in selectors)
