"""A report as a file: its bytes, its name, and its type."""

from dataclasses import dataclass
from enum import StrEnum

from reports import documents
from reports.labels import Names
from reports.layout import lay_out
from reports.reading import ReportData
from reports.request import ReportRequest
from reports.words import Words


class Form(StrEnum):
    """The form of a report."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


TYPES = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.PDF: "application/pdf",
}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file."""

    name: str
    type: str
    content: bytes


def make_file(form: Form, request: ReportRequest, data: ReportData, words: Words, names: Names) -> ReportFile:
    """Return a report in a form."""
    return ReportFile(name_of(form, request), TYPES[form], _content(form, request, data, words, names))


def name_of(form: Form, request: ReportRequest) -> str:
    """Return the name of a report's file."""
    days = f"{request.first}" if request.first == request.last else f"{request.first}-{request.last}"
    return f"report-{days}-{'-'.join(request.by)}.{form}"


def _content(form: Form, request: ReportRequest, data: ReportData, words: Words, names: Names) -> bytes:
    match form:
        case Form.CSV:
            return documents.to_csv(request, data, bom=True).encode()
        case Form.XLSX:
            from reports.workbook import make_workbook  # only this form needs the library

            return make_workbook(request, data, words, names)
        case Form.PDF:
            from reports.pdf import make_pdf  # its library is 84 MB

            return make_pdf(request, lay_out(request, data, words, names))
