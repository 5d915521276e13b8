"""Programs of Debian that some tests need: the machine's, else private ones, unpacked once into the cache."""

import fcntl
import shutil
from dataclasses import dataclass
from pathlib import Path

from line import CACHE

from asterisk_conf import apt
from asterisk_conf.debian import Wanted, machine

TOOLS = Wanted(
    name="a tool of the tests",
    otherwise="install the packages that tests/debian_tools.py names",
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


def find(name: str, package: str, place: str, libraries: str = "") -> Tool:
    """Return a program of the machine, else of a Debian package.

    Args:
        place: Of the program in the package, such as "usr/sbin/logrotate".
        libraries: The folder below the libraries' in which the program has some of its own.

    Raises:
        AsteriskError: It can be had from nowhere, and what to do.
    """
    if found := shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"):
        return Tool((found,), Path("/"))
    if package in TOOLS.packages:
        root = tree(TOOLS, CACHE / "tools")
    else:
        root = tree(Wanted(package, f"install the package {package}", (package,), 300_000_000), CACHE / package)
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
