"""A run of `bench.intelligibility` that ended early goes on where it was, and shows all voices side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.intelligibility.environment import RecogniserError
from bench.intelligibility.jobs import Announcements, Job, Text
from bench.intelligibility.kept import HEARD, Kept
from bench.intelligibility.measuring import Bench, Pace
from bench.intelligibility.report import Announcement, Result, table
from prompts import files
from prompts.audio import Sound
from prompts.clip_store import ClipStore
from prompts.voices import VOICES, Voice
from prompts.voices.process import VoiceError, VoicePool

WORDS = ("Please wait.", "Press one.", "Goodbye.")
JOB = Job("en", VOICES["en"], "pico", False, Announcements.HARD, tuple(Text(word, word, word) for word in WORDS))


class Listener:
    """A recogniser that understands everything as "press one", and breaks after so many texts."""

    def __init__(self, texts: int = 99) -> None:
        self.left, self.heard = texts, 0

    def hear(self, sound: NDArray[np.float32], language: str) -> str:
        if self.left == self.heard:
            raise RecogniserError("it has ended")
        self.heard += 1
        return "press one"


class Pool(VoicePool):
    """Voices whose texts are counted; `mute` ones cannot speak."""

    def __init__(self, *, mute: bool = False) -> None:
        super().__init__(20)
        self.spoken, self.mute = 0, mute

    def speak(self, voice: Voice, text: str) -> tuple[NDArray[np.int16], int]:
        self.spoken += 1
        if self.mute:
            raise VoiceError("produced no sound")
        return super().speak(voice, text)


def run(folder: Path, listener: Listener, job: Job = JOB, *, mute: bool = False) -> tuple[Result, int]:
    """Return the result of a job in a run of its own, and how many texts were spoken in it."""
    kept = Kept(folder, ClipStore(folder / "built"))
    with (pool := Pool(mute=mute)):
        result = Bench(kept, pool, [listener], Pace([job], kept, 1)).measure(job, lambda: None)  # type: ignore[list-item]
    return result, pool.spoken


def test_what_a_run_has_measured_is_not_measured_again_after_it_ended(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError):
        run(tmp_path, Listener(2))
    with (tmp_path / HEARD).open("a") as file:
        file.write('{"key": "a run that was ki')
    second = Listener()
    result, _ = run(tmp_path, second)
    assert second.heard == 1
    assert [(item.id, item.heard) for item in result.announcements] == [(word, "press one") for word in WORDS]
    assert result.announcements[1].error == 0
    third = Listener(0)
    again, spoken = run(tmp_path, third)
    assert (again, third.heard, spoken) == (result, 0, 0)


def test_another_voice_or_text_is_measured_anew(tmp_path: Path) -> None:
    run(tmp_path, Listener())
    listener = Listener()
    other = Job("en", VOICES["de"], "pico", False, Announcements.HARD, (*JOB.texts[:1],))
    assert (run(tmp_path, listener, other)[1], listener.heard) == (1, 1)
    text = Job("en", VOICES["en"], "pico", False, Announcements.HARD, (*JOB.texts, Text("new", "Hello.", "Hello.")))
    assert (run(tmp_path, listener, text)[1], listener.heard) == (1, 2)


def test_a_text_that_is_not_spoken_is_in_the_result_and_is_tried_again(tmp_path: Path) -> None:
    job = Job("en", VOICES["en"], "pico", False, Announcements.HARD, (*JOB.texts[:1], Text("new", None, "")))
    result, _ = run(tmp_path, Listener(), job, mute=True)
    assert (result.announcements, result.mean) == ((), None)
    assert result.failed == ("Please wait.: produced no sound", "new: it is not translated")
    assert len(run(tmp_path, Listener(), job)[0].announcements) == 1


def test_what_callers_hear_of_a_slow_voice_is_used_as_it_is(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "built")
    quiet = Sound(b"\xfe" * 8_000, b"\xd4" * 8_000, bytes(32_000))
    for word in WORDS:
        store.add(files.sound_hash(VOICES["en"].fingerprint, word), quiet)
    result, spoken = run(tmp_path, Listener())
    assert (len(result.announcements), spoken) == (3, 0)
    assert not (tmp_path / "clips").exists()


def test_the_time_left_is_that_of_each_voice_s_new_texts(tmp_path: Path) -> None:
    kept = Kept(tmp_path, ClipStore(tmp_path / "built"))
    run(tmp_path, Listener(), Job("en", VOICES["en"], "pico", False, Announcements.HARD, JOB.texts[:1]))
    kept = Kept(tmp_path, ClipStore(tmp_path / "built"))
    slow = Job("en", VOICES["de"], "slow", False, Announcements.HARD, JOB.texts)
    pace = Pace([JOB, slow], kept, 2)
    assert (pace.texts, pace.known, pace.new, pace.left_s) == (6, 1, 5, None)
    pace.took("pico", 1.0)
    assert pace.left_s == pytest.approx((1 + 3) / 2), "what is not known yet is as fast as the rest"
    pace.took("slow", 9.0)
    assert pace.left_s == pytest.approx((1 + 2 * 9) / 2)
    for voice, seconds in (("pico", 1.0), ("slow", 9.0), ("slow", 9.0)):
        pace.took(voice, seconds)
    assert (pace.new, pace.left_s) == (0, 0.0)


def spoken_by(voice: str, error: float, **other: Any) -> Result:
    texts = tuple(Announcement(str(number), "a", "b", error) for number in range(3))
    facts: Mapping[str, Any] = {"language": "nl", "peer": False, "set": "typical", "failed": ()} | other
    return Result(voice=voice, announcements=texts, **facts)


def test_all_voices_of_a_list_are_in_one_row() -> None:
    found = table([
        spoken_by("kokoro", 0.1),
        spoken_by("pico de-DE by phonemes", 0.5),
        spoken_by("piper:x.onnx", 0.15),
        spoken_by("kokoro", 0.3, language="de", set="kept_apart"),
        spoken_by("pico de-DE", 0.2, language="de", set="kept_apart"),
    ])  # fmt: skip
    assert [column.header for column in found.columns] == [
        "language", "announcements", "kokoro", "pico", "piper:x.onnx", "difference"
    ]  # fmt: skip
    rows = zip(*(column.cells for column in found.columns), strict=True)
    assert list(rows) == [
        ("nl", "3 typical", "[green]0.10[/]", "[red]0.50, limit 0.36[/]", "[green]0.15[/]", "-0.40 (-0.40 to -0.40)"),
        ("de", "3 kept apart", "0.30", "0.20", "", "+0.10 (+0.10 to +0.10)"),
    ]
