"""Calls that the dialplan led by itself, brought into the records when the controller is back."""

import asyncio
from collections.abc import Mapping, Set
from uuid import UUID

import structlog

from ivr.ami import Ami, AmiError
from ivr.beginning import carrier_named, identity_of
from ivr.e164 import normalise
from ivr.fallback_records import FAMILY, FallbackCall, parse
from ivr.records import Recorder
from ivr.site import Site

log = structlog.get_logger()

_AGAIN_S = 0.1


async def import_fallback_calls(ami: Ami, recorder: Recorder, site: Site, recorded: set[str]) -> None:
    """Records the calls that have ended, and then forgets them in AstDB. Done twice, it has the effect of once.

    `recorded`: their ids are added to it. A record without an end whose channel Asterisk does not have any more (it was
    restarted) has ended as well. If the controller had the call by then, it ends the call's row itself (`ivr/lost.py`),
    and the record is only forgotten.
    """
    try:
        records = parse(*await _kept(ami))
        for identity in records.taken:
            log.info("A record of the fallback is forgotten: the controller had the call", channel=identity)
            await ami.db_delete_tree(FAMILY, identity)
        for call in records.calls:
            recorded.add(_record(call, recorder, site))
            await ami.db_delete_tree(FAMILY, call.id)
        for identity, sentence in records.broken.items():
            log.error("A record of the fallback was thrown away", what=sentence)
            await ami.db_delete_tree(FAMILY, identity)
    except AmiError as error:
        log.warning("The fallback's calls could not be read; they are kept and tried again", error=str(error))


async def calls_in_fallback(ami: Ami, site: Site) -> set[str]:
    """The ids of calls that the dialplan has now, or had, and that are not recorded yet.

    Not of those that the controller had taken from it when Asterisk went down: their rows are the controller's to end.
    Waits for the manager's link: without its answer they would be taken for lost.
    """
    while True:
        try:
            tree, live = await _kept(ami)
            break
        except AmiError as error:
            log.debug("Which calls the dialplan has is not known yet", error=str(error))
            await asyncio.sleep(_AGAIN_S)
    records = parse(tree, live)
    going_on = {tree.get(f"{channel}/call", "") for channel in records.open}
    return {identity for identity in going_on if _is_id(identity)} | {_identity(call, site) for call in records.calls}


async def _kept(ami: Ami) -> tuple[Mapping[str, str], Set[str]]:
    """The family in AstDB, and the ids of all channels that Asterisk had before or after: a call that begins or ends
    while they are read goes on. Raises AmiError."""
    before = await _channels(ami)
    tree = await ami.db_tree(FAMILY)
    return tree, before | await _channels(ami)


async def _channels(ami: Ami) -> Set[str]:
    return {row.get("Uniqueid", "") for row in await ami.listing("CoreShowChannels")}


async def channels_up(ami: Ami) -> Set[str]:
    """The ids of all channels that Asterisk has. Waits for the manager's link, as `calls_in_fallback` does."""
    while True:
        try:
            return await _channels(ami)
        except AmiError as error:
            log.debug("Which channels there are is not known yet", error=str(error))
            await asyncio.sleep(_AGAIN_S)


def _identity(call: FallbackCall, site: Site) -> str:
    """The call's id, which is the same when its record is read again after a crash."""
    return call.call if call.call and _is_id(call.call) else identity_of(site.node, call.id, call.started)


def _record(call: FallbackCall, recorder: Recorder, site: Site) -> str:
    identity = _identity(call, site)
    caller = normalise(call.caller or "", site.number_rules(carrier_named(call.carrier), call.number))
    recorder.fallback_call(identity, call, caller)
    log.info("A call of the fallback was recorded", call=identity, status=call.status.value, operator=call.operator)
    return identity


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
