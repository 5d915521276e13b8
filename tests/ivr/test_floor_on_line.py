"""An operator whose telephone has a call of its own is offered nobody."""

from test_floor import a_floor, ready, wait

from ivr.messages import Claim, Invite, OnLine
from routing.states import OperatorState


async def test_an_operator_whose_telephone_has_a_call_of_its_own_is_offered_nobody_until_it_ends() -> None:
    async with a_floor(ready()) as line:
        busy = OnLine("1001", True)
        await line.hears(busy, wait("call", 50), Claim("1001", "help"), Invite("other", "1001", "consulted"))
        assert (line.offers, line.state(), line.waiting) == ([], (OperatorState.READY, ""), ["call"])
        await line.hears(OnLine("1001", False))
        assert line.offered == [("call", "1001")]
