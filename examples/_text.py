"""The text that the language models read: Python's own documentation, which every Python has."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg

Array = np.ndarray


class Alphabet:
    """The characters that occur in a text, and their numbers."""

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        self.numbers = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Array:
        """The number of each character."""
        return np.array([self.numbers[character] for character in text])

    def decode(self, numbers: list[int]) -> str:
        """The text that these numbers stand for."""
        return "".join(self.characters[number] for number in numbers)


def documentation() -> str:
    """What `help("for")` and its like show, one topic after the other: about half a million characters."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def split(text: str) -> tuple[str, str]:
    """What is to be learnt from, and the last tenth, which is held out to test with."""
    end = len(text) * 9 // 10
    return text[:end], text[end:]


def windows(numbers: Array, length: int, step: int = 1) -> tg.data.TensorDataset:
    """Pairs of (x, y): `length` characters, and for each of them the one that comes next.

    Args:
        numbers: those of the characters of a text.
        length: of a window.
        step: how far one window begins after the other.
    """
    # Views of one array: windows that overlap take no memory of their own.
    both = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)[::step]
    return tg.data.TensorDataset(both[:, :-1], both[:, 1:])
