"""Texts that node kinds got in a later version come with the program, for a site that was made before."""

from pathlib import Path

import prompt_lines as lines
import prompt_sites as sites
import pytest

from prompts import added_texts, catalogue, text_rules
from prompts.update import update

NEW, ENGLISH, FRENCH = "help_no_digits", "We did not receive any digits. Please try again.", "Nous n'avons reçu aucun"
OLD = {"help_digits": ("Not complete.", "Incomplet.")}


def site(folder: Path, **french: tuple[str, str]) -> Path:
    """Write a site of an earlier version, with these texts besides."""
    english = {text: (source, "") for text, (source, _) in (OLD | french).items()}
    sites.catalogue(folder, "en", english)
    sites.catalogue(folder, "fr", {**OLD, **french})
    return folder


def problems(folder: Path) -> list[tuple[str, str, str]]:
    return [(problem.code, problem.language, problem.id) for problem in catalogue.load(folder).problems()]


def test_a_site_that_lacks_a_new_text_has_that_of_the_program(tmp_path: Path) -> None:
    texts = catalogue.load(site(tmp_path))
    assert (texts.text("en", NEW), (texts.text("fr", NEW) or "").startswith(FRENCH)) == (ENGLISH, True)
    assert NEW in texts.ids and texts.program_texts[NEW] == ("en", "fr")
    assert problems(tmp_path) == []


def test_a_site_without_the_node_kind_gets_none_of_its_texts(tmp_path: Path) -> None:
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", "")})
    texts = catalogue.load(tmp_path)
    assert (texts.ids, texts.program_texts) == (("hello",), {})


def test_a_text_of_the_site_is_never_replaced(tmp_path: Path) -> None:
    texts = catalogue.load(site(tmp_path, help_no_digits=("No digits.", "Rien.")))
    assert (texts.text("fr", NEW), texts.program_texts) == ("Rien.", {})
    texts = catalogue.load(site(tmp_path, help_no_digits=("No digits.", "")))
    assert (texts.text("fr", NEW), texts.program_texts) == (None, {}), "the program's French says something else"
    assert problems(tmp_path) == [("E_TEXT_MISSING", "fr", NEW)]


def test_a_language_that_the_program_does_not_have_must_translate_them(tmp_path: Path) -> None:
    sites.catalogue(site(tmp_path), "pt", OLD)
    assert problems(tmp_path) == [("E_TEXT_MISSING", "pt", NEW)]
    (problem,) = catalogue.load(tmp_path).problems()
    assert problem.remedy.endswith(f"then translate: {ENGLISH}")


def test_an_update_gives_the_programs_english_its_translations(tmp_path: Path) -> None:
    site(tmp_path)
    (tmp_path / "texts.yaml").write_text(f"texts:\n  help_digits: Not complete.\n  {NEW}: {ENGLISH}\n")
    assert problems(tmp_path) == [("E_TEXT_SOURCE", "en", NEW)]
    list(update(tmp_path))
    texts = catalogue.load(tmp_path)
    assert ((texts.text("fr", NEW) or "").startswith(FRENCH), texts.program_texts, problems(tmp_path)) == (True, {}, [])


@pytest.mark.parametrize("text", added_texts.load())
def test_the_example_has_the_texts_of_the_program(text: str) -> None:
    example, added = catalogue.load(lines.EXAMPLE), added_texts.load()[text]
    assert added.texts == {language: example.text(language, text) for language in added.texts}
    assert set(added.texts) == set(example.languages) - {"zgh"}
    assert example.entry("en", added.beside) is not None and text not in example.program_texts
    assert [found for language, said in added.texts.items() for found in text_rules.findings(said, language)] == []
