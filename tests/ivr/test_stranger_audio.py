"""What a stranger who sends packets to a call's port can and cannot do, as docs/carriers.md says."""

import asyncio
import socket
import struct

from asterisk_sip import Answer, Telephone
from line import FRENCH_NUMBER, Line

STRANGER = "127.0.0.99"
KEY = "3"  # Spanish, at the menu of languages


def bound(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    return made


class Sender:
    """Audio and keys from a socket to a port."""

    def __init__(self, from_: socket.socket, to: int) -> None:
        self.socket, self._to = from_, ("127.0.0.1", to)
        self._sequence = self._time = 0

    def _send(self, kind: int, payload: bytes, at: int) -> None:
        self._sequence += 1
        head = struct.pack("!BBHII", 0x80, kind, self._sequence & 0xFFFF, at, 0x5EA1)
        self.socket.sendto(head + payload, self._to)

    async def silence(self, packets: int) -> None:
        """Send packets of 20 ms each, in real time."""
        for _ in range(packets):
            self._send(8, b"\xd5" * 160, self._time)
            self._time += 160
            await asyncio.sleep(0.02)

    async def key(self, key: str) -> None:
        """Send a key as RFC 4733 says, with its end three times."""
        for number, end in enumerate((0, 0, 0, 0x80, 0x80, 0x80)):
            duration = 160 * min(number + 1, 4)
            self._send(101 | (0x80 if not number else 0), struct.pack("!BBH", int(key), end | 10, duration), self._time)
            await asyncio.sleep(0.02)
        self._time += 800

    def heard(self) -> int:
        """Return how many packets have arrived."""
        self.socket.setblocking(False)
        count = 0
        while True:
            try:
                self.socket.recv(2000)
            except BlockingIOError:
                return count
            count += 1


def port(answer: Answer) -> int:
    """Return where Asterisk receives the call's audio."""
    return int(answer.text.partition("m=audio ")[2].split()[0])


async def keys(line: Line, caller: str) -> list[str]:
    """Return the keys that were obeyed in a caller's call."""
    story = await line.story(caller)
    return [event["data"]["key"] for event in story["events"] if event["kind"] == "key"]


async def intruded(line: Line, caller: str, *, heard_before: bool) -> tuple[int, int, list[str]]:
    """A stranger sends audio and a key into a call; `heard_before`: its caller has sent audio, and goes on.

    How many packets the stranger got, how many the caller, and the keys that were obeyed.
    """
    with Telephone("127.0.0.2", 5060 + line.offset, caller) as carrier:
        answer = carrier.invite(FRENCH_NUMBER)
        assert answer.status == 200
        own, stranger = Sender(carrier.audio, port(answer)), Sender(bound(STRANGER), port(answer))
        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(own.silence(1000)) if heard_before else None
            await asyncio.sleep(0.1)
            await stranger.silence(15)
            await stranger.key(KEY)
            await stranger.silence(15)
            if speaking is not None:
                speaking.cancel()
        got = stranger.heard(), own.heard()
        assert carrier.hang_up(answer, FRENCH_NUMBER).status == 200
        stranger.socket.close()
    return *got, await keys(line, caller)


async def test_a_stranger_hears_nothing_of_a_call_and_once_the_caller_was_heard_presses_nothing_either(
    line: Line,
) -> None:
    stranger, caller, obeyed = await intruded(line, "+33612340002", heard_before=True)
    assert (stranger, obeyed) == (0, []) and caller > 20


async def test_while_a_caller_sends_nothing_a_strangers_key_is_obeyed_for_plain_audio_does_not_say_whose_it_is(
    line: Line,
) -> None:
    """What plain RTP cannot prevent; `hatif firewall` keeps strangers out (`test_firewall`), and so does `srtp`."""
    stranger, caller, obeyed = await intruded(line, "+33612340001", heard_before=False)
    assert (stranger, obeyed) == (0, [KEY]) and caller > 20
