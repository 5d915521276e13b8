"""`hours`: open or closed."""

from dataclasses import replace
from typing import Literal

from db.words import Outcome
from ivr.call import Call
from ivr.flow.nodes.base import Node, NodeName


class Hours(Node):
    kind: Literal["hours"]
    open: NodeName
    closed: NodeName
    forced: NodeName | None = None  # where a line leads that was closed against the plan; absent: as `closed`

    def leads_to(self) -> tuple[str, ...]:
        return (self.open, self.closed, *([self.forced] if self.forced else ()))

    async def run(self, call: Call, resumed: bool) -> str | None:
        answer = call.services.opening()
        call.event("hours", open=answer.open, why=answer.why)
        if not answer.open:
            call.set(replace(call.state, outcome=Outcome.CLOSED))
        closed = self.forced if answer.forced and self.forced is not None else self.closed
        return self.open if answer.open else closed
