"""Importing a studio's files: each mistake is reported, the good files are imported, nothing is lost."""

from pathlib import Path

import numpy as np
import prompt_sites as sites
import pytest
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

from prompts import audio, catalogue, importing, manifest, readings
from prompts.importing import DeliveredFile, ImportingError, Verdict

LONG = "This is a text of more than a hundred letters, so that a speaker needs some eight seconds for all of its words."
TEXTS = {
    **dict.fromkeys(("good", "bad", "other", "third"), ("Please hold.", "Please hold.")),
    "hello": ("Good morning.", "Good morning."),
    "long": (LONG, LONG),
}


def studio(seconds: float = 1.2, **how: float) -> NDArray[np.float64]:
    """Return speech with half a second of silence at both ends."""
    silence = np.zeros(24_000)
    return np.concatenate([silence, sites.speech(seconds, **how), silence])  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for language in ("en", "fr"):
        sites.catalogue(tmp_path / "site", language, TEXTS)
    return tmp_path / "site"


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    (tmp_path / "sent").mkdir()
    return tmp_path / "sent"


def examined(
    site: Path,
    sent: Path,
    *,
    language: str | None = None,
    replaced: bool = False,
    heard: manifest.Manifest | None = None,
) -> dict[str, DeliveredFile]:
    """Return the verdict on each file, and import the good ones."""
    found, wanted = importing.examine(
        sent,
        catalogue.load(site),
        site / "recordings",
        heard or manifest.Manifest({}),
        language=language,
        replaced=replaced,
    )
    importing.write_recordings(wanted)
    importing.save_readings(found, catalogue.load(site), site / "recordings")
    assert {site / "recordings" / f"{item.language}/{item.id}.wav" for item in found if item.verdict == "taken"} == {
        *wanted
    }
    return {item.file: item for item in found}


def test_a_good_file_becomes_a_recording_byte_for_byte(site: Path, sent: Path) -> None:
    file = sites.wav(sent / "fr" / "good.wav", studio(), width=3)
    found = examined(site, sent)["fr/good.wav"]
    assert (found.verdict, found.reason) == (Verdict.TAKEN, "")
    assert found.seconds == pytest.approx(1.2, abs=0.1)
    assert (site / "recordings" / "fr" / "good.wav").read_bytes() == file.read_bytes()
    assert examined(site, sent)["fr/good.wav"].verdict is Verdict.THERE


def test_an_import_stores_the_text_of_a_recording_and_importing_again_updates_it(site: Path, sent: Path) -> None:
    file = sites.wav(sent / "fr" / "hello.wav", studio())
    examined(site, sent)
    same = readings.fingerprint(file.read_bytes())
    assert readings.load(site / "recordings" / "fr") == {"hello": (same, "Good morning.")}
    sites.catalogue(site, "fr", {**TEXTS, "hello": ("Good morning.", "Good morning!")})
    assert examined(site, sent)["fr/hello.wav"].verdict is Verdict.THERE
    assert readings.load(site / "recordings" / "fr") == {"hello": (same, "Good morning!")}


def test_flac_is_imported_as_wav_with_the_same_samples(site: Path, sent: Path) -> None:
    spoken = np.round(studio() * 2**23) / 2**23
    soundfile.write(sent / "good.flac", spoken, 48_000, subtype="PCM_24")
    assert examined(site, sent, language="fr")["good.flac"].verdict is Verdict.TAKEN
    samples, rate = audio.read_recording(site / "recordings" / "fr" / "good.wav")
    assert rate == 48_000
    assert np.abs(samples - spoken).max() < 2**-22


def test_every_faulty_file_is_reported_and_not_imported(site: Path, sent: Path) -> None:
    noise = np.random.default_rng(1).standard_normal(len(studio()))
    sites.wav(sent / "good.wav", studio(), channels=2)
    sites.wav(sent / "bad.wav", 4 * studio(level=0.9))
    sites.wav(sent / "hello.wav", studio() + 0.03 * noise)
    sites.wav(sent / "other.wav", np.zeros(48_000))
    sites.wav(sent / "third.wav", studio(level=0.012))
    sites.wav(sent / "long.wav", studio(2))
    sites.wav(sent / "nobody.wav", studio())
    sites.wav(sent / "xx" / "good.wav", studio())
    (sent / "notes.docx").write_bytes(b"x")
    (sent / ".DS_Store").write_bytes(b"x")
    found = examined(site, sent, language="fr")
    expected = {
        "good.wav": ("again", "2 channels"),
        "bad.wav": ("again", "clipped"),
        "hello.wav": ("again", "is noisy"),
        "other.wav": ("again", "silent"),
        "third.wav": ("again", "too quiet"),
        "long.wav": ("again", "too short"),
        "nobody.wav": ("refused", "not named after a text"),
        "xx/good.wav": ("refused", "name it fr/ID.wav or ID.wav"),
        "notes.docx": ("refused", "not a WAV or FLAC"),
    }
    assert set(found) == set(expected)
    for file, (verdict, reason) in expected.items():
        assert found[file].verdict is Verdict[verdict.upper()], found[file]
        assert reason in found[file].reason
    assert not (site / "recordings").exists()
    assert len(list(sent.rglob("*.wav"))) == 8


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("good.wav", b"", "the file is truncated"),
        ("good.wav", b"ID3 an MP3", "PCM WAV file"),
        ("good.flac", b"ID3 an MP3", "not a FLAC file"),
    ],
)
def test_a_file_of_another_format_must_be_recorded_again(
    site: Path, sent: Path, name: str, content: bytes, reason: str
) -> None:
    (sent / name).write_bytes(content)
    found = examined(site, sent, language="fr")[name]
    assert found.verdict is Verdict.AGAIN
    assert reason in found.reason


def test_a_wrong_sample_rate_and_a_file_that_is_far_too_large_are_reported(
    site: Path, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.wav(sent / "fr" / "good.wav", sites.speech(rate=8_000), rate=8_000)
    assert "sample rate of 8000 Hz" in examined(site, sent)["fr/good.wav"].reason
    monkeypatch.setattr(importing, "LARGEST", 10_000)
    assert "may last 180 s at most" in examined(site, sent)["fr/good.wav"].reason


def test_an_existing_recording_stays_unless_replacing_is_requested(site: Path, sent: Path) -> None:
    old = sites.wav(site / "recordings" / "fr" / "good.wav", studio(hertz=120)).read_bytes()
    new = sites.wav(sent / "fr" / "good.wav", studio()).read_bytes()
    found = examined(site, sent)["fr/good.wav"]
    assert found.verdict is Verdict.REFUSED
    assert "--replace" in found.reason
    assert (site / "recordings" / "fr" / "good.wav").read_bytes() == old
    assert examined(site, sent, replaced=True)["fr/good.wav"].verdict is Verdict.TAKEN
    assert (site / "recordings" / "fr" / "good.wav").read_bytes() == new


def test_two_files_for_one_text_and_one_sound_for_two_texts_are_refused(site: Path, sent: Path) -> None:
    sites.wav(sent / "fr" / "good.wav", studio())
    sites.wav(sent / "fr" / "good.WAV", studio(hertz=150))
    sites.wav(sent / "fr" / "other.wav", studio(hertz=140))
    sites.wav(sent / "fr" / "hello.wav", studio(hertz=140))
    found = examined(site, sent)
    assert all("more than once" in found[f"fr/good.{ending}"].reason for ending in ("wav", "WAV"))
    assert "the same audio as fr/other.wav" in found["fr/hello.wav"].reason
    assert "the same audio as fr/hello.wav" in found["fr/other.wav"].reason
    assert not any(item.verdict is Verdict.TAKEN for item in found.values())


def test_one_sound_may_serve_two_texts_with_the_same_words(site: Path, sent: Path) -> None:
    for name in ("good", "other"):
        sites.wav(sent / "fr" / f"{name}.wav", studio())
    assert {item.verdict for item in examined(site, sent).values()} == {Verdict.TAKEN}


def test_the_expected_length_follows_the_pace_of_the_language(site: Path, sent: Path) -> None:
    """Eleven letters in 3.5 s are too slow for usual speech, and right if everything is spoken at that pace."""
    sites.wav(sent / "fr" / "good.wav", studio(3.5))
    assert "too long" in (first := examined(site, sent)["fr/good.wav"]).reason
    assert "usual speech" in first.reason
    slow = {f"p{n}": manifest.Audio(f"hatif/fr/p{n}", "Please hold.", "pico", 3.4 + n / 100) for n in range(9)}
    assert examined(site, sent, heard=manifest.Manifest({"fr": slow}))["fr/good.wav"].verdict is Verdict.TAKEN


def test_a_folder_without_recordings_is_refused_with_the_expected_layout(site: Path, sent: Path) -> None:
    with pytest.raises(ImportingError, match=r"the folder is empty; .* LANGUAGE/ID.wav"):
        examined(site, sent)
    with pytest.raises(ImportingError, match="no such folder"):
        examined(site, sent / "away")
