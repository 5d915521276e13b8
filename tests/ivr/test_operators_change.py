"""Operators who are removed from the list, or changed in it, while they talk: no caller is left behind.

The list is read when the controller starts, so that is when a change comes.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from line import Line
from offers import pairings
from talking import never_silent

from ivr.softphone.telephone import Telephones

CALLER_HZ, OPERATOR_HZ = 1130.0, 1870.0


class List:
    """The list of operators of a line, of which one entry can be changed or removed."""

    def __init__(self, line: Line) -> None:
        self._line, self._path = line, line.site / "operators.csv"
        self._before = self._path.read_text()

    async def change(self, operator: str, changed: Callable[[str], str]) -> None:
        await self.changes({operator: changed})

    async def changes(self, changed: Mapping[str, Callable[[str], str]]) -> None:
        """The entries, by operator."""
        lines = self._before.splitlines(keepends=True)
        new = [changed.get(each.partition(",")[0], str)(each) for each in lines]
        assert sum(one != other for one, other in zip(lines, new, strict=True)) == len(changed)
        self._path.write_text("".join(new))
        await self._line.restart()

    async def put_back(self) -> None:
        if self._path.read_text() != self._before:
            self._path.write_text(self._before)
            await self._line.restart()


@pytest.fixture
async def listed(line: Line, telephones: Telephones) -> AsyncIterator[List]:
    found = List(line)
    yield found
    await found.put_back()


async def test_an_operator_removed_while_talking_goes_on_talking_and_is_offered_no_more_callers(
    line: Line, telephones: Telephones, listed: List
) -> None:
    caller, second = "+33655000011", "+33655000012"
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, caller)
    call.tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ, 12)
    (answered,) = phone.calls
    await listed.change(phone.user, lambda _: "")
    assert phone.user not in [row["id"] for row in line.control("GET", "/operators")]
    await call.hears_tone(OPERATOR_HZ)
    await answered.hears_tone(CALLER_HZ)
    waits = await line.waiting(telephones, second)
    await call.hangup()
    await answered.ended(5)
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", phone.user)
    assert [each["reason"] for each in story["pairings"]] == ["caller"]
    assert [row["caller"] for row in line.control("GET", "/queue")] == [second]
    other = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    await waits.hears_tone(OPERATOR_HZ, 12)
    assert (len(phone.calls), len(other.calls)) == (1, 1)
    await waits.hangup()
    await line.until(lambda: not line.ari("GET", "/bridges"), 5, "no bridge is left")


async def test_the_caller_of_a_removed_operator_who_hangs_up_gets_the_survey(
    line: Line, telephones: Telephones, listed: List
) -> None:
    caller = "+33655000021"
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, caller)
    await call.hears_tone(OPERATOR_HZ, 12)
    await listed.change(phone.user, lambda _: "")
    await phone.calls[0].hangup()
    await call.hears(line.audio("fr", "survey_question"), 12)
    await call.hangup()
    story = await line.story(caller)
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", phone.user)
    await line.until(lambda: not line.left(), 5, "no channel and no bridge is left")


async def test_an_operator_whose_languages_change_while_talking_is_offered_callers_in_the_new_ones_afterwards(
    line: Line, telephones: Telephones, listed: List
) -> None:
    caller, french, english = "+33655000031", "+33655000032", "+33655000033"
    phone = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    call = await line.asks_for_operator(telephones, caller)
    await call.hears_tone(OPERATOR_HZ, 12)
    await listed.change(phone.user, lambda row: re.sub(r"(?:\b[a-z]{2}:[1-5] ?)+", "en:5", row, count=1))
    assert line.operator_state(phone.user) == "talking"
    waits = await line.waiting(telephones, french)
    served = await line.waiting(telephones, english, "7")
    await call.hangup()
    await served.hears_tone(OPERATOR_HZ, 12)
    assert [row["caller"] for row in line.control("GET", "/queue")] == [french]
    assert len(phone.calls) == 2
    await served.hangup()
    await line.until_state(phone.user, "ready")
    await waits.hangup()
    assert [(await line.story(each))["call"]["outcome"] for each in (caller, french, english)] == [
        "answered",
        "abandoned",
        "answered",
    ]


async def test_a_caller_whose_topic_nobody_serves_in_their_language_gets_an_operator_and_an_interpreter(
    line: Line, telephones: Telephones, listed: List
) -> None:
    """Routing's last resort: the operator with the caller's language does not serve the topic; one who does joins."""
    caller, colleague_hz = "+33655000041", 2350.0
    speaks = {each.id: set(each.languages) for each in line.operators}
    interpreter = next(each for each, languages in speaks.items() if "fr" in languages and len(languages) > 1)
    expert = next(each for each, other in speaks.items() if "fr" not in other and other & speaks[interpreter])
    await listed.changes(
        {
            interpreter: lambda row: row.replace(",,", ",travel,"),
            expert: lambda row: row.replace(",,", ",documents,"),
        }
    )
    phone = await line.phone(telephones, interpreter, answers=OPERATOR_HZ)
    other = await line.phone(telephones, expert)
    call = await line.asks_for_operator(telephones, caller, "220")
    call.tone(CALLER_HZ)
    await call.hears_tone(OPERATOR_HZ, 12)
    began = call.clock
    joins = await other.next_call(5)
    await line.restart()
    joins.tone(colleague_hz)
    await joins.answer()
    await phone.calls[0].hears_tone(colleague_hz, share=0.3)
    await joins.hears_tone(CALLER_HZ, share=0.3)
    await joins.hears_tone(OPERATOR_HZ, share=0.3)
    never_silent(call, began)
    assert (len(phone.calls), len(other.calls)) == (1, 1)
    await call.hangup()
    await joins.ended(5)
    story = await line.story(caller)
    assert pairings(story) == [
        (interpreter, "operator", "caller"),
        (expert, "interpreter", "caller"),
    ]
    (invited,) = (event["data"] for event in story["events"] if event["kind"] == "invited")
    assert (invited["way"], invited["target"]) == ("routing", "documents")
