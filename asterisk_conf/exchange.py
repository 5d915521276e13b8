"""Another release of the private Asterisk in place of the present one, which is kept as the way back.

The trees are `root` (in use), `root.next` (unpacked, not yet in use) and `root.former`, beside each other in
`HATIF_HOME/asterisk`. A running Asterisk goes on with the tree that it was started from, wherever that is moved.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf import apt, install
from asterisk_conf.debian import ASTERISK
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain
from asterisk_conf.progress import Progress


@dataclass(frozen=True, slots=True)
class Exchange:
    """Two releases of Asterisk, and how many of their packages differ."""

    present: str
    other: str
    packages: int


def prepare(home: Path, progress: Progress, *, newest: bool = False) -> Exchange | None:
    """Unpack the locked release, or the newest one of its series, beside the present one.

    Returns:
        What an exchange would change; None if the present tree is made of the same packages.

    Raises:
        AsteriskError: There is no private Asterisk in `home`, or no other release can be had or used.
    """
    root = _root(home)
    home = home.absolute()
    with install.alone(home, progress):
        next_ = root.with_name("root.next")
        _remove(next_)
        if not newest and not apt.outdated(root, ASTERISK, reported=True) and apt.keeps_archives(root):
            return None
        places = [*install.kept(home), root]
        apt.unpack(home / "asterisk" / "apt", next_, ASTERISK, progress, kept=places, keep=True, newest=newest)
        if not (count := _differences(root, next_)) and apt.keeps_archives(root):
            _remove(next_)
            return None
        return Exchange(install.tree(root).version, install.tree(next_).version, count)


def prepare_back(home: Path) -> Exchange:
    """Return what the way back to the former release would change. Raises AsteriskError if there is none."""
    root = _root(home)
    former = root.with_name("root.former")
    if not (former / apt.MARKER).is_file():
        raise AsteriskError(f"There is no former Asterisk in {former}: `hatif asterisk upgrade` keeps one.")
    return Exchange(install.tree(root).version, install.tree(former).version, _differences(root, former))


def forward(home: Path) -> None:
    """Put the prepared release in the place of the present one, which becomes the former. Raises AsteriskError."""
    root = _root(home)
    former = root.with_name("root.former")
    _remove(former)
    _move(root, former)
    _move(root.with_name("root.next"), root)


def give_up(home: Path) -> None:
    """Put the former release back in its place and remove the present one, which failed. Raises AsteriskError."""
    root = _root(home)
    failed = root.with_name("root.failed")
    _remove(failed)
    _move(root, failed)
    _move(root.with_name("root.former"), root)
    _remove(failed)


def back(home: Path) -> None:
    """Put the former release in the place of the present one, which becomes the former. Raises AsteriskError."""
    root = _root(home)
    former, aside = root.with_name("root.former"), root.with_name("root.aside")
    _remove(aside)
    _move(root, aside)
    _move(former, root)
    _move(aside, former)


def _root(home: Path) -> Path:
    root = install.private_root(home)
    if root.is_symlink():
        raise AsteriskError(f"{root} is a link to {root.resolve()}, which other lines may use: upgrade that one.")
    if not (root / apt.MARKER).is_file():
        raise AsteriskError(
            f"There is no private Asterisk in {root}: one of the machine, or of HATIF_ASTERISK, is upgraded with the"
            " machine's own programs, and then `hatif restart asterisk --when-idle`."
        )
    return root


def _differences(one: Path, other: Path) -> int:
    first, second = (json.loads((root / apt.MARKER).read_bytes())["sha256"] for root in (one, other))
    return sum(first.get(name) != second.get(name) for name in first.keys() | second.keys())


def _remove(tree: Path) -> None:
    try:
        if tree.exists():
            shutil.rmtree(tree)
    except OSError as error:
        raise explain("remove", tree, error) from error


def _move(tree: Path, to: Path) -> None:
    try:
        tree.rename(to)
    except OSError as error:
        raise explain("rename", tree, error) from error
