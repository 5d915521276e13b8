"""The recording script: its content, its text direction, and cells without formulas."""

import csv
import io
import re
from pathlib import Path

import prompt_sites as sites
import pytest

from cli.prompts.studio import as_csv
from prompts import catalogue
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.script import Line, Script, as_html, script

SITE = Path(__file__).parents[2] / "sites" / "consulate"
FRENCH = {
    "main_file": ("For your file,", "Pour votre dossier,"),
    "press_1": ("press one.", "tapez un."),
    "hello": ("Hello.", "-Bonjour <b>& bienvenue</b>."),
    "new": ("New.", ""),
}


def small(folder: Path) -> Path:
    (folder / "texts.yaml").write_text(
        'texts:\n  # press_N follows.\n  main_file: "For your file,"\n  press_1: press one.\n'
        "  # Said first.\n  hello: Hello.\n  new: New.\n"
    )
    sites.catalogue(folder, "en", {key: (source, "") for key, (source, _) in FRENCH.items()})
    sites.catalogue(folder, "fr", FRENCH)
    return folder


def of(folder: Path, language: str = "fr", *, missing: bool = False) -> Script:
    return script(folder, catalogue.load(folder), language, missing=missing)


def test_each_line_has_its_file_its_notes_and_its_context(tmp_path: Path) -> None:
    sheet = of(small(tmp_path))
    first, second, third = sheet.lines
    assert first == Line(
        number=1,
        id="main_file",
        file="fr/main_file.wav",
        text="Pour votre dossier,",
        english="For your file,",
        before="",
        after="tapez un.",
        notes="press_N follows.",
        group="texts.yaml",
    )
    assert (second.before, second.after) == ("Pour votre dossier,", "")
    assert (third.before, third.after, third.notes) == ("", "", "Said first.")
    assert (sheet.texts, sheet.untranslated) == (4, ("new",))


def test_recorded_texts_are_left_out_and_the_numbers_stay(tmp_path: Path) -> None:
    folder = small(tmp_path)
    sites.wav(folder / "recordings" / "fr" / "main_file.wav", sites.speech())
    assert [(line.number, line.id) for line in of(folder, missing=True).lines] == [(2, "press_1"), (3, "hello")]
    assert len(of(folder).lines) == 3


def test_a_text_whose_recording_is_outdated_is_included(tmp_path: Path) -> None:
    folder = small(tmp_path)
    audio = {}
    for prompt, text in (("main_file", "Pour votre dossier,"), ("hello", "Bonjour.")):
        sites.wav(folder / "recordings" / "fr" / f"{prompt}.wav", sites.speech())
        audio[prompt] = Audio(f"hatif/fr/{prompt}-1", text, RECORDING, 1.0)
    sheet = script(folder, catalogue.load(folder), "fr", missing=True, heard=Manifest({"fr": audio}))
    assert [line.id for line in sheet.lines] == ["press_1", "hello"]


def test_a_language_without_a_catalogue_is_refused_with_the_available_ones(tmp_path: Path) -> None:
    with pytest.raises(catalogue.CatalogueError, match=r"locale/xx/.* choose one of en, fr"):
        of(small(tmp_path), "xx")


@pytest.mark.parametrize("cell", ["=1+1", "+33", "-Bonjour", "@x", "\tx"])
def test_no_cell_is_a_formula(cell: str) -> None:
    line = Line(1, "hello", "fr/hello.wav", cell, "Hello.", "", "", "", "")
    content = as_csv(Script("fr", (line,), 1, ()))
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["text"] == f"'{cell}"
    assert (row["id"], row["file"]) == ("hello", "fr/hello.wav")


def test_the_page_escapes_markup_and_loads_nothing(tmp_path: Path) -> None:
    page = as_html(of(small(tmp_path))).decode()
    assert "-Bonjour &lt;b&gt;&amp; bienvenue&lt;/b&gt;." in page
    assert "fr/hello.wav" in page
    assert 'dir="ltr"' in page
    assert not re.search(r"src=|href=|url\(|@import|<script", page)


def test_arabic_is_written_from_right_to_left() -> None:
    page = as_html(of(SITE, "ar")).decode()
    assert page.count('<p class="text" lang="ar" dir="rtl">') == len(of(SITE, "ar").lines)
    assert 'dir="ltr"' not in page
    assert "Arabic (ar)" in page


@pytest.mark.parametrize("language", catalogue.load(SITE).languages)
def test_every_text_of_the_example_is_in_the_script_of_its_language(language: str) -> None:
    texts = catalogue.load(SITE)
    sheet = of(SITE, language)
    assert [line.id for line in sheet.lines] == [prompt for prompt in texts.ids if texts.text(language, prompt)]
    page = as_html(sheet).decode()
    assert page.count("<article") == len(sheet.lines)
    around = {line.id: (line.before, line.after) for line in sheet.lines}
    message = {line.id: line.text for line in sheet.lines}
    expected = {
        "main_file": ("", "key_1"),
        "key_3": ("main_file", ""),
        "closed_callback": ("", "press_1"),
        "press_3": ("closed_message", ""),
        "opens_again": ("", "opens_today"),
        "opens_monday": ("opens_again", "at_0000"),
        "on_day_3": ("opens_again", "in_month_1"),
        "in_month_5": ("on_day_1", "at_0000"),
        "case_missing": ("", "missing_photograph"),
        "reference_is": ("", "digit_0"),
        "institution": ("", ""),
    }
    for prompt, (before, after) in expected.items():
        if prompt in message:
            assert around[prompt] == (message.get(before, ""), message.get(after, "")), prompt
