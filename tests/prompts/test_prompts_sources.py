"""The English source texts: what is extracted for translators, and what is refused."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from prompts import catalogue, sources
from prompts.sources import CatalogueError

ROOT = Path(__file__).parents[2]
FLOW = """\
start: welcome
nodes:
  welcome: {kind: say, text: welcome}
texts:
  welcome: Welcome.

  # An option; press_N follows.
  #   It ends in a comma.
  main_file: For your file,
"""
TEXTS = """\
texts:
  press_1: press one.
  wait: >
    Please wait. We are
    coming.
"""
GUIDE = """\
# Sample content.
status: sample
title: For a passport,
# The fee is not here.
documents: "You need: two photographs."
where: At the consulate.
remarks:
  FR: In France, make an appointment.
  "NO": In Norway, write.
"""


def site(folder: Path, flow: str = FLOW, texts: str = TEXTS, guide: str = GUIDE) -> Path:
    (folder / "guide").mkdir(parents=True, exist_ok=True)
    for name, content in (("flow.yaml", flow), ("texts.yaml", texts), ("guide/passport.yaml", guide)):
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def pybabel(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, env={"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)})


def extracted(folder: Path) -> Path:
    template = folder / "hatif.pot"
    pybabel(folder, "extract", "-F", "babel.cfg", "--no-location", "-o", str(template), str(folder))
    return template


def test_every_text_is_found_with_its_line_and_its_comment_for_translators(tmp_path: Path) -> None:
    found = sources.load(site(tmp_path))
    assert [(item.id, item.file.name, item.line, item.text) for item in found.values()] == [
        ("welcome", "flow.yaml", 5, "Welcome."),
        ("main_file", "flow.yaml", 9, "For your file,"),
        ("press_1", "texts.yaml", 2, "press one."),
        ("wait", "texts.yaml", 3, "Please wait. We are coming."),
        ("guide_passport_title", "passport.yaml", 3, "For a passport,"),
        ("guide_passport_documents", "passport.yaml", 5, "You need: two photographs."),
        ("guide_passport_where", "passport.yaml", 6, "At the consulate."),
        ("guide_passport_remark_fr", "passport.yaml", 8, "In France, make an appointment."),
        ("guide_passport_remark_no", "passport.yaml", 9, "In Norway, write."),
    ]
    assert found["main_file"].comment == "An option; press_N follows. It ends in a comma."
    assert found["welcome"].comment == found["press_1"].comment == ""
    assert found["guide_passport_documents"].comment == "What has to be brought. The fee is not here."


def test_the_ids_of_a_guide_s_texts_are_those_that_are_extracted(tmp_path: Path) -> None:
    fields = {sources.guide_text_id("passport", field) for field in sources.GUIDE_FIELDS}
    remarks = {sources.guide_text_id("passport", "remark", country) for country in ("FR", "NO")}
    assert "guide_passport_title" in fields
    assert "guide_passport_remark_no" in remarks
    assert {item for item in sources.load(site(tmp_path)) if item.startswith("guide_")} <= fields | remarks


def test_a_field_of_the_guide_with_a_list_of_texts_has_numbered_ids_each_with_its_line(tmp_path: Path) -> None:
    folder = site(tmp_path)
    file = folder / "guide" / "passport.yaml"
    file.write_text(
        "status: sample\ntitle: For a passport,\n"
        "documents:\n  - Two photographs.\n  # Of the landlord.\n  - A receipt.\n"
        "remarks:\n  FR: [In France a bill., Or a receipt.]\n"
    )
    found = sources.load(folder)
    guide = [(item.id, item.line, item.text) for item in found.values() if item.id.startswith("guide_")]
    assert guide == [
        ("guide_passport_title", 2, "For a passport,"),
        ("guide_passport_documents_1", 4, "Two photographs."),
        ("guide_passport_documents_2", 6, "A receipt."),
        ("guide_passport_remark_fr_1", 8, "In France a bill."),
        ("guide_passport_remark_fr_2", 8, "Or a receipt."),
    ]
    assert found["guide_passport_documents_2"].comment == "What has to be brought. Of the landlord."
    assert sources.guide_part_ids("guide_passport_fee", None) == ("guide_passport_fee",)
    assert sources.guide_part_ids("guide_passport_fee", 2) == ("guide_passport_fee_1", "guide_passport_fee_2")


def test_pybabel_extracts_each_text_with_its_id_as_context(tmp_path: Path) -> None:
    with extracted(site(tmp_path)).open("rb") as file:
        template = read_po(file)
    found = sources.load(tmp_path)
    assert {message.context: message.id for message in template if message.id} == {
        item.id: item.text for item in found.values()
    }
    (option,) = (message for message in template if message.context == "main_file")
    assert " ".join(option.auto_comments) == "An option; press_N follows. It ends in a comma."


def test_pybabel_extracts_a_catalogue_that_matches_the_site(tmp_path: Path) -> None:
    template = str(extracted(site(tmp_path)))
    for language in ("en", "fr"):
        pybabel(tmp_path, "init", "-D", "hatif", "-i", template, "-d", str(tmp_path / "locale"), "-l", language)
    texts = catalogue.load(tmp_path)
    assert set(texts.ids) == set(sources.load(tmp_path))
    assert texts.text("en", "welcome") == "Welcome."
    assert {(problem.code, problem.language) for problem in texts.problems()} == {("E_TEXT_MISSING", "fr")}


def test_a_site_without_source_files_has_no_sources(tmp_path: Path) -> None:
    assert sources.load(tmp_path) == {}
    (tmp_path / "flow.yaml").write_text("start: a\nnodes: {1: {kind: end}}\n")
    assert sources.load(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "content", "line", "words"),
    [
        ("flow.yaml", FLOW + "  wait: Please hold.\n", 3, "the text wait is also in"),
        ("texts.yaml", TEXTS + "  press_1: press 1.\n", 6, "press_1 is defined twice (line 2)"),
        ("texts.yaml", "texts:\n  a: One.\n  b: no\n", 3, "b is not a text"),
        ("texts.yaml", "texts:\n  a: 12\n", 2, "a is not a text"),
        ("texts.yaml", "texts:\n  a: [One.]\n", 2, "a is not a text"),
        ("texts.yaml", "texts:\n  a:\n", 2, "a is not a text"),
        ("texts.yaml", 'texts:\n  a: " "\n', 2, "a is empty"),
        ("texts.yaml", "texts:\n  Main File: One.\n", 2, "Main File is not a text id"),
        ("texts.yaml", "texts:\n  no: One.\n", 2, "YAML does not read no as a name"),
        ("texts.yaml", "texts: One.\n", 1, "expected texts as a mapping"),
        ("texts.yaml", "- One.\n", 1, "expected texts as a mapping"),
        ("texts.yaml", "texts:\n  a: One: two\n", 2, "mapping values are not allowed"),
        ("texts.yaml", "texts:\n  a: One\u0007\n", 2, "correct the YAML"),
        ("guide/passport.yaml", GUIDE.replace('"NO"', "NO"), 9, 'write "NO"'),
        ("guide/passport.yaml", GUIDE.replace("FR", "France"), 8, "France is not a country"),
        ("guide/passport.yaml", GUIDE.replace("where: At the consulate.", "where: yes"), 6, "where is not a text"),
        ("guide/passport.yaml", "", 1, "expected a procedure of the guide as a mapping"),
    ],
)
def test_a_mistake_is_reported_with_file_and_line(
    tmp_path: Path, name: str, content: str, line: int, words: str
) -> None:
    (site(tmp_path) / name).write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError) as refused:
        sources.load(tmp_path)
    file = tmp_path / ("texts.yaml" if "also in" in words else name)
    assert str(refused.value).startswith(f"{file}:{line}: ")
    assert words in str(refused.value)


def test_other_broken_files_are_reported_too(tmp_path: Path) -> None:
    (site(tmp_path) / "texts.yaml").write_bytes(b"texts:\n  a: Caf\xe9.\n")
    with pytest.raises(CatalogueError, match=r"texts\.yaml:2: this is not UTF-8"):
        sources.load(tmp_path)
    site(tmp_path)
    (tmp_path / "guide" / "First Passport.yaml").write_text("status: sample\ntitle: For a passport,\n")
    with pytest.raises(CatalogueError, match=r"First Passport\.yaml:2: guide_First Passport_title is not a text id"):
        sources.load(tmp_path)


def test_a_broken_source_stops_pybabel_with_the_same_message(tmp_path: Path) -> None:
    file = site(tmp_path) / "texts.yaml"
    file.write_text("texts:\n  a: no\n")
    with pytest.raises(CatalogueError, match=r"texts\.yaml:2: a is not a text"):
        list(extract_from_file("hatif", file))
    nameless = io.BytesIO(b"texts:\n  a: One.\n")
    nameless.name = "texts.yaml"
    assert list(sources.extract(nameless, (), (), {})) == [(2, "pgettext", ("a", "One."), [])]
