"""Times, days and numbers become sequences of clips that exist in the site's texts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.audible import BEEP, LONG_PAUSE, PAUSE, SHORT_PAUSE, SIGNS, Clip, with_pauses
from ivr.audio.spoken import (
    DATE_IDS,
    DIGIT_IDS,
    OPENS_IDS,
    SITE_TIME,
    date_clips,
    dictated_clips,
    digit_clips,
    opening_clips,
)
from ivr.home.settings import CHECKOUT
from ivr.model import clock

clock.prepare()

RABAT, BERLIN = ZoneInfo("Africa/Casablanca"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 22, 15, tzinfo=UTC)  # a Wednesday
TEXTS = yaml.safe_load((CHECKOUT / "sites" / "consulate" / "texts.yaml").read_text(encoding="utf-8"))["texts"]


ALL_IDS = {*OPENS_IDS, *DIGIT_IDS}
"""The ids of all possible clips."""


def ids(clips: list[Clip], language: str = "fr") -> list[str]:
    assert {item for item, prompt in clips if (item, prompt) not in SIGNS} <= {language}
    return [prompt for _, prompt in clips]


def test_every_possible_clip_has_a_text_in_the_example_site() -> None:
    assert ALL_IDS - TEXTS.keys() == set()


def test_every_text_of_days_times_and_digits_in_the_example_site_is_used() -> None:
    kinds = ("opens_", "at_", "on_day_", "in_month_", "digit_", SITE_TIME)
    assert {item for item in TEXTS if item.startswith(kinds)} == ALL_IDS


def test_a_pause_is_between_every_two_spoken_clips_and_not_at_the_ends_or_beside_other_signs() -> None:
    one, two, three = ("fr", "digit_1"), ("fr", "digit_2"), ("ar", "digit_3")
    assert with_pauses([one, two, three]) == [one, PAUSE, two, PAUSE, three]
    assert with_pauses([one, LONG_PAUSE, two, BEEP]) == [one, LONG_PAUSE, two, BEEP]
    option, keys = ("fr", "main_file"), (("fr", "key_1"), ("fr", "press_2"))
    assert with_pauses([option, keys[0], option, keys[1]]) == [
        option,
        SHORT_PAUSE,
        keys[0],
        PAUSE,
        option,
        SHORT_PAUSE,
        keys[1],
    ]
    assert with_pauses([]) == []
    assert with_pauses(with_pauses([one, two])) == [one, PAUSE, two]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-25T23:30", ["opens_again", "opens_today", "at_2330"]),
        ("2026-11-26T08:00", ["opens_again", "opens_tomorrow", "at_0800"]),
        ("2026-11-27T00:00", ["opens_again", "opens_friday", "at_0000"]),
        ("2026-12-01T12:30", ["opens_again", "opens_tuesday", "at_1230"]),
        ("2026-12-02T08:00", ["opens_again", "on_day_2", "in_month_12", "at_0800"]),
        ("2027-03-31T09:30", ["opens_again", "on_day_31", "in_month_3", "at_0930"]),
    ],
)
def test_the_next_opening_is_announced_with_day_and_time(at: str, expected: list[str]) -> None:
    assert ids(opening_clips("fr", datetime.fromisoformat(at).replace(tzinfo=UTC), NOW, RABAT, RABAT)) == expected


@pytest.mark.parametrize("minute", ["08:15", "08:01", "07:59", "08:30:30"])
def test_a_time_without_a_text_is_omitted_and_not_rounded(minute: str) -> None:
    at = datetime.fromisoformat(f"2026-11-26T{minute}").replace(tzinfo=UTC)
    for caller in (RABAT, BERLIN, None):
        assert ids(opening_clips("fr", at, NOW, RABAT, caller)) == ["opens_again", "opens_tomorrow"]


@pytest.mark.parametrize(
    ("now", "opens", "zone", "expected"),
    [
        # 23:30 in Rabat, half past midnight in Berlin, half past one in Nicosia, half past ten in New Zealand.
        ("2026-07-01T22:30", "2026-07-02T07:00", "Europe/Berlin", ["opens_today", "at_0900"]),
        ("2026-07-01T22:30", "2026-07-02T07:00", "Asia/Nicosia", ["opens_today", "at_1000"]),
        ("2026-07-01T22:30", "2026-07-02T07:00", "Europe/Lisbon", ["opens_tomorrow", "at_0800"]),
        ("2026-07-01T22:30", "2026-07-02T07:00", "Pacific/Auckland", ["opens_today", "at_1900"]),
        # India's clocks are half an hour off, Nepal's three quarters: nobody hears an earlier time than the right one.
        ("2026-11-25T22:15", "2026-11-26T08:00", "Asia/Kolkata", ["opens_today", "at_1330"]),
        ("2026-11-25T22:15", "2026-11-26T08:00", "Asia/Kathmandu", ["opens_tomorrow", "at_0800", "site_time"]),
        # Both change their clocks before the line opens, or one of them: Morocco until 2026, in Ramadan.
        ("2026-03-28T22:00", "2026-03-29T07:00", "Europe/Paris", ["opens_tomorrow", "at_0900"]),
        ("2026-03-21T22:00", "2026-03-22T07:00", "Europe/Paris", ["opens_tomorrow", "at_0800"]),
        ("2026-10-24T21:00", "2026-10-25T08:00", "Europe/Paris", ["opens_tomorrow", "at_0900"]),
        ("2026-11-25T22:15", "2026-12-05T08:00", "Europe/Paris", ["on_day_5", "in_month_12", "at_0900"]),
        ("2026-11-25T22:15", "2026-11-30T23:30", "Europe/Paris", ["opens_tuesday", "at_0030"]),
    ],
)
def test_day_and_time_are_those_of_the_caller(now: str, opens: str, zone: str, expected: list[str]) -> None:
    at, present = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (opens, now))
    assert ids(opening_clips("de", at, present, RABAT, ZoneInfo(zone)), "de") == ["opens_again", *expected]


def test_a_caller_whose_country_is_not_known_hears_moroccan_time_and_that_it_is_that() -> None:
    at = datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert ids(opening_clips("it", at, NOW, RABAT, None), "it") == [
        *("opens_again", "opens_tomorrow", "at_0800", "site_time")
    ]


@given(st.integers(0, 366 * 48), st.integers(0, 60 * 48), st.sampled_from([None, RABAT, BERLIN]))
def test_any_two_times_produce_known_clips_only(now_half_hours: int, half_hours: int, caller: ZoneInfo | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * now_half_hours)
    clips = ids(opening_clips("fr", now + timedelta(minutes=30 * half_hours), now, RABAT, caller))
    assert set(clips) <= set(OPENS_IDS)
    assert clips[-1].startswith("at_") if caller is not None else clips[-1] == SITE_TIME


def test_a_date_is_its_day_and_its_month() -> None:
    assert date_clips("ar", date(2027, 5, 3)) == [("ar", "on_day_3"), ("ar", "in_month_5")]
    year = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]
    assert {prompt for day in year for _, prompt in date_clips("ar", day)} == set(DATE_IDS)


def test_a_number_to_be_written_down_has_a_long_pause_after_every_three_digits() -> None:
    assert ids(dictated_clips("fr", "100000012")) == [
        *("digit_1", "digit_0", "digit_0", "long_pause"),
        *("digit_0", "digit_0", "digit_0", "long_pause"),
        *("digit_0", "digit_1", "digit_2", "long_pause"),
    ]
    assert ids(dictated_clips("fr", "1001")) == ["digit_1", "digit_0", "digit_0", "digit_1", "long_pause"]


def test_a_known_number_has_a_longer_pause_between_its_groups_than_between_digits() -> None:
    assert ids(digit_clips("fr", "06", "12")) == ["digit_0", "digit_6", "pause", "pause", "digit_1", "digit_2"]
    assert digit_clips("fr") == digit_clips("fr", "", "+") == []


@given(st.lists(st.text(max_size=8), max_size=6))
def test_other_characters_are_skipped_and_no_pause_is_at_either_end(groups: list[str]) -> None:
    clips = digit_clips("fr", *groups)
    assert spoken_digits(clips) == digits_of("".join(groups))
    assert PAUSE not in clips[:1] + clips[-1:]


@given(st.text("0123456789 +", max_size=40))
def test_a_dictated_number_has_all_its_digits_and_ends_with_a_pause_before_what_follows(number: str) -> None:
    clips = dictated_clips("fr", number)
    assert spoken_digits(clips) == digits_of(number)
    assert clips[-1:] == ([LONG_PAUSE] if digits_of(number) else [])


def spoken_digits(clips: list[Clip]) -> str:
    return "".join(prompt.removeprefix("digit_") for clip in clips if clip not in SIGNS for prompt in clip[1:])


def digits_of(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")
