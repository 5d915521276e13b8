"""The demonstration call: one test telephone calls, another one is an operator's, and the screen shows the call.

It shows the stored events of the call, as `hatif call ID` does.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

from cli.calls.show import prompt_texts
from cli.calls.story import format_story
from cli.composition import Composition, ControlError
from cli.output import as_table, console
from db import read, read_cases
from ivr.call.node import OPERATOR
from ivr.flow import model
from ivr.flow.nodes.language import Language
from ivr.softphone.sound import has_tone
from ivr.softphone.telephone import CallEndedError, Telephones

CALLER = "+33612345678"
COUNTRY, LANGUAGE = "FR", "fr"
TOPIC_KEY, SURVEY_KEY = "2", "5"
CALLER_HZ, OPERATOR_HZ = 1130.0, 1870.0
"""Above 1,000 Hz, where speech and the waiting music have little energy."""

_UP_LIMIT_S = 30.0
_POLL_S = 0.1


async def demonstrate(parts: Composition) -> bool:
    """Make the call; return True if each side's telephone detected the other's tone."""
    await _until_up(parts)
    async with _force_open(parts):
        return await _call(parts)


async def _until_up(parts: Composition) -> None:
    deadline = asyncio.get_running_loop().time() + _UP_LIMIT_S
    while True:
        with contextlib.suppress(ControlError):
            status = await asyncio.to_thread(parts.ask_controller, "GET", "/status")
            if isinstance(status, dict) and status["ari"] and status["ami"]:
                return
        if asyncio.get_running_loop().time() > deadline:
            raise ControlError(f"The line was not up within {_UP_LIMIT_S:.0f} s; see the logs in {parts.settings.log}.")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _force_open(parts: Composition) -> AsyncIterator[None]:
    """Force the line open for the call outside opening hours, and print that."""
    hours = await asyncio.to_thread(parts.ask_controller, "GET", "/hours")
    if isinstance(hours, dict) and hours["open"]:
        yield
        return
    console.print("The line is closed at this hour; it is forced open for the demonstration.", style="yellow")
    body = {"force": "open", "why": "demonstration call"}
    await asyncio.to_thread(parts.ask_controller, "POST", "/hours", body)
    try:
        yield
    finally:
        await asyncio.to_thread(parts.ask_controller, "POST", "/hours", {"force": "auto"})


async def _call(parts: Composition) -> bool:
    number = next((entry for entry in parts.site.number if entry.country == COUNTRY), parts.site.number[0])
    operator = next(entry for entry in parts.operators if LANGUAGE in entry.languages)
    server = f"127.0.0.1:{5060 + parts.settings.offset}"
    console.print(
        f"A test telephone ({CALLER}, a French mobile) dials {number.number}. "
        f"Operator {operator.id} ({operator.name}) has the other one.",
        markup=False,
    )
    before = {row["id"] for row in await parts.read(read.calls, 1)}
    async with Telephones() as telephones:
        softphone = telephones.operator(operator.id, parts.credentials.operators[operator.id], server)
        await softphone.register()
        # The operator may still be paused after a demonstration that failed.
        ready = f"/operators/{operator.id}/state"
        await asyncio.to_thread(parts.ask_controller, "POST", ready, {"state": "ready"})
        softphone.will_answer(after_s=2.0, tone_hz=OPERATOR_HZ)
        watcher = asyncio.create_task(_watch(parts, before))
        try:
            call = await telephones.caller(CALLER).dial(f"sip:{number.number}@{server}")
            await call.established()
            call.tone(CALLER_HZ)
            await asyncio.sleep(4.0)  # who answers, and the French option
            await call.press(next(key for key, language in _keys(parts).items() if language == LANGUAGE))
            await asyncio.sleep(6.0)  # the name, and the main menu as far as "documents"
            await call.press(TOPIC_KEY)
            await asyncio.sleep(4.0)  # the topic's information, before the caller asks for an operator
            await call.press(OPERATOR)
            answered = await softphone.next_call(30)  # where conversations are recorded, the caller is asked first
            await answered.established()
            await call.hears_tone(OPERATOR_HZ, 10)  # once the operator has heard the announcement of the call
            await asyncio.sleep(3.0)
            heard_operator = has_tone(call.heard(call.clock - 1.0), OPERATOR_HZ)
            heard_caller = has_tone(answered.heard(answered.clock - 1.0), CALLER_HZ)
            await answered.hangup()
            await asyncio.sleep(6.0)  # most of the survey's question
            await call.press(SURVEY_KEY)
            await call.ended(20)
        except (TimeoutError, CallEndedError) as error:
            console.print(f"The demonstration call failed: {error}", style="red", markup=False)
            watcher.cancel()
            return False
        identity = await asyncio.wait_for(watcher, 20)
    await _show(parts, identity)
    for party, heard, hertz in (("caller", heard_operator, OPERATOR_HZ), ("operator", heard_caller, CALLER_HZ)):
        verb = "heard" if heard else "did NOT hear"
        console.print(f"The {party}'s telephone {verb} the other's {hertz:.0f} Hz.", style="green" if heard else "red")
    return heard_operator and heard_caller


def _keys(parts: Composition) -> dict[str, str]:
    """Return the language of each key of the language menu."""
    path = parts.settings.site / "flow.yaml"
    flow = model.parse(model.read(path), str(path), parts.site.languages)
    return next(dict(node.options) for node in flow.nodes.values() if isinstance(node, Language))


async def _watch(parts: Composition, before: set[UUID]) -> UUID:
    """Print the events of the new call as they are stored, until its end; return its id."""
    texts = prompt_texts(parts)
    shown: set[str] = set()
    identity: UUID | None = None
    while True:
        if identity is None:
            rows = await parts.read(read.calls, 1)
            identity = next((row["id"] for row in rows if row["id"] not in before), None)
        if identity is not None:
            story = await parts.read(read.call, identity)
            for sentence in format_story(story, texts):
                if sentence not in shown:
                    shown.add(sentence)
                    console.print(sentence, markup=False, soft_wrap=True)
            if any(event["kind"] == "ended" for event in story["events"]):
                return identity
        await asyncio.sleep(_POLL_S)


async def _show(parts: Composition, identity: UUID) -> None:
    """Print the call's row and its case."""
    call = (await parts.read(read.call, identity))["call"]
    as_table("The call in the database", ("column", "value"), call.items())
    for case in await parts.read(read_cases.cases):
        if case["reference"] == call["case"]:
            as_table("Its case", ("column", "value"), case.items())
