"""Find a suitable Asterisk, or unpack a private one."""

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

# ARI requests over its WebSocket came with 20.14, 21.9 and 22.4, and were fixed in the next releases.
_OLDEST = {20: 15, 21: 10, 22: 5}
_WANTED = "20.15, 21.10, 22.5 or newer"
RESTORED = "restored"
"""Beside the private Asterisk: the packages that came with a backup, until they are unpacked."""
_USUAL_PLACES = ("/usr/sbin/asterisk", "/usr/local/sbin/asterisk", "/opt/asterisk/sbin/asterisk")
_MUSIC = (".wav", ".alaw", ".ulaw", ".sln", ".sln16", ".g722")


def find_or_install(home: Path, progress: Progress, named: str | None = None) -> Installation:
    """Return the Asterisk to use.

    In this order: the program named by HATIF_ASTERISK (or `named`, its saved value), the private one in `home`, one of
    the machine, a private one unpacked into `home` now. May be interrupted and called again, also by several processes
    at once.

    Raises:
        AsteriskError: There is no Asterisk, and none can be installed.
    """
    return find(home, progress, named) or _install(home, progress)


def find(home: Path, progress: Progress | None = None, named: str | None = None) -> Installation | None:
    """Return the existing Asterisk, in the order of `find_or_install`; None if there is none.

    Raises:
        AsteriskError: The one named by HATIF_ASTERISK, or the private one, cannot be used.
    """
    if named := os.environ.get("HATIF_ASTERISK") or named:
        return _examine(Path(named), "named", f"HATIF_ASTERISK={named}")
    if installation := _private(home):
        root = private_root(home)
        if progress is not None and (different := apt.outdated(root, ASTERISK)):
            progress.step(
                f"The private Asterisk differs from the lock ({len(different)} packages, such as {different[0]}):"
                " `hatif asterisk upgrade --when-idle` installs the locked one."
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
    """Return a placeholder for the Asterisk that will be unpacked into `home`, for checking a configuration.

    Its `version` is empty, because the modules that it will have are not known.
    """
    root = private_root(home)
    return Installation((str(root),), root, root, root, root, "", "private")


def _install(home: Path, progress: Progress) -> Installation:
    home = home.absolute()
    make_folder(home)
    make_folder(home / "asterisk")
    with alone(home, progress):
        if installation := _private(home):  # another process was faster
            return installation
        root = private_root(home)
        if root.exists():
            raise AsteriskError(f"{root} exists, but was not unpacked by Hatif: remove it, then try again.")
        apt.unpack(home / "asterisk" / "apt", root, ASTERISK, progress, kept=kept(home), keep=True)
        shutil.rmtree(home / "asterisk" / RESTORED, ignore_errors=True)
    installation = _private(home)
    assert installation
    return installation


def kept(home: Path) -> list[Path]:
    """Return the folders that may have packages of Asterisk, so that nothing is downloaded."""
    named = os.environ.get("HATIF_ASTERISK_PACKAGES")
    return [*([Path(named).absolute()] if named else []), home.absolute() / "asterisk" / RESTORED]


def private_root(home: Path) -> Path:
    """Return the root of the private Asterisk's tree."""
    return home.absolute() / "asterisk" / "root"


def _private(home: Path) -> Installation | None:
    root = private_root(home)
    return tree(root) if (root / apt.MARKER).is_file() else None


def tree(root: Path) -> Installation:
    """Return the private Asterisk in a complete tree. Raises AsteriskError if it cannot be used."""
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
    """Return an Asterisk that the administrator installed; `name` is used in messages."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise AsteriskError(f"{name} is not an executable program; give the path of the asterisk program.")
    path = path.absolute()
    version = _version((str(path),), name)
    prefix = path.parent.parent
    directories = _directories(prefix)
    data_dir = _first(
        [directories.get("astdatadir"), prefix / "share/asterisk", prefix / "var/lib/asterisk", "/var/lib/asterisk"],
        "documentation/core-en_US.xml",
    )
    module_dir = _first(
        [directories.get("astmoddir"), *prefix.glob("lib/*/asterisk/modules"), *prefix.glob("lib*/asterisk/modules")],
        "res_pjsip.so",
    )
    if not module_dir:
        raise AsteriskError(
            f"{name}: its modules (res_pjsip.so) were not found; install them, or unset HATIF_ASTERISK."
        )
    if not data_dir:
        raise AsteriskError(
            f"{name}: its documentation/core-en_US.xml was not found; Asterisk does not start without it."
        )
    music = [
        directories.get("astdatadir"),
        directories.get("astvarlibdir"),
        data_dir,
        "/var/lib/asterisk",
        "/usr/share/asterisk",
    ]
    moh_dir = next((folder for place in music if place and _has_music(folder := Path(place, "moh"))), None)
    if not moh_dir:
        raise AsteriskError(f"{name}: there is no music on hold; put .wav files (8 kHz, mono) into {data_dir / 'moh'}.")
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
    """Return the release number.

    Raises:
        AsteriskError: The program cannot be run, is not Asterisk, or is too old.
    """
    try:
        result = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AsteriskError(f"{name} cannot be run ({error}); give the path of the asterisk program.") from error
    found = re.match(r"Asterisk (?:certified[-/])?(\d+)\.(\d+)(?:\.\d+)?", result.stdout)
    if not found:
        words = repr((result.stdout or result.stderr).strip().partition("\n")[0])
        raise AsteriskError(f"{name} -V prints {words}, which is not an Asterisk version; {_WANTED} is needed.")
    version = found[0].split()[-1]
    major, minor = int(found[1]), int(found[2])
    if major < min(_OLDEST) or minor < _OLDEST.get(major, 0):
        raise AsteriskError(f"{name} is Asterisk {version}; {_WANTED} is needed.")
    return version


def _directories(prefix: Path) -> dict[str, str]:
    """Return the directories named in the program's own asterisk.conf, if there is one that we may read."""
    for path in (prefix / "etc/asterisk/asterisk.conf", Path("/etc/asterisk/asterisk.conf")):
        parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",), allow_no_value=True)
        try:
            # "[directories](!)" and "key => value" are Asterisk's syntax.
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
def alone(home: Path, progress: Progress) -> Iterator[None]:
    """Hold this home's lock; the kernel releases it whatever happens to this process."""
    path = home / "asterisk" / "install.lock"
    try:
        file = path.open("w")
    except OSError as error:
        raise explain("write", path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("Waiting for another process that is unpacking Asterisk")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
