"""The gate before what is known of callers: why somebody reads it is known and on record before it is shown."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import structlog

from db.engine import DatabaseError
from db.references import is_valid, normalize
from db.traces import Read, Trace
from desk.context import Desk, part
from desk.live.hub import Hub
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import SignedIn
from desk.reading.calls import WRAPPED_UP, CallFacts, latest_call
from desk.reading.limits import MOST, PAUSE, WITHIN, Kind, Readings
from desk.reading.tasks import Task, tasks_of
from desk.reading.traces import Traces

log = structlog.get_logger()

SEARCH = "search"
"""What a reason for searching is given for."""

_PAUSED = N_(
    "You have searched or opened very much within a few minutes. Searches and files are paused for another %(minutes)s"
    " min, and this is on record. The call on your screen is not affected."
)
_NOT_WRITTEN = N_(
    "Who reads this is kept on record, and the record cannot be written at this moment, so it is not shown. Try again;"
    " if it stays, tell an administrator."
)
_SAY_WHY = N_("Open it again, and say why.")


class WhyNeeded(Exception):  # noqa: N818 - a question, not a fault
    """Nobody knows yet why the person wants to see this. `subject`: what a reason holds for."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject


@dataclass(frozen=True, slots=True)
class OwnCall:
    """The call on a person's screen: the one that they are offered, have, or wrap up."""

    id: str
    caller: str | None
    case: str | None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a person reads something: `call`, `task`, or what they have said."""

    reason: str
    call: str | None = None
    task: str | None = None

    @property
    def key(self) -> str:
        return ":".join(filter(None, (self.reason, self.call, self.task)))


class Reader:
    """Lets people read what they have a reason for, and keeps that they did."""

    def __init__(self, desk: Desk, hub: Hub, readings: Readings, traces: Traces) -> None:
        self._desk, self._hub, self._readings, self._traces = desk, hub, readings, traces

    async def open_case(self, signed_in: SignedIn, case: Mapping[str, Any]) -> None:
        """Let a person see a case, which must be on record first.

        Raises:
            WhyNeeded, DeskError: It may not be shown.
        """
        reference, subject = str(case["reference"]), f"case:{case['reference']}"
        call = await self._call(signed_in)
        belongs = call is not None and (reference == call.case or _same(call.caller, case.get("caller")))
        why = _of_call(call)
        if why is None and case.get("owner") and case["owner"] == signed_in.person.operator:
            why = Why("task", task=subject)
        why = why or self._said(signed_in, subject) or await self._task(signed_in, reference, case.get("caller"))
        self._open(signed_in, Read.CASE, subject, why, belongs=belongs)

    async def change_case(self, signed_in: SignedIn, reference: str) -> None:
        """Let a person change a case, which they see then. They are not asked why: what they have typed would be lost.

        Whoever has it open has been asked. Raises DeskError if it may not be shown.
        """
        subject = f"case:{normalize(reference)}"
        if not is_valid(reference) or self._readings.is_open(signed_in.mark, subject, self._desk.now()):
            return
        call = await self._call(signed_in)
        belongs = call is not None and call.case == normalize(reference)
        self._open(signed_in, Read.CASE, subject, _of_call(call) or Why("change"), belongs=belongs)

    async def open_caller(self, signed_in: SignedIn, facts: CallFacts) -> None:
        """Let a person see what is known of a call's caller; raises as `open_case`."""
        subject, call = f"call:{facts.id}", await self._call(signed_in)
        belongs = call is not None and call.id == facts.id
        why = _of_call(call) or self._said(signed_in, subject)
        why = why or await self._task(signed_in, facts.case, facts.caller)
        self._open(signed_in, Read.CALLER, subject, why, belongs=belongs)

    def opened_new(self, signed_in: SignedIn, reference: str) -> None:
        """Note that a person has made this case themselves, which is on record."""
        self._readings.open(signed_in.mark, f"case:{reference}", "new", self._desk.now())

    async def may_search(self, signed_in: SignedIn, terms: str) -> tuple[Why, bool]:
        """Return why a person searches, and whether it is for the call on their screen; raises as `open_case`."""
        call = await self._call(signed_in)
        belongs = call is not None and (_is(terms, call.case) or _has_number(terms, call.caller))
        self._refuse_paused(signed_in, belongs)
        why = _of_call(call) or self._said(signed_in, SEARCH) or await self._task_of_terms(signed_in, terms)
        if why is None:
            raise WhyNeeded(SEARCH)
        return why, belongs

    def searched(self, signed_in: SignedIn, terms: str, found: Collection[str], why: Why, belongs: bool) -> None:
        """Put a search on record, with the cases that it shows, before they are shown. Raises DeskError."""
        now, account = self._desk.now(), signed_in.person.id
        data: dict[str, Any] = {"terms": terms, "cases": list(found)}
        self._write(signed_in, Read.SEARCH, None, why, data, belongs=belongs)
        if why.reason not in ("call", "task"):
            self._readings.give(account, [f"case:{reference}" for reference in found], why.reason, now)
        if not self._readings.is_typed_on(account, terms, now) and not belongs:
            self._count(signed_in, Kind.SEARCH)

    async def why_of(self, signed_in: SignedIn, subject: str) -> Why:
        """Return why a person looks at something that no task leads to. Raises WhyNeeded, and DeskError in a pause."""
        self._refuse_paused(signed_in)
        why = _of_call(await self._call(signed_in)) or self._said(signed_in, subject)
        if why is None:
            raise WhyNeeded(subject)
        return why

    async def may_hear(self, signed_in: SignedIn, recording: UUID) -> Why:
        """Return why a person listens to a recording. Raises DeskError if they have not said why."""
        try:
            return await self.why_of(signed_in, f"recording:{recording}")
        except WhyNeeded:
            raise DeskError(403, _SAY_WHY) from None  # a player asks, which shows no question

    def heard(self, signed_in: SignedIn) -> None:
        """Count a recording, whose hearing is on record."""
        self._count(signed_in, Kind.FILE)

    def hear_message(self, signed_in: SignedIn, message: UUID, call: UUID) -> None:
        """Put on record that a person hears a message, which is their task: they have taken it. Raises DeskError."""
        about = f"message:{message}"
        self._write(signed_in, Read.MESSAGE, about, Why("task", str(call), about), {})

    def saw_list(self, signed_in: SignedIn, which: str, lines: int, **chosen: Any) -> None:
        """Put on record that a person sees a list that names callers: which, how long and with which filter, not whom.

        The same list counts as one act for a while. It is shown in any case: it is their work, and nobody was asked
        for.
        """
        about, key, now = f"list:{which}", repr(chosen), self._desk.now()
        if not lines or self._readings.is_open(signed_in.mark, about, now, key):
            return
        self._write(signed_in, Read.LIST, about, None, {"lines": lines, **chosen}, belongs=True)
        self._readings.open(signed_in.mark, about, key, now)

    async def export(self, signed_in: SignedIn, what: str, *, asks: bool, **data: Any) -> None:
        """Put on record that a person takes a file out of the desk; raises as `open_case`."""
        why = await self.why_of(signed_in, f"export:{what}") if asks else _of_call(await self._call(signed_in))
        self._write(signed_in, Read.EXPORT, f"export:{what}", why, data)

    async def _call(self, signed_in: SignedIn) -> OwnCall | None:
        operator = signed_in.person.operator
        if operator is None:
            return None
        picture = self._hub.picture
        known, live = picture.operators.get(operator), picture.call_of(operator)
        if live is not None:
            return OwnCall(live.id, live.caller or None, live.case)
        if known is not None and (rings := known.callback) is not None:
            return OwnCall(rings.call, rings.number, rings.case)
        if known is not None and known.state == "wrapping_up":
            try:
                last = await latest_call(self._desk.engine, operator, self._desk.now() - WRAPPED_UP)
            except DatabaseError:
                return None
            return OwnCall(last.id, last.caller, last.case) if last is not None else None
        return None

    async def _tasks(self, signed_in: SignedIn) -> list[Task]:
        try:
            return await tasks_of(self._desk.engine, signed_in.person.id, signed_in.person.operator)
        except DatabaseError:
            return []  # they are asked

    async def _task(self, signed_in: SignedIn, reference: str | None, caller: str | None) -> Why | None:
        for task in await self._tasks(signed_in):
            if (reference is not None and task.case == reference) or _same(task.number, caller):
                return Why("task", task=task.about)
        return None

    async def _task_of_terms(self, signed_in: SignedIn, terms: str) -> Why | None:
        if not any(letter.isdigit() for letter in terms):
            return None
        for task in await self._tasks(signed_in):
            if _is(terms, task.case) or _has_number(terms, task.number):
                return Why("task", task=task.about)
        return None

    def _said(self, signed_in: SignedIn, subject: str) -> Why | None:
        reason = self._readings.reason_of(signed_in.person.id, subject, self._desk.now())
        return Why(reason) if reason is not None else None

    def _open(self, signed_in: SignedIn, act: Read, subject: str, why: Why | None, *, belongs: bool) -> None:
        """Put it on record, unless it is the same act as before."""
        self._refuse_paused(signed_in, belongs)
        if why is None:
            raise WhyNeeded(subject)
        now = self._desk.now()
        if self._readings.is_open(signed_in.mark, subject, now, why.key):
            return
        self._write(signed_in, act, subject, why, {}, belongs=belongs)
        self._readings.open(signed_in.mark, subject, why.key, now)
        if not belongs:
            self._count(signed_in, Kind.FILE)

    def _refuse_paused(self, signed_in: SignedIn, belongs: bool = False) -> None:
        left = self._readings.paused_for(signed_in.person.id, self._desk.now())
        if left is not None and not belongs:
            raise DeskError(429, _PAUSED, minutes=max(1, round(left.total_seconds() / 60)))

    def _count(self, signed_in: SignedIn, kind: Kind) -> None:
        if self._readings.count(signed_in.person.id, kind, self._desk.now()):
            minutes = {"within_min": WITHIN.total_seconds() / 60, "paused_min": PAUSE.total_seconds() / 60}
            data = {"kind": kind.value, "number": MOST[kind], **minutes}
            self._traces.write(Trace(signed_in.person.id, Read.PAUSED, None, None, None, data))
            log.warning("somebody reads too much and is paused", account=signed_in.person.id, **data)

    def _write(
        self,
        signed_in: SignedIn,
        act: Read,
        about: str | None,
        why: Why | None,
        data: Mapping[str, Any],
        *,
        belongs: bool = False,
    ) -> None:
        """Write a trace. What belongs to the call on the screen is shown even if the disk is full: a caller waits, and
        the call itself is on record."""
        task = {"task": why.task} if why is not None and why.task not in (None, about) else {}
        reason, call = (why.reason, why.call) if why is not None else (None, None)
        trace = Trace(signed_in.person.id, act, about, reason, call, {**data, **task})
        if not self._traces.write(trace) and not belongs:
            raise DeskError(503, _NOT_WRITTEN)


ReaderDep = Annotated[Reader, part("reader")]


def _of_call(call: OwnCall | None) -> Why | None:
    return Why("call", call.id) if call is not None else None


def _same(number: str | None, other: str | None) -> bool:
    return number is not None and number == other


def _is(terms: str, reference: str | None) -> bool:
    return reference is not None and is_valid(terms) and normalize(terms) == reference


def _has_number(terms: str, number: str | None) -> bool:
    """Return whether a search is for this whole number, with or without its country."""
    digits = re.sub(r"[-+/()\s]", "", terms).removeprefix("00").lstrip("0")
    return number is not None and len(digits) >= 7 and digits.isdigit() and number.endswith(digits)
