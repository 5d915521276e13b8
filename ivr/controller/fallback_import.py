"""The dialplan's records of calls that it handled by itself, in AstDB: which there are, and their end once imported."""

from collections.abc import Collection, Mapping, Set
from uuid import UUID

import structlog

from background.retrying import until_done
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.fallback_records import FAMILY, FallbackCall, parse
from ivr.call.first_state import call_id_of, carrier_named
from ivr.model.e164 import normalise
from ivr.site.site import Site

log = structlog.get_logger()

_RETRY_S = 0.1


async def ended_calls(ami: Ami, site: Site) -> dict[str, tuple[FallbackCall, str | None]]:
    """Return the calls that have ended in the dialplan, each with its caller in E.164, by the call's id.

    A record without an end whose channel Asterisk no longer has (it was restarted) has ended as well. If the controller
    had taken the call by then, it closes the call's row itself (`ivr/controller/orphaned_rows.py`), and the record is
    deleted here; so is one of which nothing can be read.

    Raises:
        AmiError: Asterisk does not answer.
    """
    records = parse(*await _kept(ami))
    for identity in records.taken:
        log.info("A record of the fallback was deleted: the controller had taken the call", channel=identity)
    for sentence in records.broken.values():
        log.error("A malformed record of the fallback was deleted", what=sentence)
    await forget(ami, (*records.taken, *records.broken))
    return {
        _identity(call, site): (
            call,
            normalise(call.caller or "", site.number_rules(carrier_named(call.carrier), call.number)),
        )
        for call in records.calls
    }


async def forget(ami: Ami, channels: Collection[str]) -> None:
    """Delete the records of these channels. Raises AmiError."""
    for channel in channels:
        await ami.db_delete_tree(FAMILY, channel)


async def calls_in_fallback(ami: Ami, site: Site) -> set[str]:
    """Return the ids of calls that the dialplan has now, or had, and that are not recorded yet.

    Calls that the controller had taken over when Asterisk went down are not among them: the controller closes their
    rows. Waits for the manager link: without its answer these calls would be taken for orphaned.
    """
    tree, live = await until_done(lambda: _kept(ami), AmiError, _RETRY_S, "The dialplan's calls are not known yet")
    records = parse(tree, live)
    going_on = {tree.get(f"{channel}/call", "") for channel in records.open}
    return {identity for identity in going_on if _is_id(identity)} | {_identity(call, site) for call in records.calls}


async def _kept(ami: Ami) -> tuple[Mapping[str, str], Set[str]]:
    """Return the family in AstDB, and the ids of all channels that Asterisk had before or after reading it.

    So a call that begins or ends meanwhile counts as up. Raises AmiError.
    """
    before = await _channels(ami)
    tree = await ami.db_tree(FAMILY)
    return tree, before | await _channels(ami)


async def _channels(ami: Ami) -> Set[str]:
    return {row.get("Uniqueid", "") for row in await ami.listing("CoreShowChannels")}


async def channels_up(ami: Ami) -> Set[str]:
    """Return the ids of all channels that Asterisk has. Waits for the manager link, as `calls_in_fallback` does."""
    return await until_done(lambda: _channels(ami), AmiError, _RETRY_S, "Asterisk's channels are not known yet")


def _identity(call: FallbackCall, site: Site) -> str:
    """Return the call's id, which is the same when its record is read again after a crash."""
    return call.call if call.call and _is_id(call.call) else call_id_of(site.node, call.id, call.started)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
