"""A wall clock of the line's own, which can be stepped: libfaketime in every process of the line, Asterisk included.

Their monotonic clocks and the machine's own clock stay as they are. The bench goes by the machine's.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from asterisk_conf import apt, install
from asterisk_conf.debian import Wanted, machine
from asterisk_conf.errors import AsteriskError
from bench.faults.judge import Row
from bench.floor.line import LineError
from bench.queue_lines import Quiet

HOUR_S = 3600.0
LIBRARY = Wanted(
    name="libfaketime",
    otherwise="leave out --clock",
    packages=("libfaketime",),
    space=300_000_000,
    suite="trixie",
)
_PLACE = "usr/lib/{triplet}/faketime/libfaketimeMT.so.1"
_READ_EVERY_S = 1  # each process looks how far its clock is off


def file_of(home: Path) -> Path:
    """Return the file that says how far the line's clock is off; it exists if the line has a clock of its own."""
    return home.parent / "clock"


def prepare(home: Path, installed: Path) -> Mapping[str, str]:
    """Give Asterisk a clock of its own; return what does it for other processes, by variables of their environment.

    Call it in a mount namespace: the linker that starts the private Asterisk is replaced there.

    Args:
        installed: The folder in which the private Asterisk is.

    Raises:
        LineError: It cannot be done, and why.
    """
    folder, cache = home.parent, installed / "bench"
    root = cache / "faketime"
    try:
        if not (root / apt.MARKER).is_file():
            apt.unpack(cache / "apt", root, LIBRARY, Quiet())
    except AsteriskError as error:
        raise LineError(str(error)) from error
    step(home, 0.0)
    environment = {
        "LD_PRELOAD": str(root / _PLACE.format(triplet=machine().triplet)),
        "FAKETIME_TIMESTAMP_FILE": str(file_of(home)),
        "FAKETIME_CACHE_DURATION": str(_READ_EVERY_S),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "NO_FAKE_STAT": "1",  # heartbeats are files' times
    }
    linker = Path(apt.program(install.private_root(installed), "usr/sbin/asterisk")[0])
    if not linker.is_file():
        raise LineError(f"{linker} does not exist: --clock needs the private Asterisk of `hatif setup`")
    real, instead = folder / "linker", folder / "linker-with-clock"
    shutil.copy2(linker, real)
    variables = " ".join(f"{name}='{value}'" for name, value in environment.items())
    instead.write_text(f'#!/bin/sh\nexport {variables}\nexec {real} "$@"\n')
    instead.chmod(0o755)
    subprocess.run(["mount", "--bind", instead, linker], check=True)
    return environment


def step(home: Path, seconds: float) -> None:
    """Set the line's clock so far before (or, negative, behind) the machine's."""
    file = file_of(home)
    new = file.with_suffix(".new")
    new.write_text(f"{seconds:+.0f}\n")
    new.replace(file)


def by_the_machine(row: Row, near: float) -> Row:
    """Return a row with its instants by the machine's clock; none is further from `near` than half an hour."""

    def back(at: float | None) -> float | None:
        return at if at is None else at - HOUR_S * round((at - near) / HOUR_S)

    return replace(
        row,
        started=row.started - HOUR_S * round((row.started - near) / HOUR_S),
        answered=back(row.answered),
        queued=back(row.queued),
        connected=back(row.connected),
        ended=back(row.ended),
    )
