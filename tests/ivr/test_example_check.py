"""`hatif check` names the texts of the example's institution that a new site still speaks."""

import shutil
from pathlib import Path

import pytest

from ivr.check.example_check import example_findings
from ivr.home.settings import EXAMPLE
from ivr.site import site
from prompts import catalogue, sources
from prompts.update import update


@pytest.fixture
def new_site(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / "site")


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def named(folder: Path) -> list[tuple[str, str]]:
    """Return the file and the words of each finding."""
    texts = catalogue.load(folder)
    found = example_findings(folder, site.load(folder), sources.load(folder), texts)
    return [(str(Path(row.file).relative_to(folder)), row.found) for row in found]


def test_a_site_of_another_name_is_told_which_texts_still_name_the_consulate(new_site: Path) -> None:
    edit(new_site, "site.toml", 'name = "consulate"', 'name = "city-hall"')
    flow, texts, guide = named(new_site)
    begin = "texts of the example's institution are still spoken: "
    assert flow == (
        "flow.yaml",
        f"{begin}2 (main_consulate, documents_travel), such as 'Your consulate,'",
    )
    assert guide[0].startswith("guide/") and "and 68 more" in guide[1]
    first = "institution, callback_hello, told_hello, told_asked, consulate_none and 31 more"
    spoken = f"36 ({first}), such as 'Consulate of Morocco.'"
    assert texts == ("texts.yaml", begin + spoken)


def test_moroccan_time_is_named_where_the_clock_is_another(new_site: Path) -> None:
    edit(new_site, "site.toml", "Africa/Casablanca", "Europe/Brussels")
    assert "(institution, site_time, callback_hello" in named(new_site)[1][1]


def test_a_text_is_named_until_no_language_speaks_it(new_site: Path) -> None:
    edit(new_site, "site.toml", 'name = "consulate"', 'name = "city-hall"')
    edit(new_site, "texts.yaml", "institution: Consulate of Morocco.", "institution: City hall of Ghent.")
    assert "(institution," in named(new_site)[1][1]
    list(update(new_site))
    assert "(callback_hello, told_hello, told_asked, consulate_none," in named(new_site)[1][1]


def test_the_example_and_a_copy_that_has_its_name_and_time_are_of_its_institution(new_site: Path) -> None:
    assert named(new_site) == []
    assert list(example_findings(EXAMPLE, site.load(EXAMPLE), sources.load(EXAMPLE), catalogue.load(EXAMPLE))) == []
