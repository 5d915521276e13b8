"""Renew the lock files of the packages from Debian: `python -m asterisk_conf.lock_packages`, run by scripts/lock."""

import sys
import tempfile
from pathlib import Path

from asterisk_conf import apt, package_lock
from asterisk_conf.debian import ARCHITECTURES, ASTERISK
from asterisk_conf.errors import AsteriskError


class _Lines:
    """Progress as lines on standard error."""

    def step(self, text: str) -> None:
        sys.stderr.write(f"  {text}\n")

    def update(self, done: int, total: int) -> None:
        pass


def main() -> None:
    lines = _Lines()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            for architecture in ARCHITECTURES:
                packages = apt.resolve(Path(temporary, "apt"), ASTERISK, architecture, lines)
                path = package_lock.lock_file(ASTERISK.name, architecture)
                changed = package_lock.write(path, ASTERISK.name, packages)
                lines.step(f"{path}: {len(packages)} packages, {'renewed' if changed else 'unchanged'}")
    except AsteriskError as error:
        sys.exit(f"lock_packages: {error}")


if __name__ == "__main__":
    main()
