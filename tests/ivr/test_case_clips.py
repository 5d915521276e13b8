"""What a caller hears about the state of their case file."""

from datetime import date

import pytest

from db.enums import CaseState
from ivr.cases.case_lookup import CaseStatus
from ivr.flow.nodes.case import case_clips

KNOWN = {"missing_fee", "missing_photograph", "missing_other"}
TODAY = date(2026, 11, 25)


def words(state: str = "in_progress", missing: tuple[str, ...] = (), expected: date | None = None) -> list[str]:
    clips = case_clips("fr", CaseStatus("100010011", state, missing, expected), TODAY, KNOWN)
    assert {language for language, _ in clips} == {"fr"}
    return [prompt for _, prompt in clips]


def test_the_state_the_missing_items_and_the_expected_day_are_played_in_this_order() -> None:
    assert words("incomplete", ("photograph", "fee"), date(2027, 1, 15)) == [
        "case_state_incomplete", "case_missing", "missing_photograph", "missing_fee",
        "case_expected", "on_day_15", "in_month_1",
    ]  # fmt: skip


@pytest.mark.parametrize("state", list(CaseState))
def test_every_state_has_its_own_prompt_and_is_never_silent(state: CaseState) -> None:
    assert words(state)[0] == f"case_state_{state.value}"


def test_missing_items_without_a_text_are_played_once_and_last_as_another_document() -> None:
    prompts = words("incomplete", ("flux_capacitor", "fee", "sonic_screwdriver", "fee"))
    assert prompts == ["case_state_incomplete", "case_missing", "missing_fee", "missing_other"]


@pytest.mark.parametrize("day", [date(2026, 11, 24), date(2020, 1, 1), date(2027, 11, 25), date(2030, 1, 1)])
def test_a_past_day_or_one_a_year_ahead_is_not_played(day: date) -> None:
    assert words("in_progress", (), day) == ["case_state_in_progress"]


@pytest.mark.parametrize("day", [TODAY, date(2027, 11, 24)])
def test_a_day_from_today_on_is_played(day: date) -> None:
    assert words("in_progress", (), day)[1:] == ["case_expected", f"on_day_{day.day}", f"in_month_{day.month}"]


def test_a_closed_file_plays_only_its_state_and_a_ready_one_no_day() -> None:
    assert words("closed", ("fee",), date(2027, 1, 15)) == ["case_state_closed"]
    assert words("ready", ("fee",), date(2027, 1, 15)) == ["case_state_ready", "case_missing", "missing_fee"]
