"""The caller's consulate in virtual time, in each language; `test_consulates.py` tests it by telephone."""

from dataclasses import replace
from itertools import pairwise

import pytest
from trial_calls import announcements, languages, place_call, steps
from trial_stage import NIGHT, stage

from ivr.flow.nodes.menu import Menu
from ivr.model.e164 import dialled_groups
from ivr.site.consulates import Consulate, Consulates
from ivr.site.guide import ProcedureStatus
from ivr.trial.trial import Stage, TrialResult

CALLERS = {
    "ar": ("1", "FR", "+33613000001", "+33800212000"),
    "fr": ("2", "BE", "+32470000001", "+32800212001"),
    "es": ("3", "ES", "+34612000001", "+34800212004"),
    "it": ("4", "IT", "+393200000001", "+39800212005"),
    "nl": ("5", "NL", "+31614000002", "+31800212002"),
    "de": ("6", "AT", "+436640000001", "+43800212010"),
    "en": ("7", "GB", "+447700900123", "+44800212007"),
}
"""By language: its key, where the caller is, their number, and the number that they dial."""
AGAIN = ["hear_again", "key_1"]


def call_from_belgium(keys: str, on: Stage | None = None) -> TrialResult:
    return place_call(keys, "+32470000001", dialled="+32800212001", on=on)


def keys_to(*nodes: str) -> str:
    """Return the keys from the first of these nodes, all menus but the last, to the last one."""
    found, flow = "", stage().version.flow
    for menu, target in pairwise(nodes):
        node = flow.nodes[menu]
        assert isinstance(node, Menu)
        found += next(option.key for option in node.options if option.next == target)
    return found


def digits(number: str, country: str) -> list[str]:
    return [f"digit_{digit}" for group in dialled_groups(number, country) for digit in group]


def duty_of(consulate: Consulate) -> list[str]:
    number = digits(consulate.duty, consulate.country)
    return [consulate.city, "consulate_duty_is", *number, "consulate_again", *number]


def visit_of(consulate: Consulate) -> list[str]:
    number = digits(consulate.telephone, consulate.country)
    where = [consulate.city, consulate.address, consulate.hours, consulate.appointment]
    return [*where, "consulate_telephone_is", *number, "consulate_again", *number, consulate.not_done]


@pytest.mark.parametrize("language", CALLERS)
def test_in_an_emergency_at_night_the_duty_number_is_told_digit_by_digit_and_twice(language: str) -> None:
    key, country, caller, dialled = CALLERS[language]
    listed = stage().version.consulates.of(country)
    keys = f"{key}--{keys_to('closed', 'urgent', 'duty')}{len(listed) if len(listed) > 1 else ''}"
    result = place_call(keys, caller, dialled=dialled, at=NIGHT)
    chosen = [clip for key, one in enumerate(listed, start=1) for clip in (one.city, f"key_{key}")]
    *menus, told = announcements(result, "duty")
    assert menus == ([[*chosen, "star_back"]] if len(listed) > 1 else [])
    assert told == ["guide_notice", *duty_of(listed[-1]), *AGAIN, "consulate_visit", "key_2", "star_back"]
    assert languages(result, "duty") == {language}
    assert (result.outcome, result.path[-1]) == ("self_served", "goodbye")


def test_address_hours_and_telephone_are_a_key_away_and_can_be_heard_first() -> None:
    (brussels,) = stage().version.consulates.of("BE")
    there = call_from_belgium(f"2-{keys_to('main', 'consulate')}2")
    first, second = announcements(there, "consulate")
    assert first == [
        *("guide_notice", *visit_of(brussels), *AGAIN),
        *("consulate_duty", "key_2", "operator_and_back"),
    ]
    assert second[: len(duty_of(brussels)) + 1] == ["guide_notice", *duty_of(brussels)]
    assert [step.data["what"] for step in steps(there, "consulate")] == ["visit", "duty"]


def test_a_confirmed_consulate_is_told_without_the_notice() -> None:
    here = stage()
    (brussels,) = here.version.consulates.of("BE")
    confirmed = Consulates((replace(brussels, status=ProcedureStatus.CONFIRMED),))
    on = replace(here, version=replace(here.version, consulates=confirmed))
    (told,) = announcements(call_from_belgium(f"2-{keys_to('main', 'urgent', 'duty')}", on), "duty")
    assert told[: len(duty_of(brussels))] == duty_of(brussels)


@pytest.mark.parametrize(("key", "led"), [("1", "documents"), ("0", "queue"), ("*", "urgent")])
def test_where_a_country_has_none_the_caller_hears_so_and_is_offered_the_guide(key: str, led: str) -> None:
    here = stage()
    on = replace(here, version=replace(here.version, consulates=Consulates()))
    result = call_from_belgium(f"2-{keys_to('main', 'urgent', 'duty')}{key}h", on)
    (told,) = announcements(result, "duty")
    assert told == ["consulate_none", "consulate_guide", "key_1", "operator_and_back"]
    assert result.path[-1] == led


@pytest.mark.parametrize(
    ("key", "led"), [("1", "duty"), ("#", "duty"), ("*", "urgent"), ("0", "queue"), ("9", "language")]
)
def test_the_usual_keys_hold_and_the_number_can_be_heard_again(key: str, led: str) -> None:
    result = call_from_belgium(f"2-{keys_to('main', 'urgent', 'duty')}{key}h")
    told = announcements(result, "duty")
    assert result.path[-1] == led and told == told[:1] * (2 if led == "duty" else 1)
