"""The people who have a case open. Kept in memory, since open pages report themselves again and again."""

from datetime import datetime, timedelta

LASTS = timedelta(seconds=45)
"""A page that has not asked for this time is closed."""

EVERY_S = 15
"""Seconds between two requests of a page."""


class Presence:
    """The people who have a case open."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[str, datetime]] = {}  # by case and account: name, last seen

    def open(self, reference: str, account: str, name: str, now: datetime) -> list[str]:
        """Note that somebody has a case open; return the names of the others."""
        self._open = {key: seen for key, seen in self._open.items() if seen[1] > now - LASTS}
        self._open[reference, account] = (name, now)
        return sorted(other for (case, who), (other, _) in self._open.items() if case == reference and who != account)

    def close(self, account: str, but: str) -> None:
        """Note that somebody has no case open but one."""
        self._open = {key: seen for key, seen in self._open.items() if key[1] != account or key[0] == but}
