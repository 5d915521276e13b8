"""A mistake in a catalogue is reported in one sentence with file, line and remedy."""

import time
from pathlib import Path

import prompt_sites as sites
import pytest

from prompts import catalogue

GOOD = {"hello": ("Hello.", "Hello."), "wait": ("Please wait.", "Please wait.")}
HEADER = sites.HEADER.format("fr")


def problems(site: Path) -> list[tuple[str, str, int]]:
    return [(problem.code, problem.id, problem.line) for problem in catalogue.load(site).problems()]


def test_a_missing_an_empty_and_an_unknown_text_are_reported(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", GOOD)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", ""), "adieu": ("Bye.", "Adieu.")})
    assert problems(tmp_path) == [
        ("E_TEXT_MISSING", "wait", 1),
        ("E_TEXT_MISSING", "hello", 7),
        ("W_TEXT_UNKNOWN", "adieu", 11),
    ]
    assert catalogue.load(tmp_path).text("fr", "hello") is None
    assert catalogue.load(tmp_path).text("xx", "hello") is None


def test_an_untranslated_text_is_reported_except_in_english(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", GOOD)
    sites.catalogue(tmp_path, "fr", GOOD | {"wait": ("Please wait.", "Veuillez patienter.")})
    assert problems(tmp_path) == [("E_TEXT_UNTRANSLATED", "hello", 7)]


def test_a_translation_of_an_earlier_english_text_is_reported(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", GOOD)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello!", "Bonjour."), "wait": ("Please wait.", "Patientez.")})
    assert problems(tmp_path) == [("W_TEXT_STALE", "hello", 7)]


def test_a_fuzzy_text_is_not_spoken(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", "Hello.")})
    entry = '\n#, fuzzy\nmsgctxt "hello"\nmsgid "Hello."\nmsgstr "Bonjour."\n'
    sites.write(tmp_path, "fr", HEADER + entry)
    assert problems(tmp_path) == [("E_TEXT_FUZZY", "hello", 8)]
    assert catalogue.load(tmp_path).text("fr", "hello") is None


def test_an_english_text_with_an_empty_msgstr_is_spoken_as_its_source(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", ""), "wait": ("Please wait.", "Please hold the line.")})
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "")})
    assert problems(tmp_path) == [("E_TEXT_MISSING", "wait", 11)]
    texts = catalogue.load(tmp_path)
    assert (texts.text("en", "hello"), texts.text("en", "wait")) == ("Hello.", "Please hold the line.")


def test_an_english_catalogue_that_differs_from_its_sources_is_reported(tmp_path: Path) -> None:
    written = tmp_path / "texts.yaml"
    written.write_text("texts:\n  hello: Hello!\n  goodbye: Goodbye.\n")
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", ""), "wait": ("Please wait.", "")})
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "Patientez.")})
    assert problems(tmp_path) == [
        ("E_TEXT_SOURCE", "hello", 2),
        ("E_TEXT_SOURCE", "goodbye", 3),
        ("W_TEXT_UNUSED", "wait", 11),
    ]
    changed, new, unused = map(str, catalogue.load(tmp_path).problems())
    assert changed.startswith(f"{written}:2: E_TEXT_SOURCE hello: the English catalogue has: Hello.; run `hatif ")
    assert new.startswith(
        f"{written}:3: E_TEXT_SOURCE goodbye: the English catalogue does not have this text; run `hatif "
    )
    for problem in (changed, new, unused):
        assert "run `hatif prompts update`" in problem


def test_eight_full_catalogues_are_checked_within_a_second(tmp_path: Path) -> None:
    text = "You need the form, two photographs, the old passport and a proof of residence, all of them originals"
    for language in ("ar", "de", "en", "es", "fr", "it", "nl", "pt"):
        entries = {f"text_{number}": (f"{text}.", f"{text}, {language}.") for number in range(420)}
        sites.catalogue(tmp_path, language, entries)
    started = time.process_time()
    assert {problem.language for problem in catalogue.load(tmp_path).problems()} == {"ar"}
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("entry", "line", "words"),
    [
        ('msgctxt "a"\nmsgid "A."\nmsgstr "Ah\n', 8, "is not a valid catalogue line"),
        ('msgctxt "a"\nmsgid "A."\nmsgstr "A \\q."\n', 8, "is not a valid catalogue line"),
        ('msgctxt "a"\nmsgid "A."\nmsgid_plural "As."\nmsgstr[0] "Ah."\n', 8, "is not a valid catalogue line"),
        ("<<<<<<< HEAD\n", 6, "is not a valid catalogue line"),
        (" " * 1_000_000 + "x\n", 6, "is not a valid catalogue line"),  # at once, not after hours
        ('msgctxt "a"\nmsgid "A."\nmsgstr "Ah."\nmsgstr "Oh."\n', 9, "msgstr after msgstr"),
        ('msgctxt "a"\nmsgstr "Ah."\n', 7, "msgstr after msgctxt"),
        ('msgctxt "a"\nmsgid "A."\n', 7, "restore its end"),
        ('msgctxt "a"\nmsgid "A."\nmsgstr "Ah."\n\nmsgctxt "a"\nmsgid "A."\nmsgstr "Oh."\n', 10, "is defined twice"),
        ('msgctxt "../a"\nmsgid "A."\nmsgstr "Ah."\n', 6, "is not a prompt id"),
        ('msgid "A."\nmsgstr "Ah."\n', 6, "has no id"),
    ],
)
def test_a_broken_catalogue_is_refused_with_the_line(tmp_path: Path, entry: str, line: int, words: str) -> None:
    sites.catalogue(tmp_path, "en", GOOD)
    file = sites.write(tmp_path, "fr", HEADER + "\n" + entry)
    with pytest.raises(catalogue.CatalogueError) as refused:
        catalogue.load(tmp_path)
    assert str(refused.value).startswith(f"{file}:{line}: ")
    assert words in str(refused.value)


def test_other_broken_files_are_reported_too(tmp_path: Path) -> None:
    with pytest.raises(catalogue.CatalogueError, match="no such file"):
        catalogue.load(tmp_path)
    sites.catalogue(tmp_path, "en", GOOD)
    french = sites.catalogue(tmp_path, "fr", GOOD)
    french.write_bytes(french.read_bytes().replace(b"Please", b"Pl\xe9ase", 1))
    with pytest.raises(catalogue.CatalogueError, match=r"hatif\.po:11: this is not UTF-8"):
        catalogue.load(tmp_path)
    sites.write(tmp_path, "fr", sites.HEADER.format("de"))
    with pytest.raises(catalogue.CatalogueError, match="Language: de, but its folder is fr"):
        catalogue.load(tmp_path)
    french.unlink()
    with pytest.raises(catalogue.CatalogueError, match="No such file"):
        catalogue.load(tmp_path)
    french.parent.rmdir()
    french.parents[1].rename(tmp_path / "locale" / "French")
    with pytest.raises(catalogue.CatalogueError, match="French is not a language code"):
        catalogue.load(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "Plural-Forms: nplurals=1000000000; plural=n;",
        f"Plural-Forms: nplurals={'9' * 5000}; plural=n;",
        f"Plural-Forms: nplurals=2; plural={'(' * 5000}n{')' * 5000};",
        "Plural-Forms: nplurals=2; plural=n**n**n**99999;",
        "Content-Type: text/plain; charset=utf-16",
        "POT-Creation-Date: 2024-01-01 10:00+9999",
        "Language: ../../../etc/passwd",
    ],
)
def test_a_header_that_is_a_bomb_is_refused_or_of_no_effect(tmp_path: Path, line: str) -> None:
    """Babel would evaluate a rule for plurals, and make lists of `nplurals`, for texts with plurals, of which we have
    none."""
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", "Hello.")})
    entry = 'msgctxt "hello"\nmsgid "Hello."\nmsgstr "Bonjour."\n'
    sites.write(tmp_path, "fr", f'msgid ""\nmsgstr ""\n"{line}\\n"\n\n{entry}')
    began = time.monotonic()
    texts, errors = catalogue.examine(tmp_path)
    assert time.monotonic() - began < 10
    assert texts is not None
    assert texts.text("fr", "hello") == "Bonjour." if not errors else "hatif.po:" in str(errors[0])
    sites.write(tmp_path, "fr", f'msgid ""\nmsgstr ""\n"{line}\\n"\n\n{entry}msgid_plural "Hellos."\n')
    assert [str(error) for error in catalogue.examine(tmp_path)[1] if "is not a valid catalogue line" in str(error)]
