"""Questions of callers that the guide does not answer, as a list to work off; and whether amendments have helped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db import guide_use
from db.guide_use import Done, Hearing
from prompts import vowels

LOOKS_BACK = timedelta(days=90)
HELPED = timedelta(days=28)
"""The period before and after an amendment that are compared."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that callers ask. `key`: what it is marked by; `kind`: `gap`, `operator` or `complaint`.

    `heard`: in how many calls the procedure was heard, where it is about one.
    """

    key: str
    kind: str
    about: str
    language: str | None
    count: int
    last: datetime
    done: Done | None
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """In how many calls a procedure was heard, and in how many the caller then asked for an operator."""

    heard: int
    asked: int

    @property
    def share(self) -> float | None:
        """The share of those who asked for an operator; None if nobody heard it."""
        return self.asked / self.heard if self.heard else None


@dataclass(frozen=True, slots=True)
class Helped:
    """The use of a procedure before and after an amendment."""

    before: Use
    after: Use


async def questions(engine: AsyncEngine, now: datetime) -> list[Question]:
    """Return the questions of the last months, those asked most often first; those that are done last."""
    since = now - LOOKS_BACK
    done = await guide_use.done(engine)
    heard = await guide_use.hearings(engine, since)
    last = last_heard(heard)
    asked: dict[tuple[str, str, str | None], list[datetime]] = {}
    named: dict[tuple[str, str, str | None], str] = {}
    for gap in await guide_use.gaps(engine, since):
        key = ("gap", " ".join(vowels.bare(gap.words).casefold().split()), gap.language)
        asked.setdefault(key, []).append(gap.at)
        named[key] = gap.words
    for hearing in last.values():
        if leads_to_operator(hearing):
            asked.setdefault(("operator", hearing.procedure, None), []).append(hearing.last)
    for complaint in await guide_use.complaints(engine, since):
        about = last[complaint.call].procedure if complaint.call in last else complaint.topic
        asked.setdefault(("complaint", about or "", None), []).append(complaint.opened)
    counts = {name: use.heard for name, use in uses(heard).items()}
    found = [
        _question(kind, about, language, instants, done, named, counts)
        for (kind, about, language), instants in asked.items()
    ]
    return sorted(found, key=lambda row: (row.done is not None, -row.count, -row.last.timestamp()))


def _question(
    kind: str,
    about: str,
    language: str | None,
    instants: Sequence[datetime],
    done: Mapping[str, Done],
    named: Mapping[tuple[str, str, str | None], str],
    heard: Mapping[str, int],
) -> Question:
    key = f"{kind}:{language or ''}:{about}"[:300]
    over = done.get(key)
    since = [at for at in instants if over is None or at > over.done]
    is_over = over if not since else None
    name = named.get((kind, about, language), about)
    count = heard.get(about, 0) if kind == "operator" else 0
    return Question(key, kind, name, language, len(since or instants), max(instants), is_over, count)


def last_heard(hearings: Iterable[Hearing]) -> dict[UUID, Hearing]:
    """Return the last procedure of each call."""
    last: dict[UUID, Hearing] = {}
    for hearing in hearings:
        if hearing.call not in last or hearing.last > last[hearing.call].last:
            last[hearing.call] = hearing
    return last


def leads_to_operator(hearing: Hearing) -> bool:
    """Return whether the caller asked for an operator after it; those who listened while they waited did not."""
    return hearing.queued is not None and hearing.queued >= hearing.last


def uses(hearings: Sequence[Hearing]) -> dict[str, Use]:
    """Return the use of each procedure."""
    last = last_heard(hearings)
    heard: dict[str, int] = {}
    asked: dict[str, int] = {}
    for hearing in hearings:
        heard[hearing.procedure] = heard.get(hearing.procedure, 0) + 1
        if last[hearing.call] is hearing and leads_to_operator(hearing):
            asked[hearing.procedure] = asked.get(hearing.procedure, 0) + 1
    return {name: Use(count, asked.get(name, 0)) for name, count in heard.items()}


async def helped(engine: AsyncEngine, procedure: str, released: datetime) -> Helped:
    """Return how many callers asked for an operator before and after an amendment was released."""
    none = Use(0, 0)
    before = uses(await guide_use.hearings(engine, released - HELPED, released))
    after = uses(await guide_use.hearings(engine, released, released + HELPED))
    return Helped(before.get(procedure, none), after.get(procedure, none))
