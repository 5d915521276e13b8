"""`queue`: waits for an operator who speaks the caller's language, and talks to him."""

import time
from dataclasses import replace
from typing import Literal

from pydantic import Field

from ivr import consent
from ivr.call import Call
from ivr.flow.nodes.base import Node, NodeName, TextId, Topic
from ivr.flow.nodes.choice import Goes
from ivr.waiting import Talked, wait_for_operator
from routing.match import Step


class Queue(Node):
    kind: Literal["queue"]
    topic: Topic | None = None  # absent: that of the menu or guide which led here
    priority: int = Field(0, ge=-10, le=10)
    consent: TextId | None = None  # the question whether the conversation may be recorded, where the site records any
    next: NodeName  # after the conversation

    def leads_to(self) -> tuple[str, ...]:
        return (self.next,)

    def texts(self) -> tuple[str, ...]:
        asked = (self.consent, *consent.TEXTS) if self.consent is not None else ()
        return ("to_operator", "wait", "operator_gone", *asked)

    async def run(self, call: Call, resumed: bool) -> str | None:
        if self.topic is not None:
            call.set(replace(call.state, topic=self.topic))
        since = call.state.since
        if self.consent is not None and since is None:
            since = time.time()  # the question costs him no place
            goes = await consent.ask(call, self.consent)
            if isinstance(goes, Goes):
                return goes.to
        step = Step(call.state.language, call.services.site.operators.level, call.state.topic)
        ended = await wait_for_operator(call, (step,), self.priority, resumed, since)
        return self.next if ended is Talked.ENDED else call.flow.change_language
