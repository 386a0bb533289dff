"""Make matplotlib's SVG small, and let its colours follow the page around it."""

from __future__ import annotations

import re
from html import escape

from .colours import DARK, FONT, PAPER, ROLES

RIM = 16  # around a figure in its own file

# How matplotlib 3.10 and later write the size and the font family of a text.
FONTS = (
    r"(?P<before>)font: {text}px [^;\"]*;? ?",
    r"(?P<before>(?:font-weight: \w+; )?)font-size: {text}px; font-family: [^;\"]*;? ?",
)

# A marker or a tick: the definition that it uses already has its strokes.
MARK = r"<use (?P<place>[^>]*)style=\"(?P<style>[^\"]*)\"/>"


def trimmed(svg: str, name: str, size: tuple[int, int], text: float) -> str:
    """Turn matplotlib's SVG file into an SVG element with short numbers, and with variables for colours.

    Args:
        svg: the content of the file.
        name: prefix of all ids, to make them unique.
        size: width and height.
        text: the font size of all texts.
    """
    body = svg[svg.index("<svg") :]
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    for pattern in (r"<metadata>.*?</metadata>", r"<defs>\s*<style.*?</style>\s*</defs>", r"<!--.*?-->"):
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    body = re.sub(r"(?<=\s)(d|x|y|width|height|transform|points)=\"([^\"]*)\"", _rounded, body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", body)
    for pattern in FONTS:  # the element as a whole has both
        body = re.sub(pattern.format(text=f"{text:g}"), r"\g<before>", body)
    body = re.sub(MARK, _marked, body)
    body = body.replace("xlink:href", "href").replace("; stroke-dashoffset: 0", "")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", body)
    body = re.sub(r'<path [^>]*style="fill: none"/>', "", body)  # the frames of figure and axes
    for colour, variable in ROLES.items():
        body = body.replace(colour, f"var({variable}, {colour})")
    body = re.sub(r"\s*\n\s*", "\n", _flat(body)).strip()
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="{text:g}" '
        f'font-family="{FONT}" stroke-linejoin="round" stroke-linecap="butt">\n{body}\n</svg>'
    )


def _flat(body: str) -> str:
    """Remove groups without attributes, which do nothing."""
    kept: list[bool] = []

    def decide(match: re.Match[str]) -> str:
        tag = match[0]
        if tag == "</g>":
            return tag if kept.pop() else ""
        if not tag.endswith("/>"):
            kept.append(tag != "<g>")
        return tag if tag not in ("<g>", "<g/>") else ""

    return re.sub(r"<g(?: [^>]*)?>|<g/>|</g>", decide, body)


def _marked(match: re.Match[str]) -> str:
    kept = [part for part in match["style"].split("; ") if not part.startswith(("stroke", "fill: none"))]
    style = f' style="{"; ".join(kept)}"' if kept else ""
    return f"<use {match['place'].strip()}{style}/>"


def _rounded(match: re.Match[str]) -> str:
    numbers = re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), match[2])
    return f'{match[1]}="{" ".join(numbers.split())}"'


def inline(svg: str) -> str:
    """The SVG for a page that sets the colours, without fallback colours."""
    return re.sub(r"var\((--\w+), #[0-9a-f]{6}\)", r"var(\1)", svg)


def standalone(svg: str, title: str) -> str:
    """The SVG for its own file, with a background and with colours for dark mode."""
    dark = ";".join(f"{name}:{colour}" for name, colour in DARK.items())
    style = f"<style>@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    start = svg.index(">") + 1
    width, height = (int(number) + 2 * RIM for number in re.findall(r"\d+", svg[svg.index("viewBox") : start])[2:4])
    head = re.sub(
        r'viewBox="[^"]*"',
        f'width="{width}" height="{height}" viewBox="-{RIM} -{RIM} {width} {height}"',
        svg[:start],
    )
    place = f'x="-{RIM}" y="-{RIM}" width="{width}" height="{height}"'
    sheet = f'<rect {place} style="fill: var(--paper, {PAPER})"/>'
    return f"{head}<title>{escape(title)}</title>{style}{sheet}{svg[start:]}\n"
