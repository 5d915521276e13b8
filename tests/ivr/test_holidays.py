"""The calendar knows Morocco's holidays, lunar ones are estimates, and the administrator can override them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient

from ivr.site.holiday_calendar import Names, name_in
from ivr.site.holidays import Changes, FileDay, HolidayError, Holidays, Ruling, decode, encode, list_holidays
from routing.hours import Source

EID, EID_TWO, AFTER = date(2027, 3, 9), date(2027, 3, 10), date(2027, 3, 11)
BOTH = date(2027, 8, 14)  # Oued Ed-Dahab Day is certain, the Prophet's Birthday depends on the moon
THRONE = date(2027, 7, 30)


def ruled(*changes: Changes) -> Holidays:
    days = Holidays("MA")
    for item in changes:
        days.apply(item)
    return days


def names(days: Holidays, day: date) -> Names:
    return {language: rows[0].name for language in ("ar", "fr", "en") if (rows := days.rows(day, day, language))}


# The calendar


def test_a_holiday_has_its_name_in_each_language_of_the_calendar() -> None:
    assert names(Holidays("MA"), THRONE) == {"ar": "عيد العرش", "fr": "Fête du Trône", "en": "Throne Day"}
    (row,) = Holidays("MA").rows(THRONE, THRONE, "nl")
    assert row.name == "Throne Day", "English where the calendar lacks the language"


def test_only_lunar_holidays_are_estimated_and_no_name_contains_the_mark() -> None:
    rows = Holidays("MA").rows(date(2027, 1, 1), date(2027, 12, 31), "fr")
    assert len(rows) == 17
    estimated = {row.name for row in rows if row.estimated}
    assert estimated == {
        "Fête de la rupture du jeûne",
        "Fête du sacrifice",
        "Nouvel an musulman",
        "Anniversaire du prophète",
    }
    assert not any("estim" in row.name for row in rows)
    (row,) = Holidays("MA").rows(BOTH, BOTH)
    assert (row.name, row.estimated) == ("Oued Ed-Dahab Day; Prophet's Birthday", False)


def test_without_a_country_there_are_only_the_administrator_s_holidays() -> None:
    days = Holidays(None)
    assert days.rows(date(2027, 1, 1), date(2027, 12, 31)) == []
    days.apply(days.add(THRONE, "Fire drill", "ghali"))
    (row,) = days.rows(date(2027, 1, 1), date(2027, 12, 31))
    assert (row.day, row.name, row.source) == (THRONE, "Fire drill", Source.ADMINISTRATOR)


def test_the_list_has_the_twelve_months_from_today_or_one_year() -> None:
    rows, _, _ = list_holidays(Holidays("MA"), date(2026, 11, 18), None, "en")
    assert (rows[0].day, rows[-1].day) == (date(2026, 11, 18), date(2027, 11, 18))
    rows, _, _ = list_holidays(Holidays("MA"), date(2026, 11, 18), 2028, "en")
    assert (rows[0].day.year, rows[-1].day.year) == (2028, 2028)


# Overrides


def test_an_added_day_is_a_holiday_and_one_of_the_calendar_becomes_certain() -> None:
    days = Holidays("MA")
    days.apply(days.add(AFTER, "  Day after\n", "ghali"))
    assert str(days[AFTER]) == "Day after, by the administrator"
    before = names(days, EID)
    days.apply(days.add(EID, "", "ghali"))
    (row,) = days.rows(EID, EID)
    assert (row.estimated, row.source) == (False, Source.ADMINISTRATOR)
    assert names(days, EID) == before


def test_a_removed_holiday_of_the_calendar_is_listed_as_cancelled_and_can_be_added_again() -> None:
    days = Holidays("MA")
    days.apply(days.remove(EID, "ghali"))
    assert (days[EID].counts, days[EID].name) == (False, "Eid al-Fitr")
    assert days.rows(EID, EID) == []
    assert [row.day for row in days.cancelled(EID, EID_TWO)] == [EID]
    with pytest.raises(HolidayError, match="2027-03-09 is not a holiday"):
        days.remove(EID, "ghali")
    days.apply(days.add(EID, "", "ghali"))
    assert (days[EID].counts, days[EID].name) == (True, "Eid al-Fitr")
    assert days.cancelled(EID, EID_TWO) == []


def test_an_added_day_that_is_removed_leaves_nothing_behind() -> None:
    days = Holidays("MA")
    days.apply(days.add(AFTER, "Day after", "ghali"))
    days.apply(days.remove(AFTER, "ghali"))
    assert days.get(AFTER) is None
    assert days.rulings == {}


def test_a_moved_holiday_keeps_its_names() -> None:
    days, before = Holidays("MA"), names(Holidays("MA"), EID)
    days.apply(days.move(EID, AFTER, "ghali"))
    assert names(days, AFTER) == before
    assert [row.day for row in days.rows(date(2027, 3, 1), date(2027, 3, 31))] == [EID_TWO, AFTER]
    days.apply(days.move(AFTER, EID, "ghali"))
    assert [row.day for row in days.rows(date(2027, 3, 1), date(2027, 3, 31))] == [EID, EID_TWO]
    assert days.rulings.keys() == {EID}


def test_of_two_holidays_on_one_day_the_lunar_one_is_moved() -> None:
    days = Holidays("MA")
    days.apply(days.move(BOTH, BOTH + timedelta(days=2), "ghali"))
    holiday_names = {row.day.day: row.name for row in days.rows(BOTH, BOTH + timedelta(days=3))}
    assert holiday_names == {14: "Oued Ed-Dahab Day", 15: "Prophet's Birthday", 16: "Prophet's Birthday"}


def test_a_holiday_moved_to_another_one_has_both_names() -> None:
    days = Holidays("MA")
    days.apply(days.move(EID, THRONE, "ghali"))
    assert names(days, THRONE)["fr"] == "Fête du Trône; Fête de la rupture du jeûne"


@pytest.mark.parametrize(
    ("day", "to", "message"),
    [
        (EID, EID, "cannot be moved to itself"),
        (AFTER, THRONE, "2027-03-11 is not a holiday; `hatif hours holiday` lists them"),
        (EID, EID_TWO, "2027-03-10 is already Eid al-Fitr. To shift a holiday of several days by one"),
    ],
)
def test_an_impossible_move_is_refused_with_a_remedy(day: date, to: date, message: str) -> None:
    with pytest.raises(HolidayError, match=message):
        Holidays("MA").move(day, to, "ghali")


def test_a_preloaded_calendar_is_not_computed_during_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import holidays

    days, now = Holidays("MA"), datetime(2026, 12, 31, 23, tzinfo=UTC)
    days.calendar.warm(now)

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the library was asked")

    monkeypatch.setattr(holidays, "country_holidays", asked)
    for day in range(-30, 40):
        days.get(now.date() + timedelta(days=day))
    with pytest.raises(AssertionError, match="the library was asked"):
        days.get(date(2031, 1, 1))


# The site's files


def test_days_of_the_files_replace_those_of_the_calendar_and_changes_at_once_replace_both() -> None:
    files: dict[date, FileDay] = {EID: False, EID_TWO: True, AFTER: {"fr": "Aïd", "ar": "العيد"}, THRONE: "Feast"}
    days = Holidays("MA", files)
    rows = days.rows(date(2027, 3, 1), date(2027, 7, 31), "fr")
    named = {row.day: (row.name, row.estimated, row.source) for row in rows if row.source is not Source.CALENDAR}
    assert named == {
        EID_TWO: ("Fête de la rupture du jeûne", False, Source.SITE),
        AFTER: ("Aïd", False, Source.SITE),
        THRONE: ("Feast", False, Source.SITE),
    }
    (row,) = days.cancelled(EID, EID_TWO)
    assert (row.day, row.name, row.source) == (EID, "Eid al-Fitr", Source.SITE)
    assert str(days[AFTER]) == "Aïd", "what the plan says is not the administrator's change"
    assert days.at_once(EID) == []
    days.apply(days.add(EID, "", "ghali"))
    days.apply(days.remove(AFTER, "ghali"))
    assert (days[EID].source, days[EID].counts) == (Source.ADMINISTRATOR, True)
    assert not days[AFTER].counts and days.rows(AFTER, AFTER) == []
    assert [(row.day, row.is_holiday, row.by, row.value) for row in days.at_once(EID)] == [
        (EID, True, "ghali", True),
        (AFTER, False, "ghali", False),
    ]
    days.apply(days.withdraw(AFTER))
    assert days[AFTER].name == "Aïd"
    with pytest.raises(HolidayError, match="2027-03-11 was not changed at once"):
        days.withdraw(AFTER)


def test_a_change_for_the_files_is_what_makes_the_same_days() -> None:
    """Whatever is written into the files gives the days that the same change gives at once."""
    files: dict[date, FileDay] = {EID_TWO: False, AFTER: "Fair"}
    steps: list[Callable[[Holidays], Changes]] = [
        lambda days: days.move(EID, THRONE, ""),
        lambda days: days.add(EID_TWO, "", ""),
        lambda days: days.remove(AFTER, ""),
        lambda days: days.move(BOTH, BOTH + timedelta(days=5), ""),
        lambda days: days.add(date(2027, 4, 1), "Election", ""),
        lambda days: days.remove(THRONE, ""),
    ]
    at_once = Holidays("MA", files)
    for step in steps:
        by_files = Holidays("MA", files)
        for day, value in by_files.file_days(step(by_files.as_files())).items():
            files = {
                **{key: kept for key, kept in files.items() if key != day},
                **({} if value is None else {day: value}),
            }
        at_once.apply(step(at_once))
        whole = date(2027, 1, 1), date(2027, 12, 31)
        for language in ("ar", "fr"):
            shown = [
                [(row.day, row.name) for row in days.rows(*whole, language)]
                for days in (Holidays("MA", files), at_once)
            ]
            assert shown[0] == shown[1]
    assert files == {
        EID: False,
        EID_TWO: True,
        THRONE: False,
        BOTH: {"ar": "ذكرى استرجاع إقليم وادي الذهب", "en": "Oued Ed-Dahab Day", "fr": "Allégeance Oued Eddahab"},
        BOTH + timedelta(days=5): {
            "ar": "عيد المولد النبوي",
            "en": "Prophet's Birthday",
            "fr": "Anniversaire du prophète",
        },
        date(2027, 4, 1): "Election",
    }


# In AstDB

texts = st.text(st.characters(exclude_categories=["C"]), max_size=80)


@patient
@given(st.dictionaries(st.sampled_from(["", "ar", "fr", "en"]), texts, max_size=2), texts.map(lambda item: item[:40]))
def test_an_override_survives_encoding_and_decoding(names: dict[str, str], by: str) -> None:
    ruling = Ruling(names, by, uuid4(), "a1b2c3d4")
    if len(encode(ruling).encode()) < 800:
        assert decode(encode(ruling)) == ruling


@patient
@given(st.dictionaries(st.from_regex("[a-z]{2}", fullmatch=True), texts.map(lambda item: item * 3), max_size=12))
def test_an_encoded_override_always_fits_and_keeps_english(names: dict[str, str]) -> None:
    value = encode(Ruling({**names, "en": "A holiday"}, "ghali", uuid4()))
    assert len(value.encode()) <= 1_000
    assert name_in(decode(value).names, "en") == "A holiday"


@pytest.mark.parametrize("value", ["", "{}", "null", "[]", '{"names": [], "by": "x", "row": null}', "holiday", '"x"'])
def test_a_foreign_value_is_refused(value: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        decode(value)
