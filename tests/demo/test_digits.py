"""The demo's training: what it learns from, and how well."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from tinygrad_edu import from_numpy
from tinygrad_edu.demo.digits import Training, nudge
from tinygrad_edu.demo.settings import LEARNING_RATES, Settings


def test_default_run_reads_97_percent_of_the_test_images() -> None:
    *_, last = Training(Settings()).epochs()
    assert last.number == 50
    assert last.accuracy >= 0.97


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
def test_every_optimizer_learns(optimizer: str) -> None:
    first, *_, last = Training(Settings(seed=1, epochs=6, optimizer=optimizer)).epochs()
    assert last.cost < first.cost / 2
    assert last.accuracy > 0.9


def test_every_sample_is_either_learned_from_or_tested_with() -> None:
    training = Training(Settings(seed=5))
    assert len(training.train) == 1437
    assert len(training.test_digits) == 360
    learned = {training.train[i][0].array.tobytes() for i in range(1437)}
    tested = {row.tobytes() for row in training.test_images.array}
    assert not learned & tested


def test_seed_decides_the_split_and_the_start() -> None:
    one, same, other = (Training(Settings(seed=seed)) for seed in (7, 7, 8))
    assert one.train.indices == same.train.indices != other.train.indices
    weights = [next(iter(t.model.parameters())).array for t in (one, same, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).all()


def test_inputs_are_scaled_and_the_last_batch_is_kept() -> None:
    training = Training(Settings(batch_size=64))
    batches = [(images.array, len(digits)) for images, digits in training.loader]
    assert [size for _, size in batches] == [64] * 22 + [29]
    assert all(images.dtype == np.float32 and abs(images).max() == 1 for images, _ in batches)


def test_hard_samples_are_one_of_each_digit_with_the_largest_cost() -> None:
    training = Training(Settings())
    images, digits = training.hard_samples()
    assert digits.tolist() == list(range(10))

    def costs(images: np.ndarray, digits: np.ndarray) -> np.ndarray:
        logits = training.logits(from_numpy(images)).astype(float)
        return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(digits)), digits]

    hardest = costs(images.array, digits.array)
    for d in range(10):
        others = training.test_images.array[training.test_digits.array == d]
        np.testing.assert_allclose(costs(others, np.full(len(others), d)).max(), hardest[d], rtol=1e-5)


def test_nudge_moves_some_images_by_one_pixel() -> None:
    images = np.full((500, 8, 8), -1.0, dtype=np.float32)
    images[:, 3, 5] = 1.0  # one spot of ink
    images[:, 7, 7] = 0.5  # and one that may leave the image
    moved = nudge(from_numpy(images.reshape(500, 64)), np.random.default_rng(0)).array.reshape(500, 8, 8)
    assert moved.dtype == np.float32
    spots = [tuple(np.argwhere(image == 1.0)[0]) for image in moved]
    assert set(spots) == {(3, 5), (2, 5), (4, 5), (3, 4), (3, 6)}
    assert 100 < sum(spot != (3, 5) for spot in spots) < 200
    np.testing.assert_array_equal(images[:, 3, 5], 1.0)  # the data itself stays as it is
    for image, (row, column) in zip(moved, spots, strict=True):
        expected = np.full((8, 8), -1.0)
        expected[row, column] = 1.0
        if row <= 3 and column <= 5:
            expected[row + 4, column + 2] = 0.5
        np.testing.assert_array_equal(image, expected)
