"""A watch on Asterisk: one that is stopped or hangs leaves its calls in silence, and nothing else can end it."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from ivr.asterisk.ami import Ami, AmiError, AmiRefusedError
from ivr.home.heartbeat import Lateness
from ivr.process.process import ProcessInfo

log = structlog.get_logger()

ALARM_S = 4.5
"""Seconds without an answer after which people are told. A look in vain ends 5 s after the last answer."""

EVERY_S = 1.0
"""The pause between two looks."""

_ANSWER_S = 2.0

_LONGEST_LOOK_S = 10.0
"""The longest time that counts between two looks: ARI is asked, then AMI and SIP, then there is a pause."""

_OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {own}:{from_port};branch=z9hG4bK{tag};rport\r\n"
    "Max-Forwards: 1\r\n"
    "From: <sip:guard@{own}>;tag={tag}\r\n"
    "To: <sip:{host}:{port}>\r\n"
    "Call-ID: {tag}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


class AsteriskWatch:
    """Tells people of an Asterisk that answers neither ARI nor AMI nor SIP, and kills one that does nothing either.

    Its supervisor starts another. One that uses processor time is never killed: it may be busy, its conversations may
    go on, and to end it ends every call.

    Args:
        ami: Makes a new connection for each look.
        sip: Address and port of Asterisk's UDP transport.
        patience_s: For how long it may neither answer nor use processor time.
    """

    def __init__(self, ami: Ami, sip: tuple[str, int], patience_s: float) -> None:
        self._ami, self._sip, self._patience_s = ami, sip, patience_s
        self._silent, self._still = Lateness(_LONGEST_LOOK_S), Lateness(_LONGEST_LOOK_S)
        self._answers = 0
        self._silent_s = self._still_s = 0.0
        self._reported = False
        self.kills = 0

    @property
    def alarm(self) -> bool:
        """Whether it has not answered for so long that people are told."""
        return self._silent_s >= ALARM_S

    def figures(self) -> Mapping[str, float]:
        """Return the kills, and for how many seconds Asterisk has neither answered nor used any processor time."""
        return {
            "asterisk_kills": self.kills,
            "asterisk_silent_s": round(self._silent_s, 1),
            "asterisk_still_s": round(self._still_s, 1),
        }

    async def look(self, ari_answers: bool, running: ProcessInfo | None) -> bool:
        """Look once. Return whether Asterisk answers at all.

        Args:
            ari_answers: Whether ARI has just answered.
            running: Asterisk, if it has a pid file.
        """
        # The patience starts again with each process; one that is not running is the supervisor's business.
        pid = running.pid if running is not None and running.alive else None
        answers, still_s = ari_answers, 0.0
        if not answers:
            self._still.look((pid, _ran_ns(pid)), time.monotonic())
            answers = any(await asyncio.gather(self._ami_answers(), sip_answers(*self._sip)))
            still_s = self._still.look((pid, _ran_ns(pid)), time.monotonic())
        self._answers += answers
        silent_s = self._silent.look((self._answers, pid), time.monotonic())
        self._silent_s, self._still_s = (0.0, 0.0) if answers or pid is None else (silent_s, still_s)
        if answers:
            if self._reported:
                log.info("Asterisk answers again")
            self._reported = False
            return True
        if self.alarm and not self._reported:
            self._reported = True
            log.error(
                "Asterisk does not answer: neither ARI nor AMI nor SIP. It is killed unless it uses processor time",
                killed_after_s=self._patience_s,
            )
        if pid is not None and still_s >= self._patience_s:
            log.error("Asterisk is killed; its supervisor starts it again", pid=pid, silent_s=round(silent_s, 1))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
        return False

    async def _ami_answers(self) -> bool:
        try:
            await self._ami.connect()
        except AmiRefusedError:
            return True
        except AmiError:
            return False
        await self._ami.close()
        return True


def _ran_ns(pid: int | None) -> int:
    """Return for how long the threads of a process have run, in all; 0 if the kernel does not say.

    A busy machine may give it less in seconds than the hundredth of one in which the kernel counts processes' time.
    """
    ran = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # a thread that has ended
            ran += int(file.read_text().split()[0])
    return ran


async def sip_answers(host: str, port: int, limit_s: float = _ANSWER_S) -> bool:
    """Return whether OPTIONS to this address gets any answer within `limit_s` seconds."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect((host, port))
            own, from_port = probe.getsockname()[:2]
            tag = os.urandom(8).hex()
            to, back = (f"[{address}]" if ":" in address else address for address in (host, own))
            text = _OPTIONS.format(host=to, port=port, own=back, from_port=from_port, tag=tag)
            await loop.sock_sendall(probe, text.encode())
            async with asyncio.timeout(limit_s):
                return bool(await loop.sock_recv(probe, 4096))
    except OSError:  # TimeoutError is one of them
        return False
