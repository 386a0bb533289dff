"""A picture, with the sentence that says what to read from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .canvas import Canvas, svg_of
from .svg import inline, standalone


@dataclass(frozen=True)
class Picture:
    """One picture of a report.

    Attributes:
        name: of its file, without ending.
        title: a few words.
        caption: what to read from it, in a sentence.
        alternative: what it shows, with the numbers that matter, for those who cannot see it.
        draw: draws it.
    """

    name: str
    title: str
    caption: str
    alternative: str
    draw: Callable[[Canvas], None]

    def svg(self, wide: bool = False) -> str:
        """An SVG element to stand in a page, whose variables are its colours."""
        return inline(svg_of(self.draw, self.name + ("-wide" if wide else ""), wide=wide))

    def file(self) -> str:
        """The content of an SVG file."""
        return standalone(svg_of(self.draw, self.name, wide=True), f"{self.title}. {self.alternative}")
