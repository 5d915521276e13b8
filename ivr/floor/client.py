"""The floor as the rest of the controller sees it: messages to it, and its operators as it last showed them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from db.ids import uuid7
from ivr.model import floor_protocol
from ivr.model.floor_protocol import (
    Change,
    ChangeDone,
    ColleagueCall,
    OperatorEvent,
    Outlook,
    Queue,
    QueuedCall,
    ToClient,
    ToFloor,
)
from routing.states import Operator

A = TypeVar("A", ChangeDone, Queue, Outlook)

_ANSWER_S = 2.0


class FloorClient:
    """A client of the floor. `tell` sends a message to it; its answers are passed to `deliver`."""

    def __init__(self, tell: Callable[[ToFloor], None], begin: floor_protocol.Begin) -> None:
        self.tell = tell
        self._operators = {operator.id: operator for operator in begin.operators}
        self._answers: dict[str, asyncio.Future[ChangeDone | Queue | Outlook]] = {}
        tell(begin)

    @property
    def operators(self) -> Mapping[str, Operator]:
        """All operators by id, as the floor last showed them."""
        return self._operators

    def deliver(self, message: ToClient) -> None:
        """Take a message of the floor."""
        match message:
            case floor_protocol.OperatorChanged(operator):
                self._operators[operator.id] = operator
            case floor_protocol.OperatorGone(identity):
                self._operators.pop(identity, None)
            case ChangeDone(identity) | Queue(identity) | Outlook(identity):
                answer = self._answers.pop(identity, None)
                if answer is not None and not answer.done():
                    answer.set_result(message)

    async def change(self, message: OperatorEvent | ColleagueCall) -> Operator:
        """Make a change, and return the operator as they are after it, before they are offered a call.

        Raises:
            TimeoutError: The floor did not answer in time.
        """
        changed = await self._ask(lambda identity: Change(identity, message, time.time() + _ANSWER_S), ChangeDone)
        return changed.operator

    async def queue(self) -> tuple[QueuedCall, ...]:
        """Return all callers who wait for an offer, the next one first.

        Raises:
            TimeoutError: The floor did not answer in time.
        """
        queue = await self._ask(floor_protocol.AskQueue, Queue)
        return queue.calls

    async def outlook(self, languages: Sequence[str]) -> Mapping[str, float | None]:
        """Return how long a caller who came now would wait in each language, in seconds; None: not known.

        Raises:
            TimeoutError: The floor did not answer in time.
        """
        found = await self._ask(lambda identity: floor_protocol.AskOutlook(identity, tuple(languages)), Outlook)
        return dict(found.expected_s)

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
