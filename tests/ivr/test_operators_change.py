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

    async def changes(self, changed: Mapping[str, Callable[[str], str]]) -> None:
        """Change the entries of these operators, and restart the controller."""
        lines = self._before.splitlines(keepends=True)
        new = [changed.get(line.partition(",")[0], str)(line) for line in lines]
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


async def test_operators_removed_or_edited_while_talking_go_on_talking_and_the_new_list_applies_afterwards(
    line: Line, telephones: Telephones, listed: List
) -> None:
    """None of the three speaks another one's language."""
    removed, hangs_up, edited = "1018", "1033", "1026"
    callers = {removed: "+33655000011", hangs_up: "+33655000021", edited: "+33655000031"}
    phones = {operator: await line.phone(telephones, operator, answers=OPERATOR_HZ) for operator in callers}
    calls = {}
    for operator, key in ((removed, "2"), (hangs_up, "4"), (edited, "3")):
        calls[operator] = await line.asks_for_operator(telephones, callers[operator], key + "0")
        calls[operator].tone(CALLER_HZ)
        await calls[operator].hears_tone(OPERATOR_HZ, 12)
    await listed.changes(
        {
            removed: lambda _: "",
            hangs_up: lambda _: "",
            edited: lambda row: re.sub(r"(?:\b[a-z]{2}:[1-5] ?)+", "it:5", row, count=1),
        }
    )
    assert not {removed, hangs_up} & {row["id"] for row in line.control("GET", "/operators")}
    assert line.operator_state(edited) == "talking"
    # The removed operator goes on talking, and is offered no more callers.
    await calls[removed].hears_tone(OPERATOR_HZ)
    await phones[removed].calls[0].hears_tone(CALLER_HZ)
    french, spanish, italian = "+33655000012", "+33655000032", "+33655000033"
    waits = await line.waiting(telephones, french)
    await calls[removed].hangup()
    await phones[removed].calls[0].ended(5)
    # The caller of a removed operator who hangs up gets the survey.
    await phones[hangs_up].calls[0].hangup()
    await calls[hangs_up].hears(line.audio("it", "survey_question")[:8000], 12)
    await calls[hangs_up].hangup()
    # The operator whose languages changed is offered a caller who speaks the new one.
    unserved = await line.waiting(telephones, spanish, "3")
    served = await line.waiting(telephones, italian, "4")
    await calls[edited].hangup()
    await served.hears_tone(OPERATOR_HZ, 12)
    assert [row["caller"] for row in line.control("GET", "/queue")] == [french, spanish]
    other = await line.phone(telephones, line.speaks("fr"), answers=OPERATOR_HZ)
    await waits.hears_tone(OPERATOR_HZ, 12)
    assert [len(phone.calls) for phone in (*phones.values(), other)] == [1, 1, 2, 1]
    for call in (waits, served, unserved):
        await call.hangup()
    for operator, reason in ((removed, "caller"), (hangs_up, "operator"), (edited, "caller")):
        story = await line.story(callers[operator])
        assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", operator)
        assert [item["reason"] for item in story["pairings"]] == [reason]
    assert (await line.story(spanish))["call"]["outcome"] == "abandoned"
    await line.until(lambda: not line.left(), 5, "no channel and no bridge is left")


async def test_a_caller_whose_topic_nobody_serves_in_their_language_gets_an_operator_and_an_interpreter(
    line: Line, telephones: Telephones, listed: List
) -> None:
    """Routing's last resort: the operator with the caller's language does not serve the topic; one who does joins."""
    caller, colleague_hz = "+33655000041", 2350.0
    speaks = {operator.id: set(operator.languages) for operator in line.operators}
    interpreter = next(operator for operator, languages in speaks.items() if "fr" in languages and len(languages) > 1)
    expert = next(operator for operator, other in speaks.items() if "fr" not in other and other & speaks[interpreter])
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
