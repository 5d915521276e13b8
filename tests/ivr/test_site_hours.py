"""The plans and holidays of `[hours]`: mistakes are reported with their line, and gaps for callers are found."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from site_files import edited, line_of, refusal

from ivr.check.hours_check import hours_findings
from ivr.home.settings import CHECKOUT
from ivr.model import clock
from ivr.site import site
from routing.hours import answer

clock.prepare()

SITE = """\
name = "small"
languages = ["ar", "fr", "nl"]

[hours]
timezone = "Africa/Casablanca"
holidays = "MA"
holiday_hours = ["10:00-14:00"]

[hours.week]
monday = ["08:00-20:00"]
friday = ["08:00-20:00"]

[hours.line."+33800212000"]
monday = ["09:00-12:00"]

[hours.language.nl]
monday = ["10:30-24:00"]

[[carrier]]
name = "one"
hosts = ["127.0.0.2"]

[[number]]
number = "+33800212000"
country = "FR"

[[number]]
number = "+31800212002"
country = "NL"
"""


def loaded(folder: Path, text: str = SITE) -> site.Site:
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return site.load(folder)


def monday(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


def test_a_number_or_language_without_a_plan_has_the_plan_of_the_site(tmp_path: Path) -> None:
    hours = loaded(tmp_path).hours

    def opens(line: str | None, language: str | None) -> str:
        return str(answer(hours.plan(line, language), monday(0)).until)[11:16]

    for line in (None, "+31800212002", "+999"):
        assert (opens(line, None), opens(line, "fr"), opens(line, "nl")) == ("08:00", "08:00", "10:30")
    line = "+33800212000"
    assert (opens(line, None), opens(line, "fr"), opens(line, "nl")) == ("09:00", "09:00", "10:30")
    french_and_dutch = hours.plan("+33800212000", "nl")
    assert [answer(french_and_dutch, monday(hour)).open for hour in (10, 11, 12, 13)] == [False, True, False, False]


def test_the_example_site_is_closed_on_the_holidays_of_morocco() -> None:
    folder = CHECKOUT / "sites" / "consulate"
    example = site.load(folder)
    assert example.hours.holidays == "MA"
    assert hours_findings(example, folder) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        (
            'line."+33800212000"',
            'line."+33800212009"',
            "[hours.line",
            "'.33800212009' is not one of the site's; write one",
        ),
        ("language.nl", "language.de", "[hours.language", "'de' is not one of the site's; write one of ar, fr, nl"),
        (
            'monday = ["09:00-12:00"]',
            'monday = ["9-12"]',
            'monday = ["9-12"]',
            r"hours\.line\.\+33.*monday, the 1st: .*span",
        ),
        ('monday = ["10:30-24:00"]', 'mon = ["10:30-24:00"]', "mon = ", "'mon' is not a weekday"),
        (
            '"MA"',
            '"XX"',
            "holidays =",
            "'XX' is not a country with known holidays; write two capital letters such as MA",
        ),
        ('"MA"', '"Morocco"', "holidays =", "'Morocco' is not a country"),
        ('"MA"', '"__"', "holidays =", "'__' is not a country"),
        (
            '["10:00-14:00"]',
            '["14:00-10:00"]',
            "holiday_hours",
            r"holiday_hours, the 1st: '14:00-10:00' is not a time span",
        ),
    ],
)
def test_a_mistake_in_the_hours_is_reported_with_its_line(
    old: str, new: str, where: str, message: str, tmp_path: Path
) -> None:
    text = edited(SITE, old, new)
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    ((line, what),) = refusal(lambda: site.load(tmp_path), path)
    assert line == line_of(text, where)
    assert re.search(message, what), what


def test_a_plan_of_a_number_may_be_an_inline_table(tmp_path: Path) -> None:
    text = edited(SITE, '[hours.line."+33800212000"]\nmonday =', '[hours.line]\n"+33800212009" = {monday =')
    text = edited(text, '["09:00-12:00"]', '["09:00-12:00"]}')
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    ((line, _),) = refusal(lambda: site.load(tmp_path), path)
    assert line == line_of(text, '"+33800212009" =')


def test_an_opening_time_without_a_text_is_found_with_its_line(tmp_path: Path) -> None:
    assert hours_findings(loaded(tmp_path), tmp_path) == []
    for old, new, place in (
        ('friday = ["08:00-20:00"]', 'friday = ["08:15-20:00"]', "hours.week.friday"),
        ('["09:00-12:00"]', '["09:01-12:00"]', "hours.line.+33800212000.monday"),
        ('["10:30-24:00"]', '["10:45-24:00"]', "hours.language.nl.monday"),
        ('["10:00-14:00"]', '["10:10-14:00"]', "hours.holiday_hours"),
    ):
        text = edited(SITE, old, new)
        (finding,) = hours_findings(loaded(tmp_path, text), tmp_path)
        assert (finding.code, finding.line) == ("W_HOURS_WORDS", line_of(text, new))
        opens = new[new.index('"') + 1 :][:5]
        assert str(finding).startswith(
            f"{tmp_path / 'site.toml'}:{finding.line}: W_HOURS_WORDS {place}: there is no text for"
        )
        assert f"for {opens}, " in finding.found


def test_any_closing_time_is_allowed(tmp_path: Path) -> None:
    assert hours_findings(loaded(tmp_path, edited(SITE, '["09:00-12:00"]', '["09:00-12:17"]')), tmp_path) == []


def test_a_number_or_language_that_is_never_served_is_found(tmp_path: Path) -> None:
    text = edited(SITE, 'monday = ["09:00-12:00"]\n', "")
    (finding,) = hours_findings(loaded(tmp_path, text), tmp_path)
    assert (finding.code, finding.line) == ("E_HOURS_NEVER", line_of(text, "[hours.line"))
    assert finding.found == "hours.line.+33800212000: it is never open"
    text = edited(SITE, "10:30-24:00", "12:00-24:00")
    (finding,) = hours_findings(loaded(tmp_path, text), tmp_path)
    assert (finding.code, finding.line) == ("E_HOURS_NEVER", line_of(text, "[hours.language"))
    assert "hours.language.nl: these hours and those of hours.line.+33800212000 do not overlap" in finding.found


def test_on_a_holiday_the_holiday_hours_of_the_site_apply(tmp_path: Path) -> None:
    from ivr.site.holidays import Holidays

    days = Holidays("MA")
    assert date(2027, 1, 11) in days  # a Monday
    plan = loaded(tmp_path).hours.plan("+33800212000", "nl", days)
    at = datetime(2027, 1, 11, 0, 0, tzinfo=UTC)
    found = answer(plan, at)
    assert found.until == at.replace(hour=10, minute=30)
    assert answer(plan, at.replace(hour=11)).until == at.replace(hour=12)


def test_a_day_with_hours_of_its_own_has_these_whatever_the_week_and_the_calendar_say(tmp_path: Path) -> None:
    from ivr.site.holidays import Holidays

    days = '[hours.day]\n2027-01-11 = ["09:00-10:00"]\n2027-01-18 = []\n2027-01-20 = ["11:00-12:00"]\n\n'
    text = edited(SITE, "[hours.language.nl]", f"{days}[hours.language.nl]")
    plan = loaded(tmp_path, text).hours.plan("+33800212000", None, Holidays("MA"))
    at = datetime(2027, 1, 11, 9, 30, tzinfo=UTC)  # on a holiday
    found = answer(plan, at)
    assert found.open and "by the hours of this day alone" in found.why
    after = answer(plan, at.replace(hour=10))
    assert not after.open and after.holiday is None
    assert after.until == datetime(2027, 1, 20, 11, tzinfo=UTC), "the Monday before is closed"


def test_holidays_of_the_file_are_checked_and_those_that_the_calendar_lacks_reported(tmp_path: Path) -> None:
    days = '[hours.holiday]\n2027-03-09 = false\n2027-03-11 = true\n2027-03-12 = {fr = "Aïd", ar = "العيد"}\n\n'
    head = f"{days}[hours.language.nl]"
    text = edited(SITE, "[hours.language.nl]", head)
    site_ = loaded(tmp_path, text)
    assert [row.day.day for row in site_.hours.closing_days().rows(date(2027, 3, 1), date(2027, 3, 31))] == [10, 11, 12]
    (finding,) = hours_findings(site_, tmp_path)
    assert (finding.code, finding.line) == ("W_HOURS_HOLIDAY", line_of(text, "2027-03-11 = true"))
    assert finding.remedy == "write its name"
    path = tmp_path / "site.toml"
    for wrong in ('""', "7", "{}", '{french = "Aïd"}', '{fr = ""}', f'"{"x" * 200}"'):
        path.write_text(text.replace("2027-03-11 = true", f"2027-03-11 = {wrong}"), encoding="utf-8")
        ((line, what),) = refusal(lambda: site.load(tmp_path), path)
        assert line == line_of(text, "2027-03-11 = true") and "says nothing about a holiday" in what


def test_a_day_that_does_not_exist_is_reported_with_its_line(tmp_path: Path) -> None:
    text = edited(SITE, "[hours.language.nl]", "[hours.day]\n2027-02-30 = []\n\n[hours.language.nl]")
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    ((line, what),) = refusal(lambda: site.load(tmp_path), path)
    assert line == line_of(text, "2027-02-30") and "'2027-02-30' is not a day" in what
