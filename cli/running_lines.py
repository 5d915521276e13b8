"""Find the lines of this checkout that run: a command without `HATIF_HOME` is meant for the only one."""

import os
import sys
from collections.abc import Collection
from pathlib import Path

import psutil

from ivr.home import line_settings
from ivr.home.settings import USUAL_HOME, SettingsError

_PROCESSES = ("ivr", "guard", "journal")


def running_homes() -> set[Path]:
    """Return each `HATIF_HOME` in which a process of this checkout runs, as far as this user may see."""
    ours = {sys.executable, str(Path(sys.executable).with_name("hatif"))}
    homes = set()
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        if words[-1] in _PROCESSES and ours & {*words}:
            try:
                homes.add(Path(process.environ()["HATIF_HOME"]))
            except (psutil.Error, OSError, KeyError):
                continue  # it has ended, or is another user's
    return homes


def find_home(running: Collection[Path] | None = None) -> Path:
    """Return the home that a command without `HATIF_HOME` is meant for.

    That is the checkout's own if a line was set up there, else that of the only line that runs, else the checkout's.
    Raises SettingsError where several run.
    """
    if (USUAL_HOME / line_settings.FILE).exists():
        return USUAL_HOME
    homes = sorted(running_homes() if running is None else running)
    if len(homes) > 1:
        listed = ", ".join(map(str, homes))
        raise SettingsError(f"Several lines run, in {listed}: set HATIF_HOME to the one that you mean.")
    return homes[0] if homes else USUAL_HOME


def choose_home() -> None:
    """Set `HATIF_HOME` for this command where the environment does not."""
    if not os.environ.get("HATIF_HOME"):
        os.environ["HATIF_HOME"] = str(find_home())
