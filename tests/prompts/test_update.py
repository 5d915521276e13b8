"""`hatif prompts update` brings the site's texts into its catalogues, wherever it runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import prompt_lines as lines
import prompt_sites as sites
import pytest

from prompts import catalogue
from prompts.sources import CatalogueError
from prompts.update import Updated, update


def site(folder: Path) -> Path:
    """Write a site with a changed, a new and a deleted text."""
    sites.catalogue(folder, "en", {"hello": ("Hello.", ""), "wait": ("Please wait.", "")})
    sites.catalogue(folder, "fr", {"hello": ("Hello.", "Bonjour."), "wait": ("Please wait.", "Patientez.")})
    (folder / "texts.yaml").write_text("texts:\n  hello: Hello!\n  # At the end.\n  goodbye: Until we meet again.\n")
    return folder


def codes(folder: Path) -> list[tuple[str, str, str]]:
    return [(problem.code, problem.language, problem.id) for problem in catalogue.load(folder).problems()]


def test_the_command_that_the_check_prints_works_in_any_folder_without_var(tmp_path: Path) -> None:
    folder, elsewhere = site(tmp_path / "site"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(lines.EXAMPLE / "site.toml", folder)
    commands = {
        command
        for problem in catalogue.load(folder).problems()
        if problem.code in ("E_TEXT_SOURCE", "W_TEXT_UNUSED")
        for command in re.findall(r"`([^`]+)`", problem.remedy)
    }
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "HATIF_SITE": str(folder), "HATIF_HOME": str(tmp_path / "home")}
    assert commands
    for command in commands:
        ran = subprocess.run(
            command, shell=True, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == "en: 1 new, 1 removed, 0 marked fuzzy.\nfr: 1 new, 1 removed, 1 marked fuzzy.\n"
    assert codes(folder) == [("E_TEXT_FUZZY", "fr", "hello"), ("E_TEXT_MISSING", "fr", "goodbye")]
    assert "#. At the end.\n" in (folder / "locale" / "fr" / catalogue.FILE).read_text()
    assert not (tmp_path / "home").exists() and not list(elsewhere.iterdir())


def test_it_writes_what_pybabel_would_write(tmp_path: Path) -> None:
    by_pybabel = lines.checkout(tmp_path)
    folder = by_pybabel / "sites" / "consulate"
    texts = (folder / "texts.yaml").read_text()
    (folder / "texts.yaml").write_text(
        texts.replace("  press_2: press two.\n", "").replace("press three.", "press a three.")
        + "  # What is said last, and is so long that its comment for translators is longer than one line.\n"
        + "  at_last: At last.\n"
    )
    ours = shutil.copytree(folder, tmp_path / "ours")
    ran = lines.run(by_pybabel, lines.quick("\n".join(f".venv/bin/{item}" for item in lines.PYBABEL)))
    assert ran.returncode == 0, ran.stderr
    assert {done.language for done in update(ours)} == set(catalogue.load(ours).languages)
    for language in catalogue.load(ours).languages:
        file = Path("locale") / language / catalogue.FILE
        assert (ours / file).read_bytes() == (folder / file).read_bytes()
    assert list(update(ours)) == []


def test_a_site_without_texts_of_its_own_and_a_broken_catalogue_stay_as_they_are(tmp_path: Path) -> None:
    folder = site(tmp_path)
    english = folder / "locale" / "en" / catalogue.FILE
    before = english.read_bytes()
    french = sites.write(folder, "fr", "<<<<<<< HEAD\n")
    with pytest.raises(CatalogueError, match="is not a valid catalogue line"):
        list(update(folder))
    assert (english.read_bytes(), french.read_text()) == (before, "<<<<<<< HEAD\n")
    shutil.rmtree(french.parent.parent)
    (folder / "texts.yaml").unlink()
    with pytest.raises(CatalogueError, match="the site's files have no texts"):
        list(update(folder))
    assert english.read_bytes() == before


def test_line_ends_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    folder = site(tmp_path)
    french = folder / "locale" / "fr" / catalogue.FILE
    french.write_bytes(b"\xef\xbb\xbf" + french.read_bytes().replace(b"\n", b"\r\n"))
    assert Updated("fr", 1, 1, 1) in list(update(folder))
    content = french.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert codes(folder) == [("E_TEXT_FUZZY", "fr", "hello"), ("E_TEXT_MISSING", "fr", "goodbye")]
