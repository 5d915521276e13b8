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

    def leads_to(self) -> tuple[str, ...]:
        return (self.open, self.closed)

    async def run(self, call: Call, resumed: bool) -> str | None:
        answer = call.services.opening()
        call.event("hours", open=answer.open, why=answer.why)
        if not answer.open:
            call.set(replace(call.state, outcome=Outcome.CLOSED))
        return self.open if answer.open else self.closed
