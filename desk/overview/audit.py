"""The audit: who did what, filtered, in pages, and as a file for spreadsheets."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from db.audit import AuditEntry
from db.audit_pages import AuditFilter, audit_page, people_of
from desk.context import DeskDep
from desk.overview.audit_words import ACTS, KINDS, OTHER, masked
from desk.people.names import names_by_actor
from desk.people.signed_in import AdministratorDep
from desk.reading.reader import ReaderDep
from desk.site.tabs import respond
from reports.sheet import to_csv

router = APIRouter(prefix="/site/audit")

DAYS = 30
"""How many days are shown if no period is named."""
ON_A_PAGE = 100
MOST = 100_000
"""Records of a file."""

_COLUMNS = ("at", "until", "by", "name", "act", "about", "call", "reason", "data")


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is shown. `by`: the account, or a user of the machine; `name`: the person's, if it is known."""

    at: datetime
    until: datetime | None
    by: str
    name: str | None
    act: str
    about: str
    call: str | None
    reason: str
    data: Mapping[str, Any]

    @property
    def details(self) -> str:
        return ", ".join(f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in self.data.items())


class Wanted:
    """The filter of the page's form. A dependency."""

    def __init__(
        self,
        desk: DeskDep,
        since: Annotated[date | None, Query()] = None,
        until: Annotated[date | None, Query()] = None,
        by: Annotated[str, Query(max_length=60)] = "",
        kind: Annotated[str, Query(max_length=20)] = "",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    ) -> None:
        zone = ZoneInfo(desk.settings.timezone)
        today = desk.now().astimezone(zone).date()
        self.until = _known(until) or today
        self.since = min(_known(since) or self.until - timedelta(days=DAYS - 1), self.until)
        self.by, self.kind, self.page = by, kind if kind in (*KINDS, OTHER) else "", page
        self.begins = datetime.combine(self.since, time(), zone)
        self.ends = datetime.combine(self.until + timedelta(days=1), time(), zone)

    @property
    def filter(self) -> AuditFilter:
        prefixes = KINDS[self.kind][1] if self.kind in KINDS else ()
        without = [prefix for _, kind in KINDS.values() for prefix in kind] if self.kind == OTHER else ()
        return AuditFilter(self.begins, self.ends, self.by or None, prefixes, without)

    @property
    def period(self) -> dict[str, str]:
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    def address(self, page: int | None = None, file: bool = False) -> str:
        """Return the address of a page of the same records, or of their file."""
        asked = {**self.period, "by": self.by, "kind": self.kind}
        asked |= {"page": str(page)} if page is not None else {}
        return f"/site/audit{'/audit.csv' if file else ''}?{urlencode({k: v for k, v in asked.items() if v})}"


WantedDep = Annotated[Wanted, Depends()]


@router.get("")
async def page(
    request: Request, desk: DeskDep, reader: ReaderDep, administrator: AdministratorDep, wanted: WantedDep
) -> Response:
    """Show a page of the records. It has what people have searched for, so that somebody sees it is on record too."""
    found = await audit_page(desk.engine, wanted.filter, ON_A_PAGE, (wanted.page - 1) * ON_A_PAGE)
    chosen = {"by": wanted.by, "kind": wanted.kind, "page": wanted.page}
    reader.saw_list(administrator, "audit", len(found.entries), **wanted.period, **chosen)
    names = await names_by_actor(desk.engine)
    pages = max(1, -(-found.total // ON_A_PAGE))
    return respond(
        request,
        desk,
        "overview/audit.html",
        rows=list(_rows(found.entries, names)),
        total=found.total,
        pages=pages,
        wanted=wanted,
        people=sorted(
            ((by, names.get(by, by)) for by in {*await people_of(desk.engine, wanted.begins, wanted.ends), wanted.by}
             if by),
            key=lambda row: row[1].casefold(),
        ),
        kinds={kind: words for kind, (words, _) in KINDS.items()},
        acts=ACTS,
    )  # fmt: skip


@router.get("/audit.csv")
async def as_csv(desk: DeskDep, reader: ReaderDep, administrator: AdministratorDep, wanted: WantedDep) -> Response:
    """Return the records as a file for spreadsheets, in which no cell is a formula."""
    found = await audit_page(desk.engine, wanted.filter, MOST)
    await reader.export(administrator, "audit", asks=True, **wanted.period)
    # In a thread: the largest file takes seconds, in which other pages go on.
    sheet = await asyncio.to_thread(_sheet, found.entries, await names_by_actor(desk.engine))
    name = f"audit-{wanted.since.isoformat()}-{wanted.until.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(sheet, media_type="text/csv; charset=utf-8", headers=headers)


def _sheet(entries: Sequence[AuditEntry], names: Mapping[str, str]) -> str:
    rows = [
        {name: getattr(row, name) for name in _COLUMNS} | {"data": json.dumps(row.data, ensure_ascii=False)}
        for row in _rows(entries, names)
    ]
    return to_csv(_COLUMNS, rows, bom=True)


def _rows(entries: Sequence[AuditEntry], names: Mapping[str, str]) -> Iterator[Row]:
    for entry in entries:
        yield Row(
            at=entry.at,
            until=entry.until,
            by=entry.by,
            name=names.get(entry.by),
            act=entry.act,
            about=masked(entry.act, entry.about or ""),
            call=str(entry.call) if entry.call is not None else None,
            reason=masked(entry.act, entry.reason or ""),
            data=masked(entry.act, entry.data),
        )


def _known(day: date | None) -> date | None:
    return day if day is not None and 2000 <= day.year <= 2099 else None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
