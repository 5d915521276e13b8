"""A recording that Asterisk could not close is repaired from its size; nothing else is changed."""

import contextlib
import resource
import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from db.enums import CaseKind
from ivr.audio import wav
from ivr.call import conversation_recording
from ivr.records.voicemail import UNREADABLE, Mailbox, recording_name
from ivr.softphone.sound import RATE, tone

CALL = "0199aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa"
RECORDING = recording_name(CaseKind.COMPLAINT, "complaint", CALL)


def written(path: Path, seconds: float, *, closed: bool, more: bytes = b"") -> bytes:
    """Write a recording as Asterisk does; return its samples."""
    sound = tone(1400, seconds).tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound)
    content = bytearray(path.read_bytes() + more)
    if not closed:
        content[4:8] = content[40:44] = struct.pack("<I", 0)
    path.write_bytes(content)
    return sound


def test_a_recording_that_was_not_closed_is_repaired_completely(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    sound = written(path, 3.0, closed=False, more=b"\x01")  # killed in the middle of a sample
    with pytest.raises(wave.Error), wave.open(str(path)):
        pass
    assert wav.repair(path)
    with wave.open(str(path)) as file:
        assert np.array_equal(
            np.frombuffer(file.readframes(file.getnframes()), np.int16), np.frombuffer(sound, np.int16)
        )
    assert wav.duration_s(path) == 3.0
    repaired = path.read_bytes()
    assert not wav.repair(path)
    assert path.read_bytes() == repaired


def test_a_closed_recording_stays_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "whole.wav"
    written(path, 1.0, closed=True)
    before = path.read_bytes()
    assert not wav.repair(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("content", "wrong"), [(b"", EOFError), (b"RIFF", EOFError), (bytes(5000), wave.Error)])
def test_a_file_that_is_not_a_recording_is_refused(tmp_path: Path, content: bytes, wrong: type[Exception]) -> None:
    path = tmp_path / "other.wav"
    path.write_bytes(content)
    with pytest.raises(wrong):
        wav.repair(path)
    assert path.read_bytes() == content


async def test_an_unreadable_message_is_set_aside_and_not_found_again(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "spool", tmp_path)
    mailbox.recordings.mkdir()
    mailbox.recording(RECORDING).write_bytes(bytes(5000))
    assert await mailbox.keep(RECORDING) is None
    assert mailbox.names() == []
    assert (tmp_path / UNREADABLE / f"{RECORDING}.wav").read_bytes() == bytes(5000)


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Let this process open no file."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


async def test_a_message_that_cannot_be_opened_now_stays_with_asterisk_and_is_kept_later(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "spool", tmp_path)
    mailbox.recordings.mkdir()
    written(mailbox.recording(RECORDING), 2.0, closed=True)
    with no_more_descriptors():
        assert await mailbox.has_voice(RECORDING)  # else it is deleted as silence
        assert await mailbox.keep(RECORDING) is None
    assert mailbox.names() == [RECORDING]
    left = await mailbox.keep(RECORDING)
    assert left is not None and left.seconds == 2.0


async def test_a_conversation_that_cannot_be_opened_now_stays_with_asterisk_and_is_kept_later(tmp_path: Path) -> None:
    mailbox, offer = Mailbox(tmp_path / "spool", tmp_path), "0199aaaa-aaaa-7aaa-8aaa-bbbbbbbbbbbb"
    mailbox.recordings.mkdir()
    name, ended = f"{conversation_recording.PREFIX}{offer}", list[tuple[str, float]]()
    written(mailbox.recording(name), 2.0, closed=True)
    recorder: Any = SimpleNamespace(recording_ended=lambda *row: ended.append(row))
    with no_more_descriptors():
        await conversation_recording.keep(mailbox, name, recorder)
    assert (mailbox.names(), ended) == ([name], [])
    await conversation_recording.keep(mailbox, name, recorder)
    assert (mailbox.names(), ended) == ([], [(offer, 2.0)])


@pytest.mark.parametrize("closed", [True, False])
async def test_a_message_that_was_cut_off_is_kept_and_marked(tmp_path: Path, closed: bool) -> None:
    mailbox = Mailbox(tmp_path / "spool", tmp_path)
    mailbox.recordings.mkdir()
    written(mailbox.recording(RECORDING), 2.0, closed=closed)
    left = await mailbox.keep(RECORDING)
    assert left is not None
    assert (left.seconds, left.cut) == (2.0, not closed)


async def test_an_empty_recording_is_neither_a_message_nor_an_error(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "spool", tmp_path)
    mailbox.recordings.mkdir()
    mailbox.recording(RECORDING).write_bytes(b"")
    assert await mailbox.keep(RECORDING) is None
    assert mailbox.names() == []
    assert not (tmp_path / UNREADABLE).exists()
