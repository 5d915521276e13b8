"""Live fragments of the operator's page: their state, their colleagues, the queue, the line."""

from collections.abc import Mapping

from desk.live.colleagues import read_colleagues
from desk.live.fragments import Fragment, Personal, Shared, Values
from desk.live.picture import Picture


def read_state(picture: Picture, operator: str) -> Values:
    """Return an operator's own state, and what they can change of it."""
    known = picture.operator(operator)
    return {
        "connected": picture.connected,
        "state": picture.state_of(known),
        "reason": known.reason,
        "since": known.since,
        "until": known.until,
        "pause_after": known.pause_after,
        "has_telephone": known.telephone,
        "help_since": known.help_since,
        "pauses": picture.site.pauses,
    }


def read_queue(picture: Picture) -> Mapping[str, Values]:
    """Return how many wait, in which languages, and since when."""
    rows: dict[str | None, list[float]] = {}
    for waiting in picture.callers:
        rows.setdefault(waiting.language, []).append(waiting.counts_from)
    languages = sorted(((code, len(since), min(since)) for code, since in rows.items()), key=lambda row: row[2])
    oldest = min((since for _, _, since in languages), default=None)
    return {"": {"waiting": len(picture.callers), "oldest": oldest, "languages": tuple(languages)}}


def read_line(picture: Picture) -> Mapping[str, Values]:
    """Return whether the line does its work, as far as operators are concerned."""
    down = any(alarm.kind in ("ari_down", "ami_down") for alarm in picture.alarms.values())
    return {"": {"is_up": picture.connected and not down}}


FRAGMENTS: tuple[Fragment, ...] = (
    Personal("shift/state.html", read_state),
    Shared("shift/colleague.html", read_colleagues),
    Shared("shift/queue.html", read_queue),
    Shared("shift/line.html", read_line),
)
