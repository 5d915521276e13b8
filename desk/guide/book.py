"""The guide in all languages that somebody has looked for, kept for a minute: it changes with the flow only.

The consulates are asked for each time, since somebody may be told to call their numbers at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from desk.control import ControlClient
from prompts import vowels
from prompts.guide_search import search

KEPT = timedelta(minutes=1)
ACTOR = "desk"


class Source(msgspec.Struct, frozen=True):
    """Where a fact is from."""

    field: str
    source: str
    as_of: str


class Procedure(msgspec.Struct, frozen=True):
    """A procedure in one language."""

    id: str
    status: str
    title: str
    fields: dict[str, str] = {}
    remarks: dict[str, str] = {}
    sources: tuple[Source, ...] = ()


class Consulate(msgspec.Struct, frozen=True):
    """A consulate in one language."""

    city: str
    languages: tuple[str, ...]
    address: str
    hours: str
    appointment: str
    telephone: str
    duty: str
    not_done: str
    status: str


@dataclass(frozen=True, slots=True)
class _Kept:
    notice: str
    procedures: Mapping[str, Procedure]
    read: datetime


class Book:
    """The guide of one line."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._kept: dict[str, _Kept] = {}

    async def in_language(self, language: str, now: datetime) -> Mapping[str, Procedure]:
        """Return the procedures in a language of the site, by id. Raises ControlError."""
        return (await self._read(language, now)).procedures

    async def notice(self, language: str, now: datetime) -> str:
        """Return what is said before a procedure that is a sample. Raises ControlError."""
        return (await self._read(language, now)).notice

    async def consulates(self, country: str, language: str) -> list[Consulate]:
        """Return the consulates of a country (ISO), in a language of the site. Raises ControlError."""
        answer = await self._control.ask("GET", f"/consulates?country={country}&language={language}", ACTOR)
        return [
            msgspec.structs.replace(
                row,
                city=vowels.bare(row.city),
                address=vowels.bare(row.address),
                hours=vowels.bare(row.hours),
                appointment=vowels.bare(row.appointment),
                not_done=vowels.bare(row.not_done),
            )
            for row in msgspec.convert(answer, list[Consulate])
        ]

    async def _read(self, language: str, now: datetime) -> _Kept:
        kept = self._kept.get(language)
        if kept is None or not kept.read <= now < kept.read + KEPT:
            answer = await self._control.ask("GET", f"/guide?language={language}", ACTOR)
            found = (_written(row) for row in msgspec.convert(answer["procedures"], list[Procedure]))
            notice = vowels.bare(str(answer.get("notice", "")))
            kept = self._kept[language] = _Kept(notice, {row.id: row for row in found}, now)
        return kept

    async def find(self, words: str, languages: tuple[str, ...], now: datetime) -> list[str]:
        """Return the ids of the procedures with these words in one of the languages, best first; all without words."""
        books = [await self.in_language(language, now) for language in dict.fromkeys(languages)]
        if not words.strip():
            return list(books[0])
        titles = {name: [name, *(book[name].title for book in books if name in book)] for name in books[0]}
        texts = {
            name: [text for book in books if name in book for text in book[name].fields.values()] for name in books[0]
        }
        return search(words, titles, texts)


def _written(spoken: Procedure) -> Procedure:
    """Return a procedure as it is read rather than spoken: without vowel signs."""
    return msgspec.structs.replace(
        spoken,
        title=vowels.bare(spoken.title),
        fields={name: vowels.bare(text) for name, text in spoken.fields.items()},
        remarks={country: vowels.bare(text) for country, text in spoken.remarks.items()},
    )
