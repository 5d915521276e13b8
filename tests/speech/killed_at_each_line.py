"""Replaces a model in processes that are killed, each one line of speech/ later than the one before (in a loop, once).

Arguments: a folder for models, one for each process; a folder with the present model; one with the new model;
"two steps" if the file system cannot exchange folders. Prints how many processes were killed.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from speech import exchange, install, models


def main(place: Path, present: Path, new: Path, how: str) -> None:
    if how == "two steps":
        exchange._exchange = lambda one, other: False
    for line in range(1, 5000):
        home = place / str(line)
        shutil.copytree(present, home / models.VOSK / "fr")
        child = os.fork()
        if not child:
            _replace(home, new, line)
        if os.WIFEXITED(os.waitpid(child, 0)[1]):
            sys.stdout.write(f"{line - 1}\n")
            return


def _replace(home: Path, new: Path, line: int) -> None:
    reached = set[tuple[str, int]]()

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        if "/speech/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            if len(reached) == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(count)
    install.install(new, "fr", models.Models(home, home / "cache"), replace=True, try_it=lambda folder: None)
    sys.settrace(None)
    os._exit(0)


main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
