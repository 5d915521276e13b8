"""Recordings of conversations: only with the caller's consent, from the bridge, and kept in HATIF_HOME.

Asterisk records; a recording ends with its bridge, also while there is no controller. Whoever is told that it has
ended, or finds it at a start, brings it to where recordings are kept.
"""

import asyncio
import wave
from typing import TYPE_CHECKING

import structlog

from ivr.asterisk.ari import operations
from ivr.audio import wav
from ivr.call.call import Call
from ivr.model.call_state import Consent
from ivr.records import orphaned_records
from ivr.records.recorder import Recorder
from ivr.records.voicemail import FORMAT, Mailbox

if TYPE_CHECKING:
    from db.read import Call as CallRow
    from db.read import RecordingRow

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
    """Bring a recording that has ended to where it is kept, and say how long it is."""
    await keep_found(mailbox, name, recorder)


async def keep_found(mailbox: Mailbox, name: str, recorder: Recorder) -> bool:
    """Do the same with one that was found at a start.

    Return whether it was cut off, since Asterisk ended before it had written all of it.
    """
    offer = name.removeprefix(PREFIX)
    try:
        seconds, cut = await asyncio.to_thread(_kept, mailbox, name)
    except FileNotFoundError:
        return False  # it is kept already
    except (OSError, wave.Error, EOFError) as error:
        aside = await asyncio.to_thread(mailbox.put_aside, name)
        log.error("The recording of a conversation could not be kept", recording=aside or name, error=str(error))
        return True
    recorder.recording_ended(offer, seconds)
    return cut


def _kept(mailbox: Mailbox, name: str) -> tuple[float, bool]:
    recording = mailbox.recording(name)
    cut = wav.repair(recording)
    seconds = wav.duration_s(recording)
    mailbox.move(name, file_of(name.removeprefix(PREFIX)))
    return seconds, cut


async def close(
    mailbox: Mailbox, recording: "RecordingRow", call: "CallRow | None", recorder: Recorder, *, cut: bool
) -> None:
    """End the row of a recording that was left open. What is missing of the recording is noted in the call's case."""
    try:
        seconds = await asyncio.to_thread(wav.duration_s, mailbox.home / recording.file)
    except (OSError, wave.Error, EOFError):
        seconds = 0.0
    recorder.recording_ended(str(recording.id), seconds)
    if call is not None and call.case is not None and (cut or not seconds):
        what = f"was cut off after {seconds:.0f} s" if seconds else "was lost"
        orphaned_records.record_note(
            recorder, recording.id, call.case, call.id, f"The recording of the conversation {what}: Asterisk ended."
        )


def file_of(offer: str) -> str:
    """Where the recording is kept, in HATIF_HOME."""
    return f"{FOLDER}/{offer}.{FORMAT}"
