"""All mistakes in site.toml and operators.csv are reported with file, line and remedy before a call is accepted."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from site_files import edited, line_of, refusal

from ivr.flow import file
from ivr.home.settings import CHECKOUT
from ivr.model.e164 import country_of
from ivr.site import operators, site, training
from ivr.site.site import SiteError

EXAMPLE = CHECKOUT / "sites" / "consulate"
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")

SITE = """\
name = "small"
languages = ["ar", "fr"]

[hours]
timezone = "Africa/Casablanca"

[hours.week]
monday = ["08:00-12:00", "13:00-24:00"]
friday = ["08:00-20:00"]

[operators]
ring_s = 15

[[carrier]]
name = "one"
hosts = ["127.0.0.2"]

[[carrier]]
name = "two"
hosts = ["127.0.0.3"]

[[number]]
number = "+33800212000"
country = "FR"

[[number]]
number = "+80000212000"

[countries.FR]
languages = ["fr", "ar"]
"""
OPERATORS = """\
id,name,languages,topics,supervisor
1001,Ghali Carob,ar:5 fr:3,,no
1002,Zoë O'Laurel,fr:5,file travel,yes

1003,غالي خروب,ar:5,,
"""


def site_refusal(folder: Path, text: str) -> list[tuple[int, str]]:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return refusal(lambda: site.load(folder), path)


def operators_refusal(folder: Path, text: str) -> list[tuple[int, str]]:
    path = folder / "operators.csv"
    path.write_text(text, encoding="utf-8")
    return refusal(lambda: operators.load(folder, ("ar", "fr")), path)


# Valid files


def test_the_example_site_is_valid() -> None:
    example = site.load(EXAMPLE)
    assert example.languages == LANGUAGES
    assert (example.hours.timezone, example.operators.ring_s, example.operators.wrap_up_s) == (
        "Africa/Casablanca",
        15,
        20,
    )
    assert len({number.country for number in example.number} - {None}) == 26


def test_the_example_has_forty_operators_three_supervisors_and_speakers_of_every_language() -> None:
    people = operators.load(EXAMPLE, LANGUAGES)
    assert sum(not operator.supervisor for operator in people) == 40
    assert sum(operator.supervisor for operator in people) == 3
    assert {language for operator in people for language in operator.languages} == set(LANGUAGES)


def test_the_small_site_of_these_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "operators.csv").write_text("\ufeff" + OPERATORS, encoding="utf-8")  # as a spreadsheet saves it
    small = site.load(tmp_path)
    assert small.hours.plan().week.keys() == {0, 4}
    assert small.number_dialled("+33800212000") == small.number[0]
    assert small.number_dialled("+33800212001") is None
    first, second, third = operators.load(tmp_path, small.languages)
    assert (first.languages, first.topics, first.supervisor) == ({"ar": 5, "fr": 3}, frozenset(), False)
    assert (second.name, second.topics, second.supervisor) == ("Zoë O'Laurel", frozenset({"file", "travel"}), True)
    assert third.name == "غالي خروب"


@pytest.mark.parametrize(
    ("country", "order"),
    [
        ("FR", ("fr", "ar", "en", "es", "it", "nl", "de")),
        ("MT", ("en", "it", "ar", "fr", "es", "nl", "de")),
        *((country, ("ar", "fr", "en", "es", "it", "nl", "de")) for country in (None, "JP", "MA")),
    ],
)
def test_the_likely_languages_of_a_country_come_first_and_none_is_missing(
    country: str | None, order: tuple[str, ...]
) -> None:
    assert site.load(EXAMPLE).language_order(country) == order


@pytest.mark.parametrize(
    ("caller", "country"),
    [
        ("+33612345678", "FR"),
        ("0033612345678", "FR"),
        ("+212 612-345678", "MA"),
        ("+442071234567", "GB"),
        ("+80012345678", None),  # shared by all countries
        ("0612345678", None),  # which country's?
        ("anonymous", None),
        ("", None),
        ("+", None),
        ("'; DROP TABLE", None),
    ],
)
def test_a_dialled_number_has_a_country_unless_it_is_shared(caller: str, country: str | None) -> None:
    assert country_of(caller) == country


@patient
@given(st.text(max_size=40))
def test_no_caller_name_or_number_stops_a_call(caller: str) -> None:
    assert country_of(caller) is None or len(country_of(caller) or "") == 2


# site.toml

# The original text, its replacement, a text on the reported line, and the expected message.
SITE_MISTAKES = [
    (
        'name = "small"',
        'name = "Small Site"',
        "Small",
        "name: found 'Small Site'; write lower-case letters, digits, _ and -, at most 31",
    ),
    ('name = "small"\n', "", "languages", "name: is missing; add it"),
    ('name = "small"', 'nmae = "x"\nname = "small"', "nmae", "nmae: is not a valid name here; correct or delete it"),
    ('["ar", "fr"]\n\n', '["ar", "french"]\n\n', "languages", r"languages, the 2nd: .*found 'french'"),
    (
        '["ar", "fr"]\n\n',
        '["ar", "fr", "ar"]\n\n',
        "languages",
        "languages: the language 'ar' occurs twice; write it once",
    ),
    (
        '"Africa/Casablanca"',
        '"Africa/Rabat"',
        "timezone",
        "hours.timezone: 'Africa/Rabat' is not a time zone; write one such as",
    ),
    ('"Africa/Casablanca"', '"../../etc/passwd"', "timezone", "is not a time zone"),
    ('"Africa/Casablanca"', '"Europe"', "timezone", "is not a time zone"),
    ('timezone = "Africa/Casablanca"\n', "", "[hours]", "hours.timezone: is missing"),
    ("friday =", "fryday =", "fryday", "hours.week.fryday: 'fryday' is not a weekday; write one of monday, tuesday"),
    (
        '["08:00-20:00"]',
        '["8-20"]',
        "friday",
        r"hours\.week\.friday, the 1st: '8-20' is not a time span; write opening and closing time",
    ),
    ('["08:00-20:00"]', '["20:00-08:00"]', "friday", "'20:00-08:00' is not a time span"),
    ('["08:00-20:00"]', '["08:00-08:00"]', "friday", "is not a time span"),
    ('["08:00-20:00"]', '["08:00-24:30"]', "friday", "is not a time span"),
    ('["08:00-20:00"]', '["٠٨:٠٠-٢٠:٠٠"]', "friday", "is not a time span"),
    ('["08:00-20:00"]', r'["08:00-20:00\n"]', "friday", "is not a time span"),
    ('["08:00-20:00"]', '"08:00-20:00"', "friday", "should be a valid tuple, found '08:00-20:00'"),
    ("ring_s = 15", "ring_s = 1", "ring_s", "operators.ring_s: .*greater than or equal to 3, found 1"),
    ("ring_s = 15", "ring_s = nan", "ring_s", "operators.ring_s: "),
    ("ring_s = 15", 'ring_s = "soon"', "ring_s", "operators.ring_s: .*found 'soon'"),
    ("ring_s = 15", "rings = 15", "rings", "operators.rings: is not a valid name here"),
    ("ring_s = 15", 'address = "SIP/1001"', "address", "operators.address: .*found 'SIP/1001'"),
    ('["127.0.0.3"]', "[]", "hosts = []", r"hosts of the 2nd carrier: nothing identifies this carrier's calls"),
    (
        'hosts = ["127.0.0.3"]\n',
        "",
        '[[carrier]]\nname = "two"',
        r"hosts of the 2nd carrier: nothing identifies this carrier's calls",
    ),
    (
        'name = "two"',
        'name = "one"',
        'name = "one"\nhosts = ["127.0.0.3',
        r"name of the 2nd carrier: the carrier 'one' occurs twice",
    ),
    ('"+80000212000"', '"80000212000"', '"80000212000"', r"number of the 2nd number: .*found '80000212000'"),
    (
        '"+80000212000"',
        '"+8٠٠٠٠٢١٢٠٠٠"',
        '"+8٠',
        r"number of the 2nd number: found .*; write it with its \+ and country code, such as \+33612345678",
    ),
    (
        '"+80000212000"',
        '"+33800212000"',
        'number = "+33800212000"\n\n',
        r"number of the 2nd number: the number \+33800212000 occurs twice",
    ),
    ('country = "FR"', 'country = "France"', "France", r"country of the 1st number: .*found 'France'"),
    (
        '["fr", "ar"]',
        '["fr", "nl"]',
        '["fr", "nl"]',
        r"countries\.FR\.languages: the language 'nl' is not one of the site's; write one of ar, fr",
    ),
    ('["fr", "ar"]', '["fr", "fr"]', '["fr", "fr"]', "the language 'fr' occurs twice"),
    (
        'name = "small"',
        'name = "small"\nunknown_country = ["ar", "en"]',
        "unknown_country",
        "unknown_country: the language 'en' is not one of the site's",
    ),
    ('["fr", "ar"]', "[]", "languages = []", r"countries\.FR\.languages: .*at least 1 item"),
    ("[countries.FR]", "[countries.france]", "[countries.france]", r"countries\.france: .*found 'france'"),
    ('country = "FR"', 'country = "FR', 'country = "FR\n', "correct the TOML"),
    ("ring_s = 15", f"ring_s = {'9' * 5000}", "ring_s", "A number has more than 64 bits .*; correct the TOML"),
    ("ring_s = 15", f"ring_s = 0x{'f' * 6000}", "ring_s", "A number has more than 64 bits .*; correct the TOML"),
    ("[operators]", "[hours]", "[hours]\nring_s", "correct the TOML"),
]


@pytest.mark.parametrize(("old", "new", "where", "message"), SITE_MISTAKES)
def test_a_mistake_in_the_site_is_reported(old: str, new: str, where: str, message: str, tmp_path: Path) -> None:
    text = edited(SITE, old, new)
    ((line, what),) = site_refusal(tmp_path, text)
    assert line == line_of(text, where)
    assert re.search(message, what), what


def test_no_value_of_the_site_s_files_is_refused_with_a_regular_expression() -> None:
    """Pydantic quotes the pattern of a `Field`: every text with one form is refused by words of ours instead."""
    for model in (site.Site, file._File, training._File):
        assert '"pattern"' not in json.dumps(model.model_json_schema())


def test_an_unfinished_file_is_reported_at_its_end(tmp_path: Path) -> None:
    ((line, what),) = site_refusal(tmp_path, SITE + "\n[operators.more")
    assert line == SITE.count("\n") + 2 and "TOML" in what


@pytest.mark.parametrize("value", ["[" * 3000 + "]" * 3000, "{a = " * 3000 + "1" + "}" * 3000])
def test_a_site_that_is_nested_without_end_is_reported(value: str, tmp_path: Path) -> None:
    ((_, what),) = site_refusal(tmp_path, edited(SITE, "ring_s = 15", f"ring_s = {value}"))
    assert "nested too deeply; correct the TOML" in what


def test_all_mistakes_of_the_site_are_reported_at_once(tmp_path: Path) -> None:
    text = edited(SITE, "ring_s = 15", "ring_s = 1000\nlevel = 6")
    text = edited(text, 'monday = ["08:00-12:00", "13:00-24:00"]', 'monday = ["8-12", "25:00-26:00"]\nsomeday = []')
    text = edited(text, '"+80000212000"', '"0"')
    found = site_refusal(tmp_path, text)
    parts = ("monday", "monday", "someday", "ring_s", "level", 'number = "0"')
    assert sorted(line for line, _ in found) == [line_of(text, part) for part in parts]


def test_all_conflicts_in_the_site_are_reported_at_once(tmp_path: Path) -> None:
    text = edited(SITE, '"+80000212000"', '"+33800212000"')
    text = edited(text, '["fr", "ar"]', '["fr", "nl", "de"]')
    assert len(site_refusal(tmp_path, text)) == 3


def test_an_unreadable_site_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read") as error:
        site.load(tmp_path)
    (tmp_path / "site.toml").write_bytes(b"name = \xff")
    with pytest.raises(SiteError, match="must be a UTF-8 text file"):
        site.load(tmp_path)
    assert str(tmp_path / "site.toml") in str(error.value)


# operators.csv

OPERATOR_MISTAKES = [
    ("1002,Zoë", "0002,Zoë", 3, "the id '0002' is not valid; write 3 to 8 digits"),
    ("1002,Zoë", "1٠٠٢,Zoë", 3, "the id '1٠٠٢' is not valid"),
    ("1002,Zoë", "1001,Zoë", 3, "the id 1001 occurs twice; give each operator a different id"),
    ("Zoë O'Laurel", "", 3, "the name '' is not valid"),
    ("Zoë O'Laurel", "Zoë;exten", 3, "the name 'Zoë;exten' is not valid; write up to 60 letters"),
    ("Zoë O'Laurel", "Zoë\u202e", 3, "is not valid"),
    ("Zoë O'Laurel", "Z" * 61, 3, "is not valid"),
    ("fr:5,file travel", "french,file", 3, "the language 'french' is not valid; write code:level, such as fr:4"),
    ("fr:5,file travel", "fr:6,file", 3, "the language 'fr:6' is not valid"),
    ("fr:5,file travel", "nl:5,file", 3, "the language 'nl' is not one of the site's; write one of ar, fr"),
    ("fr:5,file travel", "fr:5 fr:4,file", 3, "the language 'fr' occurs twice; write it once"),
    ("fr:5,file travel", ",file", 3, "has no languages; write at least one, such as fr:4"),
    ("file travel", "File", 3, "the topic 'File' is not valid; write lower-case words"),
    ("travel,yes", "travel,perhaps", 3, "supervisor is 'perhaps'; write yes or no"),
    ("travel,yes", "travel", 3, "has 4 columns; it must have 5: id,name,languages,topics,supervisor"),
    ("ar:5,,\n", "ar:5,,,\n", 5, "has 6 columns; it must have 5"),
    ("id,name,languages", "id;name;languages", 1, "the first line must be id,name,languages,topics,supervisor"),
    ("1002,Zoë O'Laurel", "1002,\"Zoë O'Laurel", 3, "has 2 columns; it must have 5"),  # an unclosed quotation mark
]


@pytest.mark.parametrize(("old", "new", "line", "message"), OPERATOR_MISTAKES)
def test_a_mistake_in_the_list_of_operators_is_reported(
    old: str, new: str, line: int, message: str, tmp_path: Path
) -> None:
    ((found, what),) = operators_refusal(tmp_path, edited(OPERATORS, old, new))
    assert found == line
    assert message in what


def test_all_mistakes_in_the_list_of_operators_are_reported_at_once(tmp_path: Path) -> None:
    text = OPERATORS + '1004,"two\nlines",ar:9,,\n1005,Five,xx:1,,\n'
    assert [line for line, _ in operators_refusal(tmp_path, text)] == [6, 8]


@pytest.mark.parametrize(
    "text", ["", "id,name,languages,topics,supervisor\n", "id,name,languages,topics,supervisor\n\n,,,,\n"]
)
def test_a_list_without_operators_is_reported(text: str, tmp_path: Path) -> None:
    ((line, what),) = operators_refusal(tmp_path, text)
    assert line == 1
    assert "the first line must be" in what or "has no operators; write one per line, below the first line" in what


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_an_unreadable_list_is_reported(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "operators.csv").write_bytes(content)
    with pytest.raises(SiteError, match="cannot be read"):
        operators.load(tmp_path, LANGUAGES)


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("FR", "Europe/Paris"),
        ("PT", "Europe/Lisbon"),  # the first of three
        ("ES", "Europe/Madrid"),
        ("DE", "Europe/Berlin"),
        ("CY", "Asia/Nicosia"),
        ("MA", "Africa/Casablanca"),
        ("GG", "Europe/London"),  # has the country code of GB
        ("US", None),  # not one of the site's
        ("XX", None),
        (None, None),
    ],
)
def test_a_country_of_the_site_has_the_time_zone_of_most_of_its_people(country: str | None, zone: str | None) -> None:
    found = site.load(EXAMPLE).zone_of(country)
    assert (found.key if found is not None else None) == zone


def test_every_country_of_the_example_site_has_a_time_zone() -> None:
    example = site.load(EXAMPLE)
    assert all(example.zone_of(country) is not None for country in example.countries)


def test_a_site_can_name_another_time_zone_of_a_country(tmp_path: Path) -> None:
    own = SITE + '\n[countries.PT]\nlanguages = ["fr"]\ntimezone = "Atlantic/Azores"\n'
    (tmp_path / "site.toml").write_text(own, encoding="utf-8")
    found = site.load(tmp_path).zone_of("PT")
    assert found is not None and found.key == "Atlantic/Azores"
    (tmp_path / "site.toml").write_text(own.replace("Azores", "Atlantis"), encoding="utf-8")
    with pytest.raises(SiteError, match=r"countries\.PT\.timezone: .*write one such as Africa/Casablanca"):
        site.load(tmp_path)
