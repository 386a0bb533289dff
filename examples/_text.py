"""The text for the language models: Python's own documentation, which comes with every Python."""

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
        """The text for these numbers."""
        return "".join(self.characters[number] for number in numbers)


def documentation() -> str:
    """The help pages, such as `help("for")`, one after the other: about half a million characters."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def split(text: str) -> tuple[str, str]:
    """Split into training text and the last tenth, which is held out for testing."""
    end = len(text) * 9 // 10
    return text[:end], text[end:]


def windows(numbers: Array, length: int, step: int = 1) -> tg.data.TensorDataset:
    """Pairs of (x, y): `length` characters, and the next character for each of them.

    Args:
        numbers: the numbers of the characters of a text.
        length: the length of a window.
        step: the distance between the starts of two windows.
    """
    # Views of one array: windows that overlap take no memory of their own.
    both = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)[::step]
    return tg.data.TensorDataset(both[:, :-1], both[:, 1:])
