"""`hatif report` on a database that a test fills."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from shell import Answer, Shell
from sqlalchemy import insert

from db.engine import async_engine, writing
from db.ids import uuid7
from db.tables import Call

DAY = datetime(2026, 11, 25, tzinfo=UTC)  # Casablanca has UTC then
ON_THE_DAY = ("--from", "2026-11-25", "--to", "2026-11-25")


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


class ReportShell(Shell):
    def report(self, *arguments: str) -> Answer:
        answer = self.run("report", *arguments)
        assert answer.returncode == 0, answer.stderr
        return answer

    def document(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.report(*arguments, "--json").stdout)
        return found

    def refused(self, *arguments: str) -> str:
        answer = self.run("report", *arguments)
        assert answer.returncode == 1, answer.stdout
        assert answer.stdout == ""
        assert len(answer.stderr.splitlines()) == 1
        return answer.stderr.removeprefix("hatif: ").strip()

    def put(self, table: Any, *rows: dict[str, Any]) -> None:
        async def write() -> None:
            engine = async_engine(f"sqlite:///{self.home}/hatif.db")
            async with writing(engine) as connection:
                for row in rows:
                    await connection.execute(insert(table), row)
            await engine.dispose()

        asyncio.run(write())

    def calls(self, *rows: dict[str, Any]) -> None:
        self.put(Call, *({"id": uuid7(), "node": "node1", "started": row.get("queued"), **row} for row in rows))


def answered(queued: datetime, waited: float, **columns: Any) -> dict[str, Any]:
    connected = queued + timedelta(seconds=waited)
    over = connected + timedelta(seconds=100)
    return {"queued": queued, "connected": connected, "ended": over, "outcome": "answered", **columns}


def left(queued: datetime, waited: float, outcome: str = "abandoned", **columns: Any) -> dict[str, Any]:
    over = queued + timedelta(seconds=waited)
    return {"queued": queued, "dequeued": over, "ended": over, "outcome": outcome, **columns}
