"""Draw the flow as a picture: one box per node, its keys in rows, and a line from each row to its target.

The group of a node has the id `node-NAME`; the end of a row that leads on has its target in `data-to` and its key in
`data-key`, and a line has in `data-ways` which ways (`FROM>TO`) run through it. So others can add to the picture what
callers do.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ivr.flow.draw.cards import Card, Row, Spoken, cards
from ivr.flow.draw.layout import Box, Layout, place
from ivr.flow.draw.words import LEGEND, own_language, say
from ivr.flow.file import Flow
from picture import svg

_WIDTH, _GAP = 260.0, 60.0
_HEAD, _ROW, _FOOT = 26.0, 18.0, 8.0
_SIDE = 10.0
"""Space between a box's border and its content."""
_MARGIN, _TITLE, _LEGEND_ROW = 36.0, 44.0, 18.0
_TEXT, _SMALL = 12.0, 11.0

_PAPER, _INK, _FAINT, _LINE, _LINK = "#f7f6f2", "#1f2430", "#636a78", "#7d8697", "#2257a8"
_WRONG = "#b3261e"
_COLOURS = {
    "language": "#cfe0f7",
    "menu": "#cfe0f7",
    "ask": "#cfe0f7",
    "say": "#e3e5ea",
    "hours": "#e4d8f2",
    "guide": "#cdeae4",
    "consulate": "#cdeae4",
    "case": "#cdeae4",
    "record": "#f9e3c0",
    "callback": "#f9e3c0",
    "survey": "#f9e3c0",
    "queue": "#d3ecc8",
    "end": "#f3cfcb",
}


def draw_flow(flow: Flow, language: str, spoken: Spoken, title: str) -> str:
    """Return the picture as an SVG document, with texts from `spoken` in `language`."""
    boxes = [_Box(card, tuple(_lines(card))) for card in cards(flow, language, spoken)]
    roots = (flow.start, flow.operator, flow.change_language)
    placed = place([box.shape for box in boxes], roots, width=_WIDTH, gap=_GAP, entry=_HEAD / 2)
    own = own_language(language)
    legend = _legend(flow, own)
    width = max(placed.size[0], 900.0) + 2 * _MARGIN
    height = placed.size[1] + _TITLE + (len(legend) + 1) * _LEGEND_ROW + 2 * _MARGIN
    picture = svg.root(width, height, title)
    svg.rectangle(picture, (0, 0), (width, height), fill=_PAPER)
    svg.text(picture, (_MARGIN, _MARGIN + 14), title, size=20, fill=_INK, font_weight="bold")
    _picture(picture, flow, boxes, placed, own)
    rtl = svg.right_to_left(own)
    corner = width - _MARGIN if rtl else _MARGIN, height - _MARGIN - (len(legend) - 1) * _LEGEND_ROW
    _write_legend(picture, legend, corner, rtl=rtl)
    return svg.to_text(picture)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line in a box: a row, or a part of a row that needs two lines."""

    row: Row
    text: str | None = None


@dataclass(frozen=True, slots=True)
class _Box:
    card: Card
    lines: tuple[_Line, ...]

    @property
    def height(self) -> float:
        return _HEAD + (len(self.lines) * _ROW + _FOOT if self.lines else 0)

    @property
    def shape(self) -> Box:
        exits = [
            (line.row.target, _HEAD + (number + 0.5) * _ROW + _FOOT / 2)
            for number, line in enumerate(self.lines)
            if line.row.target is not None
        ]
        return Box(self.card.name, self.height, exits)


def _lines(card: Card) -> list[_Line]:
    found: list[_Line] = []
    for row in card.rows:
        if row.whole:
            parts = svg.lines(f"“{row.text}”", _TEXT, _WIDTH - 2 * _SIDE, 2)
            found += [_Line(row, part) for part in parts]
        else:
            found.append(_Line(row))
    return found


def _picture(picture: Element, flow: Flow, boxes: list[_Box], placed: Layout, own: str) -> None:
    at = f"translate({_MARGIN:g} {_MARGIN + _TITLE:g})"
    drawing = svg.group(picture, transform=at)
    lines = svg.group(drawing, fill="none", stroke=_LINE, stroke_width="1.6")
    targets = {box.card.name: [line.row.target for line in box.lines if line.row.target is not None] for box in boxes}
    for (start, end), exits in zip(placed.lines, placed.used_by, strict=True):
        ways = dict.fromkeys(f"{name}>{targets[name][number]}" for name, number in exits)
        svg.path(lines, svg.curve(start, end), data_ways=" ".join(ways))
    for box in boxes:
        _draw(svg.group(drawing, id=f"node-{box.card.name}"), box, placed)
    for tip in placed.tips:
        svg.path(drawing, svg.arrow(tip), fill=_LINE)
    if flow.start in placed.corners:
        x, y = placed.corners[flow.start]
        svg.circle(drawing, (x - 14, y + _HEAD / 2), 5, fill=_INK)
        rtl = svg.right_to_left(own)
        left = x + _WIDTH if rtl else x
        svg.text(drawing, (left, y - 8), say(own, "start"), size=_SMALL, rtl=rtl, fill=_INK, font_weight="bold")


def _draw(parent: Element, box: _Box, placed: Layout) -> None:
    x, y = placed.corners[box.card.name]
    svg.rectangle(parent, (x, y), (_WIDTH, box.height), radius=6, fill="#ffffff", stroke=_LINE, stroke_width="1.2")
    colour = _COLOURS.get(box.card.kind, "#e3e5ea")
    svg.rectangle(parent, (x + 1, y + 1), (_WIDTH - 2, _HEAD - 2), radius=5, fill=colour)
    svg.text(parent, (x + _SIDE, y + 17.5), box.card.name, size=13, fill=_INK, font_weight="bold")
    right = x + _WIDTH - _SIDE
    for mark in box.card.marks:
        _key(parent, (right - 18, y + 4), mark)
        right -= 24
    svg.text(parent, (right, y + 17.5), box.card.kind, size=_SMALL, fill=_FAINT, text_anchor="end")
    exit_number = 0
    for number, line in enumerate(box.lines):
        top = y + _HEAD + number * _ROW + _FOOT / 2
        _row(parent, line, (x, top), _target_label(line.row, (box.card.name, exit_number), placed))
        exit_number += line.row.target is not None


def _target_label(row: Row, place_: tuple[str, int], placed: Layout) -> str | None:
    """Return the label for a row's target; empty if a line is drawn instead, None without a target."""
    if row.target is None:
        return None
    if row.target not in placed.corners:
        return say(own_language(row.language), "no node {name}", name=row.target)
    return "" if place_ in placed.drawn else f"↩ {row.target}"


def _row(parent: Element, line: _Line, at: tuple[float, float], label: str | None) -> None:
    row, (x, top) = line.row, at
    base, left, right = top + 13, x + _SIDE, x + _WIDTH - _SIDE
    if row.key:
        left += _key(parent, (left, top + 1), row.key) + 6
    if label:
        colour = _LINK if label.startswith("↩") else _WRONG
        end = svg.text(parent, (right, base), label, size=_SMALL, fill=colour, text_anchor="end")
        if row.target is not None:
            end.set("data-to", row.target)
            end.set("data-key", row.key)
        right -= svg.width(label, _SMALL) + 6
    elif label is not None and row.target is not None:
        svg.circle(parent, (x + _WIDTH, top + _ROW / 2), 3, fill=_LINE, data_to=row.target, data_key=row.key)
    size, rtl = _TEXT if row.is_spoken else _SMALL, svg.right_to_left(row.language)
    words = line.text if line.text is not None else svg.shorten(row.text, size, right - left)
    colour = _INK if row.is_spoken else _FAINT
    written = svg.text(parent, (right if rtl else left, base), words, size=size, rtl=rtl, fill=colour)
    if words.endswith("…"):
        svg.hint(written, row.text)


def _key(parent: Element, at: tuple[float, float], key: str) -> float:
    """Draw a telephone key and return its width."""
    width = max(18.0, svg.width(key, _SMALL) + 8)
    svg.rectangle(parent, at, (width, 16), radius=4, fill="#ffffff", stroke=_INK, stroke_width="1")
    middle = at[0] + width / 2, at[1] + 12
    svg.text(parent, middle, key, size=_SMALL, fill=_INK, text_anchor="middle", font_weight="bold")
    return width


def _legend(flow: Flow, language: str) -> list[str]:
    names = {"operator": flow.operator, "language": flow.change_language}
    return [say(language, text, **names) for text in LEGEND]


def _write_legend(picture: Element, legend: list[str], corner: tuple[float, float], *, rtl: bool) -> None:
    for number, line in enumerate(legend):
        at = corner[0], corner[1] + number * _LEGEND_ROW
        svg.text(picture, at, line, size=_TEXT, rtl=rtl, fill=_FAINT)
