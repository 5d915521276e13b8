"""A report that another process is asked to make: what is wanted, and how its results come back.

Quick to load: a command that asks the desk's process needs nothing else of a report.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from reports.names import Names
from reports.request import ReportRequest, from_json, to_json

LENGTH = 8
"""Bytes of a result's length."""


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

    def to_json(self) -> dict[str, Any]:
        """Return the job as plain data, from which `from_json` makes it again."""
        return {
            "request": to_json(self.request),
            "results": self.results,
            "names": asdict(self.names),
            "language": self.language,
            "separator": self.separator,
            "bom": self.bom,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Job":
        """Return a job that was written by `to_json`. Raises KeyError, TypeError, ValueError or RequestError."""
        results = tuple(map(Result, data["results"]))
        names = Names(**data["names"])
        return cls(from_json(data["request"]), results, names, data["language"], data["separator"], data["bom"])


def join(results: Sequence[bytes]) -> bytes:
    """Return results one after the other, each with its length before it."""
    return b"".join(len(result).to_bytes(LENGTH) + result for result in results)


def split(joined: bytes) -> list[bytes]:
    """Return the results that `join` was given."""
    found, begin = [], 0
    while begin < len(joined):
        end = begin + LENGTH + int.from_bytes(joined[begin : begin + LENGTH])
        found.append(joined[begin + LENGTH : end])
        begin = end
    return found
