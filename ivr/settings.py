"""Where this installation lives and which ports it uses: the environment, or what `HATIF_HOME` keeps of it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr import kept_line
from ivr.kept_line import KeptLine
from ivr.kept_line import SettingsError as SettingsError

HEARTBEAT_S = 0.5

CHECKOUT = Path(__file__).resolve().parent.parent
EXAMPLE = CHECKOUT / "sites" / "consulate"


@dataclass(frozen=True, slots=True)
class Settings:
    """`home`: all that runs; `site`: the site's folder; `offset`: added to every port; `database`: a URL, if named;
    `asterisk`: a program, if named; `asterisk_patience_s`: for how long Asterisk may answer nobody till it is ended."""

    home: Path
    site: Path
    offset: int
    database: str | None = None
    asterisk: str | None = None
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
    def asterisk_log(self) -> Path:
        """The folder of the logs that Asterisk writes itself."""
        return self.home / "asterisk" / "log"

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
    def sip_copies(self) -> Path:
        """The socket on which a controller gets copies of SIP messages from the guard."""
        return self.run / "ivr.sip"

    @property
    def log(self) -> Path:
        return self.home / "log"


def read(environment: Mapping[str, str] = os.environ, *, bound: bool = True, fresh: bool = False) -> Settings:
    """Return the settings of the environment; what it leaves out is as `HATIF_HOME` keeps it, else the default.

    Args:
        bound: Whether the environment must agree with what `HATIF_HOME` keeps. False for what only looks at a site.
        fresh: Whether what is kept does not count at all, because it is about to be replaced.

    Raises:
        SettingsError: A port offset that is not a multiple of 1000 from 0 to 50000, a site that is no folder, or an
            environment that is another line's.
    """
    home = Path(environment.get("HATIF_HOME") or CHECKOUT / "var").expanduser().resolve()
    kept = None if fresh else kept_line.read(home)
    text = environment.get("HATIF_PORT_OFFSET")
    if text is None:
        text = str(kept.offset) if kept else "0"
    if not text.isascii() or not text.isdigit() or int(text) % 1000 or int(text) > 50_000:
        raise SettingsError(f"HATIF_PORT_OFFSET is {text!r}; it must be a multiple of 1000 from 0 to 50000.")
    named = environment.get("HATIF_SITE")
    site = Path(named or (kept and kept.site) or EXAMPLE).expanduser().resolve()
    if not (site / "site.toml").is_file():
        where = "HATIF_SITE is" if named or not kept else f"The site that {home / kept_line.FILE} keeps is"
        raise SettingsError(f"{where} {site}, which has no site.toml; name the folder of a site.")
    patience = environment.get("HATIF_ASTERISK_PATIENCE_S") or "20"
    if not re.fullmatch(r"[0-9]{1,4}", patience) or int(patience) < 1:
        raise SettingsError(f"HATIF_ASTERISK_PATIENCE_S is {patience!r}; it must be seconds from 1 to 9999.")
    database = environment.get("HATIF_DATABASE") or (kept.database if kept else None)
    asterisk = environment.get("HATIF_ASTERISK") or (kept.asterisk if kept else None)
    settings = Settings(home, site, int(text), database, asterisk, float(patience))
    if kept is not None and bound:
        kept_line.check(home, kept, line_of(settings))
    return settings


def line_of(settings: Settings) -> KeptLine:
    """Return what is to be kept of these settings."""
    site = None if settings.site == EXAMPLE.resolve() else str(settings.site)
    return KeptLine(settings.offset, site, settings.database, settings.asterisk)
