"""A report of a made-up year agrees with SQL that was written for this test only, on SQLite and PostgreSQL.

The SQL knows nothing of quarters of an hour: it asks the database for local days and hours by what PostgreSQL knows of
Paris, and on SQLite by the two instants of 2026 at which its clocks change.
"""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from db_server import Server
from made_year import YEAR, MadeYear
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine, reading
from reports.documents import build_document
from reports.reading import read_report
from reports.request import make_request

pytest_plugins = ["db_fixtures"]

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(YEAR + 1, 6, 1, tzinfo=UTC)
CALLS = 600


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def year(
    request: pytest.FixtureRequest, sqlite_template: Path, server: Server, template: str
) -> AsyncIterator[AsyncEngine]:
    """The year in both databases, made once: these tests only read."""
    file = sqlite_template.with_name("made_year.db")
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{shutil.copy(sqlite_template, file)}" if is_sqlite else await server.copied(template, "made_year")
    async with open_engine(url) as engine:
        await MadeYear(CALLS).store(engine)
        yield engine


async def report(engine: AsyncEngine, by: str, first: date = date(YEAR, 1, 1), last: date = date(YEAR, 12, 31)) -> Any:
    request = make_request(by, first, last, PARIS, NOW)
    return build_document(request, await read_report(engine, request))


class Sql:
    """Pieces of SQL that differ between the two databases."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine, self._is_sqlite = engine, engine.dialect.name == "sqlite"

    def local(self, at: str) -> str:
        """The local time of an instant."""
        if not self._is_sqlite:
            return f"({at} AT TIME ZONE 'Europe/Paris')"
        summer = f"{at} >= '{YEAR}-03-29 01:00' AND {at} < '{YEAR}-10-25 01:00'"
        return f"datetime({at}, CASE WHEN {summer} THEN '+2 hours' ELSE '+1 hour' END)"

    def day(self, at: str) -> str:
        return f"date({self.local(at)})" if self._is_sqlite else f"to_char({self.local(at)}, 'YYYY-MM-DD')"

    def hour(self, at: str) -> str:
        """The hour of the day, as 08:00."""
        return f"strftime('%H:00', {self.local(at)})" if self._is_sqlite else f"to_char({self.local(at)}, 'HH24:00')"

    def in_year(self, at: str) -> str:
        return f"{self.day(at)} BETWEEN '{YEAR}-01-01' AND '{YEAR}-12-31'"

    def seconds(self, begin: str, end: str) -> str:
        if self._is_sqlite:  # its days are doubles: right to some 0.00005 s
            return f"((julianday({end}) - julianday({begin})) * 86400.0)"
        return f"extract(epoch FROM {end} - {begin})"

    async def rows(self, query: str) -> dict[Any, tuple[Any, ...]]:
        """Return the rows by their first column."""
        async with reading(self._engine) as connection:
            return {row[0]: tuple(row[1:]) for row in await connection.execute(text(query))}


def key_of(by: str, sql: Sql, at: str) -> str:
    return {"day": sql.day(at), "hour-of-day": sql.hour(at)}.get(by, f"call.{by}")


@pytest.mark.parametrize("by", ["day", "hour-of-day", "language", "country", "topic", "number"])
async def test_calls_waits_and_service_levels_are_those_of_the_database(year: AsyncEngine, by: str) -> None:
    sql = Sql(year)
    waited = sql.seconds("queued", "coalesce(connected, dequeued)")
    within, short = f"{waited} <= 20.001", f"{waited} <= 5.001"
    found = await sql.rows(f"""
        SELECT {key_of(by, sql, "queued")},
            sum(CASE WHEN connected IS NOT NULL THEN 1 ELSE 0 END),
            sum(CASE WHEN outcome = 'abandoned' THEN 1 ELSE 0 END),
            sum(CASE WHEN outcome = 'callback' THEN 1 ELSE 0 END),
            sum(CASE WHEN connected IS NOT NULL AND {within} THEN 1 ELSE 0 END),
            sum(CASE WHEN outcome = 'abandoned' AND {within} THEN 1 ELSE 0 END),
            sum(CASE WHEN outcome = 'abandoned' AND {short} THEN 1 ELSE 0 END),
            avg(CASE WHEN connected IS NOT NULL THEN {waited} END),
            avg(CASE WHEN connected IS NOT NULL THEN {sql.seconds("connected", "ended")} END)
        FROM call WHERE queued IS NOT NULL AND live AND {sql.in_year("queued")} GROUP BY 1
    """)
    rows = (await report(year, by))["rows"]
    column = by.replace("-", "_")
    assert {row[column] for row in rows if row["waited"]} == {*found}
    assert sum(answered + abandoned + back for answered, abandoned, back, *_ in found.values()) > CALLS / 2
    for row in rows:
        if not row["waited"]:
            continue
        answered, abandoned, back, answered_in, abandoned_in, abandoned_short, speed, talk = found[row[column]]
        assert (row["answered"], row["abandoned"], row["callback"]) == (answered, abandoned, back)
        assert (row["offered"], row["waited"]) == (answered + abandoned, answered + abandoned + back)
        offered = answered + abandoned
        for name, whole in (
            ("service_level_offered", offered),
            ("service_level_without_short", offered - abandoned_short),
            ("service_level_by_target", offered - abandoned_in),
        ):
            assert row[name] == (pytest.approx(answered_in / whole, abs=1e-6) if whole else None), name
        assert row["average_speed_of_answer_s"] == (pytest.approx(float(speed), abs=0.001) if answered else None)
        assert row["handling_s"] == (pytest.approx(float(talk), abs=0.001) if answered else None)


async def test_calls_that_never_waited_are_those_of_the_database(year: AsyncEngine) -> None:
    sql = Sql(year)
    columns = ("left_menu", "self_served", "closed", "message", "callback")
    counts = ", ".join(f"sum(CASE WHEN outcome = '{outcome}' THEN 1 ELSE 0 END)" for outcome in columns)
    found = await sql.rows(
        f"SELECT {sql.day('started')}, {counts} FROM call"
        f" WHERE queued IS NULL AND live AND {sql.in_year('started')} GROUP BY 1"
    )
    rows = {row["day"]: tuple(row[f"ivr_{name}"] for name in columns) for row in (await report(year, "day"))["rows"]}
    assert {day: counts for day, counts in rows.items() if any(counts)} == found


@pytest.mark.parametrize("by", ["day", "hour-of-day", "language", "topic", "operator"])
async def test_cases_call_backs_and_survey_are_those_of_the_database(year: AsyncEngine, by: str) -> None:
    sql = Sql(year)

    async def counted(table: str, at: str, what: str, where: str, by_operator: str) -> dict[Any, Any]:
        own = {"day": sql.day(at), "hour-of-day": sql.hour(at), "operator": by_operator}.get(by, f"x.{by}")
        if table == "survey_answer" and by == "topic":
            own = "call.topic"
        rows = await sql.rows(
            f"SELECT {own}, {what} FROM {table} x LEFT JOIN call ON call.id = x.call_id"
            f" WHERE (call.live OR call.id IS NULL) AND {sql.in_year(at)} AND {where} GROUP BY 1"
        )
        return {key: row[0] for key, row in rows.items()}

    owner = "coalesce(x.owner, call.operator_id)"
    late = "(x.closed IS NULL OR x.closed > x.due)"
    reached = "SELECT 1 FROM callback_try t WHERE t.callback_id = {} AND t.outcome = 'reached'"
    taken = (
        "SELECT 1 FROM callback o WHERE o.kind = 'operator' AND o.call_id = x.call_id AND o.number = x.number"
        f" AND EXISTS ({reached.format('o.id')})"
    )
    kept = f"(EXISTS ({reached.format('x.id')}) OR EXISTS ({taken}))"
    wanted = "x.kind IN ('waiting', 'closed')"
    done, asked = f"{wanted} AND x.state = 'done'", "x.operator_id"
    found = {
        "cases_opened": await counted("case_file", "x.opened", "count(*)", "1 = 1", owner),
        "cases_closed": await counted("case_file", "x.closed", "count(*)", "x.closed IS NOT NULL", owner),
        "cases_overdue": await counted("case_file", "x.due", "count(*)", late, owner),
        "callback_requests": await counted("callback", "x.wished", "count(*)", wanted, asked),
        "callbacks_kept": await counted("callback", "x.wished", "count(*)", f"{done} AND {kept}", asked),
        "callbacks_taken": await counted("callback", "x.wished", "count(*)", f"{done} AND NOT {kept}", asked),
        "callbacks_failed": await counted(
            "callback", "x.wished", "count(*)", f"{wanted} AND x.state = 'failed'", asked
        ),
        "survey_answers": await counted("survey_answer", "x.at", "count(*)", "1 = 1", asked),
    }
    average = await counted("survey_answer", "x.at", "avg(x.answer)", "1 = 1", asked)
    document = await report(year, by)
    column = by.replace("-", "_")
    for name, counts in found.items():
        assert counts, name
        assert {row[column]: row[name] for row in document["rows"] if row[name]} == counts, name
        assert document["total"][name] == sum(counts.values())
    for row in document["rows"]:
        expected = average.get(row[column])
        assert row["survey_average"] == (None if expected is None else pytest.approx(float(expected), abs=1e-6))
        both = row["callbacks_kept"] + row["callbacks_failed"]
        assert row["callbacks_kept_share"] == (pytest.approx(row["callbacks_kept"] / both, abs=1e-6) if both else None)


async def test_operators_times_are_those_of_the_database(year: AsyncEngine) -> None:
    sql = Sql(year)
    ends = f"'{YEAR}-12-31 23:00:00+00'" if year.dialect.name == "postgresql" else f"'{YEAR}-12-31 23:00:00'"
    begins = ends.replace(f"{YEAR}-12", f"{YEAR - 1}-12")
    cast = "::timestamptz" if year.dialect.name == "postgresql" else ""
    least, most = ("least", "greatest") if cast else ("min", "max")
    spent = sql.seconds(f"{most}(at, {begins}{cast})", f"{least}(until, {ends}{cast})")
    found = await sql.rows(f"""
        SELECT operator_id,
            sum(CASE WHEN state = 'talking' THEN {spent} ELSE 0 END),
            sum(CASE WHEN state = 'wrapping_up' THEN {spent} ELSE 0 END),
            sum(CASE WHEN state = 'ready' THEN {spent} ELSE 0 END),
            sum(CASE WHEN state = 'paused' THEN {spent} ELSE 0 END)
        FROM (SELECT operator_id, state, at, lead(at) OVER (PARTITION BY operator_id ORDER BY at, seq) AS until
              FROM operator_state) x
        WHERE until > {begins}{cast} AND at < {ends}{cast} GROUP BY operator_id
    """)
    rows = {row["operator"]: row for row in (await report(year, "operator"))["rows"] if row["operator"]}
    assert {*rows} == {*found}
    for operator, (talking, wrap_up, ready, paused) in found.items():
        row = rows[operator]
        times = [row[name] for name in ("talking_s", "wrapping_up_s", "ready_s", "paused_s")]
        assert times == pytest.approx([float(talking), float(wrap_up), float(ready), float(paused)], abs=0.5)
        busy = float(talking + wrap_up)
        assert row["occupancy"] == pytest.approx(busy / (busy + float(ready)), abs=1e-5)


async def test_the_day_of_25_hours_has_each_of_its_hours_and_all_its_calls(year: AsyncEngine) -> None:
    day = date(YEAR, 10, 25)
    hours = (await report(year, "hour", day, day))["rows"]
    named = [row["hour"] for row in hours]
    assert f"{YEAR}-10-25 02:00" in named
    assert f"{YEAR}-10-25 02:00 (+0100)" in named, "the hour that occurs twice is two rows"
    (whole,) = (await report(year, "day", day, day))["rows"]
    assert sum(row["calls"] for row in hours) == whole["calls"] > 20
    spring = date(YEAR, 3, 29)
    named = [row["hour"] for row in (await report(year, "hour", spring, spring))["rows"]]
    assert f"{YEAR}-03-29 01:00" in named and f"{YEAR}-03-29 02:00" not in named
