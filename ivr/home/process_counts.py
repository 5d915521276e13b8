"""Counts of a process for monitoring, in `run/NAME.counts`: monitoring never asks a process that has calls to do."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from ivr.home.heartbeat import boot_time

log = structlog.get_logger()

EVERY_S = 5.0


def write(run: Path, name: str, counts: Mapping[str, float]) -> None:
    """Write the counts of this process. Raises OSError."""
    path = run / f"{name}.counts"
    draft = path.with_suffix(".counts.new")
    found = {"pid": os.getpid(), "at": boot_time(), "counts": dict(counts)}
    draft.write_text(json.dumps(found), encoding="ascii")
    draft.replace(path)


def read(run: Path, name: str, pid: int) -> dict[str, float]:
    """Return the last counts of the process that has this pid; empty if it has written none.

    Those whose name ends in `_age_s` have grown since they were written: what gets old is also seen in a process that
    is stopped.
    """
    try:
        found = json.loads((run / f"{name}.counts").read_bytes())
        if found["pid"] != pid:
            return {}
        since_s = max(0.0, boot_time() - float(found["at"]))
        return {
            str(key): float(value) + (since_s if key.endswith("_age_s") else 0.0)
            for key, value in found["counts"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def keep_writing(run: Path, name: str, counts: Callable[[], Mapping[str, float]]) -> None:
    """Start writing what `counts` returns every `EVERY_S` seconds, in a thread that ends with the process."""

    def work() -> None:
        failed = ""
        while True:
            try:
                write(run, name, counts())
                failed = ""
            except (OSError, RuntimeError):
                pass  # a full disk, or a count that was just added: the next one has it
            except Exception as error:  # whatever it is: without counts, nobody could see how the process is
                if repr(error) != failed:
                    log.exception("the counts for monitoring cannot be written", process=name)
                failed = repr(error)
            time.sleep(EVERY_S)

    threading.Thread(target=work, name="counts", daemon=True).start()
