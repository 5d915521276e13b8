"""A Debian mirror with small packages, for what downloads and unpacks them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from asterisk_conf import package_lock
from asterisk_conf.debian import Wanted, machine
from asterisk_conf.package_lock import LockedPackage

SMALL = Wanted(name="Small", otherwise="do without", packages=("one", "two"), space=1_000_000, one_series=True)


def archive(
    mirror: Path, name: str, version: str, content: str | Callable[[Path], object], *, options: tuple[str, ...] = ()
) -> LockedPackage:
    """Add a package to a mirror. `content`: of its only file, or a function that fills its tree."""
    tree = mirror / "trees" / name
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: small\n"
    )
    if callable(content):
        content(tree)
    else:
        (tree / name).write_text(content)
    place = f"pool/{name}_{version.partition(':')[2] or version}_all.deb"
    (mirror / "pool").mkdir(exist_ok=True)
    subprocess.run(["dpkg-deb", *options, "--build", tree, mirror / place], check=True, capture_output=True)
    digest = package_lock.digest(mirror / place)
    assert digest is not None
    return LockedPackage(name, version, place, (mirror / place).stat().st_size, digest)


def lock(wanted: Wanted, *packages: LockedPackage) -> Path:
    """Lock these packages, in the folder of locks that the test has set."""
    package_lock.FOLDER.mkdir(exist_ok=True)
    path = package_lock.lock_file(wanted.name, machine().architecture)
    package_lock.write(path, wanted.name, packages)
    return path
