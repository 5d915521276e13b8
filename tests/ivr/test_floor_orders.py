"""Whatever reaches the floor, late, twice or out of order: nobody is in two calls, and nothing stays behind."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from watched_floor import RING_S, SHORT_S, Watched, a_floor, accepted, ended, ready, refused, wait

from ivr.model.floor_protocol import Change, ColleagueCall, Invite, Leave, Offer, OperatorEvent, ToFloor
from routing.states import OfferState, OperatorState, Trigger

OPERATORS, CALLS = ("1001", "1002", "1003"), ("first", "second", "third")
BUSY = (OperatorState.OFFERED, OperatorState.TALKING)
OVER = (OfferState.REFUSED, OfferState.NO_ANSWER, OfferState.UNREACHABLE, OfferState.WITHDRAWN)
BY_HAND = (Trigger.PAUSE, Trigger.RESUME, Trigger.LOG_OUT, Trigger.WRAP_UP_OVER, Trigger.WRAP_UP_MORE)
TELEPHONE = (Trigger.PHONE_PRESENT, Trigger.PHONE_ABSENT)


@dataclass
class World:
    """A floor, and the messages that it has had so far."""

    line: Watched
    sent: list[ToFloor] = field(default_factory=list)

    async def send(self, message: ToFloor) -> None:
        self.sent.append(message)
        await self.line.send(message)
        self.look()

    def look(self) -> None:
        """Check what must hold at any time."""
        for operator in self.line.floor.operators.values():
            assert (operator.offer is not None) == (operator.state in BUSY), operator
            assert (operator.until is not None) == (operator.state is OperatorState.WRAPPING_UP), operator
            assert operator.state is not OperatorState.READY or operator.present, operator
        held = [operator.offer for operator in self.line.floor.operators.values() if operator.offer is not None]
        assert len(held) == len(set(held)), "two operators have one offer"
        calls = [offer.call for offer in self.line.offers if offer.id in held and offer.role == "operator"]
        assert len(calls) == len(set(calls)), "two operators have one call"
        for call in self.line.waiting:
            assert call not in calls, "a call waits that is offered or connected"


def steps() -> st.SearchStrategy[list[tuple[str, int, int]]]:
    kinds = ("wait", "leave", "accepted", "refused", "ended", "hand", "telephone", "claim", "invite", "again", "again")
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 50), st.integers(0, 50)), max_size=40)


def message(world: World, kind: str, which: int, how: int) -> ToFloor | None:
    """Return the message of a step; None if there is nothing yet that it could be about."""
    offers = world.line.offers
    operator, call = OPERATORS[which % len(OPERATORS)], CALLS[which % len(CALLS)]
    about: dict[str, Callable[[Offer], ToFloor]] = {
        "accepted": accepted,
        "refused": lambda offer: refused(offer, OVER[how % len(OVER)]),
        "ended": ended,
    }
    match kind:
        case "wait":
            return wait(call, float(how))
        case "leave":
            return Leave(call)
        case "hand":
            return OperatorEvent(operator, BY_HAND[how % len(BY_HAND)])
        case "telephone":
            return OperatorEvent(operator, TELEPHONE[how % len(TELEPHONE)])
        case "claim":
            return ColleagueCall(operator, f"help-{which}-{operator}", talking=how % 2 == 0)
        case "invite":
            return Invite(call, operator, "interpreter")
        case "again":
            return world.sent[which % len(world.sent)] if world.sent else None
        case _:
            return about[kind](offers[which % len(offers)]) if offers else None


async def _quiet(world: World) -> None:
    """End all calls, offers and pauses, as each call does in the end."""
    for call in CALLS:
        await world.send(Leave(call))
    for operator in world.line.floor.operators.values():
        if operator.offer is not None:
            other = Offer(operator.offer, 0, "", operator.id, RING_S, None)
            await world.send(refused(other, OfferState.WITHDRAWN))
            await world.send(ended(other))
    for identity in OPERATORS:
        await world.send(OperatorEvent(identity, Trigger.PHONE_PRESENT))
        await world.send(OperatorEvent(identity, Trigger.RESUME))


async def _orders(happened: list[tuple[str, int, int]]) -> None:
    async with a_floor(*map(ready, OPERATORS), wrap_up_s=SHORT_S) as line:
        world = World(line)
        for kind, which, how in happened:
            if (next_message := message(world, kind, which, how)) is not None:
                await world.send(next_message)
        await _quiet(world)
        states = [operator.state for operator in line.floor.operators.values()]
        assert states == [OperatorState.READY] * len(OPERATORS), "a state that nothing ends"
        # Nothing of this prevents the next callers from being served.
        before = len(line.offers)
        await line.send(*(wait(f"new {number}", 1) for number in range(len(OPERATORS))))
        assert sorted(offer.operator for offer in line.offers[before:]) == list(OPERATORS)
        world.look()


@patient
@given(steps())
def test_in_any_order_of_messages_nobody_is_in_two_calls_and_nothing_is_left(
    happened: list[tuple[str, int, int]],
) -> None:
    asyncio.run(_orders(happened))


async def test_a_change_that_nobody_waits_for_any_more_is_not_made() -> None:
    async with a_floor(ready()) as line:
        await line.send(Change("1", ColleagueCall("1001", "help-1901-1"), until=time.time() - 0.1))
        assert line.state() == (OperatorState.READY, "")
        assert (await line.client.change(ColleagueCall("1001", "help-1901-2"))).offer == "help-1901-2"
