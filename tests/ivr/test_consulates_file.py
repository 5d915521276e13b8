"""`consulates.csv`: what is read from it, and what `hatif check` says about it."""

import asyncio
from pathlib import Path

import phonenumbers
import pytest
import small_site
from site_files import refusal
from small_site import SmallSite

from ivr.check import checking
from ivr.flow import model
from ivr.flow.missing_audio import find_missing, needed_texts
from ivr.flow.versions import VersionStore
from ivr.home.settings import EXAMPLE
from ivr.model.e164 import dialled_groups
from ivr.site import consulates, site
from ivr.site.guide import ProcedureStatus
from prompts import catalogue
from prompts.manifest import Manifest

HEAD = ",".join(consulates.COLUMNS)
LONDON = "GB,city_london,en ar,an_address,the_hours,by_phone,+442079460101,+442079460102,not_done,sample"
NODE = """\
  consulate:
    kind: consulate
    what: duty
    guide: papers
    next: goodbye
    back: main
  papers:
"""
CODES = {
    *("E_CONSULATE_FILE", "E_CONSULATE_ROW", "E_CONSULATE_TEXT"),
    *("W_CONSULATE_MISSING", "W_CONSULATE_SAMPLE"),
}
TEXTS = {"city_london", "an_address", "the_hours", "by_phone", "not_done"}


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


def write(small: SmallSite, *rows: str, head: str = HEAD) -> Path:
    path = small.folder / consulates.FILE
    path.write_text("\n".join((head, *rows, "")), encoding="utf-8")
    return path


def tell(small: SmallSite) -> None:
    """Have the flow tell the consulates."""
    small.edit("flow.yaml", "  papers:\n", NODE)
    small.edit("flow.yaml", "next: papers}", "next: consulate}")


def told(small: SmallSite, *texts: str) -> list[tuple[str, int, str]]:
    """Return the findings about consulates, with these texts in the catalogues, and nothing about their audio."""
    for text in texts:
        small.edit("texts.yaml", "texts:\n", f"texts:\n  {text}: Some words.\n")
    found = checking.check(small.folder, small.sounds, small_site.NEEDED, small.folder.parent / "voices")
    return [(item.code, item.line, f"{item.found}; {item.remedy}") for item in found if item.code in CODES]


def test_a_row_tells_where_a_consulate_is_and_whom_to_call(small: SmallSite) -> None:
    write(small, LONDON)
    (london,) = consulates.load(small.folder, ("GB",)).of("GB")
    assert (london.city, london.languages, london.duty) == ("city_london", ("en", "ar"), "+442079460102")
    assert london.status is ProcedureStatus.SAMPLE and london.line == 2 and set(london.text_ids) == TEXTS


def test_a_territory_without_a_consulate_has_those_of_its_country_and_others_have_none(small: SmallSite) -> None:
    write(small, LONDON)
    listed = consulates.load(small.folder)
    assert listed.of("GG") == listed.of("GB") != ()
    assert listed.of("FR") == listed.of(None) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("GB,", "gb,", "the country 'gb' is not valid; write two capital letters"),
        ("GB,", "FR,", "the country 'FR' is not one of the site's; write one of GB"),
        ("city_london", "London", "city is 'London'; write the id of a text"),
        ("an_address", "", "address is ''; write the id of a text"),
        ("en ar", "", "has no languages; write those that are spoken there"),
        ("en ar", "english", "the language 'english' is not valid; write codes with spaces"),
        ("+442079460101", "020 7946 0101", "telephone is '020 7946 0101'; write it with its +"),
        ("+442079460102", "", "duty is ''; write it with its +"),
        (",sample", ",real", "status is 'real'; write sample or confirmed"),
        (",sample", "", "has 9 columns; it must have 10"),
    ],
)
def test_a_mistake_in_a_row_gets_its_line_and_what_would_be_right(
    small: SmallSite, old: str, new: str, words: str
) -> None:
    path = write(small, LONDON.replace(old, new))
    ((line, what),) = refusal(lambda: consulates.load(small.folder, ("GB",)), path)
    assert line == 2 and what.startswith(f"E_CONSULATE_ROW {words}")


def test_a_country_has_at_most_as_many_consulates_as_there_are_keys(small: SmallSite) -> None:
    rows = [LONDON.replace("city_london", f"city_{number}") for number in range(1, consulates.MOST + 2)]
    path = write(small, *rows, rows[0])
    (line, many), (last, twice) = refusal(lambda: consulates.load(small.folder), path)
    assert (line, last) == (consulates.MOST + 2, consulates.MOST + 3)
    assert "GB has more than 8 consulates" in many and "city_1 occurs twice in GB" in twice


def test_wrong_columns_and_another_encoding_are_named_with_the_file(small: SmallSite) -> None:
    path = write(small, head="country,city")
    ((line, what),) = refusal(lambda: consulates.load(small.folder), path)
    assert line == 1 and f"the first line must be {HEAD}" in what
    path.write_bytes(f"{HEAD}\n{LONDON} \xe9".encode("latin-1"))
    ((_, what),) = refusal(lambda: consulates.load(small.folder), path)
    assert what.startswith("E_CONSULATE_FILE cannot be read")


def test_the_check_asks_for_one_in_each_country_and_for_real_ones(small: SmallSite) -> None:
    write(small, LONDON)
    assert told(small) == []  # no node tells them
    tell(small)
    found = told(small)
    assert {(code, line) for code, line, _ in found} == {("E_CONSULATE_TEXT", 2), ("W_CONSULATE_SAMPLE", 2)}
    assert {words.split("'")[1] for code, _, words in found if code == "E_CONSULATE_TEXT"} == TEXTS
    ((code, line, words),) = told(small, *TEXTS)
    assert (code, line) == ("W_CONSULATE_SAMPLE", 2) and words.startswith("1 (GB city_london) of 1 consulates")
    write(small, LONDON.replace("sample", "confirmed"))
    assert told(small) == []
    (small.folder / consulates.FILE).unlink()
    ((code, _, words),) = told(small)
    assert code == "W_CONSULATE_MISSING" and "callers of 1 (GB) hear that they have no consulate" in words


def test_a_call_keeps_its_consulates_and_a_file_with_mistakes_is_never_used(small: SmallSite) -> None:
    settings, kept = site.load(small.folder), small.folder.parent / "versions"
    before = VersionStore(small.folder, kept, small.sounds, settings)
    assert before.current.consulates.of("GB") == ()
    path = write(small, LONDON)
    assert before.stale()
    after = asyncio.run(before.refresh())
    (london,) = after.consulates.of("GB")
    assert london.duty == "+442079460102"
    path.write_text(path.read_text().replace("+442079460102", "+44"))
    assert asyncio.run(before.refresh()) is after
    again = VersionStore(small.folder, kept, small.sounds, settings)  # a start, with the mistake on the disk
    assert again.current.name == after.name and again.current.consulates.of("GB") == (london,)


def test_a_text_that_no_caller_could_hear_keeps_a_consulate_out_where_the_flow_tells_them(small: SmallSite) -> None:
    settings, kept = site.load(small.folder), small.folder.parent / "versions"
    store = VersionStore(small.folder, kept, small.sounds, settings)
    write(small, LONDON)
    asyncio.run(store.reload())
    heard = Manifest({code: dict(texts) for code, texts in store.current.sounds.prompts.items()})
    tell(small)
    flow = model.parse_kept((small.folder / "flow.yaml").read_text(), "flow.yaml")
    needed = needed_texts(flow, store.current.guide, store.current.consulates)
    assert find_missing(needed - flow.texts, heard, ["en"]) == {"en": TEXTS}
    assert not needed_texts(store.current.flow, store.current.guide, store.current.consulates) & TEXTS


def test_the_example_has_words_for_each_city_that_callers_choose() -> None:
    words = catalogue.load(EXAMPLE).words
    listed = consulates.load(EXAMPLE)
    chosen = [entry for entry in listed.entries if len(listed.of(entry.country)) > 1]
    assert chosen
    for language in site.load(EXAMPLE).languages:
        assert all(words[language][entry.words] for entry in chosen)


def test_the_example_has_one_in_each_country_whose_numbers_are_nobodys() -> None:
    """They are from ranges that are kept for films, or no valid number at all."""
    fiction = ("+3319900", "+3346571", "+442079460", "+493023125", "+498999998", "+46701740")
    settings = site.load(EXAMPLE)
    listed = consulates.load(EXAMPLE, settings.countries)
    assert {number.country for number in settings.number} - {None} <= {entry.country for entry in listed.entries}
    assert listed.samples == listed.entries
    for entry in listed.entries:
        for number in (entry.telephone, entry.duty):
            valid = phonenumbers.is_valid_number(phonenumbers.parse(number))
            assert number.startswith(fiction) or not valid, number


@pytest.mark.parametrize(
    ("number", "country", "groups"),
    [
        ("+33199000101", "FR", ("01", "99", "00", "01", "01")),
        ("+442079460102", "GB", ("020", "7946", "0102")),
        ("+33199000101", "BE", ("0033", "1", "99", "00", "01", "01")),  # as people dial it abroad
        ("+3200000001", "BE", ("0032", "000", "000", "01")),  # no valid number
    ],
)
def test_a_number_is_told_as_people_dial_it_in_the_country(number: str, country: str, groups: tuple[str, ...]) -> None:
    assert dialled_groups(number, country) == groups
