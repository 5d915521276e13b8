"""The browser of the tests: Debian's headless Chromium, unpacked into a folder, whatever the machine has.

It is kept beside the private Asterisk of the tests (`HATIF_TEST_CACHE`), some 400 MB, and fetched once. Nothing is
installed on the machine.
"""

import shlex
from pathlib import Path

import debian_tools
from line import CACHE

from asterisk_conf.debian import Wanted, machine
from asterisk_conf.files import write_text

DEBIAN = Wanted(
    name="Chromium",
    otherwise="run the tests of pages where apt is",
    packages=("chromium-headless-shell", "fonts-dejavu-core"),
    space=900_000_000,
    suite="trixie",
)
_FOLDER = CACHE / "chromium"

FLAGS = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",  # the line of the tests is on 127.0.0.1 only
    "--no-sandbox",  # refuses to run as root otherwise
    # Fewer processes: each costs time at its start, and whenever something goes from one to another.
    "--in-process-gpu",
)

UNASKED_SOUND = "--autoplay-policy=no-user-gesture-required"
SOUND_AFTER_A_CLICK = "--autoplay-policy=user-gesture-required"
"""The strictest of browsers: Chromium's own rule lets a page play that has the microphone."""


def program() -> str:
    """Return the path of a Chromium. Raises AsteriskError, with what to do, if none can be had."""
    root = debian_tools.tree(DEBIAN, _FOLDER)
    library = root / "usr/lib" / machine().triplet
    path = f"{library}:{library}/pulseaudio"
    # Chromium starts itself again, so it must not be started by its dynamic linker.
    start = _FOLDER / "chromium"
    shell = next((root / "usr/lib").glob("chromium*/*headless*shell"), Path("none"))
    write_text(start, f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(path)} exec {shlex.quote(str(shell))} "$@"\n', 0o755)
    return str(start)
