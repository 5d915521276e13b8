"""The log of `hatif up` on a terminal: a line for people per event, instead of the format that log files have."""

from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.output import cell, errors, local

_NAMES = {
    "asterisk": "Asterisk",
    "ivr": "The controller",
    "journal": "The deliverer of the journal",
    "guard": "The guard",
    "monitor": "The monitor",
    "voices": "The builder of slow voices",
    "transcriber": "What writes down voice messages",
    "desk": "The desk",
    "hear": "The recogniser of what callers say",
    "gate": "The gate of browser telephones",
}
_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}
_SHOWN_S = 0.1
"""A shorter time until a process was ready is not worth a word."""

_OMITTED = {"event", "level", "timestamp", "node", "exception", "logger"}


def _name(facts: Mapping[str, Any]) -> str:
    process = str(facts.get("process"))
    return _NAMES.get(process, process)


def _stopping(facts: Mapping[str, Any]) -> str:
    if facts["signal"] == "SIGINT":
        return "Stopping. Another Ctrl-C kills all processes at once."
    return f"Stopping ({facts['signal']})."


def _ready(facts: Mapping[str, Any]) -> str:
    took = f" after {facts['took_s']:.1f} s" if facts["took_s"] >= _SHOWN_S else ""
    return f"{_name(facts)} is ready{took} (pid {facts['pid']})."


def _restarted(facts: Mapping[str, Any]) -> str:
    gap = f"{facts['gap_ms'] / 1000:.1f} s later"
    return f"{_name(facts)} {facts['reason']}, and was started again {gap} (pid {facts['pid']})."


def _fails(facts: Mapping[str, Any]) -> str:
    return (
        f"{_name(facts)} {facts['reason']}. Failures in a row: {facts['failures']}; "
        f"the next start is in {facts['next_start_in_s']:g} s."
    )


def _slow(facts: Mapping[str, Any]) -> str:
    return (
        f"{_name(facts)} is not ready after {facts['after_s']:.0f} s, but works on its start; it gets more time. "
        f"The machine's load is {facts['load']:g}."
    )


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "all processes ready": lambda _: "Ready for calls. Ctrl-C stops the line; `hatif status` shows its state.",
    "stopping": _stopping,
    "killing the remaining processes": lambda _: "Killing the processes that are still running.",
    "process ready": _ready,
    "process is slow to start": _slow,
    "process restarted": _restarted,
    "process fails repeatedly": _fails,
    "process has done its work": lambda facts: f"{_name(facts)} has done its work.",
    "process adopted from an earlier supervisor": lambda facts: (
        f"{_name(facts)} was already running and stays (pid {facts['pid']})."
    ),
    "process runs with other arguments; it is replaced": lambda facts: (
        f"{_name(facts)} was already running, but with other arguments, and is replaced (pid {facts['pid']})."
    ),
    "process hangs; it is killed": lambda facts: (
        f"{_name(facts)} has shown no sign of life for {facts['silent_s']:.0f} s, and is killed (pid {facts['pid']})."
    ),
    "process had to be killed": lambda facts: f"{_name(facts)} did not stop within {facts['after_s']:g} s; killed.",
    "process cannot be ended": lambda facts: f"{_name(facts)} cannot be ended (pid {facts['pid']}).",
    "log cannot be written": lambda facts: f"The log of {_name(facts)} cannot be written: {facts['reason']}.",
    "pid file cannot be created": lambda facts: f"The pid file of {_name(facts)} cannot be created: {facts['reason']}.",
    "pid file cannot be written": lambda facts: f"The pid file of {_name(facts)} cannot be written: {facts['reason']}.",
}


def format_event(event: Mapping[str, Any]) -> str:
    """Return an event of the log as a sentence; one that is not known, with its values behind it."""
    try:
        return _SENTENCES[event["event"]](event)
    except KeyError:
        values = " ".join(f"{name}={cell(value)}" for name, value in event.items() if name not in _OMITTED)
        return f"{cell(event.get('event'))} {values}".rstrip()


def render(_: object, __: str, event: MutableMapping[str, Any], console: Console = errors) -> str:
    """Return a log line for a terminal: the time on the site's clock, and what happened; warnings in colour."""
    line = Text(f"{local(datetime.now(UTC)):%H:%M:%S}", style="dim")
    line.append(f"  {format_event(event)}", style=f"not dim {_STYLES.get(event.get('level', ''), '')}".rstrip())
    if trace := event.get("exception"):
        line.append(f"\n{trace}")
    with console.capture() as captured:
        console.print(line, soft_wrap=True, end="")
    return captured.get()
