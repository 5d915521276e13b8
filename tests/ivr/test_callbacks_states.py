"""The states of a request under late, repeated and reordered events, and with several controllers at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from db.callback_requests import CallbackRequest, Claim
from db.callback_states import AT_WORK, FINAL, MOST_TRIES, RequestEvent, advance, call_of, end_orphaned
from db.enums import CallbackKind, CallbackState
from db.ids import uuid7
from ivr.callbacks.channels import channel_of, server_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WAIT = timedelta(minutes=30)
CLAIMS = (Claim("node1", UUID(int=1)), Claim("node1", UUID(int=2)), Claim("node2", UUID(int=3)))


def new_request(kind: CallbackKind = CallbackKind.WAITING) -> CallbackRequest:
    return CallbackRequest(
        uuid7(), "node1", kind.value, "wished", "+33612345678", NOW, waiting_since=NOW - WAIT, due=NOW
    )


events = st.tuples(st.sampled_from(list(RequestEvent)), st.none() | st.sampled_from(CLAIMS))


@given(st.sampled_from(list(CallbackKind)), st.lists(events, max_size=30))
def test_no_order_of_events_breaks_the_invariants(
    kind: CallbackKind, history: list[tuple[RequestEvent, Claim | None]]
) -> None:
    current = new_request(kind)
    dialled = 0
    for minute, (event, by) in enumerate(history):
        before, now = current, NOW + timedelta(minutes=minute)
        current = advance(before, event, now, by=by, wait=WAIT)
        assert (current.waiting_since, current.number, current.wished) == (
            before.waiting_since,
            before.number,
            before.wished,
        )
        if current is before:
            continue
        # The first due time is kept, however often the request is put off.
        assert before.first_due is None or current.first_due == before.first_due
        assert current.due == before.due or current.first_due == (before.first_due or before.due or before.tried)
        assert before.state not in FINAL  # no event leaves a final state
        dialled += event is RequestEvent.DIALLED
        assert current.tries == dialled <= MOST_TRIES
        assert (current.ended is not None) is (current.state in FINAL)
        assert (current.claim is not None) is (current.state in AT_WORK)
        # Only the holder of the claim moves it; a person only a request without a holder.
        assert before.claim in (None, by)
        assert event is not RequestEvent.EXPIRED or (before.state, current.state) == ("wished", "failed")
        if event is RequestEvent.MISSED:
            again = before.tries < MOST_TRIES
            assert current.state == (CallbackState.REQUESTED if again else CallbackState.FAILED)
            assert not again or current.due == before.tried + WAIT  # type: ignore[operator]
        assert advance(current, event, now, by=by, wait=WAIT) is current  # idempotent


@given(st.sampled_from([kind for kind in CallbackKind if kind is not CallbackKind.CASE]))
def test_a_request_is_done_after_its_usual_events_and_failed_after_two_misses(kind: CallbackKind) -> None:
    mine = CLAIMS[0]
    first = new_request(kind)
    current = first
    for event in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.REACHED, RequestEvent.FINISHED):
        current = advance(current, event, NOW, by=mine)
    assert (current.state, current.tries, current.dialled_call_id) == ("done", 1, call_of(first))
    current = first
    for _ in range(MOST_TRIES):
        for event in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.MISSED):
            current = advance(current, event, NOW, by=mine, reason="busy")
    assert (current.state, current.tries, current.reason) == ("failed", 2, "busy")


def test_a_person_can_end_the_request_of_a_lost_node_which_then_cannot_move_it_any_more() -> None:
    theirs = CLAIMS[2]
    current = new_request()
    for event in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.REACHED):
        current = advance(current, event, NOW, by=theirs)
        assert advance(current, RequestEvent.CANCELLED, NOW) is current  # only with `end_orphaned`
        over = end_orphaned(current, RequestEvent.CANCELLED, NOW, reason="the node is gone")
        assert (over.state, over.claim, over.tries, over.reason) == (
            "cancelled",
            None,
            current.tries,
            "the node is gone",
        )
        assert all(advance(over, event, NOW, by=theirs) is over for event in RequestEvent)
    taken = end_orphaned(current, RequestEvent.TAKEN, NOW, operator="1002", reason="taken over by 1002")
    assert (taken.state, taken.operator_id, taken.ended) == ("done", "1002", NOW)
    assert end_orphaned(over, RequestEvent.TAKEN, NOW, reason="twice") is over


def test_two_tries_have_different_channels_and_calls() -> None:
    first = new_request()
    one = advance(advance(first, RequestEvent.CLAIMED, NOW, by=CLAIMS[0]), RequestEvent.DIALLED, NOW, by=CLAIMS[0])
    back = advance(one, RequestEvent.MISSED, NOW, by=CLAIMS[0])
    two = advance(advance(back, RequestEvent.CLAIMED, NOW, by=CLAIMS[0]), RequestEvent.DIALLED, NOW, by=CLAIMS[0])
    assert len({channel_of(one), channel_of(two)}) == len({one.dialled_call_id, two.dialled_call_id}) == 2
    assert channel_of(replace(one, reason="x")) == channel_of(one)
    assert [server_of(channel_of(one, server)) for server in (1, 2, 8)] == [1, 2, 8]


class TwoControllers(RuleBasedStateMachine):
    """Controllers with views of the row from some time ago, and a database that moves only an unchanged row."""

    views: Bundle[tuple[Claim, CallbackRequest]] = Bundle("views")

    @initialize(kind=st.sampled_from([CallbackKind.WAITING, CallbackKind.CASE]))
    def begin(self, kind: CallbackKind) -> None:
        self.row = new_request(kind)
        self.dialled: list[str] = []

    @rule(target=views, claim=st.sampled_from(CLAIMS))
    def look(self, claim: Claim) -> tuple[Claim, CallbackRequest]:
        return claim, self.row

    @rule(target=views, view=consumes(views), event=st.sampled_from(list(RequestEvent)), late=st.booleans())
    def move(
        self, view: tuple[Claim, CallbackRequest], event: RequestEvent, late: bool
    ) -> tuple[Claim, CallbackRequest]:
        claim, seen = view
        moved = advance(
            seen, event, NOW, by=None if event in (RequestEvent.TAKEN, RequestEvent.CANCELLED) else claim, wait=WAIT
        )
        same = (seen.state, seen.tries, seen.claim) == (self.row.state, self.row.tries, self.row.claim)
        if moved is seen or not same or self.row.ended is not None:
            return view
        self.row = moved
        if event is RequestEvent.DIALLED:
            self.dialled.append(channel_of(moved))
        return claim, seen if late else moved  # late: it does not learn that the move succeeded

    @rule(claim=st.sampled_from(CLAIMS))
    def restart(self, claim: Claim) -> None:
        """A node's new controller takes over the requests of the former one."""
        if self.row.claim is not None and self.row.claim.node == claim.node:
            self.row = replace(self.row, claim=claim)

    @invariant()
    def nobody_is_dialled_twice(self) -> None:
        dialled = getattr(self, "dialled", [])
        assert len(dialled) == len(set(dialled)) <= MOST_TRIES


test_several_controllers_never_dial_one_try_twice = TwoControllers.TestCase
