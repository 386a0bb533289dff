"""Reports as files, on the terminal and in a notebook."""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.made_results import advice, train_result, without_answer

pytest.importorskip("matplotlib")

from tinygrad_edu.bench import BenchError, report


def test_files_are_written_beside_the_result(tmp_path: Path) -> None:
    advice().save(tmp_path)
    files = report.write(tmp_path, ["svg", "html"])
    names = sorted(file.name for file in files)
    pictures = ["latency", "losses", "noise", "rates", "steps", "throughput", "time"]
    assert names == sorted([*(f"{name}.svg" for name in pictures), "report.html"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "advise.json"])
    for file in files:
        if file.suffix == ".svg":
            ElementTree.parse(file)
    assert "Take a batch size of 128" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_table_is_printed_and_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    advice().save(tmp_path)
    assert report.write(tmp_path, ["table"]) == []
    printed = capsys.readouterr().out
    for words in ("Take a batch size of 128", "Race to a loss of 0.1", "82,824", "given up"):
        assert words in printed
    assert "\x1b" not in printed


def test_a_result_read_back_gives_the_same_page(tmp_path: Path) -> None:
    advice().save(tmp_path)
    (file,) = report.write(tmp_path, ["html"])
    assert file.read_text(encoding="utf-8") == report.html(advice())


def test_several_results_make_one_page(tmp_path: Path) -> None:
    advice().save(tmp_path)
    train_result().save(tmp_path)
    (file,) = report.write(tmp_path, ["html"])
    text = file.read_text(encoding="utf-8")
    order = ["<h1>Take a batch size of 128", 'id="time-', "<h2>Batches of 128 reach the target first", 'id="seconds-']
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Settings of advise" in text
    assert len(text.encode()) < 150_000


def test_an_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no result.*advise\.json.*tinygrad-edu bench -o"):
        report.write(tmp_path, ["html"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nowhere: there is no such folder"):
        report.write(tmp_path / "nowhere", ["html"])
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_place_of_its_folder(tmp_path: Path) -> None:
    file = advice().save(tmp_path / "old")
    with pytest.raises(BenchError) as caught:
        report.write(file, ["table"])
    assert str(caught.value) == f"{file}: this is a file; give its folder, {tmp_path / 'old'}"


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    advice().save(tmp_path)
    with pytest.raises(BenchError, match="pdf is not one of table, svg, html"):
        report.write(tmp_path, ["html", "pdf"])
    assert not (tmp_path / "report.html").exists()


def test_a_damaged_result_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "advise.json").write_text('{"schema": 99, "kind": "advise"}', encoding="utf-8")
    with pytest.raises(BenchError, match=r"advise\.json: a result of schema 99"):
        report.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["advise.json"]


def test_nothing_to_report() -> None:
    with pytest.raises(BenchError, match="nothing to report"):
        report.html([])


def test_tables_and_show_take_one_result_or_several() -> None:
    assert report.tables(advice()) == report.tables([advice()])
    file = io.StringIO()
    report.show(without_answer(), file)
    assert file.getvalue() == "No batch size can be recommended\n\nNo rate from 1e-08 to 100 lowers the loss.\n"


def test_results_of_different_problems_are_told_apart_in_a_table() -> None:
    file = io.StringIO()
    report.show([advice(), train_result(problem={**advice().problem, "optimizer": "Adam"})], file)
    words = " ".join(file.getvalue().split())
    assert words.startswith("Warning: these results are of different problems")
    assert "optimizer SGD in advise, Adam in train Take a batch size of 128" in words


def test_a_notebook_shows_the_answer_and_the_first_picture() -> None:
    text = advice()._repr_html_()
    assert "Take a batch size of 128" in text
    assert text.count("<svg") == 1
    assert "B* = 135" in text
    assert "<html" not in text
    assert "<svg" not in without_answer()._repr_html_()


def test_without_matplotlib_a_notebook_shows_words_and_a_page_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    text = advice()._repr_html_()
    assert "Take a batch size of 128" in text
    assert "<svg" not in text
    with pytest.raises(BenchError, match=r"\.\[bench\]"):
        report.html(advice())
