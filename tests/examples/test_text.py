"""The text that the language models read."""

from __future__ import annotations

import numpy as np
from _text import Alphabet, documentation, split, windows
from hypothesis import given
from hypothesis import strategies as st


def test_the_text_is_long_and_always_the_same():
    text = documentation()
    assert 300_000 < len(text) < 1_000_000
    assert text == documentation()
    assert text.index('"assert" statement') < text.index('"while" statement')  # sorted by the names of the topics


@given(st.text(min_size=1))
def test_an_alphabet_reads_and_writes(text):
    alphabet = Alphabet(text)
    assert len(alphabet) == len(set(text))
    numbers = alphabet.encode(text)
    assert set(numbers.tolist()) == set(range(len(alphabet)))
    assert alphabet.decode(numbers.tolist()) == text


@given(st.text())
def test_the_last_tenth_is_held_out(text):
    learnt, held_out = split(text)
    assert learnt + held_out == text
    assert len(held_out) == -(-len(text) // 10)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(7, 40))
def test_windows_are_followed_by_what_comes_next(length, step, size):
    numbers = np.arange(size)
    dataset = windows(numbers, length, step)
    x, y = dataset.tensors
    assert len(dataset) == (size - length - 1) // step + 1
    np.testing.assert_array_equal(x.numpy()[:, 0], np.arange(0, size - length, step))
    np.testing.assert_array_equal(np.diff(x.numpy(), axis=1), 1)
    np.testing.assert_array_equal(y.numpy(), x.numpy() + 1)


def test_windows_take_no_memory_of_their_own():
    numbers = np.arange(1000)
    assert np.shares_memory(windows(numbers, 64).tensors[0].numpy(), numbers)
