"""Recordings of conversations: made only with the caller's consent, from the bridge, and kept in HATIF_HOME.

Asterisk does the recording, which ends with its bridge, even while there is no controller. The controller moves it to
its place when Asterisk reports the end, or when it finds the recording at a start.
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
from ivr.records.limit_counts import Limit
from ivr.records.recorder import Recorder
from ivr.records.voicemail import FORMAT, Mailbox

if TYPE_CHECKING:
    from db.read import Call as CallRow
    from db.read import RecordingRow

log = structlog.get_logger()

PREFIX = "conv-"
FOLDER = "recordings"

_ENDS_S, _LOOK_S = 0.5, 0.02
"""How long Asterisk may take to end a recording, and how often to check."""


async def begin(call: Call, bridge: str, offer: str) -> None:
    """Start to record the bridge if the caller agreed.

    The row, with the caller's consent, is on the disk before Asterisk records anything.
    """
    consent = Consent.decode(call.state.consent)
    if consent is None or not call.services.site.recording.conversations:
        return
    if not call.services.mailbox.has_room():
        call.services.recorder.counts.limits.reach(Limit.DISK)
        call.event("not_recorded", offer=offer, why=Limit.DISK.value)
        return
    call.services.recorder.recording(call.state, offer, recording_path(offer), consent)
    record = operations.RECORD_BRIDGE(bridge, name=f"{PREFIX}{offer}", format=FORMAT, ifExists="fail")
    (answer,) = await call.services.link.ask(record)
    if answer.ok:
        call.recording = "on"
        call.event("recorded", offer=offer)
        return
    log.error("Asterisk refused to record a conversation", call=call.state.id, status=answer.status)
    call.services.recorder.recording_ended(offer, 0)


async def find(call: Call, offer: str) -> None:
    """Find out whether a conversation that is older than this controller is being recorded.

    Asterisk keeps a pause: a secret that is dictated during a restart stays out of the recording.
    """
    if Consent.decode(call.state.consent) is None:
        return
    (live,) = await call.services.link.ask(operations.LIVE_RECORDING(f"{PREFIX}{offer}"))
    if live.ok:
        call.recording = "paused" if live.body["state"] == "paused" else "on"


async def set_paused(call: Call, offer: str, *, paused: bool) -> bool:
    """Pause the recording, or go on with it. Return False if that is not possible now.

    What is said during the pause is not kept anywhere, and the recording gets shorter by it.
    """
    if call.recording != ("on" if paused else "paused"):
        return False
    change = operations.PAUSE_RECORDING if paused else operations.UNPAUSE_RECORDING
    (answer,) = await call.services.link.ask(change(f"{PREFIX}{offer}"))
    if answer.ok:
        call.recording = "paused" if paused else "on"
    return answer.ok


async def end(call: Call, offer: str) -> None:
    """End the recording while its bridge exists: Asterisk does not report the end of one that ends with its bridge."""
    if Consent.decode(call.state.consent) is None or not call.services.site.recording.conversations:
        return
    call.recording = None
    name, loop = f"{PREFIX}{offer}", asyncio.get_running_loop()
    await call.services.link.ask(operations.STOP_RECORDING(name))
    until = loop.time() + _ENDS_S
    while loop.time() < until:
        (live,) = await call.services.link.ask(operations.LIVE_RECORDING(name))
        if not live.ok:
            return
        await asyncio.sleep(_LOOK_S)


async def keep(mailbox: Mailbox, name: str, recorder: Recorder) -> None:
    """Move a finished recording to its place and record its length."""
    await keep_leftover(mailbox, name, recorder)


async def keep_leftover(mailbox: Mailbox, name: str, recorder: Recorder) -> bool:
    """Do the same with a recording that was found at a start.

    Return whether it is incomplete because Asterisk ended before it had written everything. It stays with Asterisk
    while it cannot be opened, and is found again.
    """
    offer = name.removeprefix(PREFIX)
    try:
        seconds, cut = await asyncio.to_thread(_move_to_home, mailbox, name)
    except FileNotFoundError:
        return False  # already kept
    except OSError as error:
        log.error("A conversation could not be kept; it stays with Asterisk", recording=name, error=str(error))
        return False
    except (wave.Error, EOFError) as error:
        aside = await asyncio.to_thread(mailbox.put_aside, name)
        log.error("The recording of a conversation could not be kept", recording=aside or name, error=str(error))
        return True
    recorder.recording_ended(offer, seconds)
    return cut


def _move_to_home(mailbox: Mailbox, name: str) -> tuple[float, bool]:
    recording = mailbox.recording(name)
    cut = wav.repair(recording)
    seconds = wav.duration_s(recording)
    mailbox.move(name, recording_path(name.removeprefix(PREFIX)))
    return seconds, cut


async def close(
    mailbox: Mailbox, recording: "RecordingRow", call: "CallRow | None", recorder: Recorder, *, cut: bool
) -> None:
    """Complete the row of a recording that was left open. Missing audio is noted in the call's case."""
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


def recording_path(offer: str) -> str:
    """Return where the recording is kept, relative to HATIF_HOME."""
    return f"{FOLDER}/{offer}.{FORMAT}"
