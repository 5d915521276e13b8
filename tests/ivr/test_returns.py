"""A caller who was cut off and calls again soon keeps their place in the queue; nobody else takes it."""

from collections.abc import Callable
from typing import Any

from line import Line

from ivr.softphone.telephone import Call, Telephones

TONE_HZ = 1870.0


def queue(line: Line) -> list[str]:
    """Return the waiting callers, the next one first."""
    return [row["caller"] for row in line.control("GET", "/queue")]


def since(line: Line, caller: str) -> float:
    found: float = next(row["since"] for row in line.control("GET", "/queue") if row["caller"] == caller)
    return found


def returned(story: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["data"] for event in story["events"] if event["kind"] == "returned"]


async def known(line: Line, caller: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the story of the number's last call, once the condition holds."""
    return await line.story(caller, ended=False, told=true)


async def over(line: Line, caller: str) -> dict[str, Any]:
    """Return the story of the number's last call, once it has ended."""
    return await known(line, caller, lambda story: story["call"]["ended"] is not None)


async def gave_up(line: Line, telephones: Telephones, caller: str, language_key: str = "2") -> float:
    """Wait as a caller and hang up; return since when they waited."""
    call = await line.waiting(telephones, caller, language_key)
    waited_since = since(line, caller)
    await call.hangup()
    await over(line, caller)
    return waited_since


async def again(line: Line, telephones: Telephones, caller: str, keys: str) -> Call:
    """Call again and wait. A remembered caller is asked for the language in other words; the keys are the same."""
    call = await line.asks_for_operator(telephones, caller, keys)
    await line.until(lambda: caller in queue(line), 8, f"{caller} waits again")
    return call


async def test_a_caller_who_hung_up_while_waiting_with_or_without_a_controller_is_before_those_who_came_meanwhile(
    line: Line, telephones: Telephones
) -> None:
    first, alone, second = "+33651000011", "+33651000061", "+33651000012"
    place = await gave_up(line, telephones, first)
    left = await line.waiting(telephones, alone)
    place_alone = since(line, alone)
    await line.without_controller()
    await left.hears(line.audio("fr", "moment"), 15)
    await left.hangup()
    await line.controller_again()
    former = await over(line, alone)
    assert (former["call"]["outcome"], former["call"]["operator"]) == ("fallback", None)
    await line.waiting(telephones, second)
    call = await again(line, telephones, first, "20")
    await again(line, telephones, alone, "20")
    places = {first: place, alone: place_alone}
    assert queue(line) == [first, alone, second]
    assert {caller: since(line, caller) for caller in places} == places
    for caller in places:  # records that are not on the disk are lost with the controller
        await known(line, caller, lambda story: bool(returned(story)))
    await line.restart()
    await line.until(lambda: queue(line) == [first, alone, second], 5, "the order is the same after a restart")
    assert {caller: since(line, caller) for caller in places} == places
    await line.phone(telephones, line.speaks("fr"), answers=TONE_HZ)
    await call.hears_tone(TONE_HZ)
    assert queue(line) == [alone, second]
    await call.hangup()
    story = await over(line, first)
    (event,) = returned(story)
    assert event["since"] == place
    assert story["call"]["wait_s"] < 60  # the waiting time is that of this call
    output = line.run("call", str(story["call"]["id"])).stdout
    assert f"gets back the position of call {event['call']}" in output


async def test_a_caller_who_lost_their_operator_keeps_their_place_and_one_who_was_served_does_not(
    line: Line, telephones: Telephones
) -> None:
    caller, second = "+33651000041", "+33651000042"
    phone = await line.phone(telephones, line.speaks("fr"), answers=TONE_HZ)
    call = await line.asks_for_operator(telephones, caller)
    await call.hears_tone(TONE_HZ)
    # The leg ends as if the operator's telephone had vanished (Q.850 27: destination out of order).
    (leg,) = (channel["id"] for channel in line.ari("GET", "/channels") if phone.user in channel["name"])
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused"})  # for after this conversation
    line.ari("DELETE", f"/channels/{leg}", reason_code="27")
    await line.until(lambda: caller in queue(line), 8, "the caller waits again")
    place = since(line, caller)
    (waits,) = line.control("GET", "/queue")
    left = (await known(line, caller, lambda story: story["pairings"][0]["ended"]))["pairings"][0]["ended"].timestamp()
    assert place < left - 0.5 and abs(waits["waits_since"] - left) < 2  # people see the wait since the conversation
    await line.restart()
    await line.until(lambda: queue(line) == [caller], 8, "the caller waits on")
    assert line.control("GET", "/queue")[0]["waits_since"] == waits["waits_since"]
    await call.hangup()
    assert [pairing["reason"] for pairing in (await over(line, caller))["pairings"]] == ["lost"]
    await line.waiting(telephones, second)
    call = await again(line, telephones, caller, "20")
    assert (queue(line), since(line, caller)) == ([caller, second], place)
    line.control("POST", f"/operators/{phone.user}/state", {"state": "ready"})
    await call.hears_tone(TONE_HZ)
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused"})
    await call.hangup()
    await over(line, caller)
    await again(line, telephones, caller, "20")
    assert queue(line) == [second, caller]
