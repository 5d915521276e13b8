"""A report as an Excel workbook: all rows as numbers, and what each figure means."""

from collections.abc import Mapping
from datetime import date, datetime
from io import BytesIO
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.by import By
from reports.documents import figures_of, total_of
from reports.figures import EVERY, Figure, Kind
from reports.labels import BY_WORDS, by_of, days_of, labels_of
from reports.layout import meaning_of, sections_of
from reports.names import Names
from reports.reading import ReportData
from reports.request import ReportRequest
from reports.words import N_, Words

MOST_ROWS = 1_048_000
"""Rows that a sheet of Excel has."""

_FORMS = {
    Kind.COUNT: "#,##0",
    Kind.SHARE: "0.0%",
    Kind.SECONDS: "#,##0.0",
    Kind.TIME: "[h]:mm",
    Kind.POINTS: "0.00",
}
_DAY_S = 86400


def make_workbook(request: ReportRequest, data: ReportData, words: Words, names: Names) -> bytes:
    """Return a file for Excel. Texts are written as texts: no cell is a formula, whatever it begins with."""
    file = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(file, options) as book:
        book.set_properties({"title": words.text(N_("Calls of %(days)s"), days=days_of(request, words))})
        pages = _Pages(book, words)
        pages.rows(request, data, names)
        pages.meanings(request, data, names)
    return file.getvalue()


class _Pages:
    """The sheets of a workbook."""

    def __init__(self, book: Workbook, words: Words) -> None:
        self._book, self._words = book, words
        head = {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#e9edf2"}
        self._head: Format = book.add_format(head)
        self._wrapped: Format = book.add_format({"text_wrap": True, "valign": "top"})
        self._day: Format = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self._forms = {kind: book.add_format({"num_format": form, "valign": "top"}) for kind, form in _FORMS.items()}

    def rows(self, request: ReportRequest, data: ReportData, names: Names) -> None:
        """Add the sheet with a row for each group; without a total, which sums would count twice."""
        page, figures = self._page(N_("Report")), _figures_of(request, data)
        keys = len(request.by)
        for column, by in enumerate(request.by):
            page.write_string(0, column, self._words.text(BY_WORDS[by]), self._head)
        for column, figure in enumerate(figures, keys):
            page.write_string(0, column, self._words.text(figure.words), self._head)
        for number, (key, group) in enumerate(data.groups.rows[:MOST_ROWS], 1):
            for column, (by, label) in enumerate(
                zip(request.by, labels_of(request, key, data, self._words, names), strict=True)
            ):
                part = key[column]
                if by is By.DAY and part is not None:
                    page.write_datetime(
                        number, column, datetime.combine(date.fromisoformat(part), datetime.min.time()), self._day
                    )
                else:
                    page.write_string(number, column, label)
            found = figures_of(request, data, key, group)
            for column, figure in enumerate(figures, keys):
                self._figure(page, number, column, figure, found)
        page.freeze_panes(1, keys)
        page.autofilter(0, 0, max(len(data.groups.rows), 1), keys + len(figures) - 1)
        page.set_column(0, keys - 1, 24)
        page.set_column(keys, keys + len(figures) - 1, 12)

    def meanings(self, request: ReportRequest, data: ReportData, names: Names) -> None:
        """Add the sheet with the total of each figure and what it means."""
        page, total = self._page(N_("Total and definitions")), total_of(request, data)
        facts = (
            (N_("Site"), names.site),
            (N_("Period"), days_of(request, self._words)),
            (N_("Time zone"), request.period.zone.key),
            (N_("Grouped"), by_of(request, self._words)),
            (N_("Made"), f"{request.now.astimezone(request.period.zone):%Y-%m-%d %H:%M}"),
        )
        for number, (name, value) in enumerate(facts):
            page.write_string(number, 0, self._words.text(name), self._head)
            page.write_string(number, 1, value)
        first = len(facts) + 1
        for column, name in enumerate((N_("Figure"), N_("Total"), N_("Meaning"))):
            page.write_string(first, column, self._words.text(name), self._head)
        for number, figure in enumerate(_figures_of(request, data), first + 1):
            page.write_string(number, 0, self._words.text(figure.words))
            self._figure(page, number, 1, figure, total)
            page.write_string(number, 2, meaning_of(figure, request, self._words), self._wrapped)
        page.set_column(0, 0, 28)
        page.set_column(1, 1, 24)
        page.set_column(2, 2, 90)

    def _page(self, name: str) -> Worksheet:
        page = self._book.add_worksheet(self._words.text(name)[:31])
        if self._words.is_rtl:
            page.right_to_left()
        return page

    def _figure(self, page: Worksheet, row: int, column: int, figure: Figure, found: Mapping[str, Any]) -> None:
        value = found.get(figure.name)
        if value is not None:
            number = value / _DAY_S if figure.kind is Kind.TIME else value
            page.write_number(row, column, number, self._forms[figure.kind])


def _figures_of(request: ReportRequest, data: ReportData) -> list[Figure]:
    """Return all figures of a report, and the pauses by reason in one by operator."""
    found: dict[str, Figure] = {}
    for section in sections_of(request) if request.by == (By.OPERATOR,) else EVERY[:-2]:
        found |= {figure.name: figure for figure in section.figures}
    return list(found.values())
