"""The settings that a line was set up with, stored in `HATIF_HOME`, so that another shell does not change them."""

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ivr.home.version import VERSION as VERSION
from wire.errors import UserError

FILE = "line.json"


class SettingsError(UserError):
    """A wrong setting; the message is one sentence with a remedy."""


@dataclass(frozen=True, slots=True)
class KeptLine:
    """The environment at set-up. `site` is None for the example site, `database` and `asterisk` (a program) are None
    if they were not set. `version` is Hatif's."""

    offset: int
    site: str | None = None
    database: str | None = None
    asterisk: str | None = None
    version: str = VERSION


def read(home: Path) -> KeptLine | None:
    """Return the settings stored in `home`, None if there are none.

    Raises:
        SettingsError: The file cannot be read.
    """
    path = home / FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        kept = KeptLine(**found)
        fits = isinstance(kept.offset, int) and isinstance(kept.version, str)
        if not fits or not all(isinstance(value, str | None) for value in (kept.site, kept.database, kept.asterisk)):
            raise TypeError("a value has the wrong type")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}). Restore it, or remove it and run `hatif setup` with the line's"
            " HATIF_PORT_OFFSET, HATIF_SITE, HATIF_DATABASE and HATIF_ASTERISK."
        ) from None
    return kept


def write(home: Path, line: KeptLine) -> None:
    """Store `line` in `home`, readable by its owner only, because a database's URL may contain a password."""
    path = home / FILE
    new = home / f".{FILE}.{secrets.token_hex(4)}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(asdict(line), indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error}); free some space, or make its folder writable."
        ) from None
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def check(home: Path, kept: KeptLine, wanted: KeptLine) -> None:
    """Raise SettingsError if the environment differs from the one that the line in `home` was set up with."""
    different = None
    if wanted.offset != kept.offset:
        different = f"HATIF_PORT_OFFSET is {wanted.offset}, but the line in {home} has {kept.offset}"
    elif wanted.site != kept.site:
        sites = [site or "the example site" for site in (wanted.site, kept.site)]
        different = f"HATIF_SITE is {sites[0]}, but the line in {home} has {sites[1]}"
    elif wanted.database != kept.database:  # not shown: the URLs may contain passwords
        different = f"HATIF_DATABASE is not the database of the line in {home}"
    elif wanted.asterisk != kept.asterisk:
        programs = [program or "not set" for program in (wanted.asterisk, kept.asterisk)]
        different = f"HATIF_ASTERISK is {programs[0]}, but for the line in {home} it was {programs[1]}"
    if different is not None:
        name = different.partition(" ")[0]
        raise SettingsError(
            f"{different}. Unset {name} to work with that line, or set HATIF_HOME for another one. To change that"
            " line, stop it, then run `hatif setup --change`."
        )
    if is_newer(kept.version, wanted.version):
        raise SettingsError(
            f"The line in {home} was set up by Hatif {kept.version}; this is {wanted.version}, which may not"
            f" understand it: use {kept.version} or newer, or set HATIF_HOME for another line."
        )


def is_newer(version: str, than: str = VERSION) -> bool:
    """Return whether a version of Hatif is newer than another one."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
