"""Overrides apply from the next call on, survive a restart, and are known to the fallback."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from opening_house import House, utc

from ivr.hours.opening import AnnouncementError, shorten
from ivr.model import clock
from ivr.site import site
from ivr.site.holidays import HolidayError
from prompts.manifest import Audio, Manifest
from routing.hours import Force, Override

clock.prepare()

FRENCH, GERMAN, DUTCH = "+33800212000", "+49800212003", "+31800212002"
EID, EID_TWO, AFTER = date(2027, 3, 9), date(2027, 3, 10), date(2027, 3, 11)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path, monkeypatch)
    yield house
    house.journal.close()


# Rabat time


def test_callers_from_all_countries_are_answered_by_rabat_time(house: House) -> None:
    opening = house.opening()
    for number in site.load(house.folder).number:
        for at, is_open in (
            ("2026-07-01T06:59", False),  # 07:59 in Rabat, still in summer time, 08:59 in Berlin
            ("2026-07-01T07:00", True),
            ("2026-12-01T07:59", False),  # 08:59 in Berlin, 09:59 in Helsinki
            ("2026-12-01T08:00", True),
            ("2026-12-01T19:59", True),
            ("2026-12-01T20:00", False),
        ):
            assert opening.answer(utc(at), line=number.number, language="de").open is is_open, (number.number, at)


def test_a_number_and_a_language_with_their_own_plans_follow_them(house: House) -> None:
    house.text = house.text.replace(
        "[operators]",
        f'[hours.line."{FRENCH}"]\nwednesday = ["10:00-12:00"]\n\n[hours.language.nl]\nwednesday = ["11:00-16:00"]\n\n'
        "[operators]",
    )
    opening = house.opening()

    def hours(line: str | None, language: str) -> list[int]:
        day = utc("2026-11-25T00:30")
        instants = [day + timedelta(hours=number) for number in range(24)]
        return [at.hour for at in instants if opening.answer(at, line=line, language=language).open]

    assert hours(FRENCH, "fr") == [10, 11]
    assert hours(FRENCH, "nl") == [11]
    assert hours(DUTCH, "nl") == [11, 12, 13, 14, 15]
    assert hours(None, "fr") == hours("+999", "fr") == list(range(8, 20))
    assert opening.opens_next(utc("2026-11-25T12:30"), line=FRENCH, language="nl") == utc("2026-12-02T11:00")


# Forced states


async def test_a_forced_state_survives_a_restart_with_its_reason_end_and_author(house: House) -> None:
    opening = house.opening()
    await opening.restore()
    override = Override(Force.CLOSED, 'storm "سلام"', utc("2026-11-27T10:00"), "ghali")
    forced = opening.force(override)
    assert not forced.open and forced.forced
    assert opening.opens_next() == utc("2026-11-27T10:00")
    await house.kept(opening)
    again = await house.restarted()
    assert again.answer() == forced
    again.force(Override(Force.AUTO, by="zoë"))
    assert again.answer().open
    (row,) = house.rows("hours_override")
    assert (row["kind"], row["reason"], row["by"]) == ("closed", override.why, "ghali")
    assert row["cancelled"] is not None
    assert [(row["act"], row["by"]) for row in house.rows("audit")] == [("hours_auto", "zoë")]
    await house.kept(again)
    assert (await house.restarted()).answer().open


async def test_an_override_is_not_overwritten_by_a_start_that_could_not_read_it(house: House) -> None:
    opening = house.opening()
    opening.force(Override(Force.CLOSED, "storm"))
    await house.kept(opening)
    house.db.away = True
    again = house.opening()
    assert not await again.ready(0.01)
    await house.kept(again)
    assert again.answer().open, "only the plan is known"
    house.db.away = False
    await house.kept(again)
    assert await again.ready(0.01)
    assert not again.answer().open
    assert json.loads(house.db.kept["hatif-hours", "override"])["why"] == "storm"


async def test_foreign_values_in_astdb_do_no_harm(house: House) -> None:
    house.db.kept = {
        ("hatif-hours", "override"): '{"force": "shut"}',
        ("hatif-hours", "open_until_+33999"): "1",
        ("hatif-holiday", "someday"): "{}",
        ("hatif-holiday", "2026-11-25"): "true",
    }
    opening = await house.restarted()
    assert opening.answer().open
    await house.kept(opening)
    assert house.db.kept.keys() == {("hatif-hours", "open_until"), ("hatif-hours", "opens_next")}


def test_a_reason_is_shortened_to_one_line() -> None:
    override = shorten(Override(Force.OPEN, "a\nb\r\x00" + "c" * 500, by="x\n" + "y" * 100))
    assert override.why == "ab" + "c" * 118
    assert override.by == "x" + "y" * 39


# Holidays


async def test_a_holiday_moved_the_evening_before_applies_from_the_next_call_and_after_a_restart(house: House) -> None:
    house.at("2027-03-08T19:30")
    opening = house.opening()
    await opening.restore()
    assert opening.answer(utc("2027-03-09T12:00")).holiday == "Eid al-Fitr"
    assert "Eid al-Fitr, estimated" in opening.answer(utc("2027-03-09T12:00")).why
    opening.move_holiday(EID, AFTER, "ghali")
    await house.kept(opening)
    again = await house.restarted()
    for hours in (opening, again):
        assert hours.answer(utc("2027-03-09T12:00")).open
        assert "the administrator cancelled" in hours.answer(utc("2027-03-09T12:00")).why
        assert hours.answer(utc("2027-03-11T12:00")).holiday == "Eid al-Fitr"
        assert "by the administrator" in hours.answer(utc("2027-03-11T12:00")).why
        assert hours.opens_next(utc("2027-03-09T21:00")) == utc("2027-03-12T08:00")
    rows, taken_back, _ = again.holiday_rows(2027, "fr")
    assert {row.day for row in rows if row.name == "Fête de la rupture du jeûne"} == {EID_TWO, AFTER}
    assert [row.day for row in taken_back] == [EID]


async def test_a_change_of_a_holiday_at_once_ends_when_the_site_s_files_say_something_else(house: House) -> None:
    house.text = house.text.replace("[hours.week]", '[hours.holiday]\n2027-07-30 = "Feast"\n\n[hours.week]')
    opening = await house.restarted()
    opening.move_holiday(EID, AFTER, "ghali")
    opening.remove_holiday(date(2027, 7, 30), "ghali")
    await house.kept(opening)
    again = await house.restarted()
    assert again.holidays.rulings == opening.holidays.rulings, "other starts change nothing"
    # An editor, or a released change of a page, writes two of the three days into the file.
    house.text = house.text.replace('2027-07-30 = "Feast"', "2027-03-09 = false\n2027-07-30 = false")
    again = await house.restarted()
    assert [row.day for row in again.holiday_rows(2027, "en")[2]] == [AFTER]
    sources = {row.day: row.source.value for part in again.holiday_rows(2027, "en")[:2] for row in part}
    assert (sources[EID], sources[AFTER], sources[date(2027, 7, 30)]) == ("site", "administrator", "site")
    assert again.answer(utc("2027-03-09T12:00")).open
    await house.kept(again)
    assert {key for family, key in house.db.kept if family == "hatif-holiday"} == {AFTER.isoformat()}
    kept = {row["day"]: row.get("cancelled") for row in house.rows("hours_override")}
    assert [day for day, cancelled in kept.items() if cancelled is None] == [AFTER.isoformat()]
    assert {(row["act"], row["by"]) for row in house.rows("audit")} == {("holiday_forgotten", "hatif")}


async def test_each_change_of_the_holidays_is_a_row_and_cancels_the_one_it_replaces(house: House) -> None:
    opening = await house.restarted()
    opening.move_holiday(EID, AFTER, "ghali")
    overrides = {(row["day"], row["kind"], row["name"], row["by"]) for row in house.rows("hours_override")}
    assert overrides == {
        ("2027-03-09", "no_holiday", "Eid al-Fitr", "ghali"),
        ("2027-03-11", "holiday", "Eid al-Fitr", "ghali"),
    }
    assert not any(row.get("cancelled") for row in house.rows("hours_override"))
    opening.remove_holiday(AFTER, "ghali")
    opening.add_holiday(EID, "", "ghali")
    rows = {(row["day"], row["kind"]): row.get("cancelled") is not None for row in house.rows("hours_override")}
    assert rows == {
        ("2027-03-09", "no_holiday"): True,
        ("2027-03-11", "holiday"): True,
        ("2027-03-09", "holiday"): False,
    }
    with pytest.raises(HolidayError):
        opening.remove_holiday(AFTER, "ghali")
    assert len(house.rows("hours_override")) == 3


async def test_overrides_of_days_long_past_are_removed_from_astdb(house: House) -> None:
    opening = await house.restarted()
    for day in (date(2026, 10, 1), date(2026, 11, 20), date(2026, 12, 1)):
        opening.add_holiday(day, "one", "ghali")
    await house.kept(opening)
    assert {key for family, key in house.db.kept if family == "hatif-holiday"} == {"2026-11-20", "2026-12-01"}


# The announcement


def heard(**prompts: str) -> Manifest:
    """Return a manifest with audio of each prompt in these languages."""
    languages = ("ar", "fr", "es", "it", "nl", "de", "en")
    audio = Audio("hatif/x", "text", "recording", 1.0)
    return Manifest(
        {
            language: {name: audio for name, spoken in prompts.items() if language in spoken.split()}
            for language in languages
        }
    )


async def test_an_announcement_lasts_until_it_is_removed_and_survives_a_restart(house: House) -> None:
    sounds = heard(emergency="ar fr es it nl de en", welcome="ar fr")
    opening = await house.restarted()
    assert opening.announcement() is None
    opening.announce("emergency", sounds, "flood", "ghali")
    assert opening.announcement() == "emergency"
    await house.kept(opening)
    assert house.db.kept["hatif-hours", "announcement"] == "emergency"
    again = await house.restarted()
    assert again.announcement() == "emergency"
    again.announce(None, sounds, "", "ghali")
    await house.kept(again)
    assert ("hatif-hours", "announcement") not in house.db.kept
    assert (await house.restarted()).announcement() is None
    audit = [(row["act"], row["about"], row["reason"], row["by"]) for row in house.rows("audit")]
    assert audit == [("announce", "text:emergency", "flood", "ghali"), ("announce_off", None, None, "ghali")]


async def test_a_text_without_audio_in_some_language_is_not_announced(house: House) -> None:
    sounds = heard(emergency="ar fr es it nl de en", institution="ar fr es it de")
    opening = await house.restarted()
    opening.announce("emergency", sounds, "", "ghali")
    with pytest.raises(AnnouncementError, match="institution has no audio in nl, en"):
        opening.announce("institution", sounds, "", "ghali")
    with pytest.raises(AnnouncementError, match="There is no text 'nothing'"):
        opening.announce("nothing", sounds, "", "ghali")
    assert opening.announcement() == "emergency"


# The fallback


async def test_the_fallback_knows_when_the_line_closes_and_opens(house: House) -> None:
    for now, override, until, opens in (
        ("2026-11-25T12:00", None, "2026-11-25T20:00", "2026-11-26T08:00"),
        ("2026-11-25T21:00", None, None, "2026-11-26T08:00"),
        ("2027-03-08T12:00", None, "2027-03-08T20:00", "2027-03-11T08:00"),  # then a holiday of two days
        ("2027-03-09T12:00", None, None, "2027-03-11T08:00"),
        ("2026-11-25T12:00", Override(Force.CLOSED, until=utc("2026-11-25T22:00")), None, "2026-11-26T08:00"),
        ("2026-11-25T12:00", Override(Force.CLOSED, until=utc("2026-11-25T15:00")), None, "2026-11-25T15:00"),
        (
            "2026-11-25T19:00",
            Override(Force.OPEN, until=utc("2026-11-25T23:00")),
            "2026-11-25T23:00",
            "2026-11-26T08:00",
        ),
        (
            "2026-11-25T12:00",
            Override(Force.OPEN, until=utc("2026-11-25T14:00")),
            "2026-11-25T20:00",
            "2026-11-26T08:00",
        ),
    ):
        house.at(now)
        house.db.kept.clear()
        opening = await house.restarted()
        if override is not None:
            opening.force(override)
        await house.kept(opening)
        assert house.db.kept["hatif-hours", "open_until"] == (
            str(int(utc(until).timestamp())) if until is not None else "0"
        ), now
        assert house.db.instant("opens_next") == utc(opens), now


async def test_a_forced_closing_without_an_end_has_no_next_opening_in_the_fallback(house: House) -> None:
    opening = await house.restarted()
    opening.force(Override(Force.CLOSED))
    await house.kept(opening)
    assert house.db.kept["hatif-hours", "open_until"] == "0"
    assert house.db.kept["hatif-hours", "opens_next"] == ""


async def test_numbers_and_languages_have_their_own_keys_while_they_have_their_own_plans(house: House) -> None:
    plain = house.text
    house.text = plain.replace(
        "[operators]",
        f'[hours.line."{FRENCH}"]\nwednesday = ["13:00-14:00"]\n\n[hours.language.nl]\nwednesday = ["13:30-16:00"]\n\n'
        "[operators]",
    )
    await house.kept(await house.restarted())
    opens = {key: house.db.instant(key) for _, key in house.db.kept if key.startswith("opens_next")}
    assert opens == {
        "opens_next": utc("2026-11-26T08:00"),
        "opens_next_nl": utc("2026-11-25T13:30"),
        f"opens_next_{FRENCH}": utc("2026-11-25T13:00"),
        f"opens_next_{FRENCH}_nl": utc("2026-11-25T13:30"),
    }
    house.text = plain
    await house.kept(await house.restarted())
    assert {key for _, key in house.db.kept} == {"open_until", "opens_next"}
