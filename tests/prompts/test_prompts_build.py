"""The builder rebuilds only what changed, prefers recordings, and contains engines."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import prompt_sites as sites
import pytest
from numpy.typing import NDArray

from prompts import audio, catalogue, g722, manifest, readings
from prompts.build import BuildReport, build
from prompts.manifest import Audio
from prompts.voices import Voice

VOICES = {"en": Voice("pico", "prompt_engine", "voice"), "fr": Voice("pico", "prompt_engine", "voice")}
NOBODY = Audio("", "", "", 0.0)
TEXTS = {"hello": ("Hello.", "Hello."), "wait": ("Please wait.", "Please wait.")}


def build_small(site: Path, texts: Mapping[str, str], time_limit: float = 20.0) -> BuildReport:
    """Build a site with one language and these texts by prompt id."""
    sites.catalogue(site, "en", {key: (text, text) for key, text in texts.items()})
    return build(catalogue.load(site), site / "sounds", site / "recordings", voices=VOICES, time_limit=time_limit)


def used(site: Path) -> manifest.Manifest:
    return manifest.load(site / "sounds" / "manifest.json")


def wide_band(path: Path) -> NDArray[np.float32]:
    """Return what a G.722 telephone plays after the lead: full scale 1, 16 kHz."""
    decoded = np.frombuffer(g722.decode(path.read_bytes()), dtype="<i2")
    return audio.from_int16(decoded[round(manifest.G722_LEAD_S * audio.WIDE) + g722.DELAY :])


def test_what_is_left_for_later_is_there_in_english_until_the_next_whole_build(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", TEXTS)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "Patientez.")})
    texts, sounds, recordings = catalogue.load(tmp_path), tmp_path / "sounds", tmp_path / "recordings"

    def made(*later: str) -> tuple[int, set[str]]:
        report = build(texts, sounds, recordings, voices=VOICES, later=later)
        assert report.problems == ()
        assert set(used(tmp_path).prompts["en"]) == {"hello", "wait"}
        return report.made, set(used(tmp_path).prompts["fr"])

    assert made("wait") == (3, {"hello"})
    assert manifest.is_left(sounds)
    assert made("hello", "wait") == (0, {"hello"})
    assert made() == (1, {"hello", "wait"})
    assert not manifest.is_left(sounds)
    assert made("wait") == (0, {"hello", "wait"})
    # A language that only a studio speaks has nothing that a voice could make later.
    build(texts, tmp_path / "studio", recordings, recorded_only=["fr"], voices=VOICES, later=["wait"])
    assert not manifest.is_left(tmp_path / "studio")


def test_only_changed_prompts_are_built_again(tmp_path: Path) -> None:
    first = build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    assert (first.made, first.kept) == (2, 0)
    before = used(tmp_path)
    stamp = (tmp_path / "sounds" / "manifest.json").stat().st_mtime_ns
    second = build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    assert (second.made, second.kept) == (0, 2)
    assert (tmp_path / "sounds" / "manifest.json").stat().st_mtime_ns == stamp
    third = build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait a moment."})
    assert (third.made, third.kept) == (1, 1)
    assert used(tmp_path).file("en", "hello") == before.file("en", "hello")
    assert used(tmp_path).file("en", "wait") != before.file("en", "wait")
    assert (used(tmp_path).seconds("en", "wait") or 0) > (before.seconds("en", "wait") or 0)
    assert (tmp_path / "sounds" / "en" / "wait.ulaw").resolve().stem == (used(tmp_path).file("en", "wait") or "")[9:]


def test_audio_that_a_call_may_be_playing_is_kept_for_a_day(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    old = used(tmp_path).file("en", "wait") or ""
    sounds = tmp_path / "sounds"
    for path in manifest.paths(sounds, old):
        os.utime(path, (0, 0))  # made long ago, and in use until now
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait a moment."})
    assert manifest.prune(sounds) == []
    assert manifest.prune(sounds, keep=[old], age=timedelta()) == []
    assert sorted(manifest.prune(sounds, age=timedelta())) == sorted(manifest.paths(sounds, old))
    assert all(path.exists() for file in used(tmp_path).files for path in manifest.paths(sounds, file))


def test_truncated_audio_is_made_again(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello."})
    path = manifest.paths(tmp_path / "sounds", used(tmp_path).file("en", "hello") or "")[1]
    path.write_bytes(path.read_bytes()[:100])
    assert build_small(tmp_path, {"hello": "Hello."}).made == 1
    assert path.stat().st_size > 100


def test_a_recording_replaces_the_voice_until_it_is_removed(tmp_path: Path) -> None:
    recording = sites.wav(tmp_path / "recordings" / "en" / "hello.wav", sites.speech(1.5))
    assert build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."}).problems == ()
    found = used(tmp_path).audio("en", "hello")
    assert found
    assert found.source == "recording"
    assert found.seconds == pytest.approx(1.5, abs=0.05)
    assert (used(tmp_path).audio("en", "wait") or found).source == "pico"
    recording.unlink()
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    assert (used(tmp_path).audio("en", "hello") or found).source == "pico"


def test_a_recording_keeps_the_text_that_it_was_first_built_with(tmp_path: Path) -> None:
    sites.wav(tmp_path / "recordings" / "en" / "hello.wav", sites.speech(1.5))
    build_small(tmp_path, {"hello": "Hello."})
    build_small(tmp_path, {"hello": "Good evening."})
    assert (used(tmp_path).audio("en", "hello") or NOBODY).text == "Hello."
    sites.wav(tmp_path / "recordings" / "en" / "hello.wav", sites.speech(1.4))
    build_small(tmp_path, {"hello": "Good evening."})
    assert (used(tmp_path).audio("en", "hello") or NOBODY).text == "Good evening."


def test_the_text_of_an_imported_recording_outlasts_the_audio_but_not_a_new_file(
    tmp_path: Path,
) -> None:
    recordings = tmp_path / "recordings" / "en"
    file = sites.wav(recordings / "hello.wav", sites.speech(1.5))
    readings.add(recordings, {"hello": (readings.fingerprint(file.read_bytes()), "Hello.")})
    assert build_small(tmp_path, {"hello": "Good evening."}).problems == ()
    assert (used(tmp_path).audio("en", "hello") or NOBODY).text == "Hello."
    sites.wav(file, sites.speech(1.4))
    build_small(tmp_path, {"hello": "Good evening."})
    assert (used(tmp_path).audio("en", "hello") or NOBODY).text == "Good evening."
    (recordings / "texts.json").write_text("broken")
    assert build_small(tmp_path, {"hello": "Good evening."}).problems == ()


def test_an_unusable_recording_is_reported_and_the_voice_speaks_instead(tmp_path: Path) -> None:
    folder = tmp_path / "recordings" / "en"
    sites.wav(folder / "stereo.wav", sites.speech(), channels=2)
    sites.wav(folder / "slow.wav", sites.speech(rate=8_000), rate=8_000)
    sites.wav(folder / "clipped.wav", 4 * sites.speech(level=0.9))
    sites.wav(folder / "empty.wav", sites.speech(0))
    sites.wav(folder / "nobody.wav", sites.speech())
    texts = {"stereo": "One.", "slow": "Two.", "clipped": "Three.", "empty": "Four."}
    report = build_small(tmp_path, texts)
    messages = {problem.id: str(problem) for problem in report.problems}
    assert set(messages) == {*texts, "nobody.wav"}
    for prompt, reason in {"stereo": "2 channels", "slow": "8000", "clipped": "clipped", "empty": "empty"}.items():
        assert str(folder / f"{prompt}.wav") in messages[prompt]
        assert reason in messages[prompt]
        assert (found := used(tmp_path).audio("en", prompt))
        assert found.source == "pico"
    assert "not named after a prompt" in messages["nobody.wav"]


def test_a_recordings_only_language_is_never_synthesised(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", TEXTS)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "Patientez.")})

    def built(*recorded_only: str) -> BuildReport:
        texts, sounds = catalogue.load(tmp_path), tmp_path / "sounds"
        return build(texts, sounds, tmp_path / "recordings", recorded_only=recorded_only, voices=VOICES)

    assert built().made == 4
    none = built("fr")
    assert (none.problems, [str(item) for item in none.recorded]) == ((), ["0 of 2 recorded"])
    assert used(tmp_path).file("fr", "hello") is None
    good = sites.wav(tmp_path / "recordings" / "fr" / "hello.wav", sites.speech())
    sites.wav(tmp_path / "recordings" / "fr" / "wait.wav", sites.speech(), channels=2)
    one = built("fr")
    assert [(problem.id, problem.instead) for problem in one.problems] == [("wait", "there is no audio for it")]
    assert [(item.language, item.recorded, item.texts) for item in one.recorded] == [("fr", 1, 2)]
    assert (found := used(tmp_path).audio("fr", "hello"))
    assert (found.source, found.text) == ("recording", "Bonjour.")
    sites.wav(good, sites.speech(), channels=2)
    assert [problem.instead for problem in built("fr").problems] == [
        "the old audio stays in use",
        "there is no audio for it",
    ]
    good.unlink()
    built("fr")
    assert used(tmp_path).file("fr", "hello") is None


def test_there_are_pauses_and_a_truncated_one_is_made_again(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello."})
    assert manifest.paths(tmp_path / "sounds", manifest.PAUSE)[0] == tmp_path / "sounds" / "pause.ulaw"
    for file, samples in ((manifest.PAUSE, 1_520), (manifest.SHORT_PAUSE, 320), (manifest.LONG_PAUSE, 5_920)):
        ulaw, alaw, wide = manifest.paths(tmp_path / "sounds", file)
        assert ulaw.read_bytes() == b"\xff" * samples
        assert alaw.read_bytes() == b"\xd5" * samples
        assert np.abs(wide_band(wide)).max() < 0.001
        # The next clip begins with 80 ms of silence, so that a wide-band telephone hears a pause of the same length.
        # The short one is no shorter than such a silence of its own.
        assert len(wide.read_bytes()) == max(samples - 640, 720)
    alaw.write_bytes(b"\xd5")
    build_small(tmp_path, {"hello": "Hello."})
    assert len(alaw.read_bytes()) == 5_920
    assert manifest.prune(tmp_path / "sounds", age=timedelta()) == []
    assert alaw.exists()


def test_an_engine_that_crashes_affects_neither_other_prompts_nor_the_old_audio(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    before = used(tmp_path).audio("en", "wait")
    report = build_small(
        tmp_path, {"hello": "Good day.", "wait": "crash", "away": "leave", "quiet": "mute", "gone": "nothing"}
    )
    messages = {problem.id: f"{problem.found}; {problem.instead}" for problem in report.problems}
    assert messages == {
        "wait": "pico ended with signal SIGABRT (out of phonemes); the old audio stays in use",
        "away": "pico ended with exit status 3 (and past Python as well); there is no audio for it",
        "quiet": "pico is silent (speech at -inf dBFS); there is no audio for it",
        "gone": "pico produced no sound for this text; there is no audio for it",
    }
    assert used(tmp_path).audio("en", "wait") == before
    assert used(tmp_path).text("en", "hello") == "Good day."
    assert (tmp_path / "sounds" / "en" / "wait.ulaw").exists()


def test_an_engine_that_hangs_is_stopped_and_soon_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("HANGING_PIDS", str(pids))
    report = build_small(tmp_path, {"a": "hang", "b": "Hello.", **dict.fromkeys("cdefg", "hang")}, time_limit=2.0)
    messages = [problem.found for problem in report.problems]
    asked = [found for found in messages if "did not answer within 2 s" in found]
    assert len(messages) == 6
    assert 3 <= len(asked) < 6
    assert all("was not tried" in found for found in messages if found not in asked)
    assert used(tmp_path).file("en", "b")
    for pid in map(int, pids.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_unspeakable_text_is_reported_and_its_old_audio_stays(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    report = build_small(tmp_path, {"hello": "<b>Hello</b>", "wait": "Please wait."})
    assert [(problem.id, problem.instead) for problem in report.problems] == [("hello", "the old audio stays in use")]
    assert "E_TEXT_MARKUP" in report.problems[0].found
    assert used(tmp_path).text("en", "hello") == "Hello."


def test_a_missing_voice_is_reported(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", TEXTS)
    for voice, reason in {
        Voice("pico", "prompts.voices.pico", "en-AU"): "pico refused: Pico has no voice en-AU",
        Voice("pyttsx3", "prompts.voices.espeak", "zgh"): "pyttsx3 refused: espeak-ng has no voice for zgh",
        Voice("piper", "no_such_engine", "x"): "piper refused: ModuleNotFoundError: No module named 'no_such_engine'",
    }.items():
        texts = catalogue.load(tmp_path)
        report = build(texts, tmp_path / "sounds", tmp_path / "recordings", voices={"en": voice})
        assert all(problem.found.startswith(reason) for problem in report.problems)
        assert len(report.problems) == 2


def test_an_interrupted_build_changes_nothing_and_can_be_resumed(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello.", "wait": "Please wait."})
    before = (tmp_path / "sounds" / "manifest.json").read_bytes()
    links = {path: path.readlink() for path in (tmp_path / "sounds" / "en").iterdir() if path.is_symlink()}

    def interrupt(done: int, total: int, prompt: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    sites.catalogue(tmp_path, "en", {"hello": ("Hi.", "Hi."), "wait": ("Wait.", "Wait.")})
    texts = catalogue.load(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        build(texts, tmp_path / "sounds", tmp_path / "recordings", interrupt, voices=VOICES)
    assert (tmp_path / "sounds" / "manifest.json").read_bytes() == before
    assert {path: path.readlink() for path in links} == links
    report = build(texts, tmp_path / "sounds", tmp_path / "recordings", voices=VOICES)
    assert (report.made, report.kept) == (0, 2)
    assert used(tmp_path).text("en", "hello") == "Hi."


def test_an_unwritable_folder_is_an_error_and_the_old_manifest_stays(tmp_path: Path) -> None:
    build_small(tmp_path, {"hello": "Hello."})
    before = (tmp_path / "sounds" / "manifest.json").read_bytes()
    (tmp_path / "sounds" / ".manifest.json.new").mkdir()  # fails like a full disk, even for root
    with pytest.raises(OSError, match="manifest"):
        build_small(tmp_path, {"hello": "Good day."})
    assert (tmp_path / "sounds" / "manifest.json").read_bytes() == before


def test_a_second_language_has_its_own_audio_and_progress_is_reported(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", TEXTS)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "Patientez.")})
    steps: list[tuple[int, int, str]] = []
    texts = catalogue.load(tmp_path)
    report = build(texts, tmp_path / "sounds", tmp_path / "recordings", lambda *step: steps.append(step), voices=VOICES)
    assert (report.made, [step[:2] for step in steps]) == (4, [(1, 4), (2, 4), (3, 4), (4, 4)])
    assert {step[2] for step in steps} == {"en/hello", "en/wait", "fr/hello", "fr/wait"}
    assert json.loads((tmp_path / "sounds" / "manifest.json").read_text())["fr"]["hello"]["text"] == "Bonjour."
