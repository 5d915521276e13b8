"""A house behind NAT: Asterisk's machine, a router, and a machine outside; three network namespaces. Needs root."""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

INSIDE, ROUTER_INSIDE, ROUTER_OUTSIDE, OUTSIDE = "10.77.0.2", "10.77.0.1", "198.51.100.1", "198.51.100.2"
OUTSIDE_TOO = "198.51.100.3"
"""Addresses, the last two of one machine; whoever is outside sees ROUTER_OUTSIDE only."""

_CLONE_NEWNET = 0x40000000
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class House:
    """`inside`: the command that runs another one on Asterisk's machine; `far`: the same for the one outside."""

    inside: tuple[str, ...]
    outside: str

    @property
    def far(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.outside)

    def make_outside(self, make: Callable[[], _Made]) -> _Made:
        """Return what `make` makes on the machine outside: its sockets stay there."""
        made: list[_Made] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                with (Path("/run/netns") / self.outside).open() as file:
                    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(make())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]


@contextmanager
def house(nft: Sequence[str], ports: Sequence[str]) -> Iterator[House]:
    """Make the house. Its router passes `ports`, such as "tcp dport 5061", on to Asterisk's machine.

    Skips the test unless root runs it.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    pid = os.getpid()
    inside, router, outside = (f"hatif-{name}-{pid}" for name in ("in", "nat", "out"))
    try:
        for name in (inside, router, outside):
            _run("ip", "netns", "add", name)
            _ip(name, "link", "set", "lo", "up")
        for name, address, beyond, link in (
            (inside, INSIDE, ROUTER_INSIDE, "in"),
            (outside, OUTSIDE, ROUTER_OUTSIDE, "out"),
        ):
            _run("ip", "-n", name, "link", "add", "far", "type", "veth", "peer", "name", link, "netns", router)
            for where, device, own in ((name, "far", address), (router, link, beyond)):
                _ip(where, "address", "add", f"{own}/24", "dev", device)
                _ip(where, "link", "set", device, "up")
        _ip(outside, "address", "add", f"{OUTSIDE_TOO}/24", "dev", "far")
        _ip(inside, "route", "add", "default", "via", ROUTER_INSIDE)
        _run("ip", "netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        rules = "".join(f'iifname "out" {port} dnat to {INSIDE}\n' for port in ports)
        text = (
            "table ip nat {\nchain before { type nat hook prerouting priority -100;\n" + rules + "}\n"
            'chain after { type nat hook postrouting priority 100;\noifname "out" masquerade\n}\n}\n'
        )
        _run("ip", "netns", "exec", router, *nft, "-f", "-", text=text)
        yield House(("ip", "netns", "exec", inside), outside)
    finally:
        for name in (inside, router, outside):
            subprocess.run(("ip", "netns", "delete", name), check=False, capture_output=True)


def _ip(where: str, *words: str) -> None:
    _run("ip", "-n", where, *words)


def _run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
