"""Procedures are found by words as people type them, and `hatif guide` shows their content."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from every import every
from shell import Answer, Shell

from ivr.home.settings import CHECKOUT
from prompts.guide_search import search, words

EXAMPLE = CHECKOUT / "sites" / "consulate"

TITLES = {
    "passport": ["For a first passport,", "Pour un premier passeport,", "لِلْحُصُولِ عَلَى جَوَازِ السَّفَرِ،"],
    "renewal": ["For a passport renewal, or after its loss,", "Pour renouveler un passeport,", "لِتَجْدِيدِ الْجَوَازِ،"],
    "legalisation": ["For legalisation, or an apostille,", "Pour une légalisation,", "لِتَصْحِيحِ الْإِمْضَاءِ،"],
    "visa": ["For a visa,", "Pour un visa,", "لِلتَّأْشِيرَةِ،"],
}
TEXTS = {
    "passport": ["You apply for it at the consulate."],
    "renewal": ["You apply for it at the consulate, with the report of the police."],
    "legalisation": ["You sign before the officer. Élection, œuvre, groß."],
    "visa": ["You need a passport, and for a long stay a foreigner's permit."],
}


@every(
    ("query", "found"),
    [
        ("légalisation", ["legalisation"]),
        ("legalisation", ["legalisation"]),
        ("LÉGALISATION", ["legalisation"]),
        ("oeuvre", ["legalisation"]),
        ("gross", ["legalisation"]),
        ("l'élection", ["legalisation"]),
        ("legal", ["legalisation"]),
        ("apostile", ["legalisation"]),
        ("lagelisation", ["legalisation"]),
        ("vsia", ["visa"]),
        ("police", ["renewal"]),
        ("passport renewal", ["renewal", "passport"]),
        ("loss of a passport", ["renewal"]),
        ("passport", ["passport", "renewal", "visa"]),
        ("passport visa", ["visa"]),
        ("jet", []),
        ("zebra", []),
        ("?", []),
        ("", []),
    ],
)
def test_a_procedure_is_found_as_it_is_typed(query: str, found: list[str]) -> None:
    assert search(query, TITLES, TEXTS)[: len(found) or None] == found


@pytest.mark.parametrize("query", ["تصحيح الإمضاء", "تصحيح الامضاء", "تَصْحِيحِ الْإِمْضَاءِ", "امضاء", "الإمظاء"])
def test_arabic_is_found_without_vowels_hamza_and_article(query: str) -> None:
    assert search(query, TITLES, TEXTS) == ["legalisation"]


def test_different_spellings_of_a_letter_are_equal_to_the_search() -> None:
    assert words("التَّأْشِيرَةُ") == words("تاشيره")
    assert words("مُسْتَشْفَى") == words("مستشفي")
    assert words("عـــقد") == words("عقد")
    assert words("لِلْجَوَازِ") == words("الجواز") == words("جواز")
    assert words("Ålesund STRASSE") == words("alesund Straße")


def test_a_word_that_occurs_everywhere_counts_little() -> None:
    assert search("for police", TITLES, TEXTS)[0] == "renewal"


def test_an_empty_guide_has_no_matches() -> None:
    assert search("visa", {}, {}) == []


# The command


def hatif(*arguments: str, site: Path = EXAMPLE) -> Answer:
    return Shell(site / "none", site).run("guide", *arguments)


def found(*arguments: str) -> list[dict[str, Any]]:
    answer = hatif(*arguments, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


def test_without_a_query_all_procedures_are_listed_and_marked_as_samples() -> None:
    rows, table = found("--language", "nl"), hatif("--language", "nl").stdout
    assert len(rows) >= 18
    for row in rows:
        assert row.keys() == {"id", "title", "status"}
        assert row["id"] in table and row["title"].rstrip(",") in table
    assert {row["status"] for row in rows} == {"sample"}
    assert "Sample content: the ministry must confirm it." in table


def test_the_id_of_a_procedure_shows_it_completely_with_every_remark() -> None:
    (whole,) = found("passport")
    assert list(whole) == [
        *("id", "title", "status", "language"),
        *("documents", "fee", "duration", "where", "issuer", "legal_basis", "remarks", "sources"),
    ]
    assert whole["remarks"].keys() == {"FR", "NL"}
    shown = hatif("passport").stdout
    assert shown.startswith("passport: For a first passport\nSample content: the ministry must confirm it.\n")
    for text in (*(whole[name] for name in list(whole)[4:-2]), *whole["remarks"].values()):
        assert f"  {text}\n" in shown
    assert whole["documents"].count(".") > 2  # what callers hear in several steps is one text here
    assert whole["sources"]["fee"] == {"source": "passeport.ma (500 dirhams); the euros are a sample", "as_of": "2025"}
    assert "  fee: passeport.ma (500 dirhams); the euros are a sample (2025)\n" in shown
    assert "\nlegal basis\n" in shown and "\nin NL\n" in shown


@pytest.mark.parametrize(
    ("language", "query"),
    [
        ("fr", "légalisation"),
        ("fr", "legalisation"),
        ("ar", "apostille"),  # English is also searched
        ("ar", "تصديق الوثائق"),
        ("es", "apostila"),
        ("it", "legalizazione"),
        ("nl", "legalisatie"),
        ("de", "legalisazion"),
    ],
)
def test_legalisation_is_found_first_in_every_language(language: str, query: str) -> None:
    rows = found(query, "--language", language)
    assert rows[0]["id"] == "legalisation"
    assert rows[0]["language"] == language
    (english,) = found("legalisation")
    assert rows[0]["fee"] != english["fee"]


def test_several_matches_are_listed_best_first_with_a_hint() -> None:
    answer = hatif("pasport")
    lines = answer.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["passport", "passport_renewal"]
    assert lines[-1] == "`hatif guide ID` shows one of them in full."


def test_a_search_without_matches_is_reported_in_one_sentence_with_a_remedy() -> None:
    answer = hatif("zebra", "--language", "fr")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        "hatif: The guide says nothing about 'zebra' in fr or en; `hatif guide` lists all, "
        "`--language` searches another language.\n"
    )


def test_a_language_without_texts_is_refused() -> None:
    answer = hatif("visa", "--language", "xx")
    assert answer.returncode == 1
    assert answer.stderr.startswith("hatif: 'xx' has no texts; the languages are ar, de, en, es, fr, it, nl")


def test_a_broken_guide_is_reported_with_file_and_line(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE, site)
    file = site / "guide" / "visa.yaml"
    file.write_text(file.read_text().replace("status: sample", "status: draft"))
    answer = hatif("visa", site=site)
    assert answer.returncode == 1
    assert answer.stderr == f"hatif: {file}:2: E_GUIDE_FIELD status is draft; write sample or confirmed.\n"


def test_an_untranslated_procedure_is_shown_in_english(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE, site)
    text = (site / "guide" / "visa.yaml").read_text()
    (site / "guide" / "fishing.yaml").write_text(text.replace("For a visa for Morocco,", "For a fishing permit,"))
    answer = hatif("fishing", "--language", "fr", site=site)
    assert answer.stdout.startswith("fishing: For a fishing permit\n"), answer.stderr
