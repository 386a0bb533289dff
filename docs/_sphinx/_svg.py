"""An SVG file made part of a page: its colours follow the page's theme, and its ids are its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

# What is drawn in the first colour stands in the page in the second or third: on a light page, on a dark one. Text in
# any of them has a contrast of at least 4.5:1 with either background (WCAG AA). The names are those of CSS variables.
LIGHT = {
    "ink": "#2c3038",
    "grey": "#6b7079",
    "grid": "#d5d9e0",
    "paper": "#ffffff",
    "blue": "#1f66c1",
    "orange": "#b35300",
    "green": "#1c7a52",
    "red": "#c8264c",
}
DARK = {
    "ink": "#d3d7de",
    "grey": "#969ca6",
    "grid": "#3a3f48",
    "paper": "#131416",
    "blue": "#74abf5",
    "orange": "#f0a05c",
    "green": "#67c99f",
    "red": "#f5849a",
}

# Colours of figures in which somebody has named a colour himself, of `tg.viz`, and of the pictures of a report.
ALSO = {
    "#3b82d6": "blue",
    "#d0741c": "orange",
    "#2f9e6e": "green",
    "#000000": "ink",
    "black": "ink",
    "#808080": "grey",
    "#ffffff": "paper",
    "white": "paper",
    "var(--ink)": "ink",
    "var(--soft)": "grey",
    "var(--grid)": "grid",
    "var(--paper)": "paper",
    "var(--accent)": "blue",
    "var(--second)": "orange",
    "var(--third)": "green",
}

TEXT, SMALL = 14, 9  # pixels: the least size of the text in a picture that names one, on a wide page and on a phone
PHONE = 350  # pixels: what is wider is scrolled there

_NAMES = {colour: name for name, colour in LIGHT.items()} | ALSO
_COLOUR = re.compile(
    r"(?P<key>fill|stroke|stop-color|color)(?P<is>: *)(?P<value>#[0-9a-f]{6}\b|black\b|white\b|var\([^)]*\))", re.I
)
_DROPPED = {"metadata", "style", "script"}


def variables(colours: dict[str, str]) -> dict[str, str]:
    """What the CSS variables of figures are: of `LIGHT`, or of `DARK`."""
    return {f"figure-{name}": colour for name, colour in colours.items()}


def inline(svg: str, prefix: str, alternative: str = "", width: str = "") -> str:
    """An SVG element that can stand in a page.

    Args:
        svg: the content of a file.
        prefix: what ids begin with, which differs from figure to figure of a page.
        alternative: says what is seen; if empty, the picture's own words.
        width: that of the picture in CSS; if empty, its own.
    """
    root = ElementTree.fromstring(svg)
    alternative = alternative or description(root)
    own, text = _pixels(root), float(root.get("font-size", TEXT))
    least = own * SMALL / text if "font-size" in root.attrib else 0.0
    style = f"width: {width or f'{own * max(1.0, TEXT / text):.0f}px'}"
    if least > PHONE:
        style += f"; max-width: max(100%, {least:.0f}px)"
    for child in list(root):
        if child.tag.rpartition("}")[2] in ("title", "desc"):
            root.remove(child)
    _convert(root, prefix)
    for name in ("version", "width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {
        "class": "figure",
        "role": "img",
        "aria-label": " ".join(alternative.split()),
        # What matplotlib says of all its elements. Text without a colour is black: the page's ink.
        "stroke-linejoin": root.get("stroke-linejoin", "round"),
        "stroke-linecap": root.get("stroke-linecap", "butt"),
        "fill": root.get("fill", "var(--figure-ink)"),
        "style": style,
    }
    element = ElementTree.tostring(root, encoding="unicode")
    return f'<div class="wide-figure" tabindex="0">{element}</div>' if least > PHONE else element


def description(root: ElementTree.Element) -> str:
    """What an SVG says of itself."""
    texts = [child.text for child in root if child.tag.rpartition("}")[2] in ("title", "desc")]
    return root.get("aria-label", "") or " ".join(text.strip() for text in texts if text)


def _pixels(root: ElementTree.Element) -> float:
    """Its width in CSS pixels."""
    size = re.fullmatch(r"([\d.]+) *(pt|px|)", root.get("width", ""))
    if size is None:
        return float(root.get("viewBox", "0 0 640 480").split()[2])
    return float(size[1]) * (4 / 3 if size[2] == "pt" else 1)


def _convert(element: ElementTree.Element, prefix: str) -> None:
    """Change an element and what is in it, in place."""
    element.tag = element.tag.rpartition("}")[2]
    for key in list(element.attrib):
        value = element.attrib.pop(key)
        key = key.rpartition("}")[2]
        if key == "id":
            value = f"{prefix}-{value}"
        elif key == "href" and value.startswith("#"):
            value = f"#{prefix}-{value[1:]}"
        elif key in ("style", "fill", "stroke", "clip-path", "mask", "marker-end", "marker-start"):
            value = _coloured(key, re.sub(r"url\(#", f"url(#{prefix}-", value))
        elif key == "d":
            value = " ".join(re.sub(r"\d+\.\d+", lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), value).split())
        element.set(key, value)
    for child in list(element):
        if child.tag.rpartition("}")[2] in _DROPPED:
            element.remove(child)
        else:
            _convert(child, prefix)
            child.tail = None
    if element.text and not element.text.strip():
        element.text = None


def _coloured(key: str, value: str) -> str:
    if key in ("fill", "stroke"):
        return _COLOUR.sub(_variable, f"{key}:{value}").removeprefix(f"{key}:")
    return _COLOUR.sub(_variable, value)


def _variable(match: re.Match[str]) -> str:
    colour = re.sub(r"\(\s*(--[\w-]+)[^)]*\)", r"(\1)", match["value"].lower())
    name = _NAMES.get(colour)
    return match[0] if name is None else f"{match['key']}{match['is']}var(--figure-{name})"
