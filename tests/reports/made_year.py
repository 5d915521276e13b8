"""A year of a line in Paris, made up from a seed: calls with conversations, operators' states, cases, call-backs and
answers of the survey."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import made_databases
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine, writing
from db.tables import Call, Callback, CallbackTry, CaseFile, Operator, OperatorStateRecord, Pairing, SurveyAnswer

YEAR = 2026
OPERATORS = ("1001", "1002", "1003", "1004")
LANGUAGES = ("ar", "fr", "es")
COUNTRIES = ("FR", "BE", None)
TOPICS = ("documents", "travel", None)
NUMBERS = ("+33800212000", "+32800212001")

Rows = dict[Any, list[dict[str, Any]]]


class MadeYear:
    """The rows of a year, which begins and ends in Paris; some calls are before it and after it."""

    def __init__(self, calls: int, seed: int = 1, *, edges: bool = True) -> None:
        self._random = random.Random(seed)
        self._ids = 0
        self.rows: Rows = {
            table: []
            for table in (Call, Pairing, OperatorStateRecord, CaseFile, Callback, CallbackTry, SurveyAnswer, Operator)
        }
        self.rows[Operator] = [{"id": operator, "name": f"Person {operator}"} for operator in OPERATORS]
        begins, ends = datetime(YEAR - 1, 12, 31, 20, tzinfo=UTC), datetime(YEAR + 1, 1, 1, 4, tzinfo=UTC)
        span = (ends - begins).total_seconds()
        # Many at the edges of days and around both changes of the clocks.
        instants = [
            datetime(YEAR, 3, 29, 0, 30, tzinfo=UTC), datetime(YEAR, 10, 25, 0, 30, tzinfo=UTC),
            datetime(YEAR, 10, 25, 22, 30, tzinfo=UTC), datetime(YEAR, 6, 30, 21, 45, tzinfo=UTC),
        ]  # fmt: skip
        for number in range(calls):
            if number % 10 or not edges:
                at = begins + timedelta(seconds=self._random.random() * span)
            else:
                at = instants[number // 10 % len(instants)] + timedelta(seconds=self._random.random() * 3600)
            self._call(at)
        self._states(begins, ends)

    async def store(self, engine: AsyncEngine) -> None:
        """Write all rows."""
        async with writing(engine) as connection:
            for table, rows in self.rows.items():
                columns = {name for row in rows for name in row}
                for first in range(0, len(rows), 500):
                    await connection.execute(
                        insert(table), [{name: row.get(name) for name in columns} for row in rows[first : first + 500]]
                    )

    def _id(self) -> UUID:
        self._ids += 1
        return UUID(int=(7 << 76) + self._ids)

    def _call(self, at: datetime) -> None:
        draw = self._random
        call = {
            "id": self._id(), "node": "n", "started": at, "live": draw.random() > 0.05,
            "language": draw.choice(LANGUAGES), "country": draw.choice(COUNTRIES),
            "topic": draw.choice(TOPICS), "number": draw.choice(NUMBERS),
            "outgoing": False,
        }  # fmt: skip
        self.rows[Call].append(call)
        fate = draw.random()
        if fate < 0.3:
            call["outcome"] = draw.choice(["left_menu", "self_served", "closed", "message", "callback"])
            call["ended"] = at + timedelta(seconds=60)
            self._case(call, "message") if call["outcome"] == "message" else None
            self._callback(call, "closed") if call["outcome"] == "callback" else None
            return
        queued = call["queued"] = at + timedelta(seconds=draw.randint(20, 90))
        waited = timedelta(seconds=draw.choice([3, 5, 20, 21, draw.random() * 120]))
        call["dequeued"] = queued + waited
        if fate < 0.42:
            call["outcome"], call["ended"] = "abandoned", queued + waited
        elif fate < 0.47:
            call["outcome"], call["ended"] = "callback", queued + waited
            self._callback(call, "waiting")
        else:
            self._answered(call, queued + waited)

    def _answered(self, call: dict[str, Any], connected: datetime) -> None:
        draw = self._random
        operator, ended = draw.choice(OPERATORS), connected + timedelta(seconds=draw.randint(30, 600))
        call |= {"outcome": "answered", "operator_id": operator, "connected": connected, "ended": ended}
        self.rows[Pairing].append(
            {"id": self._id(), "node": "n", "call_id": call["id"], "operator_id": operator, "role": "operator",
             "began": connected, "ended": ended, "reason": "caller"}
        )  # fmt: skip
        if draw.random() < 0.4:
            self._case(call, "enquiry")
        if draw.random() < 0.3:
            self.rows[SurveyAnswer].append(
                {"call_id": call["id"], "question": "survey_helpful", "node": "n", "answer": draw.randint(1, 5),
                 "language": call["language"], "operator_id": operator, "at": ended + timedelta(seconds=20)}
            )  # fmt: skip

    def _case(self, call: dict[str, Any], kind: str) -> None:
        draw, opened = self._random, call["ended"]
        closed = opened + timedelta(hours=draw.random() * 100) if draw.random() < 0.8 else None
        due = opened + timedelta(hours=48) if kind == "message" or draw.random() < 0.3 else None
        self.rows[CaseFile].append(
            {"reference": f"{len(self.rows[CaseFile]):09}", "node": "n", "kind": kind, "call_id": call["id"],
             "state": "closed" if closed else "open", "language": call["language"], "country": call["country"],
             "topic": call["topic"], "owner": draw.choice([None, *OPERATORS]), "opened": opened, "closed": closed,
             "due": due}
        )  # fmt: skip

    def _callback(self, call: dict[str, Any], kind: str) -> None:
        draw, wished = self._random, call["ended"]
        state = draw.choice(["done", "done", "failed", "cancelled", "wished"])
        request = {
            "id": self._id(), "node": "n", "kind": kind, "state": state, "call_id": call["id"],
            "number": "+33612345678", "country": call["country"], "language": call["language"],
            "topic": call["topic"], "wished": wished,
            "operator_id": draw.choice(OPERATORS) if state == "done" else None,
            "ended": wished + timedelta(hours=2) if state in ("done", "failed", "cancelled") else None,
        }  # fmt: skip
        self.rows[Callback].append(request)
        reached = request
        if state == "done" and draw.random() < 0.3:  # an operator took it, and reached the caller or not
            reached = request | {"id": self._id(), "kind": "operator", "wished": wished + timedelta(hours=1)}
            self.rows[Callback].append(reached)
        if state in ("done", "failed"):
            outcome = "reached" if state == "done" and draw.random() < 0.8 else "no_answer"
            self.rows[CallbackTry].append(
                {"callback_id": reached["id"], "try_number": 1, "node": "n", "number": "+33612345678",
                 "dialled": wished + timedelta(hours=1, minutes=5), "outcome": outcome}
            )  # fmt: skip

    def _states(self, begins: datetime, ends: datetime) -> None:
        """Give each operator a day's work: ready, talking, wrapping up, paused, away."""
        draw, boot = self._random, self._id()
        for operator in OPERATORS:
            at, seq = begins + timedelta(hours=5), 0
            while at < ends:
                for state, longest in (
                    ("ready", 7200),
                    ("talking", 3600),
                    ("wrapping_up", 600),
                    ("paused", 1800),
                    ("away", 40000),
                ):
                    self.rows[OperatorStateRecord].append(
                        {"node": "n", "boot": boot, "seq": int(operator) * 100_000 + seq, "at": at,
                         "operator_id": operator, "state": state, "reason": "lunch" if state == "paused" else None}
                    )  # fmt: skip
                    seq, at = seq + 1, at + timedelta(seconds=draw.randint(1, longest))


def stored_year() -> Path:
    """Return a SQLite database with a year of 500 calls, made once for all processes and runs. Tests take copies."""
    empty = made_databases.sqlite()

    async def make(folder: Path) -> None:
        file = shutil.copy(empty, folder / made_databases.SQLITE)
        async with open_engine(f"sqlite:///{file}") as engine:
            await MadeYear(500).store(engine)

    made = made_databases.made("year", lambda folder: made_databases.finish(make(folder)), __file__)
    return made / made_databases.SQLITE
