"""How a command asks the desk's process for a report: over a Unix socket that only the line's user can open.

The command sends one line, `Asked` as JSON. The desk answers `ACCEPTED` at once if it makes the report, which needs the
same `FORMAT` and database on both sides, then the length of all results in eight bytes, and the results
(`reports.job.join`); it closes the connection instead of whatever it cannot do.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from reports.job import Job
from reports.request import RequestError

FORMAT = 1
"""Of requests and results; raise it when either changes."""

ACCEPTED = b"\x01"
MOST = 65_536
"""Bytes of a request."""


def socket_in(run: Path) -> Path:
    """Return the socket in the folder of what runs."""
    return run / "reports.sock"


@dataclass(frozen=True, slots=True)
class Asked:
    """A job, and of which database. The database's URL is compared by its hash: it may have a password."""

    job: Job
    database: str

    @classmethod
    def of(cls, job: Job, database_url: str) -> "Asked":
        return cls(job, database_mark(database_url))

    def encode(self) -> bytes:
        """Return the line."""
        return orjson.dumps({"format": FORMAT, "database": self.database, "job": self.job.to_json()}) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Asked":
        """Return what `encode` was given. Raises ValueError if it was something else."""
        try:
            found = orjson.loads(line)
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}")
            return cls(Job.from_json(found["job"]), str(found["database"]))
        except (KeyError, TypeError, RequestError) as error:
            raise ValueError(str(error)) from error


def database_mark(database_url: str) -> str:
    """Return by what a database is known in requests."""
    return sha256(database_url.encode()).hexdigest()
