"""The check of `hatif status` for an Asterisk that runs and does not answer, as the guard sees it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.processes.check import Check, phrase
from ivr.home import process_counts
from ivr.process.asterisk_watch import ALARM_S
from ivr.process.process import ProcessInfo


def check_answers(run: Path, running: Mapping[str, ProcessInfo]) -> Iterator[Check]:
    """Check that Asterisk answers; nothing to say while it does, or if the guard does not run."""
    if "guard" not in running or "asterisk" not in running:
        return
    figures = process_counts.read(run, "guard", running["guard"].pid)
    silent_s, still_s = figures.get("asterisk_silent_s", 0.0), figures.get("asterisk_still_s", 0.0)
    if silent_s < ALARM_S:
        return
    if still_s:
        found = phrase("Asterisk has not answered for %(seconds)d s, and does nothing", seconds=round(silent_s))
        remedy = "the guard ends it soon, and another one starts"
    else:
        found = phrase("Asterisk has not answered for %(seconds)d s, but works", seconds=round(silent_s))
        remedy = "it may be busy; if it does not recover, `hatif restart asterisk --now` ends it with all calls"
    yield Check("asterisk answers", False, True, found, remedy)
