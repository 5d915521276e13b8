"""The user who may write into a home: the line's processes may not be able to read files of another one."""

import os
import pwd
from pathlib import Path

from cli.control import ControlError


def owner_of(home: Path) -> int:
    """Return the id of the user whose home it is; before it exists, of this process's user."""
    try:
        return home.stat().st_uid
    except FileNotFoundError:
        return os.geteuid()


def refuse_strangers(home: Path) -> None:
    """Raise ControlError unless this process's user is the owner of `home`, if it exists."""
    if (owner := owner_of(home)) != os.geteuid():
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise ControlError(f"{home} belongs to {name}: run this as that user (as root: `runuser -u {name} -- …`).")
