"""The table of a sum, as text and as HTML."""

from __future__ import annotations

import math

from tinygrad_edu.samples.sum_table import Line, SumTable, number, percent


def table() -> SumTable:
    head = Line(["sample", "label", "x", "δ", "x·δ", "share"])
    body = [
        Line(["10", "a long label", "1.000", "-2.000", "-2.000", "50.00%"], -2.0),
        Line(["2", "b", "2.000", "1.000", "2.000", "50.00%"], 2.0),
        Line(["… 7 more samples, together", "", "", "", "0", ""], summed=True),
    ]
    return SumTable(["a <title>", "in two lines"], head, body, [Line(["total", "", "", "", "0", ""], summed=True)], 2)


def test_words_are_on_the_left_of_their_columns_and_numbers_on_the_right() -> None:
    lines = table().as_text().splitlines()
    assert lines[:3] == ["a <title>", "in two lines", ""]
    assert lines[3] == "sample  label             x       δ     x·δ   share"
    assert lines[5] == "10      a long label  1.000  -2.000  -2.000  50.00%"
    assert lines[6] == "2       b             2.000   1.000   2.000  50.00%"
    assert lines[4] == lines[8] == "-" * len(lines[3])


def test_a_sum_has_its_label_across_the_columns_and_its_number_below_the_others() -> None:
    lines = table().as_text().splitlines()
    end = lines[5].index("  50.00%")
    assert lines[7].startswith("… 7 more samples, together ")
    assert lines[7].rindex("0") == lines[9].rindex("0") == end - 1


def test_a_long_label_of_a_sum_makes_room_for_itself() -> None:
    found = SumTable(
        [], Line(["sample", "x·δ", "share"]), [Line(["0", "1", "2"])], [Line(["beside the samples", "3", ""])]
    )
    lines = found.as_text().splitlines()
    assert lines[1].split() == ["sample", "x·δ", "share"]
    assert lines[-1].startswith("beside the samples  ")


def test_html_is_escaped_and_bars_go_both_ways() -> None:
    page = table().as_html()
    assert "<caption>a &lt;title&gt;<br>in two lines</caption>" in page
    assert "transparent 0.0%, rgba(230, 115, 25, 0.8) 0.0% 50.0%, transparent 50.0%" in page
    assert "transparent 50.0%, rgba(31, 119, 180, 0.8) 50.0% 100.0%, transparent 100.0%" in page
    assert page.count("linear-gradient") == 2
    assert '<th colspan="4">total</th><td>0</td><td></td>' in page


def test_what_is_not_finite_has_no_bar() -> None:
    body = [Line(["0", "nan", ""], math.nan), Line(["1", "inf", ""], math.inf), Line(["2", "1", ""], 1.0)]
    assert SumTable([], Line(["sample", "x", "share"]), body, []).as_html().count("linear-gradient") == 1


def test_numbers_and_shares() -> None:
    assert [number(value) for value in (None, 0.0, 1 / 3, 1234.0, 1e-9)] == ["", "0", "0.3333", "1234", "1.000e-09"]
    assert [percent(value) for value in (None, 0.0, -1e-17, -1 / 3, 1.0)] == [
        "",
        "0.00%",
        "0.00%",
        "-33.33%",
        "100.00%",
    ]
