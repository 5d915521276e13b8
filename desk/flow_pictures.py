"""The flow's picture in each language that somebody looks at, kept for a minute: it costs the controller 50 ms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from desk.control import ControlClient

KEPT = timedelta(minutes=1)
ACTOR = "desk"


@dataclass(frozen=True, slots=True)
class FlowPicture:
    """The flow of new calls as SVG. `nodes`: the kind of each node, by name, in the order of the flow."""

    svg: str
    start: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)


class FlowPictures:
    """The pictures of one line's flow."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._kept: dict[str, tuple[datetime, FlowPicture]] = {}

    async def in_language(self, language: str, now: datetime) -> FlowPicture:
        """Return the picture with texts in a language of the site. Raises ControlError."""
        kept = self._kept.get(language)
        if kept is None or not kept[0] <= now < kept[0] + KEPT:
            answer = await self._control.ask("GET", f"/flow/picture?language={language}", ACTOR)
            picture = FlowPicture(str(answer["svg"]), str(answer.get("start", "")), answer.get("nodes", {}))
            kept = self._kept[language] = (now, picture)
        return kept[1]
