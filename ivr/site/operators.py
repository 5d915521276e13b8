"""The operators' list `operators.csv`: who there is, what each speaks, and how well."""

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
    """A line of the list. `languages`: code to level, the first one is the operator's first language."""

    id: str
    name: str
    languages: dict[str, int]
    topics: frozenset[str]
    supervisor: bool


def is_id(text: str) -> bool:
    """Whether an operator may have this id; whether one has it is another question."""
    return _ID.fullmatch(text) is not None


def load(folder: Path, languages: Collection[str]) -> tuple[OperatorEntry, ...]:
    """The operators of the site in `folder`. Raises SiteError with a line for each mistake."""
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
                raise ValueError(f"the id {entry.id} stands twice; give each operator an id of his own")
            found[entry.id] = entry
        except ValueError as error:
            problems.append(Finding.told("E_OPERATOR_ROW", str(path), number, str(error)))
    if not found and not problems:
        sentence = "has no operator; write one a line below the first"
        problems.append(Finding.told("E_OPERATOR_FILE", str(path), 1, sentence))
    if problems:
        raise SiteError(*problems)
    return tuple(found.values())


def _entry(cells: list[str], languages: Collection[str]) -> OperatorEntry:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} cells; it must have {len(COLUMNS)}: {','.join(COLUMNS)}")
    identity, name, spoken, topics, supervisor = cells
    if not _ID.fullmatch(identity):
        raise ValueError(f"the id {identity!r} is not right; write 3 to 8 digits, not beginning with 0")
    if not name or len(name) > 60 or not name.isprintable() or any(each in name for each in '";[]<>|,\\$'):
        raise ValueError(f'the name {name!r} is not right; write up to 60 letters, without " ; [ ] < > | , \\ $')
    levels: dict[str, int] = {}
    for word in spoken.split():
        match = _LANGUAGE.fullmatch(word)
        if match is None:
            raise ValueError(f"the language {word!r} is not right; write code:level, such as fr:4, with levels 1 to 5")
        code, level = match.groups()
        if code not in languages:
            raise ValueError(f"the language {code!r} is none of this site; it has {', '.join(languages)}")
        if code in levels:
            raise ValueError(f"the language {code!r} stands twice; write it once")
        levels[code] = int(level)
    if not levels:
        raise ValueError("has no language; write at least one, such as fr:4")
    for topic in topics.split():
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"the topic {topic!r} is not right; write lower-case words, separated by blanks")
    if supervisor not in ("", "yes", "no"):
        raise ValueError(f"supervisor is {supervisor!r}; write yes or no")
    return OperatorEntry(identity, name, levels, frozenset(topics.split()), supervisor == "yes")
