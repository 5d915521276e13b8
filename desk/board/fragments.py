"""Live fragments of the wallboard: who waits, operators by state, alarms, the day in figures and pictures."""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from desk.board.unsent import ALARM, UnsentReports
from desk.live.fragments import Fragment, Shared, Values
from desk.live.picture import Picture
from desk.shift.fragments import read_line
from wire.live import Alarm, Operator

BOARD, WALL, NAMED_WALL = "board", "wall", "named_wall"
"""The views: the supervisors' own; a screen on the wall without names of people, and one with those of operators."""

VIEWS = (BOARD, WALL, NAMED_WALL)
STATES = ("ready", "offered", "talking", "wrapping_up", "paused", "away")
DAY, OUTLOOK, UNSENT = "board.day", "board.outlook", "board.unsent"
"""The names of what `desk.board.watch` adds to the picture."""


def read_waiting(picture: Picture) -> Mapping[str, Values]:
    """Return who waits by language, with the first of them; every language of the site is there."""
    outlook = picture.facts.get(OUTLOOK)
    since: dict[str | None, list[float]] = {code: [] for code in picture.site.languages}
    for waiting in picture.callers:
        since.setdefault(waiting.language, []).append(waiting.counts_from)
    able = [operator for operator in picture.operators.values() if _can_take(operator)]
    rows = tuple(
        {
            "language": code,
            "callers": len(times),
            "since": min(times, default=None),
            "ready": sum(code in operator.languages for operator in able),
            "expected_s": outlook.expected_s.get(code) if outlook is not None and code is not None else None,
        }
        for code, times in since.items()
    )
    oldest = min((waiting.counts_from for waiting in picture.callers), default=None)
    return {"": {"waiting": len(picture.callers), "oldest": oldest, "rows": rows, "connected": picture.connected}}


def _can_take(operator: Operator) -> bool:
    return operator.state == "ready" and not operator.on_line


def read_counts(picture: Picture) -> Mapping[str, Values]:
    """Return how many operators are in each state."""
    states = Counter(_state_of(operator)[0] for operator in picture.operators.values())
    counts = tuple((state, states[state]) for state in STATES) if picture.connected else ()
    return {"": {"counts": counts}}


def read_seats(picture: Picture) -> Mapping[str, Values]:
    """Return all operators by id, each with state, reason and since when."""
    return {
        operator.id: {
            "id": operator.id,
            "name": operator.name,
            "state": _state_of(operator)[0] if picture.connected else "unknown",
            "reason": _state_of(operator)[1],
            "since": operator.since,
            "languages": tuple(operator.languages),
            "talks": _language_of(picture, operator),
            "asks_for_help": operator.help_since is not None,
        }
        for operator in picture.operators.values()
    }


def _state_of(operator: Operator) -> tuple[str, str | None]:
    """Return an operator's state with its reason; one who talks to a scripted caller is in their pause."""
    if operator.training:
        return "paused", "training"
    return operator.state, operator.reason if operator.state in ("paused", "away") else None


def _language_of(picture: Picture, operator: Operator) -> str | None:
    call = picture.call_of(operator.id)
    return call.language if call is not None and not call.test else None


def read_alarms(picture: Picture, *, names: bool, acts: bool) -> Mapping[str, Values]:
    """Return the alarms. `names`: whose they are; `acts`: they can be acknowledged."""
    rows = [_alarm(picture, alarm, names=names) for alarm in picture.alarms.values()]
    if (reports := picture.facts.get(UNSENT)) is not None:
        rows.append(_unsent(reports, names=names))
    return {"": {"rows": tuple(rows), "acts": acts, "connected": picture.connected}}


def _alarm(picture: Picture, alarm: Alarm, *, names: bool) -> Mapping[str, object]:
    operator = picture.operators.get(alarm.operator) if alarm.operator is not None else None
    seen = alarm.acknowledged
    return {
        "id": alarm.id,
        "kind": alarm.kind,
        "text": alarm.text if names or alarm.operator is None else "",
        "since": alarm.since,
        "name": (operator.name if operator is not None else alarm.operator) if names else None,
        "language": alarm.language,
        "figure": alarm.figure,
        "why": alarm.why if names else None,
        "is_acknowledged": seen is not None,
        "by": seen.name if seen is not None and names else None,
        "at": seen.at if seen is not None else None,
    }


def _unsent(reports: UnsentReports, *, names: bool) -> Mapping[str, object]:
    return {
        "id": ALARM,
        "kind": ALARM,
        "text": "",
        "since": reports.begun.timestamp(),
        "name": None,
        "language": None,
        "figure": len(reports.mailings),
        "why": None,
        "is_acknowledged": reports.at is not None,
        "by": reports.by if names else None,
        "at": reports.at.timestamp() if reports.at is not None else None,
    }


def read_day(picture: Picture) -> Mapping[str, Values]:
    """Return the day in figures and pictures."""
    return {"": {"day": picture.facts.get(DAY), "outlook": picture.facts.get(OUTLOOK)}}


def _fragments(view: str) -> tuple[Fragment, ...]:
    alarms = partial(read_alarms, names=view != WALL, acts=view == BOARD)
    seats = (Shared("board/seat.html", read_seats, view),) if view != WALL else ()
    return (
        Shared("board/waiting.html", read_waiting, view),
        Shared("board/counts.html", read_counts, view),
        *seats,
        Shared("board/alarms.html", alarms, view),
        Shared("board/figures.html", read_day, view),
        Shared("board/charts.html", read_day, view),
        Shared("shift/line.html", read_line, view),
    )


FRAGMENTS: tuple[Fragment, ...] = tuple(fragment for view in VIEWS for fragment in _fragments(view))
