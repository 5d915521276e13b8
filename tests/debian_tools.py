"""Programs of Debian that some tests need, unpacked once into the cache.

The machine's own are never taken: of another version, they fail where nothing of ours is wrong.
"""

import fcntl
from dataclasses import dataclass
from pathlib import Path

from line import CACHE

from asterisk_conf import apt
from asterisk_conf.debian import Wanted, machine

TOOLS = Wanted(
    name="a tool of the tests",
    otherwise="run the tests that need it where apt is",
    packages=("logrotate", "nftables", "prometheus", "prometheus-alertmanager", "promtool"),
    space=800_000_000,
    suite="trixie",
)
"""Unpacked together: reading the lists of packages again for each would take longer than unpacking them. SIPp comes by
itself from sid: trixie's cannot read what comes in parts over TLS."""


class Silent:
    def step(self, text: str) -> None:
        pass

    def update(self, done: int, total: int) -> None:
        pass


@dataclass(frozen=True)
class Tool:
    """`command` begins its command line; `root` is the root of the tree that it is in."""

    command: tuple[str, ...]
    root: Path


def find(package: str, place: str, libraries: str = "") -> Tool:
    """Return a program of a Debian package.

    Args:
        place: Of the program in the package, such as "usr/sbin/logrotate".
        libraries: The folder below the libraries' in which the program has some of its own.

    Raises:
        AsteriskError: It can be had from nowhere, and what to do.
    """
    if package in TOOLS.packages:
        root = tree(TOOLS, CACHE / "tools")
    else:
        root = tree(Wanted(package, TOOLS.otherwise, (package,), 300_000_000), CACHE / package)
    linker, flag, path, program = apt.program(root, place)
    own = f":{root / 'usr/lib' / machine().triplet / libraries}" if libraries else ""
    return Tool((linker, flag, f"{path}{own}", program), root)


def tree(wanted: Wanted, home: Path) -> Path:
    """Return the root of Debian packages that are unpacked once, in `home`; others who want them meanwhile wait.

    Raises AsteriskError, with what to do, if they cannot be had.
    """
    home.mkdir(parents=True, exist_ok=True)
    root = home / "root"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / apt.MARKER).is_file():
            apt.unpack(home / "apt", root, wanted, Silent())
    return root
