"""What a caller may use up, in virtual time: time in the menus, messages, call-back requests."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from trial_calls import ANSWERS, announcements, languages, place_call, rows, steps
from trial_stage import stage

from db.ids import call_id
from ivr.call.call import Call
from ivr.call.first_state import first_state
from ivr.trial.trial import Stage

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}


def limited(**limits: object) -> Stage:
    """Return the example site with other `[limits]`."""
    chosen = stage()
    return replace(chosen, site=chosen.site.model_copy(update={"limits": chosen.site.limits.model_copy(update=limits)}))


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_who_stays_in_the_menus_for_too_long_is_told_so_and_the_call_ends(language: str, key: str) -> None:
    result = place_call(key + 300 * "#", on=limited(menus_min=1))
    assert announcements(result)[-1] == ["menus_over"]
    assert languages(result, "main") == {language}
    assert 60 < result.seconds < 60 + 40
    assert (result.outcome, result.ended_by) == ("left_menu", "service")


def test_the_wait_for_an_operator_and_the_conversation_do_not_count_as_time_in_the_menus() -> None:
    waits = place_call("20", on=limited(menus_min=1), patience_s=300)
    assert waits.outcome == "abandoned" and waits.seconds > 300
    reads = place_call("203" + 80 * "#", on=limited(menus_min=1), patience_s=300)  # the guide, while waiting
    assert steps(reads, "menus_over") == [] and reads.seconds > 60
    talks = place_call("20", on=limited(menus_min=1), operators=[replace(ANSWERS, talks_s=300)])
    assert announcements(talks)[-1] == ["goodbye"] and talks.outcome == "answered"


def test_a_message_is_kept_if_the_time_in_the_menus_ends_before_it_is_sent() -> None:
    result = place_call("21" + 40 * "-2", opening="forced closed", on=limited(menus_min=1))
    assert announcements(result)[-1] == ["menus_over"]
    assert len(rows(result, "message")) == 1
    assert result.outcome == "message"


@pytest.mark.parametrize(("waited", "used_s"), [(None, 1200), (1.0, 0)])
def test_a_restart_gives_a_caller_no_new_time_in_the_menus_unless_they_had_waited(
    waited: float | None, used_s: int
) -> None:
    chosen, call = stage(), str(call_id("node1", "channel", 1000 * int(time.time() - 1200)))
    state = first_state(chosen.site, chosen.version, call, "+33800212000", "+33613000001").replace(since=waited)
    services: Any = SimpleNamespace(site=chosen.site)
    found: Call = Call(services, "channel", state, chosen.version, answered=True)
    found.resume()
    assert found.menu_time.used == pytest.approx(used_s, abs=5)
