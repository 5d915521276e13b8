"""Parse the arguments of the commands about case files; `ivr.cases.case_rules` says what is allowed."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from cli.composition import Composition
from ivr.cases.case_rules import CaseError, CaseRules, missing_words

# Imports in functions: texts and check digits take a while to load, and `hatif --help` does not need them.

NONE = "none"


def rules(parts: Composition, columns: Collection[str]) -> CaseRules:
    """Return what the site allows in these columns of a case."""
    return CaseRules(
        languages=parts.site.languages,
        operators=[operator.id for operator in parts.operators] if "owner" in columns else (),
        missing=words_for_missing(parts) if "missing" in columns else (),
        zone=ZoneInfo(parts.site.hours.timezone),
    )


def value(column: str, text: str) -> Any:
    """Return the value that `text` stands for in a column of a case; None for `none`, which empties it.

    Raises:
        CaseError: The text is not a date where one is expected.
    """
    if text == NONE and column not in ("state", "kind", "priority"):
        return None
    match column:
        case "expected" | "follow_up":
            return _day(text, column)
        case "due":
            return _due(text)
    return text


def _day(text: str, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{text!r} is not a date; write it as 2027-01-15, or none.", column) from None


def _due(text: str) -> datetime:
    """Return the instant of --due; a day alone stands for its last minute. Without a zone it is by the site's clock."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        sentence = f"{text!r} is not a date; write it as 2027-01-15 or 2027-01-15T12:00, or none."
        raise CaseError(sentence, "due") from None
    if "T" not in text and " " not in text:
        at = datetime.combine(at.date(), time(23, 59))
    return at


def from_document(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case that the control API describes, with its columns as the database has them."""
    days = {name: date.fromisoformat(case[name]) if case[name] else None for name in ("expected", "follow_up")}
    due = datetime.fromisoformat(case["due"]) if case["due"] else None
    return {**case, **days, "due": due, "missing": ",".join(case["missing"]) or None}


def to_document(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of a case as the control API takes them."""
    return {
        name: found.split(",") if name == "missing" and found else
        found.isoformat() if isinstance(found, date) else found
        for name, found in columns.items()
    }  # fmt: skip


def words_for_missing(parts: Composition) -> list[str]:
    """Return the words for missing documents: the ids of the site's texts that begin with `missing_`, without that."""
    from prompts import catalogue, sources

    folder = parts.settings.site
    ids = list(sources.load(folder)) or list(catalogue.load(folder).ids)
    return missing_words(ids)


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
