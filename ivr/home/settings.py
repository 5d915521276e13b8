"""The settings of this installation: from the environment, or as stored in `HATIF_HOME`."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.home import heartbeat, line_settings
from ivr.home.line_settings import KeptLine
from ivr.home.line_settings import SettingsError as SettingsError

LEVELS = ("debug", "info", "warning", "error")
"""Of the logs."""

HEARTBEAT_S = 0.5

CHECKOUT = Path(__file__).resolve().parent.parent.parent
"""Where Hatif's program is: a checkout, or the packages of an environment into which Hatif was installed."""

_IS_CHECKOUT = (CHECKOUT / "sites").is_dir()

SITES = CHECKOUT / "sites" if _IS_CHECKOUT else Path(sys.prefix) / "share" / "hatif" / "sites"
"""The example sites that come with Hatif."""

EXAMPLE = SITES / "consulate"

USUAL_HOME = CHECKOUT / "var" if _IS_CHECKOUT else Path.home() / ".local" / "share" / "hatif"
"""HATIF_HOME if it is not set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of an installation.

    `home`: HATIF_HOME; `site`: the site's folder; `offset`: added to every port; `database`: a URL, if set; `asterisk`:
    a program, if set; `asterisk_patience_s`: Asterisk is ended after not answering for this time; `log_level`: the
    least severe level that is logged; `cache`: what this user's checkouts share; `quick_voices`: no slow voice is used.
    """

    home: Path
    site: Path
    offset: int
    database: str | None = None
    asterisk: str | None = None
    asterisk_patience_s: float = 20.0
    log_level: str = "info"
    cache: Path = Path.home() / ".cache" / "hatif"
    quick_voices: bool = False

    @property
    def control_port(self) -> int:
        return 8070 + self.offset

    @property
    def agi_port(self) -> int:
        return 4573 + self.offset

    @property
    def monitoring_port(self) -> int:
        return 8071 + self.offset

    def database_url(self, of_site: str | None) -> str:
        """Return the database's URL: the environment's, else the site's, else SQLite in `home`."""
        return self.database or of_site or f"sqlite:///{self.home / 'hatif.db'}"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def sounds(self) -> Path:
        return self.home / "sounds"

    @property
    def training_sounds(self) -> Path:
        """The audio of scripted callers."""
        return self.home / "training"

    @property
    def voices(self) -> Path:
        """Voices that an administrator installed or provided."""
        return self.home / "voices"

    @property
    def clips(self) -> Path:
        """Clips that slow voices have spoken."""
        return self.cache / "clips"

    @property
    def voice_progress(self) -> Path:
        """How far the background is with the slow voices."""
        return self.run / "voices.json"

    @property
    def speech_models(self) -> Path:
        """Recognisers' models that an administrator installed or provided."""
        return self.home / "speech"

    @property
    def transcriber_state(self) -> Path:
        """The state of the process that writes down messages."""
        return self.run / "transcriber.json"

    @property
    def case_references(self) -> Path:
        """The case references that this node has assigned."""
        return self.home / "case_references"

    @property
    def asterisk_recordings(self) -> Path:
        """The folder of Asterisk's recordings through ARI."""
        return self.home / "asterisk" / "spool" / "recording"

    @property
    def asterisk_log(self) -> Path:
        """The folder of Asterisk's own logs."""
        return self.home / "asterisk" / "log"

    @property
    def astdb(self) -> Path:
        """Asterisk's own database."""
        return self.home / "asterisk" / "db" / "astdb.sqlite3"

    @property
    def asterisk_packages(self) -> Path:
        """The list of the packages that the private Asterisk was made of."""
        return self.home / "asterisk" / "root" / "hatif-install.json"

    @property
    def asterisk_archives(self) -> Path:
        """The archives of these packages."""
        return self.asterisk_packages.with_name("hatif-archives")

    @property
    def backups(self) -> Path:
        """Where backups are written whose file is not named."""
        return self.home / "backups"

    @property
    def versions(self) -> Path:
        return self.home / "versions"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def lives(self) -> Path:
        """Heartbeat of a controller, every HEARTBEAT_S (`ivr.home.heartbeat`)."""
        return heartbeat.of_process(self.run, "ivr")

    @property
    def serves(self) -> Path:
        """Heartbeat of a controller that serves calls, every HEARTBEAT_S."""
        return self.run / "ivr.serves"

    @property
    def answered(self) -> Path:
        """Stamp of Asterisk's last answer to a controller."""
        return self.run / "asterisk.answered"

    @property
    def sip_copies(self) -> Path:
        """The socket on which a controller gets copies of SIP messages from the guard."""
        return self.run / "ivr.sip"

    @property
    def speech(self) -> Path:
        """The socket on which a controller gets what callers say; the workers' are beside it."""
        return self.run / "ivr.speech"

    @property
    def log(self) -> Path:
        return self.home / "log"


def read(environment: Mapping[str, str] = os.environ, *, bound: bool = True, fresh: bool = False) -> Settings:
    """Return the settings of the environment, completed by those stored in `HATIF_HOME` and by the defaults.

    Args:
        bound: Whether the environment must agree with the stored settings. False for commands that only read a site.
        fresh: Whether to ignore the stored settings, because they are about to be replaced.

    Raises:
        SettingsError: The port offset is not a multiple of 1000 from 0 to 50000, the site is not a folder, the log
            level does not exist, HATIF_VOICES is not "quick", or the environment is another line's.
    """
    home = Path(environment.get("HATIF_HOME") or USUAL_HOME).expanduser().resolve()
    kept = None if fresh else line_settings.read(home)
    text = environment.get("HATIF_PORT_OFFSET")
    if text is None:
        text = str(kept.offset) if kept else "0"
    if not text.isascii() or not text.isdigit() or int(text) % 1000 or int(text) > 50_000:
        raise SettingsError(f"HATIF_PORT_OFFSET is {text!r}; it must be a multiple of 1000 from 0 to 50000.")
    named = environment.get("HATIF_SITE")
    site = Path(named or (kept and kept.site) or EXAMPLE).expanduser().resolve()
    if not (site / "site.toml").is_file():
        where = "HATIF_SITE is" if named or not kept else f"The site in {home / line_settings.FILE} is"
        raise SettingsError(f"{where} {site}, which has no site.toml; set it to the folder of a site.")
    patience = environment.get("HATIF_ASTERISK_PATIENCE_S") or "20"
    if not re.fullmatch(r"[0-9]{1,4}", patience) or int(patience) < 1:
        raise SettingsError(f"HATIF_ASTERISK_PATIENCE_S is {patience!r}; it must be seconds from 1 to 9999.")
    database = environment.get("HATIF_DATABASE") or (kept.database if kept else None)
    asterisk = environment.get("HATIF_ASTERISK") or (kept.asterisk if kept else None)
    log_level = environment.get("HATIF_LOG_LEVEL") or "info"
    if log_level not in LEVELS:
        raise SettingsError(f"HATIF_LOG_LEVEL is {log_level!r}; it must be one of {', '.join(LEVELS)}.")
    voices = environment.get("HATIF_VOICES") or ""
    if voices not in ("", "quick"):
        raise SettingsError(f"HATIF_VOICES is {voices!r}; it must be 'quick', or not set.")
    settings = Settings(
        home, site, int(text), database, asterisk, float(patience), log_level, _cache(environment), bool(voices)
    )
    if kept is not None and bound:
        line_settings.check(home, kept, line_of(settings))
    return settings


def _cache(environment: Mapping[str, str]) -> Path:
    base = Path(environment.get("XDG_CACHE_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".cache") / "hatif"


def line_of(settings: Settings) -> KeptLine:
    """Return the part of the settings that is stored."""
    site = None if settings.site == EXAMPLE.resolve() else str(settings.site)
    return KeptLine(settings.offset, site, settings.database, settings.asterisk)
