"""A made-up year with all that reports count, and the documents that they must give: what an earlier way of reading the
same tables gave, which knew nothing of today's.

A new figure, or a new definition, needs new documents: `PYTHONPATH=.:tests .venv/bin/python tests/reports/full_year.py`
writes them, after somebody has compared all others with those of the code before.
"""

import asyncio
import json
import lzma
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from made_year import COUNTRIES, LANGUAGES, NUMBERS, TOPICS, YEAR, MadeYear
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import open_engine
from db.tables import Call, GuideRequest, Offer, Operator, OperatorStateRecord, Pairing, ScoreSheet, Shift
from db.upgrade import upgrade
from reports.by import By
from reports.documents import tables_of
from reports.reading import read_report
from reports.request import make_request

CALLS = 300
BUSY = ("2001", "2002", "2003")
"""Operators whose states belong to calls; those of `made_year.OPERATORS` belong to none."""

NOW = datetime.fromisoformat(f"{YEAR + 1}-01-01T02:30:00+00:00")
PAIRS = ("day,language", "operator,day", "operator,hour-of-day", "topic,country", "number,hour", "operator,language")
EXPECTED = Path(__file__).with_name("full_year.json.xz")

ODD: dict[str, Any] = {"within": 33.5, "short": 3.0}


class FullYear(MadeYear):
    """A `MadeYear`, and offers, conversations that are handed on, calls of the fallback, by us, and in progress,
    requests for the guide in writing, scores and planned shifts."""

    def __init__(self, calls: int = CALLS, seed: int = 7) -> None:
        super().__init__(calls, seed)
        for table in (Offer, GuideRequest, ScoreSheet, Shift):
            self.rows[table] = []
        self.rows[Operator] += [{"id": operator, "name": f"Person {operator}"} for operator in BUSY]
        self._boot, self._seq = self._id(), 0
        at = datetime.fromisoformat(f"{YEAR - 1}-12-31T21:00:00+00:00")
        while at < NOW - timedelta(minutes=90):
            for operator in BUSY:
                self._busy(at + timedelta(seconds=self._random.random() * 3000), operator)
            at += timedelta(hours=self._random.choice([2, 30, 170, 300]))
        self._busy(NOW - timedelta(minutes=89), BUSY[0])
        for operator in BUSY:
            self._going_on(NOW - timedelta(minutes=self._random.randint(6, 9)), operator)
        self._planned()

    def _any_call(self, at: datetime, **more: Any) -> dict[str, Any]:
        draw = self._random
        call = {
            "id": self._id(), "node": "n", "started": at, "live": draw.random() > 0.1, "outgoing": False,
            "language": draw.choice(LANGUAGES), "country": draw.choice(COUNTRIES), "topic": draw.choice(TOPICS),
            "number": draw.choice(NUMBERS), **more,
        }  # fmt: skip
        self.rows[Call].append(call)
        return call

    def _state(self, at: datetime, operator: str, state: str, call: Any = None, reason: str | None = None) -> None:
        self._seq += 1
        self.rows[OperatorStateRecord].append(
            {"node": "n", "boot": self._boot, "seq": self._seq, "at": at, "operator_id": operator, "state": state,
             "call_id": call["id"] if call else None, "reason": reason}
        )  # fmt: skip

    def _pairing(
        self, call: dict[str, Any], operator: str, began: datetime, ended: datetime | None, **more: Any
    ) -> None:
        self.rows[Pairing].append(
            {"id": self._id(), "node": "n", "call_id": call["id"], "operator_id": operator, "role": "operator",
             "began": began, "ended": ended, "reason": "caller" if ended else None, **more}
        )  # fmt: skip

    def _offer(self, call: dict[str, Any], operator: str, at: datetime, state: str) -> None:
        self.rows[Offer].append(
            {"id": self._id(), "node": "n", "call_id": call["id"], "operator_id": operator, "state": state,
             "offered": at}
        )  # fmt: skip

    def _busy(self, at: datetime, operator: str) -> None:
        """Give an operator half an hour with one call, and others what belongs to it."""
        draw = self._random
        others = [other for other in BUSY if other != operator]
        call = self._any_call(at, outcome="answered", operator_id=operator)
        queued = call["queued"] = at + timedelta(seconds=draw.choice([20, 30.5]))
        connected = call["dequeued"] = call["connected"] = queued + timedelta(seconds=draw.random() * 50)
        self._state(queued, operator, "ready")
        self._offer(call, others[0], queued, draw.choice(["refused", "no_answer", "unreachable", "withdrawn"]))
        self._offer(call, operator, connected - timedelta(seconds=3), "accepted")
        self._state(connected - timedelta(seconds=3), operator, "offered", call)
        self._state(connected, operator, "talking", call)
        ended = connected + timedelta(seconds=draw.random() * 900)
        fate = draw.random()
        if fate < 0.25:  # handed on
            self._pairing(call, operator, connected, ended, reason="transfer")
            last = ended + timedelta(seconds=draw.randint(60, 300))
            self._state(ended, others[1], "talking", call)
            self._pairing(call, others[1], ended, last)
            self._state(last, others[1], "wrapping_up")
            self._state(last + timedelta(seconds=33), others[1], "away", reason="telephone")
            call["ended"] = last
        elif fate < 0.5:  # with an interpreter, and a colleague
            self._pairing(call, operator, connected, ended)
            middle = connected + (ended - connected) / 2
            self._pairing(call, others[0], middle, ended, role="interpreter")
            self._pairing(call, others[1], middle, ended, role=draw.choice(["consulted", "interpreter"]))
            call["ended"] = ended
        elif fate < 0.6:  # the dialplan's
            call |= {"outcome": "fallback", "ended": ended}
        elif fate < 0.7:  # the clock was set back
            self._pairing(call, operator, connected, connected - timedelta(seconds=5))
            call["ended"] = ended
        else:
            self._pairing(call, operator, connected, ended)
            call["ended"] = ended
        self._state(ended, operator, "wrapping_up")
        if draw.random() < 0.3:
            self._state(ended + timedelta(seconds=11), operator, "wrapping_up", reason="longer")
        done = ended + timedelta(seconds=20 + draw.random() * 60)
        self._state(done, operator, draw.choice(["ready", "paused", "away"]), reason=draw.choice([None, "lunch"]))
        self._state(done + timedelta(seconds=200), operator, "paused", reason=draw.choice(["no_answer", "prayer"]))
        self._state(done + timedelta(seconds=500), operator, draw.choice(["ready", "away", "away"]))
        self._beside(call, operator)

    def _beside(self, call: dict[str, Any], operator: str) -> None:
        """Add what may come with a call."""
        draw, at = self._random, call["started"]
        match draw.randrange(6):
            case 0:
                self._any_call(at, outgoing=True, outcome="answered", operator_id=operator)
            case 1:
                self._any_call(at, outcome=draw.choice(["failed", "fallback", "abandoned"]), ended=at)
            case 2:
                self._any_call(at, outcome=draw.choice(["failed", "closed", "message", "self_served"]), queued=at,
                               dequeued=at + timedelta(seconds=draw.random() * 9))  # fmt: skip
            case 3:
                self.rows[GuideRequest].append(
                    {"id": self._id(), "node": "n", "call_id": call["id"], "procedure": "passport", "number": "+331",
                     "language": call["language"], "topic": call["topic"], "requested": at, "due": at,
                     "outcome": draw.choice([None, "sent", "sent", "withdrawn"])}
                )  # fmt: skip
            case 4:
                self.rows[ScoreSheet].append(
                    {"recording_id": self._id(), "by": "1040", "node": "n", "call_id": call["id"],
                     "operator_id": operator, "recorded": at, "at": at,
                     "scores": {"greeting": draw.randint(1, 5), "help": draw.randint(1, 5)}, "remark": ""}
                )  # fmt: skip

    def _going_on(self, at: datetime, operator: str) -> None:
        """Add a conversation, a wait and a menu that go on."""
        call = self._any_call(at, queued=at, dequeued=at, connected=at, operator_id=operator, live=True)
        self._pairing(call, operator, at, None)
        self._state(at, operator, "talking", call)
        self._any_call(at, queued=at)
        self._any_call(at)

    def _planned(self) -> None:
        draw = self._random
        for operator in (*BUSY, "3001"):
            for _ in range(4):
                begins = NOW - timedelta(hours=draw.randint(10, 8700))
                cancelled = begins + timedelta(hours=1) if draw.random() < 0.3 else None
                self.rows[Shift].append(
                    {"operator_id": operator, "begins": begins, "ends": begins + timedelta(hours=8),
                     "cancelled": cancelled}
                )  # fmt: skip


def wanted() -> dict[str, Any]:
    """Return the requests by a name of each."""
    year, weeks = (date(YEAR, 1, 1), date(YEAR, 12, 31)), (date(YEAR, 10, 19), date(YEAR, 10, 31))
    paris, nepal = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu")
    others = (By.HOUR, By.HALF_HOUR, By.ENDING)  # the two are read for weeks; that code knew no endings
    found = {f"year by {by}": make_request(by, *year, paris, NOW) for by in (*By, *PAIRS) if by not in others}
    found |= {f"weeks by {by}": make_request(by, *weeks, paris, NOW) for by in (By.HOUR, By.HALF_HOUR, By.OPERATOR)}
    found |= {f"with tests, by {by}": make_request(by, *year, paris, NOW, tests=True) for by in ("operator", "day")}
    found |= {
        f"other limits, by {by}": make_request(by, *year, paris, NOW, **ODD) for by in ("language", "hour-of-day")
    }
    found |= {f"Nepal, by {by}": make_request(by, *weeks, nepal, NOW) for by in ("day", "half-hour")}
    last = date(YEAR, 12, 31), date(YEAR + 1, 1, 1)
    found |= {f"until now by {by}": make_request(by, *last, paris, NOW) for by in ("hour", "operator", "topic")}
    return found


async def document(engine: AsyncEngine, request: Any) -> dict[str, Any]:
    """Return a report: the figures of its rows that are not nothing, and all those of its total."""
    data = await read_report(engine, request, hours=True)
    tables = tables_of(request, data)
    assert data.hours is not None
    tables["hours"] = {key[0]: group.figures() for key, group in data.hours.rows}
    text = json.dumps(
        tables | {"rows": [{name: value for name, value in row.items() if value} for row in tables["rows"]]}
    )
    return json.loads(text)  # type: ignore[no-any-return]


def expected() -> dict[str, Any]:
    """Return the documents by the names of their requests."""
    return json.loads(lzma.decompress(EXPECTED.read_bytes()))  # type: ignore[no-any-return]


async def _write(folder: Path) -> None:
    url = f"sqlite:///{folder}/hatif.db"
    await upgrade(url)
    async with open_engine(url) as engine:
        await FullYear().store(engine)
        documents = {name: await document(engine, request) for name, request in wanted().items()}
    EXPECTED.write_bytes(lzma.compress(json.dumps(documents).encode(), preset=9))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hatif-") as made:
        asyncio.run(_write(Path(made)))
