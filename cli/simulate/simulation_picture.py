"""The service level by hour and language as a picture: a coloured field with its figure for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from picture import svg

Level = float | None

_FIELD, _HIGH, _LEFT, _TOP = 46.0, 30.0, 92.0, 84.0
_INK, _FAINT, _EMPTY = "#1f2933", "#616e7c", "#f0f2f5"
# In ascending order. Almost everybody can tell blue from orange, and each field has its figure.
_COLOURS = ((0.5, "#b35806"), (0.7, "#e08a3c"), (0.8, "#fbd9ad"), (0.9, "#c6ddf0"), (0.95, "#6aaed6"), (2.0, "#2171b5"))
_DARK = ("#b35806", "#2171b5")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the picture. `levels`: by hour; `whole`: of the day. Shares from 0 to 1; None: no calls."""

    name: str
    levels: Sequence[Level]
    whole: Level


def draw_levels(title: str, subtitle: str, hours: Sequence[int], rows: Sequence[Row]) -> str:
    """Return the picture as SVG. The first row, all languages together, is set apart from the others."""
    width = max(_LEFT + _FIELD * len(hours) + 24 + 62, 700)
    height = _TOP + _HIGH * len(rows) + 10 + 66
    picture = svg.root(width, height, title)
    svg.rectangle(picture, (0, 0), (width, height), fill="#ffffff")
    svg.text(picture, (20, 28), title, size=16, font_weight="600", fill=_INK)
    svg.text(picture, (20, 48), svg.shorten(subtitle, 12, width - 40), size=12, fill=_FAINT)
    day = _LEFT + _FIELD * len(hours) + 12
    for place, hour in enumerate(hours):
        at = (_LEFT + _FIELD * (place + 0.5), _TOP - 8)
        svg.text(picture, at, f"{hour % 24:02d}", size=11, fill=_FAINT, text_anchor="middle")
    svg.text(picture, (_LEFT - 12, _TOP - 8), "from", size=11, fill=_FAINT, text_anchor="end")
    svg.text(picture, (day + 25, _TOP - 8), "day", size=11, fill=_FAINT, text_anchor="middle")
    for index, row in enumerate(rows):
        top = _TOP + _HIGH * index + (10 if index else 0)
        svg.text(
            picture, (_LEFT - 12, top + 19), row.name, size=12, fill=_INK, text_anchor="end",
            font_weight="400" if index else "600",
        )  # fmt: skip
        for place, level in enumerate(row.levels):
            _field(picture, (_LEFT + _FIELD * place, top), _FIELD, level)
        _field(picture, (day, top), 50, row.whole)
    _legend(picture, height - 30)
    return svg.to_text(picture)


def _field(picture: Element, at: svg.Point, wide: float, level: Level) -> None:
    colour = _EMPTY if level is None else next(colour for below, colour in _COLOURS if round(level, 2) < below)
    svg.rectangle(picture, at, (wide - 2, _HIGH - 2), radius=3, fill=colour)
    figure = "–" if level is None else f"{level * 100:.0f}"
    ink = _FAINT if level is None else "#ffffff" if colour in _DARK else _INK
    svg.text(picture, (at[0] + wide / 2 - 1, at[1] + 19), figure, size=12, fill=ink, text_anchor="middle")


def _legend(picture: Element, top: float) -> None:
    left, least = 20.0, 0
    for below, colour in _COLOURS:
        label = f"{least} % and more" if below > 1 else f"under {below * 100:.0f} %"
        svg.rectangle(picture, (left, top), (14, 14), radius=3, fill=colour)
        svg.text(picture, (left + 20, top + 11), label, size=11, fill=_FAINT)
        left, least = left + 108, round(below * 100)
