"""An example of everything that Asterisk's files depend on, and the installation shared by all tests."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from certificates import Authority
from offsets import LONE_OFFSET

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, Endpoint, Ports, Queue, Secrets
from asterisk_conf.install import find_or_install
from asterisk_conf.installation import Installation
from asterisk_conf.sip import Sip

START_S = 30.0
"""For a start or an end beside other tests."""
PASSWORD = "telephone-password-1"
SECRETS = Secrets("hatif", "ari-password-of-the-test", "hatif", "ami-password-of-the-test")


class Quiet:
    """A Progress that records its steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.shares: list[float] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def update(self, done: int, total: int) -> None:
        self.shares.append(done / total)


def shared_home() -> Path:
    """Return the folder of the tests' Asterisk: HATIF_INSTALL, HATIF_TEST_CACHE, else the checkout's var/cache."""
    named = os.environ.get("HATIF_INSTALL") or os.environ.get("HATIF_TEST_CACHE")
    return Path(named) if named else Path(__file__).parents[2] / "var" / "cache"


@cache
def installation() -> Installation:
    return find_or_install(shared_home(), Quiet())


def example(home: Path, **changes: Any) -> Conf:
    """Return a site with two carriers, one of which accepts our calls, three operators and two queues."""
    endpoints = (
        Endpoint("1001", "Ghali Carob", PASSWORD, ("ar", "es")),
        Endpoint("1002", "غالي خروب", "telephone-password-2", ("fr",)),
        Endpoint("1003", "Zoë O'Laurel-Tamarisk", "telephone-password-3", ()),
    )
    conf = Conf(
        home=home,
        node="test1",
        ports=Ports.with_offset(LONE_OFFSET),
        carriers=(
            Carrier("example", ("127.0.0.2",), trust_identity=True),
            Carrier("second", ("127.0.0.3", "127.0.8.0/24"), ("ulaw",), dial=("127.0.0.3:5060",)),
        ),
        endpoints=endpoints,
        queues=(Queue("hatif-ar", ("1001", "1002")), Queue("hatif-fr", ("1002", "1003"))),
        secrets=SECRETS,
        installation=installation(),
    )
    return replace(conf, **changes)


def certified(authority: Authority) -> Sip:
    """Return SIP over TLS with a certificate of this authority."""
    certificate, key = authority.sign("line", "IP:127.0.0.1")
    return Sip(certificate.read_text(), key.read_text(), authority.file)


@asynccontextmanager
async def running_asterisk(conf: Conf, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run Asterisk with the files in `conf.etc`, and wait until it is ready; it ends with the block, and must end well.

    `environment`: besides Asterisk's usual one.
    """
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *instance.command(conf), env=instance.environment() | environment, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        assert await instance.ready(conf, START_S), instance.check_log(conf)
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """End an Asterisk. AssertionError if it does not end well; one that has not started ignores the signal."""
    process.terminate()
    try:
        async with asyncio.timeout(START_S):
            assert await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError("Asterisk did not end") from None
