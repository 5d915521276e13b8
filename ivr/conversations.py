"""Recordings of conversations: only with the caller's consent, from the bridge, and kept in HATIF_HOME.

Asterisk records; a recording ends with its bridge, also while there is no controller. Whoever is told that it has
ended, or finds it at a start, brings it to where recordings are kept.
"""

import asyncio
import shutil
import wave
from pathlib import Path

import structlog

from ivr.agreed import decode
from ivr.ari import operations
from ivr.call import Call
from ivr.messages_left import FORMAT, duration_s
from ivr.records import Recorder

log = structlog.get_logger()

PREFIX = "conv-"
FOLDER = "recordings"

_ENDS_S, _LOOK_S = 0.5, 0.02
"""How long Asterisk may take to end a recording, and how often it is asked."""


async def begin(call: Call, bridge: str, offer: str) -> None:
    """Records what is said in the bridge from now on, if the caller agreed. The row is there once Asterisk records."""
    consent = decode(call.state.consent)
    if consent is None or not call.services.site.recording.conversations:
        return
    record = operations.RECORD_BRIDGE(bridge, name=f"{PREFIX}{offer}", format=FORMAT, ifExists="fail")
    (answer,) = await call.services.link.ask(record)
    if not answer.ok:
        log.error("A conversation is not recorded: Asterisk refused it", call=call.state.id, status=answer.status)
        return
    call.services.recorder.recording(call.state, offer, f"{FOLDER}/{offer}.{FORMAT}", consent)
    call.event("recorded", offer=offer)


async def end(call: Call, offer: str) -> None:
    """Ends the recording while its bridge is still there: Asterisk tells nobody of one that ends with its bridge."""
    if decode(call.state.consent) is None or not call.services.site.recording.conversations:
        return
    name, loop = f"{PREFIX}{offer}", asyncio.get_running_loop()
    await call.services.link.ask(operations.STOP_RECORDING(name))
    until = loop.time() + _ENDS_S
    while loop.time() < until:
        (live,) = await call.services.link.ask(operations.LIVE_RECORDING(name))
        if not live.ok:
            return
        await asyncio.sleep(_LOOK_S)


async def keep(recordings: Path, home: Path, name: str, recorder: Recorder) -> None:
    """Brings a recording that has ended to where it is kept, and says how long it is."""
    try:
        seconds = await asyncio.to_thread(_keep, recordings, home, name)
    except FileNotFoundError:
        return  # it is kept already
    except (OSError, wave.Error, EOFError) as error:
        log.error("The recording of a conversation could not be kept", recording=name, error=str(error))
        return
    recorder.recording_ended(name.removeprefix(PREFIX), seconds)


def _keep(recordings: Path, home: Path, name: str) -> float:
    recording = recordings / f"{name}.{FORMAT}"
    kept = home / FOLDER / f"{name.removeprefix(PREFIX)}.{FORMAT}"
    seconds = duration_s(recording)
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.move(recording, kept)
    kept.chmod(0o600)
    return seconds
