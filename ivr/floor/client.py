"""The floor as the rest of the controller sees it: messages there, and what came back of operators."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from db.ids import uuid7
from ivr.model import floor_protocol
from ivr.model.floor_protocol import (
    Change,
    ChangeDone,
    ColleagueCall,
    OperatorEvent,
    Queue,
    QueuedCall,
    ToClient,
    ToFloor,
)
from routing.states import Operator

A = TypeVar("A", ChangeDone, Queue)

_ANSWER_S = 2.0


class FloorClient:
    """`tell` brings a message to the floor; what it answers is given to `deliver`."""

    def __init__(self, tell: Callable[[ToFloor], None], begin: floor_protocol.Begin) -> None:
        self.tell = tell
        self._operators = {operator.id: operator for operator in begin.operators}
        self._answers: dict[str, asyncio.Future[ChangeDone | Queue]] = {}
        tell(begin)

    @property
    def operators(self) -> Mapping[str, Operator]:
        """All operators by id, as the floor last showed them."""
        return self._operators

    def deliver(self, message: ToClient) -> None:
        """Take what the floor has sent."""
        match message:
            case floor_protocol.OperatorChanged(operator):
                self._operators[operator.id] = operator
            case ChangeDone(identity) | Queue(identity):
                answer = self._answers.pop(identity, None)
                if answer is not None and not answer.done():
                    answer.set_result(message)

    async def change(self, message: OperatorEvent | ColleagueCall) -> Operator:
        """Return the operator as they are after this change, before they are offered anything. Raises TimeoutError."""
        changed = await self._ask(lambda identity: Change(identity, message, time.time() + _ANSWER_S), ChangeDone)
        return changed.operator

    async def queue(self) -> tuple[QueuedCall, ...]:
        """Return all who wait for an offer, the next one first. Raises TimeoutError."""
        queue = await self._ask(floor_protocol.AskQueue, Queue)
        return queue.calls

    async def _ask(self, message: Callable[[str], ToFloor], kind: type[A]) -> A:
        identity = str(uuid7())
        self._answers[identity] = asyncio.get_running_loop().create_future()
        try:
            self.tell(message(identity))
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._answers[identity]
        finally:
            self._answers.pop(identity, None)
        assert isinstance(answer, kind)
        return answer
