"""How `hatif report` answers: tables for people, lines of comma-separated values, one JSON document."""

from collections.abc import Callable, Sequence
from typing import Any

from ivr.cli.output import as_table, console
from ivr.cli.report import report_operators
from ivr.cli.report.report_groups import MENU_GOING_ON, MENU_OTHER, OUTGOING, By, Group, Key
from ivr.cli.report.report_query import Asked, Found
from ivr.cli.sheet import Sheet
from routing.figures import Limits

Shown = Callable[[dict[str, Any]], str]

_NOBODY = "-"
_ALL = "all"
_PLANNED = "planned"
_SELF_SERVED = "self\nserved"


def document(asked: Asked, found: Found) -> dict[str, Any]:
    return {
        "from": asked.first,
        "to": asked.last,
        "timezone": asked.period.zone.key,
        "by": ",".join(asked.by),
        "within_s": asked.within,
        "short_s": asked.short,
        "tests": asked.tests,
        "rows": _rows(asked, found),
        "total": found.groups.total.figures()
        | (report_operators.figures(found.groups.total) if asked.by == (By.OPERATOR,) else {}),
    }


def _rows(asked: Asked, found: Found) -> list[dict[str, Any]]:
    return [_row(asked, found, key, group) for key, group in found.groups.rows]


def _row(asked: Asked, found: Found, key: Key, group: Group) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(_columns(asked), key, strict=True))
    operator = row.get("operator") or ""
    if By.OPERATOR in asked.by:
        row["name"] = found.names.get(operator)
    row |= group.figures()
    if asked.by == (By.OPERATOR,):
        row["planned_s"] = found.planned.get(operator)
        row |= report_operators.figures(group)
    return row


def _columns(asked: Asked) -> list[str]:
    return [by.value.replace("-", "_") for by in asked.by]


def write_csv(asked: Asked, found: Found, sheet: Sheet) -> None:
    """A line a group, and no total: whoever adds the counts up has it, and a sheet would count it twice."""
    rows = _rows(asked, found)
    if asked.by == (By.OPERATOR,):
        rows = report_operators.flat(rows)
    sheet.write(list(rows[0]) if rows else [*_columns(asked), *Group(Limits()).figures()], rows)


def show(asked: Asked, found: Found) -> None:
    rows = found.groups.rows
    if not rows:
        console.print(_nothing(asked, found), markup=False, soft_wrap=True)
        return
    total = found.groups.total.figures()
    named = [(tuple(_NOBODY if part is None else part for part in key), group.figures()) for key, group in rows]
    if len(named) != 1:
        named.append(((_ALL, *("" for _ in asked.by[1:])), total))
    title = f"{asked.days} ({asked.period.zone.key})"
    if asked.by == (By.OPERATOR,):  # nobody abandons an operator
        everybody = sum(found.planned.values()) or None
        known = [
            ((label,), {**figures, "planned_s": everybody if label == _ALL else found.planned.get(label)})
            for (label,), figures in named
            if label != _NOBODY
        ]
        names = [found.names.get(label, "") for (label,), _ in known]
        columns = {name: shown for name, shown in _OPERATORS.items() if name != _PLANNED or found.planned}
        _table(f"Operators, {title}", ["id"], columns, known, names)
        console.print()
        groups = {_NOBODY if key is None else key: group for (key,), group in rows} | {_ALL: found.groups.total}
        report_operators.show((label, groups[label]) for (label,), _ in known)
    else:
        what, keys = " and ".join(asked.by), asked.by
        columns = {name: shown for name, shown in _ALL_CALLS.items() if total[_ONLY_SOME.get(name, "calls")]}
        _table(f"All calls by {what}, {title}", keys, columns, named)
        console.print()
        columns = {name: shown for name, shown in _CALLS.items() if name != _SELF_SERVED or total["self_served"]}
        _table(f"Calls that waited, by {what}", keys, columns, named)
        console.print()
        _table(f"Service level, waits and work by {what}", keys, _LEVELS, named)
    for note in _notes(asked, found, total):
        console.print(note, style="dim", markup=False, soft_wrap=True)


def _table(
    title: str,
    keys: Sequence[str],
    columns: dict[str, Shown],
    rows: Sequence[tuple[tuple[str, ...], dict[str, Any]]],
    names: list[str] | None = None,
) -> None:
    shown = {name: _aligned(name, [show(figures) for _, figures in rows]) for name, show in columns.items()}
    if names is not None:
        shown["name"] = names
    labels = zip(*(label for label, _ in rows), strict=True)
    as_table(title, (*keys, *shown), zip(*labels, *shown.values(), strict=True))


def _aligned(column: str, numbers: list[str]) -> list[str]:
    """Under the end of the column's name."""
    width = max(map(len, (*column.split(), *numbers)))
    return [each.rjust(width) for each in numbers]


def _nothing(asked: Asked, found: Found) -> str:
    if not found.counted.any:
        return "The database has no call yet: nothing to report."
    said = f"No call came, {asked.days}; try another --from and --to"
    if found.counted.tests and not asked.tests:
        return f"{said}, or --tests, which counts the test calls of these days as well ({found.counted.tests})."
    return f"{said}."


def _notes(asked: Asked, found: Found, total: dict[str, Any]) -> list[str]:
    if asked.by == (By.OPERATOR,):
        notes = ["Handling in seconds, the other times in hours:minutes."]
    else:
        notes = [
            "All calls: how those ended that never waited, and how many waited or wait. "
            f"In time: answered within {asked.within:g} s, of those offered (answered or abandoned); no short: without "
            f"those abandoned within {asked.short:g} s; by target: without those abandoned within {asked.within:g} s. "
            "Waits of the answered, and handling, in seconds."
        ]
    if total["still_waiting"]:
        notes.append(f"Still waiting, and in no figure yet: {total['still_waiting']}.")
    if found.counted.tests and not asked.tests:
        notes.append(f"Test calls left out: {found.counted.tests}; --tests counts them.")
    return notes


def _count(name: str) -> Shown:
    return lambda figures: str(figures[name])


def _percent(name: str) -> Shown:
    return lambda figures: "-" if figures[name] is None else f"{100 * figures[name]:.1f}%"


def _tenths(name: str) -> Shown:
    return lambda figures: "-" if figures[name] is None else f"{figures[name]:.1f}"


def _hours(name: str) -> Shown:
    def shown(figures: dict[str, Any]) -> str:
        if figures[name] is None:
            return "-"
        minutes = round(figures[name] / 60)
        return f"{minutes // 60}:{minutes % 60:02}"

    return shown


# 80 columns of a terminal have room for each of them: names are broken, as numbers must not be.
_ALL_CALLS: dict[str, Shown] = {
    "calls": _count("calls"),
    "left\nmenu": _count("ivr_left_menu"),
    "self\nserved": _count("ivr_self_served"),
    "closed": _count("ivr_closed"),
    "mes-\nsage": _count("ivr_message"),
    "call\nback": _count("ivr_callback"),
    "other": _count(MENU_OTHER),
    "in\nmenu": _count(MENU_GOING_ON),
    "waited": lambda figures: str(figures["waited"] + figures["still_waiting"]),
    "called\nby us": _count(OUTGOING),
}

_ONLY_SOME = {"other": MENU_OTHER, "in\nmenu": MENU_GOING_ON, "called\nby us": OUTGOING}
"""Columns that are shown where there is such a call."""

_CALLS: dict[str, Shown] = {
    "waited": _count("waited"),
    "call\nback": _count("callback"),
    "mes-\nsage": _count("message"),
    "closed": _count("closed"),
    _SELF_SERVED: _count("self_served"),
    "offered": _count("offered"),
    "an-\nswered": _count("answered"),
    "aban-\ndoned": _count("abandoned"),
    "aban-\ndonment": _percent("abandonment"),
}

_LEVELS: dict[str, Shown] = {
    "in\ntime": _percent("service_level_offered"),
    "no\nshort": _percent("service_level_without_short"),
    "by\ntarget": _percent("service_level_by_target"),
    "aver-\nage": _tenths("average_speed_of_answer_s"),
    "p50": _tenths("wait_p50_s"),
    "p90": _tenths("wait_p90_s"),
    "p99": _tenths("wait_p99_s"),
    "hand-\nling": _tenths("handling_s"),
    "occu-\npancy": _percent("occupancy"),
}

_OPERATORS: dict[str, Shown] = {
    "an-\nswered": _count("answered"),
    "hand-\nling": _tenths("handling_s"),
    "occu-\npancy": _percent("occupancy"),
    "talking": _hours("talking_s"),
    "wrap-\nup": _hours("wrapping_up_s"),
    "ready": _hours("ready_s"),
    "paused": _hours("paused_s"),
    _PLANNED: _hours("planned_s"),
    "logged\nin": _hours("logged_in_s"),
}
