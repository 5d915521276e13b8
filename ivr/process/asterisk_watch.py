"""A watch on Asterisk: one that is stopped or hangs leaves its calls in silence, and nothing else can end it."""

import asyncio
import contextlib
import os
import signal
import socket
import time

import structlog

from ivr.asterisk.ami import Ami, AmiError, AmiRefusedError
from ivr.home.heartbeat import Lateness
from ivr.process.process import ProcessInfo

log = structlog.get_logger()

_ANSWER_S = 2.0

_LONGEST_LOOK_S = 10.0
"""The longest time between two looks: ARI, AMI and SIP are asked one after the other, then there is a pause."""

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
    """Kills an Asterisk that has answered neither ARI nor AMI nor SIP for `patience_s`; its supervisor starts another.

    Args:
        ami: Makes a new connection for each look.
        sip: Address and port of Asterisk's UDP transport.
    """

    def __init__(self, ami: Ami, sip: tuple[str, int], patience_s: float) -> None:
        self._ami, self._sip, self._patience_s = ami, sip, patience_s
        self._late = Lateness(_LONGEST_LOOK_S)
        self._answers = 0
        self._reported = False
        self.kills = 0

    async def look(self, ari_answers: bool, running: ProcessInfo | None) -> bool:
        """Look once. Return whether Asterisk answers at all.

        Args:
            ari_answers: Whether ARI has just answered.
            running: Asterisk, if it has a pid file.
        """
        answers = ari_answers or await self._ami_answers() or await sip_answers(*self._sip)
        self._answers += answers
        # The patience starts again with each process; one that is not running is the supervisor's business.
        pid = running.pid if running is not None and running.alive else None
        silent_s = self._late.look((self._answers, pid), time.monotonic())
        if answers:
            if self._reported:
                log.info("Asterisk answers again")
            self._reported = False
            return True
        if not self._reported:
            self._reported = True
            log.error("Asterisk does not answer: neither ARI nor AMI nor SIP", killed_after_s=self._patience_s)
        if pid is not None and silent_s >= self._patience_s:
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
