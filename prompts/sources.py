"""The English texts of a site, where they are written: `texts.yaml`, `flow.yaml` (its section `texts:`) and `guide/`.

pybabel extracts them from here (`extract`, found through the entry point `babel.extractors`), and the check compares
the English catalogue with them. A comment directly above a text goes to the translators.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from prompts import site_files
from prompts.yaml_places import STRING, compose, refusal

GUIDE = "guide"
"""The folder with one file a procedure."""
GUIDE_FIELDS = ("title", "documents", "where", "issuer", "duration", "fee", "legal_basis")

_ABOUT = {
    "title": "An option of a menu; press_N follows.",
    "documents": "What has to be brought.",
    "where": "Where the application is filed.",
    "issuer": "Who issues it.",
    "duration": "How long it takes.",
    "fee": "What it costs.",
    "legal_basis": "The law behind it.",
}
"""What translators are told of a guide's fields."""
_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")


class CatalogueError(ValueError):
    """Texts that cannot be read, sources or catalogues; the message names file, line and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """One English text where it is written."""

    id: str
    text: str
    file: Path
    line: int
    comment: str  # for translators


Sources = Mapping[str, Source]


def is_id(text: str) -> bool:
    """Whether a text may be called so."""
    return _ID.fullmatch(text) is not None


def guide_text_id(procedure: str, field: str, country: str | None = None) -> str:
    """The id of one text of the guide; `country` (ISO code) for the field `remark`."""
    name = f"{GUIDE}_{procedure}_{field}"
    return f"{name}_{country.lower()}" if country else name


def guide_ids(procedure: str, countries: Iterable[str]) -> tuple[str, ...]:
    """All texts of a procedure that has remarks for these countries."""
    fields = (guide_text_id(procedure, field) for field in GUIDE_FIELDS)
    return (*fields, *(guide_text_id(procedure, "remark", country) for country in countries))


def load(site: Path) -> Sources:
    """All texts of a site's folder by id, in the order of their files; none where its catalogues alone have them.

    CatalogueError: a file cannot be read, an id is wrong or there twice, a text is none.
    """
    found, errors = examine(site)
    if errors:
        raise errors[0]
    return found


def examine(site: Path) -> tuple[Sources, list[CatalogueError]]:
    """What can be read of it, and what is wrong with the rest: the first mistake of each file."""
    found: dict[str, Source] = {}
    errors: list[CatalogueError] = []
    for file in (site / "flow.yaml", site / "texts.yaml", *sorted((site / GUIDE).glob("*.yaml"))):
        if not file.exists():
            continue
        try:
            _gather(file, found)
        except CatalogueError as error:
            errors.append(error)
    return found, errors


def _gather(file: Path, found: dict[str, Source]) -> None:
    try:
        content = site_files.content(file)
    except OSError as error:
        raise CatalogueError(f"{file}: {error.strerror}; make it readable") from None
    for source in _read(file, content):
        first = found.setdefault(source.id, source)
        if first is not source:
            where = f"{first.file}, line {first.line}"
            raise CatalogueError(f"{file}:{source.line}: the text {source.id} is in {where}, too; take one out")


def extract(
    fileobj: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, object]
) -> Iterator[tuple[int, str, tuple[str, str], list[str]]]:
    """What pybabel asks of an extractor: line, function, (context, text), comments."""
    for source in _read(Path(fileobj.name), fileobj.read()):
        yield source.line, "pgettext", (source.id, source.text), [source.comment] if source.comment else []


def _read(file: Path, content: bytes) -> Iterator[Source]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CatalogueError(f"{file}:{line}: this is not UTF-8; save the file as UTF-8") from None
    try:
        top = compose(text)
    except yaml.YAMLError as error:
        line, what = refusal(error, text)
        raise CatalogueError(f"{file}:{line}: {what}") from None
    page = _Page(file, text.splitlines())
    if file.parent.name == GUIDE:
        return page.guide(page.mapping(top, "a procedure of the guide"))
    texts = page.mapping(top, "texts").get("texts")
    return page.texts(page.mapping(texts.value, "texts")) if texts else iter(())


@dataclass(frozen=True, slots=True)
class _Named:
    """A value and the line of its name."""

    line: int
    value: yaml.Node


@dataclass(frozen=True, slots=True)
class _Page:
    """A file in hand, so that whatever is wrong has its line."""

    file: Path
    lines: list[str]

    def texts(self, named: Mapping[str, _Named]) -> Iterator[Source]:
        for name, each in named.items():
            yield self.source(name, each)

    def guide(self, named: Mapping[str, _Named]) -> Iterator[Source]:
        procedure = self.file.stem
        for field in GUIDE_FIELDS:
            if field in named:
                yield self.source(guide_text_id(procedure, field), named[field], _ABOUT[field])
        if "remarks" not in named:
            return
        for country, each in self.mapping(named["remarks"].value, "remarks").items():
            if not _COUNTRY.fullmatch(country):
                raise self.error(each.line, f"{country[:60]} is no country; write its ISO code, as in FR")
            about = f"What is special for callers from {country}."
            yield self.source(guide_text_id(procedure, "remark", country), each, about)

    def source(self, name: str, each: _Named, about: str = "") -> Source:
        if not is_id(name):
            raise self.error(each.line, f"{name[:60]} is no id of a text; name it as main_file")
        if not isinstance(each.value, yaml.ScalarNode) or each.value.tag != STRING:
            raise self.error(each.line, f'{name} is no text; write it in English, between two " if it is one word')
        text = " ".join(each.value.value.split())
        if not text:
            raise self.error(each.line, f"{name} is empty; write its English text")
        return Source(name, text, self.file, each.line, " ".join(filter(None, (about, self.comment(each.line)))))

    def comment(self, line: int) -> str:
        """The comment directly above a line."""
        above: list[str] = []
        for text in reversed(self.lines[: line - 1]):
            if not text.lstrip().startswith("#"):
                break
            above.insert(0, text.strip().lstrip("#").strip())
        return " ".join(filter(None, above))

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, _Named]:
        if not isinstance(node, yaml.MappingNode):
            line = node.start_mark.line + 1 if node else 1
            raise self.error(line, f"this is no list of names for {what}; write `name: text`, one a line")
        found: dict[str, _Named] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != STRING:
                name = str(key.value)[:60]
                raise self.error(line, f'YAML does not read {name} as a name (NO, for Norway, is "no"); write "{name}"')
            if key.value in found:
                raise self.error(line, f"{key.value} is there twice (line {found[key.value].line}); take one out")
            found[key.value] = _Named(line, value)
        return found

    def error(self, line: int, what: str) -> CatalogueError:
        return CatalogueError(f"{self.file}:{line}: {what}")
