"""The states of a wish under late, repeated and reordered events, and with several controllers at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from db.callback_requests import CallbackRequest, Claim
from db.enums import CallbackKind, CallbackState
from db.ids import uuid7
from ivr.callbacks.request_states import AT_WORK, FINAL, RequestEvent, advance, call_of, channel_of, end_orphaned
from ivr.site.callback_rules import MOST_TRIES

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WAIT = timedelta(minutes=30)
CLAIMS = (Claim("node1", UUID(int=1)), Claim("node1", UUID(int=2)), Claim("node2", UUID(int=3)))


def wish(kind: CallbackKind = CallbackKind.WAITING) -> CallbackRequest:
    return CallbackRequest(
        uuid7(), "node1", kind.value, "wished", "+33612345678", NOW, waiting_since=NOW - WAIT, due=NOW
    )


events = st.tuples(st.sampled_from(list(RequestEvent)), st.none() | st.sampled_from(CLAIMS))


@given(st.sampled_from(list(CallbackKind)), st.lists(events, max_size=30))
def test_no_order_of_events_breaks_the_invariants(
    kind: CallbackKind, happened: list[tuple[RequestEvent, Claim | None]]
) -> None:
    at = wish(kind)
    dialled = 0
    for minute, (what, by) in enumerate(happened):
        before, now = at, NOW + timedelta(minutes=minute)
        at = advance(before, what, now, by=by, wait=WAIT)
        assert (at.waiting_since, at.number, at.wished) == (before.waiting_since, before.number, before.wished)
        if at is before:
            continue
        # Since when it has been due is not forgotten, however often it is put off.
        assert before.first_due is None or at.first_due == before.first_due
        assert at.due == before.due or at.first_due == (before.first_due or before.due or before.tried)
        assert before.state not in FINAL  # nothing leaves an end
        dialled += what is RequestEvent.DIALLED
        assert at.tries == dialled <= MOST_TRIES
        assert (at.ended is not None) is (at.state in FINAL)
        assert (at.claim is not None) is (at.state in AT_WORK)
        # Only who is at it has moved it; a person only what nobody is at.
        assert before.claim in (None, by)
        assert what is not RequestEvent.EXPIRED or (before.state, at.state) == ("wished", "failed")
        if what is RequestEvent.MISSED:
            again = before.tries < MOST_TRIES
            assert at.state == (CallbackState.WISHED if again else CallbackState.FAILED)
            assert not again or at.due == before.tried + WAIT  # type: ignore[operator]
        assert advance(at, what, now, by=by, wait=WAIT) is at  # said twice, it counts once


@given(st.sampled_from([kind for kind in CallbackKind if kind is not CallbackKind.CASE]))
def test_a_request_is_done_after_its_usual_events_and_failed_after_two_misses(kind: CallbackKind) -> None:
    mine = CLAIMS[0]
    first = wish(kind)
    at = first
    for what in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.REACHED, RequestEvent.FINISHED):
        at = advance(at, what, NOW, by=mine)
    assert (at.state, at.tries, at.dialled_call_id) == ("done", 1, call_of(first))
    at = first
    for _ in range(MOST_TRIES):
        for what in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.MISSED):
            at = advance(at, what, NOW, by=mine, reason="busy")
    assert (at.state, at.tries, at.reason) == ("failed", 2, "busy")


def test_a_person_can_end_the_request_of_a_lost_node_which_then_cannot_move_it_any_more() -> None:
    theirs = CLAIMS[2]
    at = wish()
    for what in (RequestEvent.CLAIMED, RequestEvent.DIALLED, RequestEvent.REACHED):
        at = advance(at, what, NOW, by=theirs)
        assert advance(at, RequestEvent.CANCELLED, NOW) is at  # not without saying that it is gone
        over = end_orphaned(at, RequestEvent.CANCELLED, NOW, reason="the node is gone")
        assert (over.state, over.claim, over.tries, over.reason) == ("cancelled", None, at.tries, "the node is gone")
        assert all(advance(over, what, NOW, by=theirs) is over for what in RequestEvent)
    taken = end_orphaned(at, RequestEvent.TAKEN, NOW, operator="1002", reason="taken over by 1002")
    assert (taken.state, taken.operator_id, taken.ended) == ("done", "1002", NOW)
    assert end_orphaned(over, RequestEvent.TAKEN, NOW, reason="twice") is over


def test_two_tries_have_different_channels_and_calls() -> None:
    first = wish()
    one = advance(advance(first, RequestEvent.CLAIMED, NOW, by=CLAIMS[0]), RequestEvent.DIALLED, NOW, by=CLAIMS[0])
    back = advance(one, RequestEvent.MISSED, NOW, by=CLAIMS[0])
    two = advance(advance(back, RequestEvent.CLAIMED, NOW, by=CLAIMS[0]), RequestEvent.DIALLED, NOW, by=CLAIMS[0])
    assert len({channel_of(one), channel_of(two)}) == len({one.dialled_call_id, two.dialled_call_id}) == 2
    assert channel_of(replace(one, reason="x")) == channel_of(one)


class TwoControllers(RuleBasedStateMachine):
    """Controllers that know the row as it was some time ago, and a database that moves it only if it is still so."""

    views: Bundle[tuple[Claim, CallbackRequest]] = Bundle("views")

    @initialize(kind=st.sampled_from([CallbackKind.WAITING, CallbackKind.CASE]))
    def begin(self, kind: CallbackKind) -> None:
        self.row = wish(kind)
        self.dialled: list[str] = []

    @rule(target=views, claim=st.sampled_from(CLAIMS))
    def look(self, claim: Claim) -> tuple[Claim, CallbackRequest]:
        return claim, self.row

    @rule(target=views, view=consumes(views), what=st.sampled_from(list(RequestEvent)), late=st.booleans())
    def move(
        self, view: tuple[Claim, CallbackRequest], what: RequestEvent, late: bool
    ) -> tuple[Claim, CallbackRequest]:
        claim, seen = view
        moved = advance(
            seen, what, NOW, by=None if what in (RequestEvent.TAKEN, RequestEvent.CANCELLED) else claim, wait=WAIT
        )
        same = (seen.state, seen.tries, seen.claim) == (self.row.state, self.row.tries, self.row.claim)
        if moved is seen or not same or self.row.ended is not None:
            return view
        self.row = moved
        if what is RequestEvent.DIALLED:
            self.dialled.append(channel_of(moved))
        return claim, seen if late else moved  # late: it does not learn that it was done

    @rule(claim=st.sampled_from(CLAIMS))
    def restart(self, claim: Claim) -> None:
        """A node's new controller takes over what the former one was at."""
        if self.row.claim is not None and self.row.claim.node == claim.node:
            self.row = replace(self.row, claim=claim)

    @invariant()
    def nobody_is_dialled_twice(self) -> None:
        dialled = getattr(self, "dialled", [])
        assert len(dialled) == len(set(dialled)) <= MOST_TRIES


test_several_controllers_never_dial_one_try_twice = TwoControllers.TestCase
