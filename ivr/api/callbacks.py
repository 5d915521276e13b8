"""The control API's part about calling back: wishes, and what people do with them. Every change is in `audit`."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, TryOutcome
from db.ids import uuid7
from ivr.callbacks import listing
from ivr.callbacks.request_states import AT_WORK, RequestEvent, advance, end_orphaned
from ivr.hours.opening import one_line
from ivr.model import clock
from ivr.model.e164 import country_of, normalise
from ivr.records.callback_records import record_audit, record_request
from ivr.site import callback_rules
from ivr.site.callback_numbers import refusal

if TYPE_CHECKING:
    from ivr.controller.controller import Controller

AWAY = "The database is away; nothing was changed and nobody is called. Try again when it is back."


class Deed(BaseModel):
    """`by`: who does it; `operator`: who takes it over, if that is one; `gone`: the node that is at it is there no
    more."""

    by: str = Field("administrator", max_length=60)
    why: str = Field("", max_length=300)
    operator: str | None = Field(None, max_length=20)
    gone: bool = False


class New(BaseModel):
    number: str = Field(max_length=40)
    language: str | None = Field(None, max_length=3)
    topic: str | None = Field(None, max_length=31, pattern=r"^[a-z][a-z0-9_]*$")
    by: str = Field("administrator", max_length=60)


def router(controller: "Controller") -> APIRouter:
    api = APIRouter()
    site, book = controller.site, controller.repository

    @api.get("/callbacks")
    async def callbacks(last: Annotated[int, Query(ge=0, le=1000)] = 20) -> list[dict[str, Any]]:
        """Those that are not over, and the `last` that are."""
        now = clock.now()
        midnight = callback_rules.midnight(now, site.hours.timezone)
        found = await book.list_latest(last, midnight)
        if found is None:
            raise HTTPException(503, f"{AWAY} ({book.why})")
        wishes, tries, dialled = found
        floor = controller.session.floor if controller.session is not None else None
        queue = await floor.queue() if floor is not None else None
        places = {each.call: place for place, each in enumerate(queue, 1)} if queue is not None else None
        return listing.rows(wishes, tries, dialled, site, controller.opening, now, places)

    @api.post("/callbacks")
    async def add(new: New) -> dict[str, Any]:
        number = normalise(new.number) or new.number.strip()
        language = new.language or site.language_order(country_of(number))[0]
        if (why := refusal(number, site)) is not None:
            raise HTTPException(422, f"{number!r} {callback_rules.REFUSED[why]}.")
        if language not in site.languages:
            raise HTTPException(422, f"{language!r} is no language of this site; it has {', '.join(site.languages)}.")
        now = clock.now()
        wish = CallbackRequest(
            uuid7(), site.node, CallbackKind.CLOSED, "wished", number, now,
            country=country_of(number), language=language, topic=new.topic, due=now,
        )  # fmt: skip
        record_request(controller.recorder, wish)
        record_audit(controller.recorder, wish, "callback_added", one_line(new.by, 60), "")
        return {"id": str(wish.id)}

    @api.post("/callbacks/{identity}/take")
    async def take(identity: str, deed: Deed) -> dict[str, Any]:
        """Somebody calls by hand: the wish is over."""
        known = [each.id for each in controller.operators]
        if deed.operator is not None and deed.operator not in known:
            raise HTTPException(422, f"There is no operator {deed.operator!r}; `hatif operators` lists them.")
        return await ended(
            identity, deed, RequestEvent.TAKEN, f"taken over by {deed.operator or one_line(deed.by, 60)}"
        )

    @api.post("/callbacks/{identity}/cancel")
    async def cancel(identity: str, deed: Deed) -> dict[str, Any]:
        return await ended(identity, deed, RequestEvent.CANCELLED, one_line(deed.why, 300) or "cancelled")

    async def ended(identity: str, deed: Deed, what: RequestEvent, reason: str) -> dict[str, Any]:
        wish = await asked(identity)
        if wish.ended is not None:
            raise HTTPException(409, f"That wish is over already ({wish.state}); `hatif callbacks` shows it.")
        now, node = clock.now(), wish.claim.node if wish.claim is not None else site.node
        if wish.state in AT_WORK and node == site.node:
            raise HTTPException(409, f"That number is being called ({wish.state}); wait until that is over.")
        if wish.state in AT_WORK and not deed.gone:
            found = f"The node {node[:40]!r} is at it ({wish.state}); wait until that is over."
            raise HTTPException(409, f"{found} If that node is gone for good: --node-gone (`gone` in the control API).")
        if wish.state in AT_WORK:
            moved = end_orphaned(wish, what, now, operator=deed.operator, reason=reason)
        else:
            moved = advance(wish, what, now, operator=deed.operator, reason=reason)
        if not await book.move(wish, moved, outcome=TryOutcome.LOST, at=now):
            raise HTTPException(409, "The wish has just been moved by somebody else; look with `hatif callbacks`.")
        record_audit(
            controller.recorder, moved, f"callback_{what.value}", one_line(deed.by, 60), one_line(deed.why, 300)
        )
        if controller.session is not None:
            controller.session.dispatcher.look()
        return {"id": str(wish.id), "state": moved.state, "reason": moved.reason}

    async def asked(identity: str) -> CallbackRequest:
        found = await book.find(identity)
        if found is None:
            raise HTTPException(503, f"{AWAY} ({book.why})")
        if isinstance(found, str):
            raise HTTPException(404, f"{found[:1].upper()}{found[1:]}.")
        return found

    return api
