"""Operator requests from outside a call's own coroutine: delivered to the call, and its answer returned."""

import asyncio
import itertools
from typing import TYPE_CHECKING

from ivr.model import floor_protocol
from ivr.talk.operator_requests import Act, Refusal, Target

if TYPE_CHECKING:
    from ivr.call.call import Call

_ANSWER_S = 5.0
"""How long a call may take to answer; it takes some milliseconds."""


class RequestInbox:
    """The unanswered requests of one connection."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[str, asyncio.Future[str | None]] = {}

    def answer(self, request: str, why_not: str | None) -> None:
        """Take the answer of a call: None if the request is granted, otherwise a `Refusal`."""
        future = self._open.get(request)
        if future is not None and not future.done():
            future.set_result(why_not)

    async def ask(
        self,
        call: "Call",
        act: Act,
        target: Target | None = None,
        *,
        way: str,
        by: str | None = None,
        channel: str | None = None,
    ) -> Refusal | None:
        """Ask a call for something. Return None if it is done or has begun.

        Args:
            by: The operator who asks, and must have the caller; None: somebody at the API, whoever has them.
            channel: The operator's line on which they ask.
        """
        if call.state.offer is None:
            return Refusal.NOT_NOW
        target = target or Target()
        number = str(next(self._numbers))
        future = self._open[number] = asyncio.get_running_loop().create_future()
        call.deliver(
            floor_protocol.OperatorRequest(
                call=call.state.id,
                id=number,
                act=act.value,
                way=way,
                by=by,
                operator=target.operator,
                language=target.language,
                topic=target.topic,
                supervisor=target.supervisor,
                channel=channel,
            )
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                why_not = await future
        except TimeoutError:
            return Refusal.NOT_NOW  # the call is over, or busy with something else by now
        finally:
            del self._open[number]
        return Refusal(why_not) if why_not is not None else None
