"""Calls whose SIP messages have bytes that are not UTF-8."""

import asyncio
from contextlib import ExitStack, suppress
from functools import partial
from urllib.error import HTTPError

import pytest
from asterisk_sip import Telephone
from line import FRENCH_NUMBER, Line

from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Telephones

CARRIER = "127.0.0.2"
BYTES = b"ab\xff\xfex".decode("utf-8", "surrogateescape")
HEADERS = {
    f'From: "{BYTES}" <sip:+33140000601@127.0.0.2>;tag=t\r\n': 200,
    f"From: <sip:+3314{BYTES}@127.0.0.2>;tag=t\r\n": None,  # PJSIP drops what it cannot parse
    f"From: <sip:+33140000602@127.0.0.2>;tag={BYTES}\r\n": None,
    f'P-Asserted-Identity: "{BYTES}" <sip:+33140000603@127.0.0.2>\r\n': 200,
    f'Remote-Party-ID: "{BYTES}" <sip:+33{BYTES}@127.0.0.2>;party=calling\r\n': 200,
    f'Diversion: "{BYTES}" <sip:+33{BYTES}@127.0.0.2>;reason={BYTES}\r\n': 200,
    f"User-Agent: {BYTES}\r\nPrivacy: {BYTES}\r\nX-Anything: {BYTES}\r\nP-Charge-Info: <sip:{BYTES}@x>\r\n": 200,
}
CALL_IDS = {
    f"{BYTES}@x": 400,
    f"x(\"'{{}}${{EXTEN}}$[1+]),{BYTES}": 400,
    "x(\"'{}${EXTEN}$[1+])<>": 200,
}


async def test_no_bytes_of_a_call_keep_it_from_its_answer_and_others_from_being_listed(line: Line) -> None:
    def invite(telephone: Telephone, headers: str, call_id: str) -> int | None:
        telephone.signalling.settimeout(0.5)
        try:
            return telephone.invite(FRENCH_NUMBER, headers, call_id=call_id).status
        except TimeoutError:
            return None

    def lists(count: int) -> bool:
        with suppress(HTTPError):
            return len(line.ari("GET", "/channels")) == count
        return False

    wanted = {
        **{(header, ""): status for header, status in HEADERS.items()},
        **{("", i): s for i, s in CALL_IDS.items()},
    }
    with ExitStack() as stack:
        answers = {}
        for headers, call_id in wanted:
            telephone = stack.enter_context(Telephone(CARRIER, 5060 + line.offset))
            answers[headers, call_id] = await asyncio.to_thread(invite, telephone, headers, call_id)
            up = list(answers.values()).count(200)
            # A refused call's channel is there for an instant after its answer, and while it is, none can be listed.
            await line.until(partial(lists, up), 2, f"{up} channels are listed after {(headers, call_id)}")
        assert answers == wanted
    assert line.status()["calls"] == {"menu": list(wanted.values()).count(200)}
    for channel in line.ari("GET", "/channels"):
        line.ari("DELETE", f"/channels/{channel['id']}")


async def test_a_channel_that_cannot_be_listed_keeps_nobody_else_from_a_controller_or_the_guard(
    line: Line, telephones: Telephones
) -> None:
    # A call of somebody else's dialplan, in an Asterisk that is not ours alone.
    line.console("dialplan add extension 999,1,Answer() into hatif-carrier")
    line.console("dialplan add extension 999,2,Wait(60) into hatif-carrier")
    await line.phone(telephones, line.speaks("fr"), answers=600)
    talking = await line.waiting(telephones, "+33140000611")
    await talking.hears_tone(600, 8)
    waiting = await line.waiting(telephones, "+33140000612")
    with Telephone(CARRIER, 5060 + line.offset) as other:
        answer = await asyncio.to_thread(other.invite, "999", call_id=BYTES)
        with pytest.raises(HTTPError, match="500"):
            line.ari("GET", "/channels")
        await line.restart()
        assert line.status()["calls"] == {"talking": 1, "waiting": 1}
        await talking.hears_tone(600, 2)
        await line.without_controller()
        await waiting.hears(line.audio("fr", "moment")[:RATE], 12)
        assert "A channel was taken from the controller" in (line.home / "log" / "guard.log").read_text()
        await line.controller_again()
        await talking.hears_tone(600, 2)
        other.hang_up(answer, "999")
    line.console("dialplan remove extension 999@hatif-carrier")
    await asyncio.gather(waiting.hangup(), talking.hangup())
