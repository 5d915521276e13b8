"""The English source texts of a site: `texts.yaml`, the section `texts:` of `flow.yaml`, and `guide/`.

pybabel extracts them with `extract` (entry point `babel.extractors`), and the check compares the English catalogue with
them. A comment directly above a text is passed on to the translators.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from prompts import site_files
from prompts.yaml_places import STRING, compose, refusal
from wire.errors import UserError

GUIDE = "guide"
"""The folder with one file per procedure."""
GUIDE_FIELDS = ("title", "documents", "fee", "duration", "where", "issuer", "legal_basis")
"""The fields of a procedure that are spoken, in the order in which callers hear them."""

_ABOUT = {
    "title": "An option of a menu; press_N follows.",
    "documents": "What has to be brought.",
    "fee": "What it costs.",
    "duration": "How long it takes, and how long it is valid.",
    "where": "Where the application is filed.",
    "issuer": "Who issues it; only callers who ask for the law hear it.",
    "legal_basis": "The law behind it; only callers who ask for it hear it.",
}
"""Comments for translators on a guide's fields."""
_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")


class CatalogueError(UserError, ValueError):
    """Sources or catalogues that cannot be read; the message names file, line and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """One English text and where it is defined."""

    id: str
    text: str
    file: Path
    line: int
    comment: str  # for translators


Sources = Mapping[str, Source]


def is_id(text: str) -> bool:
    """Return whether the string is a valid text id."""
    return _ID.fullmatch(text) is not None


def guide_text_id(procedure: str, field: str, country: str | None = None) -> str:
    """Return the id of one text of the guide; `country` (ISO code) is for the field `remark`."""
    name = f"{GUIDE}_{procedure}_{field}"
    return f"{name}_{country.lower()}" if country else name


def guide_part_ids(text_id: str, parts: int | None) -> tuple[str, ...]:
    """Return the ids of a field's texts: `text_id`, or numbered from 1 if the field is a list of `parts` texts."""
    return (text_id,) if parts is None else tuple(f"{text_id}_{part}" for part in range(1, parts + 1))


def guide_steps(sources: Sources) -> Collection[str]:
    """Return the ids of what callers hear of a procedure once they have chosen it by its title: most of all audio."""
    return {
        source.id
        for source in sources.values()
        if source.file.parent.name == GUIDE and not source.id.endswith("_title")
    }


def load(site: Path) -> Sources:
    """Return all source texts of a site by id, in the order of their files; empty if only the catalogues have texts.

    Raises:
        CatalogueError: A file cannot be read, an id is invalid or defined twice, or a value is not a text.
    """
    found, errors = examine(site)
    if errors:
        raise errors[0]
    return found


def examine(site: Path) -> tuple[Sources, list[CatalogueError]]:
    """Return the readable source texts, and the first error of each faulty file."""
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
            raise CatalogueError(f"{file}:{source.line}: the text {source.id} is also in {where}; remove one")


def extract(
    fileobj: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, object]
) -> Iterator[tuple[int, str, tuple[str, str], list[str]]]:
    """Extract messages for pybabel: line, function, (context, text), comments."""
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
class _Value:
    """A value and the line of its name."""

    line: int
    value: yaml.Node


@dataclass(frozen=True, slots=True)
class _Page:
    """A file being read; its errors name the line."""

    file: Path
    lines: list[str]

    def texts(self, named: Mapping[str, _Value]) -> Iterator[Source]:
        for name, value in named.items():
            yield self.source(name, value)

    def guide(self, named: Mapping[str, _Value]) -> Iterator[Source]:
        procedure = self.file.stem
        for field in GUIDE_FIELDS:
            if field in named:
                yield from self.parts(guide_text_id(procedure, field), named[field], _ABOUT[field])
        if "remarks" not in named:
            return
        for country, remark in self.mapping(named["remarks"].value, "remarks").items():
            if not _COUNTRY.fullmatch(country):
                raise self.error(remark.line, f"{country[:60]} is not a country; write its ISO code, for example FR")
            about = f"What is special for callers from {country}."
            yield from self.parts(guide_text_id(procedure, "remark", country), remark, about)

    def parts(self, name: str, found: _Value, about: str) -> Iterator[Source]:
        """Yield a field of the guide: one text, or a list of texts that are heard one after the other."""
        if not isinstance(found.value, yaml.SequenceNode):
            yield self.source(name, found, about)
            return
        parts = found.value.value
        for part_id, part in zip(guide_part_ids(name, len(parts)), parts, strict=True):
            yield self.source(part_id, _Value(part.start_mark.line + 1, part), about)

    def source(self, name: str, found: _Value, about: str = "") -> Source:
        if not is_id(name):
            raise self.error(found.line, f"{name[:60]} is not a text id; name it like main_file")
        if not isinstance(found.value, yaml.ScalarNode) or found.value.tag != STRING:
            raise self.error(found.line, f'{name} is not a text; write it in English, between two " if it is one word')
        text = " ".join(found.value.value.split())
        if not text:
            raise self.error(found.line, f"{name} is empty; write its English text")
        return Source(name, text, self.file, found.line, " ".join(filter(None, (about, self.comment(found.line)))))

    def comment(self, line: int) -> str:
        """Return the comment directly above a line."""
        above: list[str] = []
        for text in reversed(self.lines[: line - 1]):
            if not text.lstrip().startswith("#"):
                break
            above.insert(0, text.strip().lstrip("#").strip())
        return " ".join(filter(None, above))

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, _Value]:
        if not isinstance(node, yaml.MappingNode):
            line = node.start_mark.line + 1 if node else 1
            raise self.error(line, f"expected {what} as a mapping; write `name: text`, one per line")
        found: dict[str, _Value] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != STRING:
                name = str(key.value)[:60]
                raise self.error(line, f'YAML does not read {name} as a name (NO, for Norway, is "no"); write "{name}"')
            if key.value in found:
                raise self.error(line, f"{key.value} is defined twice (line {found[key.value].line}); remove one")
            found[key.value] = _Value(line, value)
        return found

    def error(self, line: int, what: str) -> CatalogueError:
        return CatalogueError(f"{self.file}:{line}: {what}")
