"""A report as people read it, whatever shows it: tables of written figures, notes, and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import pictures
from reports.by import By
from reports.documents import figures_of, total_of
from reports.figures import OF_CALLS, OF_OPERATORS, Figure, Kind, Section
from reports.labels import BY_WORDS, by_of, days_of, labels_of
from reports.names import Names
from reports.reading import ReportData
from reports.request import ReportRequest
from reports.words import N_, Words

MOST_ROWS = 1000
"""Rows of a table; sheets have all."""

PAUSED = "paused:"
"""Begins the name of a figure that has the pauses for one reason."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `name`: of its figure in documents."""

    name: str
    words: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of written figures. `rows`: labels, then cells; `total`: cells, empty for a single row."""

    name: str
    title: str
    keys: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[tuple[Sequence[str], Sequence[str]]]
    total: Sequence[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """A report in a language. `pictures`: SVG; `notes`: sentences below; `rows`: how many there are in all."""

    title: str
    subtitle: str
    summary: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    pictures: Sequence[str]
    notes: Sequence[str]
    rows: int
    all: str
    """The name of the row of totals."""
    meanings: str
    """The heading of what the figures mean."""
    language: str
    is_rtl: bool


def lay_out(request: ReportRequest, data: ReportData, words: Words, names: Names) -> Layout:
    """Return a report as people read it."""
    every, total = data.groups.rows, total_of(request, data)
    is_of_operators = request.by == (By.OPERATOR,)
    rows = [
        (labels_of(request, key, data, words, names), figures_of(request, data, key, group))
        for key, group in every[:MOST_ROWS]
        if key != (None,) or not is_of_operators
    ]
    known = [*sections_of(request), *_pauses(total, words, names)]
    sections = [section for section in known if section.shown(total)]
    return Layout(
        title=words.text(N_("Calls of %(days)s"), days=days_of(request, words)),
        subtitle=f"{names.site} · {by_of(request, words)} · {request.period.zone.key}".removeprefix(" · "),
        summary=_summary(total, words),
        tables=[_table(request, section, rows, total, words) for section in sections] if every else [],
        pictures=pictures.draw(request, data, words, names) if every else [],
        notes=_notes(request, data, total, words),
        rows=len(every),
        all=words.text(N_("all")),
        meanings=words.text(N_("What the figures mean")),
        language=words.code,
        is_rtl=words.is_rtl,
    )


def sections_of(request: ReportRequest) -> Sequence[Section]:
    """Return the sections of a report with these groupings."""
    return OF_OPERATORS if request.by == (By.OPERATOR,) else OF_CALLS


def _pauses(total: Mapping[str, Any], words: Words, names: Names) -> list[Section]:
    """Return a section with the pauses by reason, in a report by operator."""
    own = {"no_answer": words.text(N_("Missed calls")), "refused": words.text(N_("Refused calls"))}
    figures = [
        Figure(
            f"{PAUSED}{reason}", Kind.TIME, own.get(reason) or names.pauses.get(reason, reason), N_("Time of pauses.")
        )
        for reason in total.get("pauses_s", ())
    ]
    return [Section("pauses", N_("Pauses by reason"), tuple(figures))] if figures else []


def _table(
    request: ReportRequest,
    section: Section,
    rows: Sequence[tuple[Sequence[str], Mapping[str, Any]]],
    total: Mapping[str, Any],
    words: Words,
) -> Table:
    figures = section.shown(total)
    return Table(
        name=section.name,
        title=words.text(section.words),
        keys=[words.text(BY_WORDS[by]) for by in request.by],
        columns=[
            Column(figure.name, words.text(figure.words), meaning_of(figure, request, words)) for figure in figures
        ],
        rows=[(labels, _cells(figures, found, words)) for labels, found in rows],
        total=_cells(figures, total, words) if len(rows) != 1 else [],
    )


def meaning_of(figure: Figure, request: ReportRequest, words: Words) -> str:
    """Return what a figure means."""
    meaning = words.text(figure.meaning)
    gaps = {"within": f"{request.within:g}", "short": f"{request.short:g}"}
    return meaning % gaps if "%(" in meaning else meaning


def _cells(figures: Sequence[Figure], found: Mapping[str, Any], words: Words) -> list[str]:
    return [figure.written(_value(figure, found), words) for figure in figures]


def _value(figure: Figure, found: Mapping[str, Any]) -> Any:
    if figure.name.startswith(PAUSED):
        return found["pauses_s"].get(figure.name.removeprefix(PAUSED), 0)
    return found.get(figure.name)


_SUMMARY = ("calls", "answered", "abandoned", "service_level_offered", "average_speed_of_answer_s", "occupancy")


def _summary(total: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    named = {figure.name: figure for section in OF_CALLS for figure in section.figures}
    return [(words.text(named[name].words), named[name].written(total.get(name), words)) for name in _SUMMARY]


def _notes(request: ReportRequest, data: ReportData, total: Mapping[str, Any], words: Words) -> list[str]:
    rows, notes = len(data.groups.rows), []
    if not rows:
        notes.append(words.text(N_("No calls arrived in this period.")))
    if rows > MOST_ROWS:
        sentence = N_("The first %(shown)s of %(all)s rows; the spreadsheet has all of them.")
        notes.append(words.text(sentence, shown=words.number(MOST_ROWS), all=words.number(rows)))
    if total.get("still_waiting"):
        sentence = N_("Callers who still wait, and are in no other figure: %(number)s.")
        notes.append(words.text(sentence, number=words.count(total["still_waiting"])))
    if data.counted.tests and not request.tests:
        sentence = N_("Test calls that are left out: %(number)s.")
        notes.append(words.text(sentence, number=words.count(data.counted.tests)))
    if request.period.ends > request.now:
        notes.append(words.text(N_("The period is not over yet.")))
    return notes
