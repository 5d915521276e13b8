"""Rules for the columns of a case file, whoever changes it: a command, a program, an operator's page."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import CaseKind, CasePriority, CaseState
from db.names import clean
from wire.errors import UserError

CHANGEABLE = (
    "kind", "state", "topic", "language", "country", "post", "caller", "title",
    "applicant", "missing", "expected", "owner", "priority", "follow_up", "due",
)  # fmt: skip
"""The columns that people change."""

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
    """A site's own values: its languages, its operators' ids, its words for missing documents, and its clock."""

    languages: Collection[str]
    operators: Collection[str]
    missing: Collection[str]
    zone: ZoneInfo

    def check(self, columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the columns as they are stored. None empties a column; texts are trimmed.

        Raises:
            CaseError: A column cannot be changed, or its value is not allowed.
        """
        return {name: self._value(name, value, now) for name, value in columns.items()}

    def _value(self, name: str, value: Any, now: datetime) -> Any:
        if name not in CHANGEABLE:
            raise CaseError(f"{name!r} cannot be changed; write one of {', '.join(CHANGEABLE)}.", name)
        if isinstance(value, str):
            value = value.strip() or None
        if value is None:
            if name in _WORDS:
                raise CaseError(f"a case always has a {name}; write one of {', '.join(_WORDS[name])}.", name)
            return None
        match name:
            case "kind" | "state" | "priority":
                return one_of(value, _WORDS[name], name, column=name)
            case "language":
                return one_of(value, self.languages, "language of this site", column=name)
            case "topic" if not _TOPIC.fullmatch(value):
                raise CaseError(f"{value!r} is not a topic; write a word in lower case, such as file.", name)
            case "country":
                return _country(value)
            case "caller":
                return _number(value)
            case "owner" if value not in self.operators:
                sentence = f"there is no operator {value!r}; `hatif operators` lists them; none empties it."
                raise CaseError(sentence, name)
            case "missing":
                return self._missing(value)
            case "expected" | "follow_up" if value < (today := now.astimezone(self.zone).date()):
                raise CaseError(f"{value} is in the past; write a day from {today} on, or none.", name)
            case "due":
                return (value if value.tzinfo else value.replace(tzinfo=self.zone)).astimezone(UTC)
            case "applicant":
                return _within(clean(value), LONGEST[name], name) or None
            case "title" | "post":
                return _within(value, LONGEST[name], name)
        return value

    def _missing(self, words: str | Collection[str]) -> str | None:
        found = words.split(",") if isinstance(words, str) else words
        named = list(dict.fromkeys(word.strip() for word in found if word.strip()))
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


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text.upper()):
        raise CaseError(f"{text!r} is not a country; write its two letters, such as FR.", "country")
    return text.upper()


def _number(text: str) -> str:
    from ivr.model.e164 import normalise  # the world's numbers take a while to load, for a command

    if (number := normalise(text)) is None:
        sentence = f"{text!r} is not a telephone number; write it with its country, such as +33612345678."
        raise CaseError(sentence, "caller")
    return number


def _within(text: str, longest: int, column: str) -> str:
    if len(text) > longest:
        raise CaseError(f"the {column} has {len(text):,} characters; write {longest:,} at most.", column)
    return text
