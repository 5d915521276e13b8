"""`hours`: open or closed. Callers of a closed line hear why, if that concerns them, and when it opens next.

They hear it before any key counts, as they may have pressed keys for a line that is open.
"""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo, field_validator

from db.enums import Outcome
from ivr.audio import spoken
from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.node import CHANGE_LANGUAGE, Node, NodeName, TextId
from ivr.model import clock
from routing.hours import Answer


class Hours(Node):
    kind: Literal["hours"]
    open: NodeName
    closed: NodeName
    text: TextId | None = None  # played when the line is closed
    holiday: TextId | None = None  # replaces it on a holiday
    forced: TextId | None = None  # replaces it when the line was forced closed

    @field_validator("holiday", "forced")
    @classmethod
    def _instead(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and info.data.get("text", text) is None:
            raise ValueError(f"{info.field_name} replaces text, which is missing; write text too")
        return text

    def leads_to(self) -> tuple[str, ...]:
        return (self.open, self.closed)

    def answers(self) -> bool:
        return False

    def texts(self) -> tuple[str, ...]:
        texts = tuple(text for text in (self.text, self.holiday, self.forced) if text is not None)
        return (*texts, *(sorted(spoken.OPENS_IDS) if self.text is not None else ()))

    async def run(self, call: Call, resumed: bool) -> str | None:
        state, opening = call.state, call.services.opening
        answer = opening.answer(line=state.number, language=state.language)
        still = await _still_served(call) if not answer.open and not answer.forced else {}
        call.event("hours", open=answer.open, why=answer.why, **still)
        if answer.open or still or call.training is not None:
            return self.open
        call.set(state.replace(outcome=state.outcome or Outcome.CLOSED))
        if self.text is None:
            return self.closed
        await call.say_whole(self._why(answer) or self.text, *self._opens(call))
        if call.keys and call.keys[0] == CHANGE_LANGUAGE:
            call.take_key()
            return call.flow.change_language
        return self.closed

    def _why(self, answer: Answer) -> str | None:
        if answer.forced:
            return self.forced
        return self.holiday if answer.holiday is not None else None

    def _opens(self, call: Call) -> list[Clip]:
        state, now = call.state, clock.now()
        opens = call.services.opening.opens_next(now, line=state.number, language=state.language)
        if opens is None:
            return []
        site = call.services.site
        zones = ZoneInfo(site.hours.timezone), site.zone_of(state.country)
        return spoken.opening_clips(state.language, opens, now, *zones)


async def _still_served(call: Call) -> dict[str, bool]:
    """Return why a caller is served after closing time, or nothing.

    They called while the line was open and still wait, in this call or in an earlier one that was cut off.
    """
    state = call.state
    if state.connected_at is not None:
        return {}
    if state.since is not None:
        return {"waits": True}
    if not state.returns and await call.services.returners.has_place(state):
        call.set(state.replace(returns=True))
    return {"returns": True} if call.state.returns else {}
