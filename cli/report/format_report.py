"""The output of `hatif report` for people: tables that fit into a terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cli.output import as_table, console
from reports.by import By
from reports.request import ReportRequest

Row = Mapping[str, Any]
"""The figures of a group, by their names in documents, and what it is grouped by."""

FormatCell = Callable[[Row], str]
"""A function that returns a column's text for the figures of a group."""

_NO_KEY = "-"
_ALL = "all"
_PLANNED = "planned"
_SELF_SERVED = "self\nserved"


def show(request: ReportRequest, found: Mapping[str, Any]) -> None:
    """Print the report as tables, with notes on what the figures mean. `found`: `reports.documents.tables_of`."""
    rows: Sequence[Row] = found["rows"]
    if not rows:
        console.print(_explain_empty(request, found), markup=False, soft_wrap=True)
        return
    total: Row = found["total"]
    named = [(tuple(_NO_KEY if row[by.column] is None else row[by.column] for by in request.by), row) for row in rows]
    if len(named) != 1:
        named.append(((_ALL, *("" for _ in request.by[1:])), total))
    title = f"{request.days} ({request.period.zone.key})"
    if request.by == (By.OPERATOR,):  # no call is abandoned at an operator
        known = [(label, row) for label, row in named if label != (_NO_KEY,)]
        names = [row.get("name") or "" for _, row in known]
        has_plan = any(row["planned_s"] is not None for row in rows)
        columns = {name: form for name, form in _OPERATORS.items() if name != _PLANNED or has_plan}
        _table(f"Operators, {title}", ["id"], columns, known, names)
        console.print()
        _show_operators((label, row) for (label,), row in known)
    else:
        what, keys = " and ".join(request.by), request.by
        columns = {name: form for name, form in _ALL_CALLS.items() if total[_ONLY_SOME.get(name, "calls")]}
        _table(f"All calls by {what}, {title}", keys, columns, named)
        console.print()
        columns = {name: form for name, form in _CALLS.items() if name != _SELF_SERVED or total["self_served"]}
        _table(f"Calls that waited, by {what}", keys, columns, named)
        console.print()
        _table(f"Service level, waits and work by {what}", keys, _LEVELS, named)
        if any(total[name] for name in _COUNTED):
            console.print()
            _table(f"Cases, call-backs and survey by {what}", keys, _CASES, named)
    for note in _notes(request, found):
        console.print(note, style="dim", markup=False, soft_wrap=True)


def _table(
    title: str,
    keys: Sequence[str],
    columns: dict[str, FormatCell],
    rows: Sequence[tuple[tuple[str, ...], Row]],
    names: list[str] | None = None,
) -> None:
    cells = {name: _align(name, [form(figures) for _, figures in rows]) for name, form in columns.items()}
    if names is not None:
        cells["name"] = names
    labels = zip(*(label for label, _ in rows), strict=True)
    as_table(title, (*keys, *cells), zip(*labels, *cells.values(), strict=True))


def _align(column: str, numbers: list[str]) -> list[str]:
    """Return the numbers right-aligned with the end of the column's name."""
    width = max(map(len, (*column.split(), *numbers)))
    return [number.rjust(width) for number in numbers]


def _explain_empty(request: ReportRequest, found: Mapping[str, Any]) -> str:
    if not found["has_calls"]:
        return "The database has no calls yet: nothing to report."
    sentence = f"No calls arrived, {request.days}; try another --from and --to"
    if found["tests"] and not request.tests:
        return f"{sentence}, or --tests, which includes the test calls of these days ({found['tests']})."
    return f"{sentence}."


def _notes(request: ReportRequest, found: Mapping[str, Any]) -> list[str]:
    total = found["total"]
    if request.by == (By.OPERATOR,):
        notes = ["Handling in seconds, other times in hours:minutes."]
    else:
        notes = [
            "All calls: outcomes of those that never waited, and the number that waited or still wait. "
            f"In time: answered within {request.within:g} s, of those offered (answered or abandoned); no short: "
            f"without those abandoned within {request.short:g} s; by target: without those abandoned within "
            f"{request.within:g} s. Waits of answered calls, and handling, in seconds."
        ]
    if total["guide_requests"] and request.by != (By.OPERATOR,):
        notes.append(f"To send: requests for the guide in writing, of which {total['guide_requests_sent']} were sent.")
    if total["still_waiting"]:
        notes.append(f"Still waiting, and not in any other figure: {total['still_waiting']}.")
    if found["tests"] and not request.tests:
        notes.append(f"Test calls left out: {found['tests']}; --tests includes them.")
    return notes


def _show_operators(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Print the table of the operators with these labels."""
    lines = []
    for label, found in rows:
        pauses = ", ".join(f"{reason} {_format_hours(seconds)}" for reason, seconds in found["pauses_s"].items())
        lines.append((label, *(str(found[name]) for name in _OFFERS.values()), pauses or "-"))
    as_table("Offers, transfers and pauses by operator", ("id", *_OFFERS, "pauses"), lines)


def _count(name: str) -> FormatCell:
    return lambda figures: str(figures[name])


def _percent(name: str) -> FormatCell:
    return lambda figures: "-" if figures[name] is None else f"{100 * figures[name]:.1f}%"


def _tenths(name: str) -> FormatCell:
    return lambda figures: "-" if figures[name] is None else f"{figures[name]:.1f}"


def _format_hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _hours(name: str) -> FormatCell:
    def format_cell(figures: Row) -> str:
        if figures[name] is None:
            return "-"
        return _format_hours(figures[name])

    return format_cell


# Each table fits into 80 columns of a terminal: names may break, numbers must not.
_ALL_CALLS: dict[str, FormatCell] = {
    "calls": _count("calls"),
    "left\nmenu": _count("ivr_left_menu"),
    "self\nserved": _count("ivr_self_served"),
    "closed": _count("ivr_closed"),
    "mes-\nsage": _count("ivr_message"),
    "call\nback": _count("ivr_callback"),
    "other": _count("ivr_other"),
    "in\nmenu": _count("ivr_going_on"),
    "waited": lambda figures: str(figures["waited"] + figures["still_waiting"]),
    "called\nby us": _count("outgoing"),
    "to\nsend": _count("guide_requests"),
}

_ONLY_SOME = {
    "other": "ivr_other",
    "in\nmenu": "ivr_going_on",
    "called\nby us": "outgoing",
    "to\nsend": "guide_requests",
}
"""Columns that are shown only if there is something to count, and the figure that counts it."""

_CALLS: dict[str, FormatCell] = {
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

_LEVELS: dict[str, FormatCell] = {
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

_CASES: dict[str, FormatCell] = {
    "cases\nopened": _count("cases_opened"),
    "closed": _count("cases_closed"),
    "over-\ndue": _count("cases_overdue"),
    "call-backs\nwanted": _count("callback_requests"),
    "kept": _count("callbacks_kept"),
    "failed": _count("callbacks_failed"),
    "share\nkept": _percent("callbacks_kept_share"),
    "survey\nanswers": _count("survey_answers"),
    "aver-\nage": _tenths("survey_average"),
}
_COUNTED = ("cases_opened", "cases_closed", "cases_overdue", "callback_requests", "survey_answers")
"""Without any of these, the table says nothing."""

_OPERATORS: dict[str, FormatCell] = {
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

_OFFERS = {
    "of-\nfered": "calls_offered",
    "re-\nfused": "refused",
    "missed": "missed",
    "unreach-\nable": "unreachable",
    "talks": "conversations",
    "taken\nover": "taken_over",
    "handed\non": "transferred",
    "con-\nsulted": "consulted",
    "fin-\nished": "finished",
}
"""The columns and their figures; they fit into 80 columns of a terminal."""
