"""The fields of a case file that people change, and what each may hold, whoever changes it: a command or a page."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import CaseKind, CasePriority, CaseState
from db.names import clean
from ivr.model.e164 import normalise
from wire.errors import UserError


class Kind(Enum):
    """What a field holds, and so what its value may be."""

    WORD = "one of our words, always"
    TOPIC = "a topic of the flow"
    LANGUAGE = "a language of the site"
    COUNTRY = "two letters"
    NUMBER = "a telephone number"
    NAME = "a person's name"
    TEXT = "a text of one line"
    MISSING = "words of the site"
    OPERATOR = "an operator's id"
    DAY = "a day from today on"
    INSTANT = "an instant"


FIELDS: Mapping[str, Kind] = {
    "kind": Kind.WORD,
    "state": Kind.WORD,
    "topic": Kind.TOPIC,
    "language": Kind.LANGUAGE,
    "country": Kind.COUNTRY,
    "post": Kind.TEXT,
    "caller": Kind.NUMBER,
    "title": Kind.TEXT,
    "applicant": Kind.NAME,
    "missing": Kind.MISSING,
    "expected": Kind.DAY,
    "owner": Kind.OPERATOR,
    "priority": Kind.WORD,
    "follow_up": Kind.DAY,
    "due": Kind.INSTANT,
}
"""The columns of a case that people change. A new one is a line here, a column of the table, and its place in the page
and in the command."""

MISSING = "missing_"
"""How the ids of the site's texts about missing documents begin; the rest is the word."""

LONGEST = {"title": 200, "applicant": 120, "post": 100, "text": 4000}
"""Characters, of a title, a name, a post and the text of a note."""

_WORDS: Mapping[str, Iterable[str]] = {"kind": CaseKind, "state": CaseState, "priority": CasePriority}
"""The columns that always have one of these words."""
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,30}")


class CaseError(UserError):
    """A sentence that says why nothing was done with a case file, and what would be right.

    `column` is the one that is wrong, if it is one.
    """

    def __init__(self, sentence: str, column: str | None = None) -> None:
        super().__init__(sentence)
        self.column = column


@dataclass(frozen=True, slots=True)
class CaseRules:
    """A site's own values: its languages, its operators' ids, its words for missing documents (None: they are not
    known, and every word is taken), and its clock."""

    languages: Collection[str]
    operators: Collection[str]
    missing: Collection[str] | None
    zone: ZoneInfo

    def check(self, columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the columns as they are stored. None empties a column; texts are trimmed.

        Raises:
            CaseError: A column cannot be changed, or its value is not allowed.
        """
        return {name: self._value(name, value, now) for name, value in columns.items()}

    def _value(self, name: str, value: Any, now: datetime) -> Any:
        if name not in FIELDS:
            raise CaseError(f"{name!r} cannot be changed; write one of {', '.join(FIELDS)}.", name)
        if isinstance(value, str):
            value = value.strip() or None
        if value is None:
            if FIELDS[name] is Kind.WORD:
                raise CaseError(f"a case always has a {name}; write one of {', '.join(_WORDS[name])}.", name)
            return None
        match FIELDS[name]:
            case Kind.WORD:
                return one_of(value, _WORDS[name], name, column=name)
            case Kind.LANGUAGE:
                return one_of(value, self.languages, "language of this site", column=name)
            case Kind.TOPIC if not _TOPIC.fullmatch(value):
                raise CaseError(f"{value!r} is not a topic; write a word in lower case, such as file.", name)
            case Kind.COUNTRY:
                return _country(value)
            case Kind.NUMBER:
                return _number(value)
            case Kind.OPERATOR if value not in self.operators:
                sentence = f"there is no operator {value!r}; `hatif operators` lists them; none empties it."
                raise CaseError(sentence, name)
            case Kind.MISSING:
                return self._missing(value)
            case Kind.DAY:
                return self._day(value, name, now)
            case Kind.INSTANT:
                at = _instant(value, name) if isinstance(value, str) else value
                return (at if at.tzinfo else at.replace(tzinfo=self.zone)).astimezone(UTC)
            case Kind.NAME:
                return _within(clean(value), LONGEST[name], name) or None
            case Kind.TEXT:
                return _within(value, LONGEST[name], name)
        return value

    def _day(self, value: str | date, name: str, now: datetime) -> date:
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise CaseError(f"{value!r} is not a date; write it as 2027-01-15, or none.", name) from None
        if day < (today := now.astimezone(self.zone).date()):
            raise CaseError(f"{day} is in the past; write a day from {today} on, or none.", name)
        return day

    def _missing(self, words: str | Collection[str]) -> str | None:
        found = words.split(",") if isinstance(words, str) else words
        named = list(dict.fromkeys(word.strip() for word in found if word.strip()))
        if self.missing is None:
            return ",".join(named) or None
        for word in named or ([words] if isinstance(words, str) else []):
            one_of(word, self.missing, "word of this site for a missing document", or_none=True, column="missing")
        return ",".join(named) or None


def one_of(text: str, words: Iterable[str], what: str, or_none: bool = False, column: str | None = None) -> str:
    """Return `text` if it is one of `words`. Raises CaseError with a sentence about `what` it should be."""
    known = [str(word) for word in words]
    if text not in known:
        choice = f"{', '.join(known)}{', or none' if or_none else ''}"
        raise CaseError(f"{text!r} is not a {what}; write one of {choice}.", column)
    return str(text)


def missing_words(texts: Iterable[str]) -> list[str]:
    """Return the words for missing documents among the ids of texts."""
    return [text.removeprefix(MISSING) for text in texts if text.startswith(MISSING)]


def note_text(text: str) -> str:
    """Return the text of a note as it is stored. Raises CaseError for an empty one and one that is too long."""
    if not text.strip():
        raise CaseError("the note is empty; write its text.", "text")
    return _within(text.strip(), LONGEST["text"], "text")


def _instant(text: str, name: str) -> datetime:
    """Return the instant that a text names; a day alone stands for its last minute."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        sentence = f"{text!r} is not a date; write it as 2027-01-15 or 2027-01-15T12:00, or none."
        raise CaseError(sentence, name) from None
    if "T" not in text and " " not in text:
        at = datetime.combine(at.date(), time(23, 59))
    return at


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text.upper()):
        raise CaseError(f"{text!r} is not a country; write its two letters, such as FR.", "country")
    return text.upper()


def _number(text: str) -> str:
    if (number := normalise(text)) is None:
        sentence = f"{text!r} is not a telephone number; write it with its country, such as +33612345678."
        raise CaseError(sentence, "caller")
    return number


def _within(text: str, longest: int, column: str) -> str:
    if len(text) > longest:
        raise CaseError(f"the {column} has {len(text):,} characters; write {longest:,} at most.", column)
    return text
