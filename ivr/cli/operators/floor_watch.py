"""`hatif operators --watch`: the floor as it is, looked at once a second, until Ctrl-C."""

import contextlib
import json
import sys
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

from ivr.cli.composition import Composition, ControlError
from ivr.cli.output import cell, console, local, zone_shown
from ivr.site.operators import OperatorEntry

_EVERY_S = 1.0
_HEAD, _FEWEST = 4, 5
"""Lines of the picture besides operators and foot; so many operators are shown on however small a terminal."""
_COLUMNS = ("id", "name", "languages", "state", "since", "left", "talks with", "telephone")
_ORDER = ("talking", "offered", "wrapping_up", "ready", "paused", "away", "unknown")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The floor at an instant (`at`, POSIX seconds). `away`: why the controller could not be asked."""

    at: float
    operators: Sequence[Mapping[str, Any]] = ()
    waiting: Sequence[Mapping[str, Any]] = ()
    away: str | None = None
    back: bool = field(default=False, compare=False)

    @property
    def document(self) -> dict[str, Any]:
        """For programs: instants, no durations, so that it changes only when something does."""
        if self.away is not None:
            return {"controller": False, "why": self.away}
        waiting = [{name: value for name, value in row.items() if name != "waited_s"} for row in self.waiting]
        counts = self.counts
        return {"controller": True, "operators": list(self.operators), "waiting": waiting, "counts": counts}

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(str(row["state"]) for row in self.operators)
        return {state: counted[state] for state in _ORDER if counted[state]}


def watch(parts: Composition, *, as_json: bool) -> None:
    """On a terminal a picture that changes; else a text a change, or with `as_json` a document a line."""
    with contextlib.suppress(KeyboardInterrupt):
        if as_json or not console.is_terminal:
            _lines(_snapshots(parts), as_json=as_json)
        else:
            with Live(console=console, auto_refresh=False) as live:
                for each in _snapshots(parts):
                    live.update(_picture(each), refresh=True)


def _snapshots(parts: Composition) -> Iterator[Snapshot]:
    away = False
    while True:
        began = time.monotonic()
        found = _look(parts)
        yield Snapshot(found.at, found.operators, found.waiting, found.away, back=away and found.away is None)
        away = found.away is not None
        time.sleep(max(0.0, _EVERY_S - (time.monotonic() - began)))


def _look(parts: Composition) -> Snapshot:
    try:
        live = cast(dict[str, dict[str, Any]], parts.ask_controller("GET", "/operators"))
        waiting = cast(list[dict[str, Any]], parts.ask_controller("GET", "/waiting"))
    except ControlError as error:
        return Snapshot(time.time(), away=str(error))
    return Snapshot(time.time(), [_row(each, live.get(each.id, {})) for each in parts.operators], waiting)


def _row(entry: OperatorEntry, live: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": entry.id, "name": entry.name, "languages": entry.languages, "state": "unknown"}
    return {**row, **live}


def _lines(snapshots: Iterator[Snapshot], *, as_json: bool) -> None:
    former: Snapshot | None = None
    for each in snapshots:
        if former is None or each.document != former.document:
            text = (
                json.dumps({"at": round(each.at, 3), **each.document}, ensure_ascii=False) if as_json else _text(each)
            )
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        former = each


def _text(snapshot: Snapshot) -> str:
    """Who is not away, a line each; the counts; who waits."""
    at = local(datetime.fromtimestamp(snapshot.at, UTC))
    lines = [f"--- {at:%H:%M:%S} ({zone_shown()})"]
    if snapshot.away is not None:
        return "\n".join((*lines, snapshot.away))
    if snapshot.back:
        lines.append("The controller is back.")
    lines += ["  ".join(_cells(row, snapshot.at)) for row in _sorted(snapshot) if row["state"] != "away" or _told(row)]
    return "\n".join((*lines, *_foot(snapshot)))


def _picture(snapshot: Snapshot) -> RenderableType:
    if snapshot.away is not None:
        return Text(f"{snapshot.away}\nIt is looked for every second; Ctrl-C ends.", style="red")
    table = Table(title="Operators", title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column == "id")
    lines = [*(["The controller is back."] if snapshot.back else []), *_foot(snapshot)]
    rows = _sorted(snapshot)
    fit = max(_FEWEST, console.height - len(lines) - _HEAD)
    if len(rows) > fit:
        lines.insert(0, f"... {len(rows) - fit} more")
    for row in rows[:fit]:
        table.add_row(*map(escape, _cells(row, snapshot.at)), style="yellow" if _told(row) else None)
    return Group(table, Text("\n".join(lines)))


def _sorted(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """Who is to be looked at first, then who is on duty."""
    place = {state: index for index, state in enumerate(_ORDER)}
    return sorted(
        snapshot.operators, key=lambda row: (not _told(row), place.get(str(row["state"]), len(place)), str(row["id"]))
    )


def _told(row: Mapping[str, Any]) -> bool:
    """Whether a supervisor is to look at him."""
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
        state += ", wants help"
    return (
        cell(row["id"]),
        cell(row["name"]),
        " ".join(f"{code}:{level}" for code, level in row["languages"].items()),
        cell(state),
        duration(at - row["since"]) if row.get("since") else "-",
        duration(row["until"] - at) if row.get("until") else "-",
        cell(_talks_with(call)) if call else "-",
        cell(" ".join(row["device"].values())) if row.get("device") else "-",
    )


def _talks_with(call: Mapping[str, Any]) -> str:
    """The end of the call's id, its language, and where the operator is unless with the caller."""
    place = call.get("place")
    elsewhere = [str(place)] if place not in (None, "together") else []
    return " ".join((str(call["id"])[-8:], str(call["language"]), *elsewhere))


def _foot(snapshot: Snapshot) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in snapshot.counts.items())
    lines = [counts or "no operators", f"{len(snapshot.waiting)} waiting"]
    for row in snapshot.waiting:
        waited = duration(snapshot.at - row["since"])
        lines.append(cell(f"  {row['place']}. {row['language']} {row['topic'] or '-'} {row['caller'] or '-'} {waited}"))
    return lines


def duration(seconds: float) -> str:
    """Hours, minutes and seconds; 0 for what is past."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
