"""Everything that monitoring reports, read from where it is kept: `hatif status`, the controller, counts on disk."""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

import psutil

from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.processes import status
from cli.processes.status import LineStatus
from ivr.home import existing, process_counts
from ivr.home.credentials import CredentialsError
from ivr.process.process import processes
from ivr.site.findings import SiteError

COUNTING = ("guard", "desk", "gate")
"""The processes that write counts of their own; those of the controller are asked for, as they are live."""


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """A process. Where it is not up, the rest is zero."""

    up: bool
    started: float = 0.0  # POSIX seconds
    cpu_s: float = 0.0
    memory: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that monitoring reports.

    Attributes:
        figures: `Figures` of the control API; None while the controller does not answer.
        counts: Of processes, by their name.
        disk_free: Bytes; None if there is no HATIF_HOME.
        read_s: How long it took to read all this.
    """

    version: str
    node: str
    status: LineStatus
    figures: Mapping[str, Any] | None = None
    processes: Mapping[str, ProcessFacts] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    disk_free: int | None = None
    read_s: float = 0.0


class FactsReader:
    """Reads facts again and again, with the site's files as the controller has read them.

    What is edited in them is not in force before `hatif reload`: a new number must not make a line look broken.
    """

    def __init__(self, parts: AsteriskParts, compose: Callable[[], AsteriskParts] = AsteriskParts) -> None:
        self.parts = parts
        self._compose = compose
        self._controller: int | None = None

    def read(self) -> Facts:
        """Return what is known now. Call it outside of an event loop."""
        self.renew()
        return read(self.parts)

    def renew(self) -> None:
        """Read the site's files again if another controller runs, which has read them as well."""
        controller = processes(self.parts.settings.run).get("ivr")
        if controller is None or not controller.alive or controller.pid == self._controller:
            return
        with suppress(SiteError, CredentialsError):  # somebody edits them just now: next time
            newer = self._compose()
            _ = newer.site, newer.operators, newer.credentials
            self.parts, self._controller = newer, controller.pid


def read(parts: AsteriskParts) -> Facts:
    """Return what is known now. Call it outside of an event loop."""
    began = time.monotonic()
    home = parts.settings.home
    line = status.read(parts, {"figures": lambda: _ask_figures(parts)})
    figures: Mapping[str, Any] | None = line.also.get("figures")
    running = processes(parts.settings.run)
    alive = {name: info.pid for name, info in running.items() if info.alive}
    return Facts(
        version=own_version(),
        node=parts.site.node,
        status=line,
        figures=figures,
        processes={name: _process(alive.get(name)) for name in {*expected_processes(parts), *alive}},
        counts={name: process_counts.read(parts.settings.run, name, alive[name]) for name in COUNTING if name in alive},
        disk_free=shutil.disk_usage(home).free if home.exists() else None,
        read_s=time.monotonic() - began,
    )


def _ask_figures(parts: AsteriskParts) -> Mapping[str, Any] | None:
    with suppress(ControlError):
        return cast(dict[str, Any], parts.ask_controller("GET", "/figures"))
    return None


def own_version() -> str:
    """Return Hatif's version, as installed."""
    try:
        return version("hatif")
    except PackageNotFoundError:
        return "unknown"


def expected_processes(parts: AsteriskParts) -> tuple[str, ...]:
    """Return the processes that belong to the line, but the voices', which end when they have done their work."""
    desk = ("desk", "gate") if parts.site.desk.enabled else ()
    hear = ("hear",) if parts.site.speech.menus else ()
    transcriber = ("transcriber",) if parts.site.speech.messages else ()
    asterisk = ("asterisk",) if existing.read(parts.settings.home) is None else ()
    return (*asterisk, "ivr", "guard", "journal", "monitor", *desk, *hear, *transcriber)


def _process(pid: int | None) -> ProcessFacts:
    if pid is None:
        return ProcessFacts(up=False)
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            used_s = times.user + times.system
            return ProcessFacts(True, process.create_time(), used_s, process.memory_info().rss)
    except psutil.Error:
        return ProcessFacts(up=False)
