"""Renew the lock files of the packages from Debian: `python -m ivr.cli.prompts.lock_packages`, run by scripts/lock."""

import sys
import tempfile
from pathlib import Path

from asterisk_conf import apt, package_lock
from asterisk_conf.debian import ARCHITECTURES, ASTERISK
from asterisk_conf.errors import AsteriskError
from ivr.cli.output import Bar
from ivr.cli.prompts.voices import MBROLA


def main() -> None:
    try:
        with Bar() as bar, tempfile.TemporaryDirectory() as temporary:
            for wanted in (ASTERISK, MBROLA):
                for architecture in ARCHITECTURES:
                    packages = apt.resolve(Path(temporary, "apt"), wanted, architecture, bar)
                    path = package_lock.lock_file(wanted.name, architecture)
                    changed = package_lock.write(path, wanted.name, packages)
                    bar.step(f"{path}: {len(packages)} packages, {'renewed' if changed else 'unchanged'}")
    except AsteriskError as error:
        sys.exit(f"lock_packages: {error}")


if __name__ == "__main__":
    main()
