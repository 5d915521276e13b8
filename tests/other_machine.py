"""Another machine of the network: a network namespace whose only way leads to this one."""

import asyncio
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asterisk_conf.files import write_text


class OtherMachine:
    """A machine that reaches this one at the address `here` only. `inside`: the command that runs others there."""

    def __init__(self, inside: tuple[str, ...], link: str, network: str) -> None:
        self.inside, self._link, self._network = inside, link, network
        self.here, self._number = f"{network}.1", 2

    def program(self, program: str, script: Path) -> str:
        """Write a script that runs a program there; return its path."""
        write_text(script, f'#!/bin/sh\nexec {shlex.join((*self.inside, program))} "$@"\n', 0o755)
        return str(script)

    async def moves(self, without_s: float) -> None:
        """Change its address, as another network gives it one; it has none for `without_s`."""
        await asyncio.to_thread(self._address, "delete")
        await asyncio.sleep(without_s)
        self._number += 1
        await asyncio.to_thread(self.connect)

    def connect(self) -> None:
        """Give it its address, and the way out."""
        self._address("add")
        _run(*self.inside, "ip", "route", "replace", "default", "via", self.here)

    def _address(self, what: str) -> None:
        _run(*self.inside, "ip", "address", what, f"{self._network}.{self._number}/24", "dev", self._link)


@contextmanager
def other_machine() -> Iterator[OtherMachine]:
    """Connect another machine with this one. Skips the test unless root runs it."""
    if os.geteuid() != 0:
        pytest.skip("only root can connect a network namespace with this machine")
    pid = os.getpid()
    name, end, far = f"hatif-{pid}", f"hf{pid}", f"hn{pid}"
    network = f"198.{18 + pid // 256 % 2}.{pid % 256}"  # for tests of networks (RFC 2544)
    inside = ("ip", "netns", "exec", name)
    machine = OtherMachine(inside, far, network)
    try:
        for command in (
            ("ip", "netns", "add", name),
            ("ip", "link", "add", end, "type", "veth", "peer", "name", far, "netns", name),
            ("ip", "address", "add", f"{machine.here}/24", "dev", end),
            ("ip", "link", "set", end, "up"),
            (*inside, "ip", "link", "set", "lo", "up"),
            (*inside, "ip", "link", "set", far, "up"),
        ):
            _run(*command)
        machine.connect()
        yield machine
    finally:
        subprocess.run(("ip", "link", "delete", end), check=False, capture_output=True)
        subprocess.run(("ip", "netns", "delete", name), check=False, capture_output=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
