"""A report as a file: its form, its name, and its type."""

from enum import StrEnum

from reports.request import ReportRequest


class Form(StrEnum):
    """The form of a report's file."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


TYPES = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.PDF: "application/pdf",
}


def name_of(form: Form, request: ReportRequest) -> str:
    """Return the name of a report's file."""
    days = f"{request.first}" if request.first == request.last else f"{request.first}-{request.last}"
    return f"report-{days}-{'-'.join(request.by)}.{form}"
