"""The desk's words: every language has all of them, with the same gaps to be filled."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Template

from desk.page import site_words, texts
from desk.page.pages import Pages
from desk.page.texts import FOLDER, LANGUAGES, choose
from desk.shift.telephone import TEXTS

CHECKOUT = FOLDER.parent.parent
TRANSLATED = [code for code in LANGUAGES if code != "en"]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the code and the templates say now."""
    pot = tmp_path_factory.mktemp("texts") / "desk.pot"
    pybabel = str(Path(sys.executable).with_name("pybabel"))
    options = ["extract", "-F", "desk/babel.cfg", "-k", "N_", "-k", "phrase", "-o"]
    command = [pybabel, "-q", *options, str(pot), "desk", "cli"]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    with pot.open("rb") as file:
        return read_po(file)


def key_of(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Documents et visas"), ("ar", "وثائق وتأشيرات"), ("en", "Documents and visas")]
)
def test_the_options_of_menus_are_written_in_the_operators_language(language: str, words: str) -> None:
    assert site_words.load(CHECKOUT / "sites" / "consulate").choice(language, "main_documents") == words


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_no_other(extracted: Catalog, code: str) -> None:
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    wanted = {key_of(message.id) for message in extracted if message.id}
    assert {key_of(message.id) for message in catalogue if message.id} == wanted
    for message in catalogue:
        if not message.id:
            continue
        forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))
        assert all(forms) and not message.fuzzy, message.id
        gaps = set(re.findall(r"%\(\w+\)s", key_of(message.id)))
        assert all(set(re.findall(r"%\(\w+\)s", form)) <= gaps for form in forms), message.id
        if isinstance(message.string, str):
            assert set(re.findall(r"%\(\w+\)s", message.string)) == gaps, message.id


@pytest.mark.parametrize("source", ["{{ 'DE' | country_name }}", "{{ 'de' | language_name }}", "{{ 0.5 | percent }}"])
def test_a_template_compiled_for_one_language_speaks_the_language_of_the_page(source: str) -> None:
    environments = Pages()._environments
    compiled = environments["en"].compile(source)
    french, english = (Template.from_code(environments[code], compiled, {}).render() for code in ("fr", "en"))
    assert french != english


def test_arabic_is_written_from_right_to_left() -> None:
    assert {code: language.direction for code, language in texts.load().items()} == {
        "fr": "ltr",
        "ar": "rtl",
        "en": "ltr",
    }


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "fr"),
        ("de", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr;q=0.5, ar-MA", "ar"),
        ("*, ;q=x, en;q=high", "fr"),
        ("x" * 10_000, "fr"),
    ],
)
def test_a_browser_gets_the_best_language_that_it_asks_for(accepted: str, code: str) -> None:
    assert choose(accepted) == code


def test_a_language_or_country_without_a_name_is_shown_by_its_code() -> None:
    english = texts.load()["en"]
    assert [english.language_name(code) for code in ("nl", "zgh", "xx", "x-y-z", None)] == [
        "Dutch",
        "Standard Moroccan Tamazight",
        "xx",
        "x-y-z",
        "any language",
    ]
    assert [english.country_name(code) for code in ("MA", "QQ", None)] == ["Morocco", "QQ", "unknown country"]


def test_the_page_brings_every_sentence_of_the_telephone() -> None:
    script = (FOLDER.parent / "telephone" / "src" / "texts.ts").read_text()
    block = re.search(r"const ENGLISH = \{(.*?)\n\};", script, re.DOTALL)
    assert block is not None
    english = dict(re.findall(r'^  (\w+): "(.*?)",?$', block[1], re.MULTILINE))
    assert english == TEXTS


def test_in_arabic_a_caller_on_hold_and_a_waiting_one_have_two_words_and_wrapping_up_has_one() -> None:
    arabic = texts.load()["ar"]
    assert arabic.text("On hold") != arabic.text("Waiting") and "الانتظار" not in arabic.text("Hold")
    wrap_up = arabic.text("Wrapping up")
    for text in ("You are not wrapping up any more.", "ended a wrap-up", "extended a wrap-up"):
        assert wrap_up in arabic.text(text), text
