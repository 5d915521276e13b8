"""A call's events are told in the words, columns and units of Asterisk's queue_log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from db.queue_events import Call, Event, call_lines, operator_lines

START = datetime(2026, 11, 28, 9, 0, 0, 700_000, tzinfo=UTC)
CALL = Call(UUID(int=7), "n1-1795856400.7", "+33612345678", START)
OFFER = "0199aaaa-0000-7000-8000-000000000001"


def told(*steps: tuple[float, str, dict[str, Any]], call: Call = CALL, ahead: int = 0) -> list[str]:
    """Return the lines of events, each at so many seconds, without the columns that are always the same."""
    events = [Event(START + timedelta(seconds=at), kind, data) for at, kind, data in steps]
    lines = [line for _, line in call_lines(call, events, lambda *_: 1 + ahead)]
    assert all(line.callid == "n1-1795856400.7" and line.call_id == call.id for line in lines)
    base = int(START.timestamp())
    return [
        f"{int(line.at.timestamp()) - base}|{'|'.join((line.queue, line.agent, line.event, *line.data))}"
        for line in lines
    ]


WAITS = (0.0, "waiting", {"topic": "visas", "language": "fr", "since": 1.0})
RINGS = (2.0, "offered", {"operator": "1002", "offer": OFFER})
TALKS = (9.6, "connected", {"operator": "1002", "offer": OFFER})
ENTERED = "0|hatif-fr|NONE|ENTERQUEUE||+33612345678|1"
CONNECTED = f"10|hatif-fr|PJSIP/1002|CONNECT|10|{OFFER}|8"


def ended(at: float, by: str, outcome: str = "answered") -> tuple[float, str, dict[str, Any]]:
    return at, "ended", {"by": by, "outcome": outcome}


def over(at: float, by: str) -> tuple[float, str, dict[str, Any]]:
    return at, "conversation_ended", {"operator": "1002", "by": by}


def test_a_call_that_an_operator_takes_and_the_caller_ends() -> None:
    assert told(WAITS, RINGS, TALKS, over(69.6, "caller"), ended(69.7, "caller")) == [
        ENTERED,
        CONNECTED,
        "70|hatif-fr|PJSIP/1002|COMPLETECALLER|10|60|1",
    ]


def test_the_operator_hangs_up_and_the_survey_is_not_in_the_queue() -> None:
    assert told(WAITS, RINGS, TALKS, over(69.6, "operator"), ended(90, "caller"))[2:] == [
        "70|hatif-fr|PJSIP/1002|COMPLETEAGENT|10|60|1"
    ]


def test_a_caller_who_hangs_up_while_waiting() -> None:
    assert told(WAITS, ended(30.2, "caller", "abandoned"), ahead=2) == [
        "0|hatif-fr|NONE|ENTERQUEUE||+33612345678|3",
        "30|hatif-fr|NONE|ABANDON|3|3|30",
    ]


def test_a_caller_without_a_number_who_never_waits_is_not_in_the_log() -> None:
    hidden = Call(CALL.id, CALL.channel, "", START)
    assert told(WAITS, call=hidden) == ["0|hatif-fr|NONE|ENTERQUEUE|||1"]
    assert told(ended(30, "caller", "left_menu")) == []


def test_telephones_that_do_not_take_the_call() -> None:
    tries = [
        (12.0, "offer_ended", {"operator": "1002", "offer": OFFER, "state": state})
        for state in ("no_answer", "refused", "unreachable", "withdrawn", "accepted")
    ]
    lines = [told(WAITS, RINGS, tried)[1] for tried in tries]
    assert lines[:3] == ["12|hatif-fr|PJSIP/1002|RINGNOANSWER|10000"] * 3
    assert lines[3] == "12|hatif-fr|PJSIP/1002|RINGCANCELED|10000"  # the caller was gone, or chose something else


def test_a_key_that_leaves_the_queue_and_a_caller_who_comes_back() -> None:
    left = (20.0, "queue_left", {"key": "2"})
    back = (40.0, "waiting_again", {"topic": None, "language": "fr"})
    assert told(WAITS, left, ended(35, "caller", "message")) == [ENTERED, "20|hatif-fr|NONE|EXITWITHKEY|2|1|1|20"]
    assert told(WAITS, left, back, ended(50, "caller"))[2:] == [
        "40|hatif-fr|NONE|ENTERQUEUE||+33612345678|1",
        "50|hatif-fr|NONE|ABANDON|1|1|10",
    ]


def test_another_language_is_another_queue() -> None:
    assert told(WAITS, (20.0, "waiting_again", {"language": "de"}), ended(50, "caller"))[1:] == [
        "20|hatif-fr|NONE|EXITWITHKEY|9|1|1|20",
        "20|hatif-de|NONE|ENTERQUEUE||+33612345678|1",
        "50|hatif-de|NONE|ABANDON|1|1|30",
    ]


def test_a_blind_transfer_and_the_queue_after_it() -> None:
    lines = told(
        WAITS,
        RINGS,
        TALKS,
        (69.6, "transferred", {"by": "1002", "to": "1003", "to_kind": "operator", "way": "keys", "count": 1}),
        over(69.6, "transfer"),
        (69.7, "waiting_again", {"language": "fr"}),
        ended(80, "caller"),
    )
    assert lines[2:] == [
        "70|hatif-fr|PJSIP/1002|BLINDTRANSFER|1003|operator|10|60|1",
        "70|hatif-fr|NONE|ENTERQUEUE||+33612345678|1",
        "80|hatif-fr|NONE|ABANDON|1|1|10",
    ]


def test_a_transfer_after_a_consultation_ends_what_the_queue_knows() -> None:
    consulted = (30.0, "offered", {"operator": "1003", "offer": "x", "role": "consulted"})
    lines = told(
        *(WAITS, RINGS, TALKS, consulted, over(69.6, "transfer")),
        (69.7, "handed_over", {"operator": "1003", "by": "1002"}),
        (99.0, "conversation_ended", {"operator": "1003", "by": "caller"}),
        ended(99, "caller"),
    )
    assert lines[2:] == [f"70|hatif-fr|PJSIP/1002|ATTENDEDTRANSFER|BRIDGE|talk-{CALL.id}|10|60|1"]


def test_a_telephone_that_is_lost_sends_the_caller_back_to_the_queue() -> None:
    assert told(WAITS, RINGS, TALKS, over(69.6, "lost"), ended(80, "caller"))[2:] == [
        "70|hatif-fr|PJSIP/1002|COMPLETEAGENT|10|60|1",
        "70|hatif-fr|NONE|ENTERQUEUE||+33612345678|1",
        "80|hatif-fr|NONE|ABANDON|1|1|10",
    ]


def test_what_a_killed_controller_tells_again_is_told_once() -> None:
    again = (5.0, "waiting_again", {"language": "fr"})
    twice = (11.0, "connected", {"operator": "1002", "offer": OFFER})
    lines = told(WAITS, RINGS, again, TALKS, twice, over(69.6, "caller"), over(69.8, "caller"), ended(70, "caller"))
    assert lines == [ENTERED, CONNECTED, "70|hatif-fr|PJSIP/1002|COMPLETECALLER|10|60|1"]
    assert told(WAITS, RINGS, TALKS, ended(69.6, "unknown"))[2:] == ["70|hatif-fr|PJSIP/1002|COMPLETECALLER|10|60|1"]


def test_a_conversation_whose_beginning_was_not_recorded_is_told_at_its_end() -> None:
    known = Call(CALL.id, CALL.channel, "+33612345678", START, connected=START + timedelta(seconds=9.6))
    lines = told(WAITS, RINGS, over(69.6, "caller"), ended(69.7, "caller"), call=known)
    assert lines == [
        ENTERED,
        "10|hatif-fr|PJSIP/1002|CONNECT|10||0",
        "70|hatif-fr|PJSIP/1002|COMPLETECALLER|10|60|1",
    ]


def test_a_call_of_the_fallback() -> None:
    def row(connected: float | None) -> Call:
        return Call(
            CALL.id,
            CALL.channel,
            "+33612345678",
            START,
            queued=START + timedelta(seconds=5),
            connected=START + timedelta(seconds=connected) if connected else None,
            ended=START + timedelta(seconds=60),
            operator="1002" if connected else None,
            language="fr",
        )

    def fallback(status: str) -> tuple[float, str, dict[str, Any]]:
        return 500.0, "fallback", {"status": status, "operator": None}

    assert told(fallback("connected"), call=row(20)) == [
        "5|hatif-fr|NONE|ENTERQUEUE||+33612345678|1",
        "20|hatif-fr|PJSIP/1002|CONNECT|15||0",
        "60|hatif-fr|PJSIP/1002|COMPLETECALLER|15|40|1",
    ]
    assert told(fallback("waiting"), call=row(None))[1:] == ["60|hatif-fr|NONE|ABANDON|1|1|55"]
    assert told(fallback("nobody"), call=row(None))[1:] == ["60|hatif-fr|NONE|EXITWITHTIMEOUT|1|1|55"]
    # The controller had the call when it was killed, and the caller waited on in the fallback.
    assert told((5.0, *WAITS[1:]), fallback("waiting"), call=row(None)) == [
        "5|hatif-fr|NONE|ENTERQUEUE||+33612345678|1",
        "60|hatif-fr|NONE|ABANDON|1|1|55",
    ]


def test_no_text_can_end_its_column_or_line() -> None:
    evil = Call(CALL.id, "n1|x\n1|NONE", "+33|6\n", START)
    (_, line), *_ = call_lines(evil, [Event(START, "waiting", {"language": "fr"})], lambda *_: 1)
    assert line.text == f"{int(START.timestamp())}|n1x1NONE|hatif-fr|NONE|ENTERQUEUE||+336|1"


# Operators


def changes(*states: tuple[str, str | None]) -> list[str]:
    found: list[str] = []
    for before, now in pairwise(states):
        lines = operator_lines("1002", ("fr", "ar"), before, now, START)
        found += ["|".join((line.callid, line.queue, line.agent, line.event, *line.data)) for line in lines]
    return found


def both(callid: str, *event: str) -> Sequence[str]:
    return [f"{callid}|hatif-{language}|PJSIP/1002|{'|'.join(event)}" for language in ("ar", "fr")]


def test_an_operator_comes_and_goes() -> None:
    assert changes(("away", "telephone"), ("ready", None), ("talking", None), ("wrapping_up", None)) == both(
        "MANAGER", "ADDMEMBER", ""
    )
    assert changes(("ready", None), ("away", None)) == both("MANAGER", "REMOVEMEMBER", "")
    assert changes(("paused", "lunch"), ("away", None)) == both("MANAGER", "REMOVEMEMBER", "")


def test_a_pause_has_its_reason() -> None:
    every = "NONE|NONE|PJSIP/1002|"
    assert changes(("ready", None), ("paused", "lunch"), ("paused", "lunch"), ("ready", None)) == [
        f"{every}PAUSEALL|lunch",
        *both("NONE", "PAUSE", "lunch"),
        f"{every}UNPAUSEALL|lunch",
        *both("NONE", "UNPAUSE", "lunch"),
    ]
    assert changes(("away", None), ("paused", "meeting"))[:3] == [
        *both("MANAGER", "ADDMEMBER", "PAUSED"),
        f"{every}PAUSEALL|meeting",
    ]
