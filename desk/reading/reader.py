"""The gate before what is known of callers: why somebody reads it is known and on record before it is shown."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

import structlog

from db.case_files import File
from db.engine import DatabaseError
from db.references import is_valid, normalize
from db.traces import Read, Trace
from desk.context import Desk, part
from desk.live.hub import Hub
from desk.page.errors import NOT_WRITTEN, DeskError
from desk.page.texts import N_
from desk.people.signed_in import SignedIn
from desk.reading.calls import WRAPPED_UP, CallFacts, latest_call
from desk.reading.limits import MOST, PAUSE, WITHIN, Kind, Readings
from desk.reading.tasks import Task, tasks_of
from desk.reading.traces import Traces
from office.reading import Reading, Why

log = structlog.get_logger()

SEARCH = "search"
"""What a reason for searching is given for."""

_PAUSED = N_(
    "You have searched or opened very much within a few minutes. Searches and files are paused for another %(minutes)s"
    " min, and this is on record. The call on your screen is not affected."
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


Decide = Callable[[File | None], Awaitable[tuple[Why | None, bool]]]
"""Returns why a person reads, if that is known, and whether it belongs to the call on their screen."""


class _Opening:
    """A person opens a case, or a caller's history; whatever they do in it for a while is the same act."""

    def __init__(self, reader: "Reader", signed_in: SignedIn, subject: str, decide: Decide) -> None:
        self._reader, self._signed_in, self._subject, self._decide = reader, signed_in, subject, decide
        self._key, self._belongs = "", False

    async def why(self, file: File | None) -> Why | None:
        """Raises WhyNeeded, and DeskError in a pause."""
        why, self._belongs = await self._decide(file)
        self._reader.refuse_paused(self._signed_in, self._belongs)
        if why is None:
            raise WhyNeeded(self._subject)
        self._key = why.key
        is_open = self._reader.is_open(self._signed_in, self._subject, why.key)
        return None if is_open else replace(why, needed=not self._belongs)

    def recorded(self, shown: Collection[str]) -> None:
        """Note that it is open, and count it."""
        self._reader.opened(self._signed_in, self._subject, self._key, belongs=self._belongs)


class _Changing(_Opening):
    """A person changes a case. They are not asked why: what they have typed would be lost. Whoever has it open has
    been asked."""

    async def why(self, file: File | None) -> Why | None:
        if self._reader.is_open(self._signed_in, self._subject):
            return None
        return await super().why(file)


class _Searching:
    """A person searches for cases."""

    def __init__(self, reader: "Reader", signed_in: SignedIn, terms: str) -> None:
        self._reader, self._signed_in, self._terms = reader, signed_in, terms
        self._why, self._belongs = Why(""), False

    async def why(self, file: File | None) -> Why | None:
        """Raises WhyNeeded, and DeskError in a pause."""
        self._why, self._belongs = await self._reader.why_of_search(self._signed_in, self._terms)
        return replace(self._why, needed=not self._belongs)

    def recorded(self, shown: Collection[str]) -> None:
        """The reason holds for the cases that were found, and the search is counted."""
        self._reader.searched(self._signed_in, self._terms, shown, self._why, self._belongs)


class _Listening:
    """A person listens to a recording."""

    def __init__(self, reader: "Reader", signed_in: SignedIn, recording: UUID) -> None:
        self._reader, self._signed_in, self._recording = reader, signed_in, recording

    async def why(self, file: File | None) -> Why:
        """Raises DeskError if they have not said why, and in a pause."""
        try:
            return await self._reader.why_of(self._signed_in, f"recording:{self._recording}")
        except WhyNeeded:
            raise DeskError(403, _SAY_WHY) from None  # a player asks, which shows no question

    def recorded(self, shown: Collection[str]) -> None:
        """Count it."""
        self._reader.heard(self._signed_in)


class Reader:
    """Lets people read what they have a reason for, and keeps that they did."""

    def __init__(self, desk: Desk, hub: Hub, readings: Readings, traces: Traces) -> None:
        self._desk, self._hub, self._readings, self._traces = desk, hub, readings, traces

    def case(self, signed_in: SignedIn, reference: str) -> Reading:
        """Return how a person reads a case: for their call, a task, or what they have said."""
        subject = f"case:{normalize(reference)}"

        async def decide(file: File | None) -> tuple[Why | None, bool]:
            assert file is not None, "this is about reading a case"
            call = await self._call(signed_in)
            belongs = call is not None and (file.reference == call.case or _same(call.caller, file.caller))
            why = _of_call(call)
            if why is None and file.owner and file.owner == signed_in.person.operator:
                why = Why("task", task=subject)
            why = why or self._said(signed_in, subject) or await self._task(signed_in, file.reference, file.caller)
            return why, belongs

        return _Opening(self, signed_in, subject, decide)

    def changed_case(self, signed_in: SignedIn, reference: str) -> Reading:
        """Return how a person reads a case that they change, and see then."""

        async def decide(_: File | None) -> tuple[Why | None, bool]:
            call = await self._call(signed_in)
            return _of_call(call) or Why("change"), call is not None and call.case == normalize(reference)

        return _Changing(self, signed_in, f"case:{normalize(reference)}", decide)

    def caller(self, signed_in: SignedIn, facts: CallFacts) -> Reading:
        """Return how a person reads what is known of a call's caller."""
        subject = f"call:{facts.id}"

        async def decide(_: File | None) -> tuple[Why | None, bool]:
            call = await self._call(signed_in)
            why = _of_call(call) or self._said(signed_in, subject)
            why = why or await self._task(signed_in, facts.case, facts.caller)
            return why, call is not None and call.id == facts.id

        return _Opening(self, signed_in, subject, decide)

    def search(self, signed_in: SignedIn, terms: str) -> Reading:
        """Return how a person searches for cases."""
        return _Searching(self, signed_in, terms)

    def opened_new(self, signed_in: SignedIn, reference: str) -> None:
        """Note that a person has made this case themselves, which is on record."""
        self._readings.open(signed_in.mark, f"case:{reference}", "new", self._desk.now())

    def is_open(self, signed_in: SignedIn, subject: str, reason: str | None = None) -> bool:
        """Return whether this sign-in has opened something of late, for this reason or for any."""
        return self._readings.is_open(signed_in.mark, subject, self._desk.now(), reason)

    def opened(self, signed_in: SignedIn, subject: str, reason: str, *, belongs: bool) -> None:
        """Note that something is open, which is on record; count it unless it belongs to the call on the screen."""
        self._readings.open(signed_in.mark, subject, reason, self._desk.now())
        if not belongs:
            self._count(signed_in, Kind.FILE)

    async def why_of_search(self, signed_in: SignedIn, terms: str) -> tuple[Why, bool]:
        """Return why a person searches, and whether it is for the call on their screen.

        Raises WhyNeeded, and DeskError in a pause.
        """
        call = await self._call(signed_in)
        belongs = call is not None and (_is(terms, call.case) or _has_number(terms, call.caller))
        self.refuse_paused(signed_in, belongs)
        why = _of_call(call) or self._said(signed_in, SEARCH) or await self._task_of_terms(signed_in, terms)
        if why is None:
            raise WhyNeeded(SEARCH)
        return why, belongs

    def searched(self, signed_in: SignedIn, terms: str, found: Collection[str], why: Why, belongs: bool) -> None:
        """Note that a search is on record, with the cases that it shows."""
        now, account = self._desk.now(), signed_in.person.id
        if why.reason not in ("call", "task"):
            self._readings.give(account, [f"case:{reference}" for reference in found], why.reason, now)
        if not self._readings.is_typed_on(account, terms, now) and not belongs:
            self._count(signed_in, Kind.SEARCH)

    async def why_of(self, signed_in: SignedIn, subject: str) -> Why:
        """Return why a person looks at something that no task leads to. Raises WhyNeeded, and DeskError in a pause."""
        self.refuse_paused(signed_in)
        why = _of_call(await self._call(signed_in)) or self._said(signed_in, subject)
        if why is None:
            raise WhyNeeded(subject)
        return why

    def recording(self, signed_in: SignedIn, recording: UUID) -> Reading:
        """Return how a person listens to a recording."""
        return _Listening(self, signed_in, recording)

    def heard(self, signed_in: SignedIn) -> None:
        """Count a recording, whose hearing is on record."""
        self._count(signed_in, Kind.FILE)

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
        """Put on record that a person takes a file out of the desk. Raises WhyNeeded, DeskError."""
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

    def refuse_paused(self, signed_in: SignedIn, belongs: bool = False) -> None:
        """Raise DeskError while a person is paused, but for what belongs to the call on their screen."""
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
            raise DeskError(503, NOT_WRITTEN)


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
