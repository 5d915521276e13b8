"""Counts of a process for monitoring, in `run/NAME.counts`: monitoring never asks a process that has calls to do."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

EVERY_S = 5.0


def write(run: Path, name: str, counts: Mapping[str, float]) -> None:
    """Write the counts of this process. Raises OSError."""
    path = run / f"{name}.counts"
    draft = path.with_suffix(".counts.new")
    draft.write_text(json.dumps({"pid": os.getpid(), "counts": dict(counts)}), encoding="ascii")
    draft.replace(path)


def read(run: Path, name: str, pid: int) -> dict[str, float]:
    """Return the last counts of the process that has this pid; empty if it has written none."""
    try:
        found = json.loads((run / f"{name}.counts").read_bytes())
        return {str(key): float(value) for key, value in found["counts"].items()} if found["pid"] == pid else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def keep_writing(run: Path, name: str, counts: Callable[[], Mapping[str, float]]) -> None:
    """Start writing what `counts` returns every `EVERY_S` seconds, in a thread that ends with the process."""

    def work() -> None:
        while True:
            with suppress(OSError, RuntimeError):  # a full disk, or a count that was just added: the next one has it
                write(run, name, counts())
            time.sleep(EVERY_S)

    threading.Thread(target=work, name="counts", daemon=True).start()
