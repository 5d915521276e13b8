"""Names as prompts: which voice reads them, recordings first; a faulty name does not affect other prompts."""

from collections.abc import Iterable
from pathlib import Path

import prompt_sites as sites
import pytest

from prompts import catalogue, manifest
from prompts.build import BuildReport, build
from prompts.manifest import RECORDING, Manifest
from prompts.names import Name, reader
from prompts.status import language_statuses
from prompts.voices import Voice
from prompts.voices.choice import TABLE

VOICES = {item: Voice(item, "prompt_engine", "voice") for item in ("en", "ar")}
GHALI = Name("en", "name_1001", "Ghali Carob", "en")


def build_small(site: Path, *names: Name, recorded_only: Iterable[str] = ()) -> BuildReport:
    """Return a site with English, Arabic and one text."""
    sites.catalogue(site, "en", {"hello": ("Hello.", "Hello.")})
    sites.catalogue(site, "ar", {"hello": ("Hello.", "مَرْحَبًا.")})
    return build(
        catalogue.load(site),
        site / "sounds",
        site / "recordings",
        names=names,
        voices=VOICES,
        recorded_only=tuple(recorded_only),
    )


def used(site: Path) -> Manifest:
    return manifest.load(site / "sounds" / manifest.FILE)


@pytest.mark.parametrize(
    ("name", "languages", "by"),
    [
        ("Ghali Carob", ("ar", "zgh", "fr", "en"), "fr"),
        ("Ghali Carob", ("en", "fr"), "en"),
        ("غالي الخروب", ("fr", "ar"), "ar"),
        ("ⵖⴰⵍⵉ", ("fr", "zgh"), "zgh"),
        ("Zoë d'Été-Núñez 2", ("ar", "nl"), "nl"),
        ("Ghali الخروب", ("fr", "ar"), None),
        ("Гали", ("fr", "ar"), None),
        ("1001", ("fr", "ar"), None),
        ("Ghali Carob", ("ar",), None),
    ],
)
def test_a_name_is_read_by_the_first_voice_that_has_its_script(
    name: str, languages: tuple[str, ...], by: str | None
) -> None:
    assert reader(name, languages) == by


def test_a_name_is_built_once_with_the_voice_that_reads_it(tmp_path: Path) -> None:
    arabic = Name("ar", "name_1002", "Safae Saffron", "en")
    first = build_small(tmp_path, GHALI, arabic)
    assert (first.made, first.problems) == (4, ())
    safae = used(tmp_path).audio("ar", "name_1002")
    assert safae is not None
    assert (safae.source, safae.text) == ("en", "Safae Saffron")
    assert (tmp_path / "sounds" / "ar" / "name_1002.ulaw").resolve().stem == safae.file.rpartition("/")[2]
    again = build_small(tmp_path, GHALI, arabic)
    assert (again.made, again.kept) == (0, 4)
    renamed = Name("en", "name_1001", "Rim Laurel", "en")
    assert build_small(tmp_path, renamed, arabic).made == 1
    assert used(tmp_path).text("en", "name_1001") == "Rim Laurel"
    assert build_small(tmp_path, arabic).made == 0
    assert "name_1001" not in used(tmp_path).ids


def test_a_recording_of_a_name_is_preferred_and_keeps_the_name_that_it_was_made_for(tmp_path: Path) -> None:
    recording = sites.wav(tmp_path / "recordings" / "en" / "name_1001.wav", sites.speech())
    sites.wav(tmp_path / "recordings" / "ar" / "name_1001.wav", sites.speech())
    unread = Name("en", "name_1001", "Гали", None)
    assert [problem.id for problem in build_small(tmp_path, unread).problems] == [
        "name_1001.wav"
    ]  # no Arabic operator has it
    assert used(tmp_path).audio("en", "name_1001").source == RECORDING  # type: ignore[union-attr]
    build_small(tmp_path, GHALI)
    assert used(tmp_path).text("en", "name_1001") == "Гали"  # it is still the recording of another operator
    recording.unlink()
    build_small(tmp_path, GHALI)
    assert used(tmp_path).text("en", "name_1001") == "Ghali Carob"


def test_an_unspeakable_name_does_not_affect_other_prompts(tmp_path: Path) -> None:
    bad = [
        Name("en", f"name_{number}", text, "en")
        for number, text in enumerate(("A crash", "Mute mute", "Anna & Co", "Anna \N{SNOWMAN}", "Anna\x07"), 1001)
    ]
    elsewhere = (Name("fr", "name_1009", "Anna", "en"), Name("en", "hello", "Anna", "en"))  # no texts; a text's id
    report = build_small(tmp_path, *bad, *elsewhere)
    assert [problem.id for problem in report.problems] == [item.id for item in bad]
    assert "(E_TEXT_MARKUP)" in str(report.problems[2])
    assert used(tmp_path).ids == {"hello"}
    assert used(tmp_path).text("en", "hello") == "Hello."


def test_names_and_texts_are_counted_separately(tmp_path: Path) -> None:
    build_small(tmp_path, GHALI)
    en, ar = language_statuses(("en", "ar"), catalogue.load(tmp_path), used(tmp_path), TABLE, ())
    assert (en.texts, en.recorded + en.synthesised, en.missing, en.names) == (1, 1, 0, 1)
    assert (ar.texts, ar.recorded + ar.synthesised, ar.missing, ar.names) == (1, 1, 0, 0)
    assert sum(voice.prompts for voice in en.voices) == 1
    (recorded,) = build_small(tmp_path, GHALI, recorded_only=["en"]).recorded
    assert (recorded.recorded, recorded.texts) == (0, 1)
