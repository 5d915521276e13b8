"""The control API's event stream: what is live, as it changes (server-sent events)."""

import asyncio
import contextlib
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ivr.api import problems
from ivr.api.door import Patient
from ivr.api.event_hub import EventHub
from ivr.api.router import make_router

SEND_S = 10.0
"""The time that a reader may leave data unread before the connection is closed."""

router = make_router("events")


class EventStream(StreamingResponse):
    """The events for one reader, until they leave, are too slow, or the controller is stopped."""

    media_type = "text/event-stream"

    def __init__(self, hub: EventHub, last_id: str | None, *, send_s: float = SEND_S) -> None:
        # An event is old at once: nothing in between may keep it, or hold it back.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(iter(()), headers=headers)
        self._hub, self._last_id, self._send_s = hub, last_id, send_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._hub.place() as is_free:
            if not is_free:
                await _too_many(scope)(scope, receive, send)
                return
            async with asyncio.TaskGroup() as tasks:
                leaving = tasks.create_task(_until_gone(receive))
                sending = tasks.create_task(self._send_all(scope, send))
                await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
                leaving.cancel()
                sending.cancel()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        try:
            async with asyncio.timeout(self._send_s):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with contextlib.aclosing(self._hub.frames(self._last_id)) as frames:
                async for frame in frames:
                    async with asyncio.timeout(self._send_s):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            async with asyncio.timeout(self._send_s):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            Patient.cut(scope["client"])


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_many(scope: Scope) -> Response:
    detail = "Too many programs read the events; try again when one of them has ended."
    body = problems.encode(503, detail, scope["path"])
    return Response(body, 503, headers={"Retry-After": "5"}, media_type=problems.MEDIA_TYPE)


EVENTS = """\
Send what is live, and every change of it, until the client closes the connection.

The first event is a `snapshot`. After it come:

| event | data | when |
|---|---|---|
| `snapshot` | Snapshot | at the beginning, and again where the stream cannot go on where it was |
| `call` | Call | a call has begun or changed |
| `call_ended` | Gone | a call has ended |
| `queue` | Queue | the queue has changed; all of it |
| `operator` | Operator | an operator's state, telephone or call has changed |
| `alarm` | Alarm | something needs a person's attention |
| `alarm_cleared` | Gone | it no longer does |

Every event has an `id`. A client that comes back with the last one in `Last-Event-ID` gets what it missed instead of a
snapshot, if the controller still has it: up to 4,096 events or 4 MiB, for 60 s after the last reader has left, and
never from before a restart of the controller. A comment comes every second without an event, and says that the
line has been looked at and is as it was. A client that leaves events
unread for 10 s, or falls behind what is kept, is cut. At most 32 clients can read at once; the next one gets 503.

Changes within a fraction of a second are one event, which has the last of them."""


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems.documented(503),
    },
    description=EVENTS,
)
async def events(
    request: Request,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=100, description="The last event that was received.")
    ] = None,
) -> Response:
    return EventStream(request.app.state.events, last_event_id)
