"""The row of a call whose end no controller has recorded follows from its events and from the fallback's record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.enums import Outcome
from db.ids import uuid7
from db.read import Call, Event
from ivr.asterisk.fallback_records import FallbackCall, Status
from ivr.records.call_conclusion import Conclusion, Place, conclude

AT = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def row(**columns: Any) -> Call:
    """Return the row of a call as a controller that was killed has left it."""
    facts: dict[str, Any] = dict.fromkeys(Call.__dataclass_fields__) | {
        "id": uuid7(), "path": [], "started": AT, "live": True, "node": "node1", "outgoing": False,
    }  # fmt: skip
    return Call(**facts | columns)


def record(status: Status, started: float = 60, **columns: Any) -> FallbackCall:
    facts: dict[str, Any] = dict.fromkeys(FallbackCall.__dataclass_fields__) | {
        "id": "node1-1795613040.1", "status": status, "started": at(started), "ended": at(started + 40),
        "end_known": True, "illegible": (),
    }  # fmt: skip
    return FallbackCall(**facts | columns)


@dataclass(frozen=True)
class Happened:
    """What happened in a call: `events` is each event's kind and data, one every second."""

    events: tuple[tuple[str, dict[str, Any]], ...]

    def __call__(self) -> list[Event]:
        return [
            Event(at(second), kind, str(data.get("node", "")), {name: data[name] for name in data if name != "node"})
            for second, (kind, data) in enumerate(self.events, 1)
        ]


def node(name: str, *, resumed: bool = False) -> tuple[str, dict[str, Any]]:
    return "node", {"node": name, "resumed": resumed}


MENU = (node("language"), node("menu"))
HEARD = (*MENU, node("guide"), ("guide", {"procedure": "passport", "step": "papers"}))
TOLD = (*MENU, node("duty"), ("consulate", {"what": "duty", "country": "FR", "city": "city_lyon"}))
CLOSED = (node("language"), node("hours"), ("hours", {"open": False, "why": "plan"}))
LEFT_MESSAGE = (*MENU, node("record"), ("recording", {"name": "x"}), ("message", {"file": "messages/x.wav"}))
ASKED_BACK = (*MENU, node("callback"), ("callback", {"number": "+33612345678"}))
WAITED = (*MENU, node("queue"), ("waiting", {"since": 1.0}))
TALKED = (*WAITED, ("offered", {"operator": "1001"}), ("connected", {"operator": "1001", "offer": "o"}))
SURVEYED = (
    *TALKED,
    ("conversation_ended", {"operator": "1001", "by": "operator"}),
    node("survey"),
    ("survey", {"question": "satisfied", "answer": 4}),
)

TRYING = record(Status.TRYING)
WAITS = record(Status.WAITING, queued=at(70))
NOBODY = record(Status.NOBODY, queued=at(70))
TOLD_CLOSED = record(Status.CLOSED)
ANSWERED = record(Status.CONNECTED, queued=at(70), connected=at(80), operator="1002")


@pytest.mark.parametrize(
    ("events", "dialplan", "outcome", "place", "operator"),
    [
        # Cut with Asterisk, or while there was no controller.
        (MENU, None, "left_menu", "elsewhere", None),
        (HEARD, None, "self_served", "elsewhere", None),
        (CLOSED, None, "closed", "elsewhere", None),
        ((*CLOSED, *HEARD), None, "self_served", "elsewhere", None),
        ((*CLOSED, *TOLD), None, "self_served", "elsewhere", None),
        ((*MENU, ("consulate", {"what": "none", "country": "US"})), None, "left_menu", "elsewhere", None),
        (LEFT_MESSAGE, None, "message", "elsewhere", None),
        (ASKED_BACK, None, "callback", "elsewhere", None),
        (WAITED, None, "abandoned", "waiting", None),
        ((*HEARD, *WAITED), None, "abandoned", "waiting", None),
        ((*WAITED, ("queue_left", {}), *LEFT_MESSAGE), None, "message", "elsewhere", None),
        ((*WAITED, *ASKED_BACK), None, "callback", "waiting", None),
        (TALKED, None, "answered", "talking", "1001"),
        (SURVEYED, None, "answered", "elsewhere", "1001"),
        ((*TALKED, ("conversation_ended", {"by": "lost"})), None, "answered", "waiting", "1001"),
        (
            (*TALKED, ("conversation_ended", {"by": "transfer"}), ("connected", {"operator": "1003"})),
            None,
            "answered",
            "talking",
            "1001",
        ),
        ((*TALKED, *LEFT_MESSAGE), None, "answered", "talking", "1001"),
        # Given to the dialplan by the guard, where the caller hangs up.
        (MENU, TRYING, "fallback", "elsewhere", None),
        (HEARD, TRYING, "self_served", "elsewhere", None),
        (CLOSED, TRYING, "closed", "elsewhere", None),
        (LEFT_MESSAGE, TRYING, "message", "elsewhere", None),
        (WAITED, TRYING, "fallback", "waiting", None),
        (TALKED, TRYING, "answered", "talking", "1001"),
        (HEARD, WAITS, "fallback", "waiting", None),
        (CLOSED, TOLD_CLOSED, "fallback", "elsewhere", None),
        (LEFT_MESSAGE, WAITS, "message", "waiting", None),
        (ASKED_BACK, WAITS, "callback", "waiting", None),
        (WAITED, WAITS, "fallback", "waiting", None),
        (WAITED, NOBODY, "fallback", "elsewhere", None),
        (SURVEYED, WAITS, "answered", "waiting", "1001"),
        # An operator answers in the dialplan's queue.
        (MENU, ANSWERED, "fallback", "talking", "1002"),
        (WAITED, ANSWERED, "fallback", "talking", "1002"),
        (SURVEYED, ANSWERED, "answered", "talking", "1001"),
        (LEFT_MESSAGE, ANSWERED, "message", "talking", "1002"),
    ],
)
def test_an_outcome_is_what_the_caller_got_whoever_had_the_call_last(
    events: tuple[tuple[str, dict[str, Any]], ...],
    dialplan: FallbackCall | None,
    outcome: str,
    place: str,
    operator: str | None,
) -> None:
    end = conclude(row(), Happened(events)(), dialplan, NEVER)
    assert (end.outcome, end.place, end.operator) == (outcome, place, operator)


def test_the_path_is_that_of_the_nodes_and_a_controller_that_goes_on_adds_none() -> None:
    events = Happened((*MENU, node("menu", resumed=True), node("queue"), node("queue", resumed=True)))()
    assert conclude(row(), events, None, NEVER).path == ["language", "menu", "queue"]
    assert conclude(row(), events, WAITS, NEVER).path == ["language", "menu", "queue", "fallback"]
    assert conclude(None, [], WAITS, NEVER).path == ["fallback"]


def test_a_caller_who_had_waited_keeps_the_beginning_of_their_wait_and_of_their_first_conversation() -> None:
    end = conclude(row(queued=at(4), connected=at(6), operator="1001"), Happened(SURVEYED)(), ANSWERED, NEVER)
    assert (end.queued, end.connected, end.ended, end.operator) == (at(4), at(6), ANSWERED.ended, "1001")
    end = conclude(row(queued=at(4)), Happened(WAITED)(), ANSWERED, NEVER)
    assert (end.queued, end.connected, end.operator) == (at(4), ANSWERED.connected, "1002")
    end = conclude(row(), Happened(MENU)(), ANSWERED, NEVER)
    assert (end.queued, end.connected) == (ANSWERED.queued, ANSWERED.connected)


def test_what_the_row_lacks_is_in_the_events() -> None:
    end = conclude(row(), Happened(TALKED)(), None, NEVER)
    assert (end.queued, end.connected) == (at(4), at(6))


def test_a_call_that_was_cut_ends_when_it_was_last_seen_or_with_its_last_event() -> None:
    events = Happened(WAITED)()
    assert conclude(row(), events, None, at(30)).ended == at(30)
    assert conclude(row(), events, None, at(2)).ended == at(4)
    cut = record(Status.WAITING, queued=at(70), ended=at(70), end_known=False)
    assert conclude(row(), events, cut, cut.ended).ended == at(70)


def test_the_end_that_a_controller_has_recorded_counts_unless_the_dialplan_had_the_caller_afterwards() -> None:
    """A controller that had hung, and thought that the caller was gone."""
    events = [*Happened(WAITED)(), Event(at(9), "ended", "queue", {"by": "caller", "outcome": "abandoned"})]
    end = conclude(row(), events, None, at(500))
    assert (end.ended, end.by, end.outcome) == (at(9), "caller", "abandoned")
    end = conclude(row(ended=at(9), outcome="abandoned"), events, ANSWERED, NEVER)
    assert (end.ended, end.outcome, end.operator) == (ANSWERED.ended, "fallback", "1002")


KINDS = [*SURVEYED, *LEFT_MESSAGE, *ASKED_BACK, *CLOSED, *HEARD, ("queue_left", {}), ("waiting_again", {})]
SECONDS = st.integers(-100, 400).map(at)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Call, list[Event], FallbackCall | None, datetime]:
    """A call with any events, and a clock that may go backwards."""
    events = Happened(tuple(draw(st.lists(st.sampled_from(KINDS), max_size=12))))()
    moved = [Event(draw(SECONDS), event.kind, event.flow_node, event.data) for event in events]
    times = {name: draw(st.none() | SECONDS) for name in ("line_answered", "queued", "connected")}
    queued, connected = draw(st.none() | SECONDS), draw(st.none() | SECONDS)
    dialplan = record(
        draw(st.sampled_from([status for status in Status if status is not Status.TAKEN])),
        started=draw(st.integers(-100, 400)),
        queued=queued,
        connected=connected,
        operator=draw(st.none() | st.just("1002")),
        end_known=draw(st.booleans()),
    )
    return row(**times), moved, draw(st.none() | st.just(dialplan)), draw(SECONDS)


def in_order(end: Conclusion) -> Sequence[datetime]:
    times = (end.started, end.line_answered, end.queued, end.connected, end.ended)
    return [instant for instant in times if instant is not None]


@given(calls())
def test_times_are_in_order_and_what_happened_is_in_the_outcome(
    call: tuple[Call, list[Event], FallbackCall | None, datetime],
) -> None:
    this, events, dialplan, last_seen = call
    end = conclude(this, events, dialplan, last_seen)
    assert list(in_order(end)) == sorted(in_order(end))
    kinds = {event.kind for event in events}
    if "connected" in kinds:
        assert end.outcome is Outcome.ANSWERED and end.connected is not None and end.operator == "1001"
    elif end.outcome is not Outcome.ANSWERED:
        if "message" in kinds and "callback" not in kinds:
            assert end.outcome is Outcome.MESSAGE
        if end.outcome is Outcome.ABANDONED:
            assert end.queued is not None and dialplan is None
    assert (end.outcome is Outcome.FALLBACK) <= (dialplan is not None)
    assert ("fallback" in end.path) is (dialplan is not None)
    if end.place is Place.WAITING and dialplan is None:
        assert end.queued is not None or end.connected is not None


@given(calls())
def test_a_record_that_is_imported_twice_changes_nothing_the_second_time(
    call: tuple[Call, list[Event], FallbackCall | None, datetime],
) -> None:
    this, events, dialplan, last_seen = call
    if dialplan is None:
        return
    first = conclude(this, events, dialplan, last_seen)
    written = row(
        id=this.id, line_answered=first.line_answered, queued=first.queued, connected=first.connected,
        operator=first.operator, ended=first.ended, outcome=first.outcome, path=first.path,
    )  # fmt: skip
    again = conclude(written, events, dialplan, last_seen)
    assert (again.outcome, again.place, again.operator, again.path) == (
        first.outcome, first.place, first.operator, first.path,
    )  # fmt: skip
