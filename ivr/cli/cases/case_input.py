"""What was given to the commands about case files, understood or refused in a sentence."""

import re
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import CaseState
from ivr.cli.composition import Composition
from ivr.model import clock
from ivr.model.e164 import normalise

NONE = "none"
MISSING = "missing_"


class CaseError(Exception):
    """A sentence that says why nothing was done with a file, and what would be right."""


def value(parts: Composition, column: str, text: str) -> Any:
    """What the column of a file is to have; `none` empties it."""
    if text == NONE and column != "state":
        return None
    match column:
        case "state":
            return one_of(text, CaseState, "state")
        case "missing":
            known = words_for_missing(parts)
            words = list(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
            for word in words or [text]:
                one_of(word, known, "word of this site for what is missing", or_none=True)
            return ",".join(words)
        case "expected":
            return _day(parts, text)
        case "owner":
            if text not in {each.id for each in parts.operators}:
                raise CaseError(f"there is no operator {text!r}; `hatif operators` lists them, and none is nobody.")
            return text
        case "due":
            return _due(parts, text)
    return text.strip() or None


def one_of(text: str, words: Any, what: str, or_none: bool = False) -> str:
    if text not in [str(each) for each in words]:
        raise CaseError(f"{text!r} is no {what}; write one of {', '.join(words)}{', or none' if or_none else ''}.")
    return text


def number(text: str) -> str:
    number = normalise(text)
    if number is None:
        raise CaseError(f"{text!r} is no number; write it with its country, such as +33612345678.")
    return number


def _day(parts: Composition, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{text!r} is no date; write it as 2027-01-15, or none.") from None
    today = clock.now().astimezone(ZoneInfo(parts.site.hours.timezone)).date()
    if day < today:
        raise CaseError(f"{text} has passed; give a day from {today} on, or none.")
    return day


def _due(parts: Composition, text: str) -> datetime:
    """A day alone means its end."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{text!r} is no date; write it as 2027-01-15 or 2027-01-15T12:00, or none.") from None
    if "T" not in text and " " not in text:
        at = datetime.combine(at.date(), time(23, 59))
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(parts.site.hours.timezone))


def words_for_missing(parts: Composition) -> list[str]:
    """What can be missing: the site's texts have a name for it."""
    from prompts import catalogue, sources

    folder = parts.settings.site
    ids = list(sources.load(folder)) or list(catalogue.load(folder).ids)
    return [each.removeprefix(MISSING) for each in ids if each.startswith(MISSING)]


def topic(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", text):
        raise CaseError(f"{text!r} is no topic; it is a word in small letters, such as file.")
    return text


def country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text.upper()):
        raise CaseError(f"{text!r} is no country; write its two letters, such as FR.")
    return text.upper()


def reference(text: str) -> str:
    """The nine digits."""
    from db import references

    digits = references.normalize(text)
    if not re.fullmatch(r"[0-9]{9}", digits):
        raise CaseError(f"{text!r} is no reference; it has nine digits, such as 123-456-789.")
    if not references.is_valid(digits):
        raise CaseError(
            f"{references.format_reference(digits)} has a wrong check digit; one of its digits is wrong, or two have "
            "changed places. Compare it with the paper, or look for the file with `hatif cases`."
        )
    return digits
