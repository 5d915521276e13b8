"""A caller whose language nobody speaks is offered another one, spoken in that language; they take it or wait on."""

from typing import Any

from left import KEYS, begins
from line import Line

from ivr.softphone.sound import find
from ivr.softphone.telephone import Telephones

TONE_HZ = 1870.0


def speaks_only(line: Line, language: str, excluded: tuple[str, ...]) -> str:
    """Return an operator who speaks `language`, and none of `excluded`."""
    return next(
        operator.id
        for operator in line.operators
        if language in operator.languages and not set(excluded) & operator.languages.keys()
    )


def waiting(line: Line) -> list[tuple[str, str, float]]:
    return [(row["caller"], row["language"], row["since"]) for row in line.control("GET", "/queue")]


def offered(story: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["data"] for event in story["events"] if event["kind"] == "other_language"]


async def test_an_operator_who_becomes_ready_meanwhile_is_rung_at_once(line: Line, telephones: Telephones) -> None:
    await line.phone(telephones, speaks_only(line, "en", ("nl", "de")))
    call = await line.asks_for_operator(telephones, "+33652000031", KEYS["nl"] + "0")
    await begins(call, line.audio("nl", "language_nobody"))
    dutch = await line.phone(telephones, line.speaks("nl"), answers=TONE_HZ)
    assert await dutch.next_call()
    await call.hears_tone(TONE_HZ)
    assert not find(call.heard(), line.audio("en", "key_1")).same


async def test_after_a_restart_the_language_is_offered_again_and_taken(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, speaks_only(line, "en", ("nl", "de")), answers=TONE_HZ)
    call = await line.asks_for_operator(telephones, "+33652000051", KEYS["nl"] + "0")
    await begins(call, line.audio("nl", "language_nobody"))
    since = call.clock
    await line.restart()
    nobody = await begins(call, line.audio("nl", "language_nobody"), since)
    option = await begins(call, line.audio("en", "language_option"), nobody.offset_s)
    await begins(call, line.audio("en", "key_1"), option.offset_s)
    ((_, language, began),) = waiting(line)
    assert (language, phone.calls) == ("nl", [])
    await call.press("1")
    await call.hears_tone(TONE_HZ)
    assert len(phone.calls) == 1
    await call.hangup()
    story = await line.story("+33652000051")
    data = offered(story)[-1]
    assert data["nobody"] is True and data["languages"][0] == "en"
    assert story["call"]["language"] == "en"
    chosen = [event["data"] for event in story["events"] if event["kind"] == "language"]
    assert chosen[-1] == {"language": "en", "instead_of": "nl"}
    (decision,) = (decision for decision in story["decisions"] if decision["kind"] == "offer")
    assert decision["data"]["waited_s"] > 1  # with the waiting time so far
    assert began < story["call"]["connected"].timestamp() - 1
    output = line.run("call", str(story["call"]["id"])).stdout
    assert "waits: nobody on duty speaks nl" in output
    assert "chooses en instead of nl" in output
