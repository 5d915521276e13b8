"""A report's results, from the database."""

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from reports import documents
from reports.job import Job, Result
from reports.layout import lay_out
from reports.pictures import draw_hours
from reports.reading import ReportData, read_report
from reports.words import load

_WITH_HOURS = {Result.LAYOUT, Result.PDF, Result.PICTURE}
_DOCUMENT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


async def make_results(engine: AsyncEngine, job: Job) -> list[bytes]:
    """Return the results that a job wants, in their order. Raises DatabaseError if the database is away."""
    data = await read_report(engine, job.request, hours=not _WITH_HOURS.isdisjoint(job.results))
    return [make_result(result, job, data) for result in job.results]


def make_result(result: Result, job: Job, data: ReportData) -> bytes:
    """Return one result of a job."""
    request, words = job.request, load(job.language)
    match result:
        case Result.LAYOUT:
            return orjson.dumps(lay_out(request, data, words, job.names))
        case Result.DOCUMENT:
            return orjson.dumps(documents.build_document(request, data), option=_DOCUMENT)
        case Result.TABLES:
            return orjson.dumps(documents.tables_of(request, data))
        case Result.CSV:
            return documents.to_csv(request, data, job.separator, bom=job.bom).encode()
        case Result.XLSX:
            from reports.workbook import make_workbook  # only this result needs the library

            return make_workbook(request, data, words, job.names)
        case Result.PDF:
            from reports.pdf import make_pdf  # its library is 84 MB

            return make_pdf(request, lay_out(request, data, words, job.names))
        case Result.PICTURE:
            assert data.hours is not None
            return draw_hours(request, data.hours, words, job.names.site).encode()
