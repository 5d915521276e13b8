"""The list of operators, `operators.csv`: their languages and levels, topics, and whether they are supervisors."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ivr.site import table_file
from ivr.site.findings import Finding, SiteError

COLUMNS = ("id", "name", "languages", "topics", "supervisor")
_ID = re.compile(r"[1-9][0-9]{2,7}")
_LANGUAGE = re.compile(r"([a-z]{2,3}):([1-5])")
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """A line of the list. `languages`: code to level; the first is the operator's first language."""

    id: str
    name: str
    languages: dict[str, int]
    topics: frozenset[str]
    supervisor: bool


def is_id(text: str) -> bool:
    """Return whether the text is a valid operator id, whether or not it exists."""
    return _ID.fullmatch(text) is not None


def load(folder: Path, languages: Collection[str]) -> tuple[OperatorEntry, ...]:
    """Return the operators of the site in `folder`.

    Raises:
        SiteError: The file has mistakes; one line for each.
    """
    path = folder / "operators.csv"
    try:
        rows = table_file.rows(path, COLUMNS, "E_OPERATOR_FILE")
    except FileNotFoundError as error:
        raise table_file.unreadable(path, "E_OPERATOR_FILE", error) from None
    found: dict[str, OperatorEntry] = {}
    problems: list[Finding] = []
    for number, cells in rows:
        try:
            entry = _entry(cells, languages)
            if entry.id in found:
                raise ValueError(f"the id {entry.id} occurs twice; give each operator a different id")
            found[entry.id] = entry
        except ValueError as error:
            problems.append(Finding.from_sentence("E_OPERATOR_ROW", str(path), number, str(error)))
    if not found and not problems:
        sentence = "has no operators; write one per line, below the first line"
        problems.append(Finding.from_sentence("E_OPERATOR_FILE", str(path), 1, sentence))
    if problems:
        raise SiteError(*problems)
    return tuple(found.values())


def _entry(cells: list[str], languages: Collection[str]) -> OperatorEntry:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} columns; it must have {len(COLUMNS)}: {','.join(COLUMNS)}")
    identity, name, spoken, topics, supervisor = cells
    if not _ID.fullmatch(identity):
        raise ValueError(f"the id {identity!r} is not valid; write 3 to 8 digits, not beginning with 0")
    if not name or len(name) > 60 or not name.isprintable() or any(special in name for special in '";[]<>|,\\$'):
        raise ValueError(f'the name {name!r} is not valid; write up to 60 letters, without " ; [ ] < > | , \\ $')
    levels: dict[str, int] = {}
    for word in spoken.split():
        match = _LANGUAGE.fullmatch(word)
        if match is None:
            raise ValueError(f"the language {word!r} is not valid; write code:level, such as fr:4, with levels 1 to 5")
        code, level = match.groups()
        if code not in languages:
            raise ValueError(f"the language {code!r} is not one of the site's; write one of {', '.join(languages)}")
        if code in levels:
            raise ValueError(f"the language {code!r} occurs twice; write it once")
        levels[code] = int(level)
    if not levels:
        raise ValueError("has no languages; write at least one, such as fr:4")
    for topic in topics.split():
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"the topic {topic!r} is not valid; write lower-case words, separated by spaces")
    if supervisor not in ("", "yes", "no"):
        raise ValueError(f"supervisor is {supervisor!r}; write yes or no")
    return OperatorEntry(identity, name, levels, frozenset(topics.split()), supervisor == "yes")
