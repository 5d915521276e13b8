"""The service level of a simulated week by hour and language, as a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.canvas import FAINT, SMALL, TEXT, Canvas
from reports.words import Words

_FIELD, _HIGH, _LEFT, _TOP = 44.0, 28.0, 170.0, 62.0
# In ascending order. Almost everybody can tell blue from orange, and each field has its figure.
_COLOURS = ((0.5, "#b35806"), (0.7, "#e08a3c"), (0.8, "#fbd9ad"), (0.9, "#c6ddf0"), (0.95, "#6aaed6"), (2.0, "#2171b5"))
_DARK = ("#b35806", "#2171b5")
_NONE = "#eef0f3"


def draw_week(title: str, cells: Sequence[Mapping[str, Any]], names: Mapping[str, str], words: Words) -> str:
    """Return the picture as SVG. `cells`: `by_hour_and_language` of the document; `names`: of the languages."""
    hours = list(dict.fromkeys(cell["hour"] for cell in cells))
    languages = [code for code in dict.fromkeys(cell["language"] for cell in cells) if code in names]
    levels = {(cell["language"], cell["hour"]): cell["service_level_offered"] for cell in cells}
    canvas = Canvas(_LEFT + _FIELD * len(hours) + 24, _TOP + _HIGH * len(languages) + 16, title, is_rtl=words.is_rtl)
    canvas.text(20, 26, title, size=15, bold=True)
    for place, hour in enumerate(hours):
        canvas.text(
            _LEFT + _FIELD * (place + 0.5), _TOP - 8, hour[:2], size=SMALL, anchor="middle", colour=FAINT, name="faint"
        )
    for row, code in enumerate(languages):
        top = _TOP + _HIGH * row
        canvas.text(_LEFT - 12, top + 18, names[code], size=TEXT, anchor="end")
        for place, hour in enumerate(hours):
            level = levels.get((code, hour))
            colour = _NONE if level is None else next(colour for below, colour in _COLOURS if round(level, 2) < below)
            canvas.box(
                canvas.root,
                _LEFT + _FIELD * place,
                top,
                _FIELD - 2,
                _HIGH - 2,
                colour,
                "none" if level is None else "field",
            )
            figure = "–" if level is None else f"{100 * level:.0f}"
            ink = FAINT if level is None else "#ffffff" if colour in _DARK else "#1f2430"
            canvas.text(
                _LEFT + _FIELD * (place + 0.5) - 1,
                top + 18,
                figure,
                size=12,
                anchor="middle",
                colour=ink,
                name="on-field",
            )
    return canvas.to_text()
