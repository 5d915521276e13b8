"""The pictures of the day: bars for today, a line for the same weekday before. Figures only, so no language."""

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

from markupsafe import Markup

from desk.board.day import HALF_HOURS, Day
from desk.page.pages import duration
from picture import svg

_WIDTH, _HEIGHT = 480.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 8.0, 12.0, 28.0
_SIZE = 19.0

_DAYTIME = (16, 40)
"""The half hours that are always shown: 08:00 to 20:00."""

_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_STEPS_S = (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)

Value = float | None


def percent(share: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * share:.0f} %"


def draw_day(today: Day, before: Day) -> dict[str, Markup]:
    """Return the pictures of arrivals, waits and service level by half hour."""
    first, last = _span(today, before)
    names = ("calls", "wait_s", "service_level")
    now, then = (
        {name: [getattr(half, name) for half in day.half_hours[first:last]] for name in names}
        for day in (today, before)
    )
    busiest = max((value for value in (*now["calls"], *then["calls"])), default=0)
    longest = max((value or 0 for value in (*now["wait_s"], *then["wait_s"])), default=0)
    return {
        "calls": _chart(now["calls"], then["calls"], first, _limit(busiest, _STEPS), lambda value: f"{value:g}"),
        "wait_s": _chart(now["wait_s"], then["wait_s"], first, _limit(longest, _STEPS_S), duration),
        "service_level": _chart(now["service_level"], then["service_level"], first, 1.0, percent),
    }


def _span(*days: Day) -> tuple[int, int]:
    busy = [place for day in days for place, half in enumerate(day.half_hours) if half.calls]
    first = min(_DAYTIME[0], *busy) // 2 * 2 if busy else _DAYTIME[0]
    last = min(max(_DAYTIME[1], *(place + 1 for place in busy)), HALF_HOURS) if busy else _DAYTIME[1]
    return first, last + last % 2


def _limit(highest: float, steps: Sequence[int]) -> float:
    return float(next((step for step in steps if step >= highest), highest))


def _chart(
    today: Sequence[Value], before: Sequence[Value], first: int, top: float, words: Callable[[float], str]
) -> Markup:
    """Return a picture. `first`: the half hour at which both begin; `top`: the value at the upper edge."""
    picture = svg.root(_WIDTH, _HEIGHT, "")
    picture.set("aria-hidden", "true")  # the figures stand beside it
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = across / max(1, len(today))

    def height(value: float) -> float:
        return down * min(value / top, 1.0)

    for share in (0.0, 0.5, 1.0):
        y = _TOP + down * (1 - share)
        svg.path(picture, f"M{_LEFT:.1f} {y:.1f}H{_WIDTH - _RIGHT:.1f}", class_="chart-grid")
        if share and (top * share == int(top * share) or top <= 1):
            at = (_LEFT - 6, y + _SIZE / 3)
            svg.text(picture, at, words(top * share), size=_SIZE, text_anchor="end", class_="chart-label")
    for place in range(0, len(today) + 1, 4):
        at = (_LEFT + place * step, _HEIGHT - 5)
        svg.text(picture, at, f"{(first + place) // 2}", size=_SIZE, text_anchor="middle", class_="chart-label")
    for place, value in enumerate(today):
        if value:
            at = (_LEFT + place * step + 1, _TOP + down - height(value))
            svg.rectangle(picture, at, (max(1.0, step - 2), height(value)), radius=1.5, class_="chart-bar")
    _line(picture, [None if value is None else _TOP + down - height(value) for value in before], step)
    return Markup(svg.to_text(picture))  # noqa: S704 - of numbers only


def _line(picture: Element, heights: Sequence[Value], step: float) -> None:
    steps, is_down = [], False
    for place, y in enumerate(heights):
        if y is None:
            is_down = False
            continue
        x = _LEFT + place * step
        steps.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}H{x + step:.1f}")
        is_down = True
    if steps:
        svg.path(picture, "".join(steps), class_="chart-before")
