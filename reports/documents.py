"""A report for programs: one document, or a row for each group."""

from typing import Any

from db.enums import OfferState
from reports import sheet
from reports.by import By, Key
from reports.group import Group
from reports.reading import ReportData
from reports.request import ReportRequest
from routing.figures import Limits


def build_document(request: ReportRequest, data: ReportData) -> dict[str, Any]:
    """Return the whole report."""
    total = data.groups.total
    return {
        "from": request.first,
        "to": request.last,
        "timezone": request.period.zone.key,
        "by": ",".join(request.by),
        "within_s": request.within,
        "short_s": request.short,
        "tests": request.tests,
        "rows": rows_of(request, data),
        "total": total.figures() | (operator_figures(total) if request.by == (By.OPERATOR,) else {}),
    }


def tables_of(request: ReportRequest, data: ReportData) -> dict[str, Any]:
    """Return what the tables of `hatif report` need: as the document, and why there may be nothing to show.

    `has_calls`: whether the database has any call at all; `tests`: the number of test calls that were left out.
    """
    return {
        "rows": rows_of(request, data),
        "total": total_of(request, data),
        "has_calls": data.counted.any,
        "tests": data.counted.tests,
    }


def rows_of(request: ReportRequest, data: ReportData) -> list[dict[str, Any]]:
    """Return a row for each group: what it is grouped by, then its figures."""
    return [_row(request, data, key, group) for key, group in data.groups.rows]


def figures_of(request: ReportRequest, data: ReportData, key: Key, group: Group) -> dict[str, Any]:
    """Return the figures of a group by their names; docs/report.md defines each."""
    found = group.figures()
    if request.by == (By.OPERATOR,):
        found["planned_s"] = data.planned.get(key[0] or "")
        scores = data.scores.get(key[0] or "")
        found["score_sheets"] = scores.sheets if scores is not None else 0
        found["score_average"] = round(scores.average, 6) if scores is not None else None
        found |= operator_figures(group)
    return found


def total_of(request: ReportRequest, data: ReportData) -> dict[str, Any]:
    """Return the figures of all groups together."""
    found = data.groups.total.figures()
    if request.by == (By.OPERATOR,):
        found["planned_s"] = sum(data.planned.values()) or None
        sheets = sum(scores.sheets for scores in data.scores.values())
        points = sum(scores.average * scores.sheets for scores in data.scores.values())
        found |= {"score_sheets": sheets, "score_average": round(points / sheets, 6) if sheets else None}
        found |= operator_figures(data.groups.total)
    return found


def _row(request: ReportRequest, data: ReportData, key: Key, group: Group) -> dict[str, Any]:
    row: dict[str, Any] = {by.column: part for by, part in zip(request.by, key, strict=True)}
    if By.OPERATOR in request.by:
        row["name"] = data.names.get(row["operator"] or "")
    return row | figures_of(request, data, key, group)


def flat_rows(request: ReportRequest, data: ReportData) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the columns of a sheet and its rows, without a total, which a spreadsheet's sums would count twice."""
    rows = rows_of(request, data)
    if request.by == (By.OPERATOR,):
        rows = flatten_pauses(rows)
    return list(rows[0]) if rows else [*(by.column for by in request.by), *Group(Limits()).figures()], rows


def to_csv(request: ReportRequest, data: ReportData, separator: str = ",", *, bom: bool = False) -> str:
    """Return the rows as separated values."""
    names, rows = flat_rows(request, data)
    return sheet.to_csv(names, rows, separator, bom=bom)


def operator_figures(group: Group) -> dict[str, Any]:
    """Return a group's figures by their names in documents; docs/report.md defines each."""
    work, offers = group.work, group.work.offers
    return {
        "calls_offered": offers.total(),
        "refused": offers[OfferState.REFUSED],
        "missed": offers[OfferState.NO_ANSWER],
        "unreachable": offers[OfferState.UNREACHABLE],
        "conversations": work.conversations,
        "taken_over": work.taken_over,
        "transferred": work.transferred,
        "consulted": work.consulted,
        "finished": work.finished,
        "pauses_s": {str(reason): round(seconds, 6) for reason, seconds in sorted(group.pauses.items())},
    }


def flatten_pauses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows for a sheet: a column for each reason for a pause, `paused_lunch_s`, instead of `pauses_s`."""
    reasons = sorted({reason for row in rows for reason in row["pauses_s"]})
    return [
        {**{name: value for name, value in row.items() if name != "pauses_s"}}
        | {f"paused_{reason}_s": row["pauses_s"].get(reason, 0.0) for reason in reasons}
        for row in rows
    ]
