"""The SVG elements that the pictures need, and the width of texts without a font."""

import unicodedata
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from babel.core import Locale, UnknownLocaleError

Point = tuple[float, float]

FONT = "Noto Sans, Segoe UI, Helvetica, Arial, sans-serif"

_EMS = {
    letter: ems
    for letters, ems in (
        ("ijlI.,:;'’! ", 0.28),
        ("frt()[]-/", 0.38),
        ("ckszvxyJ", 0.53),
        ("ae“”", 0.58),
        ("ABCEFKLPRSTVXYZ", 0.65),
        ("DGHNOQU", 0.78),
        ("mwMW@%…—", 0.95),
    )
    for letter in letters
}
"""The width of letters in common fonts, in units of the font size."""
_COMBINING = ("Mn", "Me", "Cf")


def root(width: float, height: float, title: str) -> Element:
    """Return an SVG document."""
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": _px(width),
            "height": _px(height),
            "viewBox": f"0 0 {_px(width)} {_px(height)}",
            "font-family": FONT,
            "role": "img",
        },
    )
    SubElement(svg, "title").text = printable(title)
    return svg


def to_text(svg: Element) -> str:
    """Return the document as text."""
    ElementTree.indent(svg, " ")
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def group(parent: Element, **attributes: str) -> Element:
    """Add a group of elements."""
    return SubElement(parent, "g", _named(attributes))


def rectangle(parent: Element, at: Point, size: Point, *, radius: float = 0, **attributes: str) -> None:
    """Add a rectangle with its upper left corner at `at`."""
    place = {"x": _px(at[0]), "y": _px(at[1]), "width": _px(size[0]), "height": _px(size[1])}
    SubElement(parent, "rect", place | ({"rx": _px(radius)} if radius else {}) | _named(attributes))


def circle(parent: Element, at: Point, radius: float, **attributes: str) -> None:
    """Add a circle with its centre at `at`."""
    SubElement(parent, "circle", {"cx": _px(at[0]), "cy": _px(at[1]), "r": _px(radius)} | _named(attributes))


def path(parent: Element, steps: str, **attributes: str) -> None:
    """Add a path."""
    SubElement(parent, "path", {"d": steps} | _named(attributes))


def curve(start: Point, end: Point) -> str:
    """Return the path of a curve between columns that is horizontal at both ends."""
    (x, y), (to_x, to_y) = start, end
    if abs(y - to_y) < 0.05:
        return f"M{_px(x)} {_px(y)}H{_px(to_x)}"
    middle = _px((x + to_x) / 2)
    return f"M{_px(x)} {_px(y)}C{middle} {_px(y)} {middle} {_px(to_y)} {_px(to_x)} {_px(to_y)}"


def arrow(tip: Point) -> str:
    """Return the path of an arrowhead that points to the right."""
    x, y = tip
    return f"M{_px(x)} {_px(y)}l-8 -4v8z"


def text(parent: Element, at: Point, words: str, *, size: float, rtl: bool = False, **attributes: str) -> Element:
    """Add a text that begins at `at` on its base line; `rtl` is for right-to-left scripts.

    Characters that are not printable are omitted.
    """
    side = {"direction": "rtl", "unicode-bidi": "embed"} if rtl else {}
    place = {"x": _px(at[0]), "y": _px(at[1]), "font-size": _px(size)}
    element = SubElement(parent, "text", place | side | _named(attributes))
    element.text = printable(words)
    return element


def hint(text: Element, words: str) -> None:
    """Add a tooltip, before the text's own words as viewers require."""
    title = SubElement(text, "title")
    title.text, title.tail, text.text = printable(words), text.text, None


def printable(words: str) -> str:
    """Return the text without control characters, which XML does not allow, and without direction marks."""
    return "".join(character for character in words if character.isprintable())


def width(words: str, size: float) -> float:
    """Return the width of a text in pixels, rather too large than too small."""
    return sum(_ems(letter) for letter in words) * size


def shorten(words: str, size: float, limit: float) -> str:
    """Return as many words as fit into the limit in pixels."""
    (line,) = lines(words, size, limit, 1) or [""]
    return line


def lines(words: str, size: float, limit: float, most: int) -> list[str]:
    """Break a text at spaces into at most `most` lines; what does not fit is replaced by an ellipsis."""
    found: list[str] = []
    left = printable(words).split()
    while left and len(found) < most:
        line = left.pop(0)
        while left and width(f"{line} {left[0]}", size) <= limit:
            line = f"{line} {left.pop(0)}"
        if width(line, size) > limit or (left and len(found) == most - 1):
            line = _cut(line, size, limit)
        found.append(line)
    return found


def right_to_left(language: str) -> bool:
    """Return whether a language is written from right to left."""
    try:
        return Locale.parse(language).text_direction == "rtl"
    except (UnknownLocaleError, ValueError):
        return False


def _cut(line: str, size: float, limit: float) -> str:
    """Remove the last words, or the last letters of a single word, so that an ellipsis fits."""
    while " " in line and width(f"{line}…", size) > limit:
        line = line.rpartition(" ")[0]
    while line and width(f"{line}…", size) > limit:
        line = line[:-1]
    return f"{line.rstrip(' .,;:،؛')}…"


def _ems(letter: str) -> float:
    if unicodedata.category(letter) in _COMBINING:
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    plain = unicodedata.normalize("NFD", letter)[0]
    return _EMS.get(plain, 0.72 if letter.isupper() or "ⴰ" <= letter <= "⵿" else 0.63)


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
