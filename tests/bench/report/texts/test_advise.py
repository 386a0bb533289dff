"""An advice in words and tables."""

import math

from bench.made_results import advice, lane, without_answer

from tinygrad_edu.bench.report.texts.advise import answer, tables


def test_the_headline_is_a_pair() -> None:
    assert answer(advice()).headline == "Take a batch size of 128, with a learning rate of 0.05"
    assert answer(advice(learning_rate=None)).headline == "Take a batch size of 128"
    assert answer(without_answer()).headline == "No batch size can be recommended"


def test_the_reason_is_in_paragraphs() -> None:
    found = answer(advice())
    assert len(found.reason) == 2
    assert found.reason[1].startswith("If only one")
    assert answer(advice(reason="")).reason == []


def test_facts_are_the_numbers_of_the_formula() -> None:
    assert answer(advice()).facts == {
        "best size, B*": "135",
        "within 10 %": "71–259",
        "a step costs, a": "105 µs",
        "each sample adds, b": "0.43 µs",
        "noise scale, N": "75",
        "target loss": "0.1",
    }
    assert answer(without_answer()).facts == {}


def test_tables_have_all_that_was_measured() -> None:
    steps, race, rates, noise = tables(advice())
    assert len(steps.rows) == 11
    assert steps.rows[-1][0] == "1024"
    assert "a = 105 µs (101 µs to 109 µs), b = 0.43 µs (0.41 µs to 0.45 µs)" in steps.note
    assert race.title == "Race to a loss of 0.1"
    assert race.rows[2][:5] == ("128", "0.05", "647", "82,824", "104 ms")
    assert rates.rows == [("0.025", "1,010"), ("0.05", "634"), ("0.1", "given up")]
    assert len(noise.rows) == 45
    assert noise.rows[0][-1] == "–"
    assert [table.long for table in (steps, race, rates, noise)] == [False, False, False, True]


def test_each_row_has_as_many_cells_as_there_are_headings() -> None:
    for table in tables(advice()):
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_what_was_not_reached_is_said() -> None:
    failed = lane(512, 0.1)
    failed.steps = failed.seconds = failed.test_loss = math.nan
    race = tables(advice(race=[failed]))[1]
    assert race.rows[0] == ("512", "0.1", "not reached", "–", "–", "2", "0.099", "–")


def test_nothing_measured_is_no_table() -> None:
    assert tables(without_answer()) == []
