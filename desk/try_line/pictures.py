"""The flow's picture in each language that somebody looks at, kept for a minute: it costs the controller 50 ms."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.control import ControlClient

KEPT = timedelta(minutes=1)
ACTOR = "desk"


@dataclass(frozen=True, slots=True)
class _Kept:
    svg: str
    read: datetime


class Pictures:
    """The pictures of one line's flow."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._kept: dict[str, _Kept] = {}

    async def in_language(self, language: str, now: datetime) -> str:
        """Return the picture as SVG, with texts in a language of the site. Raises ControlError."""
        kept = self._kept.get(language)
        if kept is None or now >= kept.read + KEPT:
            answer = await self._control.ask("GET", f"/flow/picture?language={language}", ACTOR)
            kept = self._kept[language] = _Kept(str(answer["svg"]), now)
        return kept.svg
