"""A report as a picture: calls by hour of the day, their outcomes, and the service level."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from picture import svg
from routing.figures import Figures

_WIDTH, _HEIGHT = 960.0, 560.0
_LEFT, _RIGHT = 64.0, 930.0
_LEVEL_TOP, _LEVEL_BOTTOM = 112.0, 232.0
_BARS_TOP, _BARS_BOTTOM = 290.0, 490.0
_TEXT, _SMALL = 13.0, 11.0

_PAPER, _INK, _FAINT, _RULE = "#f7f6f2", "#1f2430", "#636a78", "#d8d9d6"
_ANSWERED, _ELSEWHERE, _ABANDONED, _LEVEL = "#3a7d5c", "#e0b24a", "#b3261e", "#2257a8"


@dataclass(frozen=True, slots=True)
class Hour:
    """The calls that began to wait in this hour of the day, 0 to 23."""

    hour: int
    figures: Figures


def draw_hours(site: str, days: str, hours: Sequence[Hour], total: Figures, within_s: float) -> str:
    """Return the picture as an SVG document. `hours`: those with calls, in order; `within_s`: the target in seconds."""
    picture = svg.root(_WIDTH, _HEIGHT, f"{site}: calls by the hour, {days}")
    svg.rectangle(picture, (0, 0), (_WIDTH, _HEIGHT), fill=_PAPER)
    svg.text(picture, (24, 38), f"{site}: calls by the hour, {days}", size=20, fill=_INK, font_weight="bold")
    svg.text(picture, (24, 62), _summary(total, within_s), size=_TEXT, fill=_FAINT)
    if not hours:
        svg.text(picture, (24, 120), "No call waited for an operator.", size=_TEXT, fill=_INK)
        return svg.to_text(picture)
    scale = _Scale(hours[0].hour, hours[-1].hour, max(hour.figures.waited for hour in hours))
    _levels(picture, hours, scale, within_s)
    _bars(picture, hours, scale)
    _legend(picture)
    return svg.to_text(picture)


def _summary(total: Figures, within_s: float) -> str:
    parts = [f"{total.waited:,} calls waited for an operator"]
    if total.service_level_offered is not None:
        parts.append(f"{total.service_level_offered:.1%} of those offered were answered within {within_s:g} s")
    if total.average_speed_of_answer_s is not None:
        parts.append(f"answered after {total.average_speed_of_answer_s:.1f} s on average")
    if total.abandonment is not None:
        parts.append(f"{total.abandonment:.1%} abandoned")
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    first: int
    last: int
    most: int

    @property
    def step(self) -> float:
        """The width of an hour; limited, so that a single hour's bar is not as wide as the page."""
        return min(90.0, (_RIGHT - _LEFT) / (self.last - self.first + 1))

    def middle(self, hour: int) -> float:
        return _LEFT + (hour - self.first + 0.5) * self.step

    @property
    def right(self) -> float:
        return _LEFT + (self.last - self.first + 1) * self.step

    @property
    def ceiling(self) -> int:
        """The smallest round number that no bar exceeds, with whole calls at its ticks."""
        unit = 1
        while True:
            for digit in (4, 8, 12, 20):
                if digit * unit >= self.most:
                    return digit * unit
            unit *= 10

    def height(self, calls: int) -> float:
        return (_BARS_BOTTOM - _BARS_TOP) * calls / self.ceiling


def _levels(picture: Element, hours: Sequence[Hour], scale: _Scale, within_s: float) -> None:
    svg.text(
        picture, (24, _LEVEL_TOP - 18), f"Service level: answered within {within_s:g} s, of those offered",
        size=_TEXT, fill=_INK, font_weight="bold",
    )  # fmt: skip
    for percent in (0, 50, 100):
        _rule(picture, _level(percent / 100), f"{percent} %", scale)
    points: list[tuple[float, float]] = []
    steps, before = "", None
    for hour in hours:
        level = hour.figures.service_level_offered
        if level is None:
            continue
        x = scale.middle(hour.hour)
        points.append((x, level))
        # There is no line across hours without calls: they have no service level.
        steps += f"{'L' if before == hour.hour - 1 else 'M'}{x:.1f} {_level(level):.1f}"
        before = hour.hour
    svg.path(picture, steps, fill="none", stroke=_LEVEL, stroke_width="2")
    for x, level in points:
        svg.circle(picture, (x, _level(level)), 3.5, fill=_LEVEL)
        # Below the point where it would touch the line above.
        base = _level(level) + (17 if level > 0.85 else -8)
        svg.text(picture, (x, base), f"{100 * level:.0f}", size=_SMALL, fill=_LEVEL, text_anchor="middle")


def _level(share: float) -> float:
    return _LEVEL_BOTTOM - (_LEVEL_BOTTOM - _LEVEL_TOP) * share


def _bars(picture: Element, hours: Sequence[Hour], scale: _Scale) -> None:
    svg.text(
        picture, (24, _BARS_TOP - 18), "Calls, by the hour in which they began to wait", size=_TEXT, fill=_INK,
        font_weight="bold",
    )  # fmt: skip
    for quarter in range(5):
        calls = scale.ceiling * quarter // 4
        _rule(picture, _BARS_BOTTOM - scale.height(calls), f"{calls:,}", scale)
    width = scale.step * 0.7
    for hour in hours:
        left, top = scale.middle(hour.hour) - width / 2, _BARS_BOTTOM
        figures = hour.figures
        for calls, colour in (
            (figures.answered, _ANSWERED),
            (sum(figures.elsewhere.values()), _ELSEWHERE),
            (figures.abandoned, _ABANDONED),
        ):
            height = scale.height(calls)
            top -= height
            if calls:
                svg.rectangle(picture, (left, top), (width, height), fill=colour)
        x = scale.middle(hour.hour)
        svg.text(picture, (x, top - 5), f"{figures.waited:,}", size=_SMALL, fill=_INK, text_anchor="middle")
    for number in range(scale.first, scale.last + 1):
        x = scale.middle(number)
        svg.text(picture, (x, _BARS_BOTTOM + 17), f"{number:02}", size=_SMALL, fill=_FAINT, text_anchor="middle")


def _rule(picture: Element, y: float, label: str, scale: _Scale) -> None:
    svg.path(picture, f"M{_LEFT:.1f} {y:.1f}H{scale.right:.1f}", stroke=_RULE, stroke_width="1")
    svg.text(picture, (_LEFT - 8, y + 4), label, size=_SMALL, fill=_FAINT, text_anchor="end")


def _legend(picture: Element) -> None:
    x, y = _LEFT, _BARS_BOTTOM + 36
    for words, colour in (
        ("answered", _ANSWERED),
        ("call back, message, closed, self served", _ELSEWHERE),
        ("abandoned", _ABANDONED),
    ):
        svg.rectangle(picture, (x, y), (12, 12), fill=colour)
        svg.text(picture, (x + 18, y + 10.5), words, size=_TEXT, fill=_INK)
        x += 18 + svg.width(words, _TEXT) + 28
    svg.text(picture, (x, y + 10.5), "hour of the day, all days together", size=_TEXT, fill=_FAINT)
