"""Remains after everybody has hung up: in Asterisk, in the controller, in the database."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.floor.control import Control
from bench.floor.line import Line
from db.engine import open_engine, reading
from db.enums import CallbackState, OfferState, Outcome
from db.tables import Call, Callback, CallEvent, CaseFile, Message, Offer, Pairing
from ivr.controller import last_line

WITHIN_S = 45.0
"""Everything is over by then: a lost telephone is given up after 10 s, wrap-ups and codes end by themselves."""

_CLAIMED = (CallbackState.RINGING_OPERATOR, CallbackState.RINGING_CALLER, CallbackState.CONNECTED)
_SHOWN = 12


async def idle_tasks(control: Control) -> int | None:
    """Return the number of tasks of an idle controller; None if none answers."""
    found = [status["tasks"] for _ in range(3) if (status := await control.get("/status")) is not None]
    return min(found, default=None)


async def until_nothing(
    line: Line, control: Control, tasks_before: int, registered: Collection[str]
) -> tuple[dict[str, list[str]], float]:
    """Wait until nothing is left, at most `WITHIN_S`; return the remains by kind, and how long that took.

    `registered`: the operators whose telephones are present, and who must be ready.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        found = {**await _asterisk(control), **await _controller(control, tasks_before, registered)}
        found |= await _rows(line)
        took = loop.time() - began
        if not any(found.values()) or took > WITHIN_S:
            return found, took
        await asyncio.sleep(1.0)


async def _asterisk(control: Control) -> dict[str, list[str]]:
    """Return Asterisk's channels and bridges. A prompt in a bridge, a recording and a supervisor's channel count too
    (Announcer, Recorder, Snoop)."""
    try:
        channels, bridges = await control.ari("/channels"), await control.ari("/bridges")
    except (aiohttp.ClientError, TimeoutError) as error:
        return {"channels": [f"Asterisk does not answer: {error!r}"], "bridges": []}
    return {
        "channels": [
            f"{channel['name']} {channel['state']} {channel['dialplan']['app_data']}"
            for channel in channels
            if not channel["name"].startswith(last_line.NAME)
        ],
        "bridges": [f"{bridge['id']} with {len(bridge['channels'])} channels" for bridge in bridges],
    }


async def _controller(control: Control, tasks_before: int, registered: Collection[str]) -> dict[str, list[str]]:
    status, operators = await control.get("/status"), await control.operators()
    waiting = await control.get("/queue")
    if status is None or not operators or waiting is None:
        return {"controller": ["it does not answer"]}
    tasks = await idle_tasks(control) or 0
    not_ready = [
        f"{item} is {row['state']} ({row['reason']}), {row['call']}"
        for item, row in operators.items()
        if item in registered and row["state"] != "ready"
    ]
    return {
        "controller": [],
        "tasks of the controller": [f"{tasks}, and {tasks_before} before"] if tasks > tasks_before else [],
        "calls of the controller": [f"{count} {state}" for state, count in status["calls"].items()],
        "channels that the controller follows": status["channels"],
        "callers that wait": [item["call"] for item in waiting],
        "rows not written": [
            f"{status[item]} {item}" for item in ("journal_waiting", "journal_dropped") if status[item]
        ],
        "operators who are not ready": not_ready,
    }


async def _rows(line: Line) -> dict[str, list[str]]:
    async with open_engine(line.database) as engine, reading(engine) as connection:
        return {
            "open calls": await _of(connection, select(Call.id, Call.caller).where(Call.ended.is_(None))),
            "ended calls without an outcome": await _of(
                connection, select(Call.id, Call.caller).where(Call.ended.is_not(None), Call.outcome.is_(None))
            ),
            "open offers": await _of(
                connection,
                select(Offer.id, Offer.operator_id, Offer.state).where(
                    Offer.ended.is_(None) | (Offer.state == OfferState.RINGING.value)
                ),
            ),
            "open pairings": await _of(
                connection, select(Pairing.id, Pairing.operator_id, Pairing.role).where(Pairing.ended.is_(None))
            ),
            "call-back requests that a controller works on": await _of(
                connection,
                select(Callback.id, Callback.state).where(
                    Callback.claimed_boot.is_not(None) | Callback.state.in_([item.value for item in _CLAIMED])
                ),
            ),
            "files without their call": await _of(
                connection,
                select(CaseFile.reference, CaseFile.kind).where(
                    CaseFile.call_id.is_(None) | CaseFile.call_id.not_in(select(Call.id))
                ),
            ),
            "answered calls without their file": await _of(
                connection,
                select(Call.id, Call.caller).where(
                    Call.outcome == Outcome.ANSWERED.value,
                    Call.ended.is_not(None),
                    Call.case_reference.is_(None) | Call.case_reference.not_in(select(CaseFile.reference)),
                ),
            ),
        }


async def _of(connection: AsyncConnection, query: Any) -> list[str]:
    return [" ".join(str(item) for item in row) for row in (await connection.execute(query)).all()]


async def read_account(line: Line) -> dict[str, Any]:
    """Return the database's account: numbers of callers with a row, outcomes, offers, pairings, kinds of events,
    refused operator requests by reason."""
    async with open_engine(line.database) as engine, reading(engine) as connection:

        async def counts(column: Any) -> Mapping[str, int]:
            rows = await connection.execute(select(column, func.count()).group_by(column))
            return {str(word): number for word, number in rows.all()}

        refused: dict[str, int] = {}
        for (data,) in await connection.execute(select(CallEvent.data).where(CallEvent.kind == "request_refused")):
            why = str(data.get("why") or data.get("reason"))
            refused[why] = refused.get(why, 0) + 1
        return {
            "callers": [item for (item,) in (await connection.execute(select(Call.caller))).all()],
            "outcomes": await counts(Call.outcome),
            "offers": await counts(Offer.state),
            "pairings": await counts(Pairing.role),
            "pairings_ended": await counts(Pairing.reason),
            "events": await counts(CallEvent.kind),
            "refused": refused,
            "messages": (await connection.execute(select(func.count()).select_from(Message))).scalar_one(),
            "now": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def abbreviate(lines: list[str], shown: int = _SHOWN) -> str:
    """Return the first lines and the number of the others."""
    more = f" and {len(lines) - shown} more" if len(lines) > shown else ""
    return "; ".join(lines[:shown]) + more
