"""`hatif operators --watch`: show the floor as the control API's events change it, until Ctrl-C."""

import contextlib
import json
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.composition import Composition
from cli.control import ControlApi, ControlError, Event
from cli.output import cell, console, local, zone_shown

_REFRESH_S = 1.0
_HEAD, _FEWEST = 4, 5
"""Lines of the display besides operators and summary; the operators that are shown even on a very small terminal."""
_COLUMNS = ("id", "name", "languages", "state", "since", "left", "talks with", "telephone")
_ORDER = ("talking", "offered", "wrapping_up", "ready", "paused", "away", "unknown")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The floor at an instant.

    `at`: POSIX seconds; `away`: why the controller does not answer; `back`: it answers again since the last snapshot.
    """

    at: float
    operators: Sequence[Mapping[str, Any]] = ()
    waiting: Sequence[Mapping[str, Any]] = ()
    away: str | None = None
    back: bool = field(default=False, compare=False)

    @property
    def document(self) -> dict[str, Any]:
        """The snapshot for programs: instants instead of durations, so that it changes only when something does."""
        if self.away is not None:
            return {"controller": False, "why": self.away}
        return {
            "controller": True,
            "operators": list(self.operators),
            "waiting": list(self.waiting),
            "counts": self.counts,
        }

    @property
    def counts(self) -> dict[str, int]:
        """The number of operators in each state that occurs."""
        states = Counter(str(row["state"]) for row in self.operators)
        return {state: states[state] for state in _ORDER if states[state]}


def watch(parts: Composition, *, as_json: bool) -> None:
    """Show the floor until Ctrl-C: a live display on a terminal, otherwise a text for each change.

    `as_json`: write one document per line instead.
    """
    with contextlib.suppress(KeyboardInterrupt):
        if as_json or not console.is_terminal:
            _write_lines(_snapshots(parts), as_json=as_json)
        else:
            with Live(console=console, auto_refresh=False) as live:
                for snapshot in _snapshots(parts):
                    live.update(_render(snapshot), refresh=True)


def _snapshots(parts: Composition) -> Iterator[Snapshot]:
    """Yield the floor after each event, and at least once a second, since durations grow."""
    received: queue.Queue[Event | str] = queue.Queue()
    threading.Thread(target=_receive, args=(parts.control, received), daemon=True).start()
    floor = Floor()
    away: str | None = None
    back = False
    while True:
        with contextlib.suppress(queue.Empty):
            items = [received.get(timeout=_REFRESH_S)]
            while not received.empty():
                items.append(received.get())
            for item in items:
                if isinstance(item, str):
                    away, back = item, False
                else:
                    floor.apply(item)
                    away, back = None, away is not None or back
        if away is not None:
            yield Snapshot(time.time(), away=away)
        elif floor.known:
            yield Snapshot(time.time(), floor.operators, floor.waiting, back=back)
            back = False


def _receive(control: ControlApi, received: "queue.Queue[Event | str]") -> None:
    """Put every event into the queue; when the stream ends, put the reason and connect again after a second.

    Each connection begins with a snapshot instead of resuming, since the display shows the present.
    """
    while True:
        try:
            for event in control.events():
                received.put(event)
        except ControlError as error:
            received.put(str(error))
        time.sleep(_REFRESH_S)


class Floor:
    """The operators and the queue, built from events. `known`: a snapshot has arrived."""

    def __init__(self) -> None:
        self._operators: dict[str, dict[str, Any]] = {}
        self.waiting: list[dict[str, Any]] = []
        self.known = False

    @property
    def operators(self) -> list[dict[str, Any]]:
        """The operators, in the order of the site's list."""
        return list(self._operators.values())

    def apply(self, event: Event) -> None:
        """Apply an event."""
        data = cast(dict[str, Any], event.data)
        match event.name:
            case "snapshot":
                self._operators = {row["id"]: _select_fields(row) for row in data["operators"]}
                self.waiting = data["queue"]
                self.known = True
            case "operator":
                self._operators[data["id"]] = _select_fields(data)
            case "queue":
                self.waiting = data["queue"]


def _select_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an operator that are shown."""
    return {name: value for name, value in row.items() if name not in ("topics", "supervisor")}


def _write_lines(snapshots: Iterator[Snapshot], *, as_json: bool) -> None:
    previous: Snapshot | None = None
    for snapshot in snapshots:
        if previous is None or snapshot.document != previous.document:
            text = (
                json.dumps({"at": round(snapshot.at, 3), **snapshot.document}, ensure_ascii=False)
                if as_json
                else _format_text(snapshot)
            )
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        previous = snapshot


def _format_text(snapshot: Snapshot) -> str:
    """Return a line for each operator who is not away or needs attention, the counts, and the queue."""
    at = local(datetime.fromtimestamp(snapshot.at, UTC))
    lines = [f"--- {at:%H:%M:%S} ({zone_shown()})"]
    if snapshot.away is not None:
        return "\n".join((*lines, snapshot.away))
    if snapshot.back:
        lines.append("The controller is back.")
    lines += [
        "  ".join(_cells(row, snapshot.at))
        for row in _sorted(snapshot)
        if row["state"] != "away" or _needs_attention(row)
    ]
    return "\n".join((*lines, *_summary(snapshot)))


def _render(snapshot: Snapshot) -> RenderableType:
    if snapshot.away is not None:
        return Text(f"{snapshot.away}\nRetrying every second; press Ctrl-C to quit.", style="red")
    table = Table(title="Operators", title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column == "id")
    lines = [*(["The controller is back."] if snapshot.back else []), *_summary(snapshot)]
    rows = _sorted(snapshot)
    fit = max(_FEWEST, console.height - len(lines) - _HEAD)
    if len(rows) > fit:
        lines.insert(0, f"... {len(rows) - fit} more")
    for row in rows[:fit]:
        table.add_row(*map(escape, _cells(row, snapshot.at)), style="yellow" if _needs_attention(row) else None)
    return Group(table, Text("\n".join(lines)))


def _sorted(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Return the operators, those who need a supervisor's attention first, then by state."""
    place = {state: index for index, state in enumerate(_ORDER)}
    return sorted(
        snapshot.operators,
        key=lambda row: (not _needs_attention(row), place.get(str(row["state"]), len(place)), str(row["id"])),
    )


def _needs_attention(row: Mapping[str, Any]) -> bool:
    """Return whether an operator needs a supervisor's attention."""
    return bool(row.get("help_since")) or row.get("reason") in ("no_answer", "unreachable")


def _cells(row: Mapping[str, Any], at: float) -> tuple[str, ...]:
    state, call = str(row["state"]), row.get("call")
    if row.get("reason"):
        state += f" ({row['reason']})"
    if row.get("pause_after"):
        state += f", then {row['pause_after']}"
    if row.get("on_line"):
        state += ", on the line"
    if row.get("help_since"):
        state += ", asks for help"
    return (
        cell(row["id"]),
        cell(row["name"]),
        " ".join(f"{code}:{level}" for code, level in row["languages"].items()),
        cell(state),
        format_duration(at - row["since"]) if row.get("since") else "-",
        format_duration(row["until"] - at) if row.get("until") else "-",
        cell(_talks_with(call)) if call else "-",
        cell(" ".join(row["device"].values())) if row.get("device") else "-",
    )


def _talks_with(call: Mapping[str, Any]) -> str:
    """Return the end of the call's id, its language, and the operator's place unless it is with the caller."""
    place = call.get("place")
    elsewhere = [str(place)] if place not in (None, "together") else []
    return " ".join((str(call["id"])[-8:], str(call["language"]), *elsewhere))


def _summary(snapshot: Snapshot) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in snapshot.counts.items())
    lines = [counts or "no operators", f"{len(snapshot.waiting)} waiting"]
    for row in snapshot.waiting:
        waited = format_duration(snapshot.at - (row.get("waits_since") or row["since"]))
        who = "test call" if row["test"] else row["caller"] or "-"
        lines.append(cell(f"  {row['place']}. {row['language']} {row['topic'] or '-'} {who} {waited}"))
    return lines


def format_duration(seconds: float) -> str:
    """Return seconds as h:mm:ss; negative ones as 0:00:00."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
