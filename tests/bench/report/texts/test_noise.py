"""The noise scale along a training run, as a table."""

from tinygrad_edu.bench.advice.noise import Checkpoint
from tinygrad_edu.bench.report.texts.noise import noise_table


def test_a_row_for_each_checkpoint() -> None:
    table = noise_table("Noise", [Checkpoint(0, 1.5, 6.0, 2.0, 3.0), Checkpoint(10, 0.5, 6.0, 0.0)], "A note.")
    assert table.rows == [("0", "1.5", "6", "2", "3"), ("10", "0.5", "6", "0", "–")]
    assert table.long
    assert noise_table("Noise", [], "").rows == []
