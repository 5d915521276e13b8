"""Pure tests: the targets of requests, the needs of a transferred caller, and conversations after a restart."""

import math

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from test_reconcile import NOW, call, channel, leg, leg_channel, uuid

from db.enums import Role
from ivr.controller.reconcile import compare
from ivr.model.call_state import LegState
from ivr.model.floor_protocol import OpenOffer
from ivr.model.talk_table import Colleague, OperatorPlace
from ivr.site.codes import Codes
from ivr.site.operators import OperatorEntry
from ivr.talk.code_reader import ENDS_S, CodeReader
from ivr.talk.operator_requests import Refusal, Target, candidates, experts, target_from_digits
from ivr.talk.refer import parse_target
from ivr.talk.transfers import ANYBODY, BACK_S, BUSY_S, Transfer, transfer_steps
from routing.match import Step, step_at

LANGUAGES, TOPICS = ("ar", "fr", "es"), ("file", "travel")
PEOPLE = (
    OperatorEntry("1001", "One", {"ar": 5, "fr": 2}, frozenset(), supervisor=False),
    OperatorEntry("1002", "Two", {"fr": 5}, frozenset({"file"}), supervisor=False),
    OperatorEntry("1901", "Three", {"fr": 4, "es": 3}, frozenset({"travel"}), supervisor=True),
)


@every(
    ("keys", "target"),
    [
        ("1002", Target(operator="1002")),
        ("2", Target(language="fr")),
        ("02", Target(topic="travel")),
        ("00", Target(supervisor=True)),
        ("9", Refusal.UNKNOWN),
        ("0", Refusal.UNKNOWN),
        ("03", Refusal.UNKNOWN),
        ("12", Refusal.UNKNOWN),
        ("٣", Refusal.UNKNOWN),
        ("", Refusal.UNKNOWN),
        ("0033612345678", Refusal.OUTSIDE),
        ("123456789", Refusal.OUTSIDE),
    ],
)
def test_digits_mean_somebody_of_this_site_or_nobody(keys: str, target: Target | Refusal) -> None:
    assert target_from_digits(keys, LANGUAGES, TOPICS) == target


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("1002", Target(operator="1002")),
        ("*311002", Target(operator="1002")),
        ("*3100", Target(supervisor=True)),
        ("+33612345678", Refusal.OUTSIDE),
        ("anna", Refusal.OUTSIDE),
        ("1002;x=y", Refusal.OUTSIDE),
        ("", Refusal.OUTSIDE),
    ],
)
def test_the_target_of_a_refer_means_the_same_as_digits(to: str, target: Target | Refusal) -> None:
    assert parse_target(to, Codes(), LANGUAGES, TOPICS) == target


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (Target(operator="1002"), ("1002",)),
        (Target(operator="1001"), Refusal.YOURSELF),
        (Target(operator="7777"), Refusal.UNKNOWN),
        (Target(language="fr"), ("1002", "1901")),  # the best first, and never the one who asks
        (Target(language="nl"), Refusal.UNKNOWN),
        (Target(language="ar"), Refusal.AWAY),  # nobody else speaks it
        (Target(topic="file"), ("1002",)),
        (Target(topic="weather"), Refusal.UNKNOWN),
        (Target(supervisor=True), ("1901",)),
        (Target(), Refusal.UNKNOWN),
    ],
)
def test_a_target_means_these_operators(target: Target, found: tuple[str, ...] | Refusal) -> None:
    assert candidates(target, PEOPLE, LANGUAGES, TOPICS, "1001") == found


def press(keys: CodeReader, text: str, now: float = 0.0) -> list[tuple[str, str]]:
    return [code for item in text if (code := keys.press(item, now)) is not None]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("*30", [("hold", "")]),
        ("*311002#", [("transfer", "1002")]),
        ("*31#*32#*33#", [("transfer", ""), ("consult", ""), ("interpreter", "")]),
        ("77*30*3200#", [("hold", ""), ("consult", "00")]),
        ("1002#5*#**3*1002#", []),
        ("*31*30", [("hold", "")]),  # started over
        ("*34*34", [("recording", ""), ("recording", "")]),
    ],
)
def test_keys_in_a_conversation_are_codes_or_ignored(text: str, codes: list[tuple[str, str]]) -> None:
    assert press(CodeReader(Codes()), text) == codes


def test_an_abandoned_code_is_dropped_and_a_disabled_code_is_ignored() -> None:
    keys = CodeReader(Codes())
    assert press(keys, "*3") == []
    assert press(keys, "0", ENDS_S + 0.1) == []
    assert press(CodeReader(Codes(hold="")), "*30#") == []


def test_a_code_without_its_end_counts_after_a_pause_and_other_keys_never_do() -> None:
    keys = CodeReader(Codes())
    for text, code in (("*311002", ("transfer", "1002")), ("*32", ("consult", "")), ("1230", None), ("*3", None)):
        press(keys, text)
        assert keys.finish(ENDS_S - 0.1) is None
        assert keys.until == ENDS_S
        assert keys.finish(ENDS_S) == code
        assert keys.finish(ENDS_S) is None
        assert keys.until == math.inf


def test_a_code_may_start_with_the_key_that_ends_other_codes() -> None:
    codes = Codes(hold="#1", transfer="#2")
    assert press(CodeReader(codes), "#1#21002##2#*32#") == [
        ("hold", ""),
        ("transfer", "1002"),
        ("transfer", ""),
        ("consult", ""),
    ]


@pytest.mark.parametrize(("others", "codes"), [("9" * 12, []), ("9" * 13, [("hold", "")])])
def test_after_thirteen_keys_without_a_code_the_next_key_begins_one(others: str, codes: list[tuple[str, str]]) -> None:
    assert press(CodeReader(Codes(hold="#1")), f"{others}#1") == codes


@patient
@given(st.text("*#0123456789", max_size=40))
def test_no_sequence_of_keys_breaks_the_reader(text: str) -> None:
    keys = CodeReader(Codes())
    press(keys, text)
    keys.finish(ENDS_S)


# What the caller needs

USUAL = (Step("fr", 3, "file", patience=60.0), Step("fr", 3))
SPEAKS = {item.id: item.languages for item in PEOPLE}


def test_a_transferred_caller_waits_for_the_colleague_then_the_operator_then_anybody() -> None:
    needed = transfer_steps(Transfer(("1901",), "1002", at=400.0, count=1), USUAL, SPEAKS)
    assert [item.operator for item in needed] == ["1901", "1002", None, None]
    at = [step_at(needed, item)[0] for item in (0.0, BUSY_S - 1, BUSY_S + 1, BUSY_S + BACK_S + 1)]
    assert at == [0, 0, 1, 2]
    assert needed[2:] == USUAL


def test_a_caller_does_not_wait_for_an_operator_who_refused() -> None:
    transfer = Transfer(("1901", "1002"), "1001", at=400.0, count=1)
    assert transfer.without("1901", 420.0) == Transfer(("1002",), "1001", 420.0, 1)
    assert transfer.without("1901", 420.0).without("1002", 430.0).without("1001", 440.0) == Transfer((), None, 430.0, 1)
    assert transfer.without("7777", 420.0) == transfer
    assert transfer.complete() == Transfer(count=1)
    for text in ("1901::nan:1", "1901::1e400:1", f"1901::{'9' * 400}:1", "a:b"):
        assert Transfer.decode(text) == Transfer(), "no state of ours"


def test_a_transfer_to_a_language_tries_all_its_operators_before_the_caller_returns() -> None:
    needed = transfer_steps(Transfer((ANYBODY,), "1001", at=400.0, count=1), USUAL, SPEAKS)
    assert [(item.language, item.operator) for item in needed] == [
        ("fr", None),
        ("fr", "1001"),
        ("fr", None),
        ("fr", None),
    ]
    # By any matching operator, even if the transferring one handles the case.
    steps = (Step("fr", 3, None, "1001", patience=30.0), *USUAL)
    assert transfer_steps(Transfer((ANYBODY,), "1001", at=400.0, count=1), steps, SPEAKS)[:2] == needed[:2]
    # But not by the transferring operator while others are still an option.
    assert [item.excluded_operator for item in needed] == ["1001", None, None, None]


def test_a_colleague_without_the_language_or_no_longer_listed_does_not_block_a_transfer() -> None:
    spanish = (Step("es", 3),)
    assert [item.language for item in transfer_steps(Transfer(("1002", "7777"), None, 0.0, 1), spanish, SPEAKS)] == [
        "fr",
        "es",
    ]


# After a restart


@pytest.mark.parametrize(
    ("place", "role", "kept"),
    [
        (OperatorPlace.CONSULTS, Role.CONSULTED, True),
        (OperatorPlace.SWAPPED, Role.CONSULTED, True),
        (OperatorPlace.ASIDE, Role.CONSULTED, True),
        (OperatorPlace.TOGETHER, Role.INTERPRETER, True),
        (OperatorPlace.HELD, Role.INTERPRETER, True),
        (OperatorPlace.TOGETHER, Role.CONSULTED, False),  # no longer consulted
        (OperatorPlace.TOGETHER, Role.OPERATOR, False),
    ],
)
def test_a_colleague_is_kept_while_the_callers_channel_names_them(place: OperatorPlace, role: Role, kept: bool) -> None:
    state = call(1, offer=50).replace(operator_place=place)
    other = LegState(uuid(51), uuid(1), "1002", NOW, role)
    channels = [channel("a", state), leg_channel(leg(50, 1)), leg_channel(other)]
    found = compare(channels, {})
    assert found.colleagues == ({uuid(1): Colleague(uuid(51), "1002", role, there=True)} if kept else {})
    assert [item.id for item in found.orphans] == ([] if kept else [uuid(51)])
    assert (OpenOffer(uuid(51), uuid(1), "1002", talking=True) in found.open_offers) == kept
    assert OpenOffer(uuid(50), uuid(1), "1001", talking=True) in found.open_offers


def test_a_colleagues_leg_rings_for_the_caller_once_there_is_no_operator() -> None:
    ringing = LegState(uuid(51), uuid(1), "1002", NOW, Role.CONSULTED)
    found = compare([channel("a", call(1, waits=True)), leg_channel(ringing)], {})
    assert [own for _, _, own in found.resume] == [ringing]
    assert (found.colleagues, found.orphans) == ({}, ())


@pytest.mark.parametrize(
    ("topic", "operator", "expected"),
    [
        ("travel", "1002", ("1901", "1001")),  # both serve it; the third speaks better French
        ("file", "1901", ("1002", "1001")),
        ("file", "1002", ()),  # serves the topic without help
        ("file", "1001", ()),  # serves every topic
        (None, "1002", ()),
        ("travel", "1999", ()),  # no longer in the list
    ],
)
def test_experts_serve_the_topic_and_share_a_language_with_the_interpreter(
    topic: str | None, operator: str, expected: tuple[str, ...]
) -> None:
    assert experts(topic, operator, PEOPLE) == expected


def test_an_expert_without_a_common_language_is_not_chosen() -> None:
    alone = OperatorEntry("1003", "Four", {"es": 5}, frozenset({"file"}), supervisor=False)
    assert experts("travel", "1003", (PEOPLE[1], alone)) == ()
    assert experts("travel", "1003", (*PEOPLE, alone)) == ("1901",)
