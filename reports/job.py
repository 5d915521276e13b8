"""A report, and the forms in which it is wanted. Quick to load: nothing of a database is needed to ask."""

from dataclasses import dataclass, field
from enum import StrEnum

from reports.names import Names
from reports.request import ReportRequest


class Result(StrEnum):
    """What a report can come back as."""

    LAYOUT = "layout"
    """`reports.layout.Layout` as JSON."""
    DOCUMENT = "document"
    """The document of `hatif report --json`."""
    TABLES = "tables"
    """`reports.documents.tables_of` as JSON."""
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    PICTURE = "picture"
    """SVG."""


@dataclass(frozen=True, slots=True)
class Job:
    """One report with its results, each of which is bytes. `separator` and `bom`: of CSV."""

    request: ReportRequest
    results: tuple[Result, ...]
    names: Names = field(default_factory=Names)
    language: str = "en"
    separator: str = ","
    bom: bool = True
