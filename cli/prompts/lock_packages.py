"""Renew the lock files of the packages from Debian: `python -m cli.prompts.lock_packages`, run by scripts/lock."""

import sys
import tempfile
from pathlib import Path

from asterisk_conf import apt, package_lock
from asterisk_conf.debian import ARCHITECTURES, ASTERISK
from asterisk_conf.errors import AsteriskError
from cli.output import Bar


def main() -> None:
    try:
        with Bar() as bar, tempfile.TemporaryDirectory() as temporary:
            for architecture in ARCHITECTURES:
                packages = apt.resolve(Path(temporary, "apt"), ASTERISK, architecture, bar)
                path = package_lock.lock_file(ASTERISK.name, architecture)
                changed = package_lock.write(path, ASTERISK.name, packages)
                bar.step(f"{path}: {len(packages)} packages, {'renewed' if changed else 'unchanged'}")
    except AsteriskError as error:
        sys.exit(f"lock_packages: {error}")


if __name__ == "__main__":
    main()
