"""Debian's own packages, unpacked into a folder, without root and without touching the host: the private Asterisk, and
the voices that an administrator asks for.

The programs need a newer libc than the host's and start through the dynamic linker of their own folder.

What is fetched is what `locks/` says, verified by its hash. A mirror keeps a package for some days after its next
version came. When one is gone, all are taken as the suite has them, signed by the archive; the differences are listed.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from asterisk_conf import package_lock
from asterisk_conf.debian import Wanted, errors_of, find_mirror, last_words, machine, prepare, reason, run
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, make_folder, write_text
from asterisk_conf.package_lock import LockedPackage
from asterisk_conf.progress import Progress

MARKER = "hatif-install.json"  # in the root of a finished tree: what was unpacked

_UPDATE = ("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
_DOWNLOADER = "/usr/lib/apt/apt-helper"
_GONE = re.compile(r"Failed to fetch (\S+) +(?:404|410|File not found)")


def program(root: Path, name: str) -> tuple[str, ...]:
    """The command line that starts `name` (such as "usr/sbin/asterisk") of the tree in `root`."""
    library = root / "usr/lib" / machine().triplet
    return (str(library / machine().linker), "--library-path", str(library), str(root / name))


def unpack(folder: Path, root: Path, wanted: Wanted, progress: Progress) -> None:
    """Fetch what is wanted with all that it needs and unpack them into `root`, which appears complete or not at all.

    `folder` keeps what was fetched when this is interrupted, and is removed at the end.
    """
    for tool in ("apt-get", "apt-config", "dpkg-deb"):
        if not shutil.which(tool):
            raise AsteriskError(
                f"This machine has no {tool}, so no private {wanted.name} can be made: {wanted.otherwise}."
            )
    if any(character in str(root) for character in ':;"\\') or not str(root).isprintable():
        raise AsteriskError(f'{wanted.name} cannot be unpacked into {str(root)!r}: choose a path without : ; " and \\.')
    lock = package_lock.read(package_lock.lock_file(wanted.name, machine(wanted).architecture))
    mirror = find_mirror()
    environment = prepare(folder, mirror, wanted)
    _check_space(folder, wanted)
    archives = _fetch_locked(lock, folder, environment, mirror, wanted, progress) or _fetch_from_suite(
        folder, environment, mirror, wanted, progress
    )
    progress.step(f"Unpacking {len(archives)} packages into {root}")
    unpacked = _unpack_archives(archives, root, wanted, progress)
    if lock and (different := package_lock.differences(lock, unpacked)):
        progress.step(
            f"{len(different)} packages of {wanted.name} are not as locked: {', '.join(different)}."
            f" {root / MARKER} records what was installed; scripts/lock renews the lock."
        )
    shutil.rmtree(folder, ignore_errors=True)


def outdated(root: Path, wanted: Wanted) -> list[str]:
    """Return how a finished tree differs from a lock that was renewed since it was made, a few words a package."""
    path = package_lock.lock_file(wanted.name, machine(wanted).architecture)
    installed = json.loads((root / MARKER).read_bytes())
    if installed.get("lock") == package_lock.digest(path):
        return []  # the differences were shown when it was made
    lock = package_lock.read(path)
    return package_lock.differences(lock, installed["unpacked"]) if lock else []


def resolve(folder: Path, wanted: Wanted, architecture: str, progress: Progress) -> list[LockedPackage]:
    """Return the packages of the suite's present state, for a lock. Works in `folder`, which is removed at the end."""
    mirror = find_mirror()
    environment = prepare(folder, mirror, wanted, architecture)
    progress.step(f"Reading the list of packages for {architecture} from {mirror}")
    run([*_UPDATE], environment, mirror, wanted, progress)
    packages = _addresses(folder, environment, mirror, wanted)
    shutil.rmtree(folder, ignore_errors=True)
    return packages


def _fetch_locked(
    lock: Sequence[LockedPackage],
    folder: Path,
    environment: dict[str, str],
    mirror: str,
    wanted: Wanted,
    progress: Progress,
) -> list[Path]:
    """Fetch what is locked; return the files, none if there is no lock or the mirror lacks a file of it."""
    files = {package: folder / "locked" / package.file for package in lock}
    # What an interrupted run left may be half a file.
    missing = [package for package, file in files.items() if package_lock.digest(file) != package.sha256]
    if not lock or not Path(_DOWNLOADER).exists():
        return []
    make_folder(folder / "locked")
    size = sum(package.size for package in missing)
    progress.step(f"Fetching {len(lock)} locked packages of {wanted.name} from {mirror} ({size // 1_000_000} MB)")
    # The first one alone: if even that is gone, or the mirror is away, nobody waits for the others.
    missing.sort(key=lambda package: package.name != wanted.packages[0])
    for part in (missing[:1], missing[1:]):
        command = [_DOWNLOADER, "download-file"]
        for package in part:
            files[package].unlink(missing_ok=True)
            command += [f"{mirror}/{package.place}", str(files[package])]
        errors = errors_of(command, environment, progress) if part else ""
        if gone := [package.name for package in part if f"{mirror}/{package.place}" in _GONE.findall(errors)]:
            told = f"{mirror} no longer has {', '.join(gone)} as locked"
            progress.step(f"{told}; taking {wanted.name} as the suite {wanted.suite} has it now")
            return []
        if errors:
            raise reason(errors, mirror, wanted)
    for package in missing:
        if (found := package_lock.digest(files[package])) != package.sha256:
            raise AsteriskError(
                f"{mirror}/{package.place} is not the file that is locked (SHA-256 {found}, not {package.sha256}): it"
                " was altered or damaged, and nothing was unpacked. Name another mirror in HATIF_DEBIAN_MIRROR."
            )
    return list(files.values())


def _fetch_from_suite(
    folder: Path, environment: dict[str, str], mirror: str, wanted: Wanted, progress: Progress
) -> list[Path]:
    """Fetch what is wanted as the suite has it now, verified by the archive's signature; return the files."""
    progress.step(f"Reading the list of packages from {mirror}")
    run([*_UPDATE], environment, mirror, wanted, progress)
    packages = _addresses(folder, environment, mirror, wanted)
    size = sum(package.size for package in packages)
    progress.step(f"Fetching {', '.join(wanted.packages)} from {mirror} ({size // 1_000_000} MB)")
    run(_install(wanted), environment, mirror, wanted, progress)
    return [folder / "cache/archives" / package.file for package in packages]


def versions(root: Path, wanted: Wanted) -> dict[str, str]:
    """Debian's versions of what was asked for, in a finished tree."""
    told: dict[str, dict[str, str]] = json.loads((root / MARKER).read_bytes())
    return {name: told["asked"].get(name, "unknown") for name in wanted.packages}


def _install(wanted: Wanted) -> list[str]:
    return ["apt-get", "--yes", "--download-only", "install", *wanted.packages]


def _addresses(folder: Path, environment: dict[str, str], mirror: str, wanted: Wanted) -> list[LockedPackage]:
    """Return what is wanted, with all that it needs.

    Asked with an empty cache: what an interrupted run fetched belongs to it, an older version left there does not.
    """
    make_folder(folder / "none/partial")
    options = ["-o", f"Dir::Cache::archives={folder}/none", "-o", "Acquire::ForceHash=SHA256"]
    command = [*_install(wanted), "--print-uris", *options]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise reason(result.stderr, mirror, wanted)
    packages = []
    for line in result.stdout.splitlines():
        # 'address' file size hash
        if match := re.fullmatch(r"'([^']+)' (\S+) (\d+)(?: SHA256:([0-9a-f]{64}))?.*", line):
            name, version, _ = match[2].split("_", 2)
            place = match[1].removeprefix(f"{mirror}/")
            packages.append(LockedPackage(name, version.replace("%3a", ":"), place, int(match[3]), match[4] or ""))
    return packages


def _check_space(folder: Path, wanted: Wanted) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted.space:
        raise AsteriskError(
            f"{wanted.name} needs {wanted.space // 1_000_000} MB in {folder.parent} and {free // 1_000_000} MB are"
            f" free: make room, or set HATIF_HOME to another disk."
        )


def _unpack_archives(archives: Sequence[Path], root: Path, wanted: Wanted, progress: Progress) -> dict[str, str]:
    """Unpack into `root` and record there what was; return each package's version."""
    unfinished = root.with_name(f"{root.name}.new")
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o755)
        versions, hashes = {}, {}
        for number, archive in enumerate(archives, 1):
            result = subprocess.run(
                ["dpkg-deb", "-x", archive, unfinished], capture_output=True, text=True, check=False
            )
            if result.returncode:
                raise AsteriskError(
                    f"Cannot unpack {shlex.quote(str(archive))} ({last_words(result.stderr)}): make room on the disk"
                    f" or remove the file, then try again."
                )
            name, version, _ = archive.name.split("_", 2)
            versions[name] = version.replace("%3a", ":")
            hashes[name] = package_lock.digest(archive)
            progress.update(number, len(archives))
        told = {name: versions.get(name, "unknown") for name in wanted.packages}
        lock = package_lock.digest(package_lock.lock_file(wanted.name, machine(wanted).architecture))
        installed = {"asked": told, "unpacked": versions, "sha256": hashes, "lock": lock}
        write_text(unfinished / MARKER, json.dumps(installed, indent=1) + "\n", 0o644)
        unfinished.rename(root)
    except OSError as error:
        raise explain(f"unpack {wanted.name} into", root, error) from error
    return versions
