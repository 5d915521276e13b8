"""A studio's recordings on a running line: the next call hears them, and a call in progress goes on as it began."""

import csv
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from line import Line

from ivr.softphone.telephone import Call, Telephones

RATE, TELEPHONE = 48_000, 8_000


def recording(path: Path, seconds: float) -> None:
    """Return sound as long as speech, with silence at both ends, that resembles none of our voices."""
    at = np.arange(round(seconds * RATE)) / RATE
    tune = 300 + 120 * np.sin(2 * np.pi * 0.7 * at) + 90 * np.sin(2 * np.pi * 2.3 * at)
    voice = np.sin(2 * np.pi * np.cumsum(tune) / RATE) * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * at))
    silence = np.zeros(RATE // 2)
    samples = np.round(12_000 * np.concatenate([silence, voice, silence])).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


@pytest.fixture
def recorded(line: Line, words: None) -> Iterator[Line]:
    """The line; its recordings are removed afterwards."""
    yield line
    for file in (line.site / "recordings" / "fr").glob("*.wav"):
        file.unlink()
    assert line.run("prompts", "build").returncode == 0


async def test_the_next_call_hears_what_was_imported_and_a_call_in_progress_does_not_change(
    recorded: Line, telephones: Telephones, tmp_path: Path
) -> None:
    line = recorded
    before = line.audio("fr", "survey_question")
    recording(tmp_path / "fr" / "survey_question.wav", len(before) / TELEPHONE)
    recording(tmp_path / "fr" / "goodbye.wav", 40)
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    early = await line.asks_for_operator(telephones, "+33612000211")
    await line.until_state(phone.user, "talking")

    tried = line.run("prompts", "import", str(tmp_path), "--dry-run")
    assert "Nothing was changed." in tried.stdout
    assert not (line.site / "recordings" / "fr" / "survey_question.wav").exists()

    again = tmp_path / "again.csv"
    answer = line.run("prompts", "import", str(tmp_path), "--json", "--out", str(again))
    assert answer.returncode == 1  # one is to be recorded again
    verdicts = {verdict["file"]: (verdict["verdict"], verdict["reason"]) for verdict in json.loads(answer.stdout)}
    assert verdicts["fr/survey_question.wav"] == ("taken", "")
    assert verdicts["fr/goodbye.wav"][0] == "record again"
    assert "too long" in verdicts["fr/goodbye.wav"][1]
    (_, row) = csv.reader(again.read_text(encoding="utf-8-sig").splitlines())
    assert row[:4] == ["fr/goodbye.wav", "record again", "fr", "goodbye"]
    (french,) = (row for row in line.json("prompts", "status") if row["language"] == "fr")
    assert french["recorded"] == 1
    after = line.audio("fr", "survey_question")

    await asked(early, phone.calls[-1], before)
    await line.until_state(phone.user, "ready")
    late = await line.asks_for_operator(telephones, "+33612000212")
    await line.until_state(phone.user, "talking")
    await asked(late, phone.calls[-1], after)


async def asked(call: Call, leg: Call, expected: npt.NDArray[np.int16]) -> None:
    """The operator hangs up; the caller is asked how it was."""
    since_s = call.clock
    await leg.hangup()
    await call.hears(expected[: 3 * TELEPHONE], since_s=since_s)
    await call.hangup()


def test_a_command_about_recordings_says_what_is_wrong_in_one_sentence(line: Line, tmp_path: Path) -> None:
    for arguments, words in (
        (("prompts", "import", str(tmp_path / "away")), "away: no such folder"),
        (("prompts", "import", str(tmp_path)), "the folder is empty"),
        (("prompts", "script", "xx"), "choose one of ar, de, en, es, fr, it, nl"),
    ):
        answer = line.run(*arguments)
        assert answer.returncode == 1
        assert words in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_the_sheet_is_written_as_the_file_is_named(line: Line, tmp_path: Path) -> None:
    page, table = tmp_path / "fr.html", tmp_path / "fr.csv"
    for out in (page, table):
        answer = line.run("prompts", "script", "fr", "--out", str(out))
        assert answer.returncode == 0
        assert str(out) in answer.stdout
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")
    assert table.read_bytes().startswith(b'\xef\xbb\xbf"number","file","id","text"')
    shown = line.run("prompts", "script", "fr", "--format", "csv").stdout
    assert shown.lstrip("\ufeff").startswith('"number","file","id"')
