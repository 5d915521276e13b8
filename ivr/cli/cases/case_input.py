"""Parse and check the arguments of the commands about case files."""

import re
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import CaseKind, CaseState
from ivr.cli.composition import Composition
from ivr.model import clock
from ivr.model.e164 import normalise

NONE = "none"
MISSING = "missing_"


class CaseError(Exception):
    """A sentence that says why a command about a case file did nothing, and what would be right."""


def value(parts: Composition, column: str, text: str) -> Any:
    """Return the value that `text` stands for in a column of a case; None for `none`, which empties it.

    Raises CaseError.
    """
    if text == NONE and column not in ("state", "kind"):
        return None
    match column:
        case "state":
            return one_of(text, CaseState, "state")
        case "kind":
            return one_of(text, CaseKind, "kind")
        case "missing":
            known = words_for_missing(parts)
            words = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
            for word in words or [text]:
                one_of(word, known, "word of this site for a missing document", or_none=True)
            return ",".join(words)
        case "expected":
            return _day(parts, text)
        case "owner":
            if text not in {operator.id for operator in parts.operators}:
                raise CaseError(f"there is no operator {text!r}; `hatif operators` lists them; none empties it.")
            return text
        case "due":
            return _due(parts, text)
    return text.strip() or None


def one_of(text: str, words: Any, what: str, or_none: bool = False) -> str:
    """Return `text` if it is one of `words`. Raises CaseError with a sentence about `what` it should be."""
    if text not in [str(word) for word in words]:
        raise CaseError(f"{text!r} is not a {what}; write one of {', '.join(words)}{', or none' if or_none else ''}.")
    return text


def number(text: str) -> str:
    """Return a telephone number in E.164. Raises CaseError."""
    number = normalise(text)
    if number is None:
        raise CaseError(f"{text!r} is not a telephone number; write it with its country, such as +33612345678.")
    return number


def _day(parts: Composition, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{text!r} is not a date; write it as 2027-01-15, or none.") from None
    today = clock.now().astimezone(ZoneInfo(parts.site.hours.timezone)).date()
    if day < today:
        raise CaseError(f"{text} is in the past; write a day from {today} on, or none.")
    return day


def _due(parts: Composition, text: str) -> datetime:
    """Return the instant of --due; a day alone stands for its last minute."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{text!r} is not a date; write it as 2027-01-15 or 2027-01-15T12:00, or none.") from None
    if "T" not in text and " " not in text:
        at = datetime.combine(at.date(), time(23, 59))
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(parts.site.hours.timezone))


def words_for_missing(parts: Composition) -> list[str]:
    """Return the words for missing documents: the ids of the site's texts that begin with `missing_`, without that."""
    from prompts import catalogue, sources

    folder = parts.settings.site
    ids = list(sources.load(folder)) or list(catalogue.load(folder).ids)
    return [text_id.removeprefix(MISSING) for text_id in ids if text_id.startswith(MISSING)]


def topic(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", text):
        raise CaseError(f"{text!r} is not a topic; write a word in lower case, such as file.")
    return text


def country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text.upper()):
        raise CaseError(f"{text!r} is not a country; write its two letters, such as FR.")
    return text.upper()


def reference(text: str) -> str:
    """Return the nine digits of a reference. Raises CaseError, for a wrong check digit as well."""
    from db import references

    digits = references.normalize(text)
    if not re.fullmatch(r"[0-9]{9}", digits):
        raise CaseError(f"{text!r} is not a reference; write its nine digits, such as 123-456-789.")
    if not references.is_valid(digits):
        raise CaseError(
            f"{references.format_reference(digits)} has a wrong check digit: one of its digits is wrong, or two are "
            "swapped. Compare it with the paper, or look for the case with `hatif cases`."
        )
    return digits
