"""The short audio of the tests' lines: complete files, and two prompts that nobody takes for one another."""

from itertools import combinations
from pathlib import Path

from levels import read_ulaw
from short_audio import SECONDS, short_audio, spoken_audio

from ivr.audio.audible import Audible
from ivr.softphone.sound import SAME, find
from prompts import catalogue, manifest
from prompts.build import build
from prompts.manifest import Audio, Manifest


def made(folder: Path, seconds: float = 3.0) -> Path:
    """Return a folder of audio with a long text and a short one, in two languages."""
    folder.mkdir(exist_ok=True)
    prompts = {
        language: {
            prompt: Audio(f"hatif/{language}/{prompt}-0123456789", prompt, "pico", lasts)
            for prompt, lasts in (("goodbye", seconds), ("digit_1", 0.31))
        }
        for language in ("fr", "ar")
    }
    (folder / manifest.FILE).write_bytes(manifest.dump(Manifest(prompts)))
    (folder / "beep.ulaw").write_bytes(b"\xff" * 2000)
    return folder


def test_every_prompt_is_complete_short_and_unlike_every_other(tmp_path: Path) -> None:
    short = short_audio(made(tmp_path / "sounds"), tmp_path)
    listed = manifest.load(short / manifest.FILE)
    audible = Audible(short, lambda language: ())
    found = [audible.find(listed, clip) for clip in (("fr", "goodbye"), ("ar", "goodbye"), ("fr", "digit_1"))]
    assert [item and item.seconds for item in found] == [SECONDS, SECONDS, 0.31]
    for one, other in combinations(("fr/goodbye", "ar/goodbye", "fr/digit_1", "ar/digit_1"), 2):
        heard, wanted = (read_ulaw(short / f"{name}.ulaw") for name in (one, other))  # as the dialplan names them
        assert find(heard, heard).score > 0.99
        assert find(heard, wanted).score < SAME / 2, (one, other)
    assert (short / "beep.ulaw").stat().st_size == 2000


def test_it_is_made_again_only_when_the_audio_has_changed(tmp_path: Path) -> None:
    first = short_audio(made(tmp_path / "sounds"), tmp_path)
    assert short_audio(made(tmp_path / "sounds"), tmp_path) == first
    second = short_audio(made(tmp_path / "sounds", 4.0), tmp_path)
    assert second != first and second.is_dir() and not first.exists()


TEXTS = {"guide_visa_title": ("Visa.", "Le visa."), "guide_visa_fee": ("It is free.", "C'est gratuit.")}


def test_what_setup_has_left_for_later_is_short_and_nothing_is_left_to_speak(tmp_path: Path) -> None:
    site, sounds = tmp_path / "site", tmp_path / "sounds"
    (site / "guide").mkdir(parents=True)
    (site / "guide" / "visa.yaml").write_text("title: Visa.\nfee: It is free.\n")
    for number, language in enumerate(("en", "fr")):
        (site / "locale" / language / "LC_MESSAGES").mkdir(parents=True)
        entries = (f'\n\nmsgctxt "{key}"\nmsgid "{said[0]}"\nmsgstr "{said[number]}"' for key, said in TEXTS.items())
        head = f'msgid ""\nmsgstr "Language: {language}\\nContent-Type: text/plain; charset=UTF-8\\n"'
        (site / "locale" / language / "LC_MESSAGES" / "hatif.po").write_text(head + "".join(entries) + "\n")
    texts, recordings = catalogue.load(site), site / "recordings"
    assert build(texts, sounds, recordings, later=["guide_visa_fee"]).made == 3
    for audio_of, longer in ((spoken_audio, True), (short_audio, False)):
        audio = audio_of(sounds, tmp_path, site)
        listed = manifest.load(audio / manifest.FILE)
        assert (listed.seconds("fr", "guide_visa_fee"), listed.seconds("en", "guide_visa_fee") != SECONDS) == (
            SECONDS,
            longer,
        )
        again = build(texts, audio, recordings)
        assert (again.made, again.kept, again.problems, manifest.is_left(audio)) == (0, 4, (), False)
    build(texts, sounds, recordings)
    assert spoken_audio(sounds, tmp_path, site) == sounds
