"""Which sign-in is listening to which sound: browsers ask for a sound in parts, which are one act of listening."""

import re
from datetime import datetime, timedelta
from uuid import UUID

LASTS = timedelta(minutes=30)
"""Parts that are asked for within this time of each other are one act."""

_LATER = re.compile(r"bytes=0*[1-9][0-9]{0,11}-[0-9]{0,12}")
"""One range that is not from the beginning on."""


class Listening:
    """The sounds that people listen to now."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, UUID], datetime] = {}  # by sign-in and sound

    def goes_on(self, mark: str, sound: UUID, wanted: str, now: datetime) -> bool:
        """Return whether a request goes on with a sound whose beginning this sign-in has asked for.

        Args:
            mark: `SignedIn.mark`.
            wanted: The request's header `Range`; empty without one.
        """
        self._heard = {key: at for key, at in self._heard.items() if at > now - LASTS}
        return (mark, sound) in self._heard and _LATER.fullmatch(wanted.strip()) is not None

    def note(self, mark: str, sound: UUID, now: datetime) -> None:
        """Note that somebody listens, once that is on record."""
        self._heard[mark, sound] = now
