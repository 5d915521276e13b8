"""The pictures of a report: calls with their service level, by time or by anything else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from picture import svg
from reports.by import By
from reports.canvas import FAINT, SMALL, TEXT, Canvas
from reports.group import Group
from reports.words import N_, Words

MOST_COLUMNS, MOST_LINES = 400, 25
"""How many bars one picture has."""

ANSWERED, ELSEWHERE, ABANDONED, LEVEL = "#3a7d5c", "#e0b24a", "#b3261e", "#2257a8"

_WIDTH = 960.0
_LEFT, _RIGHT = 64.0, 930.0
_LEVEL_TOP, _LEVEL_BOTTOM = 98.0, 188.0
_BARS_TOP, _BARS_BOTTOM = 240.0, 410.0
_LINE = 26.0
_BESIDE = 250.0


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls that waited of one group. `level`: the service level, offered; None without such calls."""

    label: str
    answered: int
    elsewhere: int
    abandoned: int
    level: float | None

    @classmethod
    def of(cls, label: str, group: Group) -> "Bar":
        figures = group.tally.figures()
        elsewhere = sum(figures.elsewhere.values())
        return cls(label, figures.answered, elsewhere, figures.abandoned, figures.service_level_offered)

    @property
    def waited(self) -> int:
        return self.answered + self.elsewhere + self.abandoned

    @property
    def parts(self) -> tuple[tuple[int, str, str], ...]:
        """Numbers of calls, each with its colour and its class."""
        return (
            (self.answered, ANSWERED, "answered"),
            (self.elsewhere, ELSEWHERE, "elsewhere"),
            (self.abandoned, ABANDONED, "abandoned"),
        )


def time_label(by: By, key: str, words: Words) -> str:
    """Return a time as a short label."""
    if by is By.DAY:
        return str(format_date(date.fromisoformat(key), "d MMM", locale=words.locale))
    return key[:2] if by is By.HOUR_OF_DAY else key[5:]


def draw_columns(title: str, subtitle: str, bars: Sequence[Bar], within: float, words: Words) -> str:
    """Return a picture of bars side by side, in the order of time, with the service level above them."""
    canvas = Canvas(_WIDTH, 460, title, is_rtl=words.is_rtl)
    canvas.text(24, 30, title, size=17, bold=True)
    canvas.text(24, 50, svg.shorten(subtitle, TEXT, _WIDTH - 48), colour=FAINT, name="faint")
    if not any(bar.waited for bar in bars):
        canvas.text(24, 110, words.text(N_("No call waited for an operator.")))
        return canvas.to_text()
    step = min(90.0, (_RIGHT - _LEFT) / len(bars))
    right = _LEFT + step * len(bars)
    _levels(canvas, bars, step, right, within, words)
    _columns(canvas, bars, step, right, words)
    _legend(canvas, _BARS_BOTTOM + 34, words)
    return canvas.to_text()


def draw_lines(title: str, subtitle: str, bars: Sequence[Bar], words: Words) -> str:
    """Return a picture of bars below each other, with their names and service levels beside them."""
    chosen = [bar for bar in bars if bar.waited][:MOST_LINES]
    height = 76 + _LINE * max(len(chosen), 1) + 40
    canvas = Canvas(_WIDTH, height, title, is_rtl=words.is_rtl)
    canvas.text(24, 30, title, size=17, bold=True)
    canvas.text(24, 50, svg.shorten(subtitle, TEXT, _WIDTH - 48), colour=FAINT, name="faint")
    if not chosen:
        canvas.text(24, 92, words.text(N_("No call waited for an operator.")))
        return canvas.to_text()
    most = max(bar.waited for bar in chosen)
    for place, bar in enumerate(chosen):
        top = 68 + _LINE * place
        canvas.text(_BESIDE - 12, top + 16, svg.shorten(bar.label, TEXT, _BESIDE - 40), anchor="end")
        at, scale = _BESIDE, (_RIGHT - _BESIDE - 110) / most
        group = canvas.group(_tip(bar, words))
        for calls, colour, name in bar.parts:
            if calls:
                canvas.box(group, at, top, calls * scale, _LINE - 8, colour, name)
                at += calls * scale
        level = "" if bar.level is None else f" · {words.percent(bar.level)}"
        canvas.text(at + 8, top + 14, words.count(bar.waited) + level, size=SMALL, colour=FAINT, name="faint")
    _legend(canvas, height - 28, words)
    return canvas.to_text()


def _levels(canvas: Canvas, bars: Sequence[Bar], step: float, right: float, within: float, words: Words) -> None:
    sentence = words.text(N_("Service level: answered within %(within)s s, of those offered"), within=f"{within:g}")
    canvas.text(24, _LEVEL_TOP - 12, sentence, bold=True)
    for share in (0.0, 0.5, 1.0):
        _rule(canvas, _level(share), right, words.percent(share).replace(".0", "").replace(",0", ""))
    lines: list[list[tuple[float, float]]] = [[]]
    for place, bar in enumerate(bars):
        if bar.level is None:  # no line across times without calls
            lines.append([])
            continue
        x = _LEFT + (place + 0.5) * step
        lines[-1].append((x, _level(bar.level)))
    canvas.line([line for line in lines if line], LEVEL, "level-line")
    if step < 16:
        return
    for x, y in (point for line in lines for point in line):
        canvas.dot(x, y, LEVEL, "level")
        share = (_LEVEL_BOTTOM - y) / (_LEVEL_BOTTOM - _LEVEL_TOP)
        below = 17 if share > 0.85 else -8  # where the figure would touch the line above
        canvas.text(x, y + below, f"{100 * share:.0f}", size=SMALL, anchor="middle", colour=LEVEL, name="level")


def _level(share: float) -> float:
    return _LEVEL_BOTTOM - (_LEVEL_BOTTOM - _LEVEL_TOP) * share


def _columns(canvas: Canvas, bars: Sequence[Bar], step: float, right: float, words: Words) -> None:
    canvas.text(24, _BARS_TOP - 16, words.text(N_("Calls, by when they began to wait")), bold=True)
    ceiling = _ceiling(max(bar.waited for bar in bars))
    scale = (_BARS_BOTTOM - _BARS_TOP) / ceiling
    for quarter in range(5):
        calls = ceiling * quarter // 4
        _rule(canvas, _BARS_BOTTOM - calls * scale, right, words.count(calls))
    wide = step * 0.7
    shown = math.ceil((max(svg.width(bar.label, SMALL) for bar in bars) + 8) / step)
    for place, bar in enumerate(bars):
        left, top = _LEFT + step * place + (step - wide) / 2, _BARS_BOTTOM
        group = canvas.group(_tip(bar, words))
        for calls, colour, name in bar.parts:
            if calls:
                top -= calls * scale
                canvas.box(group, left, top, wide, calls * scale, colour, name)
        middle = left + wide / 2
        if bar.waited and svg.width(words.count(bar.waited), SMALL) < step:
            canvas.text(middle, top - 5, words.count(bar.waited), size=SMALL, anchor="middle")
        if place % shown == 0:
            canvas.text(middle, _BARS_BOTTOM + 17, bar.label, size=SMALL, anchor="middle", colour=FAINT, name="faint")


def _ceiling(most: int) -> int:
    """Return the smallest round number that no bar exceeds, with whole calls at its quarters."""
    unit = 1
    while True:
        for digit in (4, 8, 12, 20):
            if digit * unit >= most:
                return digit * unit
        unit *= 10


def _rule(canvas: Canvas, y: float, right: float, label: str) -> None:
    canvas.rule(_LEFT, y, right, y)
    canvas.text(_LEFT - 8, y + 4, label, size=SMALL, anchor="end", colour=FAINT, name="faint")


def _tip(bar: Bar, words: Words) -> str:
    level = "" if bar.level is None else f", {words.percent(bar.level)}"
    return f"{bar.label}: {words.count(bar.waited)}{level}"


def _legend(canvas: Canvas, y: float, words: Words) -> None:
    x = _LEFT
    for text, colour, name in (
        (N_("answered"), ANSWERED, "answered"),
        (N_("call-back, message, closed, self-served"), ELSEWHERE, "elsewhere"),
        (N_("abandoned"), ABANDONED, "abandoned"),
    ):
        canvas.box(canvas.root, x, y, 12, 12, colour, name)
        canvas.text(x + 18, y + 10.5, words.text(text))
        x += 18 + svg.width(words.text(text), TEXT) + 28
