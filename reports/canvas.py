"""A drawing area that is mirrored for languages that are written from right to left."""

from xml.etree.ElementTree import Element, SubElement

from picture import svg

INK, FAINT, RULE, PAPER = "#1f2430", "#636a78", "#d8d9d6", "#ffffff"
TEXT, SMALL = 13.0, 11.0

_MARK = "\u200f"

_SWAPPED = {"start": "end", "end": "start", "middle": "middle"}


class Canvas:
    """An SVG picture with logical sides: x is counted from where lines of text begin.

    Colours are attributes, and each element has a class, so that a page can have other colours in the dark.
    """

    def __init__(self, width: float, height: float, title: str, *, is_rtl: bool = False) -> None:
        self.width, self.height, self._is_rtl = width, height, is_rtl
        self.root = svg.root(width, height, title)
        self.root.set("direction", "ltr")  # sides are swapped here, not by whatever shows the picture
        self.root.set("class", "chart")
        svg.rectangle(self.root, (0, 0), (width, height), fill=PAPER, class_="paper")

    def group(self, tip: str) -> Element:
        """Add a group of elements with a tooltip."""
        made = svg.group(self.root)
        SubElement(made, "title").text = svg.printable(tip)
        return made

    def box(self, parent: Element, x: float, y: float, wide: float, high: float, colour: str, name: str) -> None:
        """Add a rectangle whose upper corner at the beginning of the line is at x, y."""
        left = self.width - x - wide if self._is_rtl else x
        svg.rectangle(parent, (left, y), (wide, high), fill=colour, class_=name)

    def text(
        self, x: float, y: float, words: str, *, size: float = TEXT, anchor: str = "start", colour: str = INK,
        name: str = "ink", bold: bool = False,
    ) -> Element:  # fmt: skip
        """Add a text. `anchor`: `start`, `middle` or `end`, as the line is read."""
        made = svg.text(
            self.root, (self._x(x), y), words, size=size, fill=colour, class_=name,
            text_anchor=_SWAPPED[anchor] if self._is_rtl else anchor, font_weight="600" if bold else "400",
        )  # fmt: skip
        if self._is_rtl:  # so that numbers at the edges of a sentence stay there
            made.text = f"{_MARK}{made.text}{_MARK}"
        return made

    def rule(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Add a faint line."""
        steps = f"M{self._x(x):.1f} {y:.1f}L{self._x(to_x):.1f} {to_y:.1f}"
        svg.path(self.root, steps, stroke=RULE, stroke_width="1", class_="rule")

    def line(self, points: list[list[tuple[float, float]]], colour: str, name: str) -> None:
        """Add lines through points, one for each list."""
        steps = "".join(
            "".join(f"{'L' if place else 'M'}{self._x(x):.1f} {y:.1f}" for place, (x, y) in enumerate(part))
            for part in points
        )
        svg.path(self.root, steps, fill="none", stroke=colour, stroke_width="2", class_=name)

    def dot(self, x: float, y: float, colour: str, name: str) -> None:
        """Add a small circle."""
        svg.circle(self.root, (self._x(x), y), 3, fill=colour, class_=name)

    def to_text(self) -> str:
        """Return the picture as an SVG document."""
        return svg.to_text(self.root)

    def _x(self, x: float) -> float:
        return self.width - x if self._is_rtl else x
