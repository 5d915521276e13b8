"""The operators of the site's list: read, checked as they are typed, and compared with a list that is brought in."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from desk.page.texts import N_, Problem
from desk.site import table

FILE = "operators.csv"
COLUMNS = ("id", "name", "languages", "topics", "supervisor")

_ID = re.compile(r"[1-9][0-9]{2,7}")
_LANGUAGE = re.compile(r"([a-z]{2,3}):([1-5])")
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,30}")
_LONGEST_NAME = 60
_REFUSED = '";[]<>|,\\$'
_FORMULA = ("=", "+", "-", "@")
_DIRECTION = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
"""Marks of direction, which come with names that are copied from elsewhere."""

_BAD_ID = N_("“%(id)s” is not an extension: write 3 to 8 digits, not beginning with 0.")
_TWICE = N_("The extension %(id)s occurs twice; give each operator a different one.")
_NO_NAME = N_("Write a name of up to 60 letters.")
_SIGNS = N_("A name has none of these signs: %(signs)s")
_AS_FORMULA = N_("A name does not begin with = + - or @: spreadsheets would take it for a formula.")
_NO_LANGUAGE = N_("Give at least one language a level.")
_BAD_LANGUAGE = N_("“%(word)s” is not a language with a level; write code:level, such as fr:4, with levels 1 to 5.")
_UNKNOWN_LANGUAGE = N_("The site has no language “%(code)s”; its languages are %(codes)s.")
_LANGUAGE_TWICE = N_("The language “%(code)s” occurs twice.")
_BAD_TOPIC = N_("“%(topic)s” is not a topic; write lower-case words, separated by spaces.")
_BAD_SUPERVISOR = N_("The last column is “%(word)s”; write yes or no.")
_WIDTH = N_("This line has %(count)s columns; there must be five: id, name, languages, topics, supervisor.")
_HEADING = N_(
    "The first line must be id,name,languages,topics,supervisor; separators may be commas, semicolons or tabs."
)
_NO_TABLE = N_("This is not a table of separated values (line %(where)s).")
_EMPTY = N_("There is no operator in it.")


@dataclass(frozen=True, slots=True)
class Operator:
    """A row of the list. `languages`: code to level; the first is the operator's own."""

    id: str
    name: str
    languages: Mapping[str, int]
    topics: tuple[str, ...] = ()
    supervisor: bool = False

    @property
    def cells(self) -> dict[str, str]:
        """The row's cells but the first, as they are written."""
        return {
            "name": self.name,
            "languages": " ".join(f"{code}:{level}" for code, level in self.languages.items()),
            "topics": " ".join(self.topics),
            "supervisor": "yes" if self.supervisor else "no",
        }

    @property
    def mark(self) -> str:
        """A hash of the row."""
        return hashlib.sha256(repr(self.cells).encode()).hexdigest()[:16]

    def in_order_of(self, former: "Operator") -> "Operator":
        """Return the same with languages and topics in the order in which they were, the first language aside."""
        own = next(iter(self.languages))
        codes = [own, *(code for code in former.languages if code in self.languages and code != own)]
        codes += [code for code in self.languages if code not in codes]
        topics = [topic for topic in former.topics if topic in self.topics]
        topics += [topic for topic in self.topics if topic not in topics]
        return replace(self, languages={code: self.languages[code] for code in codes}, topics=tuple(topics))


@dataclass(slots=True)
class Listed:
    """The operators of a list, in its order, and what is wrong with its lines."""

    operators: dict[str, Operator] = field(default_factory=dict)
    problems: list[tuple[int, Problem]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes that an imported list makes. `changed`: as it was and as it will be."""

    added: Sequence[Operator]
    changed: Sequence[tuple[Operator, Operator]]
    removed: Sequence[Operator]


def plain(text: str) -> str:
    """Return a text as it is kept: one line, without marks of direction."""
    return " ".join(_DIRECTION.sub("", text).split())


def read(text: str, languages: Collection[str], *, is_new: bool = False) -> Listed:
    """Return the operators of a table. `is_new`: it is brought in, and names in it must not look like formulas."""
    found = Listed()
    try:
        _, rows = table.read(text.removeprefix("\ufeff"))
    except table.TableError as error:
        return Listed({}, [(1, (_NO_TABLE, {"where": str(error)}))])
    if not rows or tuple(cell.lower() for cell in rows[0].cells) != COLUMNS:
        return Listed({}, [(1, (_HEADING, {}))])
    for row in rows[1:]:
        if not any(row.cells):
            continue
        if len(row.cells) != len(COLUMNS):
            found.problems.append((row.line, (_WIDTH, {"count": len(row.cells)})))
            continue
        cells = dict(zip(COLUMNS, map(_unescaped, map(plain, row.cells)), strict=True))
        wrong = problems_of(cells, languages)
        if not is_new and wrong.get("name") == (_AS_FORMULA, {}):
            del wrong["name"]  # the site allows it
        problems = [*wrong.values()]
        if cells["id"] in found.operators:
            problems.append((_TWICE, {"id": cells["id"]}))
        found.problems += [(row.line, problem) for problem in problems]
        if not problems:
            found.operators[cells["id"]] = operator_of(cells)
    if not found.operators and not found.problems:
        found.problems.append((1, (_EMPTY, {})))
    return found


def operator_of(cells: Mapping[str, str]) -> Operator:
    """Return the operator of cells without problems."""
    levels = {code: int(level) for code, _, level in (word.partition(":") for word in cells["languages"].split())}
    topics = tuple(dict.fromkeys(cells["topics"].split()))
    return Operator(cells["id"], cells["name"], levels, topics, cells["supervisor"] == "yes")


def problems_of(cells: Mapping[str, str], languages: Collection[str]) -> dict[str, Problem]:
    """Return what is wrong with a row, by column."""
    found: dict[str, Problem] = {}
    if not _ID.fullmatch(cells["id"]):
        found["id"] = _BAD_ID, {"id": cells["id"][:40]}
    name = cells["name"]
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        found["name"] = _NO_NAME, {}
    elif name.startswith(_FORMULA):
        found["name"] = _AS_FORMULA, {}
    elif any(sign in name for sign in _REFUSED):
        found["name"] = _SIGNS, {"signs": " ".join(_REFUSED)}
    if (problem := _language_problem(cells["languages"].split(), languages)) is not None:
        found["languages"] = problem
    wrong = next((topic for topic in cells["topics"].split() if not _TOPIC.fullmatch(topic)), None)
    if wrong is not None:
        found["topics"] = _BAD_TOPIC, {"topic": wrong[:40]}
    if cells["supervisor"] not in ("", "yes", "no"):
        found["supervisor"] = _BAD_SUPERVISOR, {"word": cells["supervisor"][:40]}
    return found


def compare(former: Mapping[str, Operator], new: Mapping[str, Operator]) -> Comparison:
    """Return what differs between two lists."""
    return Comparison(
        [row for row in new.values() if row.id not in former],
        [(former[row.id], row) for row in new.values() if row.id in former and row.mark != former[row.id].mark],
        [row for row in former.values() if row.id not in new],
    )


def next_id(taken: Iterable[str]) -> str:
    """Return the first extension after those of most operators that is free."""
    numbers = sorted(int(identity) for identity in taken)
    free = next((n + 1 for n in numbers if n + 1 not in numbers), 1001)
    return str(free)


def matches(operator: Operator, wanted: str) -> bool:
    """Return whether all words that are looked for are in an operator's row: `nl`, `nl:4`, a part of a name."""
    row = " ".join((operator.id, operator.name, *operator.cells.values(), "supervisor" * operator.supervisor))
    return all(word in row.casefold() for word in wanted.casefold().split())


def _language_problem(words: Sequence[str], languages: Collection[str]) -> Problem | None:
    seen: set[str] = set()
    for word in words:
        match = _LANGUAGE.fullmatch(word)
        if match is None:
            return _BAD_LANGUAGE, {"word": word[:40]}
        if match[1] not in languages:
            return _UNKNOWN_LANGUAGE, {"code": match[1], "codes": ", ".join(languages)}
        if match[1] in seen:
            return _LANGUAGE_TWICE, {"code": match[1]}
        seen.add(match[1])
    return None if words else (_NO_LANGUAGE, {})


def _unescaped(cell: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
