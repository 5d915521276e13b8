"""What else a carrier may offer beside a call's sound: it is declined, and the caller hears the line."""

import asyncio
import re

from asterisk_sip import Answer, Telephone
from line import FRENCH_NUMBER, Line

FAX = "m=image 49170 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
VIDEO = "m=video 49172 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
SECOND_SOUND = "m=audio 49174 RTP/AVP 0\r\n"
TEXT = "m=text 49176 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
MESSAGES = "m=message 49178 TCP/MSRP *\r\na=accept-types:text/plain\r\n"

OFFERS = {
    "fax after the sound": ("", FAX),
    "fax before the sound": (FAX, ""),
    "video": ("", VIDEO),
    "a second sound": ("", SECOND_SOUND),
    "text and messages": (TEXT, MESSAGES),
    "everything": (FAX, VIDEO + TEXT),
}


def media_of(answer: Answer) -> list[tuple[str, bool]]:
    """Return the media of an answer in their order, each with whether it is accepted."""
    return [(kind, port != "0") for kind, port in re.findall(r"(?m)^m=(\w+) (\d+)", answer.text)]


def call(line: Line, before: str, beside: str) -> tuple[Answer, int]:
    """Return the answer to an offer, and how many bytes of sound were heard in half a second."""
    with Telephone("127.0.0.2", 5060 + line.offset, "anonymous") as carrier:
        answer = carrier.invite(FRENCH_NUMBER, before=before, beside=beside)
        heard = len(carrier.hear(0.5)) if answer.status == 200 else 0
        assert carrier.hang_up(answer, FRENCH_NUMBER).status == 200
    return answer, heard


async def test_whatever_is_offered_beside_the_sound_is_declined_and_the_caller_hears_the_line(line: Line) -> None:
    calls = [asyncio.to_thread(call, line, before, beside) for before, beside in OFFERS.values()]
    for (name, (before, beside)), (answer, heard) in zip(OFFERS.items(), await asyncio.gather(*calls), strict=True):
        kinds = [re.findall(r"(?m)^m=(\w+)", part) for part in (before, beside)]
        expected = [*((kind, False) for kind in kinds[0]), ("audio", True), *((kind, False) for kind in kinds[1])]
        assert (answer.status, media_of(answer)) == (200, expected), name
        assert heard >= 1600, (name, heard)
