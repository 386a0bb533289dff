"""A figure, with a caption that says what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .canvas import Canvas, svg_of
from .svg import inline, standalone


@dataclass(frozen=True)
class Picture:
    """One figure of a report.

    Attributes:
        name: the name of its file, without the ending.
        title: a few words.
        caption: what it shows, in a sentence.
        alternative: the alt text, with the numbers that matter.
        draw: draws it.
    """

    name: str
    title: str
    caption: str
    alternative: str
    draw: Callable[[Canvas], None]

    def svg(self, wide: bool = False) -> str:
        """An SVG element for a page, whose variables set its colours."""
        return inline(svg_of(self.draw, self.name + ("-wide" if wide else ""), wide=wide))

    def file(self) -> str:
        """The content of an SVG file."""
        return standalone(svg_of(self.draw, self.name, wide=True), f"{self.title}. {self.alternative}")
