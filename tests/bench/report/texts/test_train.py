"""Trainings at many batch sizes in words and tables."""

import math

import pytest
from bench.made_results import at_batch_size, trade_off, train_result, train_without_answer

from tinygrad_edu.bench.report.texts.train import answer, tables
from tinygrad_edu.bench.training.result import AtBatchSize, NoiseAlong, Predicted
from tinygrad_edu.bench.training.trainings import Training


def test_the_fastest_size_is_the_headline() -> None:
    found = answer(train_result())
    assert found.headline == "Batches of 128 reach the target first, in 103 ms"
    what, critical, formula = found.reason
    assert what.startswith(
        "Trained to a mean loss of 0.1 with 5 seeds; the results are medians. Learning rate: tuned at each batch "
        "size; rates are for optimizer.step(samples=len(batch))"
    )
    assert "The critical batch size is 75 (95 %: 62–91)" in critical
    assert "twice the fewest steps, 400, and twice the fewest samples, 30,000" in critical
    assert "at 135 with the critical batch size as N and at 148 with the noise scale from gradients, 90" in formula


def test_facts_are_those_of_the_fit() -> None:
    assert answer(train_result()).facts == {
        "critical size, C": "75",
        "95 % interval of it": "62–91",
        "fewest steps": "400",
        "fewest samples": "30,000",
        "noise scale, N": "90",
        "target loss": "0.1",
    }


def test_what_is_not_known_is_said_with_its_reason() -> None:
    nan = math.nan
    fit = trade_off(smin=nan, emin=nan, critical=nan, reason="use larger batch sizes")
    noise = NoiseAlong(64, 0.1, 0, [], nan, "the samples are coupled")
    found = answer(train_result(fit=fit, noise=noise, predicted=Predicted(nan, nan, 128)))
    assert found.reason[1] == "The critical batch size is not known: Use larger batch sizes."
    assert found.reason[2] == "The noise scale is not known: The samples are coupled."
    assert found.facts == {"target loss": "0.1"}


@pytest.mark.parametrize(
    ("interval", "said"), [((0.0, 91.0), "up to 91"), ((62.0, None), "from 62"), ((0.0, None), "any size")]
)
def test_an_open_interval_in_words(interval: tuple[float, float | None], said: str) -> None:
    found = answer(train_result(fit=trade_off(critical_interval=interval)))
    assert f"(95 %: {said})" in found.reason[1]


def test_nothing_run_has_its_reason() -> None:
    found = answer(train_without_answer())
    assert found.headline == "No batch size reached the target"
    assert found.reason == ["No rate lowers the loss."]
    assert tables(train_without_answer()) == []


def test_tables_have_all_that_was_measured() -> None:
    sizes, seeds, rates, noise = tables(train_result(sizes=[at_batch_size(8), at_batch_size(1024, 4)]))
    first, last = (dict(zip(sizes.headings, row, strict=True)) for row in sizes.rows)
    assert first["batch size"] == "8"
    assert first["regime"] == "perfect scaling"
    assert first["remark"] == ""
    assert last["steps"] == "not reached"
    assert last["time to target"] == "–"
    assert last["remark"] == "4 of 5 ran out of steps"
    assert len(seeds.rows) == 10
    assert {row[-1] for row in seeds.rows} == {"reached", "ran out of steps"}
    assert len(rates.rows) == 8
    assert [row[-1] for row in rates.rows[:4]] == ["–", "best", "–", "–"]
    assert rates.rows[3][2] == "failed or given up"
    assert len(noise.rows) == 45
    for table in (sizes, seeds, rates, noise):
        assert {len(row) for row in table.rows} == {len(table.headings)}


def not_run(size: int, why: str = "") -> AtBatchSize:
    """A batch size that nothing is known of, in a regime of the fit through the others."""
    row = at_batch_size(size)
    row.rate = row.sum_rate = row.steps = row.samples = row.seconds = math.nan
    row.rates = {}
    missing = [Training(size, math.nan, run.seed, 0.1, 5000, 0, why=why) for run in row.runs]
    row.runs, row.reason = (missing, "5 of 5 ran out of time") if why else ([], "not run yet")
    return row


def test_a_size_that_was_not_run_is_in_no_regime() -> None:
    sizes = tables(train_result(sizes=[not_run(8), not_run(16, "budget"), at_batch_size(64)]))[0]
    first, second, third = (dict(zip(sizes.headings, row, strict=True)) for row in sizes.rows)
    assert (first["regime"], first["steps"], first["remark"]) == ("–", "–", "not run yet")
    assert (second["regime"], second["remark"]) == ("–", "5 of 5 ran out of time")
    row = not_run(8)
    row.rate, row.rates = 0.1, {0.1: 900.0, 0.2: math.nan}  # tuned, and then interrupted
    (only,) = tables(train_result(sizes=[row]))[0].rows
    assert "not reached" not in only
    assert only[-1] == "not run yet"
    assert (third["regime"], third["remark"]) == ("diminishing returns", "")


def test_columns_that_would_be_empty_are_left_out() -> None:
    row = at_batch_size(8)
    row.sum_rate, row.regime = math.nan, ""
    for run in row.runs:
        run.test_loss = math.nan
    headings = tables(train_result(sizes=[row]))[0].headings
    assert not {"rate of a sum", "regime", "held-out loss", "remark"} & set(headings)
