"""Parse the arguments of the commands about case files; `office.cases.rules` says what is allowed."""

from collections.abc import Collection
from zoneinfo import ZoneInfo

from cli.composition import Composition
from office.cases.rules import FIELDS, CaseRules, Kind, missing_words
from prompts import catalogue, sources

NONE = "none"


def rules(parts: Composition, columns: Collection[str]) -> CaseRules:
    """Return what the site allows in these columns of a case."""
    return CaseRules(
        languages=parts.site.languages,
        operators=[operator.id for operator in parts.operators] if "owner" in columns else (),
        missing=words_for_missing(parts) if "missing" in columns else (),
        zone=ZoneInfo(parts.site.hours.timezone),
    )


def value(column: str, text: str) -> str | None:
    """Return the value that `text` stands for in a column of a case; None for `none`, which empties it."""
    if text == NONE and FIELDS[column] is not Kind.WORD:
        return None
    return text


def words_for_missing(parts: Composition) -> list[str]:
    """Return the words for missing documents: the ids of the site's texts that begin with `missing_`, without that."""
    folder = parts.settings.site
    ids = list(sources.load(folder)) or list(catalogue.load(folder).ids)
    return missing_words(ids)
