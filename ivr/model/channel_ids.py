"""Asterisk's own ids of channels: `<systemname>-<POSIX seconds>.<number>`; the first part may be missing."""

import re

_BORN = re.compile(r"(?:.*-)?([0-9]{10})\.[0-9]+")


def born(channel: str) -> int | None:
    """Return when a channel was made, in POSIX seconds; None for an id that Asterisk has not made."""
    found = _BORN.fullmatch(channel)
    return int(found[1]) if found is not None else None
