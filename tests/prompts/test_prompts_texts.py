"""Promises about the texts of the example site."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from every import every
from prompt_lines import PYBABEL

from prompts import catalogue, sources, text_rules

ROOT = Path(__file__).parents[2]
SITE = ROOT / "sites" / "consulate"
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "nl", "zgh")
TEXTS = catalogue.load(SITE)
OPTIONS = [prompt for prompt in TEXTS.ids if (TEXTS.text("en", prompt) or "").endswith(",")]
ENDS = {"،": ",", "؟": "?"}


def test_the_site_has_seven_languages_and_one_with_recordings_only() -> None:
    assert TEXTS.languages == LANGUAGES


def test_every_text_of_the_flow_and_the_guide_is_in_the_catalogues() -> None:
    assert sorted([*TEXTS.ids, *TEXTS.words_ids]) == sorted(sources.load(SITE))
    assert {"institution", "language_option", "guide_passport_title", "guide_visa_fee"} <= set(TEXTS.ids)


def test_the_catalogues_are_formatted_as_by_pybabel(tmp_path: Path) -> None:
    template, locale = str(tmp_path / "hatif.pot"), tmp_path / "locale"
    shutil.copytree(SITE / "locale", locale)
    extract, update = (
        line.replace("var/hatif.pot", template).replace("sites/consulate/locale", str(locale)) for line in PYBABEL
    )
    for command in (extract, update):
        subprocess.run([ROOT / ".venv" / "bin" / "pybabel", "-q", *command.split()[1:]], cwd=ROOT, check=True)
    for language in LANGUAGES:
        written, ours = (locale / language / catalogue.FILE).read_bytes(), TEXTS.file(language).read_bytes()
        assert without_version(written) == without_version(ours), language


def without_version(catalogue: bytes) -> bytes:
    """Return a catalogue without the line with Babel's version, which differs between releases."""
    shortened, lines = re.subn(rb'^"Generated-By: Babel .*"\n', b"", catalogue, flags=re.MULTILINE)
    assert lines == 1
    return shortened


def test_every_prompt_is_written_in_every_language_without_problems() -> None:
    assert [str(problem) for problem in TEXTS.problems()] == []
    assert all(TEXTS.text(language, prompt) for language in LANGUAGES for prompt in TEXTS.ids)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_option_is_a_clause_completed_by_a_key(language: str) -> None:
    assert len(OPTIONS) > 40
    for option in OPTIONS:
        assert (TEXTS.text(language, option) or "").endswith("،" if language == "ar" else ","), option
    for kind in ("press", "key"):
        keys = [TEXTS.text(language, f"{kind}_{digit}") or "" for digit in range(10)]
        assert len(set(keys)) == 10
        assert kind == "key" or all(key.endswith(".") for key in keys)


@pytest.mark.parametrize("language", LANGUAGES[:-1])
def test_an_option_of_the_menus_has_six_words_at_most(language: str) -> None:
    for option in OPTIONS:
        if option.startswith(("main_", "documents_", "urgent_", "option_", "language_")):
            assert len((TEXTS.text(language, option) or "").split()) <= 6, option


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_last_part_of_a_sentence_ends_with_a_full_stop_in_every_language(language: str) -> None:
    for prompt in TEXTS.ids:
        english, text = TEXTS.text("en", prompt) or "", TEXTS.text(language, prompt) or ""
        if english.endswith((".", "?")):
            assert ENDS.get(text[-1:], text[-1:]) == english[-1], prompt


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_digit_has_to_be_read_by_a_voice(language: str) -> None:
    for prompt in TEXTS.ids:
        assert not re.search(r"\d", TEXTS.text(language, prompt) or "")


def test_callers_are_addressed_formally() -> None:
    familiar = {
        "de": r"\b(du|dich|dir|deine?[rmns]?|drücke|warte|bleib)\b",
        "es": r"\b(tú|tu|tus|te|contigo|espere?s|escucha)\b",
        "fr": r"\b(tu|te|toi|ton|ta|tes|attends)\b|(^|[.,;] )reste\b",
        "it": r"\b(tu|ti|tuo|tua|attendi|ascolta)\b",
        "nl": r"\b(je|jij|jou|jouw|blijf|wacht(?! u))\b",
    }
    for language, words in familiar.items():
        for prompt in TEXTS.ids:
            assert not re.search(words, TEXTS.text(language, prompt) or "", re.IGNORECASE), (language, prompt)


def test_arabic_is_written_with_all_its_vowels() -> None:
    marks = "\u064b-\u0652\u0670"
    for prompt in TEXTS.ids:
        for word in re.findall(f"[\u0621-\u064a{marks}]+", TEXTS.text("ar", prompt) or ""):
            letters = re.findall(f"([\u0621-\u064a])([{marks}]*)", word)
            for (letter, mark), before, after in zip(
                letters, [("", ""), *letters], [*letters[1:], ("", "")], strict=False
            ):
                is_long = (letter, True) in {("و", "\u064f" in before[1]), ("ي", "\u0650" in before[1])}
                is_assimilated = letter == "ل" and "\u0651" in after[1]
                assert mark or letter in "اىآ" or is_long or is_assimilated, f"{prompt}: {letter} in {word}"


@every(
    ("text", "language", "code"),
    [
        ("مرحبا", "fr", "E_TEXT_SCRIPT"),
        ("Bonjour", "ar", "E_TEXT_SCRIPT"),
        ("مَرْحَبًا SMS", "ar", "E_TEXT_SCRIPT"),
        ("Bonjour", "zgh", "E_TEXT_SCRIPT"),
        ("12", "fr", "E_TEXT_SCRIPT"),
        ("Bonjour \u200e vous", "fr", "E_TEXT_CONTROL"),
        ("Bonjour\nvous", "fr", "E_TEXT_CONTROL"),
        ("Bonjour 😀", "fr", "E_TEXT_SYMBOL"),
        ("<b>Bonjour</b>", "fr", "E_TEXT_MARKUP"),
        ("Tapez #", "fr", "E_TEXT_MARKUP"),
        ("Bonjour {name}", "fr", "E_TEXT_MARKUP"),
        ("Bonjour " * 250, "fr", "E_TEXT_LONG"),
        ("مرحبا بكم", "ar", "W_TEXT_VOWELS"),
    ],
)
def test_a_text_that_no_voice_can_speak_is_reported(text: str, language: str, code: str) -> None:
    assert code in [finding.code for finding in text_rules.findings(text, language)]


def test_the_script_of_a_new_language_is_known() -> None:
    assert text_rules.findings("ⴰⵣⵓⵍ", "zgh") == []
    assert text_rules.findings("Olá", "pt_BR") == []
    assert text_rules.findings("Здравствуйте", "ru") == []
