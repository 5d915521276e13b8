"""Files for systemd: a unit per process and a target, the user, the folders, and logrotate's settings.

Each process has the rights that it needs and no more; docs/systemd.md and `systemd-analyze security` say which.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf import checks
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, write_text
from asterisk_conf.templating import environment

UNITS = Path("etc/systemd/system")
TARGET = "hatif.target"
_SYSUSERS, _TMPFILES = Path("etc/sysusers.d/hatif.conf"), Path("etc/tmpfiles.d/hatif.conf")
_LOGROTATE = Path("etc/logrotate.d/hatif")
_PLAIN = re.compile(r"/[A-Za-z0-9/_.@+,-]+")
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - nothing is written there
_TEMPLATES = environment("units")


@dataclass(frozen=True, slots=True)
class Service:
    """A process as systemd runs it.

    `notifies`: tells systemd when it serves (sd_notify); `watchdog_s`: systemd ends it after so many seconds without a
    sign of life, 0: never; `oom`: below 0, it is ended later than others if memory runs out; `cpu_weight`: its share of
    busy processors, 100 for any other service of the machine; `idle`: it only gets what nobody else wants; `compiles`:
    it makes machine code as it runs, as the recogniser's library does.
    """

    name: str
    what: str
    command: str
    notifies: bool = True
    watchdog_s: int = 0
    after: str = ""
    network: bool = False
    restart: str = "always"
    restart_after: str = "100ms"
    restart_after_most: str = "5s"
    start_s: int = 30
    stop_s: int = 10
    success: str = ""
    oom: int = 0
    cpu_weight: int = 100
    idle: bool = False
    compiles: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The values that the files depend on.

    `home`: HATIF_HOME; `code`: the folder of Hatif's program; `program`: the command `hatif`; `python`: the interpreter
    of its environment; `site`: the site's folder; `page`: the page about all this, if it is there; `others`: further
    folders that are written, such as that of an SQLite database; `desk`, `hear`, `monitor`, `transcriber`: whether the
    site has one; `packaged`: whether callers are heard by the packaged recogniser.

    Raises:
        AsteriskError: A path cannot be used in a unit, or the services could not see it.
    """

    home: Path
    code: Path
    program: Path
    python: Path
    site: Path
    page: Path | None = None
    user: str = "hatif"
    others: tuple[Path, ...] = ()
    desk: bool = False
    hear: bool = False
    packaged: bool = False
    monitor: bool = True
    transcriber: bool = False

    def __post_init__(self) -> None:
        checks.identifier("The services' user", self.user)
        if self.user == "root":
            raise AsteriskError("The services' user is root; choose a user of their own, such as hatif.")
        for what, path in (
            ("HATIF_HOME", self.home),
            ("Hatif's program", self.code),
            ("The site", self.site),
            ("The command hatif", self.program),
            ("Python", self.python.resolve()),
            *(("The database", path) for path in self.others),
        ):
            if not _PLAIN.fullmatch(str(path)):
                raise AsteriskError(
                    f"{what} is in {str(path)!r}: use only letters, digits and / . _ @ + , - for systemd."
                )
            if hidden := next((folder for folder in _HIDDEN if path.is_relative_to(folder)), None):
                raise AsteriskError(
                    f"{what} is in {path}, and the services do not see {hidden}: put it elsewhere, for example"
                    " HATIF_HOME in /var/lib/hatif, the program in /opt/hatif and the site in /etc/hatif/site."
                )

    @property
    def writable(self) -> tuple[Path, ...]:
        return (self.home, *(path for path in self.others if not path.is_relative_to(self.home)))


def services(line: Line) -> tuple[Service, ...]:
    """Return the services of a line, in the order in which they start."""
    command = f"{line.program} "
    always = (
        # The guard looks whether Asterisk answers, and ends one that does not.
        Service("asterisk", "Asterisk", command + "asterisk run", network=True, start_s=60, oom=-800, cpu_weight=1000),
        Service("journal", "delivers the journal to the database", command + "journal", watchdog_s=60, cpu_weight=20),
        Service(
            "guard", "gives callers back to the dialplan", command + "guard", watchdog_s=30, oom=-700, cpu_weight=500
        ),
        # The guard acts after 5 s; this is for a controller that hangs while there is no guard.
        Service(
            "ivr",
            "the controller",
            f"{line.python} -m ivr",
            watchdog_s=15,
            after="hatif-asterisk.service",
            oom=-700,
            cpu_weight=1000,
        ),
        Service(
            "voices",
            "makes the audio of slow voices",
            command + "prompts build --background",
            notifies=False,
            after="hatif-ivr.service",
            restart="on-failure",
            restart_after="60s",
            restart_after_most="10min",
            success="130",
            oom=1000,
            cpu_weight=1,
            idle=True,
        ),
    )
    desk = (
        Service("desk", "the operators' page", command + "desk", watchdog_s=30, network=True, oom=200, cpu_weight=50),
        Service("gate", "browser telephones", command + "gate", watchdog_s=30, network=True, oom=-500, cpu_weight=500),
    )
    hear = (
        # Loading the models of several languages takes a while.
        Service(
            "hear",
            "hears what callers say",
            command + "hear",
            watchdog_s=30,
            start_s=120,
            oom=500,
            cpu_weight=200,
            compiles=line.packaged,
        ),
    )
    monitor = (
        Service(
            "monitor", "figures and health", command + "monitor", watchdog_s=60, network=True, oom=200, cpu_weight=20
        ),
    )
    transcriber = (
        Service(
            "transcriber",
            "writes down voice messages",
            command + "speech messages",
            watchdog_s=60,
            after="hatif-ivr.service",
            oom=1000,
            cpu_weight=1,
            idle=True,
            compiles=True,
        ),
    )
    wanted = ((line.desk, desk), (line.hear, hear), (line.monitor, monitor), (line.transcriber, transcriber))
    return (*always, *(service for is_on, services in wanted if is_on for service in services))


def render(line: Line) -> dict[Path, str]:
    """Return the text of every file by its path below `/`."""
    found = services(line)
    files = {UNITS / f"hatif-{service.name}.service": _text("service", line, service=service) for service in found}
    files[UNITS / "hatif-voices.path"] = _text("voices.path", line)
    names = [*(f"hatif-{service.name}.service" for service in found), "hatif-voices.path"]
    files[UNITS / TARGET] = _text("target", line, wants=names)
    files[_SYSUSERS] = _text("sysusers", line)
    files[_TMPFILES] = _text("tmpfiles", line)
    files[_LOGROTATE] = _text("logrotate", line)
    return files


def write(line: Line, root: Path = Path("/")) -> tuple[Sequence[Path], Sequence[Path]]:
    """Write the files that differ below `root`, and remove units of an earlier version that are no longer wanted.

    Returns:
        The paths that were written, and those that were removed.

    Raises:
        AsteriskError: A file cannot be written or removed.
    """
    files = render(line)
    written, removed = [], []
    for name, text in files.items():
        path = root / name
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise explain("create the folder", path.parent, error) from error
        if write_text(path, text, 0o644):
            written.append(path)
    for path in _units(root):
        if path.relative_to(root) not in files:
            try:
                path.unlink()
            except OSError as error:
                raise explain("remove", path, error) from error
            removed.append(path)
    return written, removed


@dataclass(frozen=True, slots=True)
class Installed:
    """Files that `write` has written. `own`: an administrator's drop-ins, which stay; `enabled`: starts at boot."""

    home: Path
    user: str
    files: Sequence[Path]
    own: Sequence[Path]
    enabled: bool


def installed(root: Path = Path("/")) -> Installed | None:
    """Return what is installed below `root`; None if nothing is."""
    tmpfiles = root / _TMPFILES
    named = re.search(r"^d (\S+) 0700 (\S+) ", tmpfiles.read_text(), re.MULTILINE) if _is_ours(tmpfiles) else None
    if named is None:
        return None
    others = [root / name for name in (UNITS / TARGET, _SYSUSERS, _TMPFILES, _LOGROTATE)]
    return Installed(
        home=Path(named[1]),
        user=named[2],
        files=[*_units(root), *(path for path in others if _is_ours(path))],
        own=[path for path in sorted((root / UNITS).glob("hatif*.d")) if path.is_dir()],
        enabled=any((root / UNITS).glob(f"*.wants/{TARGET}")),
    )


def remove(found: Installed) -> None:
    """Remove the files; the list of them last, so that a removal that fails can be repeated. Raises AsteriskError."""
    for path in sorted(found.files, key=lambda path: path.match(f"*/{_TMPFILES}")):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise explain("remove", path, error) from error


def _units(root: Path) -> Iterator[Path]:
    """Yield our own units below `root`; those that an administrator wrote do not have our first line."""
    for path in sorted((root / UNITS).glob("hatif-*.*")):
        if _is_ours(path):
            yield path


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_text(errors="replace").startswith("# Written by `hatif")


def _text(name: str, line: Line, **more: object) -> str:
    return _TEMPLATES.get_template(f"{name}.jinja").render(line=line, **more)
