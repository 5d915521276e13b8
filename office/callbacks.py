"""Call-back requests: listed with why each is not dialled now, taken over by a person, and cancelled.

What dials is the controller's (`ivr.callbacks`), as is asking it to: it reads the database every few seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db import callbacks
from db.audit import entry
from db.callback_requests import CallbackRequest
from db.callback_states import AT_WORK, RequestEvent, advance, end_orphaned
from db.engine import writing
from db.enums import CallbackKind, TryOutcome
from ivr.model.text import one_line
from ivr.site import callback_rules
from ivr.site.callback_facts import counts_minutes
from ivr.site.site import Site
from office.callback_reasons import LineNow, explain
from office.context import Office
from office.people import Actor, NotAllowedError, Permission, require
from office.reading import Reading, put_list_on_record
from office.taking import TakenError

LONGEST_WHY = 300
"""Characters."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A request, what was dialled for it (`db.callbacks.tries`), and why it is not dialled at this moment."""

    request: CallbackRequest
    tries: Sequence[Mapping[str, Any]]
    why_not: str


async def latest(office: Office, actor: Actor, reading: Reading, site: Site, line: LineNow, last: int) -> list[Listed]:
    """Return the requests that are not over and the `last` that are, newest first.

    Raises NotAllowedError, DatabaseError, NotOnRecordError.
    """
    require(actor, Permission.TAKE_CALLS)
    now = office.now()
    midnight = callback_rules.midnight(now, site.hours.timezone)
    requests = await callbacks.latest(office.engine, last)
    tries = await callbacks.tries(office.engine, [request.id for request in requests])
    dialled = await callbacks.count_dialled(office.engine, midnight, talked=counts_minutes(site))
    await put_list_on_record(office, actor, "callbacks", len(requests), reading, last=last)
    reasons = explain(requests, dialled, site, line, now)
    return [Listed(request, tries.get(request.id, ()), reasons[request.id]) for request in requests]


async def pending(office: Office, actor: Actor, reading: Reading) -> list[CallbackRequest]:
    """Return the requests that are not over, oldest first, but for calls that the line makes by itself.

    Raises as `latest` does.
    """
    require(actor, Permission.TAKE_CALLS)
    waiting = [row for row in await callbacks.pending(office.engine) if row.kind != CallbackKind.CASE]
    await put_list_on_record(office, actor, "callbacks", len(waiting), reading)
    return waiting


async def take(
    office: Office, actor: Actor, identity: str, *, operator: str | None = None, why: str = "", node_gone: bool = False
) -> CallbackRequest:
    """Take a request over: a person calls without Hatif, and the request is over. Return it as it is then.

    Args:
        identity: Its id, or the beginning of it.
        operator: The operator who takes it, if it is one.
        node_gone: Whether a node that works on it is gone for good.

    Raises:
        TakenError: It is being dialled, or over, or somebody else has just changed it.
        NotAllowedError, NotFoundError, DatabaseError: As their names say.
    """
    require(actor, Permission.TAKE_CALLS)
    request = await callbacks.find_request(office.engine, identity)
    reason = f"taken over by {operator or actor.id}"
    return await _end(office, actor, request, RequestEvent.TAKEN, reason, why, operator, node_gone)


async def cancel(
    office: Office, actor: Actor, identity: str, *, why: str = "", node_gone: bool = False
) -> CallbackRequest:
    """Cancel a request: nobody is called for it. An account cancels what its operator has taken, to call for it.

    Raises as `take` does.
    """
    require(actor, Permission.TAKE_CALLS)
    request = await callbacks.find_request(office.engine, identity)
    is_own = request.kind == CallbackKind.OPERATOR and request.operator_id == actor.operator
    if actor.role is not None and not is_own:
        raise NotAllowedError(f"{actor.id} may cancel only the call-back requests that they have taken.")
    reason = one_line(why, LONGEST_WHY) or "cancelled"
    return await _end(office, actor, request, RequestEvent.CANCELLED, reason, why, None, node_gone)


async def _end(
    office: Office,
    actor: Actor,
    request: CallbackRequest,
    event: RequestEvent,
    reason: str,
    why: str,
    operator: str | None,
    node_gone: bool,
) -> CallbackRequest:
    _check_free(request, office.node, node_gone=node_gone)
    now = office.now()
    if request.state in AT_WORK:
        over = end_orphaned(request, event, now, operator=operator, reason=reason)
    else:
        over = advance(request, event, now, operator=operator, reason=reason)
    data = {"number": over.number, "state": over.state}
    noted = entry(now, actor.id, f"callback_{event.value}", f"callback:{over.id}", **data)
    async with writing(office.engine) as connection:
        if not await callbacks.moved(connection, request, over, outcome=TryOutcome.LOST, at=now):
            raise TakenError("Somebody else has just changed that call-back request; look with `hatif callbacks`.")
        await connection.execute(noted.values(reason=one_line(why, LONGEST_WHY) or None))
    return over


def _check_free(request: CallbackRequest, here: str, *, node_gone: bool) -> None:
    """Raise TakenError if a controller works on the request, or nobody has anything to do for it."""
    if request.ended is not None:
        raise TakenError(f"That call-back request is over already ({request.state}); `hatif callbacks` shows it.")
    node = request.claim.node if request.claim is not None else here
    if request.state in AT_WORK and node == here:
        raise TakenError(f"That number is being called ({request.state}); wait until that is over.")
    if request.state in AT_WORK and not node_gone:
        raise TakenError(
            f"The node {node[:40]!r} is working on it ({request.state}); wait until that is over. If that node is gone "
            "for good: --node-gone."
        )
