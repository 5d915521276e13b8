"""`hatif calls`: finding calls, as a table by the site's clock and as lines for a spreadsheet."""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from every import every
from shell import Shell
from sqlalchemy import insert

from db.engine import async_engine, writing
from db.ids import uuid7
from db.tables import Call, Pairing
from reports import sheet

SUMMER = datetime(2026, 7, 10, 22, 30, tzinfo=UTC)  # half past eleven in the evening in Casablanca, which had UTC+1
PARIS, MADRID = "+33800212000", "+34800212004"

CALLS: dict[str, dict[str, Any]] = {
    "one": {"caller": "+33612345678", "caller_raw": "0612345678", "language": "fr", "country": "FR", "topic": "file"},
    "two": {"caller": "+34612345678", "caller_raw": "612345678", "language": "es", "country": "ES", "number": MADRID},
    "three": {"caller_raw": "=HYPERLINK(1)", "language": "fr", "outcome": "left_menu", "path": ["language", "main"]},
    "four": {"caller": "+33612345678", "caller_raw": "+33612345678", "outcome": "answered", "operator_id": "1001"},
    "five": {"outcome": None},
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A database with the calls, an hour between two of them; the operator 1002 was handed the fourth."""
    made = Shell(tmp_path_factory.mktemp("home"))
    made.make_database()

    async def write() -> None:
        engine = async_engine(f"sqlite:///{made.home}/hatif.db")
        async with writing(engine) as connection:
            for hour, (flow, columns) in enumerate(CALLS.items()):
                row = {"id": uuid7(), "node": "node1", "started": SUMMER + timedelta(hours=hour), "flow_version": flow}
                row |= {"number": PARIS, "outcome": "abandoned", **columns}
                await connection.execute(insert(Call), row)
                if flow == "four":
                    pairing = {"id": uuid7(), "node": "node1", "call_id": row["id"], "operator_id": "1002"}
                    await connection.execute(insert(Pairing), {**pairing, "role": "operator", "began": row["started"]})
        await engine.dispose()

    asyncio.run(write())
    return made


def found(shell: Shell, *arguments: str) -> list[str]:
    """Return which of the calls the command lists, by the hour in which they came."""
    answer = shell.run("calls", *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    came = [datetime.fromisoformat(row["started"]) - SUMMER for row in json.loads(answer.stdout)]
    return [list(CALLS)[instant // timedelta(hours=1)] for instant in came]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ["five", "four", "three", "two", "one"]),
        (("--last", "2"), ["five", "four"]),
        (("--from", "2026-07-11"), ["five", "four", "three", "two"]),  # the site's midnight
        (("--to", "2026-07-10"), ["one"]),
        (("--to", "20260710"), ["one"]),  # a day in ISO 8601's basic format includes the whole day as well
        (("--from", "20260711", "--to", "20260711"), ["five", "four", "three", "two"]),
        (("--from", "2026-07-11T01:00", "--to", "2026-07-11T02:30"), ["three"]),
        (("--from", "2026-07-11T01:30+00:00"), ["five", "four"]),
        (("--language", "fr"), ["three", "one"]),
        (("--language", "fr", "--topic", "none"), ["three"]),
        (("--country", "ES"), ["two"]),
        (("--topic", "file"), ["one"]),
        (("--operator", "1001"), ["four"]),
        (("--operator", "1002"), ["four"]),
        (("--operator", "none", "--outcome", "abandoned"), ["two", "one"]),
        (("--outcome", "none"), ["five"]),
        (("--number", "+33612345678"), ["four", "one"]),
        (("--number", "06 12 34 56 78"), ["four", "one"]),
        (("--number", "0034612345678"), ["two"]),
        (("--number", MADRID), ["two"]),
        (("--number", "=HYPERLINK(1)"), ["three"]),
    ],
)
def test_calls_are_found_by_their_attributes(shell: Shell, arguments: tuple[str, ...], names: list[str]) -> None:
    assert found(shell, *arguments) == names


def test_tables_name_the_sites_time_zone_and_documents_use_utc(shell: Shell) -> None:
    table = shell.run("calls", "--number", MADRID).stdout
    assert "Calls (times: Africa/Casablanca)" in table
    assert "2026-07-11 00:30:00" in table
    (row,) = json.loads(shell.run("calls", "--number", MADRID, "--json").stdout)
    assert row["started"] == "2026-07-10T23:30:00+00:00"
    story = shell.run("call", row["id"]).stdout
    assert "Call (times: Africa/Casablanca)" in story and "2026-07-11 00:30:00" in story
    assert ZoneInfo("Africa/Casablanca").utcoffset(SUMMER.replace(tzinfo=None)) == timedelta(hours=1)


def test_a_sheet_has_everything_that_the_document_has_and_no_formula(shell: Shell) -> None:
    rows = json.loads(shell.run("calls", "--json").stdout)
    written = shell.run("calls", "--csv", "--bom", "--separator", "tab").stdout
    assert written.startswith('\ufeff"id"\t')
    lines = list(csv.DictReader(StringIO(written.removeprefix("\ufeff")), delimiter="\t"))
    assert [line.keys() for line in lines] == [row.keys() for row in rows]
    assert [line["started"] for line in lines] == [row["started"] for row in rows]
    assert {line["caller_raw"] for line in lines} == {"0612345678", "612345678", "'=HYPERLINK(1)", "'+33612345678", ""}
    assert lines[2]["path"] == "language main"
    assert [value for line in lines for value in line.values() if value[:1] in ("=", "+", "-", "@")] == []


@every(
    ("value", "written"),
    [
        *((value, f"'{value}") for value in ("=1+1", "+49", "-2", "@SUM(A1)")),
        # Whether it separates cells by tabs or not.
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        # A spreadsheet that reads semicolons splits lines there, also within quotes that begin behind a comma.
        ("x;=cmd|' /C calc'!A1", "x;'=cmd|' /C calc'!A1"),
        ("x\t=1\n-2|+3", "x\t'=1\n'-2|'+3"),
        ('x; "=1", +2', "x; \"'=1\", '+2"),
        *((value, value) for value in ("ok", "1-2", "", "a; b, c", -2, 0.5, True, None)),
        (["-a", "b"], "'-a b"),
        (SUMMER, "2026-07-10T22:30:00+00:00"),
    ],
)
def test_no_cell_of_a_sheet_becomes_a_formula(value: object, written: object) -> None:
    """What a site or a caller wrote is text, whatever it begins with; numbers stay numbers."""
    assert sheet.cell(value) == written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--outcome", "lost"), "There is no outcome 'lost'; --outcome is one of answered, abandoned, "),
        (("--from", "yesterday"), "--from 'yesterday' is not a time; write it as 2027-01-15 or 2027-01-15T08:00."),
        (("--from", "2026-07-11", "--to", "2026-07-09"), "--to is before --from"),
        (("--to", "9999-12-31"), "is too far away"),
        (("--csv", "--json"), "use one of them"),
        (("--csv", "--separator", "::"), "--separator '::' is unknown"),
    ],
)
def test_a_filter_that_cannot_match_is_refused_with_the_remedy(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = shell.run("calls", *arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert sentence in answer.stderr
