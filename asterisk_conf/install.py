"""Find an Asterisk that is good enough, or unpack a private one."""

import configparser
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asterisk_conf import apt
from asterisk_conf.debian import ASTERISK, machine
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, make_folder
from asterisk_conf.installation import Installation, Kind
from asterisk_conf.modules import MODULES
from asterisk_conf.progress import Progress

# Requests of ARI over its WebSocket came with 20.14, 21.9 and 22.4, and were mended in the next.
_OLDEST = {20: 15, 21: 10, 22: 5}
_WANTED = "20.15, 21.10, 22.5 or newer"
_USUAL_PLACES = ("/usr/sbin/asterisk", "/usr/local/sbin/asterisk", "/opt/asterisk/sbin/asterisk")
_MUSIC = (".wav", ".alaw", ".ulaw", ".sln", ".sln16", ".g722")


def find_or_install(home: Path, progress: Progress, named: str | None = None) -> Installation:
    """The Asterisk to use.

    In this order: the program that HATIF_ASTERISK names (or `named`, which was kept of it), the private one that is
    already in `home`, one of the machine, a private one unpacked into `home` now. Raises AsteriskError, with what to
    do, when there is none. May be interrupted and called again, by several processes at once too.
    """
    return find(home, progress, named) or _install(home, progress)


def find(home: Path, progress: Progress | None = None, named: str | None = None) -> Installation | None:
    """Return the Asterisk that is there already, in the order of `find_or_install`; None where there is none.

    Raises:
        AsteriskError: the one that HATIF_ASTERISK names, or the private one, cannot be used.
    """
    if named := os.environ.get("HATIF_ASTERISK") or named:
        return _examine(Path(named), "named", f"HATIF_ASTERISK={named}")
    if installation := _private(home):
        root = home.absolute() / "asterisk" / "root"
        if progress is not None and (different := apt.outdated(root, ASTERISK)):
            progress.step(
                f"The private Asterisk is older or newer than the lock ({len(different)} packages, such as"
                f" {different[0]}): to take the locked one, stop the line, remove {root}, run `hatif setup`."
            )
        return installation
    for path in dict.fromkeys((shutil.which("asterisk") or _USUAL_PLACES[0], *_USUAL_PLACES)):
        if Path(path).is_file():
            try:
                return _examine(Path(path), "machine", path)
            except AsteriskError as reason:
                if progress is not None:
                    progress.step(f"Not used: {reason}")
    return None


def nothing_installed(home: Path) -> Installation:
    """Return what stands in for an Asterisk that will be unpacked into `home`, for checks of a configuration.

    Its `version` is empty: which modules it will have is not known.
    """
    root = home.absolute() / "asterisk" / "root"
    return Installation((str(root),), root, root, root, root, "", "private")


def _install(home: Path, progress: Progress) -> Installation:
    home = home.absolute()
    make_folder(home)
    make_folder(home / "asterisk")
    with _alone(home / "asterisk" / "install.lock", progress):
        if installation := _private(home):  # another process was faster
            return installation
        root = home / "asterisk" / "root"
        if root.exists():
            raise AsteriskError(f"{root} is there, but not unpacked by us: remove it, then try again.")
        apt.unpack(home / "asterisk" / "apt", root, ASTERISK, progress)
    installation = _private(home)
    assert installation
    return installation


def _private(home: Path) -> Installation | None:
    root = home.absolute() / "asterisk" / "root"
    if not (root / apt.MARKER).is_file():
        return None
    share = root / "usr/share/asterisk"
    command = apt.program(root, "usr/sbin/asterisk")
    return _complete(
        Installation(
            program=command,
            module_dir=root / "usr/lib" / machine().triplet / "asterisk/modules",
            data_dir=share,
            moh_dir=share / "moh",
            rest_api_dir=share / "rest-api",
            version=_version(command, str(root)),
            kind="private",
        ),
        str(root),
    )


def _examine(path: Path, kind: Kind, name: str) -> Installation:
    """An Asterisk somebody else installed; `name` is what the sentences call it."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise AsteriskError(f"{name} is not a program that can be run; give the path of Asterisk's own program.")
    path = path.absolute()
    version = _version((str(path),), name)
    prefix = path.parent.parent
    told = _directories(prefix)
    data_dir = _first(
        [told.get("astdatadir"), prefix / "share/asterisk", prefix / "var/lib/asterisk", "/var/lib/asterisk"],
        "documentation/core-en_US.xml",
    )
    module_dir = _first(
        [told.get("astmoddir"), *prefix.glob("lib/*/asterisk/modules"), *prefix.glob("lib*/asterisk/modules")],
        "res_pjsip.so",
    )
    if not module_dir:
        raise AsteriskError(
            f"{name}: its modules were not found (res_pjsip.so); install them, or unset HATIF_ASTERISK."
        )
    if not data_dir:
        raise AsteriskError(f"{name}: its documentation/core-en_US.xml was not found; Asterisk ends without that file.")
    music = [told.get("astdatadir"), told.get("astvarlibdir"), data_dir, "/var/lib/asterisk", "/usr/share/asterisk"]
    moh_dir = next((folder for place in music if place and _has_music(folder := Path(place, "moh"))), None)
    if not moh_dir:
        raise AsteriskError(
            f"{name}: no music for waiting callers; put .wav files (8 kHz, mono) into {data_dir / 'moh'}."
        )
    return _complete(
        Installation((str(path),), module_dir, data_dir, moh_dir, data_dir / "rest-api", version, kind), name
    )


def _complete(installation: Installation, name: str) -> Installation:
    missing = [module for module, _ in MODULES if not installation.has_module(module)]
    if missing:
        remedy = f"remove {name}" if installation.kind == "private" else f"install them in {installation.module_dir}"
        raise AsteriskError(
            f"{name} (Asterisk {installation.version}) lacks the modules {', '.join(missing)}: {remedy} and try again."
        )
    return installation


def _version(command: tuple[str, ...], name: str) -> str:
    """The release number, if it is new enough."""
    try:
        told = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AsteriskError(f"{name} cannot be run ({error}); give the path of Asterisk's own program.") from error
    found = re.match(r"Asterisk (?:certified[-/])?(\d+)\.(\d+)(?:\.\d+)?", told.stdout)
    if not found:
        words = repr((told.stdout or told.stderr).strip().partition("\n")[0])
        raise AsteriskError(f"{name} -V says {words} and not which Asterisk it is; {_WANTED} is needed.")
    version = found[0].split()[-1]
    major, minor = int(found[1]), int(found[2])
    if major < min(_OLDEST) or minor < _OLDEST.get(major, 0):
        raise AsteriskError(f"{name} is Asterisk {version}; {_WANTED} is needed.")
    return version


def _directories(prefix: Path) -> dict[str, str]:
    """The folders that the program's own asterisk.conf names, where there is one that we may read."""
    for path in (prefix / "etc/asterisk/asterisk.conf", Path("/etc/asterisk/asterisk.conf")):
        parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",), allow_no_value=True)
        try:
            # "[directories](!)" and "key => value" are Asterisk's own spellings.
            parser.read_string(path.read_text(errors="replace").replace("](!)", "]").replace("=>", "="))
            return {key: value for key, value in parser.items("directories") if value}
        except (OSError, configparser.Error):
            continue
    return {}


def _first(folders: list[str | Path | None], holding: str) -> Path | None:
    return next((Path(folder) for folder in folders if folder and Path(folder, holding).is_file()), None)


def _has_music(folder: Path) -> bool:
    return folder.is_dir() and any(file.suffix in _MUSIC for file in folder.iterdir())


@contextmanager
def _alone(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of this home; the kernel lets it go whatever happens to us."""
    try:
        file = path.open("w")
    except OSError as error:
        raise explain("write", path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("Waiting for another process that unpacks Asterisk")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
