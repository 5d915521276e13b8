"""Calls that the dialplan led by itself, brought into the records when the controller is back."""

import asyncio
from uuid import UUID

import structlog

from db.ids import call_id
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.fallback_records import FAMILY, FallbackCall, parse
from ivr.call.first_state import carrier_named
from ivr.model.e164 import normalise
from ivr.records.recorder import Recorder
from ivr.site.site import Site

log = structlog.get_logger()

_AGAIN_S = 0.1


async def import_fallback_calls(ami: Ami, recorder: Recorder, site: Site, recorded: set[str]) -> None:
    """Records the calls that have ended, and then forgets them in AstDB. Done twice, it has the effect of once.

    `recorded`: their ids are added to it. A record without an end whose channel Asterisk does not have any more (it was
    restarted) has ended as well.
    """
    try:
        live = {row.get("Uniqueid", "") for row in await ami.listing("CoreShowChannels")}
        records = parse(await ami.db_tree(FAMILY), live)
        for call in records.calls:
            recorded.add(_record(call, recorder, site))
            await ami.db_delete_tree(FAMILY, call.id)
        for identity, sentence in records.broken.items():
            log.error("A record of the fallback was thrown away", what=sentence)
            await ami.db_delete_tree(FAMILY, identity)
    except AmiError as error:
        log.warning("The fallback's calls could not be read; they are kept and tried again", error=str(error))


async def calls_in_fallback(ami: Ami) -> set[str]:
    """The ids of calls that the controller had and the dialplan has now, or had, and that are not recorded yet.

    Waits for the manager's link: without its answer they would be taken for lost.
    """
    while True:
        try:
            kept = await ami.db_tree(FAMILY)
            break
        except AmiError as error:
            log.debug("Which calls the dialplan has is not known yet", error=str(error))
            await asyncio.sleep(_AGAIN_S)
    return {value for key, value in kept.items() if key.endswith("/call") and _is_id(value)}


async def channels_up(ami: Ami) -> set[str]:
    """The ids of all channels that Asterisk has. Waits for the manager's link, as `calls_in_fallback` does."""
    while True:
        try:
            return {row.get("Uniqueid", "") for row in await ami.listing("CoreShowChannels")}
        except AmiError as error:
            log.debug("Which channels there are is not known yet", error=str(error))
            await asyncio.sleep(_AGAIN_S)


def _record(call: FallbackCall, recorder: Recorder, site: Site) -> str:
    """The id is made from the channel's own, so that a record that is read again after a crash is the same call."""
    identity = call.call if call.call and _is_id(call.call) else None
    identity = identity or str(call_id(site.node, call.id, int(call.started.timestamp() * 1000)))
    caller = normalise(call.caller or "", site.number_rules(carrier_named(call.carrier), call.number))
    recorder.fallback_call(identity, call, caller)
    log.info("A call of the fallback was recorded", call=identity, status=call.status.value, operator=call.operator)
    return identity


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
