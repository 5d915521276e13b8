"""Where this installation lives and which ports it uses: the environment, read once."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT_S = 0.5

CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A sentence that says which setting is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`home`: all that runs; `site`: the site's folder; `offset`: added to every port; `database`: a URL, if named;
    `asterisk_patience_s`: for how long Asterisk may answer nobody before it is ended."""

    home: Path
    site: Path
    offset: int
    database: str | None = None
    asterisk_patience_s: float = 20.0

    @property
    def control_port(self) -> int:
        return 8070 + self.offset

    def database_url(self, of_site: str | None) -> str:
        """What the environment names, else the site's, else SQLite in `home`."""
        return self.database or of_site or f"sqlite:///{self.home / 'hatif.db'}"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def sounds(self) -> Path:
        return self.home / "sounds"

    @property
    def voices(self) -> Path:
        """Voices that an administrator had installed or brought."""
        return self.home / "voices"

    @property
    def case_references(self) -> Path:
        """Which case references of this node are given out."""
        return self.home / "case_references"

    @property
    def asterisk_recordings(self) -> Path:
        """Where Asterisk puts what it records through ARI."""
        return self.home / "asterisk" / "spool" / "recording"

    @property
    def versions(self) -> Path:
        return self.home / "versions"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def lives(self) -> Path:
        """Beaten by a controller every HEARTBEAT_S (`ivr.beats`)."""
        return self.run / "ivr.lives"

    @property
    def serves(self) -> Path:
        """Beaten by a controller that serves calls, every HEARTBEAT_S."""
        return self.run / "ivr.serves"

    @property
    def answered(self) -> Path:
        """When Asterisk last answered a controller, by the clock."""
        return self.run / "asterisk.answered"

    @property
    def log(self) -> Path:
        return self.home / "log"


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment.

    Raises SettingsError for a port offset that is not a multiple of 1000 from 0 to 50000, or a site that is no folder.
    """
    text = environment.get("HATIF_PORT_OFFSET", "0")
    if not text.isascii() or not text.isdigit() or int(text) % 1000 or int(text) > 50_000:
        raise SettingsError(f"HATIF_PORT_OFFSET is {text!r}; it must be a multiple of 1000 from 0 to 50000.")
    home = Path(environment.get("HATIF_HOME") or CHECKOUT / "var").expanduser().resolve()
    site = Path(environment.get("HATIF_SITE") or CHECKOUT / "sites" / "consulate").expanduser().resolve()
    if not (site / "site.toml").is_file():
        raise SettingsError(f"HATIF_SITE is {site}, which has no site.toml; name the folder of a site.")
    patience = environment.get("HATIF_ASTERISK_PATIENCE_S") or "20"
    if not re.fullmatch(r"[0-9]{1,4}", patience) or int(patience) < 1:
        raise SettingsError(f"HATIF_ASTERISK_PATIENCE_S is {patience!r}; it must be seconds from 1 to 9999.")
    return Settings(home, site, int(text), environment.get("HATIF_DATABASE") or None, float(patience))
