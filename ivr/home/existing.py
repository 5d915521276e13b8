"""That a line runs in an administrator's own Asterisk, stored in `HATIF_HOME` by `hatif existing load`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ivr.home.line_settings import SettingsError

FILE = "existing.json"


@dataclass(frozen=True, slots=True)
class Existing:
    """`folder`: that Asterisk's configuration; `keep`: what of it serves the line as it is, telephones or carriers."""

    folder: str
    keep: tuple[str, ...] = ()


def read(home: Path) -> Existing | None:
    """Return what was stored; None if the line has an Asterisk of its own.

    Raises:
        SettingsError: The file cannot be read.
    """
    path = home / FILE
    try:
        found = json.loads(path.read_text())
        return Existing(str(found["folder"]), tuple(map(str, found["keep"])))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}); remove it, and run `hatif existing load` again."
        ) from None


def write(home: Path, existing: Existing) -> None:
    try:
        (home / FILE).write_text(json.dumps(asdict(existing)) + "\n")
    except OSError as error:
        raise SettingsError(f"{home / FILE} cannot be written: {error.strerror}.") from None


def remove(home: Path) -> None:
    (home / FILE).unlink(missing_ok=True)
