"""Ask the desk's process, which has everything loaded, for a report."""

import socket
from contextlib import suppress
from pathlib import Path

from reports.exchange import ACCEPTED, Asked, socket_in
from reports.job import LENGTH, Job, split

_AT_ONCE_S = 1.0
"""Seconds within which the desk accepts."""

_LONGEST_S = 65.0
"""The desk gives up after 60."""


def ask_desk(run: Path, database_url: str, job: Job) -> list[bytes] | None:
    """Return the results of a job; None if there is no desk that makes reports of this database.

    `run`: the folder of what runs.
    """
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        desk.settimeout(_AT_ONCE_S)
        desk.connect(str(socket_in(run)))
        desk.sendall(Asked.of(job, database_url).encode())
        if desk.recv(len(ACCEPTED)) == ACCEPTED:
            desk.settimeout(_LONGEST_S)
            with desk.makefile("rb") as file:
                length = file.read(LENGTH)
                made = file.read(int.from_bytes(length))
            if len(length) == LENGTH and len(made) == int.from_bytes(length):
                return split(made)
    return None
