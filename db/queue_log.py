"""The table `queue_log`: what happened in the queue, told from what the journal has brought, exactly once
(docs/decisions/0035-queue-log.md).

How far it is told is in the database (`queue_log_position`), in the transaction that writes the lines. What happened
before the log was switched on is not told.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import queue_events
from db.engine import insert_of, reading, writing
from db.enums import OperatorState
from db.instants import micros
from db.queue_events import FIELDS, KINDS, NONE, Line, Stored
from db.tables import Call, CallEvent, JournalPosition, Operator, OperatorStateRecord, QueueLog, QueueLogPosition

_AT_ONCE = 1000
"""Records of one journal that are told in one transaction, which other writers wait for."""
_LONGEST_WAIT = timedelta(hours=6)
"""Calls that began to wait earlier than that do not count in a position."""
_LOCK = 0x6861746968
"""Of PostgreSQL, beside those of `db.upgrade` and `db.callbacks`: two processes must not give out one line number."""

_WRITTEN_FOR = timedelta(days=1)
"""A journal without a record for this time is not written any more, or has nothing left to tell twice."""
_CLOCK_MOVES = timedelta(minutes=10)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_BEGUN = UUID(int=0)
"""In place of a journal: the log of this node was begun. `seq`: every journal whose last record was delivered before
this instant is told; microseconds since 1970."""

_Window = tuple[UUID, int, int]
"""A journal, and the numbers of its records that are to be told: above the first, up to the second."""


class QueueLogTable:
    """Tells the journals of one node. Belongs to one process; a second one tells nothing twice."""

    def __init__(self, engine: AsyncEngine, node: str) -> None:
        self._engine, self._node = engine, node
        self._looked: datetime | None = None  # up to when all journals are told

    async def tell(self) -> int:
        """Write the lines of everything that was delivered since; return how many. Raises DatabaseError."""
        found = 0
        while True:
            windows, looked = await self._windows()
            for boot, above, to in windows:
                found += await self._tell(boot, above, min(to, above + _AT_ONCE))
            if all(to <= above + _AT_ONCE for _, above, to in windows):
                self._looked = looked
                return found

    async def after(self, line: int, most: int) -> list[Stored]:
        """Return the lines of this node that follow a number, in order."""
        columns = (QueueLog.id, QueueLog.at, *_NAMES, *_DATA)
        mine = select(*columns).where(QueueLog.id > line, QueueLog.node == self._node).order_by(QueueLog.id)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(mine.limit(most))).all()
        return [Stored(row.id, queue_events.text_of(row.at, row[2:6], _given(row.event, row[6:]))) for row in rows]

    async def _windows(self) -> tuple[list[_Window], datetime | None]:
        """Return what is not told yet, and when the last of it was delivered."""
        told, journal = QueueLogPosition, JournalPosition
        begun = select(told.seq).where(told.node == self._node, told.boot == _BEGUN).scalar_subquery()
        behind = (
            select(journal.boot, func.coalesce(told.seq, 0), journal.seq, journal.at)
            .outerjoin(told, and_(told.node == journal.node, told.boot == journal.boot))
            .where(journal.node == self._node, journal.seq > func.coalesce(told.seq, 0))
            .where(micros(journal.at) >= func.coalesce(begun, 0))
            .order_by(journal.boot)
        )
        if self._looked is not None:  # spares reading the positions of all that ever wrote a journal
            behind = behind.where(journal.at >= self._looked - _CLOCK_MOVES)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(behind)).all()
        return [(row[0], row[1], row[2]) for row in rows], max((row[3] for row in rows), default=self._looked)

    async def begin(self) -> None:
        """Begin the log, unless it was begun before: from here on everything is told. Raises DatabaseError."""
        now = datetime.now(UTC)
        async with writing(self._engine) as connection:
            insertion = insert_of(connection.dialect.name)(QueueLogPosition).on_conflict_do_nothing()
            mark = {"node": self._node, "boot": _BEGUN, "seq": 0}
            if (await connection.execute(insertion.values(mark))).rowcount == 0:
                return
            here = JournalPosition.node == self._node
            boots = (await connection.execute(select(JournalPosition.boot, JournalPosition.seq).where(here))).all()
            if boots:
                told = [{"node": self._node, "boot": boot, "seq": seq} for boot, seq in boots]
                await connection.execute(insert(QueueLogPosition), told)
            lines = [Line(now, None, NONE, NONE, NONE, "QUEUESTART")]
            languages = await _languages(connection)
            for operator in languages:
                state = await _state_before(connection, operator, None)
                lines += queue_events.operator_lines(operator, languages[operator], _AWAY, state, now)
            await self._write(connection, lines)

    async def _tell(self, boot: UUID, above: int, to: int) -> int:
        async with writing(self._engine) as connection:
            if not await self._move(connection, boot, above, to):
                return 0
            lines = [
                *await self._lines_of_calls(connection, boot, above, to),
                *await _lines_of_operators(connection, self._node, boot, above, to),
            ]
            lines.sort(key=lambda line: line.at)
            await self._write(connection, lines)
        return len(lines)

    async def _move(self, connection: AsyncConnection, boot: UUID, above: int, to: int) -> bool:
        """Move the position; False if another process has done so."""
        insertion = insert_of(connection.dialect.name)(QueueLogPosition)
        upsert = insertion.values(node=self._node, boot=boot, seq=to).on_conflict_do_update(
            index_elements=["node", "boot"], set_={"seq": to}, where=QueueLogPosition.seq == above
        )
        return (await connection.execute(upsert)).rowcount == 1

    async def _lines_of_calls(self, connection: AsyncConnection, boot: UUID, above: int, to: int) -> list[Line]:
        """Return the lines of the events in the window. What happened to their calls before is told once more, to know
        where they were, and not written."""
        event = CallEvent
        window = and_(event.node == self._node, event.boot == boot, event.seq > above, event.seq <= to)
        calls = list(await connection.scalars(select(event.call_id).where(window, event.kind.in_(KINDS)).distinct()))
        if not calls:
            return []
        until = or_(event.node != self._node, event.boot < boot, and_(event.boot == boot, event.seq <= to))
        columns = (event.call_id, event.at, event.kind, event.data, event.node, event.boot, event.seq)
        story = select(*columns).where(event.call_id.in_(calls), event.kind.in_(KINDS), until)
        stories: Mapping[UUID, list[tuple[queue_events.Event, bool]]] = defaultdict(list)
        for row in await connection.execute(story.order_by(event.boot, event.seq)):
            is_new = row.node == self._node and row.boot == boot and row.seq > above
            stories[row.call_id].append((queue_events.Event(row.at, row.kind, row.data), is_new))
        position = await _positions(connection, min(events[0][0].at for events in stories.values()))
        found = []
        chosen = select(Call).where(Call.id.in_(calls), Call.live, Call.outgoing.is_(False))
        for row in (await connection.execute(chosen)).all():
            events = stories[row.id]
            call = queue_events.Call(
                id=row.id,
                channel=row.channel_id or str(row.id),
                caller=row.caller or "",
                started=row.started,
                queued=row.queued,
                connected=row.connected,
                ended=row.ended,
                operator=row.operator_id,
                language=row.language,
            )
            told = queue_events.call_lines(call, [event for event, _ in events], position)
            found += [line for index, line in told if events[index][1]]
        return found

    async def _write(self, connection: AsyncConnection, lines: Sequence[Line]) -> None:
        if not lines:
            return
        if connection.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        first = await _last_id(connection) + 1
        rows = [
            {
                "id": first + index,
                "node": self._node,
                "at": line.at,
                "call_id": line.call_id,
                "time": f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}",
                "callid": line.callid,
                "queuename": line.queue,
                "agent": line.agent,
                "event": line.event,
                **{f"data{number}": value for number, value in enumerate((*line.data, *[""] * 5)[:5], 1)},
            }
            for index, line in enumerate(lines)
        ]
        await connection.execute(insert(QueueLog), rows)


async def mark_told(engine: AsyncEngine, before: datetime) -> Any:
    """Note that all journals whose last record was delivered before an aware instant are told, so that their positions
    are not needed; return a condition for these. Raises DatabaseError."""
    told, journal = QueueLogPosition, JournalPosition
    before = min(before, datetime.now(UTC) - _WRITTEN_FOR)
    until = (before - _1970) // timedelta(microseconds=1)
    async with writing(engine) as connection:
        await connection.execute(update(told).where(told.boot == _BEGUN, told.seq < until).values(seq=until))
    past = select(journal.boot).where(journal.node == told.node, journal.boot == told.boot, journal.at < before)
    return past.exists()


_NAMES = (QueueLog.callid, QueueLog.queuename, QueueLog.agent, QueueLog.event)
_DATA = (QueueLog.data1, QueueLog.data2, QueueLog.data3, QueueLog.data4, QueueLog.data5)
_AWAY = (OperatorState.AWAY.value, None)


def _given(event: str, data: Sequence[str]) -> Sequence[str]:
    return data[: FIELDS.get(event, 1)]


async def _last_id(connection: AsyncConnection) -> int:
    return int(await connection.scalar(select(func.max(QueueLog.id))) or 0)


async def _positions(connection: AsyncConnection, since: datetime) -> queue_events.Position:
    """Return positions from what the rows of all calls say about their waits, from `since` on."""
    over = func.coalesce(Call.dequeued, Call.ended)
    waits = select(Call.id, Call.language, Call.queued, over).where(
        Call.queued >= since - _LONGEST_WAIT, Call.live, or_(over.is_(None), over >= since)
    )
    by_queue: dict[str, list[tuple[UUID, datetime, datetime | None]]] = defaultdict(list)
    for call, language, queued, end in await connection.execute(waits):
        if language is not None and queued is not None:
            by_queue[queue_events.queue_name(language)].append((call, queued, end))

    def position(call: UUID, queue: str, entered: datetime, at: datetime) -> int:
        return 1 + sum(
            other != call and queued < entered and (end is None or end > at) for other, queued, end in by_queue[queue]
        )

    return position


async def _lines_of_operators(connection: AsyncConnection, node: str, boot: UUID, above: int, to: int) -> list[Line]:
    state = OperatorStateRecord
    window = and_(state.node == node, state.boot == boot, state.seq > above, state.seq <= to)
    rows = (await connection.execute(select(state).where(window).order_by(state.seq))).all()
    if not rows:
        return []
    languages = await _languages(connection)
    before = {
        operator: await _state_before(connection, operator, (boot, above + 1))
        for operator in {row.operator_id for row in rows}
    }
    found: list[Line] = []
    for row in rows:
        now = (row.state, row.reason)
        spoken = languages.get(row.operator_id, ())
        found += queue_events.operator_lines(row.operator_id, spoken, before[row.operator_id], now, row.at)
        before[row.operator_id] = now
    return found


async def _languages(connection: AsyncConnection) -> dict[str, tuple[str, ...]]:
    rows = await connection.execute(select(Operator.id, Operator.languages).where(Operator.removed.is_(None)))
    return {operator: tuple(languages) for operator, languages in rows}


async def _state_before(
    connection: AsyncConnection, operator: str, before: tuple[UUID, int] | None
) -> tuple[str, str | None]:
    """Return an operator's state before a record, or the last one; away if there is none."""
    state = OperatorStateRecord
    earlier = select(state.state, state.reason).where(state.operator_id == operator)
    if before is not None:
        boot, seq = before
        earlier = earlier.where(or_(state.boot < boot, and_(state.boot == boot, state.seq < seq)))
    row = (await connection.execute(earlier.order_by(state.boot.desc(), state.seq.desc()).limit(1))).one_or_none()
    return (row.state, row.reason) if row is not None else _AWAY
