"""Samplers: in which order a loader reads the samples, and how they are grouped into batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ..engine.graph import array_of
from ..ops.generator import AnyGenerator, draw, numpys

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base class of samplers: iterating over one gives sample numbers, anew for each epoch.

    A subclass defines `__iter__`, and `__len__` if it is known.

    >>> import tinygrad_edu as tg
    >>> class Backwards(tg.data.Sampler):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> list(tg.data.DataLoader("abc", batch_size=None, sampler=Backwards()))
    ['c', 'b', 'a']
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__(), which gives sample numbers")


class SequentialSampler(Sampler[int]):
    """The samples in their order.

    Args:
        data_source: the dataset, of which only the length matters.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The samples in a new random order each time.

    Args:
        data_source: the dataset, of which only the length matters.
        replacement: draw each number anew, so that samples may repeat.
        num_samples: how many to draw; default, as many as there are. If there are more, without replacement, one random
            order follows another.
        generator: where the order comes from; None for one whose seed each pass draws from the global one, which
            `manual_seed` seeds.

    Raises:
        ValueError: if `num_samples` is not a positive integer.

    >>> import tinygrad_edu as tg
    >>> sorted(tg.data.RandomSampler("abcd", num_samples=8))
    [0, 0, 1, 1, 2, 2, 3, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: AnyGenerator | None = None,
    ) -> None:
        if num_samples is not None:
            require_count("RandomSampler", "num_samples", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self.generator: AnyGenerator | None = checked(generator)
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many numbers one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return self._numbers(one_pass(self.generator)) if len(self.data_source) else iter(())

    def _numbers(self, generator: AnyGenerator) -> Iterator[int]:
        size, count = len(self.data_source), self.num_samples
        if self.replacement:
            yield from draw(generator, "integers", size, size=count).tolist()
            return
        while count > 0:
            yield from permutation(size, generator)[:count]
            count -= size

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given sample numbers in a random order.

    Args:
        indices: the sample numbers.
        generator: where the order comes from; None as for `RandomSampler`.

    >>> import tinygrad_edu as tg
    >>> sorted(tg.data.SubsetRandomSampler([7, 3, 5]))
    [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: AnyGenerator | None = None) -> None:
        self.indices = indices
        self.generator: AnyGenerator | None = checked(generator)

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[i] for i in permutation(len(self.indices), one_pass(self.generator))])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Sample numbers drawn with given weights, such as to see rare classes more often.

    Args:
        weights: for each sample a number >= 0, proportional to its probability of being drawn.
        num_samples: how many to draw.
        replacement: whether a sample may be drawn more than once.
        generator: where the order comes from; None as for `RandomSampler`.

    Raises:
        ValueError: if a weight is negative or not finite, all are zero, or fewer than `num_samples` are
            above zero and `replacement` is False.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=4))
    [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: AnyGenerator | None = None,
    ) -> None:
        require_count("WeightedRandomSampler", "num_samples", num_samples)
        odds = np.asarray(array_of(weights), dtype=np.float64)
        if odds.ndim != 1:
            raise ValueError(f"WeightedRandomSampler: weights have shape {odds.shape}: give one number per sample")
        wrong = np.flatnonzero(~(np.isfinite(odds) & (odds >= 0)))
        if wrong.size:
            raise ValueError(
                f"WeightedRandomSampler: weights[{wrong[0]}] is {odds[wrong[0]]:g}: weights must be finite and >= 0"
            )
        drawable = np.count_nonzero(odds)
        if not drawable:
            raise ValueError("WeightedRandomSampler: all weights are zero, nothing can be drawn")
        if not replacement and drawable < num_samples:
            raise ValueError(
                f"WeightedRandomSampler: num_samples={num_samples} without replacement, but only {drawable} "
                "weights are above zero: ask for fewer, or pass replacement=True"
            )
        self.weights = odds
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator: AnyGenerator | None = checked(generator)

    def __iter__(self) -> Iterator[int]:
        _, exponent = np.frexp(self.weights.max())
        odds = np.ldexp(self.weights, -exponent)  # by a power of two, which is exact: their sum cannot overflow
        odds /= odds.sum()
        generator = one_pass(self.generator)
        drawn = draw(generator, "choice", len(odds), self.num_samples, replace=self.replacement, p=odds)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The numbers that another sampler gives, in lists of `batch_size`.

    Args:
        sampler: gives sample numbers.
        batch_size: how many go into one batch.
        drop_last: leave out a last batch that is smaller.

    Raises:
        ValueError: if `batch_size` is not a positive integer.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.BatchSampler(range(5), batch_size=2))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        require_count("BatchSampler", "batch_size", batch_size)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))  # now, as what is random about a pass is decided at its start

    def _batches(self, numbers: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + bool(rest and not self.drop_last)


def checked(generator: AnyGenerator | None) -> AnyGenerator | None:
    """`generator`, or an error: now, and not in the first loop."""
    numpys(generator)
    return generator


def one_pass(generator: AnyGenerator | None) -> AnyGenerator:
    """The generator of one pass: `generator`; for None, a new one with a seed from the default generator.

    A pass takes that one number only from the default generator, however long it is and whatever the model
    draws in between. So the state of the default generator at the start of a pass says how all of it goes.
    """
    return np.random.default_rng(int(draw(None, "integers", 2**63))) if generator is None else generator


def permutation(size: int, generator: AnyGenerator | None) -> list[int]:
    """The numbers below `size` in random order."""
    return draw(generator, "permutation", size).tolist()  # type: ignore[no-any-return]


def is_count(value: Any) -> bool:
    """Whether `value` is an integer."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def require_count(owner: str, argument: str, value: Any) -> None:
    """Raise ValueError unless `value` is a positive integer."""
    if not is_count(value) or value <= 0:
        raise ValueError(f"{owner}: {argument}={value!r} must be a positive integer")
