"""Unpack Debian packages into a folder, without root and without changing the host: the private Asterisk, and voices
that an administrator installs.

The programs need a newer libc than the host's, so they are started with the dynamic linker of their own folder.

The packages are those locked in `locks/`, verified by hash. A mirror keeps a package for some days after its next
version appears. If one is gone, all packages are taken from the archives that this line has kept (`kept_archives`),
else from the suite's current state, verified by the archive's signature, and the differences from the lock are
reported.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from asterisk_conf import kept_archives, package_lock
from asterisk_conf.debian import Wanted, apt_error, errors_of, find_mirror, first_error, machine, prepare, run
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, make_folder, write_text
from asterisk_conf.package_lock import LockedPackage
from asterisk_conf.progress import Progress

MARKER = kept_archives.MARKER  # in the root of a complete tree: lists what was unpacked

_UPDATE = ("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
_DOWNLOADER = "/usr/lib/apt/apt-helper"
_GONE = re.compile(r"Failed to fetch (\S+) +(?:404|410|File not found)")


def program(root: Path, name: str) -> tuple[str, ...]:
    """Return the command line that starts `name` (such as "usr/sbin/asterisk") of the tree in `root`."""
    library = root / "usr/lib" / machine().triplet
    return (str(library / machine().linker), "--library-path", str(library), str(root / name))


def unpack(
    folder: Path,
    root: Path,
    wanted: Wanted,
    progress: Progress,
    *,
    kept: Sequence[Path] = (),
    keep: bool = False,
    newest: bool = False,
) -> None:
    """Download the wanted packages with their dependencies and unpack them into `root`, which appears atomically.

    `folder` keeps the downloads if this is interrupted, and is removed at the end.

    Args:
        kept: Folders that may have archives (`kept_archives`): the locked ones are not downloaded then, and if nothing
            else can be had, those of the first folder that has any are taken.
        keep: Whether the archives are kept in the tree.
        newest: Whether to take the suite's current state in any case.

    Raises:
        AsteriskError: There is nothing to unpack, and what to do.
    """
    if any(character in str(root) for character in ':;"\\') or not str(root).isprintable():
        raise AsteriskError(f'{wanted.name} cannot be unpacked into {str(root)!r}: choose a path without : ; " and \\.')
    archives = _archives(folder, wanted, progress, kept, newest)
    progress.step(f"Unpacking {len(archives)} packages into {root}")
    unpacked = _unpack_archives(archives, root, wanted, progress, keep)
    _report_differences(root, unpacked, wanted, progress)
    shutil.rmtree(folder, ignore_errors=True)


def fetch(folder: Path, out: Path, wanted: Wanted, progress: Progress) -> int:
    """Download the archives that `unpack` would, into `out`, for a machine without a mirror; return their number.

    Args:
        folder: Keeps the downloads if this is interrupted, and is removed at the end.

    Raises:
        AsteriskError: They cannot be had, and what to do.
    """
    archives = _archives(folder, wanted, progress, (), newest=False)
    progress.step(f"Copying {len(archives)} packages to {out}")
    try:
        out.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(out / kept_archives.FOLDER, ignore_errors=True)
        kept_archives.put(archives, out / kept_archives.FOLDER)
    except OSError as error:
        raise explain("write", out, error) from error
    _report_differences(out, _record(archives, out, wanted), wanted, progress)
    shutil.rmtree(folder, ignore_errors=True)
    return len(archives)


def _archives(folder: Path, wanted: Wanted, progress: Progress, kept: Sequence[Path], newest: bool) -> list[Path]:
    """Return the locked archives, from a kept folder or the mirror; else kept ones; else the suite's current ones."""
    for tool in ("apt-get", "apt-config", "dpkg-deb"):
        if not shutil.which(tool):
            raise AsteriskError(
                f"This machine has no {tool}, so a private {wanted.name} cannot be installed: {wanted.otherwise}."
            )
    lock = package_lock.read(package_lock.lock_file(wanted.name, machine(wanted).architecture))
    make_folder(folder)
    _check_space(folder, wanted)
    others: tuple[Path, ...] = ()
    for place in () if newest else kept:
        there = kept_archives.read(place)
        if archives := kept_archives.locked(there, lock):
            progress.step(f"The {len(archives)} locked packages of {wanted.name} are in {place}: nothing is downloaded")
            return archives
        others = others or tuple(there)
    try:
        mirror = find_mirror()
        environment = prepare(folder, mirror, wanted)
        if not newest and (archives := _fetch_locked(lock, folder, environment, mirror, wanted, progress)):
            return archives
    except AsteriskError as error:
        if not others:
            raise
        progress.step(str(error))
    if others:
        progress.step(f"Taking the {len(others)} packages in {others[0].parent}, which are not the locked ones")
        return list(others)
    return _fetch_from_suite(lock, folder, environment, mirror, wanted, progress)


def _report_differences(where: Path, unpacked: Mapping[str, str], wanted: Wanted, progress: Progress) -> None:
    """Say how what was taken differs from the lock."""
    lock = package_lock.read(package_lock.lock_file(wanted.name, machine(wanted).architecture))
    if not lock or not (different := package_lock.differences(lock, unpacked)):
        return
    main = wanted.packages[0]
    release = next((upstream(package.version) for package in lock if package.name == main), None)
    if release is not None and main in unpacked and (other := upstream(unpacked[main])) != release:
        progress.step(f"{wanted.name} {other} was not tested with this Hatif, which was tested with {release}")
    progress.step(
        f"{len(different)} packages of {wanted.name} differ from the lock: {', '.join(different)}."
        f" {where / MARKER} records what was taken; scripts/lock renews the lock."
    )


def outdated(root: Path, wanted: Wanted, *, reported: bool = False) -> list[str]:
    """Return how a complete tree differs from a lock that has changed since, a few words per package.

    Args:
        reported: Whether to return differences that were reported at installation, from a lock that is the same now.
    """
    path = package_lock.lock_file(wanted.name, machine(wanted).architecture)
    installed = json.loads((root / MARKER).read_bytes())
    if not reported and installed.get("lock") == package_lock.digest(path):
        return []
    lock = package_lock.read(path)
    return package_lock.differences(lock, installed["unpacked"]) if lock else []


def keeps_archives(root: Path) -> bool:
    """Return whether a tree has the archives that it was made of; those of an earlier version of Hatif have none."""
    return (root / kept_archives.FOLDER).is_dir()


def resolve(folder: Path, wanted: Wanted, architecture: str, progress: Progress) -> list[LockedPackage]:
    """Return the packages of the suite's current state, for a lock; `folder` is for work, and removed at the end."""
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
    """Download the locked packages; return their files, or none without a lock or if the mirror lacks a file."""
    files = {package: folder / "locked" / package.file for package in lock}
    # An interrupted run may have left half a file.
    missing = [package for package, file in files.items() if package_lock.digest(file) != package.sha256]
    if not lock or not Path(_DOWNLOADER).exists():
        return []
    make_folder(folder / "locked")
    size = sum(package.size for package in missing)
    progress.step(f"Downloading {len(lock)} locked packages of {wanted.name} from {mirror} ({size // 1_000_000} MB)")
    # The main package first: if it is gone or the mirror is unreachable, we do not wait for the others.
    missing.sort(key=lambda package: package.name != wanted.packages[0])
    for part in (missing[:1], missing[1:]):
        command = [_DOWNLOADER, "download-file"]
        for package in part:
            files[package].unlink(missing_ok=True)
            command += [f"{mirror}/{package.place}", str(files[package])]
        errors = errors_of(command, environment, progress) if part else ""
        if gone := [package.name for package in part if f"{mirror}/{package.place}" in _GONE.findall(errors)]:
            progress.step(f"{mirror} no longer has the locked {', '.join(gone)}")
            return []
        if errors:
            raise apt_error(errors, mirror, wanted)
    for package in missing:
        if (found := package_lock.digest(files[package])) != package.sha256:
            raise AsteriskError(
                f"{mirror}/{package.place} is not the locked file (SHA-256 {found}, not {package.sha256}): it was"
                " altered or damaged, and nothing was unpacked. Set HATIF_DEBIAN_MIRROR to another mirror."
            )
    return list(files.values())


def _fetch_from_suite(
    lock: Sequence[LockedPackage],
    folder: Path,
    environment: dict[str, str],
    mirror: str,
    wanted: Wanted,
    progress: Progress,
) -> list[Path]:
    """Download the suite's current packages, verified by the archive's signature; return the files.

    Raises:
        AsteriskError: Their main package is of another series than the locked one, which nobody has tried with Hatif.
    """
    progress.step(
        f"Taking {wanted.name} from the current state of the suite {wanted.suite}; reading its list of packages"
    )
    run([*_UPDATE], environment, mirror, wanted, progress)
    packages = _addresses(folder, environment, mirror, wanted)
    _check_series(lock, packages, mirror, wanted)
    size = sum(package.size for package in packages)
    progress.step(f"Downloading {', '.join(wanted.packages)} from {mirror} ({size // 1_000_000} MB)")
    run(_install(wanted), environment, mirror, wanted, progress)
    return [folder / "cache/archives" / package.file for package in packages]


def _check_series(
    lock: Sequence[LockedPackage], packages: Sequence[LockedPackage], mirror: str, wanted: Wanted
) -> None:
    name = wanted.packages[0]
    tested, found = (
        next((package.version for package in some if package.name == name), None) for some in (lock, packages)
    )
    if wanted.one_series and tested and found and upstream(tested).split(".")[0] != upstream(found).split(".")[0]:
        raise AsteriskError(
            f"The suite {wanted.suite} of {mirror} has {wanted.name} {upstream(found)}, with which Hatif was not tested"
            f" ({upstream(tested)} is): set HATIF_DEBIAN_MIRROR to a mirror that keeps old packages, such as"
            f" http://snapshot.debian.org/archive/debian/DATE, or {wanted.otherwise}."
        )


def upstream(version: str) -> str:
    """Return the release in a Debian version: 22.10.1 of `1:22.10.1~dfsg+~cs6.15-1`."""
    return re.split(r"[~+-]", version.rpartition(":")[2])[0]


def versions(root: Path, wanted: Wanted) -> dict[str, str]:
    """Return the Debian versions of the requested packages in a complete tree."""
    marker: dict[str, dict[str, str]] = json.loads((root / MARKER).read_bytes())
    return {name: marker["asked"].get(name, "unknown") for name in wanted.packages}


def _install(wanted: Wanted) -> list[str]:
    return ["apt-get", "--yes", "--download-only", "install", *wanted.packages]


def _addresses(folder: Path, environment: dict[str, str], mirror: str, wanted: Wanted) -> list[LockedPackage]:
    """Return the wanted packages with their dependencies.

    The query uses an empty cache: files from an interrupted run belong to the answer, older versions do not.
    """
    make_folder(folder / "none/partial")
    options = ["-o", f"Dir::Cache::archives={folder}/none", "-o", "Acquire::ForceHash=SHA256"]
    command = [*_install(wanted), "--print-uris", *options]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise apt_error(result.stderr, mirror, wanted)
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
            f"{wanted.name} needs {wanted.space // 1_000_000} MB in {folder.parent}, but only {free // 1_000_000} MB"
            f" are free: free some space, or set HATIF_HOME to another disk."
        )


def _unpack_archives(
    archives: Sequence[Path], root: Path, wanted: Wanted, progress: Progress, keep: bool
) -> dict[str, str]:
    """Unpack into `root` and record the packages there; return each package's version."""
    unfinished = root.with_name(f"{root.name}.new")
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o755)
        for number, archive in enumerate(archives, 1):
            result = subprocess.run(
                ["dpkg-deb", "-x", archive, unfinished], capture_output=True, text=True, check=False
            )
            if result.returncode:
                raise AsteriskError(
                    f"Cannot unpack {shlex.quote(str(archive))} ({first_error(result.stderr)}): free some disk space"
                    f" or remove the file, then try again."
                )
            progress.update(number, len(archives))
        if keep:
            kept_archives.put(archives, unfinished / kept_archives.FOLDER)
        versions = _record(archives, unfinished, wanted)
        unfinished.rename(root)
    except OSError as error:
        raise explain(f"unpack {wanted.name} into", root, error) from error
    return versions


def _record(archives: Sequence[Path], folder: Path, wanted: Wanted) -> dict[str, str]:
    """Write the list of packages into `folder`; return each one's version."""
    versions, hashes = {}, {}
    for archive in archives:
        name, version, _ = archive.name.split("_", 2)
        versions[name] = version.replace("%3a", ":")
        hashes[name] = package_lock.digest(archive)
    asked = {name: versions.get(name, "unknown") for name in wanted.packages}
    lock = package_lock.digest(package_lock.lock_file(wanted.name, machine(wanted).architecture))
    installed = {"asked": asked, "unpacked": versions, "sha256": hashes, "lock": lock}
    write_text(folder / MARKER, json.dumps(installed, indent=1) + "\n", 0o644)
    return versions
