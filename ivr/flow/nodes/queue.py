"""`queue`: waits for an operator who speaks the caller's language, and talks to him."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from ivr.call import Call
from ivr.flow.nodes.base import Node, NodeName
from ivr.waiting import Talked, wait_for_operator
from routing.match import Step


class Queue(Node):
    kind: Literal["queue"]
    topic: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{0,30}$")
    priority: int = Field(0, ge=-10, le=10)
    next: NodeName  # after the conversation

    def leads_to(self) -> tuple[str, ...]:
        return (self.next,)

    def texts(self) -> tuple[str, ...]:
        return ("to_operator", "wait", "operator_gone")

    async def run(self, call: Call, resumed: bool) -> str | None:
        call.set(replace(call.state, topic=self.topic))
        step = Step(call.state.language, call.services.site.operators.level, self.topic)
        ended = await wait_for_operator(call, (step,), self.priority, resumed)
        return self.next if ended is Talked.ENDED else call.flow.change_language
