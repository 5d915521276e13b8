"""A number that answers when the call needs it, on a real line: prompts before the answer are early media."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from asterisk_sip import Telephone
from line import FRENCH_NUMBER, Line

CARRIER = "127.0.0.2"


async def reloaded(line: Line) -> None:
    answer = await asyncio.to_thread(line.run, "reload")
    assert answer.returncode == 0, answer


@pytest.fixture
async def early(line: Line) -> AsyncIterator[None]:
    """The French number answers when that is needed, and afterwards as before."""
    path = line.site / "site.toml"
    before, entry = path.read_text(), f'number = "{FRENCH_NUMBER}"\n'
    assert before.count(entry) == 1
    path.write_text(before.replace(entry, f'{entry}answer = "when_needed"\n'))
    await reloaded(line)
    yield
    path.write_text(before)
    await reloaded(line)


@pytest.mark.usefixtures("early")
async def test_the_line_answers_at_the_first_question_and_not_at_all_if_there_is_none(line: Line) -> None:
    with Telephone(CARRIER, 5060 + line.offset, "+33612345671") as caller:
        answer = await asyncio.to_thread(caller.invite, FRENCH_NUMBER)
        assert (answer.status, caller.before[-1].status) == (200, 183), [early.status for early in caller.before]
        assert "m=audio" in caller.before[-1].text
        assert caller.hear(0.5)
        assert caller.hang_up(answer, FRENCH_NUMBER).status == 200
    story = await line.story("+33612345671")
    assert story["call"]["line_answered"] is not None

    flow = line.site / "flow.yaml"
    flow.write_text(flow.read_text().replace("start: language\n", "start: goodbye\n"))
    assert line.run("flow", "reload").returncode == 0
    with Telephone(CARRIER, 5060 + line.offset, "+33612345672") as caller:
        caller.signalling.settimeout(10)
        answer = await asyncio.to_thread(caller.invite, FRENCH_NUMBER)
        assert (answer.status, caller.before[-1].status) == (480, 183), answer
        assert caller.hear(0.2)
    assert (await line.story("+33612345672"))["call"]["line_answered"] is None
