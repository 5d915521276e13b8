"""Recordings of conversations: only with the caller's consent, from the bridge, and kept in HATIF_HOME.

Asterisk records; a recording ends with its bridge, also while there is no controller. Whoever is told that it has
ended, or finds it at a start, brings it to where recordings are kept.
"""

import asyncio
import wave

import structlog

from ivr.ari import operations
from ivr.call import Call
from ivr.messages_left import FORMAT, Mailbox, duration_s
from ivr.records import Recorder
from ivr.state import Consent

log = structlog.get_logger()

PREFIX = "conv-"
FOLDER = "recordings"

_ENDS_S, _LOOK_S = 0.5, 0.02
"""How long Asterisk may take to end a recording, and how often it is asked."""


async def begin(call: Call, bridge: str, offer: str) -> None:
    """Records what is said in the bridge from now on, if the caller agreed. The row, with his consent, is on the disk
    before Asterisk records anything."""
    consent = Consent.decode(call.state.consent)
    if consent is None or not call.services.site.recording.conversations:
        return
    call.services.recorder.recording(call.state, offer, file_of(offer), consent)
    record = operations.RECORD_BRIDGE(bridge, name=f"{PREFIX}{offer}", format=FORMAT, ifExists="fail")
    (answer,) = await call.services.link.ask(record)
    if answer.ok:
        call.event("recorded", offer=offer)
        return
    log.error("A conversation is not recorded: Asterisk refused it", call=call.state.id, status=answer.status)
    call.services.recorder.recording_ended(offer, 0)


async def end(call: Call, offer: str) -> None:
    """Ends the recording while its bridge is still there: Asterisk tells nobody of one that ends with its bridge."""
    if Consent.decode(call.state.consent) is None or not call.services.site.recording.conversations:
        return
    name, loop = f"{PREFIX}{offer}", asyncio.get_running_loop()
    await call.services.link.ask(operations.STOP_RECORDING(name))
    until = loop.time() + _ENDS_S
    while loop.time() < until:
        (live,) = await call.services.link.ask(operations.LIVE_RECORDING(name))
        if not live.ok:
            return
        await asyncio.sleep(_LOOK_S)


async def keep(mailbox: Mailbox, name: str, recorder: Recorder) -> None:
    """Brings a recording that has ended to where it is kept, and says how long it is."""
    offer = name.removeprefix(PREFIX)

    def kept() -> float:
        seconds = duration_s(mailbox.recording(name))
        mailbox.move(name, file_of(offer))
        return seconds

    try:
        recorder.recording_ended(offer, await asyncio.to_thread(kept))
    except FileNotFoundError:
        return  # it is kept already
    except (OSError, wave.Error, EOFError) as error:
        log.error("The recording of a conversation could not be kept", recording=name, error=str(error))


def file_of(offer: str) -> str:
    """Where the recording is kept, in HATIF_HOME."""
    return f"{FOLDER}/{offer}.{FORMAT}"
