"""An operator whose telephone has a call of its own gets no offers; a caller who may have gone is not offered."""

from watched_floor import a_floor, ready, wait

from ivr.model.floor_protocol import AskPosition, CallerSilence, ColleagueCall, Invite, OnOtherCall
from routing.states import OperatorState


async def test_an_operator_whose_telephone_has_a_call_of_its_own_gets_no_offers_until_it_ends() -> None:
    async with a_floor(ready()) as line:
        busy = OnOtherCall("1001", True)
        await line.send(busy, wait("call", 50), ColleagueCall("1001", "help"), Invite("other", "1001", "consulted"))
        assert (line.offers, line.state(), line.waiting) == ([], (OperatorState.READY, ""), ["call"])
        await line.send(OnOtherCall("1001", False))
        assert line.offered == [("call", "1001")]


async def test_a_silent_caller_is_not_offered_until_they_answer_and_keeps_their_place() -> None:
    async with a_floor(ready(), ready("1002")) as line:
        await line.send(
            CallerSilence("muted", True), wait("muted", 50), AskPosition("muted")
        )  # also for a caller who was silent before
        assert (line.offers, line.waiting, line.positions) == ([], ["muted"], [])
        await line.send(wait("other", 5))
        assert [call for call, _ in line.offered] == ["other"]
        await line.send(CallerSilence("muted", False))
        assert [call for call, _ in line.offered] == ["other", "muted"]
